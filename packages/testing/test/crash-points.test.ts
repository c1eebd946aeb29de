// Workers that die where a test wants them to: after a step, before its result is durable, and at every
// durable write of a scenario.
import { NonRetryableError, type, workflow } from '@perdure/core';
import { createTestEnv, CrashPointError, type TestEnv } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure, silent } from './engine.js';

const startAt = new Date('2030-01-01T00:00:00Z');

const order = workflow('order', async (ctx, sku: string) => {
  const receipt = await ctx.step('charge', () => `receipt of ${sku}`);
  await ctx.sleep('1 day');
  await ctx.step('ship', () => 'shipped');
  return receipt;
});

const made = { workflows: [order], startAt, logger: silent };

describe('crashAfter', () => {
  test('a result that is durable is not asked for again', async () => {
    await using env = await createTestEnv(made);
    env.crashAfter(order, 'charge');
    expect(await env.execute(order, 'a')).toBe('receipt of a');
    expect(env.crashes).toBe(1);
    expect(env.calls(order, 'charge')).toHaveLength(1);
    expect(env.calls(order, 'ship')).toHaveLength(1);
  });

  test('a result that is lost is, and no time passes for it', async () => {
    await using env = await createTestEnv(made);
    env.crashAfter(order, 'charge', { result: 'lost' });
    const run = await env.start(order, 'a');
    await env.untilIdle();
    expect(env.crashes).toBe(1);
    expect(env.calls(order, 'charge')).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
    expect([await run.status(), env.now]).toEqual(['waiting', startAt]);
  });

  test('as often as it was asked for, for every run, and then no more', async () => {
    await using env = await createTestEnv(made);
    env.crashAfter(order, 'charge', { result: 'lost', times: 3 });
    env.crashAfter(order, 'ship');
    expect(await Promise.all([env.execute(order, 'a'), env.execute(order, 'b')])).toEqual([
      'receipt of a', 'receipt of b',
    ]);
    expect(env.crashes).toBe(4);
  });

  test('what a transaction wrote is undone with its result, and done once', async () => {
    const started = workflow('started', async () => 'up');
    const outer = workflow('outer', async (ctx) => ctx.transaction('both', async (tx, step) => {
      await client().start(tx, started, undefined, { id: `by ${step.attempt}` });
      return 'both';
    }));
    await using env = await createTestEnv({ ...made, workflows: [outer, started] });
    const client = (): TestEnv['client'] => env.client;
    env.crashAfter(outer, 'both', { result: 'lost' });
    env.crashAfter(outer, 'both');
    expect(await env.execute(outer)).toBe('both');
    expect(env.crashes).toBe(2);
    expect(env.calls(outer, 'both')).toHaveLength(2);
    expect((await env.client.query({ workflow: started })).runs).toHaveLength(1);
  });

  test('a dead worker does nothing more: what its bodies return counts for nothing', async () => {
    const answers: Array<(answer: string) => void> = [];
    const pair = workflow('pair', async (ctx) => Promise.all([
      ctx.step('quick', () => 'quick'),
      ctx.step('slow', () => new Promise<string>((resolve) => void answers.push(resolve))),
    ]));
    await using env = await createTestEnv({ ...made, workflows: [pair] });
    env.crashAfter(pair, 'quick');
    const run = await env.start(pair);
    while (answers.length < 2) await env.advance(0);
    answers[0]?.('of the dead');
    await env.advance(0);
    expect(await run.status()).toBe('running');
    answers[1]?.('of the living');
    expect(await run.result()).toEqual(['quick', 'of the living']);
  });

  test('nonsense is refused', async () => {
    await using env = await createTestEnv(made);
    const refused = (ask: () => void): unknown => {
      try {
        return ask();
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    };
    expect(refused(() => env.crashAfter(workflow('other', async () => 1), 'a'))).toBe('NOT_SERVED');
    expect(refused(() => env.crashAfter(order, ''))).toBe('INVALID_OPTION');
    expect(refused(() => env.crashAfter(order, 'a', { times: 0 }))).toBe('INVALID_OPTION');
    expect(refused(() => env.crashAfter(order, 'a', { result: 'x' as 'lost' }))).toBe('INVALID_OPTION');
  });
});

describe('everyCrashPoint', () => {
  /** A bank that knows what it was asked for before, by its key. */
  class Bank {
    readonly charges = new Map<string, number>();
    charge(key: string): string {
      this.charges.set(key, (this.charges.get(key) ?? 0) + 1);
      return 'paid';
    }
  }

  const careful = workflow('careful', async (ctx, bank: string) => {
    const paid = await ctx.step('charge', (step) => banks.get(bank)?.charge(step.idempotencyKey));
    await ctx.step('ship', () => 'shipped');
    return paid;
  });
  const careless = workflow('careless', async (ctx, bank: string) => (
    ctx.step('charge', () => banks.get(bank)?.charge(crypto.randomUUID()))));
  const banks = new Map<string, Bank>();

  function bankOf(env: TestEnv): Bank {
    const bank = new Bank();
    banks.set('bank', bank);
    expect(env.crashes).toBe(0);
    return bank;
  }

  test('a workflow whose effect has a key holds wherever the worker dies', async () => {
    await using env = await createTestEnv({ ...made, workflows: [careful] });
    const seen: number[] = [];
    const { points, crashed } = await env.everyCrashPoint(async (world) => {
      const bank = bankOf(world);
      expect(await world.execute(careful, 'bank')).toBe('paid');
      expect(bank.charges.size).toBe(1);
      seen.push([...bank.charges.values()][0] ?? 0);
    });
    expect(points).toBe(crashed.length);
    expect(crashed.map(({ when, what }) => `${when} ${what}`)).toEqual([
      'after a start of careful',
      "before careful: step 'charge'", "after careful: step 'charge'",
      "before careful: step 'ship'", "after careful: step 'ship'",
      'before careful: completed', 'after careful: completed',
    ]);
    expect(seen).toEqual([1, 1, 2, 1, 1, 1, 1, 1]);
  });

  test('one that charges twice is found, and the point is named', async () => {
    await using env = await createTestEnv({ ...made, workflows: [careless] });
    const scenario = async (world: TestEnv): Promise<void> => {
      const bank = bankOf(world);
      await world.execute(careless, 'bank');
      expect(bank.charges.size, 'charges').toBe(1);
    };
    const error = await failure(env.everyCrashPoint(scenario)) as CrashPointError;
    expect(error).toBeInstanceOf(CrashPointError);
    expect(error).toMatchObject({
      code: 'CRASH_POINT_FAILED',
      point: { number: 2, when: 'before', what: "careless: step 'charge', completed" },
    });
    expect(error.message).toContain('right before this was written: careless: step \'charge\', completed');
    expect(error.message).toContain('everyCrashPoint(scenario, { only: 2 })');
    expect((error.cause as Error).message).toContain('charges');
    expect(await failure(env.everyCrashPoint(scenario, { only: 2 }))).toMatchObject({ point: error.point });
    expect(await env.everyCrashPoint(scenario, { only: 1 })).toMatchObject({ points: 1 });
  });

  test('signals, sleeps, children, transactions, retries and cancels: all of it holds', async () => {
    const child = workflow('child', async (ctx, n: number) => ctx.step('double', () => 2 * n));
    const whole = workflow({ name: 'whole', signals: { go: type<number>() } }, async (ctx) => {
      const go = await ctx.waitFor('go');
      const doubled = await ctx.execute(child, go);
      const raced = await ctx.race({ nap: (s) => s.sleep('1 hour'), wait: (s) => s.waitFor('go') });
      await ctx.transaction('book', async () => 'booked');
      await ctx.step('flaky', { retry: 2 }, ({ attempt }) => {
        if (attempt === 1) throw new Error('once');
      });
      return [doubled, raced.winner];
    });
    await using env = await createTestEnv({ ...made, workflows: [whole, child] });
    const { points } = await env.everyCrashPoint(async (world) => {
      const run = await world.start(whole, undefined, { id: 'whole' });
      await world.untilIdle();
      await run.signal('go', 21);
      await world.advance('2 hours');
      expect(await run.result()).toEqual([42, 'nap']);
      expect((await world.client.query({ workflow: child })).runs).toHaveLength(1);
    });
    expect(points).toBeGreaterThan(20);
  });

  test('mocks of the environment hold in each run, and many runs at once', async () => {
    await using env = await createTestEnv(made);
    env.mockStep(order, 'charge', () => 'mocked');
    const { points } = await env.everyCrashPoint(async (world) => {
      const runs = await Promise.all(['a', 'b', 'c'].map((sku) => world.start(order, sku)));
      await world.advance('1 day');
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual(['mocked', 'mocked', 'mocked']);
      expect(world.now).toEqual(new Date('2030-01-02T00:00:00Z'));
    });
    expect(points).toBeGreaterThan(5);
  });

  test('no run is left with a worker that died while it claimed', async () => {
    const approved = workflow({ name: 'approved', signals: { go: type<number>() } }, async (ctx) => {
      await ctx.step('ask', () => 1);
      const go = await ctx.waitFor('go', { timeout: '7 days' });
      await ctx.sleep('1 day');
      return go;
    });
    await using env = await createTestEnv({ ...made, workflows: [approved] });
    await env.everyCrashPoint(async (world) => {
      const runs = await Promise.all([1, 2, 3, 4].map(() => world.start(approved)));
      await world.advance('1 hour');
      for (const run of runs) await run.signal('go', 1);
      await world.advance('2 days');
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual([1, 1, 1, 1]);
    }, { limitMs: 3_000 });
  });

  test('a scenario that fails without a crash is told as it is', async () => {
    await using env = await createTestEnv(made);
    const wrong = new NonRetryableError('wrong');
    expect(await failure(env.everyCrashPoint(() => Promise.reject(wrong)))).toBe(wrong);
  });

  test('one that is another each time says so', async () => {
    await using env = await createTestEnv(made);
    let times = 0;
    const varying = async (world: TestEnv): Promise<void> => {
      if (times++ === 0) await world.start(order, 'a');
      await world.untilIdle();
    };
    expect(await failure(env.everyCrashPoint(varying))).toMatchObject({ code: 'CRASH_POINTS_VARY' });
    expect(await failure(env.everyCrashPoint(async () => undefined))).toMatchObject({
      code: 'CRASH_POINTS_VARY',
    });
    times = 0;
    const beyond = await failure(env.everyCrashPoint(varying, { only: 99 }));
    expect(beyond).toMatchObject({ code: 'INVALID_OPTION' });
  });

  test('one that never ends is ended, and says where', async () => {
    await using env = await createTestEnv(made);
    const error = await failure(env.everyCrashPoint(async (world) => {
      await world.start(order, 'a');
      await world.untilIdle();
      if (world.crashes > 0) await new Promise(() => undefined);
    }, { limitMs: 200 }));
    expect(error).toMatchObject({ code: 'CRASH_POINT_FAILED', cause: { code: 'SCENARIO_TIMEOUT' } });
  });
});
