// A Connection is everything that a client and a worker need of a database, made by `connect()`.
import type { Encoded } from './codec.js';
import type { Continuity } from './continuity.js';
import type { BirthLease, RunRecord, StartStore, Store } from './store.js';
import type { StepTransactions, Transactor } from './transactor.js';

/** What happened in the database, told as a hint. Polling is the truth; hints only shorten waits. */
export interface Hints {
  /** Runs may have become due. */
  onDue(listener: () => void): () => void;
  /**
   * Runs settled: `runs` carries them when this process settled them, and is null when another process did.
   */
  onSettled(listener: (runs: readonly RunRecord[] | null) => void): () => void;
  /** Messages or events may have come, or children may have ended: carriers have something to look for. */
  onMail(listener: () => void): () => void;
  /** This process appended to streams of these runs. Of other processes nobody hears: there are too many. */
  onPublished(listener: (runIds: ReadonlySet<string>) => void): () => void;
  /** Tells this process at once, and all others within milliseconds, that runs became due. */
  due(): void;
  /** The same for runs that this process settled. */
  settled(runs: readonly RunRecord[]): void;
  /** The same for mail. */
  mail(): void;
  /** Tells this process alone. */
  published(runIds: ReadonlySet<string>): void;
  /** Starts listening for what other processes tell; the returned function stops it. */
  listen(): () => void;
}

/** Renews leases from a thread of its own while the main loop is blocked. */
export interface LeaseKeeper {
  /** These leases were just taken; until told otherwise the thread may have to renew them. */
  hold(leases: readonly { readonly runId: string; readonly part: number; readonly epoch: number }[]): void;
  /** Called regularly while the main loop runs: the leases that are still held. */
  beat(held: readonly { readonly runId: string; readonly part: number; readonly epoch: number }[]): void;
  close(): Promise<void>;
}

/** How a lease keeper behaves; all in milliseconds. */
export interface LeaseKeeperOptions {
  readonly leaseMs: number;
  readonly renewMs: number;
  /** A main loop blocked for longer than this loses its runs. */
  readonly loopLimitMs: number;
}

/** Offers to take runs at their birth: made by a worker, asked by a client of the same Connection. */
export interface Adopter {
  /** The lease to give a new run of this workflow and queue, or null when the worker cannot take one now. */
  offer(workflow: string, queue: string): BirthLease | null;
  /** What became of an offer: the run if it was created, or that it was not, or that nobody knows. */
  adopt(claimId: string, run: AdoptedRun | 'nothing' | 'unknown'): void;
}

/** A run that was born leased to this process. */
export interface AdoptedRun {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly version: string | null;
  readonly input: Encoded;
  readonly timeoutMs: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly at: number;
}

/**
 * A database that holds runs. Make one with `connect()`; hand it to clients and workers; close it when all of
 * them are done.
 */
export interface Connection extends AsyncDisposable {
  /** After a restore its verbs go to the database that is there now, those of a lease to none. */
  readonly store: Store;
  readonly continuity: Continuity;
  readonly hints: Hints;
  /** Workers of this process that can take a run at its birth. */
  readonly adopters: Set<Adopter>;
  /**
   * The verbs of the store inside a caller's transaction. Throws NOT_A_TRANSACTION for a pool, a client
   * outside a transaction, or anything else that does not commit as one.
   */
  within(transaction: unknown): Promise<StartStore>;
  /** Opens the transactions of `ctx.transaction` where a worker was given no transactor; null: none can. */
  readonly transactor: Transactor<unknown> | null;
  /** What is written on transactions of steps. */
  readonly stepTransactions: StepTransactions;
  /** Throws WORKER_NEEDS_URL where no connection of its own can be made, as for a bare Kysely instance. */
  keepLeases(options: LeaseKeeperOptions): LeaseKeeper;
  close(): Promise<void>;
}
