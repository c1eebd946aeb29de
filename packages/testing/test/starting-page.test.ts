// The samples of docs/starting.md, as they stand there; pages.test.ts compares the two.
import { createTestEnv, memoryConnection } from '@perdure/testing';
import { createClient, workflow, type Client } from 'perdure';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from './engine.js';

const fulfil = workflow({
  name: 'fulfil',
  input: z.object({ orderId: z.string(), total: z.coerce.number() }),
  attributes: ({ orderId, total }) => ({ orderId, large: total > 1_000 }),
}, async (ctx, order) => {
  await ctx.step('reserve', () => order.orderId);
  return `${order.orderId} for ${order.total}, traced as ${ctx.headers['traceparent'] ?? 'nothing'}`;
});

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('a start says when, where and how', async () => {
  await using env = await createTestEnv({ workflows: [fulfil] });
  const { client } = env;
  const order = { id: '7', total: '1200', customer: 'Ada' };
  const run = await client.start(fulfil, { orderId: order.id, total: order.total }, {
    id: `fulfil-${order.id}`,
    priority: 1,
    delay: '10 minutes',
    timeout: '2 days',
    attributes: { customer: order.customer },
    headers: { traceparent },
  });
  expect(await run.attributes()).toEqual({ orderId: '7', large: true, customer: 'Ada' });
  expect(await run.status()).toBe('pending');
  await env.advance('10 minutes');
  expect(await run.result()).toBe(`7 for 1200, traced as ${traceparent}`);
});

test('the same id gives the first run back', async () => {
  await using env = await createTestEnv({ workflows: [fulfil] });
  const { client } = env;
  const first = await client.start(fulfil, { orderId: '7', total: 1 }, { id: 'fulfil-7' });
  const again = await client.start(fulfil, { orderId: '7', total: 2 }, { id: 'fulfil-7' });

  expect(again.id).toBe(first.id);
  expect(await again.result()).toBe('7 for 1, traced as nothing');
  const failing = client.start(fulfil, { orderId: '7', total: 3 }, { id: 'fulfil-7', onConflict: 'fail' });
  expect(await failure(failing)).toMatchObject({ code: 'RUN_EXISTS' });
});

test('a run that failed begins anew', async () => {
  let nights = 0;
  const nightly = workflow({ name: 'nightly', retry: 1 }, async (ctx, day: string) => {
    await ctx.step('copy', () => {
      if (nights++ === 0) throw new Error('the disk is full');
    });
    return `copied ${day}`;
  });
  await using env = await createTestEnv({ workflows: [nightly] });
  const { client } = env;
  const day = '2026-01-31';
  const start = async (): Promise<string> => {
    const run = await client.start(nightly, day, { id: `nightly-${day}`, onConflict: 'restart-if-failed' });
    return run.result();
  };
  expect(await failure(start())).toMatchObject({ code: 'RUN_FAILED' });
  expect(await start()).toBe('copied 2026-01-31');
  expect(await start()).toBe('copied 2026-01-31');
  expect(nights).toBe(2);
});

const welcome = workflow('welcome', async (ctx, user: { id: string }) => (
  ctx.step('greet', () => `Hello ${user.id}`)));

async function importAll(
  client: Client, users: AsyncIterable<{ id: string }>, show: (line: string) => void,
): Promise<void> {
  async function* welcomes() {
    for await (const user of users) yield { input: user, id: `welcome-${user.id}` };
  }
  const { created, existing } = await client.startMany(welcome, welcomes(), {
    onProgress: (progress) => show(`${progress.created} so far`),
  });
  show(`${created} new, ${existing} known`);
}

test('many runs are started by one call, again and again', async () => {
  const client = createClient({ connection: memoryConnection() });
  const lines: string[] = [];
  async function* users(count: number): AsyncGenerator<{ id: string }> {
    for (let n = 0; n < count; n++) yield { id: String(n) };
  }
  await importAll(client, users(1_500), (line) => void lines.push(line));
  await importAll(client, users(1_600), (line) => void lines.push(line));
  expect(lines).toEqual([
    '1000 so far', '1500 so far', '1500 new, 0 known', '0 so far', '100 so far', '100 new, 1500 known',
  ]);
});

test('many runs are started in a transaction', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  const invitations = [{ id: 'b' }, { id: 'a' }];
  const transaction = connection.store.begin();
  const tx = transaction as never;
  const runs = await client.startMany(tx, welcome, invitations.map((user) => (
    { input: user, id: `welcome-${user.id}` })));
  expect((await client.query()).runs).toEqual([]);
  transaction.commit();
  expect(runs.map(({ id }) => id)).toEqual(['welcome-b', 'welcome-a']);
  expect((await client.query()).runs.map(({ id }) => id)).toEqual(['welcome-a', 'welcome-b']);
});
