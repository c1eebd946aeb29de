// A run that is started in a transaction of yours exists if and only if that transaction commits. There is no
// moment at which the order is there and its run is not, or the other way round.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connect, createClient, createWorker, startEmbedded, workflow, WorkflowError } from 'perdure';

const sendReceipt = workflow('send receipt', async (ctx, order: { item: string }) =>
  ctx.step('write receipt', () => `Receipt for one ${order.item}`));

const server = process.env.DATABASE_URL === undefined ? await startEmbedded() : null;
const url = server?.url ?? process.env.DATABASE_URL;
const connection = await connect(url);
const worker = await createWorker({ connection, workflows: [sendReceipt] }).start();
const client = createClient({ connection, requireTransaction: true });

const db = new pg.Client({ connectionString: url });
await db.connect();
await db.query('create temporary table orders (id uuid primary key, item text not null)');

async function takeOrder(id: string, item: string): Promise<void> {
  await db.query('begin');
  try {
    await db.query('insert into orders values ($1, $2)', [id, item]);
    await client.start(db, sendReceipt, { item }, { id: `receipt-${id}` });
    if (item === 'unicorn') throw new Error('Unicorns are sold out');
    await db.query('commit');
  } catch (error) {
    await db.query('rollback');
    throw error;
  }
}

const [lamp, unicorn] = [randomUUID(), randomUUID()];
await takeOrder(lamp, 'lamp');
console.log(await client.get(sendReceipt, `receipt-${lamp}`).result());

await takeOrder(unicorn, 'unicorn').catch((error: Error) => console.log(error.message));
const { rows } = await db.query<{ item: string }>('select item from orders');
console.log('Orders:', rows.map((row) => row.item).join());
try {
  await client.get(sendReceipt, `receipt-${unicorn}`).status();
} catch (error) {
  console.log('Run of the unicorn:', error instanceof WorkflowError ? error.code : error);
}

await db.end();
await worker.stop();
await connection.close();
await server?.stop();

// Output:
// Receipt for one lamp
// Unicorns are sold out
// Orders: lamp
// Run of the unicorn: RUN_NOT_FOUND
