// `pnpm bench [--only W1,L8] [--json FILE] [--quick]`: workloads and limits of design/BENCH.md on an embedded
// server with durable settings, in one table.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { fullSizes, quickSizes, type Figures } from './figures.js';
import { Database } from './host/database.js';
import { measureEngineSql, measureManyRows, measureSingleRows } from './measure-limits.js';
import {
  measureCallers, measureDrain, measureInFlight, measureLatency, measureLongRun, measureSteps, type Measure,
} from './measure-work.js';
import { report } from './report.js';

const measures: Readonly<Record<string, Measure>> = {
  L1: measureSingleRows,
  L2: measureManyRows,
  L8: measureEngineSql,
  W1: measureDrain,
  W2: measureSteps,
  W4: measureLongRun,
  W1c: measureCallers,
  W3: measureLatency,
  RSS: measureInFlight,
};

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const wanted = values.only === undefined ? Object.keys(measures) : values.only.split(',');
const unknown = wanted.filter((name) => !Object.hasOwn(measures, name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}; there are ${Object.keys(measures).join(', ')}.`);
  process.exit(2);
}

await using database = await Database.start();
const sizes = values.quick ? quickSizes : fullSizes;
const postgres = { version: database.version, settings: await database.settings() };
const figures: Figures = { postgres, sizes };
for (const [name, measure] of Object.entries(measures)) {
  if (!wanted.includes(name)) continue;
  console.error(`${name} …`);
  await measure(database, sizes, figures);
}
console.log(report(figures));
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
