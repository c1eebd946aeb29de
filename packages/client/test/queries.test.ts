// What a client finds: runs by workflow, status and attributes, page by page; and how they ended. The store
// is driven by hand.
import type { RunHandle, RunSearch } from '@perdure/client';
import { RunCancelledError, RunFailedError, workflow, WorkflowError } from '@perdure/core';
import { encodeError, type AttributeValue, type ClaimedRun } from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';
import { completes, endsWith, worlds } from './world.js';

let names = 0;

describe.each(await worlds())('on %s', (_name, world) => {
  const { client } = world;
  const fresh = (): string => `finds-${++names}`;
  const flowOf = (name: string) => workflow(name, async () => 'done');

  async function started(name: string, id?: string): Promise<[RunHandle, ClaimedRun]> {
    const handle = await client.start(flowOf(name), undefined, { id });
    return [handle, await world.claim(name)];
  }
  const set = (run: ClaimedRun, attributes: Record<string, AttributeValue | null>): Promise<void> => (
    world.write(run, { attributes: Object.entries(attributes).map(([name, value]) => ({ name, value })) }));
  const found = async (search: RunSearch): Promise<string[]> => (
    (await client.query(search)).runs.map(({ id }) => id));

  test('attributes are what was last set, of every type', async () => {
    const [handle, run] = await started(fresh());
    expect(await handle.attributes()).toEqual({});
    const due = new Date('2026-01-02T03:04:05.678Z');
    await set(run, { customer: 'Ada', total: 3.5, vip: true, due, old: 1 });
    await set(run, { old: null, total: -4 });
    expect(await handle.attributes()).toEqual({ customer: 'Ada', total: -4, vip: true, due });
    expect(await failure(client.get({ id: 'nobody', workflow: 'w' }).attributes()))
      .toMatchObject({ code: 'RUN_NOT_FOUND', runId: 'nobody' });
  });

  test('a query finds runs whose attributes have these values, and no others', async () => {
    const name = fresh();
    const due = new Date(1_700_000_000_123);
    const given = [
      { customer: 'Ada', total: 3, vip: true, due }, { customer: 'Ada', total: 4, vip: false },
      { customer: 'ada', total: 3, due: new Date(0) }, { customer: '3' }, {},
    ];
    for (const [index, attributes] of given.entries()) {
      const [, run] = await started(name, `${name}-${index}`);
      await set(run, attributes as Record<string, AttributeValue>);
    }
    const numbers = async (attributes: Record<string, AttributeValue>): Promise<string> => (
      (await found({ workflow: name, attributes })).map((id) => id.at(-1)).join(''));
    expect(await numbers({ customer: 'Ada' })).toBe('01');
    expect(await numbers({ customer: 'Ada', total: 4 })).toBe('1');
    expect(await numbers({ total: 3 })).toBe('02');
    expect(await numbers({ vip: false })).toBe('1');
    expect(await numbers({ due })).toBe('0');
    expect(await numbers({ customer: '3' })).toBe('3');
    // The type counts.
    expect(await numbers({ total: '3' })).toBe('');
    expect(await numbers({ customer: 3 })).toBe('');
    expect(await numbers({ vip: 'true' })).toBe('');
    expect(await numbers({ colour: 'red' })).toBe('');
    expect(await numbers({})).toBe('01234');
  });

  test('a query finds runs by status and workflow, and shows them as they are', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const [done, first] = await started(name, `${name}-done`);
    await set(first, { customer: 'Ada' });
    await world.write(first, { end: completes });
    const [gone, second] = await started(name, `${name}-gone`);
    await world.write(second, { end: endsWith('failed', encodeError(new Error('no'))) });
    const [parked, third] = await started(name, `${name}-parked`);
    const error = encodeError(new Error('x'));
    await world.write(third, { end: { kind: 'park', reason: 'POISONED', error } });
    const [runs] = await started(name, `${name}-runs`);
    const waits = await client.start(flow, undefined, { id: `${name}-waits`, delay: '1 hour' });
    expect(await found({ workflow: flow })).toEqual([done, gone, parked, runs, waits].map(({ id }) => id));
    expect(await found({ workflow: flow, status: 'running' })).toEqual([runs.id]);
    expect(await found({ workflow: flow, status: ['failed', 'parked'] })).toEqual([gone.id, parked.id]);
    expect(await found({ workflow: flow, status: 'pending' })).toEqual([waits.id]);
    expect(await found({ workflow: flow, status: [] })).toEqual([]);
    expect(await found({ workflow: `${name}-other` })).toEqual([]);
    const { runs: [shown], cursor } = await client.query({ workflow: name, status: 'completed' });
    expect(cursor).toBe(null);
    expect(shown).toEqual({
      id: done.id, workflow: name, status: 'completed', attributes: { customer: 'Ada' }, queue: 'default',
      version: null, generation: 1, reason: null,
      createdAt: expect.any(Date) as Date, settledAt: expect.any(Date) as Date,
    });
    expect(shown!.settledAt!.getTime()).toBeGreaterThanOrEqual(shown!.createdAt.getTime());
    expect(Math.abs(shown!.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect((await client.query({ workflow: name, status: 'running' })).runs[0]?.settledAt).toBe(null);
    expect(await client.get(shown!).result()).toBe('done');
  });

  test('pages follow each other without a gap, in the order of ids, and so does the list', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const ids = Array.from({ length: 205 }, (_, at) => `${name}-${String(at).padStart(3, '0')}`);
    await Promise.all([...ids].reverse().map((id) => client.start(flow, undefined, { id })));
    const pages: number[] = [];
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof client.query>> = (
        await client.query({ workflow: flow, limit: 41, cursor: cursor ?? undefined }));
      pages.push(page.runs.length);
      seen.push(...page.runs.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids);
    expect(pages).toEqual([41, 41, 41, 41, 41]);
    const listed: string[] = [];
    for await (const { id } of client.list({ workflow: flow, status: 'pending' })) listed.push(id);
    expect(listed).toEqual(ids);
    const few: string[] = [];
    for await (const { id } of client.list({ workflow: flow })) {
      few.push(id);
      if (few.length === 3) break;
    }
    expect(few).toEqual(ids.slice(0, 3));
    expect((await client.query({ workflow: flow })).runs.length).toBe(100);
    expect((await client.query({ workflow: flow, limit: 205 })).cursor).toBe(null);
  });

  test('a query finds runs by queue, version, reason, parent and time of creation', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const [apart, other] = [`${name}-apart`, `${name}-other`];
    await client.start(flow, undefined, { id: `${name}-0`, queue: apart });
    await client.start(flow, undefined, { id: `${name}-1`, queue: other });
    const { runs: [first, second] } = await client.query({ workflow: flow });
    expect([first?.queue, second?.queue]).toEqual([apart, other]);
    expect(await found({ queue: apart })).toEqual([first?.id]);
    const [, third] = await started(name, `${name}-2`);
    const child = {
      id: `${name}-3`, workflow: name, queue: 'default', input: { codec: 'json', text: null },
    } as const;
    await world.connection.store.tieChildren([{
      lease: third.lease, place: '1', childId: child.id, run: child, parentClose: 'default', watch: false,
    }]);
    expect(await found({ parent: third.lease.runId })).toEqual([child.id]);
    expect(await found({ parent: client.get(flow, third.lease.runId), queue: apart })).toEqual([]);
    const error = encodeError(new Error('x'));
    await world.write(third, { end: { kind: 'park', reason: 'POISONED', error } });
    expect(await found({ workflow: name, reason: 'POISONED' })).toEqual([third.lease.runId]);
    expect(await found({ workflow: name, reason: 'NONDETERMINISM' })).toEqual([]);
    expect((await client.query({ reason: 'POISONED', workflow: name })).runs[0])
      .toMatchObject({ status: 'parked', reason: 'POISONED', generation: 1, version: null });
    expect(await found({ workflow: name, version: 'v1' })).toEqual([]);
    const { createdAt } = first!;
    const [before, after] = [createdAt.getTime() - 1, Date.now() + 60_000].map((at) => new Date(at));
    expect(await found({ workflow: name, createdAfter: before, createdBefore: after })).toHaveLength(4);
    expect(await found({ workflow: name, createdBefore: before })).toEqual([]);
    expect(await found({ workflow: name, createdAfter: after })).toEqual([]);
  });

  test('a query finds runs by their ids, page by page, with everything else that it says', async () => {
    const name = fresh();
    const flow = flowOf(name);
    const ids = Array.from({ length: 120 }, (_, at) => `${name}-${String(at).padStart(3, '0')}`);
    await Promise.all(ids.map((id, at) => client.start(flow, undefined,
      { id, queue: at % 2 === 0 ? 'default' : `${name}-odd` })));
    const asked = [...ids.slice(10, 90).reverse(), 'nobody', ids[10]!];
    expect(await found({ ids: asked })).toEqual(ids.slice(10, 90));
    expect(await found({ ids: asked, queue: `${name}-odd` }))
      .toEqual(ids.slice(10, 90).filter((_, at) => at % 2 === 1));
    const { cursor, runs } = await client.query({ ids: asked, limit: 60 });
    expect(runs.map(({ id }) => id)).toEqual(ids.slice(10, 70));
    expect(await found({ ids: asked, limit: 60, cursor: cursor! })).toEqual(ids.slice(70, 90));
    expect(await found({ ids: [] })).toEqual([]);
  });

  test.each<readonly [string, RunSearch, string]>([
    ['no limit', { limit: 0 }, 'INVALID_OPTION'],
    ['a limit that is too high', { limit: 1_001 }, 'INVALID_OPTION'],
    ['half a limit', { limit: 1.5 }, 'INVALID_OPTION'],
    ['a text as limit', { limit: '10' as never }, 'INVALID_OPTION'],
    ['an unknown status', { status: 'lost' as never }, 'INVALID_OPTION'],
    ['an unknown status among others', { status: ['failed', 'live' as never] }, 'INVALID_OPTION'],
    ['an empty cursor', { cursor: '' }, 'INVALID_NAME'],
    ['NUL in the cursor', { cursor: '\0' }, 'INVALID_NAME'],
    ['an empty workflow name', { workflow: '' }, 'INVALID_NAME'],
    ['something that is no workflow', { workflow: {} as never }, 'NOT_A_WORKFLOW'],
    ['an object as attribute', { attributes: { a: {} as never } }, 'INVALID_ATTRIBUTE'],
    ['null as attribute', { attributes: { a: null as never } }, 'INVALID_ATTRIBUTE'],
    ['NaN as attribute', { attributes: { a: NaN } }, 'INVALID_ATTRIBUTE'],
    ['an invalid Date as attribute', { attributes: { a: new Date(NaN) } }, 'INVALID_ATTRIBUTE'],
    ['an empty name of an attribute', { attributes: { '': 1 } }, 'INVALID_NAME'],
    ['a list as attributes', { attributes: ['x'] as never }, 'INVALID_OPTION'],
    ['null', null as never, 'INVALID_OPTION'],
    ['a text', 'failed' as never, 'INVALID_OPTION'],
    ['a filter that is misspelt', { worflow: 'x' } as never, 'INVALID_OPTION'],
    ['a number as status', { status: 5 as never }, 'INVALID_OPTION'],
    ['null as workflow', { workflow: null as never }, 'NOT_A_WORKFLOW'],
    ['an empty queue', { queue: '' }, 'INVALID_NAME'],
    ['a number as version', { version: 2 as never }, 'INVALID_NAME'],
    ['an empty reason', { reason: '' }, 'INVALID_NAME'],
    ['null as parent', { parent: null as never }, 'INVALID_NAME'],
    ['a parent without an id', { parent: {} as never }, 'INVALID_NAME'],
    ['a text as instant', { createdAfter: '2026-01-01' as never }, 'INVALID_TIME'],
    ['an invalid Date as instant', { createdBefore: new Date(NaN) }, 'INVALID_TIME'],
    ['one id that is no list', { ids: 'run-1' as never }, 'INVALID_OPTION'],
    ['an empty id', { ids: ['a', ''] }, 'INVALID_NAME'],
  ])('%s is refused', async (...[, search, code]) => {
    expect(await failure(client.query(search))).toMatchObject({ code });
  });

  describe('the result of a run', () => {
    test('that was cancelled says why, once', async () => {
      const [handle, run] = await started(fresh());
      const thrown = new RunCancelledError(handle.id, 'the customer changed his mind');
      await world.write(run, { end: endsWith('cancelled', encodeError(thrown)) });
      const error = await failure<RunCancelledError>(handle.result());
      expect(error).toBeInstanceOf(RunCancelledError);
      expect(error).toMatchObject({
        code: 'RUN_CANCELLED', runId: handle.id, reason: 'the customer changed his mind',
        message: `Run '${handle.id}' was cancelled: the customer changed his mind`,
      });
      expect(await handle.status()).toBe('cancelled');
    });

    test('that was cancelled by something else than its own error says that', async () => {
      const [handle, run] = await started(fresh());
      await world.write(run, { end: endsWith('cancelled', encodeError(new Error('by hand'))) });
      expect(await failure(handle.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'by hand' });
    });

    test('that passed its time limit failed with RUN_TIMEOUT', async () => {
      const [handle, run] = await started(fresh());
      const thrown = new WorkflowError('RUN_TIMEOUT', 'too late', { runId: handle.id });
      await world.write(run, { end: endsWith('failed', encodeError(thrown)) });
      const error = await failure(handle.result());
      expect(error).toBeInstanceOf(RunFailedError);
      expect(error).toMatchObject({ code: 'RUN_FAILED', cause: { code: 'RUN_TIMEOUT', runId: handle.id } });
      expect(await handle.status()).toBe('failed');
    });
  });
});
