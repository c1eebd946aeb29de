// What is explained of runs that were really run: while they clean up, when they are parked, at their end.
import { RunCancelledError } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { CardError, type Code, hour, day, iso, world, said, ran, declined, deaf } from './explained-runs.js';

describe('while it cleans up', () => {
  const undone: Code = async (ctx) => {
    ctx.onRollback('refund', declined);
    ctx.onRollback('release', () => undefined);
    await ctx.waitFor('never' as never);
  };
  const refund = `it tries step 'refund' again at ${iso(40)} (in 40 s), which failed 1 time so far, the ` +
    `last time ` +
    'with CardError: declined';

  test('a cancel', async () => {
    await using env = world();
    await ran(env, undone);
    await env.client.get({ id: 'r', workflow: 'order' }).cancel('sold out');
    await env.advance(0);
    expect(await said(env)).toBe(`was cancelled at ${iso(0)} (less than 1 s ago) (sold out) and cleans ` +
      `up, 1 rollback done: ${refund}`);
  });

  test('a cancel that it has not heard of', async () => {
    await using env = world();
    await ran(env, undone);
    deaf(env, { also: 'mail' });
    await env.client.get({ id: 'r', workflow: 'order' }).cancel('sold out');
    expect(await said(env)).toBe("was asked to stop, and has yet to hear of it: it waits for signal " +
      "'never' " +
      'without a limit');
  });

  test('its time limit', async () => {
    await using env = world();
    await ran(env, async (ctx) => {
      try {
        await ctx.waitFor('never' as never);
      } finally {
        await ctx.sleep('1 day');
      }
    }, { timeout: '1 hour' });
    await env.advance('2 hours');
    expect(await said(env)).toBe(`passed its time limit at ${iso(hour)} (1 h ago) and cleans up: it ` +
      `sleeps until ${iso(hour + day)} (in 23 h)`);
  });

  test('a failure of its own', async () => {
    await using env = world();
    expect(await ran(env, async (ctx) => {
      ctx.onRollback('refund', declined);
      throw new CardError('no');
    })).toBe(`has failed and undoes what it did, 0 rollbacks done: ${refund}`);
  });
});

describe('when it is parked', () => {
  test('for a mistake of its code', async () => {
    await using env = world();
    const words = await ran(env, async (ctx) => {
      void ctx.sleep('1 day');
    });
    expect(words).toMatch(new RegExp(`^was parked at ${iso(0)} \\(less than 1 s ago\\) as UNAWAITED_CALL: ` +
      `nobody awaited ` +
      "sleep 1 'sleep', and the workflow function has returned\\. Await it, .*; deploy corrected code and " +
        "resume it, " +
      'or retry it, or terminate it$'));
  });

  test('for code that does not fit its record', async () => {
    await using env = world();
    let name = 'charge card';
    await ran(env, async (ctx) => {
      await ctx.step(name, () => 1);
      await ctx.sleep('1 day');
    });
    name = 'reserve stock';
    env.vanish();
    await env.advance('1 day');
    const words = await said(env);
    expect(words).toContain(' as NONDETERMINISM: its code does not fit its record. ');
    expect(words).toMatch(/'charge card'; .*'reserve stock'/);
    expect(words).toMatch(/; deploy code that fits its record and resume it, or retry .*, or terminate it$/);
  });

  test('for a rollback that failed', async () => {
    await using env = world();
    await ran(env, async (ctx) => {
      ctx.onRollback('refund', declined);
      throw new CardError('no');
    });
    await env.advance('1 hour');
    const words = await said(env);
    expect(words).toContain(" as ROLLBACK_FAILED: rollback 'refund' failed: CardError: declined");
    expect(words).toMatch(/; put right what keeps its rollback from working, and resume it$/);
  });
});

describe('when it has ended', () => {
  test.each<[string, Code, string]>([
    ['well', async () => 1, `completed at ${iso(0)} (less than 1 s ago)`],
    ['badly', async () => declined(), `failed at ${iso(0)} (less than 1 s ago) with CardError: declined`],
  ])('%s', async (_how, code, sentence) => {
    await using env = world();
    expect(await ran(env, code)).toBe(sentence);
  });

  test('by a cancel', async () => {
    await using env = world();
    await ran(env, (ctx) => ctx.sleep('1 day'));
    const run = env.client.get({ id: 'r', workflow: 'order' });
    await run.cancel('sold out.');
    await expect(run.result()).rejects.toBeInstanceOf(RunCancelledError);
    expect(await said(env)).toBe(`was cancelled at ${iso(0)} (less than 1 s ago): sold out`);
  });
});
