// Waits for the end of a run, and says what it was.
import {
  RunCancelledError, RunFailedError, RunParkedError, WorkflowError, type Duration,
} from '@perdure/core';
import { decode, decodeError, toMilliseconds, type RunRecord } from '@perdure/core/engine';
import { runNotFound } from './mail.js';
import type { Opening } from './parts.js';
import type { RunRef } from './run-ref.js';

/** How long to wait for a result. */
export interface ResultOptions {
  /** Throws RESULT_TIMEOUT after this long. Default: no limit. */
  timeout?: Duration | undefined;
  abortSignal?: AbortSignal | undefined;
}

/** How long a run may be unknown: its transaction may have yet to commit. */
export const patienceForUnknownMs = 5_000;

/** What the workflow returned; throws what `RunHandle.result` says. `justStarted`: by this client, now. */
export async function waitForResult(
  opening: Opening, { id, workflow, justStarted }: RunRef & { justStarted: boolean },
  { timeout, abortSignal }: ResultOptions,
): Promise<unknown> {
  const timeoutMs = timeout === undefined ? null : toMilliseconds(timeout, 'the timeout of result');
  const { env } = opening;
  const { watcher } = await opening.open();
  return new Promise((resolve, reject) => {
    const began = env.monotonic();
    const timer = timeoutMs === null
      ? null : env.after(timeoutMs, () => end(() => reject(tooLate(id, timeoutMs))));
    const abort = (): void => end(() => reject(abortSignal?.reason));
    const unwatch = watcher.watch(id, (run) => {
      if (run === 'closed') end(() => reject(clientClosed(id)));
      else if (run !== null) {
        if (isOver(run)) end(() => settle(run));
      } else if (env.monotonic() - began > patienceForUnknownMs) end(() => reject(runNotFound(id)));
    }, justStarted);
    const end = (then: () => void): void => {
      timer?.cancel();
      abortSignal?.removeEventListener('abort', abort);
      unwatch();
      then();
    };
    const settle = (run: RunRecord): void => {
      try {
        resolve(outcomeOf(run, workflow));
      } catch (error) {
        reject(error);
      }
    };
    if (abortSignal?.aborted === true) abort();
    else abortSignal?.addEventListener('abort', abort, { once: true });
  });
}

/** Whether nothing more is to be expected of a run: it has settled, or is parked. */
export function isOver({ status }: RunRecord): boolean {
  return status !== 'pending' && status !== 'running' && status !== 'waiting';
}

function outcomeOf(run: RunRecord, workflow: string): unknown {
  if (run.status === 'completed') return decode(run.output);
  const cause = decodeError(run.error ?? '');
  if (run.status === 'failed') throw new RunFailedError(run.id, workflow, cause);
  if (run.status === 'cancelled') throw new RunCancelledError(run.id, reasonOf(cause));
  throw parked(run, cause);
}

// What is recorded is the error that left the workflow function, which says the reason on its own.
function reasonOf(cause: Error): string {
  return 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : cause.message;
}

// What is recorded is the error that was made when the run was parked: this one says the same.
function parked({ id, reason }: RunRecord, recorded: Error): RunParkedError {
  const cause = recorded.name === 'RunParkedError' ? recorded.cause : recorded;
  return new RunParkedError(reason ?? 'PARKED', recorded.message, { cause, runId: id });
}

/** The error of who waits for a parked run. */
export function parkedError(run: RunRecord): RunParkedError {
  return parked(run, decodeError(run.error ?? ''));
}

function tooLate(id: string, timeoutMs: number): WorkflowError {
  return new WorkflowError('RESULT_TIMEOUT', `Run '${id}' had not settled after ${timeoutMs} ms. It goes ` +
    'on; ask again with the same id.', { runId: id });
}

/** The error of who waits when the client is closed. */
export function clientClosed(id: string): WorkflowError {
  return new WorkflowError('CLIENT_CLOSED', `The client was closed while somebody waited for run '${id}'. ` +
    'The run goes on; ask another client.', { runId: id });
}
