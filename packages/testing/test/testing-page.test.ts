// The samples of docs/testing.md, as they stand there; pages.test.ts compares the two.
import {
  createTestEnv, CrashPointError, replay, replayOpenRuns, simulate, type History,
} from '@perdure/testing';
import { connect, NonRetryableError, type, workflow } from 'perdure';
import { describe, expect, test } from 'vitest';
import { freshDatabase } from './database.js';

const databaseUrl = freshDatabase();

const payments = { charge: async (_sku: string): Promise<string> => 'paid' };
const reminders: string[] = [];

const order = workflow('order', async (ctx, sku: string) => {
  const receipt = await ctx.step('charge', async () => payments.charge(sku));
  await ctx.sleep('30 days');
  await ctx.step('remind', () => reminders.push(sku));
  return receipt;
});

test('a customer is reminded after a month', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  env.mockStep(order, 'charge', () => 'test receipt');

  expect(await env.execute(order, 'sku-1')).toBe('test receipt');

  expect(env.calls(order, 'remind')).toMatchObject([{ attempt: 1, result: 1 }]);
});

test('nobody is reminded a day early', async () => {
  await using env = await createTestEnv({ workflows: [order], startAt: new Date('2030-01-01T00:00:00Z') });
  const run = await env.start(order, 'sku-1');

  await env.advance('29 days');
  expect(env.calls(order, 'remind')).toEqual([]);

  await env.advance('1 day');
  expect(env.calls(order, 'remind')).toHaveLength(1);
  expect(env.now).toEqual(new Date('2030-01-31T00:00:00Z'));
  expect(await run.status()).toBe('completed');
});

describe('bodies', () => {
  test('two attempts fail, the third does not', async () => {
    await using env = await createTestEnv({ workflows: [order] });
    env.mockStep(order, 'charge', ({ attempt }) => {
      if (attempt < 3) throw new Error('the bank is closed');
      return 'receipt';
    });

    await env.execute(order, 'sku-1');

    const calls = env.calls(order, 'charge');
    expect(calls.map(({ error }) => error?.message)).toEqual([
      'the bank is closed', 'the bank is closed', undefined,
    ]);
    expect(calls[2]).toMatchObject({ attempt: 3, result: 'receipt' });
  });

  test('a card that is declined is not charged again', async () => {
    await using env = await createTestEnv({ workflows: [order] });
    env.mockStep(order, 'charge', async () => {
      throw new NonRetryableError('declined');
    });

    await expect(env.execute(order, 'sku-1')).rejects.toMatchObject({
      code: 'RUN_FAILED', cause: { message: 'declined' },
    });
    expect(env.calls(order, 'charge')).toHaveLength(1);
  });

  test('a bank that does not answer is asked again after a minute', async () => {
    const patient = workflow('patient', async (ctx) => (
      ctx.step('ask', { timeout: '1 minute', retry: 2 }, () => fetch('https://bank.example'))));
    await using env = await createTestEnv({ workflows: [patient] });
    env.mockStep(patient, 'ask', ({ attempt }) => (
      attempt === 1 ? new Promise(() => undefined) : 'an answer'));

    expect(await env.execute(patient)).toBe('an answer');
    expect(env.calls(patient, 'ask')[0]?.error).toMatchObject({ code: 'STEP_TIMEOUT' });
  });
});

const refund = workflow({ name: 'refund', signals: { approved: type<{ by: string }>() } }, async (ctx) => {
  const approved = await ctx.waitFor('approved', { timeout: '3 days' });
  return approved === null ? 'nobody answered' : `approved by ${approved.by}`;
});

test('a refund is approved on the second day', async () => {
  await using env = await createTestEnv({ workflows: [refund] });
  const run = await env.start(refund);
  await env.advance('2 days');
  await run.signal('approved', { by: 'Ada' });
  expect(await run.result()).toBe('approved by Ada');
});

test('a refund that nobody approves is given up', async () => {
  await using env = await createTestEnv({ workflows: [refund] });
  expect(await env.execute(refund)).toBe('nobody answered');
});

const booking = workflow('booking', async (ctx, seat: string) => (
  ctx.transaction('book', async (tx) => {
    const { rows } = await tx.query('insert into bookings (seat) values ($1) returning id', [seat]);
    return String(rows[0].id);
  })));

test('a booking gets a number', async () => {
  await using env = await createTestEnv({ workflows: [booking] });
  env.mockStep(booking, 'book', () => '42');
  expect(await env.execute(booking, '1A')).toBe('42');
});

test('what the bodies do is awaited, and no time passes', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const run = await env.start(order, 'sku-1');

  await env.untilIdle();

  expect(env.calls(order, 'charge')).toMatchObject([{ result: 'paid' }]);
  expect(await run.status()).toBe('waiting');
});

/** Knows what it was asked for before, by its key. */
class Bank {
  readonly #paid = new Map<string, number>();

  charge(key: string, cents: number): string {
    this.#paid.set(key, cents);
    return 'paid';
  }

  forget(): void {
    this.#paid.clear();
  }

  get total(): number {
    return [...this.#paid.values()].reduce((sum, cents) => sum + cents, 0);
  }
}

const bank = new Bank();
const mails: string[] = [];

const bill = workflow('bill', async (ctx, cents: number) => {
  const paid = await ctx.step('charge', (step) => bank.charge(step.idempotencyKey, cents));
  await ctx.sleep('1 hour');
  await ctx.step('thank', () => mails.push('thank you'));
  return paid;
});

describe('crashes', () => {
  test('a crash after the charge does not charge again', async () => {
    await using env = await createTestEnv({ workflows: [order] });
    env.crashAfter(order, 'charge');

    await env.execute(order, 'sku-1');

    expect(env.crashes).toBe(1);
    expect(env.calls(order, 'charge')).toHaveLength(1);
  });

  test('a bill is paid once, wherever the worker dies', async () => {
    await using env = await createTestEnv({ workflows: [bill] });

    const { points } = await env.everyCrashPoint(async (world) => {
      bank.forget();
      expect(await world.execute(bill, 500)).toBe('paid');
      expect(bank.total).toBe(500);
    });

    expect(points).toBe(10);
  });

  test('the message of one that is paid twice', async () => {
    await using env = await createTestEnv({ workflows: [bill] });
    let total = 0;
    env.mockStep(bill, 'charge', () => {
      total += 500;
    });
    const error = await env.everyCrashPoint(async (world) => {
      total = 0;
      await world.execute(bill, 500);
      if (total !== 500) throw new Error(`expected ${total} to be 500`);
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CrashPointError);
    expect((error as Error).message.replace('\n', '. ')).toBe(
      'The scenario does not hold when the worker crashes right before this was written: bill: step ' +
      "'charge', sleep 'sleep' begun, came to rest (point 2 of 10): expected 1000 to be 500. To crash at " +
      'this point alone: everyCrashPoint(scenario, { only: 2 })');
  });

  test('a bill is paid once, whatever happens', async () => {
    const report = await simulate(bill, {
      input: 500,
      seeds: 20,
      world: () => new Bank(),
      steps: (world) => ({
        charge: async ({ idempotencyKey, sleep }) => {
          await sleep('200 ms');
          return world.charge(idempotencyKey, 500);
        },
        thank: () => 1,
      }),
      expect: ({ status, world }) => {
        expect(status).toBe('completed');
        expect(world.total).toBe(500);
      },
    });

    expect(report.ends).toEqual({ completed: 20 });
  });
});

describe('replay', () => {
  test('runs of last year still fit', async () => {
    await using env = await createTestEnv({ workflows: [bill] });
    const run = await env.start(bill, 500);
    await env.untilIdle();
    const history = JSON.stringify(await env.history(run));

    await replay(JSON.parse(history) as History, { workflows: [bill] });
  });

  test('and those that do not are told apart', async () => {
    const changed = workflow('bill', async (ctx) => ctx.step('check', () => 1));
    await using env = await createTestEnv({ workflows: [bill] });
    const run = await env.start(bill, 500);
    await env.untilIdle();
    const history = await env.history(run);
    const error = await replay(history, { workflows: [changed] }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'NONDETERMINISM', place: '1', expected: "step 1 'charge'", got: "step 1 'check'",
    });
  });

  test('before a deploy', async () => {
    const url = await databaseUrl;
    await (await connect(url)).close();
    await using connection = await connect(url, { migrate: false });
    const report = await replayOpenRuns(connection, { workflows: [bill] });
    for (const { runId, place, expected, got } of report.divergingRuns) {
      console.error(`${runId} at ${place}: recorded ${expected}, the code now: ${got}`);
    }
    if (report.diverging > 0) process.exit(1);
    expect(report.runs).toBe(0);
  });
});
