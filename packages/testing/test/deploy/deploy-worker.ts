// A worker process of one release; it says so when it has begun, and ends on SIGTERM.
//   node deploy-worker.js <url> <release>
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import pg from 'pg';
import { workflowsOf } from './deploy-releases.js';

const [url = '', release = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url });
const connection = await connect(url);
const say = (): void => undefined;
const silent = { debug: say, info: say, warn: say, error: say };
const worker = await createWorker({
  connection, workflows: workflowsOf(release, pool), logger: silent, leaseDuration: '1 s',
}).start();
process.stdout.write('began\n');
await worker.run();
await connection.close();
await pool.end();
