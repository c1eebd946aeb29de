// A worker that gets to a run late: what happened meanwhile falls on the code in the order in which it did.
import { type, workflow } from '@perdure/core';
import { expect } from 'vitest';
import type { BehaviourEnv } from '../behaviour-world.js';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const go = { go: type<number>() };

type Act = readonly [minute: number, act: () => Promise<void>];

/** Nobody gets to the run from minute 10 to minute 120; `meanwhile` happens at its times. */
async function lateTo(
  world: BehaviourEnv, runId: string, meanwhile: readonly Act[],
): Promise<void> {
  await world.advance('10 minutes');
  const release = world.store.lockRow(runId);
  let minute = 10;
  for (const [at, act] of meanwhile) {
    await world.advance((at - minute) * 60_000);
    minute = at;
    await act();
  }
  await world.advance((120 - minute) * 60_000);
  release();
  await world.advance('1 minute');
}

const patient = workflow({ name: 'patient', signals: go }, async (ctx) => [
  await ctx.waitFor('go', { timeout: '1 hour' }), await ctx.waitFor('go', { timeout: '1 minute' }),
]);

behaviour('a signal that came in time is not too late', [patient], async (world) => {
  const run = await world.client.start(patient);
  await lateTo(world, run.id, [[30, () => run.signal('go', 1)]]);
  await world.advance('5 minutes');
  expect(await run.result()).toEqual([1, null]);
});

behaviour('a signal that came when the time was up is for the next wait', [patient], async (world) => {
  const run = await world.client.start(patient);
  await lateTo(world, run.id, [[90, () => run.signal('go', 1)]]);
  await world.advance('5 minutes');
  expect(await run.result()).toEqual([null, 1]);
});

const raced = workflow({ name: 'raced', signals: go }, async (ctx) => {
  const { winner } = await ctx.race({
    signal: (scope) => scope.waitFor('go'),
    tick: (scope) => scope.sleep('1 hour'),
  });
  return [winner, await ctx.waitFor('go', { timeout: '10 minutes' })];
});

for (const [minute, result] of [[30, ['signal', null]], [90, ['tick', 1]]] as const) {
  behaviour(`a race of a sleep of an hour with a signal of minute ${minute}`, [raced], async (world) => {
    const run = await world.client.start(raced);
    await lateTo(world, run.id, [[minute, () => run.signal('go', 1)]]);
    await world.advance('20 minutes');
    expect(await run.result()).toEqual(result);
  });
}

const sleeps = workflow('sleeps', async (ctx) => {
  const order: string[] = [];
  const sleep = (minutes: number) => async (scope: typeof ctx): Promise<void> => {
    await scope.sleep(minutes * 60_000);
    order.push(String(minutes));
  };
  const { winner } = await ctx.race({ long: sleep(60), short: sleep(30) });
  await ctx.all({ a: sleep(3), b: sleep(1), c: sleep(2) });
  return [winner, ...order];
});

behaviour('sleeps that are over end in the order of their ends', [sleeps], async (world) => {
  const run = await world.start(sleeps);
  await lateTo(world, run.id, []);
  await world.advance('1 hour');
  expect(await run.result()).toEqual(['short', '30', '1', '2', '3']);
});

const beside = workflow({ name: 'beside', signals: go }, async (ctx) => {
  const both = await ctx.all({
    raced: (scope) => scope.race({
      tick: (inner) => inner.sleep('1 hour'), signal: (inner) => inner.waitFor('go'),
    }),
    waiting: (scope) => scope.waitFor('go'),
  });
  const third = await ctx.waitFor('go', { timeout: '10 minutes' });
  return [both.raced.winner, both.waiting, third];
});

behaviour('what a withdrawn wait took goes to the wait that is open beside it', [beside], async (world) => {
  const run = await world.client.start(beside);
  await lateTo(world, run.id, [[90, () => run.signal('go', 7)]]);
  await world.advance('20 minutes');
  expect(await run.result()).toEqual(['tick', 7, null]);
});

behaviour('messages of the same content are not taken for one another', [beside], async (world) => {
  const run = await world.client.start(beside);
  await lateTo(world, run.id, [[90, () => run.signal('go', 7)], [91, () => run.signal('go', 7)]]);
  await world.advance('20 minutes');
  expect(await run.result()).toEqual(['tick', 7, 7]);
});

const cancelled = workflow({ name: 'cancelled', signals: go }, async (ctx) => {
  const log: string[] = [];
  try {
    for (;;) log.push(String(await ctx.waitFor('go')));
  } catch {
    log.push('cancelled');
  }
  for (let n = 0; n < 3; n++) log.push(String(await ctx.waitFor('go', { timeout: '1 minute' })));
  return log.join(' ');
});

behaviour('signals before a cancel, and after it, stay on their sides', [cancelled], async (world) => {
  const run = await world.client.start(cancelled);
  await lateTo(world, run.id, [
    [20, () => run.signal('go', 1)], [30, () => run.signal('go', 2)], [40, () => run.cancel()],
    [50, () => run.signal('go', 3)], [60, () => run.signal('go', 4)],
  ]);
  await world.advance('20 minutes');
  // The first wait takes one signal; the second has begun when the cancel is read.
  expect(['1 2 cancelled 3 4 null', '1 cancelled 2 3 4']).toContain(await run.result());
});

const limited = workflow({ name: 'limited', timeout: '1 hour', signals: go }, async (ctx) => {
  const first = await ctx.waitFor('go');
  await ctx.set({ first });
  await ctx.waitFor('go');
});

for (const [minute, attributes] of [[30, { first: 1 }], [90, {}]] as const) {
  behaviour(`a run that timed out after an hour, and a signal of minute ${minute}`,
    [limited], async (world) => {
    const run = await world.client.start(limited);
    await lateTo(world, run.id, [[minute, () => run.signal('go', 1)]]);
    expect(await failure(run.result())).toMatchObject({ cause: { code: 'RUN_TIMEOUT' } });
    // The signal was seen first; what the code then asks for may find that its time was up.
    if (minute === 90) expect(await run.attributes()).toEqual(attributes);
  });
}

const eventful = workflow('eventful', async (ctx) => {
  const first = await ctx.race({
    event: (scope) => scope.waitForEvent('e', { timeout: '1 day' }),
    tick: (scope) => scope.sleep('1 hour'),
  });
  return [first.winner, await ctx.waitForEvent('e', { timeout: '10 minutes', lookBack: 0 })];
});

for (const [minute, result] of [[30, ['event', null]], [90, ['tick', 'x']]] as const) {
  behaviour(`a race of a sleep of an hour with an event of minute ${minute}`, [eventful], async (world) => {
    const run = await world.start(eventful);
    await lateTo(world, run.id, [[minute, () => world.client.emit('e', 'x')]]);
    await world.advance('20 minutes');
    expect(await run.result()).toEqual(result);
  });
}

const child = workflow({ name: 'child', signals: go }, async (ctx) => ctx.waitFor('go'));
const parent = workflow('parent', async (ctx) => {
  const { winner } = await ctx.race({
    child: (scope) => scope.execute(child, undefined, { id: `of ${ctx.runId}` }),
    tick: (scope) => scope.sleep('1 hour'),
  });
  return winner;
});

for (const [minute, winner] of [[30, 'child'], [90, 'tick']] as const) {
  behaviour(`a race of a sleep of an hour with a child that ends in minute ${minute}`, [parent, child],
    async (world) => {
      const run = await world.start(parent);
      await lateTo(world, run.id, [
        [minute, () => world.client.get(child, `of ${run.id}`).signal('go', 1)],
      ]);
      await world.advance('1 minute');
      expect(await run.result()).toBe(winner);
    });
}
