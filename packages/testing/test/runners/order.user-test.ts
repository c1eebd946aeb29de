// A test file of a user under vitest: crashes, histories and a simulation.
import { createTestEnv, simulate, type TestEnv } from '@perdure/testing';
import { workflow } from 'perdure';
import { expect, test, vi } from 'vitest';

const order = workflow('order', async (ctx, sku: string) => {
  await ctx.step('charge', () => sku);
  await ctx.sleep('1 day');
  return sku;
});

test('every crash, and a replay', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const charge = vi.fn(() => 'charged');
  env.mockStep(order, 'charge', charge);
  const scenario = async (each: TestEnv): Promise<void> => {
    charge.mockClear();
    const run = await each.start(order, 'a');
    await each.advance('1 day');
    await expect(run.result()).resolves.toBe('a');
    await each.replay(await each.history(run));
    expect(charge).toHaveBeenCalled();
  };
  expect((await env.everyCrashPoint(scenario)).points).toBeGreaterThan(4);
  const careless = env.everyCrashPoint(async (each) => {
    await scenario(each);
    expect(charge).toHaveBeenCalledOnce();
  });
  await expect(careless).rejects.toMatchObject({ code: 'CRASH_POINT_FAILED', point: { when: 'before' } });
});

test('a simulation', async () => {
  await simulate(order, { input: 'd', seeds: 3, expect: ({ result }) => expect(result).toBe('d') });
});
