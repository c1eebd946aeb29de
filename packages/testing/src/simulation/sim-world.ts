// A whole system in one process: a model database, workers and clients of the real engine, and what befalls
// them. Everything that happens is decided by the seed.
//
//   O1. Whenever something has taken effect in the database, its invariants are looked at.
//   O2. A worker or client that dies is followed by another one.
//   O3. Once nothing fails any more, every run must come to its end within bounded time.
import { createClient, type Client } from '@perdure/client';
import type { Connection, Logger, Workflow } from '@perdure/core';
import type { Harness } from '@perdure/core/engine';
import { createWorker, type Worker, type WorkerOptions } from '@perdure/worker';
import { Chance } from './chance.js';
import { byChance } from './choosers.js';
import { FaultPlan } from './fault-plan.js';
import { HistoryWatch } from './history-watch.js';
import { ModelStore } from './model-store.js';
import { simConnection } from './sim-connection.js';
import { HintExchange } from './sim-hints.js';
import { SimLoop, type Chooser, type LoopEnd } from './sim-loop.js';
import { SimProcess } from './sim-process.js';
import { SimTransaction, type Business } from './sim-transaction.js';
import { Wire } from './wire.js';

/** How a world is made. */
export interface SimWorldOptions {
  readonly seed: number | string;
  /** What fails; by default nothing does. */
  readonly plan?: FaultPlan | undefined;
  /** Who goes first of those that are ready; by default chance decides. */
  readonly chooser?: Chooser | undefined;
  readonly leaseMs?: number | undefined;
  /** After how long a dead process is followed by another, at most. Default 1 s; null: by none. */
  readonly rebirthMs?: number | null | undefined;
  /** All clocks are right and nobody lags. */
  readonly exact?: boolean | undefined;
  /** Called after whatever took effect in the database. */
  readonly done?: ((verb: string) => void) | undefined;
  /** Rows of the business that transactions wrote. */
  readonly business?: Business | undefined;
}

/** A process of a world, with its connection. */
export interface Inhabitant {
  readonly process: SimProcess;
  readonly connection: Connection;
  readonly wire: Wire;
  readonly client: Client;
  /** Null in a process that is only a client. */
  readonly worker: Worker | null;
}

/** What a worker of a world is made with. */
export type SimWorkerOptions =
  Pick<WorkerOptions, 'concurrency' | 'version' | 'queues'> & {
    /** They may need the surroundings of their worker. */
    readonly workflows: readonly Workflow[] | (
      (process: SimProcess, inhabitant: () => Inhabitant) => readonly Workflow[]);
    readonly harness?: Harness | undefined;
  };

/** Verbs that change no run. */
const readers = /^(read|query|recall|check)|Worker$/;

const silent: Logger = {
  debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined,
};
const noBusiness: Business = { wrote: () => undefined };

/** One simulated system. */
export class SimWorld {
  readonly loop: SimLoop;
  readonly chance: Chance;
  readonly plan: FaultPlan;
  readonly store: ModelStore;
  readonly leaseMs: number;
  /** What is wrong, each told once. */
  readonly violations: Set<string> = new Set();
  /** Everybody who lives. */
  readonly inhabitants: Set<Inhabitant> = new Set();
  readonly #options: SimWorldOptions;
  readonly #exchange: HintExchange;
  readonly #history: HistoryWatch;
  #born = 0;

  constructor(options: SimWorldOptions) {
    const { seed, leaseMs = 2_000 } = options;
    this.#options = options;
    this.leaseMs = leaseMs;
    this.chance = new Chance(seed);
    this.plan = options.plan ?? FaultPlan.none(this.chance.fork('none'));
    this.loop = new SimLoop(options.chooser ?? byChance(this.chance.fork('order')));
    this.store = new ModelStore(this.loop, this.chance.fork('database'));
    this.#exchange = new HintExchange(this.plan);
    this.#history = new HistoryWatch(this.store, (what) => this.accuse(what));
  }

  /** A worker, in a process that has a client as well; it is followed by another when it dies. */
  async addWorker(options: SimWorkerOptions, born?: (inhabitant: Inhabitant) => void): Promise<Inhabitant> {
    const { workflows: given, ...rest } = options;
    const inhabitant: Inhabitant = this.#settle('worker', ({ process, connection }) => createWorker({
      ...rest, connection, env: process, leaseDuration: this.leaseMs, logger: silent,
      workflows: typeof given === 'function' ? given(process, () => inhabitant) : given,
    }));
    this.#follow(inhabitant, () => void this.addWorker(options, born));
    born?.(inhabitant);
    await inhabitant.worker?.start();
    return inhabitant;
  }

  /** A process that is only a client; `born` is called with each that follows it as well. */
  addClient(born?: (inhabitant: Inhabitant) => void): Inhabitant {
    const inhabitant = this.#settle('client', () => null);
    this.#follow(inhabitant, () => void this.addClient(born));
    born?.(inhabitant);
    return inhabitant;
  }

  #settle(
    kind: string, work: (made: { process: SimProcess; connection: Connection }) => Worker | null,
  ): Inhabitant {
    const process = this.#process(`${kind}-${++this.#born}`);
    const wire = new Wire({
      process, store: this.store, plan: this.plan, deadlineMs: 1.5 * this.leaseMs,
      stopMs: [Math.round(1.1 * this.leaseMs), 3 * this.leaseMs],
      done: (verb) => this.#done(verb),
    });
    const { business = noBusiness } = this.#options;
    const connection = simConnection(wire, { exchange: this.#exchange, business });
    const client = createClient({ connection, env: process });
    return { process, connection, wire, client, worker: work({ process, connection }) };
  }

  #process(name: string): SimProcess {
    const chance = this.chance.fork(name);
    if (this.#options.exact === true) return new SimProcess({ name, loop: this.loop, chance });
    const odd = chance.fork('nature');
    return new SimProcess({
      name, loop: this.loop, chance,
      skewMs: odd.pick([0, 0, odd.between(-3_600_000, 3_600_000)]),
      rate: odd.pick([1, 1, 0.999, 1.001]),
      lagMs: odd.pick([0, 0, 0, 3]),
    });
  }

  #follow(inhabitant: Inhabitant, next: () => void): void {
    const { process } = inhabitant;
    const { rebirthMs = 1_000 } = this.#options;
    this.inhabitants.add(inhabitant);
    process.onDeath(() => {
      this.inhabitants.delete(inhabitant);
      if (rebirthMs === null) return;
      const at = this.loop.now + this.chance.between(0, rebirthMs);
      this.loop.add({ at, actor: 'machine', label: `after ${process.name}`, run: next });
    });
  }

  /** A transaction of an application, by a process of this world: committed when `body` returns. */
  async within<T>({ wire }: Inhabitant, body: (tx: SimTransaction) => Promise<T>): Promise<T> {
    const transaction = new SimTransaction(wire, this.#options.business ?? noBusiness);
    await transaction.begin();
    try {
      const result = await body(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      if (transaction.open) await transaction.rollback();
      throw error;
    }
  }

  /** Lets so much time pass. */
  run(ms: number, maxEvents = 200_000): Promise<LoopEnd> {
    return this.loop.run({ until: this.loop.now + ms, maxEvents });
  }

  /** Lets time pass until something holds, looked at every `everyMs`; whether it came to hold in time. */
  async runUntil(holds: () => boolean, limitMs: number, everyMs = 100): Promise<boolean> {
    const until = this.loop.now + limitMs;
    while (!holds()) {
      if (this.loop.now >= until || await this.run(everyMs) === 'events') return holds();
    }
    return true;
  }

  /** From now on nothing fails, and whoever was stopped goes on. */
  heal(): void {
    this.plan.heal();
    for (const { process } of this.inhabitants) process.thaw();
  }

  /** Something is not as it must be. */
  accuse(what: string): void {
    this.violations.add(what);
  }

  #done(verb: string): void {
    if (!readers.test(verb)) void this.look();
    this.#options.done?.(verb);
  }

  /** Looks at the invariants of the database (O1), in this event. */
  async look(): Promise<void> {
    this.#history.look();
    const { broken } = await this.store.arrive(() => this.store.check({ after: null, lateMs: 0, limit: 10 }));
    for (const { invariant, runId, what } of broken) this.accuse(`${invariant}: run ${runId}: ${what}`);
  }
}
