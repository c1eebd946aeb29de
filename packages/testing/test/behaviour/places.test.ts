// Places: each branch counts its own, and a record is found by them however the code has changed.
import { type, workflow } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const code = { version: 1 };

const keys = new Set<string>();
const places = workflow('places', async (ctx) => {
  const note = ({ idempotencyKey }: { idempotencyKey: string }): string => idempotencyKey;
  return [
    await ctx.step('root', note),
    await ctx.all({
      a: async (scope) => [await scope.step('s', note), await scope.step('s', note)],
      b: async (scope) => (await scope.race({ c: (inner) => inner.step('s', note) })).value,
    }),
    await ctx.map('m', ['x', 'y/z'], { key: (item) => item }, (_, step) => note(step)),
    await ctx.step('root', note),
  ].flatMap((value) => (typeof value === 'string' ? [value] : Object.values(value).flat()));
});

behaviour('every step has a key of its own, the same at every attempt', [places], async (world) => {
  const run = await world.start(places);
  await world.untilIdle();
  const found = await run.result() as string[];
  for (const key of found) keys.add(key);
  expect(found).toEqual([
    '1', '2/a/1', '2/a/2', '2/b/1/c/1', '3/x/1', '3/y%2Fz/1', '4',
  ].map((place) => `${run.id}:1:${place}`));
});

const grown = workflow({ name: 'grown', signals: { go: type<number>() } }, async (ctx) => {
  const results = await ctx.all({
    old: async (scope) => {
      const first = await scope.step('first', () => 'first');
      await scope.waitFor('go');
      return [first, await scope.step('second', () => 'second')];
    },
    ...(code.version === 2 ? { added: async (scope: typeof ctx) => scope.step('new', () => 'new') } : {}),
    last: async (scope) => [await scope.step('third', () => 'third')],
  });
  return results as Record<string, unknown>;
});

behaviour('a branch that is added shifts no other', [grown], async (world) => {
  code.version = 1;
  const run = await world.client.start(grown);
  await world.advance('1 minute');
  world.vanish();
  code.version = 2;
  await world.advance('1 minute');
  await run.signal('go', 1);
  await world.untilIdle();
  expect(await run.result()).toEqual({ old: ['first', 'second'], added: 'new', last: ['third'] });
  expect(world.calls(grown, 'first')).toHaveLength(1);
});

const renamed = workflow('renamed', async (ctx) => {
  await ctx.step(code.version === 1 ? 'charge card' : 'reserve stock', () => 1);
  await ctx.sleep('1 hour');
});

behaviour('a step of another name at a recorded place parks the run, and says what differs', [renamed],
  async (world) => {
    code.version = 1;
    const run = await world.start(renamed);
    await world.advance('1 minute');
    world.vanish();
    code.version = 2;
    await world.advance('1 hour');
    const error = await failure(run.result());
    expect(error.code).toBe('NONDETERMINISM');
    expect(error.message).toContain(
      "recorded: step 1 'charge card'; the code now calls step 1 'reserve stock'");
  });

const gone = workflow('gone', async (ctx) => {
  await ctx.all({
    a: (scope) => scope.step('a', () => 1),
    ...(code.version === 1 ? { b: (scope: typeof ctx) => scope.step('b', () => 1) } : {}),
  });
  await ctx.sleep('1 hour');
});

behaviour('a recorded call that the code does not make any more parks the run', [gone], async (world) => {
  code.version = 1;
  const run = await world.start(gone);
  await world.advance('1 minute');
  world.vanish();
  code.version = 2;
  await world.advance('1 hour');
  const error = await failure(run.result());
  expect(error.code).toBe('NONDETERMINISM');
  expect(error.message).toContain("step 1/b/1 'b'");
});

const pending = workflow('pending', async (ctx) => {
  if (code.version === 1) await ctx.sleep('1 hour');
  else await ctx.step('instead', () => 1);
});

behaviour('a call of another kind where one is pending parks the run', [pending], async (world) => {
  code.version = 1;
  const run = await world.start(pending);
  await world.advance('1 minute');
  world.vanish();
  code.version = 2;
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ code: 'NONDETERMINISM' });
});

const chance = workflow('chance', async (ctx) => {
  const drawn = [ctx.random(), ctx.random(), ctx.uuid()];
  const [a, b] = await Promise.all([
    ctx.step('a', () => 'a').then(() => ctx.random()), ctx.step('b', () => 'b').then(() => ctx.uuid()),
  ]);
  await ctx.sleep('1 hour');
  await ctx.step('keep', () => [...drawn, a, b]);
  await ctx.sleep('1 hour');
  return ctx.step('again', () => [...drawn, a, b]);
});

behaviour('chance is the same at every replay', [chance], async (world) => {
  const run = await world.start(chance);
  await world.advance('3 hours');
  const again = await run.result() as unknown[];
  const kept = world.calls(chance, 'keep').find((call) => call.result !== undefined)?.result;
  expect(again).toEqual(kept);
  expect(new Set(again).size).toBe(5);
});

const clocks = workflow('clocks', async (ctx) => {
  const times = [ctx.now()];
  for (let n = 0; n < 3; n++) {
    await ctx.step('s', () => n);
    times.push(ctx.now());
    await ctx.sleep('1 hour');
    times.push(ctx.now());
  }
  return [times.map((time) => time.toISOString().slice(11, 19)), ctx.startedAt.toISOString()];
});

behaviour('the clock of a run is that of its last answer', [clocks], async (world) => {
  expect(await world.execute(clocks)).toEqual([
    ['00:00:00', '00:00:00', '01:00:00', '01:00:00', '02:00:00', '02:00:00', '03:00:00'],
    '2030-01-01T00:00:00.000Z',
  ]);
});

const ab = { a: type<number>(), b: type<number>() };
const promises = workflow({ name: 'promises', signals: ab }, async (ctx) => {
  const order: string[] = [];
  const note = (what: string) => (): void => void order.push(what);
  await Promise.all([
    ctx.step('one', () => 1).then(note('one')), ctx.sleep('2 minutes').then(note('sleep')),
    ctx.waitFor('a').then(note('a')), ctx.waitFor('b').then(note('b')),
    Promise.race([ctx.sleep('1 minute'), ctx.sleep('3 minutes')]).then(note('race')),
  ]);
  return order;
});

behaviour('plain combinators see their answers in the order in which they came',
  [promises], async (world) => {
  const run = await world.client.start(promises);
  await world.advance('30 seconds');
  await run.signal('b', 1);
  await world.advance('1 minute');
  await run.signal('a', 1);
  await world.advance('1 hour');
  expect(await run.result()).toEqual(['one', 'b', 'race', 'a', 'sleep']);
});
