// The samples of docs/transactions.md, as they stand there; pages.test.ts compares the two.
import { createWorker, NonRetryableError, pgTransactor, workflow, type Transactor } from 'perdure';
import pg from 'pg';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { freshEngine, silent } from './engine.js';

const { client, connection, sql, url, work } = await freshEngine();
const pool = new pg.Pool({ connectionString: url });
afterAll(() => pool.end());
await sql(`create table stock (sku text primary key, amount int not null check (amount >= 0));
  create table shipments (order_id text, sku text)`);
beforeEach(async () => {
  await sql("delete from shipments; delete from stock; insert into stock values ('tea', 2)");
});

const stockOf = async (sku: string): Promise<unknown> => (
  (await sql('select amount from stock where sku = $1', [sku]))[0]?.['amount']);

test('the first sample', async () => {
  const order = workflow('order', async (ctx, sku: string) => {
    const left = await ctx.transaction('take one', async (tx) => {
      const { rows } = await tx.query(
        'update stock set amount = amount - 1 where sku = $1 returning amount', [sku]);
      return rows[0].amount as number;
    });
    await ctx.step('print label', () => `${sku}, ${left} left`);
    return left;
  });

  await work([order]);
  expect([await client.execute(order, 'tea'), await stockOf('tea')]).toEqual([1, 1]);
});

test('a transactor of the application: pg', async () => {
  const order = workflow('pg order', async (ctx) => ctx.transaction('take one', async (tx) => {
    await tx.query("update stock set amount = amount - 1 where sku = 'tea'");
  }));

  const worker = createWorker({
    connection: pool, workflows: [order], transactor: pgTransactor(pool), logger: silent,
  });

  await worker.start();
  await client.execute(order);
  await worker.stop();
  expect(await stockOf('tea')).toBe(1);
});

test('what rides along', async () => {
  const ship = workflow('ship', async (_ctx, sku: string) => `shipped ${sku}`);

  const order = workflow('order and ship', async (ctx, sku: string) => (
    ctx.transaction('take one', async (tx) => {
      await tx.query('update stock set amount = amount - 1 where sku = $1', [sku]);
      const { id } = await client.start(tx, ship, sku);
      await client.emit(tx, 'stock-changed', { sku });
      return id;
    })));

  await work([order, ship]);
  const id = await client.execute(order, 'tea');
  expect(await client.get(ship, id).result()).toBe('shipped tea');
  expect(await stockOf('tea')).toBe(1);
  expect(await sql("select name from perdure.events")).toEqual([{ name: 'stock-changed' }]);
});

test('what undoes it', async () => {
  const order = workflow('undone', async (ctx, sku: string) => {
    try {
      return await ctx.transaction('take one', { retry: 3, timeout: '5 seconds' }, async (tx) => {
        const { rows } = await tx.query(
          'update stock set amount = amount - 1 where sku = $1 returning amount', [sku]);
        if (rows.length === 0) throw new NonRetryableError(`there is no ${sku}`);
        return rows[0].amount as number;
      });
    } catch (error) {
      return (error as Error).message;
    }
  });

  await work([order]);
  expect(await client.execute(order, 'beer')).toBe('there is no beer');
  expect(await client.execute(order, 'tea')).toBe(1);
});

test('isolation', async () => {
  const reserve = workflow('reserve', async (ctx, sku: string) => (
    ctx.transaction('take the last one', { isolationLevel: 'serializable' }, async (tx) => {
      const { rows } = await tx.query('select sum(amount)::int as sum from stock', []);
      if (rows[0].sum < 2) return false;
      await tx.query('update stock set amount = amount - 1 where sku = $1', [sku]);
      return true;
    })));

  await work([reserve]);
  const reserved = await Promise.all(Array.from({ length: 5 }, () => client.execute(reserve, 'tea')));
  expect([reserved.filter(Boolean).length, await stockOf('tea')]).toEqual([1, 1]);
});

/** A data layer of the application's own. */
class Shop {
  readonly #client: pg.ClientBase;

  constructor(base: pg.ClientBase) {
    this.#client = base;
  }

  static async inTransaction<T>(level: string, body: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const base = await pool.connect();
    try {
      await base.query(`begin isolation level ${level}`);
      const result = await body(base);
      const { command } = await base.query('commit');
      if (command !== 'COMMIT') throw new Error('COMMIT was answered by a rollback');
      base.release();
      return result;
    } catch (error) {
      base.release(true);
      throw error;
    }
  }

  async take(sku: string): Promise<void> {
    await this.#client.query('update stock set amount = amount - 1 where sku = $1', [sku]);
  }
}

test('a transactor for another library', async () => {
  const shopTransactor: Transactor<Shop> = {
    transaction: ({ isolationLevel }, body) => (
      Shop.inTransaction(isolationLevel, (base) => body(new Shop(base), {
        query: async (text, values) => (await base.query(text, [...values])).rows,
      }))),
  };

  const order = workflow('shop order', async (ctx) => ctx.transaction('take one', async (tx) => {
    await (tx as unknown as Shop).take('tea');
  }));
  await work([order], { connection, transactor: shopTransactor as never });
  await client.execute(order);
  expect(await stockOf('tea')).toBe(1);
});
