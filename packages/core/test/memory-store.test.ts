// The memory store keeps every promise of the port, also where its batches come apart.
import {
  childBox, MemoryStore, partOf, storeCases, type NewRun, type StartAnswer,
} from '@perdure/core/engine';
import { DatabaseUnavailableError } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { memoryWorld } from './memory-world.js';

const run = (id: string): NewRun => (
  { id, workflow: 'greet', queue: 'default', input: { codec: 'json', text: '1' } });

describe.each([
  ['in order', {}],
  ['shuffled', { shuffle: { failures: 0 } }],
  ['on its own clock', { now: undefined, slow: true }],
])('the memory store, %s', (_how, options) => {
  test.each(storeCases.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const world = memoryWorld(MemoryStore, options);
    if (!('slow' in options)) return each.run(world);
    // The clock that a store has by default goes on by itself.
    return each.run({ ...world, advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
});

test('the names of the cases are all different', () => {
  expect(new Set(storeCases.map(({ name }) => name)).size).toBe(storeCases.length);
});

describe('a batch that comes apart', () => {
  const settle = (id: string, epoch: number) => ({
    lease: { runId: id, part: partOf(id), generation: 1, epoch },
    entries: [], calls: [], closed: [], more: null,
    end: {
      kind: 'settle' as const, status: 'completed' as const, error: null, tied: false,
      output: { codec: 'json' as const, text: id },
    },
  });

  /** Sends until there is an answer; says how often there was none. */
  async function insist<Answer>(send: () => Promise<Answer>): Promise<{ answer: Answer; failures: number }> {
    for (let failures = 0; ; failures++) {
      try {
        return { answer: await send(), failures };
      } catch (error) {
        expect(error).toBeInstanceOf(DatabaseUnavailableError);
      }
    }
  }

  test('is whole after it was sent often enough', async () => {
    const store = new MemoryStore({ shuffle: { failures: 0.05 } });
    const ids = Array.from({ length: 50 }, (_, index) => `run-${index}`);
    const started = await insist(() => store.startRuns(ids.map(run)));
    expect(started.answer.every(({ kind }: StartAnswer) => kind !== 'busy')).toBe(true);
    const { runs } = await store.claim({
      claimId: 'c', limit: 100, suspects: false, leaseMs: 60_000, sweep: false,
      served: [{ queue: 'default', workflow: 'greet', version: null, stamp: null }],
    });
    expect(runs.length).toBe(50);
    const writes = runs.map(({ lease }) => settle(lease.runId, lease.epoch));
    const settled = await insist(() => store.commit(writes));
    expect(new Set(settled.answer.map(({ kind }) => kind))).not.toContain('lost');
    const records = await store.readRuns(ids);
    expect(records.filter(({ id, status, output }) => status === 'completed' && output.text === id).length)
      .toBe(50);
  });

  test('answers a parent once for each of its children, however often it is sent', async () => {
    const store = new MemoryStore({ shuffle: { failures: 0.05 } });
    const served = { queue: 'default', workflow: 'greet', version: null, stamp: null };
    const wish = { limit: 100, suspects: false, leaseMs: 60_000, sweep: false, served: [served] };
    await store.startRuns([run('parent')]);
    const [parent] = (await store.claim({ ...wish, claimId: 'p' })).runs;
    const ids = Array.from({ length: 40 }, (_, index) => `child-${index}`);
    const children = ids.map((id) => ({
      lease: parent!.lease, place: id, childId: id, run: run(id), parentClose: 'default' as const,
      watch: true,
    }));
    const tied = await insist(() => store.tieChildren(children));
    expect(tied.answer.map(({ kind }) => kind)).toEqual(ids.map(() => 'tied'));
    const { runs } = await store.claim({ ...wish, claimId: 'c' });
    await insist(() => store.commit(runs.map(({ lease }) => settle(lease.runId, lease.epoch))));
    const carry = () => insist(() => store.carry({ limit: 7, terminated: '' }));
    while ((await carry()).answer.more);
    const boxes = [{ kind: 'child' as const, name: null }];
    const [mail] = await store.readMail([{ lease: parent!.lease, boxes }]);
    expect(mail!.messages.map(({ name }) => name).sort()).toEqual(ids.map((id) => childBox(1, id)).sort());
  });

  test('keeps what was served before it broke off', async () => {
    const store = new MemoryStore({ shuffle: { failures: 1 } });
    await expect(store.startRuns([run('a'), run('b'), run('c')])).rejects.toThrow(DatabaseUnavailableError);
    expect((await store.readRuns(['a', 'b', 'c'])).length).toBe(1);
  });
});

describe('a transaction of the memory store', () => {
  test('is committed when its body returns, and rolled back when it throws', async () => {
    const store = new MemoryStore();
    expect(await store.within(async (transaction) => {
      await transaction.startRuns([run('a')]);
      return 7;
    })).toBe(7);
    await expect(store.within(async (transaction) => {
      await transaction.startRuns([run('b')]);
      throw new Error('changed my mind');
    })).rejects.toThrow('changed my mind');
    expect((await store.readRuns(['a', 'b'])).map(({ id }) => id)).toEqual(['a']);
  });

  test('records the answer of a step once, whoever of two comes first', async () => {
    const store = new MemoryStore();
    await store.startRuns([{ ...run('a'), lease: { claimId: 'c', leaseMs: 60_000, version: null } }]);
    const { runs } = await store.recall({
      claimId: 'c', served: [], limit: 1, suspects: false, leaseMs: 60_000, sweep: false,
    });
    const { lease } = runs[0]!;
    const answer = {
      place: '1', position: 1, kind: 'transaction', name: 'pay', value: { codec: 'json', text: '1' },
      error: null, attempt: 1, tookMs: 1, message: null,
    } as const;
    const [one, other] = [store.begin(), store.begin()];
    expect(await one.fence(lease)).toBe('held');
    expect(await other.fence(lease)).toBe('held');
    expect(await one.record(lease, answer)).not.toBeNull();
    expect(await one.record(lease, answer)).toBeNull();
    const late = other.record(lease, answer);
    one.commit();
    expect(await late).toBeNull();
    other.commit();
  });

  test('is of no use after its end', async () => {
    const store = new MemoryStore();
    const transaction = store.begin();
    transaction.commit();
    await expect(transaction.startRuns([run('a')])).rejects.toMatchObject({ code: 'NOT_A_TRANSACTION' });
    expect(() => transaction.rollback()).toThrow(/has ended/);
  });
});

test('a worker that was not seen for an hour is forgotten', async () => {
  let now = 2e15;
  const store = new MemoryStore({ now: () => now });
  const worker = (id: string) => ({ id, host: 'h', pid: 1, concurrency: 1, serves: [], definitions: [] });
  await store.registerWorker(worker('gone'));
  await store.registerWorker(worker('there'));
  now += 3_599e6;
  expect(await store.seeWorker('there')).toBe(true);
  expect((await store.readWorkers()).map(({ id }) => id)).toEqual(['gone', 'there']);
  now += 2e6;
  expect((await store.readWorkers()).map(({ id }) => id)).toEqual(['there']);
  expect(await store.seeWorker('gone')).toBe(false);
  await store.registerWorker(worker('gone'));
  expect(await store.seeWorker('gone')).toBe(true);
});

test('its clock never goes back and never stands', async () => {
  let now = 2e15;
  const store = new MemoryStore({ now: () => (now -= 1_000) });
  const answers = await store.startRuns(['a', 'b', 'c'].map(run));
  const instants = answers.map((answer) => (answer.kind === 'created' ? answer.at : 0));
  expect(instants).toEqual([2e15 - 1_000, 2e15 - 999, 2e15 - 998]);
});
