// The table that people read.
import { loadavg } from 'node:os';
import type { Bench } from './bench.js';
import { latencyOf, walPerStep } from './figures.js';
import { insertSizes } from './measure-limits.js';
import type { Measured } from './samples.js';

type Line = readonly [name: string, figure: string, notes: string];

// Beyond this difference the two write different rows, and a ratio would compare nothing.
const largestWalDifference = 0.1;

/** The table of everything that was measured. */
export function report(bench: Bench, settings: Readonly<Record<string, string>>): string {
  const lines = [...work(bench), ...costs(bench), ...limits(bench)];
  const widths = [0, 1].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map(([name, figure, notes]) =>
    `  ${name.padEnd(widths[0] ?? 0)}  ${figure.padStart(widths[1] ?? 0)}  ${notes}`.trimEnd());
  return [...head(bench, settings), '', ...table].join('\n');
}

function head({ database, sizes }: Bench, settings: Readonly<Record<string, string>>): string[] {
  const named = Object.entries(settings).map((setting) => setting.join(' '));
  return [
    `PostgreSQL ${database.version}: ${named.join(', ')}`,
    `Node ${process.version}; ${sizes.rounds} rounds, medians (least–most); load average now ` +
      `${loadavg().map((load) => load.toFixed(1)).join(' ')}`,
    `W1 ${sizes.drainRuns} runs, concurrency ${sizes.drainConcurrency}; W1c ${sizes.callersRuns} runs, ` +
      `${sizes.callers} callers; W2 ${sizes.stepsRuns} runs of ${sizes.stepsEach} steps, concurrency ` +
      `${sizes.stepsConcurrency}; W4 ${sizes.longSteps} steps`,
  ];
}

function figure({ samples }: Bench, name: keyof Measured, [label, unit]: readonly [string, string]): Line[] {
  const found = samples.of(name);
  if (found === undefined) return [];
  const spread = found.least === found.most ? '' : `(${amount(found.least)}–${amount(found.most)})`;
  return [[label, `${amount(found.median)} ${unit}`, spread]];
}

function work(bench: Bench): Line[] {
  return [
    ...against(bench, figure(bench, 'drainPerSec', ['W1 drain', 'runs/s']), 'limitRunsPerSec'),
    ...figure(bench, 'startsPerSec', ['W1 starts', '/s']),
    ...figure(bench, 'cpuMicrosPerRun', ['W1 processor time of the worker', 'µs/run']),
    ...figure(bench, 'callersPerSec', ['W1c client and worker in one process', 'runs/s']),
    ...against(bench, figure(bench, 'stepsPerSec', ['W2 steps', 'steps/s']), 'limitStepsPerSec'),
    ...figure(bench, 'cpuMicrosPerStep', ['W2 processor time of the worker', 'µs/step']),
    ...latency(bench, 'here', 'one process'),
    ...latency(bench, 'cross', 'two processes'),
    ...against(bench, figure(bench, 'longStepsPerSec', ['W4 one run', 'steps/s']), 'limitLongStepsPerSec'),
    ...figure(bench, 'longRssMb', ['W4 peak memory', 'MB']),
    ...figure(bench, 'inFlightRssMb', [`memory with ${bench.sizes.inFlightRuns} runs in flight`, 'MB']),
  ];
}

function latency({ latencies }: Bench, where: 'here' | 'cross', label: string): Line[] {
  const found = latencies.get(where);
  if (found === undefined) return [];
  return ([['step', found.toStepMs], ['result', found.toResultMs]] as const).map(([what, values]) => {
    const { p50Ms, p95Ms, p99Ms } = latencyOf(values);
    const notes = `p95 ${p95Ms.toFixed(2)}, p99 ${p99Ms.toFixed(2)}`;
    return [`W3 start to ${what}, ${label}`, `${p50Ms.toFixed(2)} ms`, notes];
  });
}

function costs(bench: Bench): Line[] {
  const step = walPerStep(bench);
  return [
    ...figure(bench, 'walPerRun', ['WAL of a one-step run', 'B']),
    ...step === undefined ? [] : [['WAL of a further step', `${amount(step)} B`, ''] as const],
    ...figure(bench, 'transactionsPerRun', ['transactions of a one-step run', '']),
  ];
}

function limits(bench: Bench): Line[] {
  return [
    ...figure(bench, 'oneRowPerSec', ['L1 single-row commits, 1 connection', '/s']),
    ...figure(bench, 'sixteenRowsPerSec', ['L1 single-row commits, 16 connections', '/s']),
    ...insertSizes.flatMap((rows) =>
      figure(bench, `rows${rows}PerSec`, [`L2 inserts of ${rows} rows`, 'rows/s'])),
    ...figure(bench, 'limitRunsPerSec', ['L8 grouped runs', 'runs/s']),
    ...figure(bench, 'limitBatch', ['L8 better batch', 'runs']),
    ...figure(bench, 'limitStepsPerSec', ['L8 grouped steps', 'steps/s']),
    ...figure(bench, 'limitLongStepsPerSec', ['L8 one run', 'steps/s']),
    ...figure(bench, 'limitPairMs', ['L8 start and settle on an idle system', 'ms']),
    ...figure(bench, 'limitWalPerRun', ['L8 WAL of a one-step run', 'B']),
  ];
}

const limited = {
  limitRunsPerSec: 'drainPerSec', limitStepsPerSec: 'stepsPerSec', limitLongStepsPerSec: 'longStepsPerSec',
} as const;

function against({ samples }: Bench, lines: readonly Line[], limit: keyof typeof limited): Line[] {
  const ratio = samples.ratio(limited[limit], limit);
  if (ratio === undefined) return [...lines];
  const [ours, bare] = [samples.of('walPerRun'), samples.of('limitWalPerRun')];
  const difference = ours === undefined || bare === undefined ? 0 : Math.abs(ours.median / bare.median - 1);
  const remark = difference <= largestWalDifference ? ''
    : `, void: their WAL differs by ${(difference * 100).toFixed(0)} %`;
  return lines.map(([label, value, notes]) => [label, value, `${ratio.toFixed(2)} of L8${remark} ${notes}`]);
}

function amount(value: number): string {
  if (value < 1) return value.toFixed(4);
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
