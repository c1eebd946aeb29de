// `pnpm bench [--only W1,L8] [--json FILE] [--quick] [--rounds N]`: workloads and their limits on an embedded
// server with durable settings, in one table. A limit is measured right before its workload, in every round.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Bench, type Measure } from './bench.js';
import { figuresOf } from './figures.js';
import { Database } from './host/database.js';
import {
  measureGroupedRuns, measureGroupedSteps, measureIdlePairs, measureLoneSteps, measureManyRows,
  measureSingleRows,
} from './measure-limits.js';
import {
  measureCallers, measureDrain, measureInFlight, measureLatency, measureLongRun, measureSteps,
} from './measure-work.js';
import { report } from './report.js';
import { fullSizes, quickSizes } from './sizes.js';

type Named = readonly [name: string, measure: Measure];
const everyRound: readonly Named[] = [
  ['L1', measureSingleRows], ['L2', measureManyRows],
  ['L8', measureGroupedRuns], ['W1', measureDrain],
  ['L8', measureGroupedSteps], ['W2', measureSteps],
  ['L8', measureLoneSteps], ['W4', measureLongRun],
  ['W1c', measureCallers],
];
const once: readonly Named[] = [['L8', measureIdlePairs], ['W3', measureLatency], ['RSS', measureInFlight]];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
});
const names = [...new Set([...everyRound, ...once].map(([name]) => name))];
const wanted = new Set(values.only === undefined ? names : values.only.split(','));
const unknown = [...wanted].filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}; there are ${names.join(', ')}.`);
  process.exit(2);
}

await using database = await Database.start();
const sizes = values.quick ? quickSizes : fullSizes;
await using bench = new Bench(database, { ...sizes, rounds: Number(values.rounds ?? sizes.rounds) });
for (let round = 1; round <= bench.sizes.rounds; round++) {
  for (const [name, measure] of round === 1 ? [...everyRound, ...once] : everyRound) {
    if (!wanted.has(name)) continue;
    console.error(`round ${round}: ${name}`);
    await measure(bench);
  }
}
const settings = await database.settings();
console.log(report(bench, settings));
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify(figuresOf(bench, settings), null, 2)}\n`);
}
