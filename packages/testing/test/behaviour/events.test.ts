// Events: to every run that waits, to each once, also shortly before its wait.
import { workflow } from '@perdure/core';
import { expect } from 'vitest';
import { Gate } from '../engine.js';
import { behaviour } from './served.js';

const paid = workflow('paid', async (ctx, key: string) => {
  const event = await ctx.waitForEvent<{ amount: number }>('order.paid', { key, timeout: '1 day' });
  return event === null ? null : event.amount;
});

behaviour('an event comes to a run that waits for it', [paid], async (world) => {
  const run = await world.start(paid, 'a');
  await world.advance('1 hour');
  await world.client.emit('order.paid', { amount: 5 }, { key: 'a' });
  await world.untilIdle();
  expect(await run.result()).toBe(5);
});

behaviour('an event just before the wait counts, one before that does not', [paid], async (world) => {
  await world.client.emit('order.paid', { amount: 1 }, { key: 'a' });
  await world.advance('61 seconds');
  await world.client.emit('order.paid', { amount: 2 }, { key: 'a' });
  await world.advance('59 seconds');
  const run = await world.start(paid, 'a');
  await world.untilIdle();
  expect(await run.result()).toBe(2);
  await world.advance('1 minute');
  const later = await world.start(paid, 'a');
  await world.advance('1 day');
  expect(await later.result()).toBeNull();
});

const far = workflow('far', async (ctx) => [
  await ctx.waitForEvent('e', { timeout: '1 hour', lookBack: '1 day' }),
  await ctx.waitForEvent('e', { timeout: '1 hour', lookBack: '1 day' }),
  await ctx.waitForEvent('e', { timeout: '1 hour', lookBack: 0 }),
]);

behaviour('how far a wait looks back is its own, and it takes the oldest first', [far], async (world) => {
  await world.client.emit('e', 'first');
  await world.advance('1 hour');
  await world.client.emit('e', 'second');
  await world.advance('1 hour');
  expect(await world.execute(far)).toEqual(['first', 'second', null]);
});

behaviour('only events of the same name and key are taken', [paid], async (world) => {
  const run = await world.start(paid, 'a');
  await world.advance('1 minute');
  await world.client.emit('order.paid', { amount: 1 }, { key: 'b' });
  await world.client.emit('order.paid', { amount: 2 });
  await world.client.emit('order.left', { amount: 3 }, { key: 'a' });
  await world.advance('1 minute');
  expect(await run.status()).toBe('waiting');
  await world.client.emit('order.paid', { amount: 4 }, { key: 'a' });
  await world.untilIdle();
  expect(await run.result()).toBe(4);
});

const odd = workflow('odd', async (ctx, [name, key]: readonly [string, string]) => (
  ctx.waitForEvent(name, { key, timeout: '1 minute' })));

behaviour('names and keys are not taken for each other', [odd], async (world) => {
  const pairs = [['a', 'b'], ['a\nb', 'c'], ['a', 'b\nc'], ['a\\nb', 'c'], ['a b', 'c']] as const;
  const runs = await Promise.all(pairs.map((pair) => world.start(odd, pair)));
  await world.untilIdle();
  for (const [name, key] of pairs) await world.client.emit(name, `${name}|${key}`, { key });
  await world.untilIdle();
  await world.advance('1 minute');
  for (const [index, run] of runs.entries()) expect(await run.result()).toBe(pairs[index]?.join('|'));
});

behaviour('one event comes to every run that waits for it', [paid], async (world) => {
  const runs = await Promise.all(Array.from({ length: 250 }, () => world.start(paid, 'all')));
  await world.advance('1 minute');
  await world.client.emit('order.paid', { amount: 9 }, { key: 'all' });
  await world.advance('1 minute');
  const results = await Promise.all(runs.map((run) => run.result()));
  expect(results).toEqual(runs.map(() => 9));
});

const collector = workflow('collector', async (ctx, count: number) => {
  const seen: unknown[] = [];
  for (let n = 0; n < count; n++) {
    seen.push(await ctx.waitForEvent('tick', { timeout: '1 hour', lookBack: '1 hour' }));
  }
  return seen;
});

behaviour('each event comes once to a run, in the order of emission, whoever brings it', [collector],
  async (world) => {
    for (let n = 0; n < 10; n++) await world.client.emit('tick', n);
    const run = await world.start(collector, 21);
    await world.untilIdle();
    for (let n = 10; n < 20; n++) {
      await world.client.emit('tick', n);
      if (n % 3 === 0) await world.untilIdle();
    }
    await world.advance('1 hour');
    expect(await run.result()).toEqual([...Array.from({ length: 20 }, (_, n) => n), null]);
  });

behaviour('an event of an id is one event, however often it is emitted', [collector], async (world) => {
  const run = await world.start(collector, 3);
  await world.untilIdle();
  await world.client.emit('tick', 1, { id: 'one' });
  await world.client.emit('tick', 9, { id: 'one' });
  await world.untilIdle();
  await world.client.emit('tick', 9, { id: 'one' });
  await world.client.emit('tick', 2, { id: 'two' });
  await world.advance('1 hour');
  expect(await run.result()).toEqual([1, 2, null]);
});

const gate = new Gate();
const busy = workflow('busy', async (ctx) => {
  await ctx.step('work', () => gate.passed);
  return [
    await ctx.waitForEvent('e', { timeout: '1 minute' }),
    await ctx.waitForEvent('e', { timeout: '1 minute' }),
  ];
});

behaviour('an event that is emitted while a step runs is found when the wait looks back',
  [busy], async (world) => {
  const run = await world.start(busy);
  await world.advance('1 minute');
  await world.client.emit('e', 'while it worked');
  await world.advance('1 second');
  gate.open();
  await world.advance('2 minutes');
  expect(await run.result()).toEqual(['while it worked', null]);
});

const either = workflow('either', async (ctx) => {
  const first = await ctx.race({
    a: (scope) => scope.waitForEvent('a', { timeout: '1 day' }),
    b: (scope) => scope.waitForEvent('b', { timeout: '1 day' }),
  });
  return [first, await ctx.waitForEvent('a', { timeout: '1 hour', lookBack: 0 })];
});

behaviour('a wait that was withdrawn waits no more: what is emitted later is not kept for it', [either],
  async (world) => {
    const run = await world.start(either);
    await world.advance('1 minute');
    await world.client.emit('b', 'b');
    await world.advance('90 minutes');
    expect(await run.result()).toEqual([{ winner: 'b', value: 'b' }, null]);
  });

const both = workflow('both', async (ctx) => ctx.all({
  one: (scope) => scope.waitForEvent('e', { timeout: '1 hour' }),
  other: (scope) => scope.waitForEvent('e', { timeout: '1 hour' }),
}));

behaviour('two branches that wait for one event divide what comes to their run', [both], async (world) => {
  const run = await world.start(both);
  await world.advance('1 minute');
  await world.client.emit('e', 1);
  await world.advance('1 minute');
  await world.client.emit('e', 2);
  await world.untilIdle();
  expect(await run.result()).toEqual({ one: 1, other: 2 });
});

behaviour('an event of a transaction comes when that has committed, and never when it has not', [paid],
  async (world) => {
    const run = await world.start(paid, 'a');
    await world.advance('1 minute');
    await expect(world.store.within(async (tx) => {
      await world.client.emit(tx as never, 'order.paid', { amount: 1 }, { key: 'a' });
      throw new Error('rolled back');
    })).rejects.toThrow('rolled back');
    await world.advance('1 minute');
    expect(await run.status()).toBe('waiting');
    await world.store.within(async (tx) => {
      await world.client.emit(tx as never, 'order.paid', { amount: 2 }, { key: 'a' });
      await world.advance('1 minute');
      expect(await run.status()).toBe('waiting');
    });
    await world.advance('1 minute');
    expect(await run.result()).toBe(2);
  });

const cancelled = workflow('cancelled', async (ctx) => {
  try {
    await ctx.waitForEvent('e', { timeout: '1 day' });
  } catch {
    return ctx.waitForEvent('e', { timeout: '1 hour', lookBack: 0 });
  }
  return 'not cancelled';
});

behaviour('an event after a cancel comes to the wait that follows', [cancelled], async (world) => {
  const run = await world.start(cancelled);
  await world.advance('1 minute');
  await run.cancel();
  await world.advance('1 minute');
  await world.client.emit('e', 'after');
  await world.untilIdle();
  expect(await run.result()).toBe('after');
});
