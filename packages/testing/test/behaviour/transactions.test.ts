// Transactional steps: what they send and their answer are there together, once, or not at all.
import type { Client } from '@perdure/client';
import { NonRetryableError, RunCancelledError, type, workflow } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const child = workflow('child', async (_ctx, what: string) => what);
const mailbox = workflow({ name: 'mailbox', signals: { paid: type<number>() } }, async (ctx) => {
  const paid = await ctx.waitFor('paid');
  const shipped = await ctx.waitForEvent<string>('shipped', { timeout: '1 day' });
  return [paid, shipped, await ctx.waitFor('paid', { timeout: '1 minute' })];
});

// What the bodies of a test share with it: each begins anew.
let client: Client;
let bodies: string[] = [];

/** Resolves when a signal has fired, which it may have before. */
function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
    if (signal.aborted) resolve();
  });
}

const pays = workflow('pays', async (ctx, to: string) => {
  const started = await ctx.transaction('pay', async (tx, { attempt }) => {
    bodies.push(`attempt ${attempt}`);
    await client.signal(tx, client.get(mailbox, to), 'paid', attempt);
    await client.emit(tx, 'shipped', `at attempt ${attempt}`);
    const { id } = await client.start(tx, child, `of attempt ${attempt}`);
    if (attempt < 3) throw new Error('not yet');
    return id;
  });
  const after = await ctx.step('after', () => 'done');
  return { started, after };
});

const once = 'what it starts and sends is there once, with its answer';
behaviour(once, [pays, child, mailbox], async (world) => {
  ({ client } = world);
  bodies = [];
  const to = await world.start(mailbox);
  const { started, after } = await world.execute(pays, to.id);
  expect(after).toBe('done');
  expect(await client.get(child, started).result()).toBe('of attempt 3');
  expect(bodies).toEqual(['attempt 1', 'attempt 2', 'attempt 3']);
  await world.advance('2 minutes');
  expect(await to.result()).toEqual([3, 'at attempt 3', null]);
  expect((await client.query({ workflow: child })).runs).toHaveLength(1);
});

const givesUp = workflow('gives up', async (ctx) => {
  try {
    return await ctx.transaction('start', { retry: 2 }, async (tx) => {
      await client.start(tx, child, 'never');
      throw new RangeError('no');
    });
  } catch (error) {
    return [error instanceof RangeError, (error as Error).message];
  }
});
const never = workflow('never', async (ctx) => ctx.transaction('start', async (tx) => {
  await client.start(tx, child, 'never');
  throw new NonRetryableError('as told');
}));

behaviour('what fails for good leaves nothing, and its error is thrown', [givesUp, never, child],
  async (world) => {
    ({ client } = world);
    expect(await world.execute(givesUp)).toEqual([true, 'no']);
    expect(await failure(world.execute(never))).toMatchObject({ cause: { message: 'as told' } });
    expect((await client.query({ workflow: child })).runs).toEqual([]);
  });

const returns = workflow('returns', async (ctx) => {
  const value = await ctx.transaction('value', async () => {
    bodies.push('value');
    return new Map([[1n, new Date(7)]]);
  });
  const refused = await ctx.transaction('refused', async (tx) => {
    bodies.push('refused');
    await client.start(tx, child, 'never');
    return () => 1;
  }).catch((error: Error & { code: string }) => error.code);
  await ctx.sleep('1 hour');
  return { value, refused };
});

const stored = 'its answer is stored like any, and what cannot be stored undoes it';
behaviour(stored, [returns, child], async (world) => {
  ({ client } = world);
  bodies = [];
  expect(await world.execute(returns)).toEqual({
    value: new Map([[1n, new Date(7)]]), refused: 'VALUE_NOT_STORABLE',
  });
  // Nothing was recorded of the second one when a worker died after the first.
  expect(bodies.filter((body) => body === 'value')).toHaveLength(1);
  expect((await client.query({ workflow: child })).runs).toEqual([]);
});

const branches = workflow('branches', async (ctx) => {
  const order: string[] = [];
  const noted = async (what: string, promise: Promise<unknown>): Promise<void> => {
    await promise;
    order.push(what);
  };
  await Promise.all([
    noted('one', ctx.transaction('one', async () => 1)),
    noted('two', ctx.transaction('two', async () => 2)),
    noted('step', ctx.step('step', () => 3)),
    noted('sleep', ctx.sleep('1 minute')),
  ]);
  // The record decides the order, whatever it was: a replay at this point must see the same.
  const seen = await ctx.step('seen', () => order.join());
  await ctx.sleep('1 minute');
  return [seen, order.join()];
});

const beside = 'beside each other and beside other calls they are replayed in one order';
behaviour(beside, [branches], async (world) => {
  const [seen, replayed] = await world.execute(branches);
  expect(replayed).toBe(seen);
  expect(seen?.split(',').sort()).toEqual(['one', 'sleep', 'step', 'two']);
});

const slow = workflow('slow', async (ctx) => {
  try {
    await ctx.transaction('slow', { timeout: '1 hour' }, async (tx, { abortSignal }) => {
      await client.start(tx, child, 'in time');
      bodies.push('began');
      await fired(abortSignal);
      return 'told to stop';
    });
    await ctx.sleep('1 day');
  } catch (error) {
    if (error instanceof RunCancelledError) await ctx.set({ reason: error.reason });
    throw error;
  }
});

const cancelled = 'a cancel reaches its abort signal, and what it then commits stands';
behaviour(cancelled, [slow, child], async (world) => {
  ({ client } = world);
  bodies = [];
  const run = await world.start(slow);
  await world.advance('1 second');
  await run.cancel('enough');
  await world.advance('1 minute');
  await world.untilIdle();
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
  expect(await run.attributes()).toEqual({ reason: 'enough' });
  expect((await client.query({ workflow: child })).runs).toHaveLength(1);
});

const late = workflow('late', async (ctx) => ctx.transaction('late', { timeout: '1 minute', retry: 2 },
  async (tx, { attempt, abortSignal }) => {
    await client.start(tx, child, `of attempt ${attempt}`);
    if (attempt === 1) await fired(abortSignal);
    return attempt;
  }));

behaviour('a transaction past its timeout is undone, and tried again', [late, child], async (world) => {
  ({ client } = world);
  const run = await world.start(late);
  await world.advance('2 minutes');
  await world.untilIdle();
  expect(await run.result()).toBe(2);
  const { runs } = await client.query({ workflow: child });
  expect(await Promise.all(runs.map(({ id }) => client.get(child, id).result()))).toEqual(['of attempt 2']);
});
