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
import type { Attributes, AttributeValue, Instant, Lease, NewRun } from './lease.js';
import type { MailStore, SendStore } from './mail.js';
import type { OperatorStore } from './operations.js';
import type {
  Chunk, Entry, NewPendingCall, RecordedCall, RecordedChunk, RecordedEntry, RunRecord, RunStatus,
  StartAnswer, StreamHead,
} from './records.js';

export type { Attributes, AttributeValue, BirthLease, Instant, Lease, NewRun } from './lease.js';
export type {
  CallKind, Chunk, Entry, NewPendingCall, PendingCall, RecordedCall, RecordedChunk, RecordedEntry, RunRecord,
  RunStatus, StartAnswer, StoredStatus, StreamHead,
} from './records.js';

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
  /** Never claimed before, and nothing came for it: it has no journal, no calls and no mail. */
  readonly fresh: boolean;
  /** Whether others may wait for its end, or it has children: they hear of it from a carrier. */
  readonly tied: boolean;
  /** Never claimed before, whatever came for it. */
  readonly first: boolean;
  readonly workflow: string;
  readonly version: string | null;
  readonly queue: string;
  readonly input: Encoded;
  readonly createdAt: Instant;
  readonly firstClaimedAt: Instant;
  /** Claims in a row that ended by lease expiry, and how many of these were in quarantine. */
  readonly strikes: number;
  readonly soloStrikes: number;
  /** Longest time from its first claim to its end, or null. */
  readonly timeoutMs: number | null;
  readonly headers: Readonly<Record<string, string>>;
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

/** Which chunks to read: at most `limit`, from number `from` on. */
export interface ChunkRange {
  readonly runId: string;
  /** The present one if left out. */
  readonly generation?: number | undefined;
  readonly stream: string;
  readonly from: number;
  readonly limit: number;
}

/** Everything that a run has recorded in its present generation. */
export interface History {
  readonly entries: readonly RecordedEntry[];
  readonly calls: readonly RecordedCall[];
  readonly streams: readonly StreamHead[];
}

/** What a turn's write does to the run beside recording. */
export type TurnEnd =
  | { readonly kind: 'settle'; readonly status: 'completed' | 'failed' | 'cancelled';
      readonly output: Encoded; readonly error: string | null;
      /** The run started or watched children: they, or it, are to hear of its end. */
      readonly tied: boolean }
  | { readonly kind: 'park'; readonly reason: string; readonly error: string }
  /**
   * Begins the next generation with another input, without a version, due at once. Mail stays in the inbox;
   * pending calls of this generation go. As of a rest, the epoch it writes is later. `returned`: signals,
   * and a cancel, that entries before this write took and that no code has seen; they lie in the inbox again,
   * where they stood.
   */
  | { readonly kind: 'continue'; readonly input: Encoded; readonly returned?: readonly string[] | undefined }
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
  /** Places whose pending call is answered or withdrawn: their rows go, and their subscriptions. */
  readonly closed: readonly string[];
  readonly end: TurnEnd | null;
  /** What most writes do not have. */
  readonly more: TurnExtras | null;
}

/** What a run shows to the outside, written with its answers. */
export interface TurnExtras {
  /** Attributes to set; null deletes one. Of two of a name the later holds. */
  readonly attributes: ReadonlyArray<{ readonly name: string; readonly value: AttributeValue | null }>;
  /** Chunks to append; one that is there is an earlier sending of the same. */
  readonly chunks: readonly Chunk[];
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

/** What runs are looked for by; all that is given must hold. */
export interface RunQuery {
  /** The run of this id alone. */
  readonly id?: string | undefined;
  readonly workflow: string | null;
  readonly status: readonly RunStatus[] | null;
  readonly attributes: Attributes;
  readonly queue?: string | undefined;
  readonly version?: string | undefined;
  /** Reason code of parked runs. */
  readonly reason?: string | undefined;
  /** Children that this run started. */
  readonly parent?: string | undefined;
  /** Created at or after, and before, these instants of the caller's (milliseconds since 1970). */
  readonly createdFromMs?: number | undefined;
  readonly createdToMs?: number | undefined;
  /** Runs whose ids come after this one; null from the beginning. */
  readonly after: string | null;
  readonly limit: number;
}

/** A run as lists show it. */
export interface RunListed {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly version: string | null;
  readonly generation: number;
  /** Reason code of a parked run. */
  readonly reason: string | null;
  readonly status: RunStatus;
  readonly createdAt: Instant;
  readonly settledAt: Instant | null;
  readonly attributes: Attributes;
}

/** The verbs that run inside a caller's transaction as well as on the engine's own connections. */
export interface StartStore extends SendStore {
  /**
   * Creates runs; one answer each, in order. Inside a caller's transaction errors pass through unchanged, and
   * who meets an id that a stranger's open transaction holds waits for its end.
   */
  startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]>;
}

/**
 * The port. Implementations throw DatabaseUnavailableError when an answer is not known, and only then; the
 * caller sends the same again (P3).
 */
export interface Store extends StartStore, MailStore, OperatorStore {
  /** The runs of these ids that exist, in any order. */
  readRuns(ids: readonly string[]): Promise<readonly RunRecord[]>;
  /** Runs in the order of their ids. */
  queryRuns(query: RunQuery): Promise<readonly RunListed[]>;
  /** Chunks of a stream of one generation of a run, in order. */
  readChunks(range: ChunkRange): Promise<readonly RecordedChunk[]>;
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
