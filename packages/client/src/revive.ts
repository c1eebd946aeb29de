// Begins a run anew, or another with its record: what is read for that, and what is written.
import { PayloadError, WorkflowError } from '@perdure/core';
import {
  checkInput, checkName, encode, priorityOf, toldIfLarge,
  type Encoded, type Fork, type RecordedCall, type RecordedEntry, type Revival, type RunDetail,
  type WorkflowDefinition,
} from '@perdure/core/engine';
import { keptBefore } from './fork-point.js';
import { checkObject, checkText } from './given.js';
import { runNotFound } from './mail.js';
import type { Opening } from './parts.js';
import { findRun } from './query.js';
import { patiently } from './verbs.js';

const page = 1_000;

/** How a run begins anew. */
export interface RetryOptions {
  /**
   * From where: 'failure' (default) keeps its record up to what failed, 'start' nothing; a place such as '2'
   * or '3/a/1', or the name of a call that stands in the record once, keeps what was recorded before it.
   */
  from?: string | undefined;
  /** Another input than the one it has. */
  input?: unknown;
  /**
   * Which version of its workflow runs it; null: whichever claims it first. Default: as before where any of
   * its record is kept, else null.
   */
  version?: string | null | undefined;
}

/** How a new run begins with the record of another. */
export interface ForkOptions extends RetryOptions {
  from: string;
  /** The id of the new run. Default: a new ULID. A run of this id and workflow that exists is given back. */
  id?: string | undefined;
  /** Default: that of the run it is made from. */
  queue?: string | undefined;
  /** From -2 to 2. Default: that of the run it is made from. */
  priority?: number | undefined;
}

/** How a parked run goes on. */
export interface ResumeOptions {
  /**
   * Which version of its workflow runs it from now on; null: whichever claims it first. Default: as before.
   */
  version?: string | null | undefined;
}

/** Of a run, what beginning anew needs. */
export interface Source {
  readonly id: string;
  readonly generation: number;
  readonly version: string | null;
  readonly error: string | null;
  readonly calls: readonly RecordedCall[];
}

/** Throws for what no run begins anew with. */
export function checkRetry({ from, version }: RetryOptions): void {
  if (from !== undefined) checkText(from, 'from');
  checkVersion(version);
}

/** Throws for what no run is forked with. */
export function checkFork(sourceId: string, given: ForkOptions): void {
  checkObject(given, 'What fork is given');
  const { from, id, queue, priority } = given;
  checkText(from, 'from');
  checkRetry(given);
  if (queue !== undefined) checkName(queue, 'the queue of a fork');
  priorityOf(priority);
  if (id !== undefined) checkName(id, 'the id of a run');
  if (id !== sourceId) return;
  throw new WorkflowError('INVALID_OPTION', `A fork of run '${id}' needs another id. To begin this run ` +
    'anew, use retry.', { runId: id });
}

/** Throws INVALID_NAME for what can be no version. */
export function checkVersion(version: string | null | undefined): void {
  if (version !== undefined && version !== null) checkName(version, 'the version of a run');
}

/** Everything that is recorded of a run but its entries. Throws RUN_NOT_FOUND. */
export async function readDetail(opening: Opening, runId: string): Promise<RunDetail> {
  const { connection } = await opening.open();
  const [detail] = await patiently(opening, () => connection.store.readDetails([runId]));
  if (detail === undefined) throw runNotFound(runId);
  return detail;
}

/** All answers that a generation of a run recorded, in the order of delivery. */
export async function readRecord(
  opening: Opening, { id, generation }: Pick<Source, 'id' | 'generation'>,
): Promise<readonly RecordedEntry[]> {
  const { connection: { store } } = await opening.open();
  const entries: RecordedEntry[] = [];
  for (;;) {
    const range = { runId: id, generation, after: entries.at(-1)?.position ?? -1, limit: page };
    const found = await patiently(opening, () => store.readEntries(range));
    entries.push(...found);
    if (found.length < page) return entries;
  }
}

/** What a run begins anew with. Throws FORK_UNKNOWN, FORK_AMBIGUOUS, and what a bad input gives. */
export async function revivalOf(
  opening: Opening, source: Source, options: RetryOptions & { definition?: WorkflowDefinition | null },
): Promise<Revival> {
  const { input, definition = null } = options;
  const encoded = input === undefined ? null : await inputOf(source.id, definition, input);
  const entries = await keptOf(opening, source, options.from ?? 'failure');
  const { id: runId, generation } = source;
  return { runId, generation, entries, input: encoded, version: versionOf(source, entries, options) };
}

/** A new run with a part of the record of `detail`. Throws as `revivalOf`, and what bad options give. */
export async function forkOf(
  opening: Opening, detail: RunDetail, options: ForkOptions & { definition: WorkflowDefinition | null },
): Promise<Fork> {
  const { id = opening.env.newId(), queue, priority, input, definition } = options;
  const changed = input === undefined ? null : await inputOf(detail.id, definition, input);
  if (changed === null) demandReadable(detail.id, detail.input);
  const entries = await keptOf(opening, detail, options.from);
  const shown = await findRun(opening, detail.id);
  const { workflow, headers, timeoutMs, generation } = detail;
  return {
    run: {
      id, workflow, headers, queue: queue ?? detail.queue, input: changed ?? detail.input,
      timeoutMs: timeoutMs ?? undefined, priority: priorityOf(priority) ?? detail.priority,
      attributes: shown?.attributes,
    },
    generation: generation + 1, entries, version: versionOf(detail, entries, options),
  };
}

async function keptOf(opening: Opening, source: Source, from: string): Promise<readonly RecordedEntry[]> {
  if (from === 'start') return [];
  const { id: runId, calls, error } = source;
  const kept = keptBefore({ runId, error, entries: await readRecord(opening, source), calls }, from);
  for (const { value } of kept) demandReadable(runId, value);
  return kept;
}

// What cannot be opened is bound to the place where it is stored: elsewhere nobody could ever open it.
function demandReadable(runId: string, { unopened }: Encoded): void {
  if (unopened === undefined) return;
  throw new PayloadError('VALUE_UNREADABLE', `Run '${runId}' has a stored value that cannot be opened ` +
    `here: ${unopened.message}`, '', { runId, cause: unopened });
}

function versionOf(
  source: Source, entries: readonly RecordedEntry[], { version }: RetryOptions,
): string | null {
  if (version !== undefined) return version;
  return entries.length === 0 ? null : source.version;
}

async function inputOf(
  runId: string, definition: WorkflowDefinition | null, input: unknown,
): Promise<Encoded> {
  const checked = definition === null ? null : await checkInput(definition, input);
  if (checked !== null && !checked.ok) throw checked.error;
  return toldIfLarge(encode(input, `the input of run '${runId}'`), runId, 'the input');
}
