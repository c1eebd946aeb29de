// The modes are what they say: seen from outside nothing differs, and inside everything does.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { workflow, type, type Workflow } from '@perdure/core';
import { afterEach, describe, expect, test } from 'vitest';
import { behaviourWorld, modes, startAt, type Mode } from './behaviour-world.js';
import { Gate } from './engine.js';

const undo: Array<() => void> = [];
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

/** Counts what is published on a channel until the test has ended. */
function count(channel: string): () => number {
  let seen = 0;
  const listener = (): void => void seen++;
  subscribe(channel, listener);
  undo.push(() => unsubscribe(channel, listener));
  return () => seen;
}

interface Seen {
  readonly result: unknown;
  readonly begun: number;
  readonly bodies: number;
  readonly lost: number;
}

/** Five steps, a sleep and a signal, in one mode. */
async function livedIn(mode: Mode): Promise<Seen> {
  let begun = 0;
  let bodies = 0;
  const life = workflow({ name: 'life', signals: { go: type<string>() } }, async (ctx) => {
    begun++;
    const seen: unknown[] = [];
    for (let at = 0; at < 5; at++) {
      seen.push(await ctx.step(`step ${at}`, () => {
        bodies++;
        return at;
      }));
    }
    await ctx.sleep('1 day');
    seen.push(await ctx.waitFor('go'));
    return seen;
  });
  const lost = count('perdure:run.lost');
  await using env = behaviourWorld(mode);
  await env.serve(life);
  const run = await env.start(life);
  await env.advance('1 day');
  await run.signal('go', 'gone');
  await env.untilIdle();
  return { result: await run.result(), begun, bodies, lost: lost() };
}

describe('a life of seven answers', () => {
  test.each(modes)('is the same from outside: %s', async (mode) => {
    const { result, bodies } = await livedIn(mode);
    expect(result).toEqual([0, 1, 2, 3, 4, 'gone']);
    expect(bodies).toBe(5);
  });

  test('is lived from beginning to end where memory lasts', async () => {
    for (const mode of ['normal', 'poll'] as const) {
      expect(await livedIn(mode)).toMatchObject({ begun: 1, lost: 0 });
    }
  });

  test('is replayed for each answer, and after each rest, where nothing is remembered', async () => {
    const { begun, lost } = await livedIn('evict');
    expect(begun).toBeGreaterThanOrEqual(9);
    expect(lost).toBe(0);
  });

  test('is begun again after each commit where processes die', async () => {
    const { begun, lost } = await livedIn('crash');
    expect(begun).toBeGreaterThanOrEqual(7);
    expect(lost).toBeGreaterThanOrEqual(7);
  });
});

test('where nobody is told anything, no hint arrives and no run is born leased', async () => {
  const once: Workflow<void, void, number> = workflow('once', async (ctx) => ctx.step('s', () => 1));
  for (const [mode, fresh] of [['normal', true], ['poll', false]] as const) {
    let born = false;
    await using env = behaviourWorld(mode);
    await env.serve(once);
    await env.untilIdle();
    const { startRuns } = env.store;
    env.store.startRuns = (runs) => {
      born ||= runs.some(({ lease }) => lease !== undefined);
      return startRuns.call(env.store, runs);
    };
    const run = await env.start(once);
    expect(await run.result()).toBe(1);
    expect([mode, born]).toEqual([mode, fresh]);
  }
});

test('where processes die, a step that holds on keeps no other run from its turn', async () => {
  const gate = new Gate();
  const slow = workflow('slow', async (ctx) => ctx.step('hold', () => gate.passed));
  const quick = workflow('quick', async (ctx) => await ctx.step('a', () => 1) + await ctx.step('b', () => 1));
  await using env = behaviourWorld('crash');
  await env.serve(slow, quick);
  const holding = await Promise.all([1, 2, 3].map(() => env.start(slow)));
  const run = await env.start(quick);
  expect(await run.result()).toBe(2);
  gate.open();
  await Promise.all(holding.map((held) => held.result()));
  expect(env.now).toEqual(startAt);
});

test('a run that dies again and again in its step is parked in the end, its neighbour is not', async () => {
  const slow = workflow('slow', async (ctx) => ctx.step('never', () => new Promise(() => undefined)));
  const quick = workflow('quick', async (ctx) => ctx.step('s', () => 1));
  await using env = behaviourWorld('normal', { patience: 0 });
  await env.serve(slow, quick);
  const run = await env.start(slow);
  await env.advance(1);
  expect(await run.status()).toBe('running');
  env.vanish();
  await env.advance(1);
  expect(await run.status()).toBe('running');
  expect(await env.execute(quick)).toBe(1);
  for (let death = 0; death < 5; death++) {
    env.vanish();
    await env.advance(1);
  }
  expect(await run.status()).toBe('parked');
});
