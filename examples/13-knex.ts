// Knex: a run that is started with the `trx` of `knex.transaction` exists if and only if that commits.
import { randomUUID } from 'node:crypto';
import knexOf from 'knex';
import { connect, createClient, createWorker, startEmbedded, workflow } from 'perdure';

const sendReceipt = workflow('knex receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const knex = knexOf<{ id: string; item: string }>({ client: 'pg', connection: url });
await knex.raw('create table if not exists knex_orders (id text primary key, item text not null)');

async function takeOrder(id: string, item: string): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx('knex_orders').insert({ id, item });
    await client.start(trx, sendReceipt, { item }, { id });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
  });
}

async function items(): Promise<string[]> {
  return knex('knex_orders').pluck('item');
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, lamp).result());
await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
console.log('Orders:', (await items()).join());
const status = await client.get(sendReceipt, unicorn).status().catch(() => 'no run');
console.log('Receipt of the unicorn:', status);

await knex.schema.dropTable('knex_orders');
await knex.destroy();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Receipt of the unicorn: no run
