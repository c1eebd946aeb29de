// What a transactional step needs of two others: the application's library, which opens a transaction, and
// the engine's SQL on it. How the step uses them is transactional-step.ts.
//
//   Y1. A transactor sends nothing in the transaction before its body does: the first statement takes the
//       snapshot, and that has to be the fence.
//   Y2. It commits when the body has returned, and rolls back when it threw. It resolves only if the
//       database committed: PostgreSQL answers the COMMIT of a failed transaction with a rollback and no
//       error.
//   Y3. Once the body has ended, `tx` takes no further statement: what was not awaited must not ride in
//       between the last statement and COMMIT, nor in whatever the connection does next.
import type { SqlRunner } from './ports.js';
import type { Entry, Instant, Lease } from './store.js';

/** How much a transaction sees of what others commit meanwhile. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** The least that the engine needs on the application's transaction: `$1 … $n`, rows as objects. */
export interface TransactionHandle {
  query(text: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** How a transaction is opened. */
export interface TransactorOptions {
  readonly isolationLevel: IsolationLevel;
  /**
   * Fires when nobody waits for the transaction any more, although its body, or its COMMIT, may still be
   * under way. Where the connection can be destroyed, destroy it.
   */
  readonly abandoned: AbortSignal;
}

/**
 * Opens transactions of the application's own library for `ctx.transaction`, which hands `tx` to its
 * function. perdure has `pgTransactor(pool)` and `kyselyTransactor(db)`; write one for another library by
 * the rules above. `handle` runs text on the same transaction. The promise rejects with anything when the
 * body threw, or when BEGIN or COMMIT failed: the engine knows how far the body came, and finds out what
 * became of a COMMIT.
 */
export interface Transactor<Tx = SqlRunner> {
  transaction<T>(
    options: TransactorOptions, body: (tx: Tx, handle: TransactionHandle) => Promise<T>): Promise<T>;
}

/** What the engine writes on a transaction of a step. Errors of the database pass through unchanged. */
export interface StepTransaction {
  /**
   * Limits the transaction to `limitMs`, and holds the run's row: while it is held nobody takes, renews or
   * rests the run. 'busy': somebody else holds it for a moment.
   */
  fence(limitMs: number): Promise<'held' | 'busy' | 'lost'>;
  /**
   * Records the answer: the last statement before COMMIT. Null when the transaction that the fence was in has
   * ended before, or the answer is recorded already.
   */
  record(entry: Entry): Promise<Instant | null>;
}

/**
 * What an error of the database says. `conflict`: undone, and tried again whole it may go well. `undone`: the
 * transaction is certainly undone. `refused`: that too, because of a value. `unknown`: nothing is certain.
 */
export type TransactionVerdict = 'conflict' | 'undone' | 'refused' | 'unknown';

/** The engine's side of transactional steps on one database. */
export interface StepTransactions {
  /** The two statements for a lease, on a transaction that a transactor has opened. */
  on(handle: TransactionHandle, lease: Lease): StepTransaction;
  /** Judges what a library threw, also where it wrapped the driver's error as `cause`. */
  judge(error: unknown): TransactionVerdict;
}
