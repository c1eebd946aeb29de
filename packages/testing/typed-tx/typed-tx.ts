// The types of an application that names its transaction. Never called: it is compiled, and that is the
// test. It is a program of its own, because a name that is given once holds for the whole program.
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import { createWorker, kyselyTransactor, pgTransactor, workflow, type Tx } from 'perdure';
import pg from 'pg';

interface Database {
  stock: { sku: string; amount: number };
}

declare module 'perdure' {
  interface Register {
    tx: Transaction<Database>;
  }
}

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const ok = <T extends true>(): T | undefined => undefined;
ok<Eq<Tx, Transaction<Database>>>();

const pool = new pg.Pool();
pool.on('connect', (client) => client.on('error', (error) => console.warn(error)));
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });

const reserve = workflow('reserve', async (ctx, sku: string) => (
  ctx.transaction('take one', async (tx) => {
    const { amount } = await tx.updateTable('stock').set((eb) => ({ amount: eb('amount', '-', 1) }))
      .where('sku', '=', sku).returning('amount').executeTakeFirstOrThrow();
    return amount;
  })));

export const wrong = workflow('wrong', async (ctx) => {
  await ctx.transaction('no such table', async (tx) => {
    // @ts-expect-error the transaction knows its tables
    await tx.selectFrom('stocks').execute();
  });
  await ctx.transaction('no such method', async (tx) => {
    // @ts-expect-error and is no client of pg
    await tx.query('select 1');
  });
  // @ts-expect-error no such level
  await ctx.transaction('no such level', { isolationLevel: 'snapshot' }, async () => undefined);
  const number = await ctx.transaction('number', { timeout: '5 seconds' }, async () => 1);
  ok<Eq<typeof number, number>>();
});

export const worker = createWorker({
  connection: pool, workflows: [reserve], transactor: kyselyTransactor(db),
});

// @ts-expect-error the transactor hands out something else than the workflows are given
createWorker({ workflows: [reserve], transactor: pgTransactor(new pg.Pool()) });
// @ts-expect-error an instance is no transactor
createWorker({ workflows: [reserve], transactor: db });
