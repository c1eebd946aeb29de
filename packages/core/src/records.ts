// What is recorded of a run, as it is written and as it is read back.
import type { Encoded } from './codec.js';
import type { Instant } from './lease.js';

/** What `runs` stores; `pending`, `running` and `waiting` are derived for those that are `live`. */
export type StoredStatus = 'live' | 'parked' | 'completed' | 'failed' | 'cancelled';

/** Where a run stands, as shown to people. */
export type RunStatus = 'pending' | 'running' | 'waiting' | 'parked' | 'completed' | 'failed' | 'cancelled';

/** Answer to one NewRun: what was created, or what stood there before. */
export type StartAnswer =
  | { readonly kind: 'created'; readonly epoch: number; readonly at: Instant }
  | { readonly kind: 'exists'; readonly workflow: string }
  /** A stranger's open transaction holds the same id; ask again. */
  | { readonly kind: 'busy' }
  /** The database refuses a value in it; nothing was written. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * What kind of call an entry answers. `cancel` and `timeout` are answers to none, but what befell the run;
 * `patch` is a mark that new code was taken at that place.
 */
export type CallKind = 'step' | 'transaction' | 'sleep' | 'signal' | 'event' | 'callback' | 'token'
  | 'child' | 'start' | 'result' | 'send' | 'set' | 'cancel' | 'timeout' | 'patch';

/** One recorded answer. */
export interface Entry {
  readonly place: string;
  readonly position: number;
  readonly kind: CallKind;
  readonly name: string;
  /** `value` when the call was answered with a value, `error` when it failed. */
  readonly value: Encoded;
  readonly error: string | null;
  /** The attempt that answered; of a wait: 1 if what it waited for came, 0 if its time was up. */
  readonly attempt: number;
  /** How long the answering attempt took. */
  readonly tookMs: number;
  /** The id of the message that it takes from the inbox, or null (mail.ts, L2). */
  readonly message: string | null;
}

/** A recorded answer as read back: `at` is when the database recorded it. */
export interface RecordedEntry extends Entry {
  readonly at: Instant;
}

/**
 * A call that outlives its turn: written when the run first rests on it, changed by attempts, gone when
 * answered.
 */
export interface PendingCall {
  readonly place: string;
  readonly kind: CallKind;
  readonly name: string;
  /** Attempts that failed so far; the next one is this plus one. */
  readonly attempt: number;
  /** The error of the last attempt, encoded. */
  readonly error: string | null;
  /** What the last attempt told of its progress, or null. */
  readonly progress: Encoded | null;
}

/**
 * A pending call to write. It is due after `delayMs`, or at the caller's instant `atMs`; never, if both are
 * null: something else than a clock will answer it.
 */
export interface NewPendingCall extends PendingCall {
  readonly delayMs: number | null;
  readonly atMs: number | null;
  /** Its last chance, from now; null leaves what is recorded. */
  readonly deadlineMs: number | null;
}

/** A pending call as read back. `dueAt` is Infinity for what no clock can wake. */
export interface RecordedCall extends PendingCall {
  readonly dueAt: Instant;
  readonly deadlineAt: Instant | null;
}

/** A piece of a progress stream. */
export interface Chunk {
  readonly stream: string;
  /** From 0 up, without a hole, in each stream of a generation. */
  readonly seq: number;
  /** The place of the step that wrote it; '' for the workflow function itself. */
  readonly source: string;
  readonly value: Encoded;
}

/** A chunk as read back. */
export interface RecordedChunk extends Chunk {
  readonly at: Instant;
}

/** How far a stream of a run has come. */
export interface StreamHead {
  readonly stream: string;
  /** How many chunks it has, and how many of these the workflow function wrote. */
  readonly count: number;
  readonly fromWorkflow: number;
}

/** A run as clients see it. */
export interface RunRecord {
  readonly id: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly generation: number;
  readonly output: Encoded;
  /** The encoded error of a failed, cancelled or parked run. */
  readonly error: string | null;
  /** Reason code of a parked run. */
  readonly reason: string | null;
}
