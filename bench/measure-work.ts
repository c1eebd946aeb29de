// The workloads of the engine, each measured in processes of its own and verified before it counts.
import type { Figures, Sizes } from './figures.js';
import { latencyOf, median } from './figures.js';
import type { Cost, Database } from './host/database.js';
import { MeasuringProcess } from './host/measuring-process.js';
import { verifyCounting, verifyEchoes } from './host/verify.js';
import type { DrainAnswer, DrainRequest } from './workloads/drain.js';
import { createClient } from '@perdure/client';
import { connect } from '@perdure/sql';
import { latencyWarmUps, type LatencyAnswer } from './workloads/latency.js';
import { holding } from './workloads/workflows.js';

/** Adds the figures of one workload. */
export type Measure = (database: Database, sizes: Sizes, figures: Figures) => Promise<void>;

interface Drained {
  readonly answers: readonly DrainAnswer[];
  readonly costs: readonly Cost[];
}

type DrainSize = Omit<DrainRequest, 'url'>;

async function drained(database: Database, repeats: number, size: DrainSize): Promise<Drained> {
  const answers: DrainAnswer[] = [];
  const costs: Cost[] = [];
  await using helper = new MeasuringProcess();
  for (let repeat = 0; repeat < repeats; repeat++) {
    await database.fresh();
    const { result, cost } = await database.costOf(() => helper.ask('drain', { ...size, url: database.url }));
    await verifyCounting(database, size);
    answers.push(result);
    costs.push(cost);
  }
  return { answers, costs };
}

/** W1, and what a one-step run costs the server. */
export const measureDrain: Measure = async (database, sizes, figures) => {
  const size = { runs: sizes.drainRuns, steps: 1, concurrency: sizes.drainConcurrency };
  const { answers, costs } = await drained(database, sizes.repeats, size);
  figures.W1 = {
    drainPerSec: size.runs / median(answers.map((answer) => answer.drainSeconds)),
    startsPerSec: size.runs / median(answers.map((answer) => answer.startSeconds)),
    cpuMicrosPerRun: median(answers.map((answer) => answer.cpuSeconds)) / size.runs * 1e6,
  };
  figures.walPerRun = median(costs.map((cost) => cost.walBytes)) / size.runs;
  figures.transactionsPerRun = median(costs.map((cost) => cost.transactions)) / size.runs;
};

/** W2, and what a further step costs the server. */
export const measureSteps: Measure = async (database, sizes, figures) => {
  const size = { runs: sizes.stepsRuns, steps: sizes.stepsEach, concurrency: sizes.stepsConcurrency };
  const { answers, costs } = await drained(database, sizes.repeats, size);
  const steps = size.runs * size.steps;
  figures.W2 = {
    stepsPerSec: steps / median(answers.map((answer) => answer.drainSeconds)),
    cpuMicrosPerStep: median(answers.map((answer) => answer.cpuSeconds)) / steps * 1e6,
  };
  if (figures.walPerRun === undefined) return;
  const walOfRun = median(costs.map((cost) => cost.walBytes)) / size.runs;
  figures.walPerStep = (walOfRun - figures.walPerRun) / (size.steps - 1);
};

/** W1c. */
export const measureCallers: Measure = async (database, sizes, figures) => {
  const { callersRuns: runs, callers, drainConcurrency: concurrency } = sizes;
  const seconds: number[] = [];
  await using helper = new MeasuringProcess();
  for (let repeat = 0; repeat < sizes.repeats; repeat++) {
    await database.fresh();
    seconds.push(await helper.ask('callers', { url: database.url, runs, callers, concurrency }));
    await verifyCounting(database, { runs, steps: 1 });
  }
  figures.W1c = { perSec: runs / median(seconds) };
};

/** W3, with the worker in the client's process and in another. */
export const measureLatency: Measure = async (database, sizes, figures) => {
  const { url } = database;
  const starts = sizes.latencyStarts;
  const measured = async (workerHere: boolean): Promise<LatencyAnswer> => {
    await database.fresh();
    await using server = new MeasuringProcess();
    await using client = new MeasuringProcess();
    if (!workerHere) await server.ask('serve', { url, concurrency: 100 });
    const answer = await client.ask('latency', { url, starts, workerHere });
    await server.ask('stopServing', undefined);
    await verifyEchoes(database, starts + latencyWarmUps);
    return answer;
  };
  const here = await measured(true);
  const cross = await measured(false);
  figures.W3 = {
    ...latencyOf(here.toResultMs), toStep: latencyOf(here.toStepMs),
    cross: { ...latencyOf(cross.toResultMs), toStep: latencyOf(cross.toStepMs) },
  };
};

/** W4. */
export const measureLongRun: Measure = async (database, sizes, figures) => {
  const { longSteps: steps, repeats } = sizes;
  await database.fresh();
  await using helper = new MeasuringProcess();
  const { seconds, rssMb } = await helper.ask('longRun', { url: database.url, steps, repeats });
  await verifyCounting(database, { runs: repeats, steps });
  figures.W4 = { stepsPerSec: steps / median(seconds), rssMb };
};

/** Memory of a worker whose runs are all inside a step. */
export const measureInFlight: Measure = async (database, sizes, figures) => {
  const { url } = database;
  const runs = sizes.inFlightRuns;
  await database.fresh();
  await using helper = new MeasuringProcess();
  await helper.ask('serve', { url, concurrency: runs });
  {
    await using connection = await connect(url);
    const client = createClient({ connection });
    await Promise.all(Array.from({ length: runs }, (_, n) => client.start(holding, { n, steps: 1 })));
  }
  const rssMb = await helper.ask('rssInFlight', { runs });
  await helper.ask('stopServing', undefined);
  await verifyEchoes(database, runs);
  figures.inFlight = { runs, rssMb };
};
