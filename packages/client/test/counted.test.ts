// What starting and waiting cost, counted on the wire and by the database; and what a start in a caller's
// transaction does to that transaction.
import { createClient } from '@perdure/client';
import { workflow, type Connection } from '@perdure/core';
import { connect } from '@perdure/sql';
import { setMaxListeners } from 'node:events';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startPgProxy } from '../../testing/dist/pg-proxy.js';
import { freshDatabase } from '../../testing/test/database.js';
import { failure, freshEngine, until } from '../../testing/test/engine.js';

const engine = await freshEngine();
const { url, sql, work } = engine;
const quiet = await freshDatabase();
const { hostname, port } = new URL(url);
const proxy = await startPgProxy({ target: { host: hostname, port: Number(port) } });
const connection: Connection = await connect(proxy.url(url));
const client = createClient({ connection });
// A door of its own for the caller's transaction: what is counted there is what the caller pays.
const own = await startPgProxy({ target: { host: hostname, port: Number(port) } });
const tx = new pg.Client({ connectionString: own.url(url) });
await tx.connect();
afterAll(async () => {
  await client.close();
  await connection.close();
  await tx.end();
  await proxy.close();
  await own.close();
});

const greet = workflow('greet', async (ctx, name: string) => ctx.step('greet', () => `Hello ${name}`));
const nobodys = workflow('nobodys', async () => 1);
const range = (n: number): number[] => Array.from({ length: n }, (_, at) => at);

beforeEach(() => sql(`truncate perdure.runs, perdure.ready, perdure.journal, perdure.calls, perdure.messages,
  perdure.inbox, perdure.events`));
// A test that failed half-way must not hold up the others.
afterEach(() => tx.query('rollback'));

/** Transactions that `body` committed in `database`, as the server counts them; nobody else may use it. */
async function commitsOf(database: string, body: () => Promise<void>): Promise<number> {
  const name = new URL(database).pathname.slice(1);
  const one = async (text: string): Promise<number> => Number(Object.values((await sql(text,
    [name]))[0] ?? {})[0]);
  const read = (): Promise<number> => (
    one('select xact_commit::integer from pg_stat_database where datname = $1'));
  const before = await read();
  await body();
  // A session hands in what it counted when it ends; versions before 15 take their time to show it.
  const sessions = 'select count(*)::integer from pg_stat_activity where datname = $1';
  await until(async () => await one(sessions) === 0);
  let seen = -1;
  return until(async () => {
    const last = seen;
    seen = await read();
    if (seen === last) return seen - before;
    await new Promise((resolve) => setTimeout(resolve, 600));
    return undefined;
  }) as Promise<number>;
}

describe('starts outside of a transaction', () => {
  test('a thousand at once cost at most 20 commits', async () => {
    await client.start(nobodys);
    await sql('truncate perdure.runs, perdure.ready');
    proxy.resetCounts();
    await Promise.all(range(1_000).map((at) => client.start(greet, `n${at}`)));
    expect(proxy.counts.commits).toBeGreaterThan(0);
    expect(proxy.counts.commits).toBeLessThanOrEqual(20);
    expect(proxy.counts.queries).toBeLessThanOrEqual(20);
    expect(await sql('select count(*)::integer as n from perdure.runs')).toEqual([{ n: 1_000 }]);
    // Told by which transaction wrote which row, the database agrees.
    expect(await sql('select count(distinct xmin::text)::integer <= 20 as few from perdure.runs'))
      .toEqual([{ few: true }]);
  });

  test('a thousand with ids of the caller, half of them twice, are as cheap', async () => {
    proxy.resetCounts();
    const runs = await Promise.all(range(1_000).map((at) => client.start(greet, 'x',
      { id: `id-${at % 500}` })));
    expect(new Set(runs.map((run) => run.id)).size).toBe(500);
    expect(proxy.counts.commits).toBeLessThanOrEqual(20);
    expect(await sql('select count(*)::integer as n from perdure.runs')).toEqual([{ n: 500 }]);
    expect(await sql('select count(*)::integer as n from perdure.ready')).toEqual([{ n: 500 }]);
  });

  test('a thousand signals, and a thousand events, are as cheap', async () => {
    const run = await client.start(greet, 'x');
    const [signal, emit] = [
      (at: number) => run.signal('note' as never, at as never), (at: number) => client.emit('noted', at)];
    for (const [table, send] of [['messages', signal], ['events', emit]] as const) {
      proxy.resetCounts();
      await Promise.all(range(1_000).map(send));
      expect(proxy.counts.commits).toBeGreaterThan(0);
      expect(proxy.counts.commits).toBeLessThanOrEqual(20);
      expect(await sql(`select count(*)::integer as n from perdure.${table}`)).toEqual([{ n: 1_000 }]);
    }
    // They lie there in the order in which they were sent.
    const inbox = await sql(`select m.payload from perdure.inbox i
      join perdure.messages m on m.run_id = i.run_id and m.id = i.id order by i.sent_at, i.id`);
    expect(inbox.map((row) => Number(row['payload']))).toEqual(range(1_000));
  });

  test('pg_stat_database counts no more', async () => {
    const starting = (starts: number) => async (): Promise<void> => {
      const mine = await connect(quiet);
      const starter = createClient({ connection: mine });
      await Promise.all(range(starts).map((at) => starter.start(greet, `n${at}`)));
      await mine.close();
    };
    await starting(1)();
    const connecting = await commitsOf(quiet, starting(1));
    const all = await commitsOf(quiet, starting(1_000));
    expect(all).toBeGreaterThan(0);
    expect(all - connecting).toBeLessThanOrEqual(20);
  });
});

describe('a start in a transaction', () => {
  test('is one message when it inserts, two when the id exists', async () => {
    await tx.query('begin');
    await client.start(tx, greet, 'warm up');
    own.resetCounts();
    await client.start(tx, greet, 'Ada', { id: 'one' });
    expect(own.counts.queries).toBe(1);
    await client.start(tx, greet, 'Ada', { id: 'one' });
    expect(own.counts.queries).toBe(3);
    own.resetCounts();
    await tx.query('commit');
    expect(own.counts.queries).toBe(1);
    expect(own.counts.commits).toBe(1);
  });

  test('lets itself be sent to, in one message each', async () => {
    await tx.query('begin');
    const run = await client.start(tx, greet, 'Ada');
    own.resetCounts();
    await client.signal(tx, run, 'note' as never, 1 as never);
    expect(own.counts.queries).toBe(1);
    await client.emit(tx, 'noted', 1);
    expect(own.counts.queries).toBe(2);
    await client.cancel(tx, run);
    expect(own.counts.queries).toBe(3);
    await tx.query('rollback');
    await engine.expectNothing();
    expect(await sql('select * from perdure.messages')).toEqual([]);
    expect(await sql('select * from perdure.events')).toEqual([]);
  });

  test('leaves nothing when the transaction is rolled back', async () => {
    await tx.query('begin');
    const { id } = await client.start(tx, greet, 'Ada');
    await tx.query('rollback');
    await engine.expectNoTrace(id);
    await engine.expectNothing();
  });

  test('leaves nothing when the connection dies before the commit', async () => {
    const dying = new pg.Client({ connectionString: url });
    dying.on('error', () => undefined);
    await dying.connect();
    const { rows: [mine] } = await dying.query<{ pid: number }>('select pg_backend_pid() as pid');
    await dying.query('begin');
    await client.start(dying, greet, 'Ada');
    await sql('select pg_terminate_backend($1)', [mine?.pid]);
    await until(async () => (await sql('select 1 from pg_stat_activity where pid = $1',
      [mine?.pid])).length === 0);
    await engine.expectNothing();
  });

  test('goes with its savepoint', async () => {
    await tx.query('begin');
    await client.start(tx, greet, 'kept', { id: 'kept' });
    await tx.query('savepoint a');
    await client.start(tx, greet, 'gone', { id: 'gone' });
    await tx.query('rollback to savepoint a');
    await client.start(tx, greet, 'after', { id: 'after' });
    await tx.query('savepoint b');
    await client.start(tx, greet, 'released', { id: 'released' });
    await tx.query('release savepoint b');
    await tx.query('commit');
    expect(await sql('select id from perdure.runs order by id'))
      .toEqual([{ id: 'after' }, { id: 'kept' }, { id: 'released' }]);
    await engine.expectNoTrace('gone');
  });

  test('of an id that exists does not abort the transaction', async () => {
    await client.start(greet, 'first', { id: 'again' });
    await tx.query('begin');
    expect(await client.start(tx, greet, 'second', { id: 'again' }))
      .toEqual({ id: 'again', workflow: 'greet' });
    expect(await failure(client.start(tx, nobodys, undefined, { id: 'again' })))
      .toMatchObject({ code: 'RUN_ID_TAKEN' });
    expect(await failure(client.start(tx, greet, 'x', { id: 'again', onConflict: 'fail' })))
      .toMatchObject({ code: 'RUN_EXISTS' });
    await client.start(tx, greet, 'other', { id: 'other' });
    await tx.query('commit');
    expect(await sql('select id, input from perdure.runs order by id'))
      .toEqual([{ id: 'again', input: '"first"' }, { id: 'other', input: '"other"' }]);
  });

  test.each(['serializable', 'repeatable read'])('passes 40001 on unwrapped (%s)', async (level) => {
    await tx.query(`begin isolation level ${level}`);
    await tx.query('select count(*) from perdure.meta');
    await client.start(greet, 'theirs', { id: 'contended' });
    const error = await failure(client.start(tx, greet, 'ours', { id: 'contended' }));
    expect(error).toMatchObject({ code: '40001', severity: 'ERROR' });
    expect(error).toBeInstanceOf(pg.DatabaseError);
    await tx.query('rollback');
    // What a retry loop does next.
    await tx.query(`begin isolation level ${level}`);
    expect((await client.start(tx, greet, 'ours', { id: 'contended' })).id).toBe('contended');
    await tx.query('commit');
    expect(await sql('select input from perdure.runs')).toEqual([{ input: '"theirs"' }]);
  });

  test('causes no false serialization failures', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    await Promise.all(range(8).map(async (worker) => {
      const mine = await pool.connect();
      for (const at of range(25)) {
        await mine.query('begin isolation level serializable');
        await client.start(mine, greet, 'x', { id: `s-${worker}-${at}` });
        await mine.query('commit');
      }
      mine.release();
    }));
    await pool.end();
    expect(await sql('select count(*)::integer as n from perdure.runs')).toEqual([{ n: 200 }]);
  });

  test('200 transactions that end at random: orders and runs match one to one', async () => {
    await sql('create table orders (id text primary key)');
    const pool = new pg.Pool({ connectionString: url, max: 10 });
    // A connection that is ended by force says so as an event, too.
    pool.on('connect', (each) => each.on('error', () => undefined));
    const endings = ['commit', 'rollback', 'die'] as const;
    const ended = await Promise.all(range(200).map(async (at) => {
      const mine = await pool.connect();
      const ending = endings[Math.floor(Math.random() * endings.length)]!;
      const insert = (): Promise<unknown> => mine.query('insert into orders values ($1)', [`order-${at}`]);
      await mine.query('begin');
      if (Math.random() < 0.5) await insert();
      await client.start(mine, greet, 'x', { id: `order-${at}` });
      await mine.query('insert into orders values ($1) on conflict do nothing', [`order-${at}`]);
      if (ending === 'die') await mine.query('select pg_terminate_backend(pg_backend_pid())').catch(() =>
        undefined);
      else await mine.query(ending);
      mine.release(ending === 'die');
      return ending;
    }));
    await pool.end();
    const unmatched = await sql(`select o.id as order, r.id as run from orders o
      full outer join perdure.runs r on r.id = o.id where o.id is null or r.id is null`);
    expect(unmatched).toEqual([]);
    const halves = await sql(`select r.id from perdure.runs r full outer join perdure.ready d on d.id = r.id
      where r.id is null or d.id is null`);
    expect(halves).toEqual([]);
    const committed = ended.filter((ending) => ending === 'commit').length;
    expect(await sql('select count(*)::integer as n from orders')).toEqual([{ n: committed }]);
    await sql('drop table orders');
  });
});

describe('waiting', () => {
  test('ten thousand waiters cost at most five queries a second', async () => {
    const stops = new AbortController();
    setMaxListeners(0, stops.signal);
    const runs = await Promise.all(range(10_000).map((at) => client.start(nobodys, undefined,
      { id: `w-${at}` })));
    const waits = runs.map((run) => run.result({ abortSignal: stops.signal }).catch(() => 'stopped'));
    const reads = (): number => proxy.counts.queries;
    // Let the first look pass: it is part of no window.
    proxy.resetCounts();
    await until(() => reads() > 0);
    proxy.resetCounts();
    const windowMs = 3_000;
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    expect(reads()).toBeLessThanOrEqual(5 * (windowMs / 1_000));
    stops.abort();
    await Promise.all(waits);
    proxy.resetCounts();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reads()).toBeLessThanOrEqual(2);
  });

  test('all of them hear of their results', async () => {
    const worker = await work([greet], { connection, concurrency: 200 });
    const runs = await Promise.all(range(2_000).map((at) => client.start(greet, `n${at}`)));
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results).toEqual(range(2_000).map((at) => `Hello n${at}`));
    await worker.stop();
  });

  test('a run that settles in this process is told without a query', async () => {
    const worker = await work([greet], { connection });
    await client.execute(greet, 'warm up');
    const run = await client.start(greet, 'Ada');
    const statements: string[] = [];
    const gate = proxy.hold((statement) => {
      const reads = statement.name.startsWith('perdure_read_runs_');
      if (reads) statements.push(statement.name);
      return reads;
    }, 'request');
    // Every query of the watcher stands at the gate: what arrives was told in this process.
    expect(await client.execute(greet, 'Grace')).toBe('Hello Grace');
    expect(statements.length).toBeLessThanOrEqual(1);
    gate.release();
    expect(await run.result()).toBe('Hello Ada');
    await worker.stop();
  });
});
