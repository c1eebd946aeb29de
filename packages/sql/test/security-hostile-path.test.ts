// Neither the name of a schema nor what others put into the search_path leads the engine astray. The store
// cases run like this too: see store-cases.test.ts.
import { createClient } from '@perdure/client';
import { workflow } from '@perdure/core';
import { connect, migrationSql } from '@perdure/sql';
import knexOf from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { failure, until } from '../../testing/test/engine.js';
import { channelOf } from '../dist/quote.js';
import { caught, hostileUrl, plantHostility, searchPath, type Place } from './security/hostile-path.js';
import { tour } from './security/tour.js';

const url = await freshDatabase();
const planted = await plantHostility(url);
const pools: pg.Pool[] = [];
function poolOf(place: Place): pg.Pool {
  const pool = new pg.Pool({ connectionString: hostileUrl(url, place) });
  pool.on('error', () => undefined);
  pools.push(pool);
  return pool;
}
afterAll(() => Promise.all(pools.map((pool) => pool.end())));

test('what is planted is found by statements that are not careful', async () => {
  expect(planted.first).toBeGreaterThan(200);
  expect(planted.behind).toBeGreaterThan(1_000);
  const careless: Record<Place, string[]> = {
    first: ['clock_timestamp()', "hashtextextended('a', 0)", 'to_regclass($$a$$)', '1 + 1'],
    behind: ["count('a'::name)", 'cardinality(array[1::bigint])', "1 * interval '1 second'"],
  };
  for (const [place, calls] of Object.entries(careless)) {
    for (const call of calls) {
      const asked = poolOf(place as Place).query(`select ${call}`);
      expect((await failure(asked)).message).toMatch(caught);
    }
  }
});

describe('a tour in a schema whose name has to be quoted', () => {
  test('on connections of its own, where a hostile schema stands before pg_catalog', async () => {
    const schema = 'we"ird – sch.ema';
    await using connection = await connect(hostileUrl(url, 'first'), { schema });
    await tour({ worker: connection, client: connection, operator: connection, pool: poolOf('behind') });
  });

  test('behind a transaction pooler, where a hostile schema stands behind pg_catalog', async () => {
    const schema = `'; drop schema "perdure"; --`;
    const at = hostileUrl(url, 'behind');
    await using connection = await connect(at, { schema, transactionPooler: true });
    await tour({ worker: connection, client: connection, operator: connection, pool: poolOf('behind') });
  });

  test('on a Kysely instance, and with an empty search_path', async () => {
    const target = new URL(url);
    target.searchParams.set('options', '-c search_path=');
    const schema = '$1 ? :a @schema@ %s';
    await using worker = await connect(target.href, { schema });
    const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOf('behind') }) });
    await using client = await connect(kysely, { schema });
    await tour({ worker, client, operator: client, pool: poolOf('behind') });
  });
});

test('Knex starts in a schema whose name has what it takes for a parameter', async () => {
  const schema = 'a ? $1 ?? b';
  await using connection = await connect(url, { schema });
  const knex = knexOf({ client: 'pg', connection: url });
  const client = createClient({ connection });
  const nothing = workflow('nothing', async () => undefined);
  try {
    await knex.transaction(async (tx) => client.start(tx, nothing, undefined, { id: 'by-knex' }));
    expect(await connection.store.readRuns(['by-knex'])).toHaveLength(1);
  } finally {
    await knex.destroy();
  }
});

describe('what is derived from the name of a schema', () => {
  const longest = 'ü'.repeat(31) + 'x';

  test('is no longer than PostgreSQL takes, and of each schema its own', () => {
    const names = ['perdure', longest, 'y'.repeat(55), 'y'.repeat(56), 'y'.repeat(63)];
    const channels = names.map(channelOf);
    for (const channel of channels) expect(Buffer.byteLength(channel)).toBeLessThanOrEqual(63);
    expect(new Set(channels).size).toBe(names.length);
    expect(channelOf('perdure')).toBe('perdure:perdure');
  });

  test('carries hints between processes', async () => {
    await using mine = await connect(url, { schema: longest });
    await using other = await connect(url, { schema: longest });
    const heard = (which: typeof mine): Promise<void> => (
      new Promise((resolve) => void which.hints.onMail(resolve)));
    const ears = [heard(mine), heard(other)];
    for (const { hints } of [mine, other]) hints.listen();
    await Promise.all(ears);
    const hint = heard(other);
    mine.hints.mail();
    await hint;
  });
});

const unfit: unknown[] = ['\uD800', 'a\0b', 'é'.repeat(32), '', 7];
test.each(unfit as string[])('a schema of %j is refused before anything is asked', async (schema) => {
  const away = 'postgres://nobody@127.0.0.1:1/none';
  expect(await failure(connect(away, { schema }))).toMatchObject({ code: 'INVALID_SCHEMA' });
  expect(() => migrationSql(schema)).toThrow(expect.objectContaining({ code: 'INVALID_SCHEMA' }) as Error);
});

describe('migrations', () => {
  test('are printed so that they run wherever the search_path leads', async () => {
    const client = new pg.Client({ connectionString: hostileUrl(url, 'first') });
    await client.connect();
    await client.query(migrationSql('printed'));
    expect((await client.query(`show search_path`)).rows[0]).toEqual({ search_path: searchPath('first') });
    await client.end();
    await using connection = await connect(url, { schema: 'printed', migrate: false });
    expect(await connection.store.readRuns(['none'])).toEqual([]);
  });

  test('leave a session as it was when they fail, and say what kept them', async () => {
    await (await connect(url, { schema: 'blocked' })).close();
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query(`update blocked.meta set value = '4' where key = 'schema_version'`);
    for (const table of ['runs', 'journal', 'calls', 'messages', 'events', 'chunks']) {
      await holder.query(`alter table blocked.${table} drop constraint ${table}_limits`);
    }
    await holder.query('begin; lock table blocked.runs in access share mode');
    const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({
      pool: new pg.Pool({ connectionString: url, max: 1 }) }) });
    const error = await failure(connect(kysely, { schema: 'blocked' }));
    expect(error).toMatchObject({ code: 'MIGRATION_BLOCKED' });
    await holder.end();
    // On the one connection that there is, whose transaction has ended.
    await (await connect(kysely, { schema: 'blocked' })).close();
    await kysely.destroy();
  });
});

test('the thread of leases renews them where a hostile schema stands first', async () => {
  await using connection = await connect(hostileUrl(url, 'first'), { schema: 'leases' });
  const { store } = connection;
  await store.startRuns([{ id: 'a', workflow: 'w', queue: 'q', input: { codec: 'json', text: null } }]);
  const served = [{ queue: 'q', workflow: 'w', version: null, stamp: null }];
  const wish = { claimId: 'c'.repeat(32), served, limit: 1, suspects: true, leaseMs: 60_000, sweep: true };
  const [claimed] = (await store.claim(wish)).runs;
  const hands = poolOf('behind');
  const dueAt = async (): Promise<number> => (
    (await hands.query<{ due_at: Date }>('select due_at from leases.ready')).rows[0]!.due_at.getTime());
  const before = await dueAt();
  // The main loop says nothing from here on, as if it were blocked.
  const keeper = connection.keepLeases({ leaseMs: 120_000, renewMs: 60, loopLimitMs: 600_000 });
  keeper.hold([{ runId: 'a', epoch: claimed!.lease.epoch, part: claimed!.lease.part }]);
  await until(async () => await dueAt() > before);
  await keeper.close();
});
