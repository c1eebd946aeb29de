// Transactional steps on a memory store: the function gets a transaction of the store, and the answer is seen
// with what it wrote. There is no SQL in it.
import type { StepTransactions, TransactionHandle, Transactor } from '@perdure/core';
import { MemoryTransaction, ValueRefusedError } from '@perdure/core/engine';

/** A store that has transactions. */
export interface TransactionalStore {
  within<Result>(body: (transaction: MemoryTransaction) => Promise<Result>): Promise<Result>;
}

/** What the engine is handed beside the transaction: it knows the transaction, and runs no text. */
class MemoryHandle implements TransactionHandle {
  readonly transaction: MemoryTransaction;

  constructor(transaction: MemoryTransaction) {
    this.transaction = transaction;
  }

  query(): Promise<never> {
    return Promise.reject(new TypeError('A transaction of the memory store runs no SQL.'));
  }
}

/** Opens transactions of a memory store for `ctx.transaction`. */
export function memoryTransactor(store: TransactionalStore): Transactor<MemoryTransaction> {
  return {
    transaction: (_options, body) => (
      store.within((transaction) => body(transaction, new MemoryHandle(transaction)))),
  };
}

/** The engine's side of transactional steps on memory stores. */
export const memoryStepTransactions: StepTransactions = {
  on: (handle, lease) => {
    if (!(handle instanceof MemoryHandle)) {
      throw new TypeError('A memory connection takes the transactor of its own store: ' +
        'memoryTransactor(store).');
    }
    const { transaction } = handle;
    return {
      fence: () => transaction.fence(lease),
      record: (entry) => transaction.record(lease, entry),
    };
  },
  judge: (error) => (error instanceof ValueRefusedError ? 'refused' : 'unknown'),
};
