// Many runs by a filter: which are chosen, what verbs do to them page by page, and what they count.
import { createClient, type BulkProgress, type Client, type RunHandle } from '@perdure/client';
import { DatabaseUnavailableError, workflow, type Workflow } from '@perdure/core';
import {
  encodeError, MemoryStore, systemEnv, type RunListed, type RunQuery, type VerbAnswer,
} from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';
import { fresh, shaky, stages } from './operated-stage.js';
import { completes, endsWith, worlds } from './world.js';

const flowOf = (name: string): Workflow<void, void, string> => workflow(name, async () => 'done');
const error = encodeError(new Error('no'));
const parks = { kind: 'park', reason: 'POISONED', error } as const;

describe.each(await worlds())('on %s', (_name, world) => {
  const { client } = world;

  /** Runs of one workflow in these states, in the order of their ids. */
  async function runsIn(name: string, ...states: string[]): Promise<RunHandle[]> {
    const runs: RunHandle[] = [];
    for (const [at, state] of states.entries()) {
      runs.push(await client.start(flowOf(name), undefined, { id: `${name}-${at}` }));
      if (state === 'pending') continue;
      const claimed = await world.claim(name);
      if (state === 'completed') await world.write(claimed, { end: completes });
      else if (state === 'parked') await world.write(claimed, { end: parks });
      else if (state !== 'running') await world.write(claimed, { end: endsWith(state as 'failed', error) });
    }
    return runs;
  }
  const statuses = (runs: RunHandle[]): Promise<string[]> => Promise.all(runs.map((run) => run.status()));

  test('counts, and passes over what a verb does not fit', async () => {
    const name = fresh();
    const runs = await runsIn(name, 'completed', 'failed', 'cancelled', 'parked', 'running', 'pending');
    const chosen = client.select({ workflow: name });
    expect(await chosen.count()).toBe(6);
    expect(await chosen.resume()).toEqual({ done: 1, skipped: 5, failures: 0, failed: [] });
    expect(await chosen.cancel('all of them')).toMatchObject({ done: 3, skipped: 3 });
    expect(await chosen.retry()).toMatchObject({ done: 2, skipped: 4 });
    expect((await statuses(runs)).join(' ')).toBe('completed pending pending pending running pending');
    expect(await chosen.retry({ from: 'start' })).toMatchObject({ done: 1, skipped: 5 });
    expect(await chosen.terminate('enough')).toMatchObject({ done: 6, skipped: 0 });
    expect(await statuses(runs)).toEqual(Array.from({ length: 6 }, () => 'failed'));
    await world.connection.store.carry({ limit: 100, terminated: '' });
    expect(await chosen.delete()).toMatchObject({ done: 6, skipped: 0 });
    expect(await chosen.count()).toBe(0);
    expect(await chosen.delete()).toEqual({ done: 0, skipped: 0, failures: 0, failed: [] });
  });

  test('chooses by all that the filter says, and nobody else', async () => {
    const name = fresh();
    const [, failed, , other] = await runsIn(name, 'completed', 'failed', 'running', 'failed');
    await runsIn(fresh(), 'failed');
    expect(await client.select({ workflow: name, status: 'failed' }).count()).toBe(2);
    expect(await client.select({ workflow: name, status: 'failed', ids: [failed!.id, 'nobody'] }).retry())
      .toMatchObject({ done: 1, skipped: 0 });
    expect(await statuses([failed!, other!])).toEqual(['pending', 'failed']);
  });

  test('a reason reaches the runs that are cancelled, in its own words', async () => {
    const name = fresh();
    await client.start(flowOf(name));
    await client.select({ workflow: name }).cancel('closing time');
    const run = await world.claim(name);
    expect(await world.inbox(run, 'cancel')).toMatchObject([{ payload: { text: '"closing time"' } }]);
    expect(await failure(client.select({ workflow: name }).cancel(5 as never)))
      .toMatchObject({ code: 'INVALID_OPTION' });
    expect(await failure(client.select({ workflow: name }).terminate(undefined as never)))
      .toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe.each(await stages())('with workers, on %s', (_name, { client, failed, work }) => {
  test('what failed is begun anew, each run with its own record; what cannot be is told', async () => {
    const { flow, facts } = shaky();
    const odd = workflow({ name: flow.name, retry: 1 }, async (ctx) => {
      await ctx.step('else', () => {
        throw new Error('not here');
      });
    });
    const worker = await work(odd);
    const other = await client.start(odd);
    await failure(other.result());
    await worker.stop({ timeout: 0 });
    await work(flow);
    const runs = await Promise.all(Array.from({ length: 5 }, () => failed(flow)));
    facts.broken = false;
    facts.calls.length = 0;
    const result = await client.select({ workflow: flow }).retry({ from: 'second' });
    expect(result).toMatchObject({ done: 5, skipped: 0, failures: 1 });
    expect(result.failed).toMatchObject([{ id: other.id, error: { code: 'FORK_UNKNOWN' } }]);
    await Promise.all(runs.map(async (run) => expect(await run.result()).toBe('a-1-2-3')));
    expect(facts.calls.filter((name) => name === 'first')).toEqual([]);
  });
});

describe('a filter', () => {
  const client = createClient({ connection: memoryConnection() });

  test.each([
    [{}], [{ attributes: {} }], [{ workflow: undefined, status: undefined }], [{ all: false }], [undefined],
  ])('that says nothing is refused: %o', (filter) => {
    expect(() => client.select(filter as never)).toThrow(expect.objectContaining({ code: 'INVALID_FILTER' }));
  });

  test('that says nothing chooses every run if it says that', async () => {
    await client.start(flowOf('any'));
    expect(await client.select({ all: true }).count()).toBe(1);
    expect(await client.select({ ids: [] }).count()).toBe(0);
    expect(await client.select({ status: [] }).count()).toBe(0);
  });

  test.each<readonly [unknown, string]>([
    [null, 'INVALID_OPTION'], ['failed', 'INVALID_OPTION'], [{ staus: 'failed' }, 'INVALID_OPTION'],
    [{ status: 'lost' }, 'INVALID_OPTION'], [{ queue: '' }, 'INVALID_NAME'], [{ limit: 5 }, 'INVALID_OPTION'],
    [{ all: true, ids: null }, 'INVALID_OPTION'], [{ parent: null }, 'INVALID_NAME'],
  ])('%o is refused at once', (filter, code) => {
    expect(() => client.select(filter as never)).toThrow(expect.objectContaining({ code }));
  });

  const bad: ReadonlyArray<readonly [unknown]> = [[null], ['x'], [{ onProgress: 5 }], [{ abortSignal: {} }]];
  test.each(bad)('options %o are refused', async (options) => {
    const chosen = client.select({ workflow: 'w' });
    for (const verb of [
      () => chosen.retry(options as never), () => chosen.resume(options as never),
      () => chosen.cancel('x', options as never), () => chosen.terminate('x', options as never),
      () => chosen.delete(options as never), () => chosen.count(options as never),
    ]) {
      expect(await failure(verb())).toMatchObject({ code: 'INVALID_OPTION' });
    }
  });
});

describe('page by page', () => {
  /** Counts what is asked for and sent, and has trouble as it is told. */
  class Watched extends MemoryStore {
    readonly pages: number[] = [];
    readonly sent: number[] = [];
    lost = 0;

    override async queryRuns(query: RunQuery): Promise<readonly RunListed[]> {
      const found = await super.queryRuns(query);
      this.pages.push(found.length);
      return found;
    }

    override async terminateRuns(ids: readonly string[], why: string): Promise<readonly VerbAnswer[]> {
      this.sent.push(ids.length);
      const answers = await super.terminateRuns(ids, why);
      if (this.lost-- > 0) throw new DatabaseUnavailableError('no answer');
      return answers;
    }
  }

  const hasty = { ...systemEnv, sleep: (ms: number) => systemEnv.sleep(ms / 100) };

  async function many(count: number, deadlineMs = 1_000): Promise<{ store: Watched; client: Client }> {
    const store = new Watched();
    const client = createClient({ connection: memoryConnection({ store }), env: hasty, deadlineMs });
    await client.startMany(flowOf('paged'), Array.from({ length: count }, () => ({})));
    return { store, client };
  }

  test('a thousand runs a statement, and progress after each', async () => {
    const { store, client } = await many(2_300);
    const seen: BulkProgress[] = [];
    const onProgress = (progress: BulkProgress): void => void seen.push(progress);
    const result = await client.select({ workflow: 'paged' }).terminate('x', { onProgress });
    expect(result).toEqual({ done: 2_300, skipped: 0, failures: 0, failed: [] });
    expect(seen.map(({ done }) => done)).toEqual([1_000, 2_000, 2_300]);
    expect([store.pages, store.sent]).toEqual([[1_000, 1_000, 300], [1_000, 1_000, 300]]);
    expect(await client.select({ status: 'failed' }).count()).toBe(2_300);
  });

  test('an abort, or what onProgress throws, ends it before the next page', async () => {
    const { client } = await many(2_300);
    const chosen = client.select({ workflow: 'paged', status: 'pending' });
    const aborting = new AbortController();
    const onProgress = (): void => aborting.abort(new Error('enough'));
    expect(await failure(chosen.terminate('x', { onProgress, abortSignal: aborting.signal })))
      .toMatchObject({ message: 'enough' });
    expect(await chosen.count()).toBe(1_300);
    const stops = (): Promise<void> => Promise.reject(new Error('stop'));
    expect(await failure(chosen.terminate('x', { onProgress: stops }))).toMatchObject({ message: 'stop' });
    expect(await chosen.count()).toBe(300);
    expect(await chosen.terminate('x')).toMatchObject({ done: 300 });
  });

  test('a reply that was lost is made up for; what stays lost is DATABASE_UNAVAILABLE', async () => {
    const { store, client } = await many(20, 30);
    const chosen = client.select({ workflow: 'paged' });
    store.lost = 1;
    expect(await chosen.terminate('x')).toMatchObject({ done: 20, skipped: 0 });
    await client.startMany(flowOf('lost'), [{}]);
    store.lost = Infinity;
    expect(await failure(client.select({ workflow: 'lost' }).terminate('x')))
      .toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('runs that somebody holds are told, the first hundred of them', async () => {
    const { store, client } = await many(250, 50);
    const { runs } = await client.query({ limit: 250 });
    for (const { id } of runs.slice(0, 120)) store.lockRow(id);
    const result = await client.select({ workflow: 'paged' }).terminate('x');
    expect(result).toMatchObject({ done: 130, skipped: 0, failures: 120 });
    expect(result.failed.map(({ id }) => id)).toEqual(runs.slice(0, 100).map(({ id }) => id));
    expect(result.failed[0]?.error).toMatchObject({ code: 'RUN_BLOCKED' });
  });
});
