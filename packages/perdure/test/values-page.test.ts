// The samples of docs/values.md, as they stand there; packages/testing/test/pages.test.ts compares the two.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createTestEnv } from '@perdure/testing';
import {
  connect, createClient, createWorker, storable, useSerializer, workflow, type EngineEvents, type ValueSeal,
} from 'perdure';
import { afterAll, describe, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

class Money {
  constructor(readonly cents: bigint, readonly currency: string) {
    if (cents < 0n) throw new RangeError('An amount of money is not negative');
  }
}

storable(Money, {
  name: 'money',
  toData: ({ cents, currency }) => ({ cents, currency }),
  fromData: ({ cents, currency }) => new Money(cents, currency),
});

class CardDeclined extends Error {
  constructor(readonly price: Money, readonly retryAt: Date) {
    super(`The card was declined for ${price.cents} cents`);
  }
}

storable(CardDeclined, {
  name: 'card-declined',
  toData: ({ price, retryAt }) => ({ price, retryAt }),
  fromData: ({ price, retryAt }) => new CardDeclined(price, retryAt),
});

const cards = {
  charge: async (price: Money): Promise<string> => {
    throw new CardDeclined(price, new Date(86_400_000));
  },
};

const pay = workflow('pay', async (ctx, price: Money) => {
  try {
    return await ctx.step('charge', { retry: 1 }, async () => cards.charge(price));
  } catch (error) {
    // The same class on the first run, and when the run is replayed in another process.
    if (error instanceof CardDeclined) return `again at ${error.retryAt.toISOString()}`;
    throw error;
  }
});

test('a class, and an error of one', async () => {
  await using env = await createTestEnv({ workflows: [pay] });
  expect(await env.execute(pay, new Money(5n, 'EUR'))).toBe('again at 1970-01-02T00:00:00.000Z');
});

test('what is refused', async () => {
  class Cart {
    readonly items = ['chair'];
  }
  const buy = workflow('buy', async (_ctx, _input: unknown) => undefined);
  await using env = await createTestEnv({ workflows: [buy] });
  const started = env.start(buy, { customer: 7, carts: [new Cart()] });
  await expect(started).rejects.toMatchObject({ code: 'VALUE_NOT_STORABLE', path: 'carts[0]' });
});

test('large values', async () => {
  const seen: string[] = [];
  const log = { warn: (line: string): void => void seen.push(line) };
  const listener = (event: unknown): void => {
    const { runId, what, bytes } = event as EngineEvents['perdure:value.large'];
    log.warn(`${what} of run ${runId} has ${bytes} bytes`);
  };
  subscribe('perdure:value.large', listener);
  const read = workflow('read', async (ctx) => (await ctx.step('read', () => 'x'.repeat(300_000))).length);
  await using env = await createTestEnv({ workflows: [read] });
  const { id } = await env.start(read);
  await env.untilIdle();
  unsubscribe('perdure:value.large', listener);
  expect(seen).toEqual([`step 'read' of run ${id} has 300002 bytes`]);
});

describe('a serializer', () => {
  // What devalue, msgpackr with base64, or another library would be.
  const library = {
    stringify: (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64'),
    parse: (text: string): unknown => JSON.parse(Buffer.from(text, 'base64').toString()),
  };

  test('writes what it takes', async () => {
    useSerializer({
      codec: 'library-1',
      write: (value) => (Array.isArray(value) ? library.stringify(value) : undefined),
      read: (text) => library.parse(text),
    });
    const list = workflow('list', async (ctx, input: number[]) => (
      ctx.step('double', () => input.map((n) => n * 2))));
    const dates = workflow('dates', async (ctx) => ctx.step('now', { retry: 1 }, () => [new Date(0)]));
    await using env = await createTestEnv({ workflows: [list, dates] });
    expect(await env.execute(list, [1, 2])).toEqual([2, 4]);
    // This library would make a text of the Date: that is seen, and refused.
    await expect(env.execute(dates)).rejects.toMatchObject({
      cause: { code: 'VALUE_NOT_STORABLE', path: '[0]' },
    });
  });
});

interface Example {
  aesGcm(keys: Readonly<Record<string, Uint8Array>>, current: string): ValueSeal;
}

describe('a seal', async () => {
  const example = new URL('../../../examples/dist/aes-gcm.js', import.meta.url).href;
  const { aesGcm } = await import(example) as Example;
  const url = await freshDatabase();
  const fromVault = async (name: string): Promise<Uint8Array> => Buffer.from(name.padEnd(32, '.'));
  const keys = { '2029': await fromVault('perdure-2029'), '2030': await fromVault('perdure-2030') };
  const connection = await connect(url, { values: aesGcm(keys, '2030') });
  afterAll(() => connection.close());

  test('hides what is stored', async () => {
    const greet = workflow('greet', async (ctx, name: string) => ctx.step('greet', () => `Hello ${name}`));
    const worker = await createWorker({ connection, workflows: [greet] }).start();
    expect(await createClient({ connection }).execute(greet, 'Ada')).toBe('Hello Ada');
    await worker.stop();
  });
});
