// A memory store that tells when it changed: what a virtual clock waits for before it lets everybody look
// again.
import { NonRetryableError, type Transactor } from '@perdure/core';
import { MemoryStore, type ClaimAnswer, type Store } from '@perdure/core/engine';
import { memoryTransactor } from './memory-transactions.js';

/**
 * Verbs that only look, or that no run depends on. Claims and carriers look as well, unless they find
 * something.
 */
const looks = /^(read|query|recall)|Worker$/;

/** What is told of a store. */
export interface StoreWatch {
  /** Something was written, or a run changed hands. */
  changed(): void;
  /** A verb has taken effect, and its caller does not know yet. */
  done(verb: string, given: readonly unknown[]): void;
}

/** A memory store that says whether there is anything to carry, and whose runs a crash can free. */
export class WorldStore extends MemoryStore {
  /** The workflow of a run that exists. */
  workflowOf(runId: string): string {
    return this.tables.runOf(runId).workflow;
  }

  /** Whoever holds a run has died. */
  endLeases(): void {
    for (const runId of this.tables.ready.keys()) this.endLease(runId);
  }

  get hasMail(): boolean {
    return this.hasMore();
  }
}

/** The verbs of the port, with eyes on them. It is no instance of the store's class. */
export function watchedStore(store: WorldStore, watch: StoreWatch): Store {
  // Every member of the port is a verb, and every verb answers by a promise.
  return new Proxy({} as Store, {
    get: (_, name) => async (...given: unknown[]): Promise<unknown> => {
      const verb = Reflect.get(store, name) as (...given: unknown[]) => Promise<unknown>;
      const hadMail = store.hasMail;
      const answer = await verb.apply(store, given);
      watch.done(String(name), given);
      if (changes(String(name), answer, hadMail)) watch.changed();
      return answer;
    },
  });
}

/**
 * Opens transactions of the store for `ctx.transaction`, with eyes on their ends. Clients start and send with
 * them; there is no SQL in them, and they say so.
 */
export function watchedTransactor(store: WorldStore, watch: StoreWatch): Transactor {
  const { transaction } = memoryTransactor(store);
  return {
    transaction: async (options, body) => {
      try {
        const result = await transaction(options, (tx, handle) => (
          body(Object.assign(tx, { query: noSql }), handle)));
        watch.done('transaction', []);
        return result;
      } finally {
        watch.changed();
      }
    },
  };
}

function noSql(): Promise<never> {
  return Promise.reject(new NonRetryableError('A test environment has no SQL: its transactions only start ' +
    'runs and send. Replace the body of this ctx.transaction: env.mockStep(workflow, name, fn).'));
}

function changes(name: string, answer: unknown, hadMail: boolean): boolean {
  if (looks.test(name)) return false;
  if (name === 'carry') return hadMail;
  if (name !== 'claim') return true;
  const { runs, moved } = answer as ClaimAnswer;
  return runs.length > 0 || moved > 0;
}
