// The limits that the engine's figures are held against, measured on the same server in the same run.
import { median } from './figures.js';
import type { Database } from './host/database.js';
import { MeasuringProcess } from './host/measuring-process.js';
import { verifyCounting, type Expected } from './host/verify.js';
import { plainTable, type InsertAnswer } from './limits/plain-inserts.js';
import type { Measure } from './measure-work.js';

const batches = [200, 1_000];
const sideBySide = 300;

async function plain(database: Database, work: () => Promise<InsertAnswer>): Promise<number> {
  await database.rows(`drop table if exists ${plainTable}`);
  await database.rows(`create table ${plainTable} (id bigint not null, note text not null)`);
  const { perSec, rows } = await work();
  const [counted] = await database.rows(`select count(*) from ${plainTable}`);
  const found = Number(counted?.[0]);
  if (found !== rows) throw new Error(`wrong result: ${found} rows, not ${rows}`);
  await database.rows(`drop table ${plainTable}`);
  return perSec;
}

/** L1. */
export const measureSingleRows: Measure = async (database, { limitSeconds: seconds }, figures) => {
  const { url } = database;
  await using helper = new MeasuringProcess();
  const through = (connections: number): Promise<number> =>
    plain(database, () => helper.ask('singleRows', { url, connections, seconds }));
  figures.L1 = { one: await through(1), sixteen: await through(16) };
};

/** L2. */
export const measureManyRows: Measure = async (database, { limitSeconds: seconds }, figures) => {
  const { url } = database;
  await using helper = new MeasuringProcess();
  const found: Record<string, number> = {};
  for (const rows of [50, 200, 1_000]) {
    found[rows] = await plain(database, () => helper.ask('manyRows', { url, rows, seconds }));
  }
  figures.L2 = found;
};

interface Limit {
  readonly perSec: number;
  readonly walPerRun: number;
}

/** L8. */
export const measureEngineSql: Measure = async (database, sizes, figures) => {
  const { url } = database;
  const { drainRuns, repeats, limitSteps, longSteps } = sizes;
  await using helper = new MeasuringProcess();
  const repeated = async (expected: Expected, work: () => Promise<number>): Promise<Limit> => {
    const seconds: number[] = [];
    const wal: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      await database.fresh();
      const { result, cost } = await database.costOf(work);
      await verifyCounting(database, expected);
      seconds.push(result);
      wal.push(cost.walBytes);
    }
    const { runs, steps } = expected;
    return { perSec: runs * steps / median(seconds), walPerRun: median(wal) / runs };
  };
  let best = { perSec: 0, walPerRun: 0, batch: 0 };
  for (const batch of batches) {
    const found = await repeated({ runs: drainRuns, steps: 1 },
      () => helper.ask('groupedRuns', { url, runs: drainRuns, batch }));
    if (found.perSec > best.perSec) best = { ...found, batch };
  }
  const steps = await repeated({ runs: sideBySide, steps: limitSteps },
    () => helper.ask('groupedSteps', { url, runs: sideBySide, steps: limitSteps }));
  const oneRun = await repeated({ runs: 1, steps: longSteps },
    () => helper.ask('groupedSteps', { url, runs: 1, steps: longSteps }));
  figures.L8 = {
    runsPerSec: best.perSec, stepsPerSec: steps.perSec, oneRunStepsPerSec: oneRun.perSec,
    batch: best.batch, walPerRun: best.walPerRun,
  };
};
