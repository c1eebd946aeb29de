// The table that people read.
import type { Figures, Latency } from './figures.js';

type Line = readonly [name: string, figure: string, ratio: string];

// Beyond this difference the two write different rows, and a ratio would compare nothing.
const largestWalDifference = 0.1;

/** The table of all figures that were taken. */
export function report(figures: Figures): string {
  const lines = [...work(figures), ...costs(figures), ...limits(figures)];
  const widths = [0, 1].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map(([name, figure, ratio]) =>
    `  ${name.padEnd(widths[0] ?? 0)}  ${figure.padStart(widths[1] ?? 0)}  ${ratio}`.trimEnd());
  return [...head(figures), '', ...table].join('\n');
}

function head({ postgres, sizes }: Figures): string[] {
  const settings = Object.entries(postgres?.settings ?? {}).map((setting) => setting.join(' ')).join(', ');
  return [
    `PostgreSQL ${postgres?.version}, ${settings}`,
    `Node ${process.version}; median of ${sizes?.repeats}; W1 ${sizes?.drainRuns} runs, concurrency ` +
    `${sizes?.drainConcurrency}; W2 ${sizes?.stepsRuns} runs of ${sizes?.stepsEach} steps, concurrency ` +
    `${sizes?.stepsConcurrency}; W4 ${sizes?.longSteps} steps`,
  ];
}

function work(figures: Figures): Line[] {
  const { W1, W1c, W2, W3, W4, inFlight, L8 } = figures;
  const lines: Line[] = [];
  if (W1 !== undefined) {
    const of = ratio(W1.drainPerSec, L8?.runsPerSec, figures);
    lines.push(['W1 drain', `${whole(W1.drainPerSec)} runs/s`, of],
      ['W1 starts', `${whole(W1.startsPerSec)} /s`, ''],
      ['W1 processor time of the worker', `${W1.cpuMicrosPerRun.toFixed(1)} µs/run`, '']);
  }
  if (W1c !== undefined) lines.push(['W1c callers and worker here', `${whole(W1c.perSec)} runs/s`, '']);
  if (W2 !== undefined) {
    const of = ratio(W2.stepsPerSec, L8?.stepsPerSec, figures);
    lines.push(['W2 sequential steps', `${whole(W2.stepsPerSec)} steps/s`, of],
      ['W2 processor time of the worker', `${W2.cpuMicrosPerStep.toFixed(1)} µs/step`, '']);
  }
  if (W3 !== undefined) {
    for (const [name, it] of [['one process', W3], ['two processes', W3.cross]] as const) {
      lines.push([`W3 start to step, ${name}`, ms(it.toStep.p50Ms), tail(it.toStep)],
        [`W3 start to result, ${name}`, ms(it.p50Ms), tail(it)]);
    }
  }
  if (W4 !== undefined) {
    const of = ratio(W4.stepsPerSec, L8?.oneRunStepsPerSec, figures);
    lines.push(['W4 one run', `${whole(W4.stepsPerSec)} steps/s`, of],
      ['W4 peak memory', `${whole(W4.rssMb)} MB`, '']);
  }
  if (inFlight !== undefined) {
    lines.push([`memory with ${inFlight.runs} runs in flight`, `${whole(inFlight.rssMb)} MB`, '']);
  }
  return lines;
}

function costs({ walPerRun, walPerStep, transactionsPerRun }: Figures): Line[] {
  const lines: Line[] = [];
  if (walPerRun !== undefined) lines.push(['WAL of a one-step run', `${whole(walPerRun)} B`, '']);
  if (walPerStep !== undefined) lines.push(['WAL of a further step', `${whole(walPerStep)} B`, '']);
  if (transactionsPerRun !== undefined) {
    lines.push(['transactions of a one-step run', transactionsPerRun.toFixed(4), '']);
  }
  return lines;
}

function limits({ L1, L2, L8 }: Figures): Line[] {
  const lines: Line[] = [];
  if (L1 !== undefined) {
    lines.push(['L1 single-row commits, 1 connection', `${whole(L1.one)} /s`, ''],
      ['L1 single-row commits, 16 connections', `${whole(L1.sixteen)} /s`, '']);
  }
  for (const [rows, perSec] of Object.entries(L2 ?? {})) {
    lines.push([`L2 inserts of ${rows} rows`, `${whole(perSec)} rows/s`, '']);
  }
  if (L8 !== undefined) {
    lines.push(['L8 grouped runs', `${whole(L8.runsPerSec)} runs/s`, `batches of ${L8.batch}`],
      ['L8 grouped steps', `${whole(L8.stepsPerSec)} steps/s`, ''],
      ['L8 one run', `${whole(L8.oneRunStepsPerSec)} steps/s`, ''],
      ['L8 WAL of a one-step run', `${whole(L8.walPerRun)} B`, '']);
  }
  return lines;
}

function ratio(figure: number, limit: number | undefined, { walPerRun, L8 }: Figures): string {
  if (limit === undefined) return '';
  const text = `${(figure / limit).toFixed(2)} of L8`;
  if (walPerRun === undefined || L8 === undefined) return text;
  const difference = Math.abs(walPerRun / L8.walPerRun - 1);
  return difference <= largestWalDifference ? text
    : `${text}: void, their WAL differs by ${(difference * 100).toFixed(0)} %`;
}

function tail({ p95Ms, p99Ms }: Latency): string {
  return `p95 ${ms(p95Ms)}, p99 ${ms(p99Ms)}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
