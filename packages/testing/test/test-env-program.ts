// A process of its own for test-env.test.ts: under `node --test` a suite, otherwise a program that uses a
// test environment and disposes of it, or forgets to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workflow } from '@perdure/core';
import { createTestEnv } from '@perdure/testing';

const yearly = workflow('yearly', async (ctx) => {
  await ctx.sleep('365 days');
  return ctx.step('say', async () => 'a year later');
});

const [, , how] = process.argv;

if (how === undefined) {
  void test('a year', async () => {
    await using env = await createTestEnv({ workflows: [yearly] });
    assert.equal(await env.execute(yearly), 'a year later');
  });

  void test('a result that is waited for', async () => {
    await using env = await createTestEnv({ workflows: [yearly] });
    const run = await env.start(yearly);
    await env.advance('365 days');
    assert.equal(await run.result(), 'a year later');
  });
} else {
  const env = await createTestEnv({ workflows: [yearly] });
  console.log(await env.execute(yearly));
  if (how === 'disposed') {
    await env.start(yearly);
    await env[Symbol.asyncDispose]();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)), []);
  }
}
