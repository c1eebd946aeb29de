// A world whose worker is killed at chosen points: of every durable write there is one before it takes effect
// and one after it took effect, when nobody knows of that yet.
//
//   K1. A process that is dead sends nothing and hears nothing: its calls never answer, what it holds open is
//       rolled back, and another process stands in its place.
//   K2. Points are numbered in the order in which they are reached. The same kills reach the same points, so
//       a list of numbers is a schedule.
//   K3. A look is no point, nor is the moment before a claim or a carry: a kill there loses nothing that a
//       kill after the write before it does not lose.
import type { Connection, StepTransactions } from '@perdure/core';
import type { ClaimAnswer, ClaimRequest, StartStore, Store, TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { World } from '../../dist/world.js';
import { silent } from '../engine.js';

/** Where a worker can be killed. */
export interface KillPoint {
  readonly when: 'before' | 'between' | 'after' | 'inside';
  readonly what: string;
}

/** The client, or one life of the worker. */
interface Process {
  readonly isWorker: boolean;
  dead: boolean;
}

type Verb = (...given: unknown[]) => Promise<unknown>;

const looks = /^(read|query|recall|check)|Worker$/;
const finds = /^(claim|carry)$/;
const startAt = new Date('2030-01-01T00:00:00Z');

/** What a dead process waits for. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** One world, and the schedule of its kills. */
export class KillWorld {
  readonly world: World;
  /** Every point that was reached, in order (K2). */
  readonly points: KillPoint[] = [];
  /** How many kills there were. */
  killed = 0;
  readonly #kills: ReadonlySet<number>;
  readonly #transactions = new WeakMap<object, Process>();
  /** The claims of the worker that lives. */
  readonly #claims = new Set<string>();
  #shared: Connection | null = null;
  #worker: Process | null = null;
  #begin: () => void = () => undefined;

  constructor(kills: readonly number[]) {
    this.#kills = new Set(kills);
    this.world = new World({ workflows: [], startAt, logger: silent }, {
      probationMs: 0,
      connect: (store) => this.#connect(store),
      done: (verb) => void (verb === 'transaction' && this.#reach('after', 'COMMIT')),
    });
  }

  /** Starts a worker, and another one like it after each kill. */
  begin(work: () => Promise<void>): Promise<void> {
    this.#begin = () => void work();
    return work();
  }

  /** A point is reached; says whether the worker dies there. */
  #reach(when: KillPoint['when'], what: string): boolean {
    const number = this.points.length;
    this.points.push({ when, what });
    if (!this.#kills.has(number) || this.#worker === null) return false;
    this.killed++;
    this.#worker.dead = true;
    this.world.vanish();
    this.#claims.clear();
    this.#endLeases();
    this.#begin();
    return true;
  }

  /** Nothing is left of the lease of a process that has died, known to it or not. */
  #endLeases(): void {
    const { ready } = this.world.store['tables'];
    for (const { id, claim } of ready.values()) {
      if (claim !== null && !this.#claims.has(claim)) this.world.store.endLease(id);
    }
  }

  /** The first connection is that of the client. */
  #connect(store: Store): Connection {
    const process = { isWorker: this.#shared !== null, dead: false };
    this.#shared ??= memoryConnection({ store });
    if (process.isWorker) this.#worker = process;
    return {
      ...this.#shared,
      adopters: new Set(),
      store: new Proxy(store, {
        get: (_, verb: keyof Store) => (...given: unknown[]) => this.#call({ process, store, verb }, given),
      }),
      within: async (transaction) => this.#within(transaction, process),
      stepTransactions: this.#stepTransactions(process),
    };
  }

  async #call(
    { process, store, verb }: { process: Process; store: Store; verb: keyof Store }, given: unknown[],
  ): Promise<unknown> {
    const call = Reflect.get(store, verb) as Verb;
    const isWrite = !looks.test(verb) && !finds.test(verb);
    const what = verb === 'commit' ? textOf(given[0] as readonly TurnWrite[]) : verb;
    if (process.dead) return never();
    if (isWrite) this.#reach('before', what);
    if (process.dead) return never();
    if (verb === 'commit' && await this.#breaksOff(store, given[0] as readonly TurnWrite[])) return never();
    const hadMail = this.world.store.hasMail;
    const answer = await call(...given);
    if (process.dead) {
      // It was on its way: what it took is held by nobody, as what it held before.
      this.#endLeases();
      return never();
    }
    if (verb === 'claim') this.#claims.add((given[0] as ClaimRequest).claimId);
    const found = verb === 'carry' ? hadMail : verb === 'claim' && hasFound(answer as ClaimAnswer);
    if (isWrite || found) this.#reach('after', what);
    return process.dead ? never() : answer;
  }

  /** Of a batch some items may be done, and the others not. */
  async #breaksOff(store: Store, writes: readonly TurnWrite[]): Promise<boolean> {
    for (let done = 1; done < writes.length; done++) {
      if (!this.#reach('between', textOf(writes))) continue;
      await store.commit(writes.slice(0, done));
      this.#endLeases();
      return true;
    }
    return false;
  }

  #within(transaction: unknown, client: Process): StartStore {
    const open = transaction as StartStore;
    const process = this.#transactions.get(open) ?? client;
    const verb = (name: keyof StartStore): Verb => this.#guarded(process, name, (...given) => (
      (open[name] as Verb)(...given)));
    return {
      startRuns: verb('startRuns') as StartStore['startRuns'],
      sendMessages: verb('sendMessages') as StartStore['sendMessages'],
      emitEvents: verb('emitEvents') as StartStore['emitEvents'],
    };
  }

  #stepTransactions(process: Process): StepTransactions {
    const { on, judge } = this.#shared?.stepTransactions ?? memoryConnection().stepTransactions;
    return {
      judge,
      on: (handle, lease) => {
        this.#transactions.set((handle as unknown as { transaction: object }).transaction, process);
        const { fence, record } = on(handle, lease);
        return {
          fence: this.#guarded(process, 'fence', fence as Verb) as typeof fence,
          record: this.#guarded(process, 'record', record as Verb) as typeof record,
        };
      },
    };
  }

  /** A statement inside a transaction: what is written with it is seen at COMMIT, or never. */
  #guarded(process: Process, name: string, call: Verb): Verb {
    return async (...given) => {
      if (process.dead) return never();
      const answer = await call(...given);
      this.#reach('inside', name);
      return process.dead ? never() : answer;
    };
  }
}

function hasFound({ runs, moved }: ClaimAnswer): boolean {
  return runs.length > 0 || moved > 0;
}

/** What a commit writes, so that a schedule can be read. */
function textOf(writes: readonly TurnWrite[]): string {
  return writes.map(({ lease, entries, calls, end }) => [
    `${lease.runId}:`, ...entries.map(({ kind, name }) => `${kind} ${name}`),
    ...calls.map(({ place }) => `wait ${place}`), end?.kind ?? '',
  ].join(' ')).join(' | ');
}
