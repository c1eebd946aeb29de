// Before a deploy: which runs of a live database would not fit the new code? On PostgreSQL, by a role that
// may only SELECT, and nothing is changed.
import { createClient } from '@perdure/client';
import { type, workflow, type Connection, type ValueSeal, type Workflow } from '@perdure/core';
import type { Store } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { replayOpenRuns, type ReplayReport } from '@perdure/testing';
import { expect, test } from 'vitest';
import { failure, freshEngine, until } from './engine.js';

const { client, work, sql, url, connection } = await freshEngine();
const role = `reader_${url.slice(-12)}`;

/** An order, before and after stock is reserved before the card is charged. */
function orderOf(way: 'old' | 'new' | 'patched'): Workflow<string, string, string, { go: unknown }> {
  return workflow({ name: 'order', signals: { go: type<unknown>() } }, async (ctx, item: string) => {
    if (way === 'new' || (way === 'patched' && await ctx.patched('reserve'))) {
      await ctx.step('reserve', () => 'reserved');
    }
    await ctx.step('charge', () => 'charged');
    await ctx.waitFor('go');
    return item;
  });
}

const nap = workflow('nap', async (ctx) => ctx.sleep('30 days'));
const retired = workflow('retired', async (ctx) => ctx.sleep('30 days'));
const orders = 45;

/** Everything that stands in the engine's tables. */
async function everything(): Promise<string> {
  const tables = await sql(`select table_name as name from information_schema.tables
    where table_schema = 'perdure' and table_type = 'BASE TABLE' order by 1`);
  const rows = await Promise.all(tables.map(async ({ name }) => [
    name, await sql(`select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as all,
      count(*) as n from perdure.${String(name)} t`)]));
  return JSON.stringify(rows);
}

async function fill(): Promise<void> {
  const worker = await work([orderOf('old'), nap, retired]);
  const old = orderOf('old');
  for (let n = 0; n < orders; n++) {
    await client.start(old, `item ${n}`, { id: `order-${String(n).padStart(3, '0')}` });
  }
  await client.start(nap, undefined, { id: 'nap-1' });
  await client.start(retired, undefined, { id: 'retired-1' });
  const done = await client.start(old, 'done', { id: 'order-done' });
  await done.signal('go', 1);
  await done.result();
  await until(async () => {
    const { runs } = await client.query({ status: 'waiting', limit: 100 });
    return runs.length === orders + 2;
  });
  await worker.stop();
  await client.start(old, 'not begun', { id: 'order-new' });
  await sql(`create role ${role} login password 'reader'`);
  await sql(`grant usage on schema perdure to ${role}`);
  await sql(`grant select on all tables in schema perdure to ${role}`);
}

/** A connection that counts: the verbs that are called, and of how many runs records are read at a time. */
function watch({ store }: Connection) {
  const verbs = new Set<string>();
  let most = 0;
  const watched = {
    store: new Proxy(store, {
      get: (_, verb: keyof Store) => (...given: unknown[]) => {
        verbs.add(verb);
        if (verb === 'readHistories') most = Math.max(most, (given[0] as unknown[]).length);
        return (Reflect.get(store, verb) as (...all: unknown[]) => unknown).apply(store, given);
      },
    }),
  };
  return { watched, verbs, largest: () => most };
}

function readerUrl(): string {
  const reader = new URL(url);
  reader.username = role;
  reader.password = 'reader';
  return reader.href;
}

test('those that would diverge are listed by step, and nothing in the database is changed', async () => {
  await fill();
  const before = await everything();
  try {
    await using reader = await connect(readerUrl(), { migrate: false });
    const { watched, verbs, largest } = watch(reader);
    const at: number[] = [];
    const judged = (way: 'old' | 'new' | 'patched'): Promise<ReplayReport> => replayOpenRuns(watched, {
      workflows: [orderOf(way), nap], limit: 10, onProgress: (runs) => at.push(runs),
    });
    const all = orders + 3;
    const report = await judged('new');
    expect(report).toMatchObject({ runs: all, fitting: 2, diverging: orders, unjudged: 1, ending: 0 });
    expect(report.divergingRuns).toHaveLength(10);
    expect(report.divergingRuns[0]).toMatchObject({
      runId: 'order-000', workflow: 'order', version: null, status: 'waiting', code: 'NONDETERMINISM',
      place: '1', expected: "step 1 'charge'", got: "step 1 'reserve'",
    });
    expect(report.unjudgedRuns).toMatchObject([
      { runId: 'retired-1', workflow: 'retired', code: 'NOT_SERVED' },
    ]);
    expect(at.at(-1)).toBe(all);
    // A few records at a time, however many runs there are, and by verbs that only look.
    expect(largest()).toBe(20);
    expect([...verbs].sort()).toEqual(['queryRuns', 'readDetails', 'readHistories', 'readRuns']);
    for (const way of ['patched', 'old'] as const) {
      expect(await judged(way)).toMatchObject({ runs: all, fitting: all - 1, diverging: 0 });
    }
    expect(await everything()).toBe(before);
    await expect(reader.store.wake(['nap-1'])).rejects.toThrow(/permission denied/);
  } finally {
    await sql(`drop owned by ${role}`);
    await sql(`drop role ${role}`);
  }
});

test('a parked run is judged as well, and one that would end at once is told', async () => {
  const { runs: [first] } = await client.query({ workflow: 'order', status: 'waiting', limit: 1 });
  expect(first?.id).toBe('order-000');
  await using worker = await work([orderOf('new')]);
  await client.get(orderOf('new'), 'order-000').signal('go', 1);
  await until(async () => (await client.query({ status: 'parked' })).runs.length === 1);
  await worker.stop();
  const broken = workflow('nap', async (ctx) => {
    await ctx.sleep('30 days');
    return ctx.step('rise', () => 1);
  });
  const strict = workflow({
    name: 'order', signals: { go: type<unknown>() },
    input: { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) } },
  }, async () => 'never');
  const report = await replayOpenRuns(connection, { workflows: [orderOf('new'), broken] });
  expect(report.divergingRuns.filter(({ status }) => status === 'parked')).toMatchObject([
    { runId: 'order-000', code: 'NONDETERMINISM' },
  ]);
  const refused = await replayOpenRuns(connection, { workflows: [strict, nap] });
  // With a record the refusal is a difference; without one the run just fails.
  expect(refused.endingRuns).toMatchObject([]);
  expect(refused.divergingRuns.map(({ got }) => got)).toContain('no such call');
});

test('what is sealed is judged by who has the key, and by nobody else', async () => {
  const values: ValueSeal = {
    seal: (text) => `sealed ${text}`,
    open: (text) => text.slice('sealed '.length),
  };
  await using keeper = await connect(url, { values });
  await createClient({ connection: keeper }).start(nap, undefined, { id: 'nap-sealed' });
  const judged = async (by: Connection): Promise<unknown> => {
    const { unjudgedRuns } = await replayOpenRuns(by, { workflows: [orderOf('old'), nap, retired] });
    return unjudgedRuns.map(({ runId, code }) => [runId, code]);
  };
  expect(await judged(keeper)).toEqual([]);
  const keyless: ValueSeal = { ...values, open: () => Promise.reject(new Error('no')) };
  await using stranger = await connect(url, { values: keyless });
  for (const by of [connection, stranger]) {
    expect(await judged(by)).toContainEqual(['nap-sealed', 'VALUE_UNREADABLE']);
  }
});

test('runs that move while they are read are judged by what they have recorded', async () => {
  const busy = workflow('busy', async (ctx, again: number): Promise<number> => {
    for (let at = 0; at < 8; at++) {
      await Promise.all([ctx.step(`a ${at}`, () => at), ctx.step(`b ${at}`, () => at)]);
    }
    await ctx.sleep(1);
    return again > 0 ? ctx.continueAsNew(again - 1) : 0;
  });
  const worker = await work([busy]);
  const runs = await Promise.all(Array.from({ length: 12 }, () => client.start(busy, 3)));
  let ended = false;
  const all = Promise.all(runs.map((run) => run.result())).then(() => {
    ended = true;
  });
  let looks = 0;
  for (; !ended && looks < 200; looks++) {
    const { divergingRuns } = await replayOpenRuns(connection, { workflows: [busy] });
    expect(divergingRuns).toEqual([]);
  }
  expect(looks).toBeGreaterThan(0);
  await all;
  await worker.stop();
});

test('bad options are refused', async () => {
  for (const limit of [-1, 1.5, NaN]) {
    expect(await failure(replayOpenRuns(connection, { workflows: [nap], limit }))).toMatchObject({
      code: 'INVALID_OPTION',
    });
  }
  expect(await failure(replayOpenRuns(connection, { workflows: [] }))).toMatchObject({
    code: 'NO_WORKFLOWS',
  });
  expect(await failure(replayOpenRuns(connection, { workflows: [nap, nap] }))).toMatchObject({
    code: 'DUPLICATE_WORKFLOW',
  });
});
