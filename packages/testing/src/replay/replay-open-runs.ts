// Before a deploy: which of the runs that are under way does the new code not fit?
//
//   N3. It only looks: every verb that it calls is one statement that reads. A role that may SELECT is
//       enough.
//   N4. It holds a page of runs at a time, and as many findings as it was asked for; the rest is counted.
import { WorkflowError, type Connection, type RunStatus } from '@perdure/core';
import { Judge, type Candidate, type CodeEnd, type Difference, type Verdict } from './judgement.js';
import { readRecorded, type Read, type RecordReader } from './read-recorded.js';

/** What `replayOpenRuns` is asked. */
export interface ReplayOpenRunsOptions extends Candidate {
  /** How many runs of each list are told in full, 0 or more; the rest is counted. Default 1,000. */
  readonly limit?: number | undefined;
  /** Called now and then, with how many runs have been judged. */
  readonly onProgress?: ((judged: number) => void) | undefined;
}

/** One run of a list. */
export interface OpenRun {
  readonly runId: string;
  readonly workflow: string;
  /** The version that it is stamped with; null: whoever takes it next stamps it. */
  readonly version: string | null;
  readonly status: RunStatus;
}

/** A run that the code does not fit: a worker would park it when it next goes on. */
export interface DivergingRun extends OpenRun, Difference {}

/** A run of which nobody can tell: NOT_SERVED, VALUE_UNREADABLE, REPLAY_STALLED, RUN_MOVING. */
export interface UnjudgedRun extends OpenRun {
  readonly code: string;
  readonly why: string;
}

/** A run that fits, and would come to its end at once, without another call. */
export interface EndingRun extends OpenRun {
  readonly end: CodeEnd;
  /** What it would fail with. */
  readonly error: Error | null;
}

/** What was found. Counts are of all runs, lists have at most `limit` of them. */
export interface ReplayReport {
  /** Runs that were looked at: all that had not ended. */
  readonly runs: number;
  readonly fitting: number;
  readonly diverging: number;
  readonly unjudged: number;
  /** Of those that fit. */
  readonly ending: number;
  readonly divergingRuns: readonly DivergingRun[];
  readonly unjudgedRuns: readonly UnjudgedRun[];
  readonly endingRuns: readonly EndingRun[];
}

const pageSize = 200;
/** Runs whose records are in memory at a time. */
const atATime = 20;
const defaultLimit = 1_000;
/** Those in line are found by an index; parked ones are looked for among all runs. */
const passes: ReadonlyArray<readonly RunStatus[]> = [['pending', 'running', 'waiting'], ['parked']];

/**
 * Replays every run of a database that has not ended, parked ones as well, with the code of these workflows:
 * begins nothing, writes nothing, parks nothing. Runs that end meanwhile are left out. Connect it with
 * `connect(url, { migrate: false })`, as a role that may read at least. Throws INVALID_OPTION, what is wrong
 * with the workflows, and DATABASE_UNAVAILABLE.
 */
export async function replayOpenRuns(
  connection: Pick<Connection, 'store'>, options: ReplayOpenRunsOptions,
): Promise<ReplayReport> {
  const { limit = defaultLimit, onProgress } = options;
  if (!Number.isInteger(limit) || limit < 0) {
    throw new WorkflowError('INVALID_OPTION', `limit is ${String(limit)}; give a whole number from 0 up.`);
  }
  const report = new Tally(limit);
  const judge = new Judge(options);
  for (const status of passes) {
    for await (const ids of pagesOf(connection.store, status)) {
      await judgeAll({ judge, report, store: connection.store }, ids);
      onProgress?.(report.runs);
    }
  }
  return report.report;
}

async function* pagesOf(
  store: RecordReader, status: readonly RunStatus[],
): AsyncGenerator<readonly string[]> {
  let after: string | null = null;
  do {
    const page: readonly { readonly id: string }[] = await store.queryRuns({
      workflow: null, status, attributes: {}, after, limit: pageSize,
    });
    const ids = page.map(({ id }) => id);
    for (let from = 0; from < ids.length; from += atATime) yield ids.slice(from, from + atATime);
    after = ids.length < pageSize ? null : ids.at(-1) ?? null;
  } while (after !== null);
}

interface Court {
  readonly judge: Judge;
  readonly report: Tally;
  readonly store: RecordReader;
}

async function judgeAll({ judge, report, store }: Court, ids: readonly string[]): Promise<void> {
  const read = await readRecorded(store, ids);
  await Promise.all([...read].map(async ([id, run]) => {
    if (run === 'gone') return;
    if (run === 'moving') report.moving(id);
    else if (!isOver(run.detail.status)) report.add(run, await judge.judge(run));
  }));
}

function isOver(status: RunStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Counts, and keeps what is told in full (N4). */
class Tally {
  readonly #limit: number;
  readonly #counts = { runs: 0, fitting: 0, diverging: 0, unjudged: 0, ending: 0 };
  readonly #diverging: DivergingRun[] = [];
  readonly #unjudged: UnjudgedRun[] = [];
  readonly #ending: EndingRun[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get runs(): number {
    return this.#counts.runs;
  }

  get report(): ReplayReport {
    return {
      ...this.#counts, divergingRuns: this.#diverging, unjudgedRuns: this.#unjudged, endingRuns: this.#ending,
    };
  }

  moving(runId: string): void {
    this.#counts.runs++;
    this.#counts.unjudged++;
    this.#keep(this.#unjudged, {
      runId, workflow: '', version: null, status: 'running', code: 'RUN_MOVING',
      why: 'it has begun anew each time that it was read',
    });
  }

  add({ detail }: Exclude<Read, string>, verdict: Verdict): void {
    const { id: runId, workflow, version, status } = detail;
    const run = { runId, workflow, version, status };
    this.#counts.runs++;
    if (verdict.kind === 'diverges') {
      this.#counts.diverging++;
      this.#keep(this.#diverging, { ...run, ...verdict.difference });
    } else if (verdict.kind === 'unjudged') {
      this.#counts.unjudged++;
      this.#keep(this.#unjudged, { ...run, code: verdict.code, why: verdict.message });
    } else {
      this.#counts.fitting++;
      if (verdict.end === null) return;
      this.#counts.ending++;
      this.#keep(this.#ending, { ...run, end: verdict.end, error: verdict.error });
    }
  }

  #keep<Item>(list: Item[], item: Item): void {
    if (list.length < this.#limit) list.push(item);
  }
}
