// `pnpm sim`: many seeds of the simulation. Ends with 1 if a promise was broken.
import { parseArgs } from 'node:util';
import { Chance } from '../dist/simulation/chance.js';
import { simulate } from './simulate.js';
import { storyOf } from './story.js';

// Stacks of errors that nobody sees cost a tenth of the time.
Error.stackTraceLimit = 0;
const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { seeds: text, seed: text, from: text, single: { type: 'boolean' },
  trace: { type: 'boolean' }, all: { type: 'boolean' } } });
const from = Number(values.seed ?? values.from ?? 0);
const count = values.seed === undefined ? Number(values.seeds ?? 100) : 1;
let bad = 0;
const faults: Record<string, number> = {};
let events = 0;
let runs = 0;
for (let seed = from; seed < from + count; seed++) {
  const report = await simulate(storyOf(seed, new Chance(seed)), values.trace === true
    ? (event) => console.log(`${event.at % 1e7} ${event.actor} ${event.label}`) : null);
  for (const [kind, n] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + n;
  events += report.events; runs += report.runs;
  if (report.violations.length > 0) {
    bad++;
    console.log(`seed ${seed}: ${report.violations.slice(0, values.seed === undefined ? 3 : 100).join('\n   ')}`);
    if (values.seed !== undefined) console.log(JSON.stringify(storyOf(seed, new Chance(seed)), null, 1), report);
    if (values.all !== true) break;
  }
}
console.log({ count, bad, faults, total: Object.values(faults).reduce((a, b) => a + b, 0), events, runs });
if (bad > 0) process.exitCode = 1;
