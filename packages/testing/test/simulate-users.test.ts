// What `simulate` makes of workflows that hold, and of those that do not.
import { NonRetryableError, type, workflow } from '@perdure/core';
import { simulate, SimulationError, type SimulateOptions } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure } from './engine.js';

/** A bank that knows what it was asked for before, by its key. */
class Bank {
  readonly charges: string[] = [];
  readonly keys = new Set<string>();

  charge(key: string): string {
    if (!this.keys.has(key)) this.charges.push(key);
    this.keys.add(key);
    return 'paid';
  }
}

const order = workflow({ name: 'order', signals: { approved: type<string>() } }, async (ctx, sku: string) => {
  const paid = await ctx.step('charge', () => 'never');
  const by = await ctx.waitFor('approved', { timeout: '7 days' });
  await ctx.sleep('30 days');
  await ctx.step('ship', () => 'never');
  return [sku, paid, by];
});

const honest: SimulateOptions<string, Bank> = {
  input: 'lamp',
  world: () => new Bank(),
  steps: (bank) => ({
    charge: async ({ idempotencyKey, sleep }) => {
      await sleep('50 ms');
      return bank.charge(idempotencyKey);
    },
    ship: () => 'shipped',
  }),
  signals: [{ name: 'approved', payload: 'Ada', after: '1 day' }],
  expect: ({ result, status, world }) => {
    expect([status, result]).toEqual(['completed', ['lamp', 'paid', 'Ada']]);
    expect(world.charges).toHaveLength(1);
  },
};

test('a workflow that holds ends as it must whatever befalls it, and the figures say what did', async () => {
  const told: number[] = [];
  const report = await simulate(order, { ...honest, seeds: 25, onProgress: (seeds) => told.push(seeds) });
  expect(told.at(-1)).toBe(25);
  expect(report).toMatchObject({ seeds: 25, ends: { completed: 25 } });
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
  expect(Object.keys(report.faults).length).toBeGreaterThan(5);
  expect(report.deaths).toBeGreaterThan(5);
  expect(report.steps['charge']?.attempts).toBeGreaterThan(25);
  expect(report.steps['charge']?.seedsRepeated).toBeGreaterThan(1);
});

test('the same seeds are the same simulation, others are another', async () => {
  const traces = [];
  for (const seed of [7, 7, 8]) traces.push((await simulate(order, { ...honest, seed })).trace);
  expect(traces[0]).toBe(traces[1]);
  expect(traces[2]).not.toBe(traces[0]);
});

test('children, transactions, retries and failures', async () => {
  const child = workflow('child', async (ctx, n: number) => ctx.step('double', () => 2 * n));
  const parent = workflow('parent', async (ctx) => {
    const doubled = await Promise.all([1, 2, 3].map((n) => ctx.execute(child, n)));
    await ctx.transaction('book', async () => 'booked');
    await ctx.step('flaky', { retry: 3 }, ({ attempt }) => {
      if (attempt === 1) throw new Error('once');
    });
    ctx.onRollback('undo', () => undefined);
    return ctx.step('refuse', () => {
      throw new NonRetryableError(`no to ${doubled.join()}`);
    });
  });
  const report = await simulate(parent, {
    workflows: [child], seeds: 10,
    expect: ({ status, error, calls }) => {
      expect([status, error?.message]).toEqual(['failed', 'no to 2,4,6']);
      expect(calls('flaky').length).toBeGreaterThan(1);
    },
  });
  expect(report.ends).toEqual({ failed: 10 });
});

describe('found out', () => {
  async function blamed(given: Promise<unknown>): Promise<SimulationError> {
    const error = await failure(given);
    expect(error).toBeInstanceOf(SimulationError);
    expect(error).toMatchObject({ code: 'SIMULATION_FAILED' });
    return error as SimulationError;
  }

  test('who charges twice, with a seed that shows it again', async () => {
    const careless: SimulateOptions<string, Bank> = {
      ...honest,
      steps: (bank) => ({
        charge: () => bank.charge(`charge ${bank.charges.length}`), ship: () => 'shipped',
      }),
    };
    const error = await blamed(simulate(order, careless));
    expect(error.message).toContain(`under seed ${error.seed}: `);
    expect(error.message).toContain(`simulate(workflow, { …, seed: ${error.seed} })`);
    expect(error.cause).toBeInstanceOf(Error);
    const again = await blamed(simulate(order, { ...careless, seed: error.seed }));
    expect(again.violations).toEqual(error.violations);
  });

  test('who returns what is not recorded', async () => {
    const random = workflow('random', async (ctx) => {
      await ctx.step('a', () => 1);
      return Math.random();
    });
    const error = await blamed(simulate(random, { seeds: 3 }));
    expect(error.message).toContain('Its replay differs');
    expect(error.message).toContain('What is not recorded must not decide what it returns');
  });

  test('who does another thing each time that it is replayed', async () => {
    let begun = 0;
    const fickle = workflow('fickle', async (ctx) => {
      const name = `step ${begun++ % 2}`;
      await ctx.step(name, () => 1);
      await ctx.sleep('1 day');
      return 1;
    });
    const error = await blamed(simulate(fickle, { seeds: 30 }));
    expect(error.message).toContain('its code does not fit its record');
  });

  test('who ends up parked, whatever was expected', async () => {
    const foreign = workflow('foreign', async () => new Promise((resolve) => setTimeout(resolve, 1)));
    const error = await blamed(simulate(foreign, { seeds: 1, expect: () => undefined }));
    expect(error.message).toContain('is parked: its code waits for something that is not a call on ctx');
  });

  test('who waits for what nobody sends', async () => {
    await simulate(order, {
      ...honest, signals: [], seeds: 1,
      expect: ({ result }) => expect(result).toEqual(['lamp', 'paid', null]),
    });
    const stuck = workflow({ name: 'stuck', signals: { go: type<number>() } }, (ctx) => ctx.waitFor('go'));
    const error = await blamed(simulate(stuck, { seeds: 1 }));
    expect(error.message).toContain("Its run did not end: it is waiting, and waits in signal 'go'");
  });

  test('who sends what is none of its signals, and bad options', async () => {
    const wrong = await blamed(simulate(order, { ...honest, signals: [{ name: 'refused' }], seed: 3 }));
    expect(wrong.message).toContain("declares no signal 'refused'");
    for (const bad of [{ seeds: 0 }, { seeds: 1.5 }, { seed: -1 }]) {
      expect(await failure(simulate(order, { ...honest, ...bad }))).toMatchObject({ code: 'INVALID_OPTION' });
    }
    const other = workflow('order', async () => 1);
    expect(await failure(simulate(order, { ...honest, workflows: [other] }))).toMatchObject({
      code: 'DUPLICATE_WORKFLOW',
    });
  });
});
