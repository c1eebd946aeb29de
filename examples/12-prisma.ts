// Prisma: a run that is started with the `tx` of `prisma.$transaction` exists if and only if that
// commits. The client is made of schema.prisma, by `prisma generate`.
import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './dist-prisma/client.js';
import { connect, createClient, createWorker, startEmbedded, workflow } from 'perdure';

const sendReceipt = workflow('prisma receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
await prisma.$executeRaw`
  create table if not exists public.prisma_orders (id text primary key, item text not null)`;

async function takeOrder(id: string, item: string): Promise<void> {
  await prisma.$transaction(async (tx) => {
    await tx.order.create({ data: { id, item } });
    await client.start(tx, sendReceipt, { item }, { id });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
  });
}

async function items(): Promise<string[]> {
  return (await prisma.order.findMany()).map(({ item }) => item);
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, lamp).result());
await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
console.log('Orders:', (await items()).join());
const status = await client.get(sendReceipt, unicorn).status().catch(() => 'no run');
console.log('Receipt of the unicorn:', status);

await prisma.$executeRaw`drop table public.prisma_orders`;
await prisma.$disconnect();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Receipt of the unicorn: no run
