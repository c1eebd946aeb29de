// Progress streams as a client reads them: every chunk once and in order, from any offset, live, to the end
// of the run. The store is driven by hand.
import type { RunHandle } from '@perdure/client';
import { workflow } from '@perdure/core';
import {
  encodeError, systemEnv, type Chunk, type ClaimedRun, type Env, type TurnEnd,
} from '@perdure/core/engine';
import { setMaxListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { failure, until } from '../../testing/test/engine.js';
import { completes, endsWith, json, worlds } from './world.js';

const goesOn: TurnEnd = { kind: 'continue', input: json(null) };

let names = 0;
const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, at) => from + at);
const chunks = (stream: string, numbers: readonly number[]): Chunk[] => (
  numbers.map((seq) => ({ stream, seq, source: '', value: json(`${stream} ${seq}`) })));

/** Reads a stream to its end, or until it has `most` chunks. */
async function all(
  handle: RunHandle, options: { from?: number; most?: number; stream?: string } = {},
): Promise<Array<[number, unknown]>> {
  const { from, most = Infinity, stream = 's' } = options;
  const found: Array<[number, unknown]> = [];
  for await (const { offset, chunk } of handle.stream(stream, { from })) {
    found.push([offset, chunk]);
    if (found.length === most) break;
  }
  return found;
}

const pieces = (numbers: readonly number[]): Array<[number, string]> => numbers.map((n) => [n, `s ${n}`]);

describe.each(await worlds())('on %s', (_name, world) => {
  const { client } = world;

  async function started(): Promise<[RunHandle, ClaimedRun]> {
    const flow = workflow(`streams-${++names}`, async () => 'done');
    const handle = await client.start(flow);
    return [handle, await world.claim(flow.name)];
  }

  test('a settled run: all chunks in order, then the end; from any offset', async () => {
    const [handle, run] = await started();
    await world.write(run, { chunks: chunks('s', range(250)) });
    await world.write(run, { chunks: chunks('s', range(1, 250)), end: completes });
    expect(await all(handle)).toEqual(pieces(range(251)));
    expect(await all(handle, { from: 100 })).toEqual(pieces(range(151, 100)));
    expect(await all(handle, { from: 250 })).toEqual(pieces([250]));
    expect(await all(handle, { from: 251 })).toEqual([]);
    expect(await all(handle, { from: 9_999 })).toEqual([]);
    expect(await all(handle, { stream: 'other' })).toEqual([]);
  });

  test('a chunk has its offset, its value and the instant at which it was written', async () => {
    const [handle, run] = await started();
    await world.write(run, { chunks: chunks('s', [0]), end: completes });
    for await (const piece of handle.stream<string>('s')) {
      expect(piece).toEqual({ generation: 1, offset: 0, chunk: 's 0', at: expect.any(Date) as Date });
      expect(Math.abs(piece.at.getTime() - Date.now())).toBeLessThan(60_000);
    }
  });

  test('live: what comes while one reads, also from another process, and the end', async () => {
    const [handle, run] = await started();
    const reading = all(handle);
    await world.write(run, { chunks: chunks('s', [0, 1]) });
    const late = all(handle, { from: 1 });
    // Nobody hints at these: a reader finds them by itself.
    await world.write(run, { chunks: chunks('s', [2]) });
    await world.write(run, { chunks: chunks('other', [0]) });
    await world.write(run, { chunks: chunks('s', [3, 4]), end: completes });
    expect(await reading).toEqual(pieces(range(5)));
    expect(await late).toEqual(pieces(range(4, 1)));
  });

  test('a run that goes on as new: from generation to generation, no hole, nothing mixed', async () => {
    const [handle, run] = await started();
    const found: string[] = [];
    const reading = (async () => {
      for await (const { generation, offset } of handle.stream('s')) found.push(`${generation}:${offset}`);
    })();
    const { workflow: name } = run;
    let now = run;
    for (const generation of range(3, 1)) {
      await world.write(now, { chunks: chunks('s', range(generation * 2)) });
      if (generation === 1) await until(() => found.length >= 2);
      if (generation === 2) await until(() => found.length >= 7);
      if (generation === 3) break;
      await world.write(now, { chunks: chunks('s', [generation * 2]), end: goesOn });
      now = await world.claim(name);
    }
    const after: string[] = [];
    const address = { generation: 2, from: 3 };
    await world.write(now, { chunks: chunks('s', [6]), end: completes });
    for await (const piece of handle.stream('s', address)) after.push(`${piece.generation}:${piece.offset}`);
    await reading;
    expect(after).toEqual(['2:3', '2:4', ...range(7).map((n) => `3:${n}`)]);
    expect(found.slice(0, 8)).toEqual(['1:0', '1:1', '1:2', '2:0', '2:1', '2:2', '2:3', '2:4']);
    expect(found.slice(8)).toEqual(range(7).map((n) => `3:${n}`));
    expect((await all(handle)).length).toBe(7);
    // Of the generations that have ended only the last one is kept.
    const kept: string[] = [];
    for await (const piece of handle.stream('s', { generation: 1 })) {
      kept.push(`${piece.generation}:${piece.offset}`);
    }
    expect(kept).toEqual([...range(5).map((n) => `2:${n}`), ...range(7).map((n) => `3:${n}`)]);
    for (const generation of [0, 1.5, '1', null]) {
      expect(() => handle.stream('s', { generation: generation as never }))
        .toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
  });

  test('a reader that stops early lets go, and another goes on where it stopped', async () => {
    const [handle, run] = await started();
    await world.write(run, { chunks: chunks('s', range(10)) });
    const first = await all(handle, { most: 4 });
    expect(first).toEqual(pieces(range(4)));
    await world.write(run, { chunks: chunks('s', [10]), end: completes });
    expect(await all(handle, { from: first.length })).toEqual(pieces(range(7, 4)));
  });

  test.each(['failed', 'cancelled'] as const)('of a run that %s: what there is, the end', async (status) => {
    const [handle, run] = await started();
    const end = endsWith(status, encodeError(new Error('no')));
    await world.write(run, { chunks: chunks('s', [0]), end });
    expect(await all(handle)).toEqual(pieces([0]));
  });

  test('of a parked run: what there is, then why it is parked', async () => {
    const [handle, run] = await started();
    const error = encodeError(new Error('its code waits for something that is not a call on ctx'));
    const end = { kind: 'park', reason: 'FOREIGN_AWAIT', error } as const;
    await world.write(run, { chunks: chunks('s', range(120)), end });
    const found: number[] = [];
    const reading = (async () => {
      for await (const { offset } of handle.stream('s')) found.push(offset);
    })();
    expect(await failure(reading))
      .toMatchObject({ name: 'RunParkedError', code: 'FOREIGN_AWAIT', runId: handle.id });
    expect(found).toEqual(range(120));
  });

  test('of a run that does not exist is refused after some seconds', async () => {
    const env = { ...systemEnv, monotonic: () => systemEnv.monotonic() * 100 };
    const hasty = world.clientWith({ env });
    const reading = all(hasty.get({ id: 'nobody', workflow: 'w' }));
    expect(await failure(reading)).toMatchObject({ code: 'RUN_NOT_FOUND', runId: 'nobody' });
  });

  test('ends with the abort signal and with the client', async () => {
    const [handle, run] = await started();
    await world.write(run, { chunks: chunks('s', [0]) });
    const reason = new Error('enough');
    const controller = new AbortController();
    const found: number[] = [];
    const read = async (of: RunHandle, abortSignal?: AbortSignal): Promise<void> => {
      for await (const { offset } of of.stream('s', { abortSignal })) found.push(offset);
    };
    const aborted = failure(read(handle, controller.signal));
    await until(() => found.length === 1);
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    expect(await failure(read(handle, AbortSignal.abort(reason)))).toBe(reason);
    const other = world.clientWith({});
    const closed = failure(read(other.get(handle)));
    await until(() => found.length === 2);
    await other.close();
    expect(await closed).toMatchObject({ code: 'CLIENT_CLOSED', runId: handle.id });
    expect(await failure(read(other.get(handle)))).toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  test('many readers each get everything', async () => {
    const [handle, run] = await started();
    const readers = range(50).map(() => all(handle));
    for (const n of range(20)) await world.write(run, { chunks: chunks('s', [n]) });
    await world.write(run, { end: completes });
    for (const found of await Promise.all(readers)) expect(found).toEqual(pieces(range(20)));
  });

  test.each<readonly [string, unknown, unknown, string]>([
    ['an empty name', '', 0, 'INVALID_NAME'],
    ['a number as name', 7, 0, 'INVALID_NAME'],
    ['half an offset', 's', 1.5, 'INVALID_OPTION'],
    ['a negative offset', 's', -1, 'INVALID_OPTION'],
    ['a text as offset', 's', '1', 'INVALID_OPTION'],
    ['NaN as offset', 's', NaN, 'INVALID_OPTION'],
  ])('%s is refused before anything is read', (...[, name, from, code]) => {
    const handle = client.get({ id: 'x', workflow: 'w' });
    expect(() => handle.stream(name as string, { from: from as number }))
      .toThrow(expect.objectContaining({ code }) as Error);
  });

  test('a chunk that cannot be read is thrown, and the ones before it are not lost', async () => {
    const [handle, run] = await started();
    const broken: Chunk = { stream: 's', seq: 1, source: '', value: { codec: 'json', text: '{broken' } };
    await world.write(run, { chunks: [...chunks('s', [0]), broken], end: completes });
    const found: number[] = [];
    const reading = (async () => {
      for await (const { offset } of handle.stream('s')) found.push(offset);
    })();
    expect(await failure(reading)).toMatchObject({ name: 'PayloadError', code: 'VALUE_UNREADABLE' });
    expect(found).toEqual([0]);
  });
});

const [[, memory]] = await worlds() as [Awaited<ReturnType<typeof worlds>>[0]];

describe('the pace of a reader', () => {
  async function started(): Promise<[RunHandle, ClaimedRun]> {
    const flow = workflow(`pace-${++names}`, async () => 1);
    const handle = await memory.client.start(flow);
    return [handle, await memory.claim(flow.name)];
  }

  test('its pauses grow to a second while nothing comes, and begin again when something has', async () => {
    const [handle, run] = await started();
    const ladder = [50, 100, 200, 400, 800];
    const pauses: number[] = [];
    // Every pause is over at once. The watcher of results has others.
    const env = { ...systemEnv, idle: async (ms: number) => {
      pauses.push(ms);
      await systemEnv.idle(0);
    } };
    const reading = all(memory.clientWith({ env }).get(handle));
    const climbed = (): number[] => pauses.filter((ms) => ladder.includes(ms));
    await until(() => climbed().length === 5 && pauses.filter((ms) => ms === 1_000).length > 2);
    expect(climbed()).toEqual(ladder);
    await memory.write(run, { chunks: chunks('s', [0]) });
    await until(() => climbed().length === 10);
    expect(climbed()).toEqual([...ladder, ...ladder]);
    await memory.write(run, { end: completes });
    expect(await reading).toEqual(pieces([0]));
  });

  test('hints of its run end a pause, and however many there are, none costs a read of its own', async () => {
    const [handle, run] = await started();
    // A pause for its own sake never ends.
    const idle: Env['idle'] = (ms, signal) => systemEnv.idle(ms > 5 ? 1e9 : ms, signal);
    const env = { ...systemEnv, idle };
    const client = memory.clientWith({ env });
    const { hints, store } = memory.connection;
    const read = store.readChunks.bind(store);
    let reads = 0;
    store.readChunks = (from) => {
      reads++;
      return read(from);
    };
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const found: number[] = [];
    const reading = failure((async () => {
      const stream = client.get(handle).stream('s', { abortSignal: stop.signal });
      for await (const { offset } of stream) found.push(offset);
    })());
    await until(() => reads > 0);
    for (const seq of range(20)) {
      await memory.write(run, { chunks: chunks('s', [seq]) });
      for (const _ of range(100)) hints.published(new Set([handle.id, 'another']));
      await until(() => found.length === seq + 1);
    }
    // Each write is found by one look; some are followed by a second one, for a hint that came meanwhile.
    expect(reads).toBeLessThanOrEqual(60);
    await memory.write(run, { chunks: chunks('s', [20]) });
    await until(() => reads > 20);
    const before = reads;
    for (const _ of range(100)) hints.published(new Set(['another']));
    await systemEnv.idle(20);
    expect(reads).toBeLessThanOrEqual(before + 1);
    store.readChunks = read;
    stop.abort();
    await reading;
  });
});
