// What is explained of runs whose values are sealed, to those who can open them and to those who cannot.
import { createClient } from '@perdure/client';
import { workflow, type ValueSeal } from '@perdure/core';
import { sealing } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { expect, test } from 'vitest';
import { TestSeal } from '../../core/test/sealed-world.js';
import { silent, until } from '../../testing/test/engine.js';
import { declined, hourly } from './explained-runs.js';

const stranger: ValueSeal = {
  strict: true,
  seal: (text) => text,
  open: () => {
    throw new Error('the key is missing');
  },
};

test('errors and reasons are read by who has the key, and sentences are made without it', async () => {
  const bare = memoryConnection();
  const connection = sealing(new TestSeal())(bare);
  const order = workflow('order', async (ctx) => {
    try {
      await ctx.waitFor('never' as never);
    } finally {
      await ctx.step('charge', { retry: hourly }, declined);
    }
  });
  await using worker = createWorker({ connection, workflows: [order], logger: silent });
  await worker.start();
  const run = await createClient({ connection }).start(order, undefined, { id: 'r' });
  const other = createClient({ connection: sealing(stranger)(bare) }).get(run);
  await until(async () => (await run.explain()).includes('waits for signal'));
  await run.cancel('sold out');
  await until(async () => (await run.explain()).includes('tries step'));
  expect(await run.explain()).toMatch(/ was cancelled at .* \(sold out\) .* with CardError: declined\.$/);
  const sentence = await other.explain();
  expect(sentence).toMatch(/ was cancelled at .* and cleans up: it tries step 'charge' /);
  expect(sentence).not.toMatch(/sold out|declined/);
  expect(sentence).toContain('the key is missing');
});
