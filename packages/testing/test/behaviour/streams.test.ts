// Progress streams: durable, in order, without a hole, from any offset, while the run goes on.
import type { RunHandle } from '@perdure/client';
import { workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

interface Piece {
  readonly offset: number;
  readonly chunk: unknown;
}

async function all(run: RunHandle<unknown>, name: string, from?: number): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const { offset, chunk } of run.stream(name, { from })) pieces.push({ offset, chunk });
  return pieces;
}

function chunks(pieces: readonly Piece[]): unknown[] {
  return pieces.map(({ chunk }) => chunk);
}

const teller = workflow('teller', async (ctx) => {
  ctx.publish('log', 'begin');
  for (let n = 0; n < 5; n++) {
    ctx.publish('log', `before ${n}`);
    await ctx.step('work', () => n);
    ctx.publish('log', `after ${n}`);
    if (n === 2) await ctx.sleep('1 hour');
    await ctx.set({ n });
  }
  ctx.publish('log', 'end');
});

const told = ['begin', ...[0, 1, 2, 3, 4].flatMap((n) => [`before ${n}`, `after ${n}`]), 'end'];

behaviour('what the workflow function publishes is there exactly once, in order', [teller], async (world) => {
  const run = await world.start(teller);
  await world.advance('2 hours');
  const pieces = await all(run, 'log');
  expect(chunks(pieces)).toEqual(told);
  expect(pieces.map(({ offset }) => offset)).toEqual(told.map((_, index) => index));
});

behaviour('a stream is read from any offset', [teller], async (world) => {
  const run = await world.start(teller);
  await world.advance('2 hours');
  expect(chunks(await all(run, 'log', 5))).toEqual(told.slice(5));
  expect(await all(run, 'log', told.length)).toEqual([]);
  expect(await all(run, 'log', 1_000)).toEqual([]);
  expect(await all(run, 'nothing of this name')).toEqual([]);
  expect(await failure(all(run, 'log', -1))).toMatchObject({ code: 'INVALID_OPTION' });
});

behaviour('a reader follows a run that goes on, and ends with it', [teller], async (world) => {
  const run = await world.start(teller);
  const seen: unknown[] = [];
  let ended = false;
  const reading = (async () => {
    for await (const { chunk } of run.stream('log')) seen.push(chunk);
    ended = true;
  })();
  await world.advance('30 minutes');
  expect(seen).toEqual(told.slice(0, 7));
  expect(ended).toBe(false);
  await world.advance('1 hour');
  await reading;
  expect(seen).toEqual(told);
});

const steppingGate = new Gate();
const stepping = workflow('stepping', async (ctx) => ctx.step('work', async ({ attempt, publish }) => {
  publish('progress', { attempt, at: 'begin' });
  await steppingGate.passed;
  publish('progress', { attempt, at: 'end' });
  return 'done';
}));

behaviour('a chunk is there while the step that published it runs', [stepping], async (world) => {
  const run = await world.start(stepping);
  await world.advance('1 second');
  const iterator = run.stream('progress')[Symbol.asyncIterator]();
  const first = iterator.next();
  await world.advance('2 seconds');
  expect((await first).value).toMatchObject({ offset: 0, chunk: { attempt: 1, at: 'begin' } });
  expect(await run.status()).toBe('running');
  await iterator.return?.();
  steppingGate.open();
  await world.advance('1 minute');
  expect(await run.result()).toBe('done');
});

const retrying = workflow('retrying', async (ctx) => {
  ctx.publish('log', 'workflow');
  const retry = { initialInterval: '1 second', jitter: false } as const;
  await ctx.step('flaky', { retry }, ({ attempt, publish }) => {
    publish('log', `attempt ${attempt}`);
    if (attempt < 3) throw new Error('no');
  });
  ctx.publish('log', 'after');
});

behaviour('an attempt that is repeated publishes again, the workflow function does not', [retrying],
  async (world) => {
    const run = await world.start(retrying);
    await world.advance('1 minute');
    const found = chunks(await all(run, 'log')) as string[];
    expect(found.filter((chunk) => !chunk.startsWith('attempt'))).toEqual(['workflow', 'after']);
    expect([...new Set(found)]).toEqual(['workflow', 'attempt 1', 'attempt 2', 'attempt 3', 'after']);
  });

const several = workflow('several', async (ctx) => {
  await ctx.all({
    a: async (scope) => {
      for (let n = 0; n < 20; n++) {
        scope.publish('a', n);
        scope.publish('both', `a${n}`);
        await scope.step('s', () => n);
      }
    },
    b: async (scope) => {
      for (let n = 0; n < 20; n++) {
        scope.publish('both', `b${n}`);
        await scope.sleep('1 minute');
      }
    },
  });
});

behaviour('streams are told apart, and branches share them', [several], async (world) => {
  const run = await world.start(several);
  await world.advance('1 hour');
  expect(chunks(await all(run, 'a'))).toEqual(Array.from({ length: 20 }, (_, n) => n));
  const both = chunks(await all(run, 'both')) as string[];
  expect(both).toHaveLength(40);
  for (const of of ['a', 'b']) {
    expect(both.filter((chunk) => chunk.startsWith(of)))
      .toEqual(Array.from({ length: 20 }, (_, n) => `${of}${n}`));
  }
});

const flood = workflow('flood', async (ctx, count: number) => {
  await ctx.step('tell', ({ publish }) => {
    for (let n = 0; n < count; n++) publish('flood', { n, text: 'token' });
  });
  for (let n = 0; n < count; n++) ctx.publish('own', n);
  await ctx.sleep('1 second');
});

behaviour('twenty thousand chunks of one moment', [flood], async (world) => {
  const run = await world.start(flood, 10_000);
  await world.advance('1 minute');
  expect(await run.status()).toBe('completed');
  const flooded = await all(run, 'flood');
  expect(flooded.map(({ offset }) => offset)).toEqual(flooded.map((_, index) => index));
  expect(flooded).toHaveLength(10_000);
  expect(chunks(await all(run, 'own'))).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
});

const values = workflow('values', async (ctx) => {
  ctx.publish('v', { at: new Date(0), set: new Set([1]), big: 2n });
  ctx.publish('v', undefined);
  try {
    ctx.publish('v', () => 1);
  } catch (error) {
    ctx.publish('v', (error as WorkflowError).code);
  }
  await ctx.step('s', ({ publish }) => publish('v', null));
});

behaviour('a chunk is any value that can be stored', [values], async (world) => {
  const run = await world.start(values);
  await world.untilIdle();
  expect(chunks(await all(run, 'v'))).toEqual([
    { at: new Date(0), set: new Set([1]), big: 2n }, undefined, 'VALUE_NOT_STORABLE', null,
  ]);
});

const failing = workflow('failing', async (ctx) => {
  ctx.publish('log', 'first');
  await ctx.step('s', () => 1);
  ctx.publish('log', 'last words');
  throw new Error('the end');
});
const lost = workflow('lost', async (ctx) => {
  ctx.publish('log', 'before');
  await ctx.step('s', () => 1);
  ctx.publish('log', 'then');
  await new Promise(() => undefined);
});

behaviour('the last words of a run that failed are heard, and those of one that is parked', [failing, lost],
  async (world) => {
    const failed = await world.start(failing);
    const parked = await world.start(lost);
    await world.advance('1 minute');
    expect(chunks(await all(failed, 'log'))).toEqual(['first', 'last words']);
    const seen: unknown[] = [];
    const error = await failure((async () => {
      for await (const { chunk } of parked.stream('log')) seen.push(chunk);
    })());
    expect(error).toMatchObject({ code: 'FOREIGN_AWAIT' });
    expect(seen).toEqual(['before', 'then']);
  });

const endless = workflow('endless', async (ctx) => {
  try {
    for (let n = 0; ; n++) {
      ctx.publish('ticks', n);
      await ctx.sleep('1 minute');
    }
  } finally {
    ctx.publish('ticks', 'cancelled');
  }
});

behaviour('a cancelled run ends its streams', [endless], async (world) => {
  const run = await world.start(endless);
  await world.advance('10 minutes');
  await run.cancel();
  await world.advance('1 minute');
  expect(chunks(await all(run, 'ticks'))).toEqual([...Array.from({ length: 11 }, (_, n) => n), 'cancelled']);
});
