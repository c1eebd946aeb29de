// Many at once: branches, waits, children, cancels, and everything at the same moment.
import { RunCancelledError, type, workflow, type Ctx } from '@perdure/core';
import { expect } from 'vitest';
import { behaviour } from './served.js';

const go = { go: type<number>() };
type Scope = Ctx<{ go: number }>;

function branches<T>(count: number, body: (scope: Scope, n: number) => Promise<T>): (
  Record<string, (scope: Scope) => Promise<T>>) {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [
    `n${n}`, (scope: Scope) => body(scope, n),
  ]));
}

const crowd = workflow({ name: 'crowd', signals: go }, async (ctx) => {
  const taken = await ctx.all(branches(250, (scope) => scope.waitFor('go')));
  return Object.values(taken);
});

behaviour('250 branches wait for one name, and each takes its own', [crowd], async (world) => {
  const run = await world.client.start(crowd);
  await world.untilIdle();
  for (let n = 0; n < 240; n++) await run.signal('go', n);
  await world.untilIdle();
  expect(await run.status()).toBe('waiting');
  for (let n = 240; n < 250; n++) await run.signal('go', n);
  await world.untilIdle();
  expect(await run.result()).toEqual(Array.from({ length: 250 }, (_, n) => n));
});

const photoFinish = workflow({ name: 'photoFinish', signals: go }, async (ctx) => {
  const first = await ctx.race(branches(100, (scope) => scope.sleep('1 hour')));
  const second = await ctx.race(branches(50, (scope, n) => scope.step('s', () => n)));
  const third = await ctx.race({
    a: (scope) => scope.sleep('1 hour'), b: (scope) => scope.waitFor('go', { timeout: '1 hour' }),
    c: (scope) => scope.waitForEvent('e', { timeout: '1 hour' }), d: (scope) => scope.sleep('1 hour'),
  });
  return [first.winner, second.winner === `n${String(second.value)}`, third.winner];
});

behaviour('a race in which all are over at the same moment is won once', [photoFinish], async (world) => {
  expect(await world.execute(photoFinish)).toEqual(['n0', true, 'a']);
});

const leaf = workflow({ name: 'leaf', signals: go }, async (ctx) => ctx.waitFor('go'));
const tree = workflow('tree', async (ctx) => ctx.all(Object.fromEntries(
  Array.from({ length: 150 }, (_, n) => [
  `n${n}`, (scope: Ctx) => scope.execute(leaf, undefined, { id: `leaf ${n} of ${ctx.runId}` }),
]))));

behaviour('a cancel reaches a hundred and fifty children, and all of them have ended before the parent has',
  [tree, leaf], async (world) => {
    const run = await world.start(tree);
    await world.advance('1 minute');
    await run.cancel('all of you');
    await world.advance('1 minute');
    expect(await run.status()).toBe('cancelled');
    const { runs } = await world.client.query({ workflow: leaf, limit: 1_000 });
    expect(runs).toHaveLength(150);
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['cancelled']));
  });

behaviour('one of 150 children fails: the others are cancelled', [tree, leaf], async (world) => {
  const run = await world.start(tree);
  await world.advance('1 minute');
  await world.client.get(leaf, `leaf 77 of ${run.id}`).cancel('just this one');
  await world.advance('1 minute');
  expect(await run.status()).toBe('failed');
  const { runs } = await world.client.query({ workflow: leaf, status: 'cancelled', limit: 1_000 });
  expect(runs).toHaveLength(150);
});

const worker = workflow('worker', async (ctx) => {
  const step = (n: number): Promise<number> => ctx.step(`s${n}`, async ({ abortSignal }) => {
    if (n % 3 === 0) return n;
    await new Promise<void>((resolve) => {
      if (abortSignal.aborted) resolve();
      abortSignal.addEventListener('abort', () => resolve());
    });
    if (n % 3 === 1) throw new Error(String(n));
    return n;
  });
  const ends = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => step(n)));
  // Refused, if it was a value that came last.
  await ctx.step('more', () => 'more').catch(() => undefined);
  return [
    ends.filter((end) => end.status === 'fulfilled').length,
    ends.filter((end) => end.status === 'rejected' && end.reason instanceof RunCancelledError).length,
    await ctx.step('again', () => 'again'),
  ];
});

behaviour('a cancel joins sixty steps, each in its own way', [worker], async (world) => {
  const run = await world.start(worker);
  await world.advance(1);
  await run.cancel();
  await world.advance('1 minute');
  expect(await run.result()).toEqual([40, 20, 'again']);
});

const deep = workflow({ name: 'deep', signals: go }, async (ctx) => {
  const log: string[] = [];
  const dig = async (scope: Scope, depth: number): Promise<void> => {
    if (depth === 0) {
      await scope.waitFor('go');
      return;
    }
    try {
      await scope.race({
        down: (inner) => dig(inner, depth - 1),
        beside: (inner) => inner.sleep('1 day'),
      });
    } finally {
      log.push(await scope.step('clean', () => String(depth)));
    }
  };
  await dig(ctx, 8).catch(() => undefined);
  return log.join('');
});

behaviour('eight joins deep a cancel cleans up from the inside out', [deep], async (world) => {
  const run = await world.client.start(deep);
  await world.advance('1 hour');
  await run.cancel();
  await world.advance('1 minute');
  expect(await run.result()).toBe('12345678');
});

behaviour('eight joins deep an answer comes up as well', [deep], async (world) => {
  const run = await world.client.start(deep);
  await world.advance('1 hour');
  await run.signal('go', 1);
  await world.advance('1 minute');
  expect(await run.result()).toBe('12345678');
});

const pingPong = workflow({ name: 'pingPong', signals: go }, async (ctx, other: string | null) => {
  let sum = 0;
  for (let n = 0; n < 25; n++) {
    const got = await ctx.waitFor('go');
    sum += got;
    if (other !== null) await ctx.step('forward', () => got);
  }
  return sum;
});

behaviour('a hundred runs that are told at once', [pingPong], async (world) => {
  const runs = await Promise.all(Array.from({ length: 100 }, () => world.client.start(pingPong, null)));
  for (let n = 0; n < 25; n++) await Promise.all(runs.map((run) => run.signal('go', n)));
  await world.advance('1 minute');
  expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map(() => 300));
});
