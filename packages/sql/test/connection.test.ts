// Connections: from the options of a pool, after their end, behind a server that is not ready, with defaults
// of the database that are not the usual ones.
import { workflow } from '@perdure/core';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { createServer, connect as connectTo, type Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { failure, silent } from '../../testing/test/engine.js';
import { Session } from '../dist/postgres/session.js';

const url = await freshDatabase();
const at = new URL(url);
const plain = { host: at.hostname, port: Number(at.port), user: at.username, database: at.pathname.slice(1) };
const nothing = workflow('nothing', async () => undefined);

async function sql(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client.query<Record<string, unknown>>(text, values).then(({ rows }) => rows)
    .finally(async () => client.end());
}

test('a pool hands over its password, which it hides', async () => {
  const pool = new pg.Pool({ ...plain, password: at.password });
  await using connection = await connect(pool);
  await using worker = createWorker({ connection, workflows: [nothing], logger: silent });
  await worker.start();
  await pool.end();
});

test('a pool with a password function serves clients, and a worker is told what it needs', async () => {
  const pool = new pg.Pool({ ...plain, password: async () => at.password });
  await using connection = await connect(pool);
  expect(await connection.store.readRuns(['none'])).toEqual([]);
  const worker = createWorker({ connection, workflows: [nothing], logger: silent });
  expect(await failure(worker.start())).toMatchObject({ code: 'WORKER_NEEDS_URL' });
  await pool.end();
});

test('a closed connection opens no further ones', async () => {
  const connection = await connect(url);
  await connection.close();
  const run = { id: 'late', workflow: 'x', queue: 'default', input: { codec: 'json', text: null } } as const;
  expect(await failure(connection.store.startRuns([run]))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(await sql("select from perdure.runs where id = 'late'")).toEqual([]);
});

test('a connection that ends late does not cost the next one', async () => {
  const sockets: Socket[] = [];
  const notReady = Buffer.from('S' + 'FATAL\0C57P03\0M' + 'starting up\0\0');
  const head = Buffer.from([0x45, 0, 0, 0, notReady.length + 4]);
  let lateEnd: Promise<void> = Promise.resolve();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    if (sockets.length === 1) {
      socket.once('data', () => socket.write(Buffer.concat([head, notReady])));
      lateEnd = new Promise((resolve) => socket.once('close', () => resolve()));
      return;
    }
    socket.pipe(connectTo(plain.port, plain.host)).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as { port: number };
  const session = new Session({
    config: { ...plain, port, password: at.password }, deadlineMs: 5_000, names: true });
  await failure(session.rows('select 1'));
  const next = session.rows('select 1');
  sockets[0]!.destroy();
  await lateEnd;
  await next;
  await session.rows('select 1');
  expect(sockets.length).toBe(2);
  await session.close();
  server.close();
});

test('migrators that meet are one, whatever the isolation, and where transactions only read', async () => {
  const other = await freshDatabase();
  const name = new URL(other).pathname.slice(1);
  await sql(`alter database ${name} set default_transaction_isolation = 'serializable'`);
  await sql(`alter database ${name} set default_transaction_read_only = on`);
  for (let round = 0; round < 5; round++) {
    const schema = `s${round}`;
    const opened = await Promise.allSettled([1, 2, 3].map(async () => connect(other, { schema })));
    for (const each of opened) if (each.status === 'fulfilled') await each.value.close();
    expect(opened.map((each) => each.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  }
});

test('runs that appear long before the last claim do not wait for further sweeps', async () => {
  await using connection = await connect(url);
  const { store } = connection;
  const input = { codec: 'json', text: null } as const;
  const start = async (ids: string[]): Promise<unknown> =>
    store.startRuns(ids.map((id) => ({ id, workflow: 'below', queue: 'default', input })));
  const served = [{ workflow: 'below', queue: 'default', version: null, stamp: null }];
  const claim = async (limit: number, sweep: boolean): Promise<number> => {
    const how = { claimId: crypto.randomUUID(), leaseMs: 60_000, suspects: false };
    return (await store.claim({ ...how, served, limit, sweep })).runs.length;
  };
  await start(['new']);
  expect(await claim(10, false)).toBe(1);
  const old = Array.from({ length: 30 }, (_, index) => `old-${index}`);
  await start(old);
  await sql("update perdure.ready set due_at = due_at - interval '1 hour' where id = any($1)", [old]);
  expect(await claim(10, true)).toBe(10);
  expect(await claim(30, false)).toBe(20);
});

test('another process hears of due runs, settled runs and mail, and not of chunks', async () => {
  await using mine = await connect(url);
  await using other = await connect(url);
  const heard: string[] = [];
  // Resolves when both ears are open: each hints once when it is.
  const listening = [mine, other].map(({ hints }) => new Promise<void>((resolve) => {
    hints.onMail(resolve);
    hints.listen();
  }));
  await Promise.all(listening);
  const mail = new Promise<void>((resolve) => {
    other.hints.onMail(() => {
      heard.push('mail');
      resolve();
    });
  });
  other.hints.onDue(() => heard.push('due'));
  other.hints.onSettled((runs) => heard.push(runs === null ? 'settled elsewhere' : 'settled here'));
  other.hints.onPublished(() => heard.push('published'));
  mine.hints.published(new Set(['a']));
  mine.hints.due();
  mine.hints.settled([]);
  for (let n = 0; n < 100; n++) mine.hints.mail();
  await mail;
  expect(heard.filter((each) => each !== 'mail').sort()).toEqual(['due', 'settled elsewhere']);
  // Within a process it is told each time, and no process hears itself.
  const own: string[] = [];
  mine.hints.onMail(() => own.push('mail'));
  mine.hints.onPublished((runIds) => own.push(...runIds));
  mine.hints.mail();
  mine.hints.published(new Set(['a']));
  expect(own).toEqual(['mail', 'a']);
});

test('a session that the driver and the server see differently is not used again', async () => {
  const session = new Session({ config: { connectionString: url }, deadlineMs: 5_000, names: true });
  const one = { name: 'one', text: 'select $1::text' };
  const hostile = { toPostgres: () => {
    throw new Error('no text of mine');
  } };
  expect(await failure(session.run(one, [hostile]))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(await session.run(one, ['a'])).toEqual([['a']]);
  await session.script('deallocate all');
  expect(await failure(session.run(one, ['b']))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(await session.run(one, ['c'])).toEqual([['c']]);
  await session.close();
});
