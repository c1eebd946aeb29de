// The connection of a worker process that may die at any of its writes.
//
//   D5. What is dead sends nothing and hears nothing: its calls never answer, what it holds open is rolled
//       back, and no run is born to it.
//   D6. What it had sent before still arrives. Runs that it got in this way are nobody's: their leases end.
//   D7. Every durable write of it is told right before it takes effect, and right after, when nobody in the
//       process knows of that yet.
import type { Connection, StepTransactions, TransactionHandle, Transactor } from '@perdure/core';
import type { Adopter, ClaimAnswer, Store } from '@perdure/core/engine';
import { doneBy, transactionOf, writeOf, type DurableWrite, type WorkflowOf } from './durable-write.js';
import { never, type Life } from './life.js';

type Verb = (...given: unknown[]) => Promise<unknown>;

/** Who is told of writes, and may end the life there. */
export interface WriteWatch {
  before(write: DurableWrite): void;
  after(write: DurableWrite): void;
  workflowOf: WorkflowOf;
  /** Whether there is anything to carry. */
  hasMail(): boolean;
  /** A process that is dead got these runs. */
  orphaned(runIds: readonly string[]): void;
}

/** What such a process is given. */
export interface Mortal {
  readonly connection: Connection;
  readonly transactor: Transactor;
}

/** Ties a connection, and the transactor beside it, to a life. */
export function mortal({ connection, transactor }: Mortal, life: Life, watch: WriteWatch): Mortal {
  const recorded = new WeakMap<TransactionHandle, DurableWrite>();
  return {
    connection: {
      ...connection,
      store: mortalStore(connection.store, life, watch),
      adopters: new MortalAdopters(connection.adopters, life, watch),
      stepTransactions: mortalSteps(connection.stepTransactions, life, (handle, write) => {
        recorded.set(handle, write(watch.workflowOf));
      }),
    },
    transactor: mortalTransactor(transactor, life, {
      before: (handle) => told(recorded.get(handle), (write) => watch.before(write)),
      after: (handle) => told(recorded.get(handle), (write) => watch.after(write)),
    }),
  };
}

/** A store whose writes are told of once they have taken effect: that of a client, which does not die. */
export function toldStore(store: Store, watch: WriteWatch): Store {
  return verbsOf(store, async (name, verb, given) => {
    const write = writeOf(name, given, watch.workflowOf);
    const answer = await verb(...given);
    if (write !== null) watch.after(write);
    return answer;
  });
}

function mortalStore(store: Store, life: Life, watch: WriteWatch): Store {
  return verbsOf(store, async (name, verb, given) => {
    if (life.over) return never();
    const write = writeOf(name, given, watch.workflowOf);
    if (write !== null) watch.before(write);
    if (life.over) return never();
    const hadMail = watch.hasMail();
    const answer = await verb(...given);
    told(write ?? doneBy(name, answer, hadMail), (done) => watch.after(done));
    if (!life.over) return answer;
    if (name === 'claim') watch.orphaned((answer as ClaimAnswer).runs.map(({ lease }) => lease.runId));
    return never();
  });
}

function told(write: DurableWrite | null | undefined, tell: (write: DurableWrite) => void): void {
  if (write !== null && write !== undefined) tell(write);
}

function verbsOf(
  store: Store, call: (name: string, verb: Verb, given: readonly unknown[]) => Promise<unknown>,
): Store {
  const verbs = new Map<PropertyKey, Verb>();
  // Every member of the port is a verb, and every verb answers by a promise.
  return new Proxy({} as Store, {
    get: (_, name) => {
      const known = verbs.get(name);
      if (known !== undefined) return known;
      const real: Verb = (...given) => (Reflect.get(store, name) as Verb).apply(store, given);
      const verb: Verb = (...given) => call(String(name), real, given);
      verbs.set(name, verb);
      return verb;
    },
  });
}

function mortalSteps(
  { on, judge }: StepTransactions, life: Life,
  note: (handle: TransactionHandle, write: (workflowOf: WorkflowOf) => DurableWrite) => void,
): StepTransactions {
  return {
    judge,
    on: (handle, lease) => {
      const transaction = on(handle, lease);
      return {
        fence: async (limitMs) => (life.over ? never() : transaction.fence(limitMs)),
        record: async (entry) => {
          if (life.over) return never();
          note(handle, (workflowOf) => transactionOf(workflowOf(lease.runId), entry));
          return transaction.record(entry);
        },
      };
    },
  };
}

function mortalTransactor(
  { transaction }: Transactor, life: Life,
  tell: { before(handle: TransactionHandle): void; after(handle: TransactionHandle): void },
): Transactor {
  return {
    transaction: async (options, body) => {
      if (life.over) return never();
      let committed: TransactionHandle | null = null;
      try {
        const result = await transaction(options, async (tx, handle) => {
          const value = await Promise.race([body(tx, handle), life.death]);
          tell.before(handle);
          // Thrown, it rolls back: so does a database whose client is gone.
          if (life.over) await life.death;
          committed = handle;
          return value;
        });
        if (committed !== null) tell.after(committed);
        return life.over ? await never() : result;
      } catch (error) {
        if (life.over) return never();
        throw error;
      }
    },
  };
}

/** Workers of one process among those of all that share a connection. */
class MortalAdopters extends Set<Adopter> {
  readonly #shared: Set<Adopter>;
  readonly #life: Life;
  readonly #watch: WriteWatch;
  readonly #shown = new Map<Adopter, Adopter>();

  constructor(shared: Set<Adopter>, life: Life, watch: WriteWatch) {
    super();
    this.#watch = watch;
    this.#shared = shared;
    this.#life = life;
  }

  override add(adopter: Adopter): this {
    const life = this.#life;
    const shown: Adopter = {
      offer: (workflow, queue) => (life.over ? null : adopter.offer(workflow, queue)),
      adopt: (claimId, run) => {
        if (!life.over) adopter.adopt(claimId, run);
        else if (typeof run !== 'string') this.#watch.orphaned([run.id]);
      },
    };
    this.#shown.set(adopter, shown);
    this.#shared.add(shown);
    life.death.catch(() => this.delete(adopter));
    return super.add(adopter);
  }

  override delete(adopter: Adopter): boolean {
    const shown = this.#shown.get(adopter);
    if (shown !== undefined) this.#shared.delete(shown);
    return super.delete(adopter);
  }
}
