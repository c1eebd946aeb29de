// Transactional steps on the memory store: what starts in one is seen with its answer, and nobody takes its
// run.
import { createClient } from '@perdure/client';
import { workflow, type SqlRunner, type Workflow } from '@perdure/core';
import { MemoryStore, MemoryTransaction, type Store } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker, type Worker } from '@perdure/worker';
import { afterEach, expect, test } from 'vitest';
import { Gate, silent } from './engine.js';

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop({ timeout: 0 })));
});

async function work(store: Store, workflows: readonly Workflow[]): Promise<void> {
  const worker = createWorker({
    connection: memoryConnection({ store }), workflows, logger: silent, leaseDuration: '200 ms',
  });
  workers.push(worker);
  await worker.start();
}

const child = workflow('child', async () => 'done');
const isThere = async (store: Store, id: string): Promise<boolean> => (await store.readRuns([id])).length > 0;

// Guards the one instant of both. Taken out, the child is there although the attempt failed, or too early.
test('a run that it starts is there if and only if its answer is', async () => {
  const store = new MemoryStore();
  const client = createClient({ connection: memoryConnection({ store }) });
  const seen: boolean[] = [];
  const flow = workflow('starts', async (ctx) => ctx.transaction('start', { retry: { initialInterval: 1 } },
    async (tx, { attempt }) => {
      await client.start(tx, child, undefined, { id: 'child' });
      seen.push(await isThere(store, 'child'));
      if (attempt < 3) throw new Error('not yet');
      return tx instanceof MemoryTransaction;
    }));
  await work(store, [flow]);
  expect(await client.execute(flow)).toBe(true);
  expect(seen).toEqual([false, false, false]);
  expect(await isThere(store, 'child')).toBe(true);
});

test('what it returns is recorded as any answer, and what cannot be stored undoes it', async () => {
  const store = new MemoryStore();
  const client = createClient({ connection: memoryConnection({ store }) });
  const flow = workflow('returns', async (ctx) => {
    const value = await ctx.transaction('map', async () => new Map([[1, new Date(0)]]));
    const refused = await ctx.transaction('function', async (tx) => {
      await client.start(tx, child, undefined, { id: 'never' });
      return () => 1;
    }).catch((error: Error & { code: string }) => error.code);
    return { value, refused };
  });
  await work(store, [flow]);
  expect(await client.execute(flow))
    .toEqual({ value: new Map([[1, new Date(0)]]), refused: 'VALUE_NOT_STORABLE' });
  expect(await isThere(store, 'never')).toBe(false);
});

// Guards the fence. Taken out, another worker takes the run from under its transaction, and calls the
// function again.
test('while it is open nobody takes its run', async () => {
  const store = new MemoryStore();
  const client = createClient({ connection: memoryConnection({ store }) });
  const [began, gate] = [new Gate(), new Gate()];
  let bodies = 0;
  const flow = workflow('fenced', async (ctx) => ctx.transaction('wait', async () => {
    bodies++;
    began.open();
    await gate.passed;
    return 'well';
  }));
  await work(store, [flow]);
  await work(store, [flow]);
  const run = await client.start(flow, undefined, { id: 'fenced' });
  await began.passed;
  store.makeDue('fenced');
  const served = [{ queue: 'default', workflow: 'fenced', version: null, stamp: null }];
  const request = { claimId: 'c', served, limit: 9, suspects: true, leaseMs: 1_000, sweep: true };
  expect((await store.claim(request)).runs).toEqual([]);
  gate.open();
  expect([await run.result(), bodies]).toEqual(['well', 1]);
});

test('two of one run are open at once', async () => {
  const store = new MemoryStore();
  const client = createClient({ connection: memoryConnection({ store }) });
  const [left, right] = [new Gate(), new Gate()];
  const meet = (mine: Gate, other: Gate) => async (): Promise<void> => {
    mine.open();
    await other.passed;
  };
  const flow = workflow('two', async (ctx) => {
    await Promise.all([ctx.transaction('left', meet(left, right)),
      ctx.transaction('right', meet(right, left))]);
  });
  await work(store, [flow]);
  await client.execute(flow);
});

test('there is no SQL in it, and it says so', async () => {
  const connection = memoryConnection();
  const abandoned = new AbortController().signal;
  const options = { isolationLevel: 'read committed', abandoned } as const;
  await connection.transactor!.transaction(options, async (tx, handle) => {
    await expect(handle.query('select 1', [])).rejects.toThrow('runs no SQL');
    expect((tx as SqlRunner).query).toBeUndefined();
    const foreign = { query: async () => [] };
    const lease = { runId: 'a', part: 0, generation: 1, epoch: 1 };
    expect(() => connection.stepTransactions.on(foreign, lease)).toThrow('memoryTransactor');
  });
});

// A process that gave its transaction up may still have sent something. Taken out, the run is shared, and the
// ids are held, by nobody.
test('what comes after the end of its transaction has no effect, and holds nothing', async () => {
  const store = new MemoryStore();
  const input = { codec: 'json', text: null };
  const run = { id: 'late', workflow: 'child', queue: 'default', input };
  const message = {
    runId: 'there', id: 'm', kind: 'signal', name: 'go', payload: input, error: null,
  } as const;
  const event = { id: 'e', name: 'go', key: '', payload: input };
  await store.startRuns([{ ...run, id: 'there' }]);
  const served = [{ queue: 'default', workflow: 'child', version: null, stamp: null }];
  const request = { claimId: 'c', served, limit: 1, suspects: false, leaseMs: 1_000, sweep: true };
  const [claimed] = (await store.claim(request)).runs;
  if (claimed === undefined) throw new Error('nothing was claimed');
  const transaction = store.begin();
  const late = [
    transaction.startRuns([run]), transaction.sendMessages([message]), transaction.emitEvents([event]),
    transaction.fence(claimed.lease),
  ];
  transaction.rollback();
  for (const { status } of await Promise.allSettled<unknown>(late)) expect(status).toBe('rejected');
  expect(await store.startRuns([run])).toMatchObject([{ kind: 'created' }]);
  expect(await store.sendMessages([message])).toMatchObject([{ kind: 'sent' }]);
  expect(await store.emitEvents([event])).toMatchObject([{ kind: 'emitted' }]);
  const renewal = { kind: 'renew', leaseMs: 1_000, quarantine: 'keep' } as const;
  const write = { lease: claimed.lease, entries: [], calls: [], closed: [], end: renewal, more: null };
  expect(await store.commit([write])).toMatchObject([{ kind: 'done' }]);
});
