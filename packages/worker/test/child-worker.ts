// A worker in a process of its own, for tests that kill, freeze or block it. Prints what its engine
// publishes, one line of JSON each; the first line says that it has begun.
//   node child-worker.js <url> <lease> <concurrency>
import { subscribe } from 'node:diagnostics_channel';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import pg from 'pg';
import { childWorkflows } from './child-workflows.js';

const [url, lease, concurrency] = process.argv.slice(2);
const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
for (const event of ['run.claimed', 'run.settled', 'run.parked', 'run.lost', 'run.rested', 'step.started']) {
  subscribe(`perdure:${event}`, (facts) => print({ event, ...facts as object }));
}
const pool = new pg.Pool({ connectionString: url! });
const connection = await connect(url);
const say = (): void => undefined;
const silent = { debug: say, info: say, warn: say, error: say };
const worker = createWorker({
  connection, workflows: childWorkflows(pool), logger: silent,
  leaseDuration: lease as '1 s', concurrency: Number(concurrency),
});
await worker.start();
print({ event: 'began' });
