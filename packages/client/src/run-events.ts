// Tells what happened to a run, from its record, and goes on as it happens.
//
//   U1. Whether the run has ended is known before the read that finds nothing more: no answer is missed.
import { DatabaseUnavailableError, type RunStatus } from '@perdure/core';
import {
  checkName, decodeError, type CallKind, type RecordedEntry, type RunDetail, type RunRecord, type Store,
} from '@perdure/core/engine';
import { Ear } from './ear.js';
import { checkWatched, givenOptions } from './given.js';
import type { Opening } from './parts.js';
import { dateOf } from './run-details.js';

const page = 100;

/** When to stop. */
export interface EventsOptions {
  abortSignal?: AbortSignal | undefined;
}

/**
 * What happened: the run was created; a generation of it was begun by a worker; a call was answered (its
 * kind), or something befell the run ('cancel', 'timeout'); it was parked, or has ended.
 */
export type RunEventType = 'created' | 'started' | Exclude<CallKind, 'patch'>
  | 'parked' | 'completed' | 'failed' | 'cancelled';

/** One thing that happened to a run. */
export interface RunEvent {
  readonly type: RunEventType;
  /** When it was recorded, by the database's clock. */
  readonly at: Date;
  readonly generation: number;
  /** The name of the call that was answered, and its place in the code. */
  readonly step?: string;
  readonly place?: string;
  /** The attempt that answered; of a wait 1 if something came, 0 if its time was up. */
  readonly attempt?: number;
  /** How long that attempt took. */
  readonly tookMs?: number;
  /** What the call threw, or what the run failed with, was cancelled or parked for. */
  readonly error?: Error;
}

/** Reads what happens to a run; see `RunHandle.events`. Throws INVALID_OPTION at once. */
export function readEvents(
  opening: Opening, runId: string, given: EventsOptions | undefined,
): AsyncGenerator<RunEvent, void> {
  checkName(runId, 'the id of a run');
  const options = givenOptions(given, 'events');
  checkWatched(options);
  return eventsOf(opening, runId, options.abortSignal);
}

async function* eventsOf(
  opening: Opening, runId: string, abortSignal: AbortSignal | undefined,
): AsyncGenerator<RunEvent, void> {
  const parts = await opening.open();
  const ear = new Ear(opening.env, parts, { runId, abortSignal });
  const tail = new Tail(parts.connection.store, runId);
  try {
    for (;;) {
      ear.throwIfOver();
      const { end } = ear;
      const events = await unlessAway(() => tail.next());
      for (const event of events ?? []) {
        yield event;
        ear.throwIfOver();
      }
      if (tail.over) return;
      if (events !== null && !tail.known && end instanceof Error) throw end;
      if (events === null || events.length === 0) await ear.pause(false);
    }
  } finally {
    ear.close();
  }
}

// Null while the database is away: whoever reads has a way to stop of its own.
async function unlessAway<Result>(ask: () => Promise<Result>): Promise<Result | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof DatabaseUnavailableError) return null;
    throw error;
  }
}

const ended: ReadonlySet<RunStatus> = new Set(['parked', 'completed', 'failed', 'cancelled']);

/** How far one reader has come. */
class Tail {
  /** Whether the run was ever found. */
  known = false;
  /** Whether its end was told. */
  over = false;
  readonly #store: Store;
  readonly #runId: string;
  #generation = 0;
  #after = -1;
  #begun = false;

  constructor(store: Store, runId: string) {
    this.#store = store;
    this.#runId = runId;
  }

  /** What happened since; nothing is counted as told unless all of it could be read. */
  async next(): Promise<readonly RunEvent[]> {
    const [run] = await this.#store.readRuns([this.#runId]);
    // What was deleted while it was read has ended, however that was.
    if (run === undefined) this.over = this.known;
    if (run === undefined) return [];
    if (this.#generation !== 0 && run.generation > this.#generation) return this.#moveOn(run);
    const detail = this.#begun && !ended.has(run.status) ? null : await this.#detail(run);
    const entries = await this.#entries(run.generation);
    const events = [...this.#beginning(run, detail), ...answersIn(entries, run.generation)];
    this.known = true;
    this.#generation = run.generation;
    this.#after = entries.at(-1)?.position ?? this.#after;
    if (entries.length >= page || detail === null || !ended.has(detail.status)) return events;
    this.over = true;
    return [...events, endOf(detail)];
  }

  // The record of the generation before stays to be read.
  async #moveOn({ generation }: RunRecord): Promise<readonly RunEvent[]> {
    const entries = await this.#entries(this.#generation);
    const events = answersIn(entries, this.#generation);
    this.#after = entries.at(-1)?.position ?? this.#after;
    if (entries.length < page) [this.#generation, this.#after, this.#begun] = [generation, -1, false];
    return events;
  }

  // In another generation than the row it is of no use: the next look finds out.
  async #detail({ generation }: RunRecord): Promise<RunDetail | null> {
    const [detail] = await this.#store.readDetails([this.#runId]);
    return detail?.generation === generation ? detail : null;
  }

  #entries(generation: number): Promise<readonly RecordedEntry[]> {
    return this.#store.readEntries({ runId: this.#runId, generation, after: this.#after, limit: page });
  }

  #beginning({ generation }: RunRecord, detail: RunDetail | null): readonly RunEvent[] {
    const events: RunEvent[] = [];
    if (detail === null) return events;
    if (!this.known) events.push({ type: 'created', at: dateOf(detail.createdAt), generation });
    if (this.#begun || detail.startedAt === null) return events;
    this.#begun = true;
    return [...events, { type: 'started', at: dateOf(detail.startedAt), generation }];
  }
}

// A mark of changed code is nothing that happened, and may come later than what follows it.
function answersIn(entries: readonly RecordedEntry[], generation: number): readonly RunEvent[] {
  return entries.filter(({ kind }) => kind !== 'patch').map((entry) => answered(entry, generation));
}

function answered(entry: RecordedEntry, generation: number): RunEvent {
  const { kind, name, place, attempt, tookMs, at, error } = entry;
  const type = kind as RunEventType;
  const event = { type, at: dateOf(at), generation, step: name, place, attempt, tookMs };
  return error === null ? event : { ...event, error: decodeError(error) };
}

function endOf({ status, generation, settledAt, parkedAt, now, error }: RunDetail): RunEvent {
  const at = dateOf((status === 'parked' ? parkedAt : settledAt) ?? now);
  // Only ends have been let through.
  const event = { type: status as RunEventType, at, generation };
  return error === null ? event : { ...event, error: decodeError(error) };
}
