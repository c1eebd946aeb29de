// Close looks: everything that is recorded of a run, and its record page by page.
import assert from 'node:assert/strict';
import type { RecordedEntry } from '../store.js';
import { carried, child, sent, settled, signal, taking, tied } from './mail-scene.js';
import {
  ends, ending, entry, json, longMs, newRun, nothing, only, promise, served, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';
import { cancelOf, detailOf, ended, recordOf } from './verb-scene.js';

/** A part of the record of the first generation of a run: its places. */
async function page(scene: Scene, after: number, limit: number): Promise<string[]> {
  const entries = await scene.store.readEntries({ runId: 'a', generation: 1, after, limit });
  return entries.map(({ place }) => place);
}

/** What readDetails promises. */
const details: readonly StoreCase[] = [
  promise('details: a run that was never claimed is told with what it was started with', async (scene) => {
    const { at } = await scene.start('a', {
      input: json('{"to":"Ada"}'), queue: 'elsewhere', workflow: 'other', priority: -2, timeoutMs: 90_000,
      headers: { h: 'Grüße' }, delayMs: longMs,
    });
    const { createdAt, now, ...detail } = await detailOf(scene, 'a');
    assert.deepEqual(detail, {
      id: 'a', workflow: 'other', status: 'pending', generation: 1, output: nothing, error: null,
      reason: null, queue: 'elsewhere', version: null, priority: -2, input: json('{"to":"Ada"}'),
      headers: { h: 'Grüße' }, parentId: null, timeoutMs: 90_000, startedAt: null, settledAt: null,
      parkedAt: null, calls: [], inbox: [],
      line: { dueAt: at + longMs * 1_000, leased: false, fresh: true, quarantined: false, strikes: 0 },
    });
    assert.ok(createdAt <= at && at <= now, `${createdAt}, ${at}, ${now}`);
  }),
  promise('details: a leased run is told with its lease and its version', async (scene) => {
    await scene.start('a');
    const { runs, at } = await scene.claim({ served: [{ ...served, stamp: 'v1' }], leaseMs: longMs });
    const { line, version, startedAt, headers, priority, timeoutMs, status } = await detailOf(scene, 'a');
    const { dueAt, ...rest } = line ?? {};
    assert.deepEqual(rest, { leased: true, fresh: false, quarantined: false, strikes: 0 });
    assert.ok(Math.abs((dueAt ?? 0) - at - longMs * 1_000) < 1_000_000, 'the end of its lease');
    assert.deepEqual([version, startedAt, headers, priority, timeoutMs, status],
      ['v1', only(runs).firstClaimedAt, {}, 0, null, 'running']);
  }),
  promise('details: a resting run is told with its wait, or that no clock wakes it', async (scene) => {
    const first = await scene.claimed('a');
    const { at } = await scene.done(ending(first, ends.rest(longMs)));
    const resting = { leased: false, fresh: false, quarantined: false, strikes: 0 };
    assert.deepEqual((await detailOf(scene, 'a')).line, { ...resting, dueAt: at + longMs * 1_000 });
    await scene.rest(await scene.claimed('b'));
    const { line, status } = await detailOf(scene, 'b');
    assert.deepEqual([line, status], [{ ...resting, dueAt: Infinity }, 'waiting']);
  }),
  promise('details: a suspect is told with its strikes', async (scene) => {
    await scene.claimed('a');
    await scene.world.expireLease('a');
    const expired = await detailOf(scene, 'a');
    assert.deepEqual([expired.line?.leased, expired.status], [true, 'pending']);
    await scene.claim();
    const { line } = await detailOf(scene, 'a');
    assert.deepEqual([line?.quarantined, line?.strikes, line?.leased], [true, 1, false]);
    await scene.claimOne('a', { suspects: true });
    const claimed = (await detailOf(scene, 'a')).line;
    assert.deepEqual([claimed?.quarantined, claimed?.leased], [true, true]);
  }),
  promise('details: a run that ended or was parked is told with when and how', async (scene) => {
    for (const status of ['completed', 'failed', 'parked'] as const) {
      const run = await ended(scene, status, status);
      const detail = await detailOf(scene, status);
      const [record] = await scene.store.readRuns([status]);
      const { id, workflow, generation, output, error, reason } = detail;
      assert.deepEqual({ id, workflow, status: detail.status, generation, output, error, reason }, record);
      assert.equal(detail.line, null);
      assert.equal(detail.startedAt, run.firstClaimedAt);
      const isParked = status === 'parked';
      const at = isParked ? detail.parkedAt : detail.settledAt;
      assert.equal(isParked ? detail.settledAt : detail.parkedAt, null);
      assert.ok(at !== null && run.firstClaimedAt <= at && at <= detail.now);
    }
  }),
  promise('details: calls are told as histories tell them', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { calls: [
      sleep('1', longMs), sleep('2', 5, { delayMs: null, kind: 'signal' }),
      sleep('3', 5, { kind: 'step', attempt: 2, error: '{}', progress: json('7'), deadlineMs: 9 }),
    ] }));
    const { calls } = await scene.history(run);
    const byPlace = (one: { place: string }, other: { place: string }): number => (
      one.place < other.place ? -1 : 1);
    assert.deepEqual([...(await detailOf(scene, 'a')).calls].sort(byPlace), [...calls].sort(byPlace));
    assert.equal(calls.length, 3);
  }),
  promise('details: what lies in the inbox is counted, box by box', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [
      signal('a', 'm1'), signal('a', 'm2'), signal('a', 'm3', { name: 'stop' }),
      signal('a', 'c1', { kind: 'callback' }), cancelOf('a'), signal('a', 'm4'),
    ]);
    await carried(scene);
    await scene.done(write(run, { entries: [taking('m1', '1')] }));
    const { inbox } = await detailOf(scene, 'a');
    const counts = inbox.map(({ kind, name, count }) => `${kind} ${name} ${count}`).sort();
    assert.deepEqual(counts, ['callback go 1', 'cancel cancel 1', 'signal go 2', 'signal stop 1']);
  }),
  promise('details: a child is told with who started it, a run that was found is not', async (scene) => {
    const parent = await scene.claimed('p');
    await scene.start('found');
    await tied(scene, [child(parent, 'a'), child(parent, 'found')]);
    assert.equal((await detailOf(scene, 'a')).parentId, 'p');
    assert.equal((await detailOf(scene, 'found')).parentId, null);
  }),
  promise('details: those of the runs that are asked for and exist', async (scene) => {
    await scene.store.startRuns(['a', 'b', 'c'].map((id) => newRun(id)));
    const found = await scene.store.readDetails(['c', 'nobody', 'a']);
    assert.deepEqual(found.map(({ id }) => id).sort(), ['a', 'c']);
    assert.deepEqual(await scene.store.readDetails([]), []);
  }),
  promise('details: of the present generation alone', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { calls: [sleep('1', longMs)] }));
    await scene.done(ending(run, { kind: 'continue', input: json('2') }));
    const next = await scene.claimOne('a');
    await scene.done(write(next, { calls: [sleep('7', longMs)] }));
    const { input, calls, startedAt, generation } = await detailOf(scene, 'a');
    assert.deepEqual([input, calls.map(({ place }) => place), startedAt, generation],
      [json('2'), ['7'], next.firstClaimedAt, 2]);
  }),
];

/** What readEntries promises. */
const records: readonly StoreCase[] = [
  promise('record: it comes in the order of positions, page by page', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('10', 12), entry('9', 3), entry('2', 20)] }));
    await scene.done(write(run, { entries: [entry('1', 11), entry('0', 2)] }));
    assert.deepEqual(await page(scene, -1, 100), ['0', '9', '1', '10', '2']);
    assert.deepEqual(await page(scene, -1, 2), ['0', '9']);
    assert.deepEqual(await page(scene, 3, 2), ['1', '10']);
    assert.deepEqual(await page(scene, 4, 1), ['1']);
    assert.deepEqual(await page(scene, 12, 2), ['2']);
    assert.deepEqual(await page(scene, 20, 2), []);
  }),
  promise('record: what has one position is not parted', async (scene) => {
    const run = await scene.claimed('a');
    const mark = (place: string, position: number): ReturnType<typeof entry> => (
      entry(place, position, { kind: 'patch', value: nothing }));
    await scene.done(write(run, { entries: [
      mark('0~x', 0), entry('0', 1), mark('1~x', 1), mark('1~y', 1), entry('1', 2), entry('2', 3),
    ] }));
    assert.deepEqual((await page(scene, -1, 100)).sort(), ['0', '0~x', '1', '1~x', '1~y', '2']);
    assert.deepEqual((await page(scene, -1, 1)).sort(), ['0~x']);
    assert.deepEqual((await page(scene, 0, 1)).sort(), ['0', '1~x', '1~y']);
    assert.deepEqual((await page(scene, -1, 2)).sort(), ['0', '0~x', '1~x', '1~y']);
    assert.deepEqual(await page(scene, 1, 1), ['1']);
    assert.deepEqual(await page(scene, 1, 2), ['1', '2']);
  }),
  promise('record: it is as it was written, in whatever state the run is', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    const entries = [
      entry('0', 1, { value: json('"Grüße 👩‍👩‍👧‍👦"'), tookMs: 2.5 }),
      taking('m1', '2', { attempt: 0, name: 'go' }),
      entry('1', 3, { value: nothing, error: '{"message":"no"}' }),
    ];
    const { at } = await scene.done(write(run, { entries, end: settled('failed', false) }));
    const wanted = entries.map((each): RecordedEntry => ({ ...each, at }))
      .sort((one, other) => one.position - other.position);
    assert.deepEqual(await recordOf(scene, 'a', 1), wanted);
  }),
  promise('record: of one generation of one run', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await scene.done(write(b, { entries: [entry('7', 1)] }));
    await scene.done(write(a, { entries: [entry('0', 1)], end: { kind: 'continue', input: a.input } }));
    await scene.done(write(await scene.claimOne('a'), { entries: [entry('1', 1)] }));
    const places = async (id: string, generation: number): Promise<string[]> => (
      (await recordOf(scene, id, generation)).map(({ place }) => place));
    assert.deepEqual([await places('a', 1), await places('a', 2), await places('a', 3)], [['0'], ['1'], []]);
    assert.deepEqual([await places('b', 1), await places('nobody', 1)], [['7'], []]);
  }),
];

/** What close looks promise. */
export const detailCases: readonly StoreCase[] = [...details, ...records];
