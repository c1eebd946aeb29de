// The samples of docs/children-and-branches.md, docs/cancellation-and-time.md and docs/determinism.md, as
// they stand there; pages.test.ts compares them.
import { createTestEnv } from '@perdure/testing';
import { NonRetryableError, RunCancelledError, type, workflow } from 'perdure';
import { describe, expect, test } from 'vitest';

const carrier = {
  book: async (parcel: string) => `T-${parcel}`,
  cancel: async (_tracking: string) => undefined,
};
const bank = {
  charge: async (_card: string, _key: string) => 'paid',
  refund: async (_key: string) => 'refunded',
};
const disk = { copy: async (from: number) => (from + 1) * 100 };

describe('children and branches', () => {
  const ship = workflow('ship', async (ctx, parcel: string) => {
    const tracking = await ctx.step('book', () => carrier.book(parcel));
    await ctx.sleep('2 days');
    return tracking;
  });

  const order = workflow('order', async (ctx, parcels: string[]) => {
    const first = await ctx.execute(ship, parcels[0] ?? '');
    const second = await ctx.start(ship, parcels[1] ?? '', { parentClose: 'abandon' });
    return { first, second: second.id };
  });

  test('a child', async () => {
    await using env = await createTestEnv({ workflows: [ship, order] });
    const run = await env.start(order, ['a', 'b']);
    await env.advance('2 days');
    expect(await run.result()).toEqual({ first: 'T-a', second: `${run.id}/1/2` });
    await env.advance('2 days');
    expect(await env.client.get(ship, `${run.id}/1/2`).result()).toBe('T-b');
  });

  const quotes = workflow('quotes', async (ctx, carriers: string[]) => {
    const options = { concurrency: 2, key: (name: string) => name, retry: 3 };
    const prices = await ctx.map('ask for a price', carriers, options,
      async (name) => ({ name, price: name.length * 10 }));
    return prices.sort((a, b) => a.price - b.price)[0]?.name;
  });

  const offer = workflow({
    name: 'offer', signals: { accepted: type<{ by: string }>() },
  }, async (ctx) => {
    const end = await ctx.race({
      accepted: (branch) => branch.waitFor('accepted'),
      reminded: async (branch) => {
        await branch.sleep('3 days');
        await branch.step('remind', () => 'sent');
        await branch.sleep('4 days');
        return 'no answer';
      },
    });
    return end.winner === 'accepted' ? end.value.by : end.value;
  });

  const move = workflow('move', async (ctx) => {
    const { boxes, van } = await ctx.all({
      boxes: (branch) => branch.step('pack', () => 12),
      van: async (branch) => {
        const plate = await branch.step('hire a van', () => 'L 0417');
        await branch.sleep('1 hour');
        return plate;
      },
    });
    return `${boxes} boxes in ${van}`;
  });

  test('branches', async () => {
    await using env = await createTestEnv({ workflows: [quotes, offer, move] });
    expect(await env.execute(quotes, ['snail', 'hare', 'bee'])).toBe('bee');
    expect(await env.execute(move)).toBe('12 boxes in L 0417');
    const accepted = await env.start(offer);
    await env.advance('5 days');
    await accepted.signal('accepted', { by: 'Ada' });
    expect(await accepted.result()).toBe('Ada');
    expect(env.calls(offer, 'remind')).toHaveLength(1);
    expect(await env.execute(offer)).toBe('no answer');
  });
});

describe('cancellation and time', () => {
  const parcel = workflow('parcel', async (ctx) => {
    const tracking = await ctx.step('book', () => carrier.book('x'));
    try {
      await ctx.sleep('10 days');
      return 'delivered';
    } finally {
      // Runs to its end, also when the run is cancelled during the sleep.
      if (ctx.abortSignal.aborted) await ctx.step('call it back', () => carrier.cancel(tracking));
    }
  });

  test('a cancel', async () => {
    await using env = await createTestEnv({ workflows: [parcel] });
    const run = await env.start(parcel);
    await env.untilIdle();
    await run.cancel('the customer has moved');
    const error: unknown = await run.result().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RunCancelledError);
    expect(error).toMatchObject({ reason: 'the customer has moved' });
    expect(env.calls(parcel, 'call it back')).toHaveLength(1);
  });

  const limits = { timeout: '8 hours', totalTimeout: '20 hours', heartbeatTimeout: '1 minute' } as const;

  const backup = workflow({ name: 'backup', timeout: '1 day' }, async (ctx) =>
    ctx.step('copy', limits, async (step) => {
      // Where the attempt before this one had come to, if there was one.
      let copied = Number(step.progress ?? 0);
      while (copied < 300 && !step.abortSignal.aborted) {
        copied = await disk.copy(copied / 100);
        step.heartbeat(copied);
      }
      return copied;
    }));

  test('limits', async () => {
    await using env = await createTestEnv({ workflows: [backup] });
    expect(await env.execute(backup)).toBe(300);
  });

  const booking = workflow('booking', async (ctx, card: string) => {
    const key = ctx.uuid();
    ctx.onRollback('refund', () => bank.refund(key));
    await ctx.step('charge', () => bank.charge(card, key));
    await ctx.step('reserve a seat', () => { throw new NonRetryableError('sold out'); });
  });

  test('a rollback', async () => {
    await using env = await createTestEnv({ workflows: [booking] });
    const error: unknown = await env.execute(booking, '4242').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'RUN_FAILED', cause: { message: 'sold out' } });
    expect(env.calls(booking, 'refund')).toMatchObject([{ attempt: 1, result: 'refunded' }]);
  });
});

describe('determinism', () => {
  const lottery = workflow('lottery', async (ctx, players: string[]) => {
    const drawnAt = ctx.now();
    const winner = players[Math.floor(ctx.random() * players.length)];
    const ticket = ctx.uuid();
    await ctx.step('announce', () => `${winner} wins with ${ticket}`);
    return { winner, ticket, drawnAt };
  });

  test('chance and time are the same at every replay', async () => {
    await using env = await createTestEnv({ workflows: [lottery] });
    const drawn = await env.execute(lottery, ['Ada', 'Grace', 'Edsger']);
    const result = `${drawn.winner} wins with ${drawn.ticket}`;
    expect(env.calls(lottery, 'announce')).toMatchObject([{ result }]);
  });
});
