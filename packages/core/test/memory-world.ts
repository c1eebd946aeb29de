// A world of its own for a store case, on a memory store whose clock stands until a case lets time pass.
import { MemoryStore, type MemoryStoreOptions, type StoreWorld } from '@perdure/core/engine';

/** Makes the store under test: MemoryStore or a broken heir of it. */
export type StoreClass = new (options: MemoryStoreOptions) => MemoryStore;

export function memoryWorld(Store: StoreClass = MemoryStore, options: MemoryStoreOptions = {}): StoreWorld {
  let now = Date.UTC(2030, 0, 1) * 1_000;
  const store = new Store({ now: () => now, ...options });
  return {
    store,
    advance: async (ms) => void (now += ms * 1_000),
    expireLease: async (runId) => store.makeDue(runId),
    makeDue: async (runId) => store.makeDue(runId),
    lockRow: async (runId) => {
      const release = store.lockRow(runId);
      return async () => release();
    },
    holdId: async (runId) => {
      const release = store.holdId(runId);
      return async () => release();
    },
    within: async (body, end) => {
      const transaction = store.begin();
      await body(transaction);
      if (end === 'commit') transaction.commit();
      else transaction.rollback();
    },
    forget: async (runId) => store.forget(runId),
  };
}
