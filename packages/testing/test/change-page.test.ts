// The samples of docs/change.md, as they stand there; pages.test.ts compares the two.
import { createTestEnv, memoryConnection } from '@perdure/testing';
import {
  ContinuedAsNew, contract, createClient, createWorker, type, workflow, type Connection, type Workflow,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure, silent, until } from './engine.js';

const bank = { charge: async (card: string) => `charged ${card}` };
const stock = { check: async (card: string) => `checked ${card}` };
const carrier = { ship: async (card: string) => `shipped ${card}` };

const order = workflow('order', async (ctx, card: string) => {
  await ctx.step('charge', () => bank.charge(card));
  if (await ctx.patched('check stock')) {
    await ctx.step('check stock', () => stock.check(card));
  }
  await ctx.step('ship', () => carrier.ship(card));
});

test('new runs take the new code', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  await env.execute(order, 'visa');
  expect(env.calls(order, 'check stock')).toHaveLength(1);
});

/** The order before the change, and one that was changed without care. */
const past = workflow({ name: 'order', signals: { go: type<number>() } }, async (ctx, card: string) => {
  await ctx.step('charge', () => bank.charge(card));
  await ctx.step('ship', () => carrier.ship(card));
  await ctx.waitFor('go');
});
const careless = workflow({ name: 'order', signals: { go: type<number>() } }, async (ctx, card: string) => {
  await ctx.step('charge', () => bank.charge(card));
  await ctx.step('check stock', () => stock.check(card));
  await ctx.step('ship', () => carrier.ship(card));
  await ctx.waitFor('go');
});
const careful = workflow({ name: 'order', signals: { go: type<number>() } }, async (ctx, card: string) => {
  await ctx.step('charge', () => bank.charge(card));
  if (await ctx.patched('check stock')) await ctx.step('check stock', () => stock.check(card));
  await ctx.step('ship', () => carrier.ship(card));
  await ctx.waitFor('go');
});

/** Runs `body` beside a worker of its own. */
async function deployed<T>(
  connection: Connection, workflows: readonly Workflow[], body: () => Promise<T>,
): Promise<T> {
  await using worker = createWorker({ connection, workflows, logger: silent });
  await worker.start();
  return await body();
}

describe('a deploy', () => {
  test('a changed workflow parks its old runs, and goes on when its code fits again', async () => {
    const connection = memoryConnection();
    await using client = createClient({ connection });
    const run = await client.start(past, 'visa');
    await deployed(connection, [past], () => until(async () => await run.status() === 'waiting'));
    await run.signal('go', 1);

    const parked = await deployed(connection, [careless], () => failure(run.result()));
    expect(parked.message).toBe(`Run '${run.id}' of workflow 'order' is parked: its code does not fit its ` +
      "record. recorded: step 2 'ship'; the code now calls step 2 'check stock'. Restore the old calls, " +
      'choose between old and new with ctx.patched, or give the changed workflow a new version; then ' +
      'resume the run.');

    await deployed(connection, [careful], async () => {
      await client.get(order, run.id).resume();
      await client.get(order, run.id).result();
    });
    expect(await run.status()).toBe('completed');
  });

  test('a worker serves several versions', async () => {
    const connection = memoryConnection();
    await using client = createClient({ connection });
    const run = await client.start(orderV1, 'visa');
    await deployed(connection, [orderV1], () => until(async () => await run.status() === 'waiting'));
    const worker = createWorker({
      connection, workflows: [orderV2, orderV1],
    });
    await worker.start();
    const young = await client.start(orderV2, 'visa');
    for (const each of [run, young]) await each.signal('go', 1);
    expect([await run.result(), await young.result()]).toEqual(['1', '2']);
    await worker.stop();
  });
});

const orderV1 = workflow({
  name: 'order', version: '1', signals: { go: type<number>() },
}, async (ctx, card: string) => {
  await ctx.step('charge', () => bank.charge(card));
  await ctx.waitFor('go');
  return '1';
});

const orderV2 = workflow({
  name: 'order', version: '2', signals: { go: type<number>() },
}, async (ctx, card: string) => {
  await ctx.step('check stock', () => stock.check(card));
  await ctx.step('charge', () => bank.charge(card));
  await ctx.waitFor('go');
  return '2';
});

interface Account {
  readonly customer: string;
  readonly month: number;
}

const invoices: string[] = [];

const subscription = workflow({
  name: 'subscription', signals: { cancelled: type<void>() },
}, async (ctx, { customer, month }: Account) => {
  await ctx.step('bill', () => invoices.push(`${customer} ${month}`));
  const cancelled = await ctx.waitFor('cancelled', { timeout: '30 days' });
  if (cancelled !== null) return month;
  return ctx.continueAsNew({ customer, month: month + 1 });
});

test('a subscription lasts for years', async () => {
  await using env = await createTestEnv({ workflows: [subscription] });
  const run = await env.start(subscription, { customer: 'ada', month: 1 });
  await env.advance('1095 days');
  await run.signal('cancelled');
  expect(await run.result()).toBe(37);
  expect(invoices).toHaveLength(37);
});

const tidy = workflow('tidy', async (ctx, turn: number): Promise<number> => {
  try {
    await ctx.step('work', () => turn);
    return turn < 2 ? await ctx.continueAsNew(turn + 1) : turn;
  } catch (error) {
    if (error instanceof ContinuedAsNew) throw error;
    return await ctx.step('apologise', () => 0);
  }
});

test('who catches everything lets it pass', async () => {
  await using env = await createTestEnv({ workflows: [tidy] });
  expect(await env.execute(tidy, 1)).toBe(2);
});

const quote = contract({
  name: 'quote',
  input: z.object({ sku: z.string(), pieces: z.number() }),
  output: z.object({ price: z.number() }),
});

const quoting = quote.implement(async (ctx, { sku, pieces }) => {
  const each = await ctx.step('look up', () => sku.length);
  return { price: each * pieces };
});

test('a contract is served by its code, and started without it', async () => {
  const connection = memoryConnection();
  await using client = createClient({ connection });
  await using worker = createWorker({ connection, workflows: [quoting], logger: silent });
  await worker.start();

  const { price } = await client.execute(quote, { sku: 'tea', pieces: 3 });

  expect(price).toBe(9);
});
