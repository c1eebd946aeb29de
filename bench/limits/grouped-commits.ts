// L8: claim, journal and settle in grouped commits by the engine's own SQL: the wall that the engine runs
// against.
import { systemEnv } from '@perdure/core/engine';
import { EngineSql, type Claimed } from './engine-sql.js';
import { stepWrite } from './step-write.js';

/** One-step runs, claimed and settled in batches of one size. */
export interface GroupedRunsRequest {
  readonly url: string;
  readonly runs: number;
  readonly batch: number;
}

/** Runs that take their steps side by side, each run in every commit of its half. */
export interface GroupedStepsRequest {
  readonly url: string;
  readonly runs: number;
  readonly steps: number;
}

/** Seconds from the first claim to the last commit of one-step runs; two commits are in flight. */
export async function groupedRuns({ url, runs, batch }: GroupedRunsRequest): Promise<number> {
  const sql = await EngineSql.open(url);
  await sql.start(runs, 1);
  const began = systemEnv.monotonic();
  let claiming = sql.claim(batch);
  const next = (): Promise<Claimed[]> => {
    const mine = claiming;
    claiming = mine.then((claimed) => claimed.length === 0 ? [] : sql.claim(batch));
    return mine;
  };
  await Promise.all(sql.committers.map(async (committer) => {
    for (let claimed = await next(); claimed.length > 0; claimed = await next()) {
      await sql.commit(committer, claimed.map((run) => stepWrite(run, 1, 1)));
    }
  }));
  const seconds = (systemEnv.monotonic() - began) / 1e3;
  await sql.close();
  return seconds;
}

/** Seconds for all steps of all runs, each step of a run in a commit of its own. */
export async function groupedSteps({ url, runs, steps }: GroupedStepsRequest): Promise<number> {
  const sql = await EngineSql.open(url);
  await sql.start(runs, steps);
  const began = systemEnv.monotonic();
  const claimed = await sql.claim(runs);
  const share = Math.ceil(runs / sql.committers.length);
  await Promise.all(sql.committers.map(async (committer, index) => {
    const mine = claimed.slice(index * share, (index + 1) * share);
    if (mine.length === 0) return;
    for (let step = 1; step <= steps; step++) {
      await sql.commit(committer, mine.map((run) => stepWrite(run, step, steps)));
    }
  }));
  const seconds = (systemEnv.monotonic() - began) / 1e3;
  await sql.close();
  return seconds;
}
