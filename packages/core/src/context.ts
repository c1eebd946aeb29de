// The object that a workflow function receives: what a workflow can say. Calls are shaped in requests.ts and
// branch-context.ts, and answered by `LiveRun`.
import type { Duration } from './duration-type.js';
import type { Logger } from './logger.js';
import type { ParentClose } from './mail.js';
import type { NoSignals, PayloadArgs, StartArgs, Tx, Workflow } from './ports.js';
import type { RetryPolicy } from './retry.js';
import type { AttributeValue } from './store.js';

/** What a step body is given. */
export interface StepInfo {
  readonly name: string;
  /** 1 at first, one more after each recorded failure. A worker that died is no failure of the step. */
  readonly attempt: number;
  /** The same at every attempt of this step, and of no other: hand it to services that deduplicate. */
  readonly idempotencyKey: string;
  /** Fires when the step timed out, lost its run, was withdrawn or cancelled, or the worker stops. */
  readonly abortSignal: AbortSignal;
  readonly log: Logger;
  /** What an earlier attempt last told `heartbeat`; undefined at first. */
  readonly progress: unknown;
  /**
   * Says that the step is alive, which matters to its `heartbeatTimeout`, and records how far it has come:
   * the next attempt finds it in `progress`. Written at most once a second, and not waited for.
   */
  heartbeat(progress?: unknown): void;
  /**
   * Appends a chunk to a progress stream of the run, which clients read with `handle.stream(name)`. Not
   * waited for; chunks of one moment share a write. A repeated attempt publishes again.
   */
  publish(stream: string, chunk: unknown): void;
}

/** How one step is run. */
export interface StepOptions {
  /** Default: the policy of the workflow. A number means `maximumAttempts`. */
  retry?: number | RetryPolicy | undefined;
  /** Longest time one attempt may take; none by default. */
  timeout?: Duration | undefined;
  /** Longest time all attempts and the waits between them may take; none by default. */
  totalTimeout?: Duration | undefined;
  /** Longest time between two heartbeats; then the attempt has failed, and the next may begin elsewhere. */
  heartbeatTimeout?: Duration | undefined;
}

/** The code of a step. */
export type StepBody<T> = (step: StepInfo) => T | Promise<T>;

/** How one transactional step is run. */
export interface TransactionOptions extends Pick<StepOptions, 'retry' | 'timeout'> {
  /** Default: 'read committed'. */
  isolationLevel?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
}

/** How many items `ctx.map` works on at a time, how they are known, and how their steps are run. */
export interface MapOptions<Item> extends StepOptions {
  /** Items at a time; all by default. */
  concurrency?: number | undefined;
  /**
   * A name of its own for each item: its record is found by it, so that items may be added, dropped and
   * reordered while runs are under way. Default: its number.
   */
  key?: ((item: Item) => string) | undefined;
}

/** How a child is started. */
export interface ChildOptions {
  /** Id of the child's run. Default: made from the parent's id and the place of the call. */
  id?: string | undefined;
  /** It begins this long after its start. */
  delay?: Duration | undefined;
  /** Longest time from its first claim to its end; default: its workflow's. */
  timeout?: Duration | undefined;
  /**
   * What becomes of it when the parent ends first. Default: it outlives a parent that completed, and is
   * cancelled with one that failed or was cancelled. 'cancel': cancelled at any end; 'terminate': ended at
   * once, without its own code; 'abandon': left alone, also when the waiting parent is cancelled.
   */
  parentClose?: Exclude<ParentClose, 'default'> | undefined;
  /** From -2 to 2: due runs of a higher one are claimed first. Default 0, whatever the parent has. */
  priority?: number | undefined;
  /** What it can be searched by from the beginning, beside what its workflow says. */
  attributes?: Readonly<Record<string, AttributeValue>> | undefined;
  /** Default: those of the parent. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** A child that was started and not waited for. */
export interface ChildRun<Out, Sig = NoSignals> {
  readonly id: string;
  /** Waits for its end. Throws RunFailedError and RunCancelledError as `ctx.execute` does. */
  result(): Promise<Out>;
  /** Asks it to stop. Resolves when the wish is recorded, not when it has ended. */
  cancel(reason?: string): Promise<void>;
  signal<K extends keyof Sig & string>(name: K, ...payload: PayloadArgs<Sig[K]>): Promise<void>;
}

/** A promise that somebody outside of the run keeps, by its token. */
export interface Callback<T> {
  /** Hand it out: `client.complete(token, value)` or `client.fail(token, error)` answers. Unguessable. */
  readonly token: string;
  /** Waits for the answer; throws what it was failed with. */
  result(): Promise<T>;
  /** Null when nobody answered in time; a later answer can still be waited for. */
  result(options: { timeout: Duration }): Promise<T | null>;
}

/** The functions of a race or of `all`, by name. */
export type Branches<Sig> = Record<string, (scope: Ctx<Sig>) => Promise<unknown>>;

/**
 * The context of a run. Everything a workflow does to the world, and everything it learns from it, goes
 * through these calls; each answer is recorded before the workflow goes on, and replayed after a crash.
 */
export interface Ctx<Sig = NoSignals> {
  readonly runId: string;
  /** The generation of the run: 1 at first. */
  readonly attempt: number;
  /** When a worker first took the run, by the database's clock. */
  readonly startedAt: Date;
  /** What its start carried along, such as the context of a trace. A child has its parent's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Silent while recorded answers are replayed. */
  readonly log: Logger;
  /** Fires when the run is cancelled, at the same point at every replay. */
  readonly abortSignal: AbortSignal;

  /**
   * Runs `body` and records its result: at least once, and never again once recorded. Failures are tried
   * again by the retry policy, durably between attempts; the last one is thrown. The value is what comes back
   * from storage: see docs/guarantees.md for what can be stored.
   */
  step<T>(name: string, body: StepBody<T>): Promise<T>;
  step<T>(name: string, options: StepOptions, body: StepBody<T>): Promise<T>;
  /**
   * Runs `body` in a transaction of the application's database: what it writes there, the runs it starts and
   * the messages it sends with `tx`, and the record of the step commit together, exactly once. Needs a worker
   * with a transactor. Serialization failures are tried again whole.
   */
  transaction<T>(name: string, body: (tx: Tx, step: StepInfo) => Promise<T>): Promise<T>;
  transaction<T>(
    name: string, options: TransactionOptions, body: (tx: Tx, step: StepInfo) => Promise<T>): Promise<T>;

  /** Waits durably: the run gives its slot back and costs nothing while it sleeps. */
  sleep(duration: Duration): Promise<void>;
  /** Waits until an instant, judged by the database's clock; at once if it has passed. */
  sleepUntil(time: Date): Promise<void>;

  /**
   * Takes the oldest signal of this name, now or when it comes; signals that nobody waits for are kept. With
   * a timeout it answers null when none came. A payload that does not fit the schema is thrown as
   * SIGNAL_INVALID.
   */
  waitFor<K extends keyof Sig & string>(signal: K): Promise<Sig[K]>;
  waitFor<K extends keyof Sig & string>(signal: K, options: { timeout: Duration }): Promise<Sig[K] | null>;
  /**
   * Takes the next event of this name (and key): one that was emitted up to `lookBack` (default 1 minute)
   * before the wait began counts. Null when none came in time. An event comes to every run that waits for it,
   * and to each once.
   */
  waitForEvent<T = unknown>(
    event: string, options: { key?: string | undefined; timeout: Duration; lookBack?: Duration | undefined },
  ): Promise<T | null>;
  /** Makes a promise that a web hook, or a person, keeps through the client. */
  callback<T = unknown>(): Promise<Callback<T>>;

  /**
   * Starts a child and waits for its result. Throws RunFailedError (`cause` is its own error) and
   * RunCancelledError; RUN_ID_TAKEN when its id belongs to a run of another workflow. A run of that id and
   * workflow that exists already is waited for, whoever started it.
   */
  execute<In, Out, S>(
    child: Workflow<In, unknown, Out, S>, ...args: StartArgs<In, ChildOptions>): Promise<Out>;
  /** Starts a child and goes on. */
  start<In, Out, S>(
    child: Workflow<In, unknown, Out, S>, ...args: StartArgs<In, ChildOptions>): Promise<ChildRun<Out, S>>;

  /**
   * Runs `body` as a step for each item, `concurrency` at a time, and returns the results in the order of the
   * items. When one fails for good, the others are told to stop and waited for, and its error is thrown.
   */
  map<Item, T>(
    name: string, items: Iterable<Item>, options: MapOptions<Item>,
    body: (item: Item, step: StepInfo) => T | Promise<T>): Promise<T[]>;
  /**
   * Runs branches side by side until the first of them returns or throws: that is the answer. What the others
   * wait for is withdrawn, their steps are told to stop, and all of them have ended before it is given.
   */
  race<R extends Branches<Sig>>(branches: R):
    Promise<{ [K in keyof R]: { winner: K; value: Awaited<ReturnType<R[K]>> } }[keyof R]>;
  /** Runs branches side by side until all have returned. When one throws, the others end as in a race. */
  all<R extends Branches<Sig>>(branches: R, options?: { concurrency?: number | undefined }):
    Promise<{ [K in keyof R]: Awaited<ReturnType<R[K]>> }>;

  /**
   * Whether this run takes the new code: true where it has not been before, false where its record goes on
   * with what older code did. The same at every replay, and asked for as often as you like:
   * `if (await ctx.patched('check stock')) …`. See docs/change.md.
   */
  patched(id: string): Promise<boolean>;
  /**
   * Ends this generation of the run, and begins the next one with `input` and an empty record. Signals that
   * were not taken wait for it; attributes stay; the newest version that is served takes it. It throws
   * `ContinuedAsNew` to leave the function: let that pass. With calls open it throws CALLS_OPEN instead; in
   * a run that is being cancelled, what that throws.
   */
  continueAsNew(input?: unknown): Promise<never>;

  /**
   * Registers what undoes the work so far. When the workflow function throws, whatever still runs is told to
   * stop and waited for; then these run as steps, the last registered first. One that fails for good parks
   * the run with both errors.
   */
  onRollback(name: string, body: (step: StepInfo, cause: Error) => unknown): void;
  /** Sets attributes that runs can be searched by; null removes one. */
  set(attributes: Record<string, AttributeValue | null>): Promise<void>;
  /** Appends a chunk to a progress stream, which clients read with `handle.stream(name)`. Not waited for. */
  publish(stream: string, chunk: unknown): void;
  /**
   * The database's time at the last delivered answer (before any: at the first claim). The same at replay.
   */
  now(): Date;
  /** From 0 up to 1; the same at replay. */
  random(): number;
  /** A UUID; the same at replay. */
  uuid(): string;
}

/** The code of a workflow. */
export type Handler<Arg, Out, Sig = NoSignals> = (ctx: Ctx<Sig>, input: Arg) => Promise<Out>;
