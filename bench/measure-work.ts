// The workloads of the engine, each measured in processes of its own and verified before it counts.
import { createClient } from '@perdure/client';
import { connect } from '@perdure/sql';
import type { Bench, Measure } from './bench.js';
import type { Cost } from './host/database.js';
import { MeasuringProcess } from './host/measuring-process.js';
import { verifyCounting, verifyEchoes } from './host/verify.js';
import type { DrainAnswer, DrainRequest } from './workloads/drain.js';
import { latencyWarmUps, type LatencyAnswer } from './workloads/latency.js';
import { holding } from './workloads/workflows.js';

type DrainSize = Omit<DrainRequest, 'url'>;

interface Drained {
  readonly answer: DrainAnswer;
  readonly cost: Cost;
}

async function drained(bench: Bench, name: string, size: DrainSize): Promise<Drained> {
  const { database } = bench;
  await database.fresh();
  const { result, cost } = await database.costOf(() => {
    return bench.process(name).ask('drain', { ...size, url: database.url });
  });
  await verifyCounting(database, size);
  return { answer: result, cost };
}

/** W1, and what a one-step run costs the server. */
export const measureDrain: Measure = async (bench) => {
  const { drainRuns: runs, drainConcurrency: concurrency } = bench.sizes;
  const { answer, cost } = await drained(bench, 'W1', { runs, steps: 1, concurrency });
  const { samples } = bench;
  samples.add('drainPerSec', runs / answer.drainSeconds);
  samples.add('startsPerSec', runs / answer.startSeconds);
  samples.add('cpuMicrosPerRun', answer.cpuSeconds / runs * 1e6);
  samples.add('walPerRun', cost.walBytes / runs);
  samples.add('transactionsPerRun', cost.transactions / runs);
};

/** W2. */
export const measureSteps: Measure = async (bench) => {
  const { stepsRuns: runs, stepsEach: steps, stepsConcurrency: concurrency } = bench.sizes;
  const { answer, cost } = await drained(bench, 'W2', { runs, steps, concurrency });
  const { samples } = bench;
  samples.add('stepsPerSec', runs * steps / answer.drainSeconds);
  samples.add('cpuMicrosPerStep', answer.cpuSeconds / (runs * steps) * 1e6);
  samples.add('walPerLongerRun', cost.walBytes / runs);
};

/** W1c. */
export const measureCallers: Measure = async (bench) => {
  const { database, sizes: { callersRuns: runs, callers, drainConcurrency: concurrency } } = bench;
  await database.fresh();
  const request = { url: database.url, runs, callers, concurrency };
  const seconds = await bench.process('W1c').ask('callers', request);
  await verifyCounting(database, { runs, steps: 1 });
  bench.samples.add('callersPerSec', runs / seconds);
};

/** W3, with the worker in the client's process and in another. */
export const measureLatency: Measure = async (bench) => {
  for (const where of ['here', 'cross'] as const) bench.latencies.set(where, await latencies(bench, where));
};

async function latencies({ database, sizes }: Bench, where: 'here' | 'cross'): Promise<LatencyAnswer> {
  const { url } = database;
  await database.fresh();
  await using server = new MeasuringProcess();
  await using client = new MeasuringProcess();
  if (where === 'cross') await server.ask('serve', { url, concurrency: 100 });
  const starts = sizes.latencyStarts;
  const answer = await client.ask('latency', { url, starts, workerHere: where === 'here' });
  await server.ask('stopServing', undefined);
  await verifyEchoes(database, starts + latencyWarmUps);
  return answer;
}

/** W4. */
export const measureLongRun: Measure = async (bench) => {
  const { database, sizes: { longSteps: steps } } = bench;
  await database.fresh();
  const { seconds, rssMb } = await bench.process('W4').ask('longRun', { url: database.url, steps });
  await verifyCounting(database, { runs: 2, steps });
  bench.samples.add('longStepsPerSec', steps / seconds);
  bench.samples.add('longRssMb', rssMb);
};

/** Memory of a worker whose runs are all inside a step. */
export const measureInFlight: Measure = async ({ database, sizes, samples }) => {
  const { url } = database;
  const runs = sizes.inFlightRuns;
  await database.fresh();
  await using server = new MeasuringProcess();
  await server.ask('serve', { url, concurrency: runs });
  {
    await using connection = await connect(url);
    const client = createClient({ connection });
    await Promise.all(Array.from({ length: runs }, (_, n) => client.start(holding, { n, steps: 1 })));
  }
  samples.add('inFlightRssMb', await server.ask('rssInFlight', { runs }));
  await server.ask('stopServing', undefined);
  await verifyEchoes(database, runs);
};
