// Attributes: what a run says about itself, and is found by.
import { workflow, type AttributeValue, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const order = workflow('order', async (ctx, [customer, amount]: readonly [string, number]) => {
  await ctx.set({ customer, amount, express: amount > 10, due: new Date('2030-02-01'), state: 'new' });
  await ctx.sleep('1 hour');
  await ctx.set({ state: 'paid', express: null });
  await ctx.sleep('1 hour');
  return 'done';
});

behaviour('a run shows what it has set, changed and removed', [order], async (world) => {
  const run = await world.start(order, ['ada', 20]);
  await world.advance('1 minute');
  expect(await run.attributes()).toEqual({
    customer: 'ada', amount: 20, express: true, due: new Date('2030-02-01'), state: 'new',
  });
  await world.advance('1 hour');
  expect(await run.attributes()).toEqual({
    customer: 'ada', amount: 20, due: new Date('2030-02-01'), state: 'paid',
  });
  await world.advance('1 hour');
  expect(await run.attributes()).toMatchObject({ state: 'paid' });
});

behaviour('runs are found by what they have set, by status and by workflow', [order], async (world) => {
  for (const [customer, amount] of [['ada', 5], ['ada', 20], ['bob', 20]] as const) {
    await world.start(order, [customer, amount]);
  }
  await world.advance('90 minutes');
  const found = async (attributes: Record<string, AttributeValue>): Promise<number> => (
    (await world.client.query({ workflow: order, attributes })).runs.length);
  expect(await found({ customer: 'ada' })).toBe(2);
  expect(await found({ customer: 'ada', amount: 20 })).toBe(1);
  expect(await found({ amount: 20, state: 'paid' })).toBe(2);
  expect(await found({ due: new Date('2030-02-01') })).toBe(3);
  expect(await found({ express: true })).toBe(0);
  expect(await found({ amount: '20' })).toBe(0);
  expect((await world.client.query({ status: 'waiting' })).runs).toHaveLength(3);
  expect((await world.client.query({ status: ['completed', 'failed'] })).runs).toHaveLength(0);
  await world.advance('1 hour');
  const done = await world.client.query({ status: 'completed', attributes: { customer: 'bob' } });
  expect(done.runs).toHaveLength(1);
});

behaviour('pages of a query together are everything, each run once', [order], async (world) => {
  for (let n = 0; n < 25; n++) await world.start(order, ['many', n]);
  await world.advance('1 minute');
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await world.client.query({ attributes: { customer: 'many' }, limit: 10, cursor });
    seen.push(...page.runs.map((run) => run.id));
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  expect(new Set(seen).size).toBe(25);
  expect(seen).toEqual([...seen].sort());
  const listed: string[] = [];
  for await (const run of world.client.list({ attributes: { customer: 'many' } })) listed.push(run.id);
  expect(listed).toEqual(seen);
});

const counting = workflow('counting', async (ctx) => {
  for (let n = 1; n <= 30; n++) {
    await ctx.set({ n, [`last ${n % 3}`]: n });
    if (n % 10 === 0) await ctx.step('work', () => n);
  }
  await ctx.sleep('1 hour');
});

behaviour('of many values the last one holds', [counting], async (world) => {
  const run = await world.start(counting);
  await world.advance('1 minute');
  expect(await run.attributes()).toEqual({ n: 30, 'last 0': 30, 'last 1': 28, 'last 2': 29 });
});

const wrong = workflow('wrong', async (ctx) => {
  const given: unknown[] = [NaN, Infinity, new Date(NaN), { a: 1 }, '€'.repeat(334), 'nul\0', undefined, 5n];
  const codes: string[] = [];
  for (const value of given) {
    try {
      await ctx.set({ value: value as string });
      codes.push('taken');
    } catch (error) {
      codes.push((error as WorkflowError).code);
    }
  }
  return codes;
});

behaviour('what cannot be searched for is refused', [wrong], async (world) => {
  expect(await world.execute(wrong)).toEqual(Array.from({ length: 8 }, () => 'INVALID_ATTRIBUTE'));
});

const branches = workflow('branches', async (ctx) => {
  await ctx.all({ a: (scope) => scope.set({ a: 1 }), b: (scope) => scope.set({ b: 2 }) });
  await Promise.all([ctx.set({ c: 3 }), ctx.step('s', () => 1), ctx.set({ d: 4 })]);
  throw new Error('the end');
});

behaviour('attributes outlive the run, however it ended', [branches], async (world) => {
  const run = await world.start(branches);
  await world.untilIdle();
  expect(await failure(run.result())).toMatchObject({ cause: { message: 'the end' } });
  expect(await run.attributes()).toEqual({ a: 1, b: 2, c: 3, d: 4 });
});
