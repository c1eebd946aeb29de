// What is no transaction is refused by the compiler and at run time, and leaves nothing behind.
import { createClient } from '@perdure/client';
import { Kysely, PostgresDialect } from 'kysely';
import { workflow, WorkflowError } from 'perdure';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { failure, freshEngine } from '../../testing/test/engine.js';

const { client, connection, pool, url, expectNothing, sql } = await freshEngine();
const greet = workflow('greet', async (_ctx, name: string) => `Hello ${name}`);
const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: new pg.Pool(
  { connectionString: url }) }) });
const idle = new pg.Client({ connectionString: url });
await idle.connect();
// A test that failed half-way must not hold up the others.
afterEach(() => idle.query('rollback'));
afterAll(async () => {
  await db.destroy();
  await idle.end();
});

async function expectRefusal(start: Promise<unknown>, why: RegExp): Promise<void> {
  const error = await failure(start);
  expect(error).toBeInstanceOf(WorkflowError);
  expect(error.code).toBe('NOT_A_TRANSACTION');
  expect(error.message).toMatch(why);
  expect(error.message).toMatch(/ran BEGIN.*leave the argument out/s);
  await expectNothing();
}

describe('instead of a transaction', () => {
  test('a pg pool', async () => {
    // @ts-expect-error a pool is no transaction
    await expectRefusal(client.start(pool, greet, 'Ada'), /it is a pool/);
  });

  test('a Kysely instance', async () => {
    // @ts-expect-error an instance is no transaction
    await expectRefusal(client.start(db, greet, 'Ada'), /it is a Kysely instance/);
  });

  test('a pg client without BEGIN', async () => {
    await expectRefusal(client.start(idle, greet, 'Ada'), /no BEGIN was run on this client/);
  });

  test('a pg client whose transaction has ended', async () => {
    await idle.query('begin');
    await idle.query('rollback');
    await expectRefusal(client.start(idle, greet, 'Ada'), /no BEGIN/);
  });

  test('a client of an older driver that cannot say whether it is in a transaction', async () => {
    const old = { query: (text: string, values?: unknown[]) => idle.query(text, values) };
    await expectRefusal(client.start(old, greet, 'Ada'), /no BEGIN/);
    await idle.query('begin');
    const ref = await client.start(old, greet, 'Ada');
    expect(ref.workflow).toBe('greet');
    await idle.query('rollback');
    await expectNothing();
  });

  test('a Kysely transaction that has ended', async () => {
    const ended = await db.transaction().execute((tx) => Promise.resolve(tx));
    await expect(client.start(ended, greet, 'Ada')).rejects.toThrow();
    await expectNothing();
  });

  test.each([undefined, null, 7, 'tx', {}, { query: 7 }])('nonsense: %j', async (nonsense) => {
    await expectRefusal(client.start(nonsense as never, greet, 'Ada' as never),
      /no transaction that perdure knows/);
  });
});

test('a transaction that already failed passes the error of the database on, unchanged', async () => {
  await idle.query('begin');
  await expect(idle.query('select 1/0')).rejects.toThrow('division');
  expect(await failure(client.start(idle, greet, 'Ada'))).toMatchObject({ code: '25P02' });
  await idle.query('rollback');
  await expectNothing();
});

test('a client made with requireTransaction refuses a start without one', async () => {
  const strict = createClient({ connection, requireTransaction: true });
  const error = await failure(strict.start(greet, 'Ada'));
  expect(error).toMatchObject({ name: 'WorkflowError', code: 'TRANSACTION_REQUIRED' });
  expect(error.message).toMatch(/client\.start\(tx, workflow, input\)/);
  await expectNothing();
  await idle.query('begin');
  const { id } = await strict.start(idle, greet, 'Ada');
  await idle.query('commit');
  expect(await sql('select id from perdure.runs')).toEqual([{ id }]);
});
