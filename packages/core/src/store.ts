// The Store port: the one door between the engine and a database. Nothing in it says which database.
//
//   P1. Durations cross the port and become instants on the database's clock. Instants that come back are
//       microseconds since 1970 by that clock; they may be compared with each other and with nothing else.
//       A caller's own instants (`startAt`, `sleepUntil`) cross as they are and are compared in the database.
//   P2. Every write by a worker names the lease it relies on; where the epoch has moved on, nothing is
//       written.
//   P3. Everything may be sent twice: starts by run id, entries by place, ends by epoch, claims by claim id.
//   P4. A batch promises nothing across runs: each item is all or nothing by itself and has its own answer.
//   P5. No policy crosses: retries, delays and outcomes arrive decided.
//   P6. What the engine asks about is a column; what it only carries is text with a codec tag.
import type { Encoded } from './codec.js';

/** Microseconds since 1970 by the database's clock (P1). */
export type Instant = number;

/** What `runs` stores; `pending`, `running` and `waiting` are derived for those that are `live`. */
export type StoredStatus = 'live' | 'parked' | 'completed' | 'failed' | 'cancelled';

/** Where a run stands, as shown to people. */
export type RunStatus = 'pending' | 'running' | 'waiting' | 'parked' | 'completed' | 'failed' | 'cancelled';

/** The lease that a run is born with. */
export interface BirthLease {
  readonly claimId: string;
  readonly leaseMs: number;
  /** The version that is stamped on the run. */
  readonly version: string | null;
}

/** A run to be created. The id is its idempotency key: an existing run of that id is left as it is. */
export interface NewRun {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly input: Encoded;
  /** Not claimed before this long after the start. */
  readonly delayMs?: number | undefined;
  /** Not claimed before this instant of the caller's (milliseconds since 1970). */
  readonly startAtMs?: number | undefined;
  /** Born leased to this process: the run begins as if it had just been claimed under `claimId`. */
  readonly lease?: BirthLease | undefined;
}

/** Answer to one NewRun: what was created, or what stood there before. */
export type StartAnswer =
  | { readonly kind: 'created'; readonly epoch: number; readonly at: Instant }
  | { readonly kind: 'exists'; readonly workflow: string }
  /** A stranger's open transaction holds the same id; ask again. */
  | { readonly kind: 'busy' }
  /** The database refuses a value in it; nothing was written. */
  | { readonly kind: 'refused'; readonly why: string };

/** A run's identity in every table, and the ownership that a write relies on. */
export interface Lease {
  readonly runId: string;
  readonly part: number;
  readonly generation: number;
  readonly epoch: number;
}

/** A kind of runs that a worker serves. `version` null: runs that no version was stamped on yet. */
export interface Served {
  readonly queue: string;
  readonly workflow: string;
  readonly version: string | null;
  /** Stamped on a run at its first claim; null leaves it unversioned. */
  readonly stamp: string | null;
}

/** A wish for runs. What it got under its claim id can be recalled (P3). */
export interface ClaimRequest {
  readonly claimId: string;
  readonly served: readonly Served[];
  /** Free slots. */
  readonly limit: number;
  /** Whether one run whose last owner vanished may be among them. */
  readonly suspects: boolean;
  readonly leaseMs: number;
  /**
   * Whether runs due long before the last claim are looked for as well; without it the look may be cheaper.
   */
  readonly sweep: boolean;
}

/** A run that a claim made ours. */
export interface ClaimedRun {
  readonly lease: Lease;
  /**
   * The epoch before this claim: a run resting in memory may be continued only from the epoch its rest wrote.
   */
  readonly before: number;
  /** Never claimed before: it has no journal and no calls. */
  readonly fresh: boolean;
  readonly workflow: string;
  readonly version: string | null;
  readonly queue: string;
  readonly input: Encoded;
  readonly createdAt: Instant;
  readonly firstClaimedAt: Instant;
  /** Claims in a row that ended by lease expiry, and how many of these were in quarantine. */
  readonly strikes: number;
  readonly soloStrikes: number;
}

/** Answer to a claim. */
export interface ClaimAnswer {
  readonly runs: readonly ClaimedRun[];
  /** How many runs were found whose owner had vanished, and moved to quarantine: due there at once. */
  readonly moved: number;
  readonly at: Instant;
  /** When the next run that this worker serves is due, if the sweep was asked for and there is one. */
  readonly nextDueAt: Instant | null;
}

/** What kind of call an entry answers. */
export type CallKind = 'step' | 'sleep';

/** One recorded answer. */
export interface Entry {
  readonly place: string;
  readonly position: number;
  readonly kind: CallKind;
  readonly name: string;
  /** `value` when the call was answered with a value, `error` when it failed. */
  readonly value: Encoded;
  readonly error: string | null;
  readonly attempt: number;
  /** How long the answering attempt took. */
  readonly tookMs: number;
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
}

/** A pending call to write. It is due after `delayMs`, or at the caller's instant `atMs`. */
export interface NewPendingCall extends PendingCall {
  readonly delayMs: number | null;
  readonly atMs: number | null;
}

/** A pending call as read back. */
export interface RecordedCall extends PendingCall {
  readonly dueAt: Instant;
}

/** Everything that a run has recorded in its present generation. */
export interface History {
  readonly entries: readonly RecordedEntry[];
  readonly calls: readonly RecordedCall[];
}

/** What a turn's write does to the run beside recording. */
export type TurnEnd =
  | { readonly kind: 'settle'; readonly status: 'completed' | 'failed' | 'cancelled';
      readonly output: Encoded; readonly error: string | null }
  | { readonly kind: 'park'; readonly reason: string; readonly error: string }
  /**
   * Gives the lease back; due again after `wakeInMs` or at `wakeAt`, whichever is first; never, if both are
   * null.
   */
  | { readonly kind: 'rest'; readonly wakeInMs: number | null; readonly wakeAt: Instant | null }
  /**
   * Extends the lease. `quarantine`: 'keep' changes nothing, 'leave' moves a suspect back in line with its
   * strikes, 'absolve' forgets the strikes as well.
   */
  | { readonly kind: 'renew'; readonly leaseMs: number; readonly quarantine: 'keep' | 'leave' | 'absolve' };

/** Everything one run writes in one batch. All of it happens or none of it. */
export interface TurnWrite {
  readonly lease: Lease;
  readonly entries: readonly Entry[];
  readonly calls: readonly NewPendingCall[];
  /** Places whose pending call is answered or withdrawn: their rows go. */
  readonly closed: readonly string[];
  readonly end: TurnEnd | null;
}

/** Answer to one TurnWrite. */
export type TurnAnswer =
  /** Written now, or found written by an earlier sending of the same item. */
  | { readonly kind: 'done' | 'already-done';
      /** When it was written: for a repeated sending, when its entries were first. */
      readonly at: Instant;
      /** After a rest: the epoch it wrote, or null if that is not known. */
      readonly epoch: number | null;
      /** Something happened to the run that its owner should look at. */
      readonly wake: boolean }
  /** Somebody holds the run's row for a moment; send again. */
  | { readonly kind: 'busy' }
  /** The lease is gone: nothing of it is written now, and never will be. */
  | { readonly kind: 'lost' }
  /** The database refuses a value in it; nothing was written. */
  | { readonly kind: 'refused'; readonly why: string };

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

/** The verbs that run inside a caller's transaction as well as on the engine's own connections. */
export interface StartStore {
  /** Creates runs; one answer each, in order. Inside a caller's transaction errors pass through unchanged. */
  startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]>;
}

/**
 * The port. Implementations throw DatabaseUnavailableError when an answer is not known, and only then; the
 * caller sends the same again (P3).
 */
export interface Store extends StartStore {
  /** The runs of these ids that exist, in any order. */
  readRuns(ids: readonly string[]): Promise<readonly RunRecord[]>;
  /** Makes due runs ours: the oldest of each kind first, and no kind always before the others. */
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Runs that an earlier claim under this id made ours although its answer was lost. */
  recall(request: ClaimRequest): Promise<ClaimAnswer>;
  /** What claimed runs recorded, read after their claim; same order. */
  readHistories(leases: readonly Lease[]): Promise<readonly History[]>;
  /** Writes what turns produced: one answer an item, in order (P4). */
  commit(writes: readonly TurnWrite[]): Promise<readonly TurnAnswer[]>;
  /**
   * Makes resting runs due now; a leased run gets its wake flag, which its rest honours. A run that was never
   * claimed is left to its start time.
   */
  wake(ids: readonly string[]): Promise<void>;
}

/** Nothing, encoded: what a call without a value is answered with. */
export const nothing: Encoded = { codec: 'json', text: null };
