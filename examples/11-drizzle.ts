// Drizzle: a run that is started with the `tx` of `db.transaction` exists if and only if that commits.
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { connect, createClient, createWorker, startEmbedded, workflow } from 'perdure';

const sendReceipt = workflow('drizzle receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const orders = pgTable('drizzle_orders', { id: text().primaryKey(), item: text().notNull() });
const pool = new pg.Pool({ connectionString: url });
const db = drizzle({ client: pool });
await db.execute(sql`create table if not exists drizzle_orders (id text primary key, item text not null)`);

async function takeOrder(id: string, item: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(orders).values({ id, item });
    await client.start(tx, sendReceipt, { item }, { id });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
  });
}

async function items(): Promise<string[]> {
  return (await db.select().from(orders)).map(({ item }) => item);
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, lamp).result());
await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
console.log('Orders:', (await items()).join());
const status = await client.get(sendReceipt, unicorn).status().catch(() => 'no run');
console.log('Receipt of the unicorn:', status);

await db.execute(sql`drop table drizzle_orders`);
await pool.end();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Receipt of the unicorn: no run
