// The samples of docs/messages.md, as they stand there; pages.test.ts compares the two.
import { createTestEnv, memoryConnection } from '@perdure/testing';
import { createClient, type, workflow, type Client } from 'perdure';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from './engine.js';

const mails: string[] = [];
const mail = async (to: string): Promise<number> => mails.push(to);

const expense = workflow({
  name: 'expense',
  signals: {
    decided: z.object({ by: z.string(), approved: z.boolean() }),
    comment: type<string>(),
  },
}, async (ctx, amount: number) => {
  await ctx.step('ask the manager', () => mail('manager'));
  const decision = await ctx.waitFor('decided', { timeout: '7 days' });
  if (decision === null) return 'nobody decided';
  return decision.approved ? `${amount} approved by ${decision.by}` : 'declined';
});

describe('signals', () => {
  test('are sent by a handle', async () => {
    await using env = await createTestEnv({ workflows: [expense] });
    const run = await env.start(expense, 120);

    await run.signal('decided', { by: 'Ada', approved: true });

    expect(await run.result()).toBe('120 approved by Ada');
  });

  test('may never come', async () => {
    await using env = await createTestEnv({ workflows: [expense] });

    expect(await env.execute(expense, 120)).toBe('nobody decided');
  });

  test('are sent once for each id', async () => {
    await using env = await createTestEnv({ workflows: [chat] });
    const { client } = env;
    const run = await env.start(chat);
    const hook = { runId: run.id, deliveryId: 'd-1', text: 'hello' };
    await client.get(chat, hook.runId).signal('message', hook.text, { id: hook.deliveryId });
    await client.get(chat, hook.runId).signal('message', hook.text, { id: hook.deliveryId });
    await run.signal('message', 'bye');
    expect(await run.result()).toEqual(['hello', 'bye']);
  });
});

const chat = workflow({ name: 'chat', signals: { message: type<string>() } }, async (ctx) => {
  const messages: string[] = [];
  while (messages.at(-1) !== 'bye') messages.push(await ctx.waitFor('message'));
  return messages;
});

const lastWord = workflow({ name: 'last-word', signals: { message: type<string>() } }, async (ctx) => {
  const first = await ctx.race({
    message: (branch) => branch.waitFor('message'),
    silence: (branch) => branch.sleep('1 hour'),
  });
  return first.winner === 'message' ? first.value : ctx.waitFor('message', { timeout: '1 minute' });
});

test('a wait that lost a race takes nothing from the next one', async () => {
  await using env = await createTestEnv({ workflows: [lastWord] });
  const [quick, slow, silent] = [
    await env.start(lastWord), await env.start(lastWord), await env.start(lastWord),
  ];
  await quick.signal('message', 'at once');
  await env.advance('1 hour');
  await slow.signal('message', 'late');
  await env.advance('1 minute');
  const said = [await quick.result(), await slow.result(), await silent.result()];
  expect(said).toEqual(['at once', 'late', null]);
});

interface Order {
  readonly id: string;
}

async function decide(client: Client, tx: never, order: Order): Promise<void> {
  const run = client.get(expense, `expense-${order.id}`);
  await client.signal(tx, run, 'decided', { by: 'Ada', approved: true });
}

const shipment = workflow('shipment', async (ctx, order: Order) => {
  const paid = await ctx.waitForEvent<{ amount: number }>('order.paid', { key: order.id, timeout: '2 days' });
  return paid === null ? 'never paid' : `paid ${paid.amount}`;
});

describe('events', () => {
  test('come to everybody who waits for their name and key', async () => {
    await using env = await createTestEnv({ workflows: [shipment] });
    const { client } = env;
    const order = { id: 'order-1' };
    const [one, other, stranger] = await Promise.all(
      [order, order, { id: 'order-2' }].map((each) => env.start(shipment, each)));
    await env.untilIdle();

    await client.emit('order.paid', { amount: 120 }, { key: order.id });

    expect(await one?.result()).toBe('paid 120');
    expect(await other?.result()).toBe('paid 120');
    await env.advance('2 days');
    expect(await stranger?.result()).toBe('never paid');
  });

  test('may come a moment before the wait', async () => {
    await using env = await createTestEnv({ workflows: [shipment] });
    await env.client.emit('order.paid', { amount: 120 }, { key: 'order-1' });
    expect(await env.execute(shipment, { id: 'order-1' })).toBe('paid 120');
  });
});

const links: string[] = [];

const signature = workflow('signature', async (ctx, name: string) => {
  const signed = await ctx.callback<{ at: Date }>();
  await ctx.step('send the link', () => links.push(`https://example.com/sign?token=${signed.token}`));
  const answer = await signed.result({ timeout: '30 days' });
  return answer === null ? 'not signed' : `${name} signed`;
});

describe('callbacks', () => {
  test('are answered by their token', async () => {
    await using env = await createTestEnv({ workflows: [signature] });
    const { client } = env;
    const run = await env.start(signature, 'Ada');
    await env.untilIdle();
    const token = new URL(links.at(-1) ?? '').searchParams.get('token') ?? '';

    await client.complete(token, { at: new Date() });

    expect(await run.result()).toBe('Ada signed');
  });

  test('fail with what they are failed with', async () => {
    await using env = await createTestEnv({ workflows: [signature] });
    const { client } = env;
    const run = await env.start(signature, 'Ada');
    await env.untilIdle();
    const token = new URL(links.at(-1) ?? '').searchParams.get('token') ?? '';
    await client.fail(token, new Error('the document is out of date'));
    expect(await failure(run.result())).toMatchObject({ cause: { message: 'the document is out of date' } });
  });
});

test('a decision is sent in a transaction', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  await client.start(expense, 120, { id: 'expense-1' });
  await connection.store.within((tx) => decide(client, tx as never, { id: '1' }));
});

const nightly = workflow('nightly', async (ctx) => {
  await ctx.step('tell the others', async (step) => {
    await env.client.emit('night.began', undefined, { id: step.idempotencyKey });
  });
});
const env = await createTestEnv({ workflows: [nightly] });

test('a step sends with an id', async () => {
  await env.execute(nightly);
  await env[Symbol.asyncDispose]();
});
