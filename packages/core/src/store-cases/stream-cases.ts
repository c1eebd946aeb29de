// Streams: chunks are appended with the writes of a run, once, and read from any number on.
import assert from 'node:assert/strict';
import type { Chunk, RecordedChunk, StreamHead, TurnExtras } from '../store.js';
import { texts } from './read-cases.js';
import { ends, entry, json, promise, write, type Scene } from './scene.js';
import type { StoreCase } from './store-world.js';

/** A chunk of the workflow function. */
function chunk(seq: number, more: Partial<Chunk> = {}): Chunk {
  return { stream: 'log', seq, source: '', value: json(`"${seq}"`), ...more };
}

/** Chunks as a write appends them. */
function appending(...chunks: Chunk[]): TurnExtras {
  return { attributes: [], chunks };
}

/** What is read of a stream of the run 'a'. */
async function read(scene: Scene, from = 0, stream = 'log'): Promise<readonly RecordedChunk[]> {
  return scene.store.readChunks({ runId: 'a', stream, from, limit: 1_000 });
}

/** The numbers of what is read. */
async function numbers(scene: Scene, from = 0, stream = 'log'): Promise<number[]> {
  return (await read(scene, from, stream)).map(({ seq }) => seq);
}

function byName(heads: readonly StreamHead[]): StreamHead[] {
  return [...heads].sort((one, other) => (one.stream < other.stream ? -1 : 1));
}

/** What chunks promise. */
export const streamCases: readonly StoreCase[] = [
  promise('streams: what was appended is read in order, with the instant of the answer', async (scene) => {
    const run = await scene.claimed('a');
    const value = { codec: 'superjson', text: '{"json":1}' } as const;
    const first = [chunk(0), chunk(1, { source: '3/k/1', value })];
    const { at } = await scene.done(write(run, { more: appending(...first), entries: [entry('1', 1)] }));
    const second = appending(chunk(3), chunk(2));
    const { at: later } = await scene.done(write(run, { more: second, end: ends.rest() }));
    assert.deepEqual(await read(scene), [
      ...first.map((each) => ({ ...each, at })), { ...chunk(2), at: later }, { ...chunk(3), at: later }]);
  }),
  promise('streams: the order is that of numbers, not of texts', async (scene) => {
    const run = await scene.claimed('a');
    const chunks = Array.from({ length: 120 }, (_, index) => chunk(index));
    await scene.done(write(run, { more: appending(...chunks.slice(60), ...chunks.slice(0, 60)) }));
    assert.deepEqual(await numbers(scene), chunks.map(({ seq }) => seq));
  }),
  promise('streams: a reader begins where it wants, and gets no more than it asks for', async (scene) => {
    const run = await scene.claimed('a');
    const chunks = Array.from({ length: 9 }, (_, index) => chunk(index));
    await scene.done(write(run, { more: appending(...chunks) }));
    assert.deepEqual(await numbers(scene, 6), [6, 7, 8]);
    assert.deepEqual(await numbers(scene, 9), []);
    const page = await scene.store.readChunks({ runId: 'a', stream: 'log', from: 2, limit: 3 });
    assert.deepEqual(page.map(({ seq }) => seq), [2, 3, 4]);
    assert.deepEqual(await numbers(scene, 0, 'none'), []);
    assert.deepEqual(await scene.store.readChunks({ runId: 'b', stream: 'log', from: 0, limit: 9 }), []);
  }),
  promise('streams: a chunk that is sent again is there once, as it was first', async (scene) => {
    const run = await scene.claimed('a');
    const { at } = await scene.done(write(run, { more: appending(chunk(0), chunk(1)) }));
    await scene.world.advance(5);
    const other = chunk(1, { source: '4', value: json('"other"') });
    await scene.done(write(run, { more: appending(chunk(0), other, chunk(2)) }));
    const found = await read(scene);
    assert.deepEqual(found.slice(0, 2), [{ ...chunk(0), at }, { ...chunk(1), at }]);
    assert.deepEqual(found.map(({ seq }) => seq), [0, 1, 2]);
    const item = write(run, { more: appending(chunk(3)), end: ends.rest(0) });
    await scene.done(item);
    await scene.answered('already-done', item);
    assert.deepEqual(await numbers(scene), [0, 1, 2, 3]);
  }),
  promise('streams: the next owner learns how far they have come', async (scene) => {
    const run = await scene.claimed('a');
    const other = chunk(0, { stream: 'other', source: '2' });
    const more = appending(chunk(0), chunk(1, { source: '2' }), other, chunk(2));
    await scene.done(write(run, { more }));
    await scene.done(write(run, { more: appending(chunk(3)), end: ends.rest(0) }));
    const { streams } = await scene.history(await scene.claimOne('a'));
    assert.deepEqual(byName(streams), [
      { stream: 'log', count: 4, fromWorkflow: 3 }, { stream: 'other', count: 1, fromWorkflow: 0 }]);
  }),
  promise('streams: they are apart by run, by name and by generation', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await scene.store.commit([
      write(a, { more: appending(chunk(0), chunk(0, { stream: 'other', value: json('"other"') })) }),
      write(b, { more: appending(chunk(0, { value: json('"of b"') })) }),
    ]);
    const next = { ...a.lease, generation: 2 };
    await scene.done(write(next, { more: appending(chunk(0, { value: json('"next"') }), chunk(1)) }));
    const [log] = await read(scene);
    const [other] = await read(scene, 0, 'other');
    assert.deepEqual([log?.value.text, other?.value.text], ['"0"', '"other"']);
    assert.deepEqual(await numbers(scene), [0], 'of the present generation');
    const heads = await Promise.all([a.lease, next, b.lease].map(async (lease) => (
      (await scene.history(lease)).streams.map(({ count }) => count))));
    assert.deepEqual(heads, [[1, 1], [2], [1]]);
  }),
  promise('streams: a write that does not happen appends nothing', async (scene) => {
    const lost = await scene.claimed('a');
    const run = await scene.suspect('a');
    const more = appending(chunk(0));
    await scene.answered('lost', write(lost, { more }));
    await scene.answered('refused', write(run, { more, entries: [entry('1', 1, { error: 'a\0b' })] }));
    const nul = appending(chunk(0), chunk(1, { value: json('"\0"') }));
    await scene.answered('refused', write(run, { more: nul, entries: [entry('1', 1)] }));
    const release = await scene.world.lockRow('a');
    await scene.answered('busy', write(run, { more }));
    await release();
    assert.deepEqual([await read(scene), (await scene.history(run)).streams], [[], []]);
    assert.deepEqual(await scene.places(run), []);
    await scene.answered('done', write(run, { more }));
    assert.deepEqual(await numbers(scene), [0]);
  }),
  promise('streams: they outlive the run, and are gone with its rows', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { more: appending(chunk(0)), end: ends.settle() }));
    assert.deepEqual(await numbers(scene), [0]);
    await scene.world.forget('a');
    await scene.start('a');
    assert.deepEqual(await read(scene), []);
  }),
  promise('streams: every text comes back byte for byte', async (scene) => {
    const run = await scene.claimed('a');
    const chunks = texts.map((text, seq) => chunk(seq, { value: json(text) }));
    await scene.done(write(run, { more: appending(...chunks) }));
    assert.deepEqual((await read(scene)).map(({ value }) => value.text), [...texts]);
  }),
];
