// A connection without a server: one store, hints within the process, transactions of the store.
import { MemoryStore } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

const run = { id: 'a', workflow: 'greet', queue: 'default', input: { codec: 'json', text: '1' } } as const;

test('hints reach every listener at once, until it stops', () => {
  const { hints } = memoryConnection();
  const heard: unknown[] = [];
  const stop = hints.onDue(() => heard.push('due'));
  hints.onSettled((runs) => heard.push(runs));
  const deaf = hints.onMail(() => heard.push('mail'));
  hints.onPublished((runIds) => heard.push(...runIds));
  hints.listen()();
  hints.due();
  hints.settled([]);
  hints.mail();
  hints.published(new Set(['a', 'b']));
  stop();
  deaf();
  hints.due();
  hints.mail();
  expect(heard).toEqual(['due', [], 'mail', 'a', 'b']);
});

test('a listener may stop while it is told', () => {
  const { hints } = memoryConnection();
  const heard: string[] = [];
  const stop = hints.onDue(() => {
    heard.push('first');
    stop();
  });
  hints.onDue(() => heard.push('second'));
  hints.due();
  hints.due();
  expect(heard).toEqual(['first', 'second', 'second']);
});

describe('within', () => {
  test('takes an open transaction of the store', async () => {
    const connection = memoryConnection();
    const transaction = connection.store.begin();
    const [answer] = await (await connection.within(transaction)).startRuns([run]);
    expect(answer?.kind).toBe('created');
    expect(await connection.store.readRuns(['a'])).toEqual([]);
    transaction.commit();
    expect((await connection.store.readRuns(['a'])).length).toBe(1);
  });

  test.each([undefined, {}, new MemoryStore()])('refuses anything else: %s', async (thing) => {
    await expect(memoryConnection().within(thing)).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
  });

  test('refuses a transaction that has ended', async () => {
    const { store, within } = memoryConnection();
    const transaction = store.begin();
    transaction.rollback();
    await expect(within(transaction)).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
  });

  test('refuses a transaction of another store', async () => {
    const transaction = new MemoryStore().begin();
    await expect(memoryConnection().within(transaction)).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
    transaction.rollback();
  });
});

test('a store that is given is used, whatever kind it is', async () => {
  class Counting extends MemoryStore {
    readonly served = 7;
  }
  const store = new Counting();
  await using first = memoryConnection({ store });
  await using second = memoryConnection({ store });
  expect(first.store.served).toBe(7);
  await first.store.startRuns([run]);
  expect((await second.store.readRuns(['a'])).length).toBe(1);
});

test('there is nothing to keep leases for, and nothing to close', async () => {
  const connection = memoryConnection();
  const keeper = connection.keepLeases({ leaseMs: 10, renewMs: 3, loopLimitMs: 20 });
  keeper.hold([]);
  keeper.beat([]);
  await keeper.close();
  await connection.close();
  await connection.close();
});
