// Bulk starts: in what order runs are written and given back, how much is held of them, and what happens when
// something is wrong with one of them.
import type { StartItem, StartProgress } from '@perdure/client';
import { createClient } from '@perdure/client';
import { DatabaseUnavailableError, type, workflow } from '@perdure/core';
import { MemoryStore, systemEnv, type NewRun, type StartAnswer } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';
import { worlds } from './world.js';

let names = 0;
const fresh = (): string => `many-${++names}`;
const flowOf = (name: string) => workflow({ name, input: type<number>() }, async (_ctx, n) => n);
const range = (n: number): number[] => Array.from({ length: n }, (_, at) => at);
const items = (n: number, prefix?: string): StartItem<number>[] => range(n).map((input) => (
  { input, id: prefix === undefined ? undefined : `${prefix}-${input}` }));

/** A store that keeps the ids of each request, and loses as many replies as it is told. */
class Listed extends MemoryStore {
  readonly requests: string[][] = [];
  lost = 0;

  override async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    this.requests.push(runs.map(({ id }) => id));
    const answers = await super.startRuns(runs);
    if (this.lost-- > 0) throw new DatabaseUnavailableError('no answer');
    return answers;
  }
}

describe.each(await worlds())('on %s', (_name, world) => {
  const { client } = world;
  const idsOf = async (workflow: string): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { id } of client.list({ workflow })) ids.push(id);
    return ids;
  };

  test('in a transaction: the references are in the order given, and exist if it commits', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const given = [5, 3, 9, 1].map((input) => ({ input, id: `${name}-${input}`, priority: 1 }));
    await world.within('rollback', async (tx) => {
      const refs = await client.startMany(tx, flow, given);
      expect(refs.map(({ id }) => id)).toEqual(given.map(({ id }) => id));
    });
    expect(await idsOf(name)).toEqual([]);
    await world.within('commit', async (tx) => {
      const refs = await client.startMany(tx, flow, given);
      expect(refs.map(({ id, workflow }) => [id, workflow])).toEqual(given.map(({ id }) => [id, name]));
      expect(await client.startMany(tx, flow, [])).toEqual([]);
      const made = await client.startMany(tx, flow, new Set(items(2)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(2);
    });
    expect(await idsOf(name)).toHaveLength(6);
  });

  test('in a transaction: of two of an id the first counts, unless that is to fail', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const id = `${name}-x`;
    await world.within('commit', async (tx) => {
      const refs = await client.startMany(tx, flow,
        [{ input: 1, id }, { input: 2, delay: '1h' }, { input: 3, id }]);
      expect(refs[0]).toEqual(refs[2]);
      const error = await failure(client.startMany(tx, flow,
        [{ input: 4, id: `${name}-y` }, { input: 5, id: `${name}-y`, onConflict: 'fail' }]));
      expect(error).toMatchObject({ code: 'RUN_EXISTS', runId: `${name}-y` });
    });
    expect(await idsOf(name)).toHaveLength(2);
    expect((await world.claim(name)).input.text).toBe('1');
  });

  test('in a transaction: bad input in the last of them writes none', async () => {
    const name = fresh();
    const flow = flowOf(name);
    await world.within('commit', async (tx) => {
      const bad = [...items(1_500), { input: (() => 1) as never }];
      expect(await failure(client.startMany(tx, flow, bad))).toMatchObject({ code: 'VALUE_NOT_STORABLE' });
    });
    expect(await idsOf(name)).toEqual([]);
  });

  test('in a transaction: an id of another workflow, or one that may not exist, throws', async () => {
    const name = fresh();
    const flow = flowOf(name);
    await client.start(flow, 1, { id: `${name}-taken` });
    await world.within('rollback', async (tx) => {
      expect(await failure(client.startMany(tx, flowOf(fresh()), [{ input: 1, id: `${name}-taken` }])))
        .toMatchObject({ code: 'RUN_ID_TAKEN' });
      const failing = [{ input: 1, id: `${name}-taken`, onConflict: 'fail' }] as const;
      expect(await failure(client.startMany(tx, flow, failing))).toMatchObject({ code: 'RUN_EXISTS' });
      expect(await client.startMany(tx, flow, [{ input: 1, id: `${name}-taken` }])).toHaveLength(1);
    });
  });

  test('alone: counts what it created and what was there, and tells after each chunk', async () => {
    const name = fresh();
    const flow = flowOf(name);
    await client.startMany(flow, items(300, name));
    const seen: StartProgress<number>[] = [];
    const onProgress = (each: StartProgress<number>): void => void seen.push(each);
    const given = items(2_500, name);
    const counts = await client.startMany(flow, given, { onProgress });
    expect(counts).toEqual({ created: 2_200, existing: 300 });
    expect(seen.map(({ refs }) => refs.length)).toEqual([1_000, 1_000, 500]);
    expect(seen.at(-1)).toMatchObject(counts);
    expect(seen.flatMap(({ refs }) => refs.map(({ id }) => id))).toEqual(given.map(({ id }) => id));
    expect(await idsOf(name)).toHaveLength(2_500);
    expect(await client.startMany(flow, items(3))).toEqual({ created: 3, existing: 0 });
    expect(await client.startMany(flow, [])).toEqual({ created: 0, existing: 0 });
  });

  test('alone: duplicates in the list are there once', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const twice = [...items(5, name), ...items(5, name)];
    expect(await client.startMany(flow, twice)).toEqual({ created: 5, existing: 5 });
    const fail = [{ input: 1, id: `${name}-f` }, { input: 2, id: `${name}-f`, onConflict: 'fail' }] as const;
    expect(await failure(client.startMany(flow, fail))).toMatchObject({ code: 'RUN_EXISTS' });
  });
});

describe('alone', () => {
  function bulk(): { store: Listed; client: ReturnType<typeof createClient> } {
    const store = new Listed();
    return { store, client: createClient({ connection: memoryConnection({ store }) }) };
  }

  test('no more than a chunk is asked of an iterable before that is written', async () => {
    const { store, client } = bulk();
    let asked = 0;
    const ahead: number[] = [];
    async function* source(): AsyncGenerator<StartItem<number>> {
      for (; asked < 3_500;) {
        ahead.push(asked - store.requests.flat().length);
        yield { input: asked++ };
      }
    }
    const onProgress = (): void => void ahead.push(asked - store.requests.flat().length);
    const counts = await client.startMany(flowOf(fresh()), source(), { onProgress });
    expect(counts).toEqual({ created: 3_500, existing: 0 });
    expect(Math.max(...ahead)).toBe(999);
    expect(store.requests.map((ids) => ids.length)).toEqual([1_000, 1_000, 1_000, 500]);
  });

  test('large inputs make small chunks', async () => {
    const { store, client } = bulk();
    const flow = workflow('large', async (_ctx, text: string) => text.length);
    const large = 'x'.repeat(900_000);
    await client.startMany(flow, range(20).map(() => ({ input: large })));
    expect(store.requests.map((ids) => ids.length)).toEqual([9, 9, 2]);
  });

  test('runs of a chunk are written in the order of their ids', async () => {
    const { store, client } = bulk();
    const name = fresh();
    await client.startMany(flowOf(name), items(50, name).reverse());
    const ascending = (given: readonly StartItem<number>[]): string[] => (
      given.map(({ id }) => id!).sort((one, other) => (one < other ? -1 : 1)));
    expect(store.requests).toEqual([ascending(items(50, name))]);
    const tx = store.begin();
    const ids = [...items(2_500, `${name}-tx`)].reverse();
    const written: string[][] = [];
    const { startRuns } = tx;
    tx.startRuns = (runs) => {
      written.push(runs.map(({ id }) => id));
      return startRuns.call(tx, runs);
    };
    await client.startMany(tx as never, flowOf(name), ids);
    expect(written.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
    expect(written.flat()).toEqual(ascending(ids));
  });

  test('a reply that was lost changes nothing but what ids of the caller are counted as', async () => {
    const { store, client } = bulk();
    store.lost = 1;
    expect(await client.startMany(flowOf(fresh()), items(10))).toEqual({ created: 10, existing: 0 });
    store.lost = 1;
    expect(await client.startMany(flowOf(fresh()), items(10, fresh()))).toEqual({ created: 0, existing: 10 });
    expect(store.requests.map((ids) => ids.length)).toEqual([10, 10, 10, 10]);
  });

  test('when the database stays away, DATABASE_UNAVAILABLE', async () => {
    const store = new Listed();
    const hasty = { ...systemEnv, sleep: async () => undefined };
    const client = createClient({ connection: memoryConnection({ store }), env: hasty, deadlineMs: 20 });
    store.lost = Infinity;
    expect(await failure(client.startMany(flowOf(fresh()), items(3))))
      .toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('an abort, and whatever is thrown on the way, leaves the chunks before it', async () => {
    const { store, client } = bulk();
    const flow = flowOf(fresh());
    const breaks: Array<(after: number) => Promise<unknown>> = [
      (after) => {
        const aborting = new AbortController();
        const onProgress = ({ created }: StartProgress): void => {
          if (created === after) aborting.abort(new Error('enough'));
        };
        return client.startMany(flow, items(5_000), { onProgress, abortSignal: aborting.signal });
      },
      (after) => client.startMany(flow, items(5_000), {
        onProgress: async ({ created }) => {
          if (created === after) throw new Error('enough');
        },
      }),
      (after) => client.startMany(flow, (function* source() {
        yield* items(after);
        throw new Error('enough');
      })()),
    ];
    for (const broken of breaks) {
      const before = store.requests.length;
      expect(await failure(broken(2_000))).toMatchObject({ message: 'enough' });
      expect(store.requests.slice(before).map((ids) => ids.length)).toEqual([1_000, 1_000]);
    }
    const aborted = client.startMany(flow, items(1), { abortSignal: AbortSignal.abort(new Error('no')) });
    expect(await failure(aborted)).toMatchObject({ message: 'no' });
  });

  test('an iterable is closed when a run of it is refused', async () => {
    const { client } = bulk();
    let closed = false;
    function* source(): Generator<StartItem<number>> {
      try {
        yield* items(1_500);
        yield { input: 1, priority: 9 };
        yield* items(1_500);
      } finally {
        closed = true;
      }
    }
    expect(await failure(client.startMany(flowOf(fresh()), source())))
      .toMatchObject({ code: 'INVALID_OPTION' });
    expect(closed).toBe(true);
  });

  test.each<readonly [string, unknown, unknown, string]>([
    ['nothing', undefined, undefined, 'INVALID_OPTION'],
    ['null', null, undefined, 'INVALID_OPTION'],
    ['a text', 'abc', undefined, 'INVALID_OPTION'],
    ['an object', {}, undefined, 'INVALID_OPTION'],
    ['null among them', [null], undefined, 'INVALID_OPTION'],
    ['inputs without options', [1, 2], undefined, 'INVALID_OPTION'],
    ['null as options', [], null, 'INVALID_OPTION'],
    ['a text as onProgress', [], { onProgress: 'x' }, 'INVALID_OPTION'],
    ['an object as abortSignal', [], { abortSignal: {} }, 'INVALID_OPTION'],
  ])('%s is refused', async (...[, runs, options, code]) => {
    const { client, store } = bulk();
    const flow = flowOf(fresh());
    expect(await failure(client.startMany(flow, runs as never, options as never))).toMatchObject({ code });
    const within = client.startMany(store.begin() as never, flow, runs as never, options as never);
    expect(await failure(within)).toMatchObject({ code });
  });

  test('what is no workflow, and a client that asks for a transaction, is refused', async () => {
    const { store } = bulk();
    const connection = memoryConnection({ store });
    const strict = createClient({ connection, requireTransaction: true });
    const flow = flowOf(fresh());
    const error = await failure(strict.startMany(flow, items(1)));
    expect(error).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    expect(error.message).toContain('startMany(tx');
    expect(await failure(strict.startMany(store.begin() as never, {} as never, [])))
      .toMatchObject({ code: 'NOT_A_WORKFLOW' });
    expect(await failure(strict.startMany(null as never, flow, [])))
      .toMatchObject({ code: 'NOT_A_TRANSACTION' });
  });
});
