// What happens beside each other, and at one moment: nothing of it is overlooked because something else ended
// first.
import { workflow } from '@perdure/core';
import { partOf } from '@perdure/core/engine';
import { expect } from 'vitest';
import { behaviour as inWorld } from '../behaviour-world.js';
import { Gate } from '../engine.js';
import { behaviour } from './served.js';

const retry = { initialInterval: '1 minute', maximumAttempts: 5, jitter: false } as const;

function failsUntil(last: number): (step: { attempt: number }) => number {
  return ({ attempt }) => {
    if (attempt < last) throw new Error(`attempt ${attempt}`);
    return attempt;
  };
}

const pair = workflow('pair', async (ctx) => Promise.all([
  ctx.step('fails at once', { retry }, failsUntil(2)),
  ctx.step('works', () => 'done'),
]));

behaviour('a step that fails as it begins takes nothing from one that begins after it', [pair],
  async (world) => {
    const run = await world.start(pair);
    await world.advance('30 seconds');
    expect(await run.status()).toBe('waiting');
    await world.advance('1 hour');
    expect(await run.status()).toBe('completed');
    expect(await run.result()).toEqual([2, 'done']);
    expect(world.calls(pair, 'works')).toHaveLength(1);
  });

const due = workflow('due', async (ctx) => Promise.all([
  ctx.step('fails again', { retry: { ...retry, backoffCoefficient: 1 } }, failsUntil(3)),
  ctx.step('works', { retry }, failsUntil(2)),
  ctx.sleep('1 minute'),
]));

behaviour('an attempt that fails as it begins takes nothing from what is due at the same moment', [due],
  async (world) => {
    const run = await world.start(due);
    await world.advance('1 hour');
    expect(await run.status()).toBe('completed');
    expect(await run.result()).toEqual([3, 2, undefined]);
  });

const held = { gate: new Gate() };
const beside = workflow('beside', async (ctx) => {
  await ctx.step('before', () => 'done');
  return Promise.all([
    ctx.transaction('open', async () => {
      await held.gate.passed;
      return 'committed';
    }),
    ctx.step('first', () => 'done').then(() => ctx.step('second', () => 'done')),
  ]);
});

const suspects = 'steps go on beside an open transaction, also where the run is a suspect';
behaviour(suspects, [beside], async (world) => {
  held.gate = new Gate();
  const run = await world.start(beside);
  // Bodies that do not end are not waited for.
  await world.advance(1);
  await world.advance(1);
  const second = world.calls(beside, 'second');
  held.gate.open();
  expect(second.length).toBeGreaterThan(0);
  await world.advance('1 hour');
  expect(await run.status()).toBe('completed');
  expect(await run.result()).toEqual(['committed', 'done']);
});

const tried = workflow('tried', async (ctx) => {
  const attempt = await ctx.transaction('pay', { retry }, async (_tx, step) => failsUntil(2)(step));
  await ctx.sleep('1 week');
  return attempt;
});

behaviour('a transaction that was tried again leaves no wait behind', [tried], async (world) => {
  const run = await world.start(tried);
  await world.advance('1 hour');
  const lease = { runId: run.id, part: partOf(run.id), generation: 1, epoch: 0 };
  const [history] = await world.store.readHistories([lease]);
  expect(history?.entries.map(({ name }) => name)).toEqual(['pay']);
  expect(history?.calls.map(({ name }) => name)).toEqual(['sleep']);
  await world.advance('1 week');
  expect(await run.result()).toBe(2);
});

const timed = { gate: new Gate() };
const limited = workflow({ name: 'limited', timeout: '10 seconds' }, async (ctx) => {
  await ctx.transaction('long', async () => timed.gate.passed);
  await ctx.step('longer', ({ abortSignal }) => new Promise<void>((resolve) => {
    if (abortSignal.aborted) resolve();
    abortSignal.addEventListener('abort', () => resolve());
  }));
});

inWorld('the time of a run goes on during a transaction', async (world) => {
  await world.serve(limited);
  timed.gate = new Gate();
  const run = await world.start(limited);
  await world.advance('6 seconds');
  timed.gate.open();
  await world.advance('3 seconds');
  expect(await run.status()).toBe('running');
  await world.advance('2 seconds');
  // The body was told to stop; what it returned counts, and nothing was called after it.
  expect(await run.status()).toBe('completed');
}, { patience: 0 });
