// Signals: buffered, first in first out, each once, and never lost because nobody waited.
import { type, workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

const go = { go: type<number>() };

const taker = workflow({ name: 'taker', signals: { go: type<number>(), stop: type<string>() } },
  async (ctx, count: number) => {
    const taken: number[] = [];
    for (let n = 0; n < count; n++) taken.push(await ctx.waitFor('go'));
    return taken;
  });

behaviour('a signal sent before the run began waits for it', [taker], async (world) => {
  const run = await world.client.start(taker, 2, { delay: '1 hour' });
  await run.signal('go', 1);
  await run.signal('go', 2);
  await world.advance('59 minutes');
  expect(await run.status()).toBe('pending');
  await world.advance('1 minute');
  expect(await run.result()).toEqual([1, 2]);
});

const gate = new Gate();
const busy = workflow({ name: 'busy', signals: go }, async (ctx) => {
  await ctx.sleep('1 day');
  await ctx.step('work', () => gate.passed);
  return [await ctx.waitFor('go'), await ctx.waitFor('go'), await ctx.waitFor('go')];
});

behaviour('signals that come while a run sleeps or works are kept for its next wait',
  [busy], async (world) => {
  const run = await world.client.start(busy);
  await world.advance('1 hour');
  await run.signal('go', 1);
  await run.signal('go', 2);
  await world.advance('1 day');
  await run.signal('go', 3);
  gate.open();
  await world.untilIdle();
  expect(await run.result()).toEqual([1, 2, 3]);
});

const both = workflow({ name: 'both', signals: { a: type<number>(), b: type<number>() } }, async (ctx) => {
  const seen: string[] = [];
  for (let n = 0; n < 3; n++) seen.push(`b${await ctx.waitFor('b')}`);
  for (let n = 0; n < 3; n++) seen.push(`a${await ctx.waitFor('a')}`);
  return seen.join(' ');
});

behaviour('signals of one name come in the order of their sending, each name by itself',
  [both], async (world) => {
  const run = await world.client.start(both);
  for (const n of [1, 2, 3]) {
    await run.signal('a', n);
    await run.signal('b', n);
  }
  await world.untilIdle();
  expect(await run.result()).toBe('b1 b2 b3 a1 a2 a3');
});

behaviour('a signal of an id is one signal, however often it is sent, also when it was taken',
  [taker], async (world) => {
  const run = await world.client.start(taker, 3);
  await run.signal('go', 1, { id: 'one' });
  await run.signal('go', 9, { id: 'one' });
  await world.untilIdle();
  await run.signal('go', 9, { id: 'one' });
  await run.signal('go', 2, { id: 'two' });
  await run.signal('go', 3);
  await world.untilIdle();
  expect(await run.result()).toEqual([1, 2, 3]);
});

const patient = workflow({ name: 'patient', signals: go }, async (ctx) => {
  const first = await ctx.waitFor('go', { timeout: '1 hour' });
  const second = await ctx.waitFor('go', { timeout: '1 hour' });
  return [first, second, ctx.now().toISOString()];
});

behaviour('a wait whose time is up answers null, and the next one gets what comes',
  [patient], async (world) => {
  const run = await world.client.start(patient);
  await world.advance('90 minutes');
  await run.signal('go', 7);
  await world.untilIdle();
  expect(await run.result()).toEqual([null, 7, '2030-01-01T01:30:00.000Z']);
});

behaviour('a signal that comes a moment before the time is up is taken', [patient], async (world) => {
  const run = await world.client.start(patient);
  await world.advance(3_599_999);
  await run.signal('go', 7);
  await world.advance(1);
  await world.advance('1 hour');
  expect((await run.result()).slice(0, 2)).toEqual([7, null]);
});

const looker = workflow({ name: 'looker', signals: go }, async (ctx) => {
  const seen = [await ctx.waitFor('go', { timeout: 0 })];
  await ctx.step('work', () => 'done');
  await ctx.sleep('1 hour');
  for (let n = 0; n < 3; n++) seen.push(await ctx.waitFor('go', { timeout: 0 }));
  return seen;
});

behaviour('a wait of no time takes what is there, and answers null where nothing is',
  [looker], async (world) => {
  const run = await world.client.start(looker);
  await world.untilIdle();
  await run.signal('go', 1);
  await run.signal('go', 2);
  await world.advance('1 hour');
  expect(await run.result()).toEqual([null, 1, 2, null]);
});

const ready = new Gate();
const glance = workflow({ name: 'glance', signals: go }, async (ctx) => {
  await ctx.step('work', () => ready.passed);
  return [await ctx.waitFor('go', { timeout: 0 }), await ctx.waitFor('go', { timeout: 0 })];
});

behaviour('what came before a wait without time is seen at its first look', [glance], async (world) => {
  const run = await world.client.start(glance);
  await world.advance('1 minute');
  await run.signal('go', 1);
  await world.advance('1 minute');
  ready.open();
  await world.untilIdle();
  expect(await run.result()).toEqual([1, null]);
});

const twice = workflow({ name: 'twice', signals: go }, async (ctx) => {
  const first = ctx.waitFor('go');
  const second = await ctx.waitFor('go').catch((error: WorkflowError) => error.code);
  return [await first, second];
});

behaviour('two open waits of one name in one branch are refused', [twice], async (world) => {
  const run = await world.client.start(twice);
  await world.untilIdle();
  await run.signal('go', 5);
  await world.untilIdle();
  expect(await run.result()).toEqual([5, 'ALREADY_AWAITED']);
});

const pair = workflow({ name: 'pair', signals: go }, async (ctx) => ctx.all({
  one: async (scope) => [await scope.waitFor('go'), await scope.waitFor('go')],
  other: async (scope) => [await scope.waitFor('go'), await scope.waitFor('go')],
}));

behaviour('two branches may wait for one name: each signal goes to one of them, in order',
  [pair], async (world) => {
  const run = await world.client.start(pair);
  await world.untilIdle();
  for (const n of [1, 2, 3, 4]) {
    await run.signal('go', n);
    await world.untilIdle();
  }
  expect(await run.result()).toEqual({ one: [1, 3], other: [2, 4] });
});

const late = workflow({ name: 'late', signals: go }, async (ctx) => {
  const first = await ctx.race({
    tick: (scope) => scope.sleep('1 hour'),
    signal: (scope) => scope.waitFor('go'),
  });
  return [first.winner, await ctx.waitFor('go')];
});

behaviour('a wait that lost its race leaves the signal to the next wait', [late], async (world) => {
  const run = await world.client.start(late);
  await world.advance('2 hours');
  await run.signal('go', 8);
  await world.untilIdle();
  expect(await run.result()).toEqual(['tick', 8]);
});

type NumberSchema = ReturnType<typeof type<number>>;

const even: NumberSchema = {
  '~standard': {
    version: 1, vendor: 'test',
    validate: (value) => (typeof value === 'number' && value % 2 === 0
      ? { value: value * 10 } : { issues: [{ message: 'must be even' }] }),
  },
};
const slowEven: NumberSchema = {
  '~standard': {
    version: 1, vendor: 'test',
    validate: async (value) => {
      await Promise.resolve();
      return even['~standard'].validate(value);
    },
  },
};

for (const [how, schema] of [['at once', even], ['later', slowEven]] as const) {
  const picky = workflow({ name: 'picky', signals: { n: schema } }, async (ctx) => {
    const first = await ctx.waitFor('n').catch((error: WorkflowError) => error.code);
    return [first, await ctx.waitFor('n'), await ctx.waitFor('n', { timeout: '1 minute' })];
  });

  behaviour(`a payload that a schema refuses ${how} is thrown at the wait, and the next one is taken`,
    [picky], async (world) => {
    const run = await world.client.start(picky);
    expect(await failure(run.signal('n', 3))).toMatchObject({ code: 'SIGNAL_INVALID' });
    // Who knows only the name of a workflow sends what it likes.
    const stranger = world.client.get<unknown, { n: number }>({ id: run.id, workflow: 'picky' });
    await stranger.signal('n', 3);
    await run.signal('n', 4);
    await world.untilIdle();
    await world.advance('1 minute');
    expect(await run.result()).toEqual(['SIGNAL_INVALID', 40, null]);
  });
}

const careless = workflow({ name: 'careless', signals: go }, async (ctx) =>
  (ctx as unknown as { waitFor(name: string): Promise<unknown> }).waitFor('gone'));

behaviour('a signal that the workflow does not declare is refused on both sides',
  [taker, careless], async (world) => {
  const run = await world.client.start(taker, 1);
  const wrong = run.signal as unknown as (name: string, payload: number) => Promise<void>;
  expect(await failure(wrong.call(run, 'gone', 1))).toMatchObject({ code: 'SIGNAL_UNKNOWN' });
  const other = await world.client.start(careless);
  await world.untilIdle();
  expect(await failure(other.result())).toMatchObject({ cause: { code: 'SIGNAL_UNKNOWN' } });
});

behaviour('a signal to a run that has settled, or does not exist, is refused', [taker], async (world) => {
  const run = await world.client.start(taker, 0);
  await world.untilIdle();
  expect(await failure(run.signal('go', 1))).toMatchObject({ code: 'RUN_SETTLED' });
  const nobody = world.client.get(taker, 'nobody');
  expect(await failure(nobody.signal('go', 1))).toMatchObject({ code: 'RUN_NOT_FOUND' });
});

const few = workflow({ name: 'few', signals: go }, async (ctx) => {
  await ctx.sleep('1 hour');
  const taken: number[] = [];
  for (let n = 0; n < 30; n++) taken.push(await ctx.waitFor('go'));
  return taken;
});

behaviour('five thousand signals that nobody waits for are all kept, and the first are taken first',
  [few], async (world) => {
  const run = await world.client.start(few);
  await world.untilIdle();
  const sent: Array<Promise<void>> = [];
  for (let n = 0; n < 5_000; n++) sent.push(run.signal('go', n));
  await Promise.all(sent);
  await world.advance('1 hour');
  expect(await run.result()).toEqual(Array.from({ length: 30 }, (_, n) => n));
});

behaviour('three hundred buffered signals are taken one by one, in order', [taker], async (world) => {
  const run = await world.client.start(taker, 300);
  for (let n = 0; n < 300; n++) await run.signal('go', n);
  await world.untilIdle();
  expect(await run.result()).toEqual(Array.from({ length: 300 }, (_, n) => n));
});

const mixed = workflow({ name: 'mixed', signals: go }, async (ctx) => {
  let sum = 0;
  for (let n = 0; n < 20; n++) {
    sum += await ctx.waitFor('go');
    sum = await ctx.step('add', () => sum);
    if (n % 5 === 0) await ctx.sleep('1 minute');
  }
  return sum;
});

behaviour('signals arrive while the run answers steps in between', [mixed], async (world) => {
  const run = await world.client.start(mixed);
  for (let n = 1; n <= 20; n++) {
    await run.signal('go', n);
    if (n % 3 === 0) await world.untilIdle();
  }
  await world.advance('1 hour');
  expect(await run.result()).toBe(210);
});

const any = workflow({ name: 'any', signals: { v: type<unknown>() } }, async (ctx) => ctx.waitFor('v'));

behaviour('every type of value crosses a signal as it is', [any], async (world) => {
  const value = { at: new Date(0), map: new Map([[1, 2n]]), none: undefined, not: NaN };
  const run = await world.client.start(any);
  await run.signal('v', value);
  await world.untilIdle();
  expect(await run.result()).toEqual(value);
});
