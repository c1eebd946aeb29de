// Starts, messages and events outside of a transaction: few requests for many of them, each answered by
// itself, sent again until it is known what became of it.
import { createClient, type Client } from '@perdure/client';
import { DatabaseUnavailableError, type, workflow } from '@perdure/core';
import {
  encode, MemoryStore, systemEnv, type EmitAnswer, type NewEvent, type NewMessage, type NewRun,
  type SendAnswer, type StartAnswer,
} from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';

const flow = workflow({ name: 'flow', signals: { note: type<unknown>() } }, async () => 1);
const range = (n: number): number[] => Array.from({ length: n }, (_, at) => at);

/** What became of a request: nothing was written, or nobody heard that it was. */
type Trouble = 'lost request' | 'lost reply';

/** A store that counts requests and their items, and has trouble with as many as it is told. */
class Troubled extends MemoryStore {
  readonly sizes: number[] = [];
  trouble: Trouble[] = [];

  override startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    return this.#request(runs, () => super.startRuns(runs));
  }

  override sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return this.#request(messages, () => super.sendMessages(messages));
  }

  override emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return this.#request(events, () => super.emitEvents(events));
  }

  /** How many rows there are of what a verb writes. */
  written(verb: 'start' | 'signal' | 'emit'): number {
    const { runs, mail } = this.tables;
    if (verb === 'start') return runs.size;
    return verb === 'emit' ? mail.events.size : mail.messages.get('run')?.size ?? 0;
  }

  async #request<T>(items: readonly unknown[], send: () => Promise<T>): Promise<T> {
    this.sizes.push(items.length);
    const trouble = this.trouble.shift();
    if (trouble !== 'lost request') {
      const answer = await send();
      if (trouble === undefined) return answer;
    }
    throw new DatabaseUnavailableError('no answer');
  }
}

/** Time runs a thousand times as fast, so that a deadline passes while a test looks on. */
const hasty = {
  ...systemEnv,
  monotonic: () => systemEnv.monotonic() * 1_000,
  sleep: (ms: number, signal?: AbortSignal) => systemEnv.sleep(ms / 1_000, signal),
};

function world(env = systemEnv): { store: Troubled; client: Client } {
  const store = new Troubled();
  return { store, client: createClient({ connection: memoryConnection({ store }), env }) };
}

/** The verbs, each as one write of number `n`; with an id, one that the caller chose. */
type Write = (client: Client, n: number, id?: string) => Promise<unknown>;
const verbs: ReadonlyArray<readonly [verb: 'start' | 'signal' | 'emit', write: Write]> = [
  ['start', (client, n, id) => client.start(flow, undefined, { id: id && `${id}-${n}` })],
  ['signal', (client, n, id) => client.get(flow, 'run').signal('note', n, { id })],
  ['emit', (client, n, id) => client.emit('happened', n, { id })],
];

describe.each(verbs)('%s', (verb, write) => {
  async function worldWithRun(env = systemEnv): Promise<ReturnType<typeof world>> {
    const made = world(env);
    await made.client.start(flow, undefined, { id: 'run' });
    made.store.sizes.length = 0;
    return made;
  }

  test('a thousand at once are one request, five thousand are five', async () => {
    const { store, client } = await worldWithRun();
    await Promise.all(range(1_000).map((n) => write(client, n)));
    expect(store.sizes).toEqual([1_000]);
    await Promise.all(range(5_000).map((n) => write(client, n)));
    expect(store.sizes.slice(1)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  test.each<[Trouble]>([['lost request'], ['lost reply']])('after a %s is sent again, and there once',
    async (trouble) => {
    const { store, client } = await worldWithRun();
    store.trouble = [trouble, trouble];
    await Promise.all(range(3).map((n) => write(client, n)));
    expect(store.sizes).toEqual([3, 3, 3]);
    // The run that is there before counts as a start.
    expect(store.written(verb)).toBe(verb === 'start' ? 4 : 3);
  });

  test('says that the database is away when its deadline has passed', async () => {
    const { store, client } = await worldWithRun(hasty);
    store.trouble = range(1_000).map(() => 'lost request');
    expect(await failure(write(client, 1))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(store.sizes.length).toBeGreaterThan(1);
    store.trouble = [];
    await write(client, 2);
  });

  test('waits for a stranger who holds the id, alone, and gives up at its deadline', async () => {
    const { store, client } = await worldWithRun(hasty);
    const held = store.begin();
    if (verb === 'start') await held.startRuns([{ ...plainRun, id: 'held-0' }]);
    if (verb === 'signal') await held.sendMessages([{ ...plainMessage, id: 'signal:held' }]);
    if (verb === 'emit') await held.emitEvents([{ ...plainEvent, id: 'held' }]);
    const waiting = failure(write(client, 0, 'held'));
    await Promise.all([write(client, 1), write(client, 2, 'free')]);
    const error = await waiting;
    expect(error.code).toBe(verb === 'start' ? 'START_BLOCKED' : 'SEND_BLOCKED');
    expect(error.message).toMatch(/another open transaction holds the same id/);
    held.rollback();
    await write(client, 0, 'held');
  });

  test('passes when the stranger has ended', async () => {
    const { store, client } = await worldWithRun();
    const held = store.begin();
    if (verb === 'start') await held.startRuns([{ ...plainRun, id: 'held-0' }]);
    if (verb === 'signal') await held.sendMessages([{ ...plainMessage, id: 'signal:held' }]);
    if (verb === 'emit') await held.emitEvents([{ ...plainEvent, id: 'held' }]);
    const waiting = write(client, 0, 'held');
    await write(client, 1);
    held.commit();
    await waiting;
  });
});

const plainRun: NewRun = { id: '', workflow: 'flow', queue: 'default', input: encode(1, '') };
const plainMessage: NewMessage = {
  runId: 'run', id: '', kind: 'signal', name: 'note', payload: encode(1, ''), error: null,
};
const plainEvent: NewEvent = { id: '', name: 'happened', key: '', payload: encode(1, '') };

test('large values share no request beyond eight million characters', async () => {
  const { store, client } = world();
  await client.start(flow, undefined, { id: 'run' });
  store.sizes.length = 0;
  const large = 'x'.repeat(900_000);
  await Promise.all(range(25).map(() => client.get(flow, 'run').signal('note', large)));
  expect(store.sizes.length).toBe(3);
  expect(Math.max(...store.sizes)).toBeLessThanOrEqual(10);
});

test('what is refused takes nobody with it', async () => {
  const { store, client } = world();
  await client.start(flow, undefined, { id: 'run' });
  const signal = (id: string, n: number): Promise<void> => client.get(flow, id).signal('note', n);
  const outcomes = await Promise.allSettled([signal('run', 1), signal('nobody', 2), signal('run', 3)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(store.sizes).toEqual([1, 3]);
});

test('a signal hints at mail, and a start does not', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  const heard: string[] = [];
  connection.hints.onMail(() => heard.push('mail'));
  connection.hints.onDue(() => heard.push('due'));
  const run = await client.start(flow);
  expect(heard).toEqual(['due']);
  await run.signal('note', 1);
  await client.emit('happened');
  expect(heard).toEqual(['due', 'mail', 'mail']);
  await failure(client.get(flow, 'nobody').signal('note', 1));
  expect(heard.length).toBe(3);
});

test('what is sent in a transaction is hinted at when it may have committed', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  const run = await client.start(flow);
  const heard: string[] = [];
  let told: () => void = () => undefined;
  const mail = new Promise<void>((resolve) => {
    told = resolve;
  });
  connection.hints.onDue(() => heard.push('due'));
  connection.hints.onMail(() => {
    heard.push('mail');
    told();
  });
  await connection.store.within(async (tx) => client.signal(tx as never, run, 'note', 1));
  expect(heard).toEqual([]);
  await mail;
  expect(heard).toEqual(['mail']);
});
