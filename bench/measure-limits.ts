// The limits that the engine's figures are held against, measured on the same server in the same rounds.
import type { Bench, Measure } from './bench.js';
import { verifyCounting, type Expected } from './host/verify.js';
import { plainTable, type InsertAnswer } from './limits/plain-inserts.js';
import { rank } from './samples.js';
import { latencyPauses, latencyWarmUps } from './workloads/latency.js';

/** Rows of one insert in L2. */
export const insertSizes = [50, 200, 1_000] as const;
const batches = [200, 1_000];
const sideBySide = 300;

async function plain({ database }: Bench, work: () => Promise<InsertAnswer>): Promise<number> {
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
export const measureSingleRows: Measure = async (bench) => {
  const { database: { url }, samples, sizes: { limitSeconds: seconds } } = bench;
  for (const [name, connections] of [['oneRowPerSec', 1], ['sixteenRowsPerSec', 16]] as const) {
    const request = { url, connections, seconds };
    samples.add(name, await plain(bench, () => bench.process('L1').ask('singleRows', request)));
  }
};

/** L2. */
export const measureManyRows: Measure = async (bench) => {
  const { database: { url }, samples, sizes: { limitSeconds: seconds } } = bench;
  for (const rows of insertSizes) {
    const request = { url, rows, seconds };
    samples.add(`rows${rows}PerSec`, await plain(bench, () => bench.process('L2').ask('manyRows', request)));
  }
};

interface Limit {
  readonly perSec: number;
  readonly walPerRun: number;
}

async function limit({ database }: Bench, expected: Expected, work: () => Promise<number>): Promise<Limit> {
  await database.fresh();
  const { result, cost } = await database.costOf(work);
  await verifyCounting(database, expected);
  return { perSec: expected.runs * expected.steps / result, walPerRun: cost.walBytes / expected.runs };
}

/** L8 for W1. */
export const measureGroupedRuns: Measure = async (bench) => {
  const { database: { url }, samples, sizes: { drainRuns: runs } } = bench;
  let best = { perSec: 0, walPerRun: 0, batch: 0 };
  for (const batch of batches) {
    const request = { url, runs, batch };
    const work = (): Promise<number> => bench.process('L8').ask('groupedRuns', request);
    const found = await limit(bench, { runs, steps: 1 }, work);
    if (found.perSec > best.perSec) best = { ...found, batch };
  }
  samples.add('limitRunsPerSec', best.perSec);
  samples.add('limitBatch', best.batch);
  samples.add('limitWalPerRun', best.walPerRun);
};

/** L8 for W2. */
export const measureGroupedSteps: Measure = async (bench) => {
  const size = { runs: sideBySide, steps: bench.sizes.limitSteps };
  bench.samples.add('limitStepsPerSec', await stepwise(bench, size));
};

/** L8 for W4. */
export const measureLoneSteps: Measure = async (bench) => {
  bench.samples.add('limitLongStepsPerSec', await stepwise(bench, { runs: 1, steps: bench.sizes.longSteps }));
};

/** L8 for W3. */
export const measureIdlePairs: Measure = async (bench) => {
  const { database, sizes: { latencyStarts }, samples } = bench;
  await database.fresh();
  const pairs = latencyStarts + latencyWarmUps;
  const request = { url: database.url, pairs, ...latencyPauses };
  const found = await bench.process('L8').ask('idlePairs', request);
  await verifyCounting(database, { runs: pairs, steps: 1 });
  samples.add('limitPairMs', rank(found.slice(latencyWarmUps), 0.5));
};

async function stepwise(bench: Bench, size: Expected): Promise<number> {
  const request = { url: bench.database.url, ...size };
  const { perSec } = await limit(bench, size, () => bench.process('L8').ask('groupedSteps', request));
  return perSec;
}
