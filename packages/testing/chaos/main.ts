// `pnpm chaos`: a business of worker and client processes on a real PostgreSQL, under faults. Ends with 1 if
// a promise was broken.
//   pnpm chaos [--seconds=120] [--seed=…] [--faults=kill,restart-fast,…] [--json]
//              [--url=… of a superuser on a server that is only used] [--figures=no]
//              [--round=12, seconds of faults in a round] [--at-once=4, kinds of faults in a round]
//              [--lease=1000, ms]
import { systemEnv } from '@perdure/core/engine';
import { parseArgs } from 'node:util';
import { chaosRun } from './chaos-run.js';
import { givenServer, ownServer } from './chaos-server.js';
import { kindsNamed } from './fault-catalogue.js';
import { chaosTable } from './chaos-table.js';
import { takeFigures } from './figures.js';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: {
  seconds: text, seed: text, faults: text, url: text, figures: text, round: text, 'at-once': text,
  lease: text, json: { type: 'boolean' },
} });

function whole(name: 'seconds' | 'seed' | 'round' | 'at-once' | 'lease', otherwise: number): number {
  const given = Number(values[name] ?? otherwise);
  if (!Number.isInteger(given) || given < 0) throw new Error(`--${name} takes a whole number.`);
  return given;
}

const seed = whole('seed', Math.floor(systemEnv.random() * 2 ** 32));
const leaseMs = whole('lease', 1_000);
const kinds = kindsNamed(values.faults?.split(',').filter((name) => name !== '') ?? []);
const say = (line: string): void => {
  if (values.json === true) console.error(line);
  else console.log(line);
};
say(`chaos: seed ${seed}`);
const server = values.url === undefined ? await ownServer() : givenServer(values.url);
try {
  const report = await chaosRun({
    server, seed, kinds, seconds: whole('seconds', 120), roundSeconds: whole('round', 12),
    atOnce: whole('at-once', 4), leaseMs, say,
  });
  const figures = values.figures === 'no' ? null : await takeFigures({ server, seed, leaseMs, say });
  if (values.json === true) console.log(JSON.stringify({ seed, ...report, figures }, null, 2));
  else console.log(chaosTable(report, figures));
  if (report.violations.length > 0 || figures?.violations.length) process.exitCode = 1;
} finally {
  await server.close();
}
