// Starts many runs at once: in a caller's transaction, or in chunks that commit apart.
//
//   B1. Runs are written in the order of their ids: two bulk starts never wait for each other crosswise.
//   B2. Outside of a transaction no more than one chunk is held in memory, however many runs there are.
//   B3. A list with bad input in it starts nothing of its transaction, and nothing of its chunk.
import { WorkflowError, type Workflow } from '@perdure/core';
import type { StartAnswer, StartStore } from '@perdure/core/engine';
import { largestBatch, largestBatchLength, type Gatherer } from './gatherer.js';
import { checkObject, checkWatched, givenOptions, kindOf } from './given.js';
import { KnownRun, type RunRef } from './run-ref.js';
import {
  conflict, prepareStart, startFailure, type PreparedStart, type StartOptions,
} from './start-options.js';

/** One run of many: its input, unless its workflow takes none, and its options. */
export type StartItem<In> =
  StartOptions & ([In] extends [void] ? { input?: undefined } : { input: In });

/** How many runs are started. */
export interface StartManyOptions<Out = unknown, Sig = unknown> {
  /** Called after each chunk, and awaited before the next one. If it throws, so does `startMany`. */
  onProgress?: ((progress: StartProgress<Out, Sig>) => unknown) | undefined;
  /** Ends it before the next chunk, with the reason. Chunks that have committed stay. */
  abortSignal?: AbortSignal | undefined;
}

/** What `startMany` has done. */
export interface StartedMany {
  /** Runs that it created, or began anew. */
  readonly created: number;
  /**
   * Runs that were there; after an answer of the database was lost, those of that chunk that it had created
   * itself under ids of the caller are among them.
   */
  readonly existing: number;
}

/** How far it has come. */
export interface StartProgress<Out = unknown, Sig = unknown> extends StartedMany {
  /** The runs of this chunk, in the order given. */
  readonly refs: readonly RunRef<Out, Sig>[];
}

/** Runs to be started, as the caller gives them. */
export type GivenRuns = Iterable<unknown> | AsyncIterable<unknown>;

/** What a bulk start needs of its client. */
export interface Bulk {
  readonly workflow: Workflow;
  readonly options: StartManyOptions | undefined;
  newId(): string;
  /** Throws where the code that calls may not start a run under this id. */
  check(id: string | undefined): void;
}

/** Starts them in a transaction; the references are in the order given. Throws what `client.start` throws. */
export async function startManyWithin(store: StartStore, bulk: Bulk, runs: GivenRuns): Promise<RunRef[]> {
  const { onProgress, abortSignal } = watched(bulk);
  const starts: PreparedStart[] = [];
  for await (const start of prepared(bulk, runs)) starts.push(start);
  const counts = { created: 0, existing: 0 };
  for (const chunk of chunks(sorted(distinct(starts)))) {
    abortSignal?.throwIfAborted();
    const created = await write(store, chunk);
    counts.created += created;
    counts.existing += chunk.length - created;
    await onProgress?.({ ...counts, refs: chunk.map(refOf) });
  }
  return starts.map(refOf);
}

async function write(store: StartStore, chunk: readonly PreparedStart[]): Promise<number> {
  const answers = await store.startRuns(chunk.map(({ run }) => run));
  const failures = chunk.map((start, at) => startFailure(start, answers[at]));
  const failure = failures.find((each) => each !== null);
  if (failure !== undefined) throw failure;
  return answers.filter(({ kind }) => kind === 'created').length;
}

/** Starts them in chunks, each committed by itself. Throws what `client.start` throws. */
export async function startManyAlone(
  starts: Gatherer<PreparedStart, StartAnswer>, bulk: Bulk, runs: GivenRuns,
): Promise<StartedMany> {
  const { onProgress, abortSignal } = watched(bulk);
  const counts = { created: 0, existing: 0 };
  for await (const chunk of gathered(prepared(bulk, runs))) {
    abortSignal?.throwIfAborted();
    const created = await commit(starts, chunk);
    counts.created += created;
    counts.existing += chunk.length - created;
    await onProgress?.({ ...counts, refs: chunk.map(refOf) });
  }
  return counts;
}

async function commit(
  starts: Gatherer<PreparedStart, StartAnswer>, chunk: readonly PreparedStart[],
): Promise<number> {
  // What is added in one turn of the loop shares its statements. All of it ends before any failure is told.
  const ends = await Promise.allSettled(sorted(chunk).map(async (start) => (
    isNew(start, await starts.add(start)))));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return ends.filter((end) => end.status === 'fulfilled' && end.value).length;
}

// Nobody else has an id that the engine made: such a run exists because it was sent before.
function isNew({ chosen }: PreparedStart, answer: StartAnswer): boolean {
  return answer.kind === 'created' || !chosen;
}

function watched({ options }: Bulk): StartManyOptions {
  const given = givenOptions(options, 'startMany');
  checkWatched(given);
  return given;
}

async function* prepared(bulk: Bulk, runs: GivenRuns): AsyncGenerator<PreparedStart, void> {
  demandIterable(runs);
  let at = 0;
  for await (const item of runs) {
    bulk.options?.abortSignal?.throwIfAborted();
    checkObject(item, `Run ${at} of startMany`);
    const { input, ...options } = item as StartOptions & { input?: unknown };
    bulk.check(options.id);
    yield prepareStart(bulk.workflow, input, { options, newId: () => bulk.newId() });
    at++;
  }
}

function demandIterable(runs: unknown): void {
  const isIterable = typeof runs === 'object' && runs !== null &&
    (Symbol.iterator in runs || Symbol.asyncIterator in runs);
  if (isIterable) return;
  throw new WorkflowError('INVALID_OPTION', `The runs of startMany are ${kindOf(runs)}; give an array, or ` +
    'any other iterable, of { input, id, … }.');
}

async function* gathered(starts: AsyncIterable<PreparedStart>): AsyncGenerator<PreparedStart[], void> {
  let chunk: PreparedStart[] = [];
  let length = 0;
  for await (const start of starts) {
    chunk.push(start);
    length += start.length;
    if (chunk.length < largestBatch && length < largestBatchLength) continue;
    yield chunk;
    chunk = [];
    length = 0;
  }
  if (chunk.length > 0) yield chunk;
}

function* chunks(starts: readonly PreparedStart[]): Generator<readonly PreparedStart[], void> {
  let from = 0;
  let length = 0;
  for (const [at, start] of starts.entries()) {
    if (at - from === largestBatch || length >= largestBatchLength) {
      yield starts.slice(from, at);
      [from, length] = [at, 0];
    }
    length += start.length;
  }
  if (from < starts.length) yield starts.slice(from);
}

// The first of an id counts: the later ones find it there.
function distinct(starts: readonly PreparedStart[]): readonly PreparedStart[] {
  const byId = new Map<string, PreparedStart>();
  for (const start of starts) {
    const { id, workflow } = start.run;
    const error = byId.has(id) ? conflict(start, workflow) : null;
    if (error !== null) throw error;
    if (!byId.has(id)) byId.set(id, start);
  }
  return [...byId.values()];
}

function sorted(starts: readonly PreparedStart[]): readonly PreparedStart[] {
  return [...starts].sort(({ run: one }, { run: other }) => (
    one.id < other.id ? -1 : Number(one.id > other.id)));
}

function refOf({ run, definition }: PreparedStart): RunRef {
  return new KnownRun(run.id, run.workflow, definition);
}
