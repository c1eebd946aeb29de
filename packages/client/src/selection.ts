// Many runs, chosen by a filter, and what is done to all of them.
//
//   Z1. Pages go by id: a run that a verb has changed is not met again, and no more than a page is held.
//   Z2. What a verb does not fit is passed over and counted, never an error; a run that fails stops no other.
//   Z3. A filter that chooses everything by saying nothing is refused.
import { DatabaseUnavailableError, WorkflowError } from '@perdure/core';
import type { Revival, RunListed } from '@perdure/core/engine';
import { largestBatchLength } from './gatherer.js';
import { checkWatched, givenOptions } from './given.js';
import { guard } from './guard.js';
import { defaultCancelReason, knownDeed } from './handle.js';
import { cancelOf } from './mail.js';
import { cancelRuns, deleteRuns, resumeRuns, reviveRuns, terminateRuns } from './operate.js';
import type { Opening } from './parts.js';
import { findRuns, soughtBy, type RunFilter, type Sought } from './query.js';
import {
  checkRetry, checkVersion, readDetail, revivalOf, type ResumeOptions, type RetryOptions,
} from './revive.js';
import { isFit, patiently, terminationOf, verbDeed, type Outcome, type Verb } from './verbs.js';

const page = 1_000;
const pageOfRecords = 100;
const mostFailed = 100;

/** Which runs are chosen: all that is given must hold. */
export interface SelectionFilter extends RunFilter {
  /** Lets a filter that says nothing choose every run. */
  all?: boolean | undefined;
}

/** How a long verb is watched, and broken off. */
export interface BulkOptions {
  /** Called after each page, and awaited before the next one. If it throws, so does the verb. */
  onProgress?: ((progress: BulkProgress) => unknown) | undefined;
  /** Ends the verb before the next page, with the reason. What was done stays done. */
  abortSignal?: AbortSignal | undefined;
}

/** How many runs a verb has met. */
export interface BulkProgress {
  readonly done: number;
  /** Chosen by the filter, but not in a state that the verb fits. */
  readonly skipped: number;
  /** Those that could not be done. */
  readonly failures: number;
}

/** What a verb has done. */
export interface BulkResult extends BulkProgress {
  /** The first 100 of the failures. */
  readonly failed: ReadonlyArray<{ readonly id: string; readonly error: Error }>;
}

/** How the runs of a selection begin anew. */
export interface BulkRetryOptions extends BulkOptions, Pick<RetryOptions, 'from' | 'version'> {}

/** How the parked runs of a selection go on. */
export interface BulkResumeOptions extends BulkOptions, ResumeOptions {}

/**
 * The runs that a filter chooses at the moment at which a verb gets to them. Verbs go through them in pages,
 * each committed by itself; called again, a verb that was broken off goes on. Every method throws
 * DATABASE_UNAVAILABLE, the reason of `abortSignal`, and INVALID_OPTION.
 */
export interface RunSelection {
  /** How many there are now. */
  count(options?: Pick<BulkOptions, 'abortSignal'>): Promise<number>;
  /** Asks those that have not settled to stop; see `RunHandle.cancel`. */
  cancel(reason?: string, options?: BulkOptions): Promise<BulkResult>;
  /** Begins anew those that failed, were cancelled or are parked; see `RunHandle.retry`. */
  retry(options?: BulkRetryOptions): Promise<BulkResult>;
  /** Opens those again that are parked; see `RunHandle.resume`. */
  resume(options?: BulkResumeOptions): Promise<BulkResult>;
  /** Ends those that have not settled, without their code; see `RunHandle.terminate`. */
  terminate(reason: string, options?: BulkOptions): Promise<BulkResult>;
  /** Deletes those that have settled; see `RunHandle.delete`. */
  delete(options?: BulkOptions): Promise<BulkResult>;
}

/** Chooses runs. Throws INVALID_FILTER, and what `query` throws for a bad filter. */
export function selectRuns(opening: Opening, given: SelectionFilter): RunSelection {
  const { all, ...filter } = givenOptions(given, 'select');
  const sought = soughtBy(filter);
  if (all !== true && saysNothing(filter)) {
    throw new WorkflowError('INVALID_FILTER', 'This filter says nothing, and would choose every run of the ' +
      'schema. Say which are meant; or, if all of them are, pass { all: true }.');
  }
  return new Selection(opening, sought);
}

function saysNothing({ attributes, ...filter }: RunFilter): boolean {
  return Object.values(filter).every((value) => value === undefined) &&
    Object.keys(attributes ?? {}).length === 0;
}

type Act = (runs: readonly RunListed[]) => Promise<readonly Outcome[]>;

class Selection implements RunSelection {
  readonly #opening: Opening;
  readonly #sought: Sought;

  constructor(opening: Opening, sought: Sought) {
    this.#opening = opening;
    this.#sought = sought;
  }

  async count(given?: Pick<BulkOptions, 'abortSignal'>): Promise<number> {
    let count = 0;
    for await (const runs of this.#pages(page, watched(given))) count += runs.length;
    return count;
  }

  async cancel(reason: string = defaultCancelReason, given?: BulkOptions): Promise<BulkResult> {
    const options = watched(given);
    await guard(knownDeed);
    // What is wrong with the reason is wrong for all of them.
    cancelOf({ id: 'any', workflow: 'any' }, reason);
    return this.#each('cancel', options, (runs) => (
      cancelRuns(this.#opening, runs.map((run) => cancelOf(run, reason)))));
  }

  async retry(given?: BulkRetryOptions): Promise<BulkResult> {
    const options = watched(given);
    checkRetry(options);
    await guard(verbDeed('retry'));
    return this.#each('retry', options, (runs) => this.#retry(runs, options));
  }

  async #retry(runs: readonly RunListed[], { from, version }: BulkRetryOptions): Promise<readonly Outcome[]> {
    const outcomes = new Map<RunListed, Outcome>();
    let batch = new Map<RunListed, Revival>();
    let length = 0;
    const send = async (): Promise<void> => {
      const answers = await reviveRuns(this.#opening, [...batch.values()]);
      for (const [at, run] of [...batch.keys()].entries()) outcomes.set(run, answers[at] ?? 'done');
      [batch, length] = [new Map(), 0];
    };
    for (const run of runs) {
      const revival = await this.#revival(run, { from, version });
      if (revival instanceof Error) {
        outcomes.set(run, { failed: revival });
        continue;
      }
      batch.set(run, revival);
      length += lengthOf(revival);
      if (length >= largestBatchLength) await send();
    }
    if (batch.size > 0) await send();
    return runs.map((run) => outcomes.get(run) ?? 'done');
  }

  async #revival(run: RunListed, options: RetryOptions): Promise<Revival | Error> {
    const anew = { error: null, calls: [] };
    try {
      const { error, calls } = options.from === 'start' ? anew : await readDetail(this.#opening, run.id);
      return await revivalOf(this.#opening, { ...run, error, calls }, options);
    } catch (error) {
      if (error instanceof WorkflowError && !(error instanceof DatabaseUnavailableError)) return error;
      throw error;
    }
  }

  async resume(given?: BulkResumeOptions): Promise<BulkResult> {
    const options = watched(given);
    const { version } = options;
    checkVersion(version);
    await guard(verbDeed('resume'));
    return this.#each('resume', options, (runs) => (
      resumeRuns(this.#opening, runs.map(({ id: runId }) => ({ runId, version })))));
  }

  async terminate(reason: string, given?: BulkOptions): Promise<BulkResult> {
    const options = watched(given);
    const error = terminationOf(reason);
    await guard(verbDeed('terminate'));
    return this.#each('terminate', options, (runs) => terminateRuns(this.#opening, idsOf(runs), error));
  }

  async delete(given?: BulkOptions): Promise<BulkResult> {
    const options = watched(given);
    await guard(verbDeed('delete'));
    return this.#each('delete', options, (runs) => deleteRuns(this.#opening, idsOf(runs)));
  }

  async #each(verb: Verb | 'cancel', options: BulkRetryOptions, act: Act): Promise<BulkResult> {
    const { from, onProgress } = options;
    const tally = { done: 0, skipped: 0, failures: 0 };
    const failed: BulkResult['failed'][number][] = [];
    for await (const runs of this.#pages(verb === 'retry' ? pageOfRecords : page, options)) {
      const fit = runs.filter(({ status }) => isFit(verb, status, from));
      tally.skipped += runs.length - fit.length;
      const outcomes = fit.length === 0 ? [] : await act(fit);
      for (const [at, outcome] of outcomes.entries()) {
        if (outcome === 'done') tally.done++;
        else if ('skipped' in outcome) tally.skipped++;
        else tally.failures++;
        if (outcome === 'done' || 'skipped' in outcome || failed.length === mostFailed) continue;
        failed.push({ id: fit[at]?.id ?? '', error: outcome.failed });
      }
      await onProgress?.({ ...tally });
    }
    return { ...tally, failed };
  }

  async* #pages(
    limit: number, { abortSignal }: Pick<BulkOptions, 'abortSignal'>,
  ): AsyncGenerator<readonly RunListed[], void> {
    const { connection: { store } } = await this.#opening.open();
    let after: string | null = null;
    for (;;) {
      abortSignal?.throwIfAborted();
      const range: { after: string | null; limit: number } = { after, limit };
      const runs = await patiently(this.#opening, () => findRuns(store, this.#sought, range));
      if (runs.length > 0) yield runs;
      if (runs.length < limit) return;
      after = runs.at(-1)?.id ?? null;
    }
  }
}

function watched<Options extends BulkOptions>(given: Options | undefined): Options {
  const options = givenOptions(given, 'a verb of a selection');
  checkWatched(options);
  return options;
}

function idsOf(runs: readonly RunListed[]): readonly string[] {
  return runs.map(({ id }) => id);
}

function lengthOf({ entries, input }: Revival): number {
  return entries.reduce((sum, { value, error }) => sum + (value.text?.length ?? 0) + (error?.length ?? 0),
    input?.text?.length ?? 0);
}
