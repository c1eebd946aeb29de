// What shares a database, a connection or a worker must not be in each other's way.
import { connect, createClient, createWorker, workflow } from 'perdure';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { silent } from '../../testing/test/engine.js';

const url = await freshDatabase();
const ends: Array<() => Promise<unknown>> = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

test('two schemas can be used on one client of the caller', async () => {
  const hello = workflow('hello', async () => 'hello');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const schema of ['one', 'two']) {
    const connection = await connect(url, { schema });
    await client.query('begin');
    await createClient({ connection }).start(client, hello, undefined, { id: 'same' });
    await client.query('commit');
    await connection.close();
  }
  const { rows } = await client.query('select id from one.runs union all select id from two.runs');
  expect(rows).toEqual([{ id: 'same' }, { id: 'same' }]);
  await client.end();
});

test('a workflow with a backlog does not keep another from its turn', async () => {
  const order: string[] = [];
  const crowd = workflow('crowd', async (ctx) => ctx.step('s', () => void order.push('crowd')));
  const single = workflow('single', async (ctx) => ctx.step('s', () => void order.push('single')));
  const connection = await connect(url, { schema: 'fair' });
  ends.push(() => connection.close());
  const client = createClient({ connection });
  const all = [];
  for (let n = 0; n < 200; n++) all.push(await client.start(crowd));
  all.push(await client.start(single));
  const workflows = [crowd, single];
  const worker = await createWorker({ connection, workflows, concurrency: 10, logger: silent }).start();
  await Promise.all(all.map((run) => run.result()));
  await worker.stop();
  expect(order.indexOf('single')).toBeLessThan(50);
});

test('whoever waits for a result when the client closes is told', async () => {
  const never = workflow('never', async (ctx) => ctx.sleep('1 day'));
  const connection = await connect(url, { schema: 'closing' });
  ends.push(() => connection.close());
  const client = createClient({ connection });
  const run = await client.start(never);
  const waiting = run.result().then(() => 'settled', (error: { code: string }) => error.code);
  await client.close();
  expect(await waiting).toBe('CLIENT_CLOSED');
});
