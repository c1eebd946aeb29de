// What a store case is, and what it needs of the store under test beside the port itself.
import type { StartStore, Store } from '../store.js';

/**
 * A fresh, empty store, and the hands that a test has on any database. Implement it once for each store, and
 * give every case a world of its own.
 */
export interface StoreWorld {
  readonly store: Store;
  /** Lets this much time of the database pass. Cases ask for few milliseconds only, so it may really wait. */
  advance(ms: number): Promise<void>;
  /** Ends the lease of a run and changes nothing else about it, as if its time were over. */
  expireLease(runId: string): Promise<void>;
  /** Makes a resting or delayed run due now. */
  makeDue(runId: string): Promise<void>;
  /** Locks the run's row as a stranger's transaction does; the returned function lets go. */
  lockRow(runId: string): Promise<() => Promise<void>>;
  /** Inserts a run of this id in a stranger's transaction and leaves it open; the function rolls it back. */
  holdId(runId: string): Promise<() => Promise<void>>;
  /** Gives `body` the verbs of a caller's transaction, which ends as asked. */
  within(body: (transaction: StartStore) => Promise<void>, end: 'commit' | 'rollback'): Promise<void>;
  /** Deletes a run and everything it recorded, as retention does. */
  forget(runId: string): Promise<void>;
}

/** One promise of the port, named after it. `run` throws an AssertionError where a store breaks it. */
export interface StoreCase {
  readonly name: string;
  run(world: StoreWorld): Promise<void>;
}
