// The memory store under comparison. Its clock is set: a second a step.
import { MemoryStore, systemEnv, type MemoryTransaction, type Store } from '@perdure/core/engine';
import type { Side, SideTransaction } from './side.js';

const stepUs = 1_000_000;

/** What comes to an answer at all has come to it after so many turns of the event loop. */
const mostTurns = 12;

/** Makes the store under test: the memory store, or a broken heir of it. */
export type MakeStore = (now: () => number) => MemoryStore;

/** The memory store as a side. */
export function memorySide(make: MakeStore = (now) => new MemoryStore({ now })): Side {
  let now = Date.UTC(2030, 0, 1) * 1_000;
  let store = make(() => now);
  const begun: MemoryTransaction[] = [];
  return {
    name: 'memory',
    store: (): Store => store,
    tick: async () => (now += stepUs),
    begin: async () => {
      const transaction = store.begin();
      begun.push(transaction);
      return verbsOf(transaction);
    },
    settles: async (_session, statement) => isOver(statement),
    makeDue: async (runId) => store.makeDue(runId),
    lockRow: async (runId) => {
      const release = store.lockRow(runId);
      return async () => release();
    },
    clear: async () => {
      // What still waits would look for its answer for ever.
      for (const transaction of begun.splice(0)) if (transaction.open) transaction.rollback();
      store = make(() => now);
    },
  };
}

function verbsOf(transaction: MemoryTransaction): SideTransaction {
  return {
    startRuns: (runs) => transaction.startRuns(runs),
    sendMessages: (messages) => transaction.sendMessages(messages),
    emitEvents: (events) => transaction.emitEvents(events),
    fence: (lease) => transaction.fence(lease),
    record: (lease, entry) => transaction.record(lease, entry),
    end: async (how) => (how === 'commit' ? transaction.commit() : transaction.rollback()),
  };
}

async function isOver(statement: Promise<unknown>): Promise<boolean> {
  let over = false;
  const end = (): void => void (over = true);
  statement.then(end, end);
  for (let turn = 0; turn < mostTurns && !over; turn++) {
    await new Promise<void>((resolve) => systemEnv.nextTurn(resolve));
  }
  return over;
}
