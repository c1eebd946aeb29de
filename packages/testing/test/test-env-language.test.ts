// What runs wait for under virtual time: signals, callbacks, children, streams, cancels; and transactions, of
// which a test has no SQL.
import { type, workflow } from '@perdure/core';
import { createTestEnv } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { World } from '../dist/world.js';
import { failure, Gate } from './engine.js';

const startAt = new Date('2030-01-01T00:00:00Z');
const hoursOf = (at: Date): number => (at.getTime() - startAt.getTime()) / 3_600_000;

const decided = { decided: type<string>() };
const approval = workflow({ name: 'approval', signals: decided }, async (ctx, days: number) => (
  await ctx.waitFor('decided', { timeout: `${days} days` }) ?? 'nobody answered'));

describe('a signal', () => {
  test('is sent by the client, and taken without time', async () => {
    await using env = await createTestEnv({ workflows: [approval], startAt });
    const run = await env.start(approval, 3);
    await env.advance('1 day');
    await run.signal('decided', 'yes');
    expect(await run.result()).toBe('yes');
    expect(hoursOf(env.now)).toBe(24);
  });

  test('that never comes is given up on time', async () => {
    await using env = await createTestEnv({ workflows: [approval], startAt });
    expect(await env.execute(approval, 3)).toBe('nobody answered');
    expect(hoursOf(env.now)).toBe(72);
  });

  test('that no time replaces makes execute say so, unless somebody sends it in time', async () => {
    const signals = { go: type<number>() };
    const patient = workflow({ name: 'patient', signals }, async (ctx) => ctx.waitFor('go'));
    await using env = await createTestEnv({ workflows: [patient], limit: 50 });
    const error = await failure(env.execute(patient, undefined, { id: 'alone' }));
    expect(error).toMatchObject({ code: 'RUN_STUCK', runId: 'alone' });
    expect(error.message).toMatch(/'alone' of workflow 'patient' is waiting.*env\.start/);
    const executing = env.execute(patient, undefined, { id: 'awaited' });
    await env.untilIdle();
    await env.client.get(patient, 'awaited').signal('go', 7);
    expect(await executing).toBe(7);
  });

  test('sent one after the other while time stands, signals keep their order', async () => {
    const inOrder = workflow({ name: 'in order', signals: { n: type<number>() } }, async (ctx) => {
      const taken: number[] = [];
      for (let at = 0; at < 20; at++) taken.push(await ctx.waitFor('n'));
      return taken;
    });
    await using env = await createTestEnv({ workflows: [inOrder] });
    const run = await env.start(inOrder);
    // Ids of the sender's own, in an order that is not theirs.
    for (let at = 0; at < 20; at++) await run.signal('n', at, { id: `id ${(at * 7) % 20}` });
    expect(await run.result()).toEqual(Array.from({ length: 20 }, (_, at) => at));
  });
});

test('a tree of runs moves with its time, and falls with its root', async () => {
  const seen: string[] = [];
  const leaf = workflow('leaf', async (ctx, name: string) => {
    try {
      await ctx.sleep('10 hours');
    } finally {
      await ctx.step('clean', () => seen.push(`${name} at ${hoursOf(env.now)}`));
    }
    return name;
  });
  const root = workflow('root', async (ctx) => (
    Promise.all(['left', 'right'].map((name) => ctx.execute(leaf, name)))));
  await using env = await createTestEnv({ workflows: [leaf, root], startAt });
  expect(await env.execute(root)).toEqual(['left', 'right']);
  expect(hoursOf(env.now)).toBe(10);
  const run = await env.start(root);
  await env.advance('5 hours');
  await run.cancel('enough');
  await env.untilIdle();
  expect(await run.status()).toBe('cancelled');
  expect(seen.toSorted()).toEqual(['left at 10', 'left at 15', 'right at 10', 'right at 15']);
});

test('a reader of a stream, and whoever waits for a result, cost no moment of a year', async () => {
  const slow = workflow('slow', async (ctx) => {
    ctx.publish('out', 'begun');
    await ctx.sleep('364 days');
    ctx.publish('out', 'ended');
    return 'done';
  });
  let looks = 0;
  const world = new World({ workflows: [slow], startAt }, {
    done: (verb) => {
      if (/^(read|claim|carry)/.test(verb)) looks++;
    },
  });
  await world.work([slow]);
  const run = await world.start(slow);
  const chunks: unknown[] = [];
  const reading = (async () => {
    for await (const { chunk, at } of run.stream('out')) chunks.push([chunk, hoursOf(at)]);
  })();
  const result = run.result();
  await world.advance('365 days');
  await reading;
  expect(await result).toBe('done');
  expect(chunks).toEqual([['begun', 0], ['ended', 364 * 24]]);
  expect(looks).toBeLessThan(300);
  await world[Symbol.asyncDispose]();
});

test('callbacks are answered by their tokens, events by their names', async () => {
  const waits = workflow('waits', async (ctx) => {
    const { token, result } = await ctx.callback<string>();
    await ctx.step('hand out', () => tokens.push(token));
    const first = await result({ timeout: '1 hour' });
    return [first, await ctx.waitForEvent('paid', { timeout: '1 hour' }), hoursOf(ctx.now())];
  });
  const tokens: string[] = [];
  await using env = await createTestEnv({ workflows: [waits], startAt });
  const run = await env.start(waits);
  await env.untilIdle();
  await env.client.complete(tokens[0]!, 'called back');
  await env.untilIdle();
  await env.client.emit('paid', 12);
  expect(await run.result()).toEqual(['called back', 12, 0]);
});

describe('a transaction', () => {
  const booking = workflow('booking', async (ctx) => ctx.transaction('book', async (tx) => (
    (await tx.query('select 1')).rows.length)));

  test('has no SQL in a test, and says so; its body can be replaced', async () => {
    await using env = await createTestEnv({ workflows: [booking] });
    const { cause } = await failure(env.execute(booking));
    expect(cause).toMatchObject({ message: expect.stringContaining('env.mockStep(workflow, name, fn)') });
    env.mockStep(booking, 'book', ({ attempt }) => attempt);
    expect(await env.execute(booking)).toBe(1);
    expect(env.calls(booking, 'book')).toMatchObject([
      { error: { name: 'NonRetryableError' } }, { result: 1 },
    ]);
  });

  test('starts runs and sends with what it commits', async () => {
    const signals = { go: type<string>() };
    const child = workflow({ name: 'child', signals }, async (ctx) => ctx.waitFor('go'));
    const parent = workflow('parent', async (ctx) => ctx.transaction('begin', { retry: 1 }, async (tx) => {
      const run = await env.client.start(tx, child, undefined, { id: 'kid' });
      await env.client.signal(tx, run, 'go', 'with it');
      if (fail) throw new Error('rolled back');
    }));
    let fail = true;
    await using env = await createTestEnv({ workflows: [child, parent] });
    await failure(env.execute(parent));
    expect(await failure(env.client.get(child, 'kid').status())).toMatchObject({ code: 'RUN_NOT_FOUND' });
    fail = false;
    await env.execute(parent);
    expect(await env.client.get(child, 'kid').result()).toBe('with it');
  });
});

test('a run that was told to stop is waited for while a body of it still runs', async () => {
  const gate = new Gate();
  const joined = workflow('joined', async (ctx) => ctx.step('last words', async (step) => {
    await new Promise((resolve) => step.abortSignal.addEventListener('abort', resolve));
    await gate.passed;
    return 'said';
  }));
  await using env = await createTestEnv({ workflows: [joined], limit: 50 });
  const run = await env.start(joined);
  await env.advance(1);
  await run.cancel();
  expect(await failure(env.untilIdle())).toMatchObject({ code: 'STEPS_STILL_RUNNING' });
  gate.open();
  await env.untilIdle();
  expect(env.calls(joined, 'last words')).toMatchObject([{ result: 'said' }]);
});
