// The worker: claims runs that are due, drives them, and keeps their leases. Start at `start`; the loop is
// poller.ts, what happens to a claimed run is turns.ts, how it is written is committer.ts.
import type { Connection, Duration, Logger, Transactor, Tx, Workflow } from '@perdure/core';
import {
  consoleLogger, guardedLogger, partOf, systemEnv, toMilliseconds, type AdoptedRun, type Adopter,
  type BirthLease, type Env, type Harness, type LeaseKeeper,
} from '@perdure/core/engine';
import { WorkflowError } from '@perdure/core';
import {
  defaultConcurrency, defaultLeaseMs, defaultShutdownMs, handBackMs, loopLimitLeases, renewalShare,
} from './defaults.js';
import { Carrier } from './carrier.js';
import { Outage } from './outage.js';
import { Poller } from './poller.js';
import { Registry } from './registry.js';
import { givingBack, tellRestored } from './restored.js';
import { serve, type Serving } from './served.js';
import { transactionsOf } from './transactions.js';
import { Turns } from './turns.js';

/** How a worker is made. */
export interface WorkerOptions {
  /** Where its runs are. */
  connection: Connection;
  /**
   * What it can run; runs of other workflows are left for other workers. Several of one name, each with a
   * version of its own: the first takes new runs, the others go on with those that have their version.
   */
  workflows: readonly Workflow[];
  /** Runs that are driven at the same time. Default 100. */
  concurrency?: number | undefined;
  /** How long a claim lasts without renewal: a killed worker's runs are taken over after it. Default 10 s. */
  leaseDuration?: Duration | undefined;
  /** How long `stop` waits for running steps. Default 10 s. */
  shutdownTimeout?: Duration | undefined;
  /**
   * Opens the transactions of `ctx.transaction` on the application's own library: `pgTransactor(pool)`,
   * `kyselyTransactor(db)`, or yours. Default: a few connections of the engine's own, whose function is
   * handed an SqlRunner. It must be the database that holds the runs.
   */
  transactor?: Transactor<Tx> | undefined;
  /** Version stamped on runs of workflows that declare none. Default: none. */
  version?: string | undefined;
  /**
   * Serves its workflows in these queues, instead of each in the queue that it names: for workers of their
   * own for what `client.start(…, { queue })` puts aside. Default: the queues of its workflows.
   */
  queues?: readonly string[] | undefined;
  /** Where log lines go. Default: the console. */
  logger?: Logger | undefined;
  /** The surroundings; tests that own time pass their own. */
  env?: Env | undefined;
  /** For `@perdure/testing`; no promise to applications. */
  harness?: Harness | undefined;
}

/** How a worker is doing. */
export interface WorkerHealth {
  /** False when it is not running, or the database does not answer. */
  readonly ok: boolean;
  readonly activeRuns: number;
  readonly lastPollAt: Date | null;
}

/** A running worker; see `createWorker`. */
export interface Worker extends AsyncDisposable {
  /** Starts claiming. Returns when the first look is under way. */
  start(): Promise<this>;
  /** Starts, and stops on SIGTERM, SIGINT or `abortSignal`; returns when everything has been handed back. */
  run(options?: { abortSignal?: AbortSignal | undefined }): Promise<void>;
  /** Claims nothing more, waits for running steps, hands every lease back. */
  stop(options?: { timeout?: Duration | undefined }): Promise<void>;
  health(): WorkerHealth;
}

/**
 * Makes a worker: it runs what is due in the database of `connection`. One a process is enough. Throws
 * DUPLICATE_WORKFLOW, NO_HANDLER, NO_WORKFLOWS, INVALID_CONCURRENCY, and WORKER_NEEDS_URL (on `start`) for a
 * connection that cannot open connections of its own.
 */
export function createWorker(options: WorkerOptions): Worker {
  return new DatabaseWorker(options);
}

interface Checked {
  readonly serving: Serving;
  readonly concurrency: number;
  readonly leaseMs: number;
}

/** Everything that can be wrong with a worker before it has a database; throws what `createWorker` throws. */
export function checkWorker(options: Omit<WorkerOptions, 'connection'>): Checked {
  const { concurrency = defaultConcurrency, leaseDuration, shutdownTimeout, version, queues } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new WorkflowError('INVALID_CONCURRENCY', `concurrency is ${concurrency}; give a whole number ` +
      'from 1 up.');
  }
  const leaseMs = leaseDuration === undefined
    ? defaultLeaseMs : Math.max(100, toMilliseconds(leaseDuration, 'leaseDuration'));
  if (shutdownTimeout !== undefined) toMilliseconds(shutdownTimeout, 'shutdownTimeout');
  if (options.transactor !== undefined) checkTransactor(options.transactor);
  return { serving: serve(options.workflows, { version, queues }), concurrency, leaseMs };
}

function checkTransactor(transactor: unknown): void {
  if (typeof transactor === 'object' && transactor !== null && 'transaction' in transactor &&
    typeof transactor.transaction === 'function' && !('isTransaction' in transactor)) return;
  throw new WorkflowError('INVALID_OPTION', 'transactor is none. Pass pgTransactor(pool), ' +
    'kyselyTransactor(db), or an object of your own with a function `transaction`; not the pool or the ' +
    'instance itself.');
}

class DatabaseWorker implements Worker, Adopter {
  readonly #options: WorkerOptions;
  readonly #env: Env;
  readonly #serving: Serving;
  readonly #leaseMs: number;
  readonly #renewMs: number;
  readonly #outage: Outage;
  readonly #log: Logger;
  readonly #turns: Turns;
  readonly #poller: Poller;
  readonly #carrier: Carrier;
  readonly #registry: Registry;
  readonly #undo: Array<() => void> = [];
  #keeper: LeaseKeeper | null = null;
  readonly #left = new AbortController();
  /** Restores are heard of until the last lease is given back. */
  #unwatch: () => void = () => undefined;
  #beatAt = 0;
  #stopped: Promise<void> | null = null;
  #idle: (() => void) | null = null;

  constructor(options: WorkerOptions) {
    const { connection } = options;
    const { serving, concurrency, leaseMs } = checkWorker(options);
    this.#options = options;
    this.#env = options.env ?? systemEnv;
    this.#serving = serving;
    this.#leaseMs = leaseMs;
    this.#renewMs = this.#leaseMs * renewalShare;
    const log = guardedLogger(options.logger ?? consoleLogger);
    this.#log = log;
    this.#outage = new Outage(this.#env, log);
    const { store, hints, continuity } = connection;
    const shared = {
      env: this.#env, store, hints, continuity, outage: this.#outage, leaseMs: this.#leaseMs,
    };
    this.#turns = new Turns({
      ...shared, log, definitionFor: this.#serving.definitionFor, harness: options.harness ?? null,
      held: (leases) => this.#keeper?.hold(leases),
      giveBack: givingBack({
        env: this.#env, outage: this.#outage, connection, due: () => this.#poller.poke(),
      }),
      freed: () => this.#freed(),
      quarantineFreed: () => this.#poller.quarantineFreed(),
      dueIn: (ms) => this.#poller.dueIn(ms),
      settled: (runs) => hints.settled(runs),
      transactions: transactionsOf({
        env: this.#env, outage: this.#outage, leaseMs, connection, transactor: options.transactor ?? null,
      }),
      tiedSettled: () => hints.mail(),
    });
    options.harness?.attach?.(this.#turns);
    this.#carrier = new Carrier({ ...shared, told: (runIds) => this.#turns.told(runIds) });
    this.#poller = new Poller({ ...shared, turns: this.#turns, served: this.#serving.served, concurrency });
    const { served } = this.#serving;
    this.#registry = new Registry({ ...shared, log, workflows: options.workflows, served, concurrency });
  }

  async start(): Promise<this> {
    if (this.#stopped !== null) {
      throw new WorkflowError('WORKER_STOPPED', 'This worker was stopped. Make a new one with createWorker.');
    }
    if (this.#keeper !== null) return this;
    const { connection } = this.#options;
    // The thread counts from the last beat, which lies some time before the loop was blocked.
    const loopLimitMs = this.#leaseMs * loopLimitLeases + this.#renewMs;
    this.#keeper = connection.keepLeases({ leaseMs: this.#leaseMs, renewMs: this.#renewMs, loopLimitMs });
    this.#undo.push(connection.hints.onDue(() => this.#poller.poke()), connection.hints.listen());
    this.#undo.push(connection.hints.onMail(() => this.#carrier.poke()));
    this.#unwatch = connection.continuity.onBreak((why) => {
      tellRestored(this.#log, why, this.#turns.forget());
    });
    this.#carrier.start();
    this.#registry.start();
    connection.adopters.add(this);
    this.#undo.push(() => void connection.adopters.delete(this));
    this.#beatAt = this.#env.monotonic();
    void this.#beat();
    this.#poller.start();
    return this;
  }

  // Renews what is due for it, and shows the lease thread that the loop is alive.
  async #beat(): Promise<void> {
    while (!this.#left.signal.aborted) {
      const now = this.#env.monotonic();
      const silentMs = now - this.#beatAt;
      if (silentMs > this.#renewMs) this.#turns.blocked(silentMs);
      this.#beatAt = now;
      this.#turns.renew(this.#renewMs);
      this.#keeper?.beat([...this.#turns.live].map((run) => run.lease));
      await this.#env.idle(this.#renewMs / 3, this.#left.signal);
    }
  }

  #freed(): void {
    this.#poller.freed();
    if (this.#held === 0) this.#idle?.();
  }

  /** Runs that are driven, or being born for this worker. */
  get #held(): number {
    return this.#turns.size + this.#poller.reserved;
  }

  async run(options: { abortSignal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.start();
    await new Promise<void>((resolve) => {
      const stop = (): void => {
        process.off('SIGTERM', stop);
        process.off('SIGINT', stop);
        options.abortSignal?.removeEventListener('abort', stop);
        resolve();
      };
      // Whoever else stops the worker ends this as well.
      this.#undo.push(stop);
      process.once('SIGTERM', stop);
      process.once('SIGINT', stop);
      if (options.abortSignal?.aborted === true) stop();
      options.abortSignal?.addEventListener('abort', stop, { once: true });
    });
    await this.stop();
  }

  stop(options: { timeout?: Duration | undefined } = {}): Promise<void> {
    const timeout = options.timeout ?? this.#options.shutdownTimeout;
    const patienceMs = timeout === undefined
      ? defaultShutdownMs : toMilliseconds(timeout, 'the timeout of stop');
    this.#stopped ??= this.#stop(patienceMs);
    return this.#stopped;
  }

  async #stop(patienceMs: number): Promise<void> {
    for (const undo of this.#undo) undo();
    const forgotten = this.#registry.stop();
    this.#turns.stop();
    await this.#patiently(Promise.all([this.#poller.stop(), this.#carrier.stop()]), patienceMs);
    await this.#patiently(this.#drained(), patienceMs);
    this.#turns.abandonSteps(new WorkflowError('WORKER_STOPPING', 'The worker stops; its patience is over.'));
    await this.#patiently(this.#drained(), Math.max(patienceMs, handBackMs));
    this.#outage.leave();
    this.#left.abort();
    this.#unwatch();
    await Promise.all([this.#keeper?.close(), forgotten]);
  }

  /** Resolves when no run is driven any more. */
  #drained(): Promise<void> {
    if (this.#held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  async #patiently(done: Promise<unknown>, patienceMs: number): Promise<void> {
    const enough = new AbortController();
    void done.then(() => enough.abort());
    await this.#env.sleep(patienceMs, enough.signal);
  }

  health(): WorkerHealth {
    const polled = this.#poller.polledAt;
    return {
      ok: this.#keeper !== null && this.#stopped === null && !this.#outage.on,
      activeRuns: this.#turns.size,
      lastPollAt: polled === null ? null : new Date(polled),
    };
  }

  offer(workflow: string, queue: string): BirthLease | null {
    const served = this.#serving.served.find((kind) => (
      kind.workflow === workflow && kind.queue === queue && kind.version === null));
    if (served === undefined || !this.#poller.mayAdopt || this.#outage.on) return null;
    this.#poller.reserve(1);
    return { claimId: this.#env.newToken(), leaseMs: this.#leaseMs, version: served.stamp };
  }

  adopt(claimId: string, run: AdoptedRun | 'nothing' | 'unknown'): void {
    this.#poller.reserve(-1);
    if (run === 'unknown') this.#poller.recallLater(claimId);
    if (typeof run === 'string') {
      this.#freed();
      return;
    }
    const { id, workflow, queue, input, timeoutMs, epoch, at } = run;
    const lease = { runId: id, part: partOf(id), generation: 1, epoch };
    void this.#turns.begin([{
      lease, before: 0, fresh: true, first: true, tied: false, workflow, queue, input, version: run.version,
      createdAt: at, firstClaimedAt: at, strikes: 0, soloStrikes: 0, timeoutMs,
      headers: run.headers,
    }], at);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
