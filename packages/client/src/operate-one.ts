// The verbs of operators on one run: what is read for them, and their errors.
import { decodeError, type StartAnswer, type WorkflowDefinition } from '@perdure/core/engine';
import { givenOptions } from './given.js';
import { guard } from './guard.js';
import { deleteRuns, resumeRuns, reviveRuns, terminateRuns } from './operate.js';
import type { Opening } from './parts.js';
import {
  checkFork, checkRetry, checkVersion, forkOf, readDetail, revivalOf,
  type ForkOptions, type ResumeOptions, type RetryOptions,
} from './revive.js';
import { KnownRun, type AnyRef } from './run-ref.js';
import { startFailure } from './start-options.js';
import { isFit, patiently, perform, terminationOf, unfit, verbDeed, type Outcome } from './verbs.js';

/** Begins a run anew; see `RunHandle.retry`. */
export async function retryRun(
  opening: Opening, run: AnyRef, given: RetryOptions | undefined,
): Promise<void> {
  const options = givenOptions(given, 'retry');
  checkRetry(options);
  await guard(verbDeed('retry'));
  const detail = await readDetail(opening, run.id);
  if (!isFit('retry', detail.status, options.from)) throw unfit('retry', run.id, detail.status);
  const definition = KnownRun.definitionOf(run);
  demandDone(await reviveRuns(opening, [await revivalOf(opening, detail, { ...options, definition })]));
}

/** Opens a parked run again; see `RunHandle.resume`. */
export async function resumeRun(
  opening: Opening, { id: runId }: AnyRef, given: ResumeOptions | undefined,
): Promise<void> {
  const { version } = givenOptions(given, 'resume');
  checkVersion(version);
  await guard(verbDeed('resume'));
  demandDone(await resumeRuns(opening, [{ runId, version }]));
}

/** Makes a run with the record of another; see `RunHandle.fork`. */
export async function forkRun(opening: Opening, run: AnyRef, given: ForkOptions): Promise<KnownRun> {
  checkFork(run.id, given);
  await guard({ what: 'forks a run', id: given.id, code: 'START_NEEDS_ID' });
  const definition: WorkflowDefinition | null = KnownRun.definitionOf(run);
  const detail = await readDetail(opening, run.id);
  const fork = await forkOf(opening, detail, { ...given, definition });
  const { connection: { store, hints } } = await opening.open();
  const [answered] = await perform<typeof fork, StartAnswer>(opening, [fork], async (forks) => (
    Promise.all(forks.map((each) => store.forkRun(each)))));
  const failure = startFailure({ run: fork.run, onConflict: 'use-existing' }, answered?.answer);
  if (failure !== null) throw failure;
  hints.due();
  return new KnownRun(fork.run.id, detail.workflow, definition);
}

/** Ends a run without its code; see `RunHandle.terminate`. */
export async function terminateRun(opening: Opening, { id }: AnyRef, reason: string): Promise<void> {
  const error = terminationOf(reason);
  await guard(verbDeed('terminate'));
  const outcomes = await terminateRuns(opening, [id], error);
  const isDone = outcomes[0] === 'done';
  if (!isDone && await wasTerminated(opening, id)) return;
  demandDone(outcomes);
}

// Asked for again, it is the same wish.
async function wasTerminated(opening: Opening, id: string): Promise<boolean> {
  const { connection: { store } } = await opening.open();
  const [run] = await patiently(opening, () => store.readRuns([id]));
  if (run?.status !== 'failed') return false;
  return (decodeError(run.error ?? '') as { readonly code?: unknown }).code === 'RUN_TERMINATED';
}

/** Deletes a settled run; see `RunHandle.delete`. */
export async function deleteRun(opening: Opening, { id }: AnyRef): Promise<void> {
  await guard(verbDeed('delete'));
  demandDone(await deleteRuns(opening, [id]));
}

function demandDone([outcome]: readonly Outcome[]): void {
  if (outcome === undefined || outcome === 'done') return;
  throw 'skipped' in outcome ? outcome.skipped : outcome.failed;
}
