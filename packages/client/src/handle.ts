// A client's grip on one run.
import {
  RunCancelledError, RunFailedError, RunParkedError, WorkflowError, type Duration,
  type RunStatus,
} from '@perdure/core';
import {
  decode, decodeError, toMilliseconds, type Env, type RunRecord, type Store,
} from '@perdure/core/engine';
import type { ResultWatcher } from './result-watcher.js';

/**
 * A run that exists, or will when the caller's transaction commits. Make a handle of it with `client.get`.
 */
export interface RunRef<Out = unknown> {
  readonly id: string;
  readonly workflow: string;
  /** Exists at compile time only. */
  readonly __out?: Out;
}

/** How long to wait for a result. */
export interface ResultOptions {
  /** Throws RESULT_TIMEOUT after this long. Default: no limit. */
  timeout?: Duration | undefined;
  abortSignal?: AbortSignal | undefined;
}

/** A run that can be asked about. */
export interface RunHandle<Out = unknown> extends RunRef<Out> {
  /**
   * Waits until the run has settled and returns what its workflow returned. Throws RunFailedError (`cause` is
   * the workflow's own error), RunCancelledError, RunParkedError, RESULT_TIMEOUT, the reason of
   * `abortSignal`, and RUN_NOT_FOUND when there is no such run for some seconds. Ten thousand callers share
   * one query.
   */
  result(options?: ResultOptions): Promise<Out>;
  /** Where the run stands now. Throws RUN_NOT_FOUND. */
  status(): Promise<RunStatus>;
}

/** What a handle works with. */
export interface HandleContext {
  readonly env: Env;
  readonly store: Store;
  readonly watcher: ResultWatcher;
}

const patienceForUnknownMs = 5_000;

/** Makes the handle of a run; `justStarted` if this client has created it this moment. */
export function makeHandle<Out>(
  context: HandleContext, { id, workflow }: RunRef, justStarted = false,
): RunHandle<Out> {
  return {
    id,
    workflow,
    result: async (options = {}) => waitForResult<Out>(context, { id, workflow, justStarted }, options),
    status: async () => {
      const [run] = await context.store.readRuns([id]);
      if (run === undefined) throw notFound(id);
      return run.status;
    },
  };
}

function waitForResult<Out>(
  { env, watcher }: HandleContext, { id, workflow, justStarted }: RunRef & { justStarted: boolean },
  { timeout, abortSignal }: ResultOptions,
): Promise<Out> {
  const timeoutMs = timeout === undefined ? null : toMilliseconds(timeout, 'the timeout of result');
  return new Promise<Out>((resolve, reject) => {
    const began = env.monotonic();
    const timer = timeoutMs === null
      ? null : env.after(timeoutMs, () => end(() => reject(tooLate(id, timeoutMs))));
    const abort = (): void => end(() => reject(abortSignal?.reason));
    const unwatch = watcher.watch(id, (run) => {
      if (run === 'closed') end(() => reject(closed(id)));
      else if (run !== null) end(() => settle(run));
      else if (env.monotonic() - began > patienceForUnknownMs) end(() => reject(notFound(id)));
    }, justStarted);
    const end = (then: () => void): void => {
      timer?.cancel();
      abortSignal?.removeEventListener('abort', abort);
      unwatch();
      then();
    };
    const settle = (run: RunRecord): void => {
      try {
        // What the workflow returned is of the type that its definition carries here.
        resolve(outcomeOf(run, workflow) as Out);
      } catch (error) {
        reject(error);
      }
    };
    if (abortSignal?.aborted === true) abort();
    else abortSignal?.addEventListener('abort', abort, { once: true });
  });
}

function outcomeOf(run: RunRecord, workflow: string): unknown {
  if (run.status === 'completed') return decode(run.output);
  const cause = decodeError(run.error ?? '');
  if (run.status === 'failed') throw new RunFailedError(run.id, workflow, cause);
  if (run.status === 'cancelled') throw new RunCancelledError(run.id, cause.message);
  throw new RunParkedError(run.reason ?? 'PARKED', cause.message, { cause, runId: run.id });
}

function tooLate(id: string, timeoutMs: number): WorkflowError {
  return new WorkflowError('RESULT_TIMEOUT', `Run '${id}' had not settled after ${timeoutMs} ms. It goes ` +
    'on; ask again with the same id.', { runId: id });
}

function closed(id: string): WorkflowError {
  return new WorkflowError('CLIENT_CLOSED', `The client was closed while somebody waited for run '${id}'. ` +
    'The run goes on; ask another client.', { runId: id });
}

function notFound(id: string): WorkflowError {
  return new WorkflowError('RUN_NOT_FOUND', `There is no run '${id}'. Was the transaction that started it ` +
    'committed?', { runId: id });
}
