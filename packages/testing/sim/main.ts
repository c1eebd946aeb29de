// `pnpm sim`: generated workflows on a simulated system, many seeds, all of them judged. Ends with 1 if a
// promise was broken.
//   pnpm sim [--seeds=50000] [--from=0] [--minutes=…] [--processes=2]
//   pnpm sim --seed=N [--trace]      one seed, told at length
//   pnpm sim --single [--seeds=…]    in this process, until the first violation
//   pnpm sim --broken=stale-writes … on a database that is broken on purpose (broken.ts has the list)
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { systemEnv } from '@perdure/core/engine';
import { breakDatabase } from './broken.js';
import { Chance } from '../dist/simulation/chance.js';
import { cut, cutsIn, optionsOf } from './cuts.js';
import { serveParent, simulateAll } from './fleet.js';
import { shrink } from './shrink.js';
import { simulate, type Report } from './simulate.js';
import { storyOf } from './story.js';
import { linesOf, tallyOf, type Tally } from './tally.js';

// Stacks of errors that nobody sees cost a tenth of the time.
Error.stackTraceLimit = 0;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const { values } = parseArgs({ options: {
  seeds: text, seed: text, from: text, minutes: text, processes: text, without: text, undone: text,
  workers: text, faults: text, single: flag, trace: flag, broken: text, serve: flag, shrink: flag,
} });

function whole(name: 'seeds' | 'seed' | 'from' | 'processes', otherwise: number): number {
  const given = Number(values[name] ?? otherwise);
  if (!Number.isInteger(given) || given < 0) throw new Error(`--${name} takes a whole number.`);
  return given;
}

function say(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}

/** One seed, or what is left of it. */
async function tellOne(seed: number): Promise<boolean> {
  const cuts = cutsIn(values);
  const story = cut(storyOf(seed, new Chance(seed)), cuts);
  const report = await simulate(story, values.trace === true
    ? ({ at, actor, label }) => console.log(`${at} ${actor} ${label}`) : null);
  say([
    `seed ${seed}: trace ${report.hash}, ${report.events} events, ${report.runs} runs, faults ` +
      JSON.stringify(report.faults),
    ...report.violations.map((violation) => `VIOLATION ${violation}`),
  ]);
  if (values.trace === true) console.log(JSON.stringify(story, null, 1));
  return report.violations.length === 0;
}

/** Makes a failing seed smaller, and says how to see it again. */
async function explain(seed: number): Promise<void> {
  const story = storyOf(seed, new Chance(seed));
  const report: Report = await simulate(story);
  const { cuts, report: small, trials } = await shrink(story, report);
  say([
    `seed ${seed}:`, ...report.violations.slice(0, 5).map((violation) => `  VIOLATION ${violation}`),
    `  made smaller in ${trials} simulations to ${small.events} events:`,
    ...small.violations.slice(0, 5).map((violation) => `  VIOLATION ${violation}`),
    `  see it again with: pnpm sim --seed=${seed}${optionsOf(cuts)}` +
      (values.broken === undefined ? '' : ` --broken=${values.broken}`),
  ]);
}

async function simulateMany(): Promise<Tally> {
  const seeds = { from: whole('from', 0), count: whole('seeds', 50_000) };
  if (values.single === true || values.broken !== undefined) {
    return tallyOf(seeds, ({ failures }) => failures.length > 0);
  }
  let toldAt = systemEnv.monotonic();
  return simulateAll({
    ...seeds, processes: whole('processes', Math.min(2, availableParallelism())),
    limitMs: Number(values.minutes ?? Infinity) * 60_000,
    progress: (tally) => {
      if (systemEnv.monotonic() - toldAt < 10_000) return;
      toldAt = systemEnv.monotonic();
      console.log(`  … ${linesOf(tally)[0]}, ${tally.failures.length} failing seeds`);
    },
  });
}

if (values.broken !== undefined) breakDatabase(values.broken);
if (values.serve === true) {
  serveParent();
} else if (values.seed !== undefined) {
  if (!await tellOne(whole('seed', 0))) process.exitCode = 1;
} else {
  const began = systemEnv.monotonic();
  const tally = await simulateMany();
  const seconds = (systemEnv.monotonic() - began) / 1_000;
  say([...linesOf(tally), `${seconds.toFixed(1)} s, ${(tally.seeds / seconds).toFixed(0)} seeds/s`]);
  if (tally.failures.length === 0) {
    console.log('Every promise was kept.');
  } else {
    process.exitCode = 1;
    const [first] = tally.failures;
    say(tally.failures.map(({ seed, violations }) => `VIOLATION in seed ${seed}: ${violations[0]}`));
    if (first !== undefined && (values.single !== true || values.shrink === true)) await explain(first.seed);
  }
}
