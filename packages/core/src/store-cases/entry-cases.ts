// Entries and calls: what is recorded, and that it is recorded once.
import assert from 'node:assert/strict';
import type { NewPendingCall, RecordedCall } from '../store.js';
import { ends, ending, entry, json, longMs, nothing, promise, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';

const tenYearsMs = 10 * 365 * 86_400_000;

function recorded({ place, kind, name, attempt, error }: NewPendingCall, dueAt: number): RecordedCall {
  return { place, kind, name, attempt, error, dueAt, progress: null, deadlineAt: null };
}

/** What commit promises of entries and calls. */
export const entryCases: readonly StoreCase[] = [
  promise('entries: what was written is read, with the instant of the answer', async (scene) => {
    const run = await scene.claimed('a');
    const entries = [
      entry('0', 1), entry('1', 2, { kind: 'sleep', value: json(null), attempt: 0 }),
      entry('2', 3, { value: { codec: 'superjson', text: '{"json":1}' }, attempt: 4, tookMs: 90_000 }),
      entry('3/0', 4, { value: json(null), error: '{"message":"no"}' }),
    ];
    const { at } = await scene.done(write(run, { entries }));
    const history = await scene.history(run);
    assert.deepEqual(history, { entries: entries.map((each) => ({ ...each, at })), calls: [], streams: [] });
  }),
  promise('entries: the first write of a place wins', async (scene) => {
    const run = await scene.claimed('a');
    const { at } = await scene.done(write(run, { entries: [entry('0', 1)] }));
    await scene.done(write(run, {
      entries: [entry('0', 7, { name: 'other', value: json('"other"'), error: 'other' }), entry('1', 2)],
    }));
    const { entries } = await scene.history(run);
    assert.deepEqual(entries[0], { ...entry('0', 1), at });
    assert.deepEqual(entries.map(({ place }) => place), ['0', '1']);
  }),
  promise('entries: recording leaves the lease as it is', async (scene) => {
    const run = await scene.claimed('a');
    const due = await scene.nextDue();
    await scene.answered('done', write(run, { entries: [entry('0', 1)] }));
    assert.equal(await scene.nextDue(), due);
    await scene.answered('done', write(run, { entries: [entry('1', 2)], end: ends.settle() }));
    assert.deepEqual(await scene.places(run), ['0', '1']);
  }),
  promise('entries: an item with a value over the limit is refused whole', async (scene) => {
    const run = await scene.claimed('a');
    const large = json(`"${'x'.repeat(1_600_000)}"`);
    const item = { entries: [entry('0', 1), entry('1', 2, { value: large })], calls: [sleep('2', 5)] };
    await scene.answered('refused', write(run, { ...item, end: ends.rest(0) }));
    await scene.answered('refused', write(run, { end: ends.settle(large.text) }));
    assert.deepEqual(await scene.history(run), { entries: [], calls: [], streams: [] });
    assert.equal(await scene.status('a'), 'running');
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('entries: a value of exactly 1 MiB is stored', async (scene) => {
    const run = await scene.claimed('a');
    const value = json(`"${'x'.repeat(1_048_574)}"`);
    const entries = [entry('0', 1, { value })];
    await scene.answered('done', write(run, { entries, end: ends.settle(value.text) }));
    assert.equal((await scene.history(run)).entries[0]?.value.text, value.text);
    assert.equal((await scene.store.readRuns(['a']))[0]?.output.text, value.text);
  }),
  promise('entries: an item with a NUL character is refused whole, wherever it stands', async (scene) => {
    const run = await scene.claimed('a');
    const nul = '"a\0b"';
    const entries = [entry('0', 1, { value: json(nul) }), entry('1', 2)];
    await scene.answered('refused', write(run, { entries }));
    await scene.answered('refused', write(run, { entries: [entry('0', 1, { error: nul })] }));
    await scene.answered('refused', write(run, { calls: [sleep('0', 5, { error: nul })] }));
    await scene.answered('refused', write(run, { entries: [entry('0', 1)], end: ends.settle(nul) }));
    await scene.answered('refused', write(run, { end: { kind: 'park', reason: 'POISONED', error: nul } }));
    assert.deepEqual(await scene.history(run), { entries: [], calls: [], streams: [] });
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('calls: they are due exactly their delay after the answer, however long', async (scene) => {
    const run = await scene.claimed('a');
    const calls = [sleep('0', 1), sleep('1', 2 ** 31 + 5), sleep('2', tenYearsMs), sleep('3', 0)];
    const { at } = await scene.done(write(run, { calls }));
    const dues = calls.map((call) => recorded(call, at + (call.delayMs ?? 0) * 1_000));
    const found = (await scene.history(run)).calls;
    assert.deepEqual([...found].sort((one, other) => Number(one.place) - Number(other.place)), dues);
  }),
  promise("calls: a caller's instant is stored as it is", async (scene) => {
    const run = await scene.claimed('a');
    const [past, future] = [Date.UTC(2001, 1, 3, 4, 5, 6, 7), Date.UTC(2120, 0, 1, 0, 0, 0, 1)];
    const calls = [past, future].map((atMs, index) => sleep(String(index), 0, { delayMs: null, atMs }));
    await scene.done(write(run, { calls }));
    const found = (await scene.history(run)).calls;
    const dues = new Map(found.map(({ place, dueAt }) => [place, dueAt]));
    assert.deepEqual([dues.get('0'), dues.get('1')], [past * 1_000, future * 1_000]);
  }),
  promise('calls: a later write of a place changes it', async (scene) => {
    const run = await scene.claimed('a');
    const failed = { kind: 'step', name: 'charge', error: '{"message":"no"}' } as const;
    await scene.done(write(run, { calls: [sleep('0', 5, { ...failed, attempt: 1 }), sleep('1', 5)] }));
    const second = sleep('0', longMs, { ...failed, attempt: 2 });
    const { at } = await scene.done(write(run, { calls: [second] }));
    const { calls } = await scene.history(run);
    assert.equal(calls.length, 2);
    const found = calls.find(({ place }) => place === '0');
    assert.deepEqual(found, recorded(second, at + longMs * 1_000));
  }),
  promise('calls: the last of two writes of a place in one item holds', async (scene) => {
    const run = await scene.claimed('a');
    const calls = [1, 2, 3].map((attempt) => sleep('0', attempt * 1_000, { kind: 'step', attempt }));
    await scene.answered('done', write(run, { calls }));
    assert.deepEqual((await scene.history(run)).calls.map(({ attempt }) => attempt), [3]);
  }),
  promise('calls: what an attempt told of its progress is kept, and replaced', async (scene) => {
    const run = await scene.claimed('a');
    const progress = { codec: 'superjson', text: '{"json":50}' } as const;
    await scene.done(write(run, { calls: [sleep('0', 5, { progress }), sleep('1', 5)] }));
    const told = async (): Promise<unknown> => {
      const { calls } = await scene.history(run);
      return new Map(calls.map((call) => [call.place, call.progress]));
    };
    assert.deepEqual(await told(), new Map([['0', progress], ['1', null]]));
    await scene.done(write(run, { calls: [sleep('0', 5), sleep('1', 5, { progress: nothing })] }));
    assert.deepEqual(await told(), new Map([['0', null], ['1', nothing]]));
    const nul = sleep('1', 5, { progress: json('"\0"') });
    await scene.answered('refused', write(run, { calls: [nul], entries: [entry('2', 1)] }));
    assert.deepEqual([await told(), await scene.places(run)], [new Map([['0', null], ['1', nothing]]), []]);
  }),
  promise('calls: a last chance counts from the answer, and stays until another is given', async (scene) => {
    const run = await scene.claimed('a');
    const { at } = await scene.done(write(run, {
      calls: [sleep('0', 5, { deadlineMs: tenYearsMs }), sleep('1', 5)],
    }));
    const deadlines = async (): Promise<unknown> => {
      const { calls } = await scene.history(run);
      return new Map(calls.map((call) => [call.place, call.deadlineAt]));
    };
    const first = at + tenYearsMs * 1_000;
    assert.deepEqual(await deadlines(), new Map([['0', first], ['1', null]]));
    await scene.world.advance(5);
    const again = await scene.done(write(run, { calls: [sleep('0', 9), sleep('1', 9, { deadlineMs: 7 })] }));
    assert.deepEqual(await deadlines(), new Map([['0', first], ['1', again.at + 7_000]]));
  }),
  promise('calls: one that waits for no clock is due never', async (scene) => {
    const run = await scene.claimed('a');
    const call = sleep('0', 0, { kind: 'signal', delayMs: null });
    await scene.done(write(run, { calls: [call] }));
    assert.deepEqual((await scene.history(run)).calls, [recorded(call, Infinity)]);
  }),
  promise('calls: a closed one is gone, and no other', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { calls: [sleep('0', 5), sleep('1', 5)] }));
    await scene.answered('done', write(run, { entries: [entry('0', 1)], closed: ['0', 'unknown'] }));
    assert.deepEqual((await scene.history(run)).calls.map(({ place }) => place), ['1']);
  }),
  promise('calls: one that is written and closed by the same item is gone', async (scene) => {
    const run = await scene.claimed('a');
    const calls = [sleep('0', 5, { kind: 'step', attempt: 1 })];
    await scene.answered('done', write(run, { calls, closed: ['0'], entries: [entry('0', 1)] }));
    assert.deepEqual((await scene.history(run)).calls, []);
  }),
  promise('calls: a settlement removes them, a park keeps them', async (scene) => {
    const settles = await scene.claimed('a');
    await scene.done(write(settles, { calls: [sleep('0', 5)] }));
    await scene.done(ending(settles, ends.settle()));
    assert.deepEqual((await scene.history(settles)).calls, []);
    const parks = await scene.claimed('b');
    await scene.done(write(parks, { calls: [sleep('0', 5), sleep('1', 5)] }));
    await scene.done(write(parks, { end: ends.park(), closed: ['1'] }));
    assert.deepEqual((await scene.history(parks)).calls.map(({ place }) => place), ['0']);
  }),
  promise('calls: those of one run are not touched by another', async (scene) => {
    const first = await scene.claimed('a');
    const second = await scene.claimed('b');
    await scene.done(write(first, { entries: [entry('0', 1)], calls: [sleep('1', 5)] }));
    await scene.done(write(second, { calls: [sleep('1', 5)] }));
    await scene.done(write(second, { closed: ['1'], end: ends.settle() }));
    assert.deepEqual((await scene.history(first)).calls.map(({ place }) => place), ['1']);
    assert.deepEqual(await scene.places(second), []);
  }),
];
