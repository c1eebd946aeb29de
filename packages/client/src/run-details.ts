// What is recorded of one run, as people read it. A value that cannot be read in this process stands there as
// the PayloadError that says why: the rest is worth seeing all the same.
import { WorkflowError, type Attributes, type RunStatus } from '@perdure/core';
import {
  decode, decodeError,
  type CallKind, type Encoded, type InboxCount, type Instant, type LineFacts, type RecordedCall,
  type RecordedEntry, type RunDetail,
} from '@perdure/core/engine';

/** One answer of a run's record. */
export interface HistoryEntry {
  /** Where in the code the call was made: '2', or '3/a/1' in a branch. What `from` takes. */
  readonly place: string;
  /**
   * What kind of call it answers; 'cancel' and 'timeout' befell the run, 'patch' is a mark of changed code.
   */
  readonly kind: CallKind;
  readonly name: string;
  /** The order of the answers, over all branches. */
  readonly position: number;
  /** The attempt that answered; of a wait 1 if something came, 0 if its time was up. */
  readonly attempt: number;
  readonly tookMs: number;
  /** When it was recorded, by the database's clock. */
  readonly at: Date;
  readonly value: unknown;
  /** What the call threw, or null. */
  readonly error: Error | null;
}

/** A call that has no answer yet, and outlives the stay of its run with a worker. */
export interface OpenCall {
  readonly place: string;
  readonly kind: CallKind;
  readonly name: string;
  /** Attempts that failed so far, and what the last of them threw. */
  readonly failedAttempts: number;
  readonly error: Error | null;
  /** What the last attempt told of its progress. */
  readonly progress: unknown;
  /** When a clock goes on with it; null if something else must come. */
  readonly dueAt: Date | null;
  /** Its last chance; null where there is none. */
  readonly deadlineAt: Date | null;
}

/** Where a run stands in line that has not ended. */
export interface LinePlace {
  /** When it is due, or its lease ends; null if no clock wakes it. */
  readonly dueAt: Date | null;
  /** A worker has it. */
  readonly leased: boolean;
  /** It was never claimed. */
  readonly fresh: boolean;
  /** Its last worker vanished: it is tried apart. */
  readonly quarantined: boolean;
  /** Claims in a row that ended because the worker vanished. */
  readonly strikes: number;
}

/** Messages that nobody has taken, of one kind and name. */
export interface InboxShown {
  readonly kind: 'signal' | 'event' | 'callback' | 'child' | 'cancel';
  readonly name: string;
  readonly count: number;
}

/** Everything that is recorded of a run but its history. */
export interface RunDetails {
  readonly id: string;
  readonly workflow: string;
  readonly status: RunStatus;
  /** How often it has begun; 1 for a run that was never begun anew. */
  readonly generation: number;
  readonly queue: string;
  readonly version: string | null;
  readonly priority: number;
  /** As it was given to the start, before any schema parsed it. */
  readonly input: unknown;
  readonly output: unknown;
  /** What it failed with, or was cancelled or parked for. */
  readonly error: Error | null;
  /** Reason code of a parked run. */
  readonly reason: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly attributes: Attributes;
  /** The run that started it. */
  readonly parent: string | null;
  readonly timeoutMs: number | null;
  readonly createdAt: Date;
  /** Its first claim in this generation. */
  readonly startedAt: Date | null;
  readonly settledAt: Date | null;
  readonly parkedAt: Date | null;
  /** Null once it has settled or was parked. */
  readonly line: LinePlace | null;
  readonly calls: readonly OpenCall[];
  readonly inbox: readonly InboxShown[];
}

/** The details of a run, from its row and its attributes. */
export function detailsOf(detail: RunDetail, attributes: Attributes): RunDetails {
  const { id, workflow, status, generation, queue, version, priority, reason, headers, timeoutMs } = detail;
  return {
    id, workflow, status, generation, queue, version, priority, reason, headers, timeoutMs, attributes,
    input: readable(detail.input),
    output: readable(detail.output),
    error: errorOf(detail.error),
    parent: detail.parentId,
    createdAt: dateOf(detail.createdAt),
    startedAt: dateOrNull(detail.startedAt),
    settledAt: dateOrNull(detail.settledAt),
    parkedAt: dateOrNull(detail.parkedAt),
    line: detail.line === null ? null : lineOf(detail.line),
    calls: detail.calls.map(openCall),
    inbox: detail.inbox.map(({ kind, name, count }: InboxCount) => ({ kind, name, count })),
  };
}

/** An answer, as people read it. */
export function historyEntry(entry: RecordedEntry): HistoryEntry {
  const { place, kind, name, position, attempt, tookMs, at, value, error } = entry;
  return {
    place, kind, name, position, attempt, tookMs,
    at: dateOf(at), value: readable(value), error: errorOf(error),
  };
}

function lineOf({ dueAt, leased, fresh, quarantined, strikes }: LineFacts): LinePlace {
  return { dueAt: dateOrNull(dueAt), leased, fresh, quarantined, strikes };
}

function openCall(call: RecordedCall): OpenCall {
  const { place, kind, name, attempt, error, progress, dueAt, deadlineAt } = call;
  return {
    place, kind, name, failedAttempts: attempt, error: errorOf(error),
    progress: progress === null ? undefined : readable(progress),
    dueAt: dateOrNull(dueAt), deadlineAt: dateOrNull(deadlineAt),
  };
}

function readable(encoded: Encoded): unknown {
  try {
    return decode(encoded);
  } catch (error) {
    if (error instanceof WorkflowError) return error;
    throw error;
  }
}

function errorOf(error: string | null): Error | null {
  return error === null ? null : decodeError(error);
}

/** An instant of the database, to the millisecond. */
export function dateOf(at: Instant): Date {
  return new Date(at / 1_000);
}

function dateOrNull(at: Instant | null): Date | null {
  return at === null || at === Infinity ? null : dateOf(at);
}
