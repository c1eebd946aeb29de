// A world of its own for one test: a memory store, a client and workers on virtual time. `createTestEnv` is
// its public face; tests of the engine itself make worlds in which memory is forgotten, or nobody is told
// anything.
import { createClient, type Client, type RunHandle, type StartOptions } from '@perdure/client';
import {
  WorkflowError, type Connection, type Duration, type StartArgs, type Workflow,
} from '@perdure/core';
import {
  consoleLogger, systemEnv, toMilliseconds, type HeldRuns, type Store,
} from '@perdure/core/engine';
import { createWorker, type Worker, type WorkerOptions } from '@perdure/worker';
import { Conductor } from './conductor.js';
import { CrashOrders, type CrashOptions } from './crashes/crash-orders.js';
import type { DurableWrite } from './crashes/durable-write.js';
import {
  everyCrashPoint, type CrashPoints, type Crashes, type EveryCrashPointOptions,
} from './crashes/every-crash-point.js';
import { Life, loggerOf } from './crashes/life.js';
import { mortal, toldStore, type Mortal, type WriteWatch } from './crashes/mortal-connection.js';
import { steadyIds, type Ids } from './crashes/steady-ids.js';
import { holdingEnv } from './holding-env.js';
import { memoryConnection } from './memory-connection.js';
import type { History } from './replay/history.js';
import { readHistory, replay } from './replay/replay.js';
import { StepBook, type StepCall, type StepMock } from './step-book.js';
import type { TestEnv, TestEnvOptions } from './test-env.js';
import { VirtualTime } from './virtual-time.js';
import { watchedStore, watchedTransactor, WorldStore, type StoreWatch } from './watched-store.js';

/** In what a world differs from the usual one. */
export interface WorldRules {
  /** Connects the client, and each worker, to the store. Default: all of them share one connection. */
  readonly connect?: ((store: Store) => Connection) | undefined;
  /** Every answer is shown to code that was replayed from the journal; see `Harness`. */
  readonly forgetful?: boolean | undefined;
  /** How long a suspect is alone in quarantine at first; see `Harness`. */
  readonly probationMs?: number | undefined;
  /** Whether the workers die at a durable write. */
  readonly crashes?: Crashes | undefined;
  /** Where ids come from. Default: new ones each time. */
  readonly ids?: Ids | undefined;
  /** A verb of the store has taken effect, and its caller does not know yet. */
  readonly done?: ((verb: string, given: readonly unknown[], world: World) => void) | undefined;
}

/** What can be chosen for a worker of a world. */
export type WorldWorkerOptions = Pick<WorkerOptions, 'concurrency' | 'version'>;

const defaultPatienceMs = 100;
const defaultLimitMs = 3_000;
/** No lease ends by itself: nothing but a test takes a worker's runs away. The longest duration there is. */
const leaseMs = 36_525 * 86_400_000;

/** A worker of a world, and what another one in its place is made of. */
interface Position {
  readonly life: Life;
  readonly workflows: readonly Workflow[];
  readonly options: WorldWorkerOptions;
}

/** One world. */
export class World implements TestEnv {
  readonly client: Client;
  readonly store: WorldStore;
  readonly #options: TestEnvOptions;
  readonly #rules: WorldRules;
  readonly #time: VirtualTime;
  readonly #watch: StoreWatch;
  readonly #watched: Store;
  readonly #shared: Connection | null;
  readonly #book = new StepBook();
  readonly #conductor: Conductor;
  readonly #workers: Worker[] = [];
  readonly #served = new Set<string>();
  readonly #orders = new CrashOrders();
  readonly #startAtMs: number;
  #held: HeldRuns[] = [];
  #positions: Position[] = [];
  #crashes = 0;
  #closed: Promise<void> | null = null;

  constructor(options: TestEnvOptions, rules: WorldRules = {}) {
    const { startAt, patience = defaultPatienceMs, limit = defaultLimitMs } = options;
    this.#options = options;
    this.#rules = rules;
    this.#startAtMs = startOf(startAt);
    this.#time = new VirtualTime(this.#startAtMs, rules.ids);
    this.store = new WorldStore({ env: this.#time, stands: true });
    this.#watch = {
      changed: () => this.#time.change(),
      done: (verb, given) => rules.done?.(verb, given, this),
    };
    this.#watched = watchedStore(this.store, this.#watch);
    this.#shared = rules.connect === undefined ? memoryConnection({ store: this.#watched }) : null;
    const connection = this.#connect();
    this.client = createClient({
      connection: { ...connection, store: toldStore(connection.store, this.#writes) },
      env: holdingEnv(this.#time),
    });
    this.#conductor = new Conductor({
      time: this.#time,
      nextRun: () => {
        const at = this.store.nextDueAt();
        return at === null ? null : Math.ceil(at / 1_000);
      },
      driven: () => this.#held.flatMap((held) => held.driven),
      begun: (runId) => this.#book.begun(runId),
      patienceMs: toMilliseconds(patience, 'patience'),
      limitMs: toMilliseconds(limit, 'limit'),
    });
  }

  #connect(): Connection {
    return this.#shared ?? this.#rules.connect?.(this.#watched) ?? memoryConnection({ store: this.#watched });
  }

  /** Starts a worker for these workflows. Once more, and there are two. */
  async work(workflows: readonly Workflow[], options: WorldWorkerOptions = {}): Promise<void> {
    this.#demandOpen();
    for (const { name } of workflows) this.#served.add(name);
    const life = new Life();
    this.#positions.push({ life, workflows, options });
    const worker = createWorker({
      ...options, ...this.#mortal(life), env: this.#time, workflows, leaseDuration: leaseMs,
      logger: loggerOf(life, this.#options.logger ?? consoleLogger),
      harness: {
        watch: (facts) => this.#book.watch(facts),
        forgetful: this.#rules.forgetful,
        probationMs: this.#rules.probationMs,
        attach: (held) => void this.#held.push(held),
      },
    });
    this.#workers.push(worker);
    await worker.start();
  }

  #mortal(life: Life): Mortal {
    const transactor = watchedTransactor(this.store, this.#watch);
    return mortal({ connection: this.#connect(), transactor }, life, this.#writes);
  }

  get #writes(): WriteWatch {
    return {
      before: (write) => this.#crashAt('before', write),
      after: (write) => this.#crashAt('after', write),
      workflowOf: (runId) => this.store.workflowOf(runId),
      hasMail: () => this.store.hasMail,
      orphaned: (runIds) => {
        for (const runId of runIds) this.store.endLease(runId);
        this.#time.change();
      },
    };
  }

  #crashAt(when: 'before' | 'after', write: DurableWrite): void {
    const ordered = this.#orders.take(when, write);
    if (this.#rules.crashes?.(when, write) === true || ordered) this.#crash();
  }

  /** Every worker process dies; for each another one stands in its place, which knows nothing. */
  #crash(): void {
    const dying = this.#positions;
    this.#positions = [];
    this.#crashes++;
    for (const { life } of dying) life.end();
    this.vanish();
    this.#held = [];
    // What it had claimed without being told of it is free as well.
    this.store.endLeases();
    this.#time.change();
    for (const { workflows, options } of dying) void this.work(workflows, options);
  }

  get crashes(): number {
    return this.#crashes;
  }

  crashAfter(workflow: Workflow, step: string, options: CrashOptions = {}): void {
    this.#demandServed(workflow);
    this.#orders.add(workflow.name, step, options);
  }

  everyCrashPoint(
    scenario: (env: TestEnv) => Promise<void>, options?: EveryCrashPointOptions,
  ): Promise<CrashPoints> {
    this.#demandOpen();
    return everyCrashPoint({
      fresh: async (crashes) => this.#like({ ...this.#rules, crashes, ids: steadyIds() }),
      run: scenario,
    }, options);
  }

  /** A world that begins as this one did, with the same mocks. */
  async #like(rules: WorldRules): Promise<World> {
    const world = new World({ ...this.#options, startAt: new Date(this.#startAtMs) }, rules);
    world.#book.mockAs(this.#book);
    for (const { workflows, options } of this.#positions) await world.work(workflows, options);
    return world;
  }

  async history(run: { readonly id: string }): Promise<History> {
    this.#demandOpen();
    return readHistory({ store: this.store }, run.id);
  }

  async replay(history: History): Promise<void> {
    this.#demandOpen();
    await replay(history, { workflows: this.#positions.flatMap(({ workflows }) => workflows) });
  }

  /** Every worker vanishes, and another one stands in its place; the leases of what it drove have ended. */
  vanish(): void {
    for (const held of this.#held) {
      for (const runId of held.vanish()) this.store.endLease(runId);
    }
  }

  get now(): Date {
    return new Date(this.#time.nowMs);
  }

  async start<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In, StartOptions>
  ): Promise<RunHandle<Out, Sig>> {
    this.#demandServed(workflow);
    return this.client.start(workflow, ...args);
  }

  async execute<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In, StartOptions>
  ): Promise<Out> {
    const handle = await this.start(workflow, ...args);
    let over = false;
    const result = handle.result().finally(() => {
      over = true;
    });
    // Whoever waits for it hears of a failure below; when the wait itself fails, nobody asks any more.
    void result.catch(() => undefined);
    await this.#conductor.until(() => over, () => this.#stuck(handle));
    return result;
  }

  async #stuck(handle: RunHandle<unknown, unknown>): Promise<Error> {
    const { id, workflow } = handle;
    const status = await handle.status();
    return new WorkflowError('RUN_STUCK', `Run '${id}' of workflow '${workflow}' is ${status}, and no time ` +
      'will change that: what it waits for comes from outside. Begin it with env.start, send it what it ' +
      'waits for, and then await its result.', { runId: id });
  }

  async advance(by: Duration): Promise<void> {
    this.#demandOpen();
    await this.#conductor.advance(toMilliseconds(by, 'advance'));
  }

  async untilIdle(): Promise<void> {
    this.#demandOpen();
    await this.#conductor.untilIdle();
  }

  mockStep(workflow: Workflow, step: string, fn: StepMock): void {
    this.#demandServed(workflow);
    this.#book.mock(workflow.name, step, fn);
  }

  calls(workflow: Workflow, step: string): readonly StepCall[] {
    return this.#book.calls(workflow.name, step);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    let over = false;
    const stopped = Promise.all(this.#workers.map((worker) => worker.stop({ timeout: 0 }))).then(() => {
      over = true;
    });
    await this.#conductor.unwind(() => over);
    await stopped;
    await this.client.close();
  }

  #demandOpen(): void {
    if (this.#closed === null) return;
    throw new WorkflowError('TEST_ENV_CLOSED', 'This test environment has been disposed of. Make one for ' +
      'each test: await using env = await createTestEnv({ … }).');
  }

  #demandServed({ name }: Workflow): void {
    this.#demandOpen();
    if (this.#served.has(name)) return;
    const served = [...this.#served].map((each) => `'${each}'`).join(', ');
    throw new WorkflowError('NOT_SERVED', `Workflow '${name}' is none of this test environment, which ` +
      `serves ${served}. Pass it: createTestEnv({ workflows: [ … ] }).`);
  }
}

function startOf(startAt: Date | undefined): number {
  const ms = startAt === undefined ? systemEnv.wallTime() : startAt.getTime();
  if (Number.isNaN(ms)) throw new WorkflowError('INVALID_TIME', 'startAt is no valid Date.');
  return ms;
}
