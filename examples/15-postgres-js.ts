// postgres.js: a run that is started with the `sql` of `sql.begin` exists if and only if that commits.
import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { connect, createClient, createWorker, startEmbedded, workflow } from 'perdure';

const sendReceipt = workflow('postgres.js receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const root = postgres(url, { onnotice: () => undefined });
await root`create table if not exists postgres_js_orders (id text primary key, item text not null)`;

async function takeOrder(id: string, item: string): Promise<void> {
  await root.begin(async (sql) => {
    await sql`insert into postgres_js_orders values (${id}, ${item})`;
    await client.start(sql, sendReceipt, { item }, { id });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
  });
}

async function items(): Promise<string[]> {
  return (await root`select item from postgres_js_orders`).map(({ item }) => item as string);
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, lamp).result());
await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
console.log('Orders:', (await items()).join());
const status = await client.get(sendReceipt, unicorn).status().catch(() => 'no run');
console.log('Receipt of the unicorn:', status);

await root`drop table postgres_js_orders`;
await root.end();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Receipt of the unicorn: no run
