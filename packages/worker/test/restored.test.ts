// A database that is put back to an earlier state under living workers: what they remember is not gone on
// with, and what they were about to write is not written. How a restore is noticed: sql/test/lineage.test.ts.
import { createClient, type Client } from '@perdure/client';
import { DatabaseUnavailableError, workflow, type Connection, type Logger } from '@perdure/core';
import { MemoryStore, nothing, type Continuity, type TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker, type Worker } from '@perdure/worker';
import { afterEach, expect, test } from 'vitest';
import type { MemoryTables, ReadyRow } from '../../core/dist/memory-tables.js';
import { expectHealthy } from '../../testing/test/healthy.js';
import { Gate, silent, until } from '../../testing/test/engine.js';

class OpenStore extends MemoryStore {
  declare readonly tables: MemoryTables;
}

/** A continuity whose era the test ends. */
class Breakable implements Continuity {
  era = 0;
  readonly #listeners = new Set<(why: string) => void>();

  onBreak(listener: (why: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  look(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {
    this.era++;
    for (const listener of this.#listeners) listener('the test says so');
  }
}

interface Scene {
  readonly store: OpenStore;
  readonly continuity: Breakable;
  readonly connection: Connection;
  readonly client: Client;
  readonly warnings: string[];
  work(flow: ReturnType<typeof workflow>): Promise<Worker>;
}

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop({ timeout: 0 })));
});

function scene(): Scene {
  const store = new OpenStore();
  const continuity = new Breakable();
  const connection = { ...memoryConnection({ store }), continuity };
  const warnings: string[] = [];
  const logger: Logger = { ...silent, warn: (line) => void warnings.push(line) };
  return {
    store, continuity, connection, warnings,
    client: createClient({ connection }),
    work: async (flow) => {
      // Nobody waits for the end of a lease here: what goes on was given back.
      const worker = createWorker({ connection, logger, workflows: [flow], leaseDuration: '10 minutes' });
      workers.push(worker);
      return worker.start();
    },
  };
}

/** The state of the database at which a run has not recorded the answer of a place. */
function unrecord({ store }: Scene, runId: string, place: string): void {
  expect(store.tables.journal(runId, 1).delete(place)).toBe(true);
}

const namesOf = ({ store }: Scene, runId: string): string[] => (
  [...store.tables.journal(runId, 1).values()].map(({ position, name }) => `${position} ${name}`));

test('a run that is driven goes on from what is recorded, not from what was', async () => {
  const all = scene();
  const gate = new Gate();
  const bodies: string[] = [];
  const flow = workflow('two steps', async (ctx) => {
    const one = await ctx.step('one', () => bodies.push('one'));
    await ctx.step('between', () => undefined);
    return [one, await ctx.step('two', async (step) => {
      bodies.push('two');
      if (bodies.length === 2) await gate.passed;
      return step.attempt;
    })];
  });
  await all.work(flow);
  const run = await all.client.start(flow, undefined, { id: 'driven' });
  await until(() => bodies.length === 2 && namesOf(all, 'driven').length === 2);
  unrecord(all, 'driven', '1');
  unrecord(all, 'driven', '2');
  all.continuity.end();
  gate.open();
  expect(await run.result()).toEqual([3, 1]);
  expect(bodies).toEqual(['one', 'two', 'one', 'two']);
  expect(namesOf(all, 'driven')).toEqual(['1 one', '2 between', '3 two']);
  expect(all.warnings.length).toBe(1);
  expect(all.warnings[0]).toMatch(/not the one .* knew: the test says so.* 1 runs at work/);
  await expectHealthy(all.client);
});

test('a run that rests in memory is replayed', async () => {
  const all = scene();
  const bodies: string[] = [];
  const flow = workflow('rests', async (ctx) => {
    await ctx.step('one', () => bodies.push('one'));
    await ctx.sleep('300 ms');
    return ctx.step('two', () => bodies.push('two'));
  });
  await all.work(flow);
  const run = await all.client.start(flow, undefined, { id: 'rests' });
  await until(() => all.store.tables.ready.get('rests')?.claim === null &&
    all.store.tables.calls('rests', 1).size === 1);
  unrecord(all, 'rests', '1');
  all.store.tables.calls('rests', 1).clear();
  all.store.tables.ready.get('rests')!.dueAt = 0;
  all.continuity.end();
  expect(await run.result()).toBe(3);
  expect(bodies).toEqual(['one', 'one', 'two']);
});

test('what waits to be written while the database is away is not written to a restored one', async () => {
  const all = scene();
  const { store } = all.connection;
  const gate = new Gate();
  const tried: TurnWrite[] = [];
  const written: TurnWrite[] = [];
  let away = false;
  const commit = store.commit.bind(store);
  store.commit = async (writes) => {
    tried.push(...writes);
    if (away) throw new DatabaseUnavailableError('It is away.');
    written.push(...writes);
    return commit(writes);
  };
  let began = 0;
  const flow = workflow('waits', async (ctx) => {
    await ctx.step('one', () => undefined);
    await ctx.step('two', async () => ++began === 1 && gate.passed);
  });
  await all.work(flow);
  const run = await all.client.start(flow, undefined, { id: 'waits' });
  await until(() => began === 1 && namesOf(all, 'waits').length === 1);
  const { epoch } = all.store.tables.ready.get('waits')!;
  away = true;
  gate.open();
  const before = tried.length;
  await until(() => tried.length > before + 1);
  all.continuity.end();
  const known = written.length;
  away = false;
  await run.result();
  const late = written.slice(known).filter(({ lease }) => lease.epoch === epoch);
  expect(late.map(({ entries, end }) => [entries.length, end?.kind])).toEqual([[0, 'rest']]);
  expect(began).toBe(2);
});

test('a run whose end was taken back is given back as well', async () => {
  const all = scene();
  let bodies = 0;
  const flow = workflow('ended', async (ctx) => ctx.step('one', () => ++bodies));
  await all.work(flow);
  let claimed: ReadyRow | undefined;
  const { tables } = all.store;
  const commit = all.connection.store.commit.bind(all.store);
  all.connection.store.commit = async (writes) => {
    claimed ??= structuredClone(tables.ready.get('ended'));
    return commit(writes);
  };
  const run = await all.client.start(flow, undefined, { id: 'ended' });
  expect(await run.result()).toBe(1);
  unrecord(all, 'ended', '1');
  const record = tables.runs.get('ended')!;
  Object.assign(record, { status: 'live', output: nothing, settledAt: null, settledEpoch: null });
  tables.ready.set('ended', claimed!);
  all.continuity.end();
  await until(() => bodies === 2 && tables.ready.size === 0);
  await expectHealthy(all.client);
});

test('a claim whose answer comes after the restore is made again there', async () => {
  const all = scene();
  const { store } = all.connection;
  const reached = new Gate();
  const gate = new Gate();
  const claim = store.claim.bind(store);
  let held = false;
  store.claim = async (request) => {
    const answer = await claim(request);
    if (answer.runs.length === 0 || held) return answer;
    held = true;
    reached.open();
    await gate.passed;
    return answer;
  };
  const recall = store.recall.bind(store);
  let recalled = 0;
  store.recall = async (request) => {
    const answer = await recall(request);
    recalled += answer.runs.length;
    return answer;
  };
  let bodies = 0;
  const flow = workflow('claimed', async (ctx) => ctx.step('one', () => ++bodies));
  // By somebody else, so that it is claimed and not born leased.
  await createClient({ connection: memoryConnection({ store }) }).start(flow, undefined, { id: 'claimed' });
  await all.work(flow);
  await reached.passed;
  all.continuity.end();
  gate.open();
  expect(await all.client.get(flow, 'claimed').result()).toBe(1);
  expect({ bodies, recalled }).toEqual({ bodies: 1, recalled: 1 });
});
