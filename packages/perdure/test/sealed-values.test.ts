// A seal on a connection: nothing that an application wrote can be read in the database, everything comes
// back, and what was changed there parks its run.
import { randomBytes } from 'node:crypto';
import { MemoryStore, type Store } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import {
  connect, createClient, RunParkedError, type, workflow, type Connection, type RunFailedError,
  type ValueSeal,
} from 'perdure';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World, type WorldRules } from '../../testing/dist/world.js';
import { failure, freshEngine, silent, until } from '../../testing/test/engine.js';

interface Example {
  aesGcm(keys: Readonly<Record<string, Uint8Array>>, current: string): ValueSeal;
}

const example = new URL('../../../examples/dist/aes-gcm.js', import.meta.url).href;
const { aesGcm } = await import(example) as Example;

const canary = 'canary-7b1e';
const keys = { one: randomBytes(32), two: randomBytes(32) };
const values = aesGcm(keys, 'one');

const child = workflow('child', async (ctx, input: { fails: boolean; word: string }) => {
  await ctx.step('child step', () => ({ word: input.word }));
  if (input.fails) throw new RangeError(`child ${input.word}`);
  return { child: input.word };
});

const everything = workflow(
  {
    name: 'everything', input: type<{ word: string; at: Date }>(),
    signals: { note: type<{ word: string }>() },
  },
  async (ctx, input) => {
    const { word } = input;
    const got: unknown[] = [input.at];
    got.push(await ctx.step('rich', () => new Map([[word, new Set([1n])]])));
    got.push(await ctx.step('retried', { retry: { initialInterval: 1, maximumAttempts: 2 } }, (step) => {
      step.heartbeat({ progress: word });
      step.publish('log', { chunk: word });
      if (step.attempt === 1) throw new Error(`attempt ${word}`);
      return step.attempt;
    }));
    got.push(await ctx.step('failed', { retry: 1 }, (): never => { throw new TypeError(`step ${word}`); })
      .catch((error: Error) => `${error.name} ${error.message}`));
    ctx.publish('log', { from: word });
    await ctx.set({ kind: 'searchable' });
    got.push(await ctx.transaction('transact', async () => ({ transacted: word })));
    got.push(await ctx.execute(child, { fails: false, word }));
    got.push(await ctx.execute(child, { fails: true, word })
      .catch((error: RunFailedError) => String(error.cause)));
    got.push(await ctx.waitFor('note'));
    got.push(await ctx.waitForEvent('news', { timeout: '1 hour' }));
    const callback = await ctx.callback<{ word: string }>();
    await ctx.step('hand out', () => void tokens.push(callback.token));
    got.push(await callback.result());
    return got;
  });

const expected = (word: string): unknown[] => [
  new Date(5), new Map([[word, new Set([1n])]]), 2, `TypeError step ${word}`, { transacted: word },
  { child: word },
  `RangeError: child ${word}`, { word }, { news: word }, { word },
];

/** Tokens that runs handed out. */
const tokens: string[] = [];

/** Writes down everything that is given to a store. */
function recorded(store: Store, given: string[]): Store {
  return new Proxy(store, {
    get: (_, name) => async (...all: unknown[]): Promise<unknown> => {
      given.push(JSON.stringify(all));
      return (Reflect.get(store, name) as (...all: unknown[]) => Promise<unknown>)(...all);
    },
  });
}


describe.each([
  ['in memory', {}], ['and everything read again', { forgetful: true }],
])('a run on a sealed memory connection, %s', (_how, rules: WorldRules) => {
  test('comes to its result, and nothing of it can be read in the store', async () => {
    tokens.length = 0;
    const given: string[] = [];
    let connection: Connection | null = null;
    const connect = (store: Store): Connection => {
      connection ??= memoryConnection({ store: recorded(store, given), values });
      return connection;
    };
    const workflows = [everything, child];
    await using world = new World({ workflows, logger: silent }, { ...rules, connect });
    await world.work([everything, child]);
    const run = await world.start(everything, { word: canary, at: new Date(5) });
    await run.signal('note', { word: canary });
    await world.advance('1 minute');
    await world.client.emit('news', { news: canary });
    await world.advance('1 minute');
    await world.client.complete(tokens.at(-1) ?? '', { word: canary });
    await world.advance('1 minute');
    expect(await run.result()).toEqual(expected(canary));
    const chunks: unknown[] = [];
    for await (const { chunk } of run.stream('log')) chunks.push(chunk);
    expect(chunks).toContainEqual({ chunk: canary });
    expect(chunks).toContainEqual({ from: canary });
    expect((await world.client.query({ attributes: { kind: 'searchable' } })).runs).toHaveLength(1);
    const stored = given.join('\n');
    for (const word of ['everything', 'searchable', 'news', 'child step']) expect(stored).toContain(word);
    expect(stored.match(/sealed:/g)?.length).toBeGreaterThan(20);
    expect(stored).not.toContain(canary);
  });
});

test('a start in a transaction of a memory store is sealed as well', async () => {
  const store = new MemoryStore();
  const connection = memoryConnection({ store, values });
  const client = createClient({ connection });
  await store.within(async (tx) => {
    await client.start(tx as never, child, { fails: false, word: canary }, { id: 'a' });
  });
  const [run] = (await store.claim({
    claimId: 'c', limit: 1, suspects: false, leaseMs: 1_000, sweep: true,
    served: [{ queue: 'default', workflow: 'child', version: null, stamp: null }],
  })).runs;
  expect(run?.input).toEqual({ codec: 'sealed', text: expect.stringMatching(/^sealed::one\.[\w-]{60,}$/) });
});

describe('on PostgreSQL', async () => {
  const engine = await freshEngine();
  const { sql, url } = engine;
  let sealed: Connection;
  beforeAll(async () => {
    sealed = await connect(url, { values });
  });
  const later: Connection[] = [];
  afterAll(() => Promise.all([sealed, ...later].map((each) => each?.close())));

  async function dump(): Promise<string> {
    const tables = await sql("select tablename from pg_tables where schemaname = 'perdure'");
    const rows = await Promise.all(tables.map(async ({ tablename: name }) => (
      sql(`select to_jsonb(t)::text as row from perdure.${String(name)} t`))));
    return rows.flat().map(({ row }) => String(row)).join('\n');
  }

  test('a run comes to its result, and no table holds anything that could be read', async () => {
    tokens.length = 0;
    const client = createClient({ connection: sealed });
    await engine.work([everything, child], { connection: sealed });
    const run = await client.start(everything, { word: canary, at: new Date(5) });
    await run.signal('note', { word: canary });
    await until(async () => (await sql('select 1 from perdure.subscriptions')).length > 0);
    await client.emit('news', { news: canary });
    await until(() => tokens.length > 0);
    await client.complete(tokens[0] ?? '', { word: canary });
    expect(await run.result()).toEqual(expected(canary));
    const stored = await dump();
    expect(stored).toContain('sealed:');
    expect(stored).not.toContain(canary);
  });

  test('a start and a signal in a transaction of the caller are sealed', async () => {
    const client = createClient({ connection: sealed });
    const noted = workflow({
      name: 'noted', input: type<string>(), signals: { note: type<string>() },
    }, async (ctx, input) => [input, await ctx.waitFor('note')]);
    const tx = await engine.pool.connect();
    await tx.query('begin');
    const run = await client.start(tx, noted, `${canary} in`);
    await client.signal(tx, run, 'note', `${canary} note`);
    await tx.query('commit');
    tx.release();
    expect(await dump()).not.toContain(canary);
    await engine.work([noted], { connection: sealed });
    expect(await client.get(run).result()).toEqual([`${canary} in`, `${canary} note`]);
  });

  test('a run that was started without the seal is read unless it is strict', async () => {
    const strict = await connect(url, { values: { ...values, strict: true } });
    const open = workflow('open', async (_ctx, input: string) => input);
    const shut = workflow('shut', async (_ctx, input: string) => input);
    await engine.work([open], { connection: sealed });
    await engine.work([shut], { connection: strict });
    const one = await engine.client.start(open, 'plain');
    const other = await engine.client.start(shut, 'plain');
    expect(await createClient({ connection: sealed }).get(one).result()).toBe('plain');
    const error = await failure<RunParkedError>(createClient({ connection: strict }).get(other).result());
    expect(error).toBeInstanceOf(RunParkedError);
    expect(error).toMatchObject({ code: 'VALUE_UNREADABLE', message: expect.stringContaining('is strict') });
    await strict.close();
  });

  test('a result that was put into the record of another run parks it', async () => {
    const client = createClient({ connection: sealed });
    const slow = workflow('slow', async (ctx, input: string) => {
      const first = await ctx.step('first', () => input);
      await ctx.waitForEvent('go', { timeout: '1 hour' });
      return first;
    });
    const worker = await engine.work([slow], { connection: sealed });
    const runs = await Promise.all(['a', 'b'].map((input) => (
      client.start(slow, input, { id: `slow-${input}` }))));
    const waiting = "select 1 from perdure.subscriptions where name = 'go'";
    await until(async () => (await sql(waiting)).length === 2);
    await worker.stop();
    await sql(`update perdure.journal j set value = o.value from perdure.journal o
      where j.run_id = 'slow-a' and o.run_id = 'slow-b' and j.place = '1' and o.place = '1'`);
    // Who begins anew reads the record.
    await engine.work([slow], { connection: await connectedLater() });
    await client.emit('go');
    const [changed, untouched] = runs;
    expect(await failure(changed!.result())).toMatchObject({ code: 'VALUE_UNREADABLE' });
    expect(await untouched!.result()).toBe('b');
  });

  async function connectedLater(): Promise<Connection> {
    const connection = await connect(url, { values });
    later.push(connection);
    return connection;
  }
});
