// The figures in the shape of `--json`. What was not measured is left out.
import type { Bench } from './bench.js';
import { insertSizes } from './measure-limits.js';
import { rank, type Measured } from './samples.js';

/** Milliseconds at three ranks. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** The ranks that are quoted. */
export function latencyOf(values: readonly number[]): Latency {
  return { p50Ms: rank(values, 0.5), p95Ms: rank(values, 0.95), p99Ms: rank(values, 0.99) };
}

/** WAL of a step beyond the first, from runs of many steps and runs of one. */
export function walPerStep({ samples, sizes }: Bench): number | undefined {
  const longer = samples.of('walPerLongerRun');
  const run = samples.of('walPerRun');
  if (longer === undefined || run === undefined) return undefined;
  return (longer.median - run.median) / (sizes.stepsEach - 1);
}

/** All figures, to be written as JSON. */
export function figuresOf(bench: Bench, settings: Readonly<Record<string, string>>): object {
  const { database, sizes, samples, latencies } = bench;
  const value = (name: keyof Measured): number | undefined => samples.of(name)?.median;
  const latency = (where: 'here' | 'cross'): object | undefined => {
    const found = latencies.get(where);
    return found && { ...latencyOf(found.toResultMs), toStep: latencyOf(found.toStepMs) };
  };
  return {
    W1: { drainPerSec: value('drainPerSec'), startsPerSec: value('startsPerSec'),
      cpuMicrosPerRun: value('cpuMicrosPerRun'), ofLimit: samples.ratio('drainPerSec', 'limitRunsPerSec') },
    W1c: { perSec: value('callersPerSec') },
    W2: { stepsPerSec: value('stepsPerSec'), cpuMicrosPerStep: value('cpuMicrosPerStep'),
      ofLimit: samples.ratio('stepsPerSec', 'limitStepsPerSec') },
    W3: latencies.size === 0 ? undefined : { ...latency('here'), cross: latency('cross') },
    W4: { stepsPerSec: value('longStepsPerSec'), rssMb: samples.of('longRssMb')?.most,
      ofLimit: samples.ratio('longStepsPerSec', 'limitLongStepsPerSec') },
    L1: { one: value('oneRowPerSec'), sixteen: value('sixteenRowsPerSec') },
    L2: Object.fromEntries(insertSizes.map((rows) => [rows, value(`rows${rows}PerSec`)])),
    L8: { runsPerSec: value('limitRunsPerSec'), stepsPerSec: value('limitStepsPerSec'),
      oneRunStepsPerSec: value('limitLongStepsPerSec'), startAndSettleMs: value('limitPairMs'),
      walPerRun: value('limitWalPerRun') },
    walPerRun: value('walPerRun'),
    walPerStep: walPerStep(bench),
    transactionsPerRun: value('transactionsPerRun'),
    inFlightRssMb: value('inFlightRssMb'),
    sizes,
    postgres: { version: database.version, settings },
  };
}
