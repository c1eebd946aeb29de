// The object that a workflow function receives. It only shapes calls; `LiveRun` answers them.
import { Chance } from './chance.js';
import type { Duration } from './duration.js';
import { toMilliseconds } from './duration.js';
import { WorkflowError } from './errors.js';
import type { Logger } from './logger.js';
import { checkName } from './names.js';
import { resolveRetry, type ResolvedRetry, type RetryPolicy } from './retry.js';

/** What a step body is given. */
export interface StepInfo {
  readonly name: string;
  /** 1 at first, one more after each recorded failure. A worker that died is no failure of the step. */
  readonly attempt: number;
  /** The same at every attempt of this step, and of no other: hand it to services that deduplicate. */
  readonly idempotencyKey: string;
  /** Fires when the step timed out, lost its run, was withdrawn, or the worker stops. */
  readonly abortSignal: AbortSignal;
  readonly log: Logger;
}

/** How one step is run. */
export interface StepOptions {
  /** Default: the policy of the workflow. A number means `maximumAttempts`. */
  retry?: number | RetryPolicy | undefined;
  /** Longest time one attempt may take; none by default. */
  timeout?: Duration | undefined;
}

/** The code of a step. */
export type StepBody<T> = (step: StepInfo) => T | Promise<T>;

/**
 * The context of a run. Everything a workflow does to the world, and everything it learns from it, goes
 * through these calls; each answer is recorded before the workflow goes on, and replayed after a crash.
 */
export interface Ctx {
  readonly runId: string;
  /** The generation of the run: 1 at first. */
  readonly attempt: number;
  /** When a worker first took the run, by the database's clock. */
  readonly startedAt: Date;
  /** Silent while recorded answers are replayed. */
  readonly log: Logger;

  /**
   * Runs `body` and records its result: at least once, and never again once recorded. Failures are tried
   * again by the retry policy, durably between attempts; the last one is thrown. The value is what comes back
   * from storage: see docs/guarantees.md for what can be stored.
   */
  step<T>(name: string, body: StepBody<T>): Promise<T>;
  step<T>(name: string, options: StepOptions, body: StepBody<T>): Promise<T>;
  /** Waits durably: the run gives its slot back and costs nothing while it sleeps. */
  sleep(duration: Duration): Promise<void>;
  /** Waits until an instant, judged by the database's clock; at once if it has passed. */
  sleepUntil(time: Date): Promise<void>;
  /**
   * The database's time at the last delivered answer (before any: at the first claim). The same at replay.
   */
  now(): Date;
  /** From 0 up to 1; the same at replay. */
  random(): number;
  /** A UUID; the same at replay. */
  uuid(): string;
}

/** A step as it was asked for, ready to run. */
export interface StepRequest {
  readonly kind: 'step';
  readonly name: string;
  readonly body: StepBody<unknown>;
  readonly retry: ResolvedRetry;
  readonly timeoutMs: number | null;
}

/** A sleep as it was asked for. */
export interface SleepRequest {
  readonly kind: 'sleep';
  readonly name: string;
  readonly delayMs: number | null;
  readonly atMs: number | null;
}

/** Everything a workflow can ask for. */
export type CallRequest = StepRequest | SleepRequest;

/** What the context needs of the run behind it. */
export interface ContextHost {
  readonly runId: string;
  readonly generation: number;
  readonly startedAtMs: number;
  readonly defaultRetry: ResolvedRetry;
  readonly log: Logger;
  /** Milliseconds since 1970 of the last delivered answer. */
  now(): number;
}

/** Makes the context of a run. */
export function makeContext(host: ContextHost, call: (request: CallRequest) => Promise<unknown>): Ctx {
  let chance: Chance | null = null;
  const chances = (): Chance => chance ??= new Chance(host.runId, host.generation);
  return {
    runId: host.runId,
    attempt: host.generation,
    get startedAt(): Date {
      return new Date(host.startedAtMs);
    },
    get log(): Logger {
      return host.log;
    },
    step: <T>(name: string, second: StepOptions | StepBody<T>, third?: StepBody<T>) =>
      // A step is answered with what its body returned, decoded again: the type is the body's.
      call(stepRequest(host, name, third === undefined ? [{}, second] : [second, third])) as Promise<T>,
    sleep: (duration: Duration) => call({
      kind: 'sleep', name: 'sleep', delayMs: toMilliseconds(duration, 'ctx.sleep'), atMs: null,
    }) as Promise<void>,
    sleepUntil: (time: Date) => call({
      kind: 'sleep', name: 'sleepUntil', delayMs: null, atMs: instantOf(time),
    }) as Promise<void>,
    now: () => new Date(host.now()),
    random: () => chances().random(),
    uuid: () => chances().uuid(),
  };
}

function stepRequest(host: ContextHost, name: string, [options, body]: readonly unknown[]): StepRequest {
  checkName(name, 'the name of a step');
  if (typeof body !== 'function' || typeof options !== 'object' || options === null) {
    throw new WorkflowError('INVALID_STEP', `Step '${name}' has no function. Write ctx.step(name, async ` +
      '() => …), or ctx.step(name, options, async () => …).', { runId: host.runId });
  }
  const { retry, timeout } = options as StepOptions;
  return {
    kind: 'step',
    name,
    body: body as StepBody<unknown>,
    retry: retry === undefined ? host.defaultRetry : resolveRetry(retry, host.defaultRetry, `Step '${name}'`),
    timeoutMs: timeout === undefined ? null : toMilliseconds(timeout, `Step '${name}': timeout`),
  };
}

function instantOf(time: Date): number {
  const ms = time instanceof Date ? time.getTime() : NaN;
  if (Number.isNaN(ms)) {
    throw new WorkflowError('INVALID_TIME', 'ctx.sleepUntil was not given a valid Date. Pass a Date; for ' +
      'a length of time use ctx.sleep.');
  }
  // Databases begin at different years; whatever has passed has passed.
  return Math.max(0, ms);
}
