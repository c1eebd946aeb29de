// Retry policies: what they default to, and the one decision they make. Pure: chance comes in as a number.
import { toMilliseconds, type Duration } from './duration.js';
import { NonRetryableError, RetryAfterError, WorkflowError } from './errors.js';

/**
 * How often and how fast a failed step is tried again. Temporal's names, so that configurations can be
 * carried over. Durations are milliseconds or texts such as '30 seconds'.
 */
export interface RetryPolicy {
  /** Wait before the second attempt. Default 1 second. */
  initialInterval?: Duration | undefined;
  /** Each further wait is longer by this factor, at least 1. Default 2. */
  backoffCoefficient?: number | undefined;
  /** No wait is longer than this. Default 1 minute. */
  maximumInterval?: Duration | undefined;
  /** Attempts in all, the first included; Infinity is allowed. Default 5. */
  maximumAttempts?: number | undefined;
  /** Full jitter: each wait is a random share of its length. Default true. */
  jitter?: boolean | undefined;
  /** Errors of these classes are not tried again. */
  nonRetryableErrors?: ReadonlyArray<abstract new (...args: never[]) => Error> | undefined;
}

/** A policy with every default filled in, durations in milliseconds. */
export interface ResolvedRetry {
  readonly initialMs: number;
  readonly coefficient: number;
  readonly maximumMs: number;
  readonly attempts: number;
  readonly jitter: boolean;
  readonly nonRetryable: ReadonlyArray<abstract new (...args: never[]) => Error>;
}

/** What a step without any policy gets: 5 attempts, 1 s × 2, at most 1 min, full jitter. */
export const defaultRetry: ResolvedRetry = {
  initialMs: 1_000, coefficient: 2, maximumMs: 60_000, attempts: 5, jitter: true, nonRetryable: [],
};

/** Fills in a policy from `base`. A number means `maximumAttempts`. Throws INVALID_RETRY for nonsense. */
export function resolveRetry(
  policy: number | RetryPolicy | undefined, base: ResolvedRetry, what: string,
): ResolvedRetry {
  if (policy === undefined) return base;
  const given: RetryPolicy = typeof policy === 'number' ? { maximumAttempts: policy } : policy;
  const attempts = given.maximumAttempts ?? base.attempts;
  const coefficient = given.backoffCoefficient ?? base.coefficient;
  if (!(attempts >= 1) || (attempts !== Infinity && !Number.isInteger(attempts))) {
    throw invalid(what, `maximumAttempts is ${attempts}; give a whole number from 1 up, or Infinity`);
  }
  if (!(coefficient >= 1) || coefficient === Infinity) {
    throw invalid(what, `backoffCoefficient is ${coefficient}; give a finite number from 1 up`);
  }
  return {
    initialMs: given.initialInterval === undefined
      ? base.initialMs : toMilliseconds(given.initialInterval, `${what}: initialInterval`),
    coefficient,
    maximumMs: given.maximumInterval === undefined
      ? base.maximumMs : toMilliseconds(given.maximumInterval, `${what}: maximumInterval`),
    attempts,
    jitter: given.jitter ?? base.jitter,
    nonRetryable: given.nonRetryableErrors ?? base.nonRetryable,
  };
}

function invalid(what: string, why: string): WorkflowError {
  return new WorkflowError('INVALID_RETRY', `${what}: ${why}.`);
}

/** When the next attempt begins: after a duration, at the caller's own instant, or never. */
export type RetryDecision =
  | { readonly kind: 'after'; readonly delayMs: number }
  | { readonly kind: 'at'; readonly atMs: number }
  | { readonly kind: 'give-up' };

/** What follows the failure of attempt number `attempt` (from 1). `chance` is a number from 0 up to 1. */
export function decideRetry(
  retry: ResolvedRetry, failure: { attempt: number; error: unknown }, chance: number,
): RetryDecision {
  const { attempt, error } = failure;
  if (attempt >= retry.attempts || error instanceof NonRetryableError) return { kind: 'give-up' };
  if (retry.nonRetryable.some((kind) => error instanceof kind)) return { kind: 'give-up' };
  if (error instanceof RetryAfterError) {
    if (error.after instanceof Date) {
      const at = error.after.getTime();
      if (Number.isNaN(at)) throw invalid('RetryAfterError', 'its Date is invalid');
      return { kind: 'at', atMs: at };
    }
    return { kind: 'after', delayMs: toMilliseconds(error.after, 'RetryAfterError') };
  }
  // Past 2^1023 a double is Infinity, and nothing times that is no number: no wait stays no wait.
  const grown = retry.initialMs === 0 ? 0 : retry.initialMs * retry.coefficient ** (attempt - 1);
  const full = Math.min(retry.maximumMs, grown);
  return { kind: 'after', delayMs: Math.round(retry.jitter ? full * chance : full) };
}
