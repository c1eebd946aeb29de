// A check finds nothing while everything goes on: starts, children, mail, rests, cancels, ends, generations,
// all in the midst of being carried when it looks.
import { type, workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshEngine } from '../../testing/test/engine.js';
import { expectHealthy } from '../../testing/test/healthy.js';

const { client, connect, sql, work } = await freshEngine();

const child = workflow({ name: 'child', input: type<number>() }, async (ctx, n) => {
  await ctx.sleep(n % 7);
  return ctx.step('count', () => n);
});
const busy = workflow({
  name: 'busy', input: type<number>(), signals: { go: type<number>(), more: type<number>() },
}, async (ctx, n) => {
  await ctx.set({ n });
  const heard = ctx.waitForEvent<number>('bell', { timeout: '10s', lookBack: '10s' });
  const counted = ctx.execute(child, n);
  for (let at = 0; at < 3; at++) {
    ctx.publish('log', at);
    await ctx.step(`step ${at}`, () => at);
  }
  const [first, , sum] = await Promise.all([ctx.waitFor('go'), heard, counted]);
  const late = await ctx.waitFor('more', { timeout: 30 });
  if (n < 1_000) return ctx.continueAsNew(n + 1_000);
  return [first, late, sum];
});

const runs = 150;

test('nothing is found while a database is at work', { timeout: 120_000 }, async () => {
  await work([busy, child], { concurrency: 20 });
  await work([busy, child], { concurrency: 20, connection: await connect() });
  let over = false;
  let looks = 0;
  const looking = (async () => {
    for (; !over; looks++) await expectHealthy(client);
  })();
  const one = async (n: number): Promise<void> => {
    const run = await client.start(busy, n, { id: `busy-${n}` });
    await run.signal('go', n);
    if (n % 3 === 0) await run.signal('more', n);
    if (n % 11 === 0) await run.cancel('enough');
    await run.signal('go', n).catch(() => undefined);
    await run.result().catch(() => undefined);
    if (n % 5 === 0) await run.retry({ from: 'start' }).catch(() => undefined);
  };
  const bell = setInterval(() => void client.emit('bell', 1), 50);
  // What is found ends the test at once: a run that is stranded would be waited for in vain.
  await Promise.race([looking, Promise.all(Array.from({ length: runs }, (_, n) => one(n)))]);
  const select = client.select({ workflow: busy, status: ['pending', 'running', 'waiting'] });
  await select.terminate('the end of the test');
  clearInterval(bell);
  over = true;
  await looking;
  expect(looks).toBeGreaterThan(3);
  const [found] = await sql('select count(*)::integer as n from perdure.runs where generation > 1');
  expect(found?.['n']).toBeGreaterThan(runs / 2);
  await expectHealthy(client);
});
