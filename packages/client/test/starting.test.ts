// What a start can say, and what becomes of it: in memory and on PostgreSQL. The store is driven by hand.
import { createClient, type OnConflict, type RunHandle, type StartOptions } from '@perdure/client';
import { type, workflow, type Workflow } from '@perdure/core';
import { encodeError, systemEnv, type ClaimedRun } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from '../../testing/test/engine.js';
import { completes, endsWith, json, worlds } from './world.js';

let names = 0;
const fresh = (): string => `starts-${++names}`;
const flowOf = (name: string): Workflow<void, void, string> => workflow(name, async () => 'done');
const error = encodeError(new Error('no'));

describe.each(await worlds())('on %s', (_name, world) => {
  const { client } = world;

  async function claim(name: string, queue = 'default', limit = 10): Promise<readonly ClaimedRun[]> {
    const served = [{ queue, workflow: name, version: null, stamp: null }];
    const { runs } = await world.connection.store.claim({
      claimId: systemEnv.newToken(), served, limit, suspects: false, leaseMs: 600_000, sweep: true,
    });
    return runs;
  }

  test('a run stands in the queue that its start names, else in that of its workflow', async () => {
    const name = fresh();
    const [own, other] = [`${name}-own`, `${name}-other`];
    const flow = workflow({ name, queue: own }, async () => 'done');
    const first = await client.start(flow);
    const second = await client.start(flow, undefined, { queue: other });
    expect((await claim(name, own)).map(({ lease }) => lease.runId)).toEqual([first.id]);
    expect((await claim(name, other)).map(({ lease }) => lease.runId)).toEqual([second.id]);
  });

  test('of runs that are due, those of a higher priority are claimed before all others', async () => {
    const name = fresh();
    const flow = flowOf(name);
    for (const priority of [0, -2, 2, undefined, -1, 1]) {
      await client.start(flow, undefined, { priority, id: `${name}/${String(priority)}` });
    }
    const order: string[] = [];
    for (let n = 0; n < 6; n++) {
      const [run] = await claim(name, 'default', 1);
      order.push(run!.lease.runId.split('/')[1]!);
    }
    expect(order).toEqual(['2', '1', '0', 'undefined', '-1', '-2']);
  });

  test('headers are carried to the claim as they are', async () => {
    const name = fresh();
    const headers = { traceparent: '00-4bf9-01', 'ünï': 'x'.repeat(4_000), '': '' };
    await client.start(flowOf(name), undefined, { headers });
    headers.traceparent = 'changed';
    const [run] = await claim(name);
    expect(run?.headers).toEqual({ ...headers, traceparent: '00-4bf9-01' });
    await client.start(flowOf(name));
    expect((await claim(name))[0]?.headers).toEqual({});
  });

  test('a run has attributes from the beginning: of its workflow, and over them of its start', async () => {
    const name = fresh();
    const input = z.object({ order: z.string(), total: z.coerce.number() });
    const flow = workflow({
      name, input, attributes: ({ order, total }) => ({ order, total, large: total > 100 }),
    }, async () => 'done');
    const run = await client.start(flow, { order: 'o-1', total: '120' },
      { attributes: { large: false, by: 'me' } });
    expect(await run.attributes()).toEqual({ order: 'o-1', total: 120, large: false, by: 'me' });
    const { runs } = await client.query({ workflow: name, attributes: { total: 120, by: 'me' } });
    expect(runs.map(({ id }) => id)).toEqual([run.id]);
    const plain = await client.start(flow, { order: 'o-2', total: 1 });
    expect(await plain.attributes()).toEqual({ order: 'o-2', total: 1, large: false });
    await world.within('commit', async (tx) => {
      const ref = await client.start(tx, flow, { order: 'o-3', total: 2 }, { id: `${name}-tx` });
      expect(ref.id).toBe(`${name}-tx`);
    });
    expect(await client.get(flow, `${name}-tx`).attributes())
      .toEqual({ order: 'o-3', total: 2, large: false });
    // What the first start said stays.
    await client.start(flow, { order: 'o-9', total: 9 }, { id: run.id, attributes: { by: 'you' } });
    expect(await run.attributes()).toMatchObject({ order: 'o-1', by: 'me' });
  });

  test.each<readonly [string, StartOptions, string]>([
    ['null', null as never, 'INVALID_OPTION'],
    ['a text', 'now' as never, 'INVALID_OPTION'],
    ['an empty queue', { queue: '' }, 'INVALID_NAME'],
    ['a queue that is no text', { queue: 5 as never }, 'INVALID_NAME'],
    ['a priority above 2', { priority: 3 }, 'INVALID_OPTION'],
    ['half a priority', { priority: 0.5 }, 'INVALID_OPTION'],
    ['a text as priority', { priority: '1' as never }, 'INVALID_OPTION'],
    ['NaN as priority', { priority: NaN }, 'INVALID_OPTION'],
    ['null as headers', { headers: null as never }, 'INVALID_OPTION'],
    ['a list as headers', { headers: ['a'] as never }, 'INVALID_OPTION'],
    ['a header that is no text', { headers: { a: 1 as never } }, 'INVALID_OPTION'],
    ['NUL in a header', { headers: { a: '\0' } }, 'INVALID_OPTION'],
    ['half a pair in the name of a header', { headers: { '\ud800': 'x' } }, 'INVALID_OPTION'],
    ['65 headers', { headers: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [at, ''])) },
      'INVALID_OPTION'],
    ['headers of more than 8 KiB', { headers: { a: 'x'.repeat(8_200) } }, 'INVALID_OPTION'],
    ['null as attribute', { attributes: { a: null as never } }, 'INVALID_ATTRIBUTE'],
    ['an object as attribute', { attributes: { a: {} as never } }, 'INVALID_ATTRIBUTE'],
    ['null as attributes', { attributes: null as never }, 'INVALID_OPTION'],
    ['an unknown conflict', { onConflict: 'replace' as never }, 'INVALID_OPTION'],
    ['delay and startAt', { delay: 1, startAt: new Date() }, 'INVALID_OPTION'],
  ])('%s is refused before anything is written', async (...[, options, code]) => {
    const flow = flowOf(fresh());
    expect(await failure(client.start(flow, undefined, options))).toMatchObject({ code });
    await world.within('commit', async (tx) => {
      expect(await failure(client.start(tx, flow, undefined, options))).toMatchObject({ code });
    });
    expect((await client.query({ workflow: flow })).runs).toEqual([]);
  });

  test('attributes of a workflow that are no object are refused', async () => {
    for (const given of [null, 'x', ['x'], Promise.resolve({})]) {
      const flow = workflow({ name: fresh(), attributes: () => given as never }, async () => 'done');
      expect(await failure(client.start(flow))).toMatchObject({ code: 'INVALID_OPTION' });
    }
  });

  describe("onConflict: 'restart-if-failed'", () => {
    const taking = (name: string): Workflow<number, number, string> => (
      workflow({ name, input: type<number>() }, async () => 'done'));
    const again = { onConflict: 'restart-if-failed' } as const;

    async function ended(name: string, status: 'failed' | 'cancelled'): Promise<RunHandle> {
      const run = await client.start(taking(name), 1, { id: name });
      await world.write((await claim(name))[0]!, {
        attributes: [{ name: 'old', value: true }], end: endsWith(status, error),
      });
      return run;
    }

    test.each(['failed', 'cancelled'] as const)('begins a run anew that %s', async (status) => {
      const name = fresh();
      const run = await ended(name, status);
      expect(await run.status()).toBe(status);
      const restarted = await client.start(taking(name), 2, { id: name, ...again, headers: { n: '2' } });
      expect(restarted.id).toBe(name);
      expect(await restarted.status()).toBe('pending');
      const [claimed] = await claim(name);
      expect(claimed).toMatchObject({
        input: json(2), headers: { n: '2' }, lease: { runId: name, generation: 2 },
      });
      await world.write(claimed!, { end: completes });
      expect(await restarted.result()).toBe('done');
    });

    test('gives back every other run, and throws for one of another workflow', async () => {
      const name = fresh();
      const run = await client.start(taking(name), 1, { id: name, ...again });
      const [first] = await claim(name);
      await client.start(taking(name), 2, { id: name, ...again });
      expect(await run.status()).toBe('running');
      await world.write(first!, { end: completes });
      await client.start(taking(name), 3, { id: name, ...again });
      expect(await run.status()).toBe('completed');
      const other = fresh();
      await ended(other, 'failed');
      expect(await failure(client.start(taking(name), 1, { id: other, ...again })))
        .toMatchObject({ code: 'RUN_ID_TAKEN', runId: other });
      expect(await client.get({ id: other, workflow: other }).status()).toBe('failed');
    });

    test('in a transaction, it has begun anew if that commits', async () => {
      const name = fresh();
      const run = await ended(name, 'failed');
      await world.within('rollback', async (tx) => {
        await client.start(tx, taking(name), 2, { id: name, ...again });
      });
      expect(await run.status()).toBe('failed');
      await world.within('commit', async (tx) => {
        await client.start(tx, taking(name), 3, { id: name, ...again });
      });
      expect((await claim(name))[0]).toMatchObject({ input: json(3), lease: { generation: 2 } });
    });

    test('asked for many times at once, it begins anew once', async () => {
      const name = fresh();
      await ended(name, 'cancelled');
      const others = Array.from({ length: 5 }, () => world.clientWith({}));
      const runs = await Promise.all(others.flatMap((each) => [1, 2, 3].map((input) => (
        each.start(taking(name), input, { id: name, ...again })))));
      expect(new Set(runs.map(({ id }) => id))).toEqual(new Set([name]));
      const claimed = await claim(name);
      expect(claimed.map(({ lease }) => lease.generation)).toEqual([2]);
      expect(await claim(name)).toEqual([]);
    });
  });

  test.each<OnConflict>(['use-existing', 'fail'])('%s leaves a failed run as it is', async (onConflict) => {
    const name = fresh();
    const run = await client.start(flowOf(name), undefined, { id: name });
    await world.write((await claim(name))[0]!, { end: endsWith('failed', error) });
    await client.start(flowOf(name), undefined, { id: name, onConflict }).catch(() => undefined);
    expect(await run.status()).toBe('failed');
  });
});

test('a run is born leased with its headers; one that may begin anew never is', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  const adopted: unknown[] = [];
  let offers = 0;
  connection.adopters.add({
    offer: () => ({ claimId: `claim-${++offers}`, leaseMs: 1_000, version: null }),
    adopt: (...given) => void adopted.push(given),
  });
  await client.start(flowOf('born'), undefined, { id: 'a', headers: { trace: 't' } });
  expect(adopted).toMatchObject([['claim-1', { id: 'a', headers: { trace: 't' } }]]);
  await client.start(flowOf('born'), undefined, { id: 'b', onConflict: 'restart-if-failed' });
  expect(offers).toBe(1);
  expect(await client.get(flowOf('born'), 'b').status()).toBe('pending');
});
