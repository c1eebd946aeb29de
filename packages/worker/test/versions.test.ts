// Versions across deploys, on PostgreSQL: workers come and go, and runs wait for the code that began them.
import { type, workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshEngine, until } from '../../testing/test/engine.js';

const engine = await freshEngine();

const named = (version: string | undefined) => (
  workflow({ name: 'order', version, signals: { go: type<number>() } }, async (ctx) => {
    const did = [await ctx.step('begin', () => `began ${version}`)];
    await ctx.waitFor('go');
    return [...did, await ctx.step(`end ${version}`, () => `ended ${version}`)];
  }));
const [v1, v2] = [named('1'), named('2')];

async function stamp(runId: string): Promise<unknown> {
  const [row] = await engine.sql(
    'select version from perdure.ready where id = $1 and claim is null and not fresh', [runId]);
  return row?.['version'];
}

test('a run waits for a worker of its version, and no other takes it', async () => {
  const first = await engine.work([v1]);
  const run = await engine.client.start(v1);
  await until(async () => await stamp(run.id) === '1');
  await first.stop();

  const second = await engine.work([v2]);
  await run.signal('go', 1);
  const young = await engine.client.start(v1);
  await young.signal('go', 1);
  expect(await young.result()).toEqual(['began 2', 'ended 2']);
  expect(await run.status()).not.toBe('completed');
  await second.stop();

  await engine.work([v2, v1]);
  expect(await run.result()).toEqual(['began 1', 'ended 1']);
  const young2 = await engine.client.start(v1);
  await young2.signal('go', 1);
  expect(await young2.result()).toEqual(['began 2', 'ended 2']);
});

test('a run that no version was stamped on is run anywhere', async () => {
  const bare = await engine.work([named(undefined)]);
  const run = await engine.client.start(v1);
  await until(async () => await stamp(run.id) === null);
  await bare.stop();
  const stamping = { name: 'order', version: '2', signals: { go: type<number>() } };
  await engine.work([workflow(stamping, async (ctx) => {
    const did = [await ctx.step('begin', () => 'not again')];
    await ctx.waitFor('go');
    return did;
  })]);
  await run.signal('go', 1);
  expect(await run.result()).toEqual(['began undefined']);
});
