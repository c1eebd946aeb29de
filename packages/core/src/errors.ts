// Every error class of the engine. Few classes; each error carries a stable code, its facts, and what to do.
//
//   X1. A code never changes its meaning; docs/errors.md lists them all.
//   X2. What user code threw is never wrapped on its way to user code; it is the `cause` of what callers see.
import type { Duration } from './duration-type.js';

/** What every error of the engine may carry beside its message. */
export interface WorkflowErrorOptions {
  readonly cause?: unknown;
  readonly runId?: string | undefined;
}

/**
 * Base of everything the engine throws. Branch on `code`, never on the message. Thrown as it is for misuse
 * and for trouble with the database; the subclasses below exist where callers catch by class.
 */
export class WorkflowError extends Error {
  override readonly name: string = 'WorkflowError';
  /** Stable upper-case code; docs/errors.md has the list. */
  readonly code: string;
  /** The run it is about, where there is one. */
  readonly runId?: string;

  constructor(code: string, message: string, options: WorkflowErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.runId !== undefined) this.runId = options.runId;
  }
}

/** A value that cannot be stored or read back. `path` says where in the value, such as `items[3].buffer`. */
export class PayloadError extends WorkflowError {
  override readonly name = 'PayloadError';
  readonly path: string;

  constructor(code: string, message: string, path: string, options: WorkflowErrorOptions = {}) {
    super(code, message, options);
    this.path = path;
  }
}

/** Throw it from a step to fail it for good: no further attempt is made, whatever the retry policy says. */
export class NonRetryableError extends Error {
  override readonly name: string = 'NonRetryableError';
}

/**
 * Throw it from a step to choose when the next attempt begins: after a duration, or not before an instant
 * (judged by the database's clock). Counts as an attempt.
 */
export class RetryAfterError extends Error {
  override readonly name: string = 'RetryAfterError';
  readonly after: Duration | Date;

  constructor(message: string, after: Duration | Date, options?: ErrorOptions) {
    super(message, options);
    this.after = after;
  }
}

const limits = {
  attempt: ['did not finish within', 'Give it a longer timeout'],
  total: ['did not finish within all its attempts in', 'Give it a longer totalTimeout'],
  heartbeat: ['gave no heartbeat for', 'Call step.heartbeat() more often, give it a longer heartbeatTimeout'],
} as const;

/**
 * A step passed its `timeout`, its `heartbeatTimeout` (both are seen by the retry policy like any other
 * failure), or its `totalTimeout` (no attempt follows; `cause` is what the last one failed with).
 */
export class StepTimeoutError extends WorkflowError {
  override readonly name = 'StepTimeoutError';
  /** Which of them it passed. */
  readonly limit: 'attempt' | 'total' | 'heartbeat';

  constructor(step: string, timeoutMs: number, limit: keyof typeof limits, options?: WorkflowErrorOptions) {
    const [fact, advice] = limits[limit];
    super('STEP_TIMEOUT', `Step '${step}' ${fact} ${timeoutMs} ms. ${advice}, or let its work stop on ` +
      'step.abortSignal, which has fired.', options);
    this.limit = limit;
  }
}

/**
 * `handle.result()` and `client.execute` throw it when the run failed; `cause` is the workflow's own error.
 */
export class RunFailedError extends WorkflowError {
  override readonly name = 'RunFailedError';

  constructor(runId: string, workflow: string, cause: Error) {
    const message = `Run '${runId}' of workflow '${workflow}' failed: ${cause.message}`;
    super('RUN_FAILED', message, { cause, runId });
  }
}

/**
 * The run was cancelled: thrown by `handle.result()`, by `ctx.execute` for a child, and inside the run by
 * what it waits for when the cancel arrives. Code that catches it may clean up, and should throw it again.
 */
export class RunCancelledError extends WorkflowError {
  override readonly name = 'RunCancelledError';
  /** Why, in the words of whoever cancelled it. */
  readonly reason: string;

  constructor(runId: string, reason: string) {
    super('RUN_CANCELLED', `Run '${runId}' was cancelled: ${reason}`, { runId });
    this.reason = reason;
  }
}

/** The run passed its `timeout`: thrown inside the run by what it waits for, and what the run fails with. */
export class RunTimeoutError extends WorkflowError {
  override readonly name = 'RunTimeoutError';

  constructor(runId: string, timeoutMs: number) {
    super('RUN_TIMEOUT', `Run '${runId}' did not end within its timeout of ${timeoutMs} ms.`, { runId });
  }
}

/**
 * The run is parked: it cannot go on until a person looked at it. `code` is the reason: NONDETERMINISM,
 * FOREIGN_AWAIT, UNAWAITED_CALL, NESTED_CALL, CLIENT_IN_WORKFLOW, ROLLBACK_FAILED, CONTINUE_CAUGHT,
 * POISONED, VALUE_UNREADABLE, VALUE_REFUSED.
 */
export class RunParkedError extends WorkflowError {
  override readonly name = 'RunParkedError';
}

/**
 * The database cannot be reached, or did not answer within its deadline. Whether the last statement took
 * effect is unknown; everything the engine sends may be sent again.
 */
export class DatabaseUnavailableError extends WorkflowError {
  override readonly name = 'DatabaseUnavailableError';

  constructor(message: string, options: WorkflowErrorOptions = {}) {
    super('DATABASE_UNAVAILABLE', message, options);
  }
}

/** An invariant of the engine itself does not hold: a bug of ours. Please report it with its message. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Says that something which the engine relies on holds; throws InvariantError when it does not. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
