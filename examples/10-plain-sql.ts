// Runs are started and sent to by functions in the database: from psql, from a trigger, from any language
// that has a driver. This program speaks SQL where another language would; only the worker needs TypeScript.
import pg from 'pg';
import { connect, createWorker, startEmbedded, type, workflow } from 'perdure';

const fulfil = workflow({
  name: 'fulfil', signals: { paid: type<{ amount: number }>() },
}, async (ctx, order: { id: number; item: string }) => {
  const { amount } = await ctx.waitFor('paid');
  await ctx.step('ship', () => console.log(`Shipping one ${order.item} for ${amount}`));
});

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL;
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [fulfil] }).start();

const db = new pg.Client({ connectionString: url });
await db.connect();

// Every order has its run: whoever inserts it, by whatever program.
await db.query(`
  create table if not exists plain_orders (id integer primary key, item text not null);
  create or replace function fulfil_order() returns trigger language plpgsql as $$
  begin
    perform perdure.start('fulfil', to_jsonb(new), id => 'order-' || new.id);
    return new;
  end $$;
  create or replace trigger fulfil_order after insert on plain_orders
    for each row execute function fulfil_order()`);
await db.query(`insert into plain_orders values (7, 'lamp')`);

// The same id is the same run.
const { rows: [again] } = await db.query<{ id: string }>(
  `select perdure.start('fulfil', '{"id": 7, "item": "unicorn"}', id => 'order-7') as id`);
console.log('Started again:', again?.id);

// What a transaction sends is sent if it commits.
await db.query('begin');
await db.query(`select perdure.signal('order-7', 'paid', '{"amount": 1}')`);
await db.query('rollback');
await db.query(`select perdure.signal('order-7', 'paid', '{"amount": 120}', id => 'payment-1')`);

const status = `select status from perdure.run_status where id = 'order-7'`;
while ((await db.query<{ status: string }>(status)).rows[0]?.status !== 'completed') {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

try {
  await db.query(`select perdure.signal('order-8', 'paid', '{"amount": 1}')`);
} catch (error) {
  const { code, detail } = error as pg.DatabaseError;
  console.log(code, detail);
}

await db.query('drop table plain_orders');
await db.end();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Started again: order-7
// Shipping one lamp for 120
// PD011 RUN_NOT_FOUND
