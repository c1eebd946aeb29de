// The samples of docs/libraries.md that stand in no example; pages.test.ts compares them.
import { PGlite } from '@electric-sql/pglite';
import { Kysely, PostgresDialect } from 'kysely';
import { drizzleTransactor, workflow, type Client } from 'perdure';
import { drizzle } from 'drizzle-orm/node-postgres';
import { expect, test } from 'vitest';
import { silent, freshEngine } from '../../../testing/test/engine.js';
import { DataSource } from 'typeorm';
import { migrationSql } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { quietPool } from './pg-case.js';

const { client, connection, sql, url } = await freshEngine();
await sql('create table public.orders (id text primary key)');
const fulfil = workflow('fulfil', async (_ctx, order: string) => order);

interface Database {
  orders: { id: string };
}

test('pg', async () => {
  const pool = quietPool(url);
  const placeOrder = async (id: string): Promise<void> => {
    const tx = await pool.connect();
    try {
      await tx.query('begin');
      await tx.query('insert into orders values ($1)', [id]);
      await client.start(tx, fulfil, id, { id });
      await tx.query('commit');
    } catch (error) {
      await tx.query('rollback');
      throw error;
    } finally {
      tx.release();
    }
  };
  await placeOrder('pg');
  expect(await client.get(fulfil, 'pg').status()).toBe('pending');
  await pool.end();
});

test('Kysely', async () => {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: quietPool(url) }) });
  const placeOrder = async (id: string): Promise<void> => {
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('orders').values({ id }).execute();
      await client.start(tx, fulfil, id, { id });
    });
  };
  await placeOrder('kysely');
  expect(await client.get(fulfil, 'kysely').status()).toBe('pending');
  await db.destroy();
});

test('a QueryRunner', async () => {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await client.start(runner, fulfil, 'runner', { id: 'runner' });
  await runner.commitTransaction();
  await runner.release();
  expect(await client.get(fulfil, 'runner').status()).toBe('pending');
  await dataSource.destroy();
});

test('PGlite', async () => {
  const started = async (c: Client): Promise<unknown> => {
    const db = await PGlite.create();
    await db.exec(migrationSql('perdure'));

    await db.transaction(async (tx) => {
      await tx.exec('create table orders (id text)');
      await c.start(tx, fulfil, 'order-7', { id: 'order-7' });
    });

    const { rows } = await db.query('select id from perdure.runs');
    await db.close();
    return rows;
  };
  expect(await started(client)).toEqual([{ id: 'order-7' }]);
});

test('a transactor', async () => {
  const db = drizzle({ client: quietPool(url) });
  const note = workflow('note', async (ctx) => ctx.transaction('note', async () => 'noted'));

  const worker = createWorker({
    connection, workflows: [note], transactor: drizzleTransactor(db) as never, logger: silent,
  });

  await worker.start();
  expect(await client.execute(note)).toBe('noted');
  await worker.stop();
  await db.$client.end();
});
