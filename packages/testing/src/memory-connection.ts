// A Connection without a server: client and worker run on the memory store, in one process.
import { WorkflowError, type Connection, type ValueSeal } from '@perdure/core';
import {
  MemoryStore, MemoryTransaction, sealing, unbroken, type Adopter, type Env, type Store,
} from '@perdure/core/engine';
import { MemoryHints } from './memory-hints.js';
import { memoryStepTransactions, memoryTransactor } from './memory-transactions.js';

/** What a memory connection is made of. */
export interface MemoryConnectionOptions<Kind extends Store = MemoryStore> {
  /** Where the store's clock and chance come from; the real ones by default. Unused when `store` is given. */
  readonly env?: Env | undefined;
  /** The store, if it is to outlive the connection, or to be another one than a healthy memory store. */
  readonly store?: Kind | undefined;
  /**
   * As the option of `connect`: the store of the Connection then seals, and the `store` that was given has
   * what is stored.
   */
  readonly values?: ValueSeal | undefined;
}

/**
 * Connects client and worker of one process to a memory store, for tests that need no server. Two of them on
 * one `store` are two processes on one database, without hints between them. `within` takes a transaction of
 * `store.begin()` or `store.within()`. A main loop that is blocked loses its leases: nothing renews them.
 */
export function memoryConnection<Kind extends Store = MemoryStore>(
  options?: MemoryConnectionOptions<Kind> & { readonly values?: undefined },
): Connection & { readonly store: Kind };
export function memoryConnection(options: MemoryConnectionOptions<Store>): Connection;
export function memoryConnection(options: MemoryConnectionOptions<Store> = {}): Connection {
  const { env, store = new MemoryStore({ env }), values } = options;
  const close = (): Promise<void> => Promise.resolve();
  return sealing(values)({
    store,
    continuity: unbroken,
    hints: new MemoryHints(),
    adopters: new Set<Adopter>(),
    within: async (transaction) => openTransaction(transaction, store),
    transactor: store instanceof MemoryStore ? memoryTransactor(store) : null,
    stepTransactions: memoryStepTransactions,
    keepLeases: () => ({ hold: () => undefined, beat: () => undefined, close }),
    close,
    [Symbol.asyncDispose]: close,
  });
}

function openTransaction(transaction: unknown, store: Store): MemoryTransaction {
  if (transaction instanceof MemoryTransaction && transaction.open) {
    // A store that wraps another is not the one that the transaction was begun on.
    if (transaction.store === store || !(store instanceof MemoryStore)) return transaction;
  }
  throw new WorkflowError('NOT_A_TRANSACTION', 'A memory connection takes an open transaction of its own ' +
    'store. Begin one with store.begin(), or use store.within().');
}
