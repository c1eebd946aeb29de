// TypeORM: a run that is started with the manager of `dataSource.transaction` exists if and only if that
// commits.
import { randomUUID } from 'node:crypto';
import { DataSource, EntitySchema } from 'typeorm';
import { connect, createClient, createWorker, startEmbedded, workflow } from 'perdure';

const sendReceipt = workflow('typeorm receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const Order = new EntitySchema<{ id: string; item: string }>({
  name: 'typeorm_orders', columns: { id: { type: 'text', primary: true }, item: { type: 'text' } },
});
const dataSource = new DataSource({ type: 'postgres', url, entities: [Order], synchronize: true });
await dataSource.initialize();

async function takeOrder(id: string, item: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await manager.getRepository(Order).insert({ id, item });
    await client.start(manager, sendReceipt, { item }, { id });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
  });
}

async function items(): Promise<string[]> {
  return (await dataSource.getRepository(Order).find()).map(({ item }) => item);
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, lamp).result());
await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
console.log('Orders:', (await items()).join());
const status = await client.get(sendReceipt, unicorn).status().catch(() => 'no run');
console.log('Receipt of the unicorn:', status);

await dataSource.query('drop table typeorm_orders');
await dataSource.destroy();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Receipt of the unicorn: no run
