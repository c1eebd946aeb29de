// A client of the umbrella connects when it is first used, whichever verb that is, and gives its Connection
// back.
import { createClient, createWorker, type, workflow, type Client } from 'perdure';
import { createClient as clientOn } from '@perdure/client';
import { makeToken } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { DatabaseUnavailableError } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { failure, freshEngine, silent, until } from '../../testing/test/engine.js';

const { url, sql, pool, client: standing } = await freshEngine();
const flow = workflow({ name: 'flow', signals: { note: type<string>() } }, async (ctx) => {
  ctx.publish('progress', 'begun');
  await ctx.set({ state: 'begun' });
  return ctx.waitFor('note', { timeout: '1 minute' });
});

const ended = async (id: string): Promise<void> => (
  standing.get(flow, id).terminate('nobody waits for it in vain').catch(() => undefined));

/** Each verb, as the first thing that a client does. */
const verbs: Record<string, (client: Client, id: string) => Promise<unknown>> = {
  start: (client) => client.start(flow),
  query: (client) => client.query(),
  list: async (client) => {
    for await (const run of client.list()) return run;
  },
  emit: (client) => client.emit('noted'),
  complete: (client, id) => client.complete(makeToken({ runId: id, generation: 1, key: 'a'.repeat(32) })),
  'handle.status': (client, id) => client.get(flow, id).status(),
  'handle.signal': (client, id) => client.get(flow, id).signal('note', 'x'),
  'handle.cancel': (client, id) => client.get(flow, id).cancel(),
  'handle.attributes': (client, id) => client.get(flow, id).attributes(),
  // Of a run that has ended there is nothing to wait for; one that does not exist is given up.
  'handle.result': async (client, id) => {
    await ended(id);
    const waiting = client.get(flow, id).result({ timeout: 3_000 });
    await waiting.catch((error: { code: string }) => {
      if (!['RUN_FAILED', 'RESULT_TIMEOUT'].includes(error.code)) throw error;
    });
  },
  'handle.stream': async (client, id) => {
    await ended(id);
    const abortSignal = AbortSignal.timeout(3_000);
    for await (const chunk of client.get(flow, id).stream('progress', { abortSignal })) return chunk;
  },
  'signal in a transaction': async (client, id) => {
    const tx = await pool.connect();
    try {
      await tx.query('begin');
      await client.signal(tx, client.get(flow, id), 'note', 'x');
    } finally {
      await tx.query('rollback');
      tx.release();
    }
  },
};

/** An address of its own for each test, and how many connections there are to it. */
let addresses = 0;
function address(): { at: string; connections: () => Promise<number> } {
  const at = new URL(url);
  const name = `late-client-${++addresses}`;
  at.searchParams.set('application_name', name);
  const count = 'select count(*)::int as n from pg_stat_activity where application_name = $1';
  return { at: at.href, connections: async () => Number((await sql(count, [name]))[0]?.['n']) };
}

describe.each(Object.entries(verbs))('%s', (verb, use) => {
  test('opens the Connection, once; closing gives it back, and the next use opens another', async () => {
    const { id } = await standing.start(flow);
    const { at, connections } = address();
    const client = createClient({ connection: at });
    expect(await connections()).toBe(0);
    // The caller's own connection is enough for what is sent on it.
    const least = verb === 'signal in a transaction' ? 0 : 1;
    const ignore = (error: unknown): void => {
      // Nothing was published: the reader was told to stop.
      if (verb !== 'handle.stream') throw error;
    };
    await Promise.all([use(client, id), use(client, id)].map((each) => each.catch(ignore)));
    expect(await connections()).toBeGreaterThanOrEqual(least);
    await client.close();
    await until(async () => await connections() === 0);
    await use(client, id).catch(ignore);
    expect(await connections()).toBeGreaterThanOrEqual(least);
    await client[Symbol.asyncDispose]();
    await until(async () => await connections() === 0);
  });

  test('says what keeps it from connecting, and tries again at the next use', async () => {
    const { id } = await standing.start(flow);
    let attempts = 0;
    const client = clientOn({ connection: async () => {
      if (++attempts === 1) throw new DatabaseUnavailableError('not yet');
      return memoryConnection();
    } });
    expect(await failure(use(client, id))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await use(client, id).catch(() => undefined);
    expect(attempts).toBe(2);
    await client.close();
  });
});

test('a client and a worker of one address share a Connection, and verbs reach the run', async () => {
  await using worker = createWorker({ connection: url, workflows: [flow], logger: silent });
  await worker.start();
  await using client = createClient({ connection: url });
  const run = await client.start(flow);
  for await (const { chunk } of run.stream('progress')) {
    expect(chunk).toBe('begun');
    break;
  }
  await until(async () => (await run.attributes())['state'] === 'begun');
  await run.signal('note', 'hello');
  expect(await run.result()).toBe('hello');
});

test('a Connection that the client was given stays open when it is closed', async () => {
  const connection = memoryConnection();
  let closed = 0;
  const given = { ...connection, close: async () => void closed++ };
  await clientOn({ connection: given }).close();
  expect(closed).toBe(0);
  const opening = clientOn({ connection: async () => given });
  await opening.close();
  expect(closed).toBe(0);
  await opening.query();
  await opening.close();
  expect(closed).toBe(1);
});

test('a handle and a reference may be passed on to another client', async () => {
  await using client = createClient({ connection: url });
  const run = await client.start(flow);
  await using other = createClient({ connection: url });
  expect(await failure(other.get(run).signal('other' as never, 1 as never)))
    .toMatchObject({ code: 'SIGNAL_UNKNOWN' });
  expect(await other.get(run).status()).toBe('pending');
});
