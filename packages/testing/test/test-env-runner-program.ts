// A test file of a user under node:test: crashes, histories and a simulation, without a global of any runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashPointError, createTestEnv, replay, simulate } from '@perdure/testing';
import { workflow } from 'perdure';

const charges: string[] = [];
const order = workflow('order', async (ctx, sku: string) => {
  await ctx.step('charge', (step) => charges.push(`${sku} ${step.idempotencyKey}`));
  await ctx.sleep('1 day');
  return sku;
});

void test('a crash, every crash, a replay', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  env.crashAfter(order, 'charge');
  const run = await env.start(order, 'a');
  await env.advance('1 day');
  assert.equal(await run.result(), 'a');
  assert.equal(env.crashes, 1);
  await replay(await env.history(run), { workflows: [order] });
  const { points } = await env.everyCrashPoint(async (each) => {
    assert.equal(await each.execute(order, 'b'), 'b');
  });
  assert.ok(points > 4);
  await assert.rejects(env.everyCrashPoint(async (each) => {
    charges.length = 0;
    await each.execute(order, 'c');
    assert.equal(charges.length, 1);
  }), (error) => error instanceof CrashPointError && error.cause instanceof assert.AssertionError);
});

void test('a simulation', async () => {
  const { ends } = await simulate(order, {
    input: 'd', seeds: 3, expect: ({ result }) => assert.equal(result, 'd'),
  });
  assert.deepEqual(ends, { completed: 3 });
});
