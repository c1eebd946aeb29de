// Callbacks: a promise that somebody outside keeps, by an unguessable token.
import { NonRetryableError, workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import type { BehaviourEnv } from '../behaviour-world.js';
import { behaviour } from './served.js';

const hook = workflow('hook', async (ctx) => {
  const callback = await ctx.callback<{ ok: boolean }>();
  await ctx.step('send', () => callback.token);
  return callback.result();
});

/** The token that a run of `hook` has handed out. */
function sent(world: BehaviourEnv, flow: Parameters<BehaviourEnv['calls']>[0], runId: string): string {
  const call = world.calls(flow, 'send').find((each) => each.runId === runId && each.result !== undefined);
  return String(call?.result);
}

behaviour('a callback is completed from outside', [hook], async (world) => {
  const run = await world.start(hook);
  await world.advance('1 hour');
  await world.client.complete(sent(world, hook, run.id), { ok: true });
  await world.untilIdle();
  expect(await run.result()).toEqual({ ok: true });
});

behaviour('a callback fails with the error that it is given, and that is tried again by nobody', [hook],
  async (world) => {
    const run = await world.start(hook);
    await world.advance('1 hour');
    await world.client.fail(sent(world, hook, run.id), new NonRetryableError('they refused'));
    await world.untilIdle();
    const error = await failure(run.result());
    expect(error).toMatchObject({
      code: 'RUN_FAILED', cause: { name: 'NonRetryableError', message: 'they refused' },
    });
  });

behaviour('the first answer holds', [hook], async (world) => {
  const run = await world.start(hook);
  await world.advance('1 hour');
  const token = sent(world, hook, run.id);
  await world.client.complete(token, { ok: true });
  await world.client.complete(token, { ok: false });
  await world.client.fail(token, 'too late');
  await world.untilIdle();
  expect(await run.result()).toEqual({ ok: true });
});

const early = workflow('early', async (ctx) => {
  const callback = await ctx.callback<string>();
  await ctx.step('send', () => callback.token);
  await ctx.sleep('1 hour');
  return callback.result();
});

behaviour('a callback that is answered before anybody waits for it is kept', [early], async (world) => {
  const slow = await world.start(early);
  await world.advance('1 minute');
  await world.client.complete(sent(world, early, slow.id), 'early bird');
  await world.advance('1 hour');
  expect(await slow.result()).toBe('early bird');
});

const patient = workflow('patient', async (ctx) => {
  const callback = await ctx.callback<string>();
  await ctx.step('send', () => callback.token);
  return [
    await callback.result({ timeout: '1 hour' }), await callback.result({ timeout: '1 hour' }),
    ctx.now().toISOString(),
  ];
});

behaviour('a wait for an answer has a timeout, and a later answer can still be waited for', [patient],
  async (world) => {
    const run = await world.start(patient);
    await world.advance('90 minutes');
    await world.client.complete(sent(world, patient, run.id), 'late');
    await world.untilIdle();
    expect(await run.result()).toEqual([null, 'late', '2030-01-01T01:30:00.000Z']);
  });

const several = workflow('several', async (ctx) => {
  const callbacks = await Promise.all([1, 2, 3].map(() => ctx.callback<number>()));
  await ctx.step('send', () => callbacks.map(({ token }) => token).join(' '));
  return Promise.all(callbacks.map((callback) => callback.result()));
});

behaviour('each token answers its own callback, in any order', [several], async (world) => {
  const run = await world.start(several);
  await world.advance('1 minute');
  const tokens = sent(world, several, run.id).split(' ');
  expect(new Set(tokens).size).toBe(3);
  for (const index of [2, 0, 1]) {
    await world.client.complete(tokens[index] ?? '', index);
    await world.advance('1 minute');
  }
  expect(await run.result()).toEqual([0, 1, 2]);
});

behaviour('a token of nobody, or of a run that has ended, is refused', [hook], async (world) => {
  const run = await world.start(hook);
  await world.advance('1 minute');
  const token = sent(world, hook, run.id);
  expect(await failure(world.client.complete('nonsense', 1))).toMatchObject({ code: 'INVALID_TOKEN' });
  const [id = '', generation = ''] = token.split('.');
  const guessed = `${id}.${generation}.${'A'.repeat(token.split('.')[2]?.length ?? 0)}`;
  await world.client.complete(guessed, { ok: false }).catch(() => undefined);
  await world.untilIdle();
  expect(await run.status()).toBe('waiting');
  await run.cancel();
  await world.untilIdle();
  expect(await failure(world.client.complete(token, { ok: true }))).toMatchObject({ code: 'RUN_SETTLED' });
});

const raced = workflow('raced', async (ctx) => {
  const callback = await ctx.callback<string>();
  await ctx.step('send', () => callback.token);
  const { winner, value } = await ctx.race({
    answer: () => callback.result(),
    late: (scope) => scope.sleep('1 hour'),
  });
  return [winner, value];
});

behaviour('a callback in a race', [raced], async (world) => {
  const run = await world.start(raced);
  await world.advance('1 minute');
  await world.client.complete(sent(world, raced, run.id), 'in time');
  await world.untilIdle();
  expect(await run.result()).toEqual(['answer', 'in time']);
});

const twice = workflow('twice', async (ctx) => {
  const callback = await ctx.callback<string>();
  await ctx.step('send', () => callback.token);
  const first = callback.result();
  const second = await callback.result().catch((error: WorkflowError) => error.code);
  return [await first, second];
});

behaviour('two waits for one callback at a time are refused', [twice], async (world) => {
  const run = await world.start(twice);
  await world.advance('1 minute');
  await world.client.complete(sent(world, twice, run.id), 'once');
  await world.untilIdle();
  expect(await run.result()).toEqual(['once', 'ALREADY_AWAITED']);
});

behaviour('an answer of a transaction counts when that has committed', [hook], async (world) => {
  const run = await world.start(hook);
  await world.advance('1 minute');
  const token = sent(world, hook, run.id);
  await expect(world.store.within(async (tx) => {
    await world.client.complete(tx as never, token, { ok: false });
    throw new Error('rolled back');
  })).rejects.toThrow('rolled back');
  await world.store.within((tx) => world.client.complete(tx as never, token, { ok: true }));
  await world.advance('1 minute');
  expect(await run.result()).toEqual({ ok: true });
});
