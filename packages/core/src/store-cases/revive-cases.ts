// Runs that begin anew in their next generation, with a part of their record.
import assert from 'node:assert/strict';
import type { RecordedEntry } from '../store.js';
import {
  carried, child, emitted, event, inboxOf, mailOf, sent, settled, signal, subscribed, taking, tied, waitFor,
} from './mail-scene.js';
import {
  ends, ending, entry, json, longMs, nothing, only, promise, served, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';
import {
  cancelOf, detailOf, ended, everyStatus, over, overs, ownsNoMore, recordOf, revival, revived, told,
} from './verb-scene.js';

/** What reviveRuns promises of the runs themselves. */
const anew: readonly StoreCase[] = [
  ...overs.map((status) => promise(`revive: a run that is ${status} begins anew`, async (scene) => {
    const run = await scene.claimed('a', { input: json('1') });
    const calls = [sleep('1', longMs)];
    await scene.done(write(run, { entries: [entry('0', 1)], calls, end: over(status) }));
    await scene.world.advance(5);
    await revived(scene, 'a');
    const detail = await detailOf(scene, 'a');
    assert.deepEqual([detail.status, detail.generation, detail.output, detail.error, detail.reason],
      ['pending', 2, nothing, null, null]);
    assert.deepEqual([detail.settledAt, detail.parkedAt, detail.startedAt], [null, null, null]);
    const again = await scene.claimOne('a');
    assert.deepEqual([again.lease.generation, again.input, again.fresh], [2, json('1'), false]);
    assert.ok(again.firstClaimedAt > run.firstClaimedAt);
    assert.equal(again.createdAt, run.createdAt);
    assert.deepEqual(await scene.history(again), { entries: [], calls: [], streams: [] });
    await scene.answered('done', ending(again, ends.settle('2')));
    assert.deepEqual(only(await scene.store.readRuns(['a'])).output, json('2'));
  })),
  promise('revive: with another input, or the one it has', async (scene) => {
    await ended(scene, 'a', 'failed');
    await revived(scene, 'a', { input: json('{"edited":true}') });
    const run = await scene.claimOne('a');
    assert.deepEqual(run.input, json('{"edited":true}'));
    await scene.done(ending(run, ends.park()));
    await revived(scene, 'a', { generation: 2 });
    const again = await scene.claimOne('a');
    assert.deepEqual([again.input, again.lease.generation], [json('{"edited":true}'), 3]);
  }),
  promise('revive: by a version, or by the next that claims it', async (scene) => {
    await scene.start('a');
    const stamping = { ...served, stamp: 'v1' };
    const kinds = { served: [stamping, { ...served, version: 'v2', stamp: 'v2' }] };
    await scene.done(ending(await scene.claimOne('a', { served: [stamping] }), ends.park()));
    await revived(scene, 'a', { version: 'v2' });
    assert.equal((await detailOf(scene, 'a')).version, 'v2');
    assert.deepEqual(await scene.claimIds({ served: [stamping] }), []);
    const run = await scene.claimOne('a', kinds);
    assert.equal(run.version, 'v2');
    await scene.done(ending(run, ends.park()));
    await revived(scene, 'a', { generation: 2, version: null });
    assert.equal((await scene.claimOne('a', kinds)).version, 'v1');
  }),
  promise('revive: a live run, and one of another generation, is left as it is', async (scene) => {
    const running = await everyStatus(scene);
    const ids = ['running', 'waiting', 'pending', 'nobody'];
    const before = await scene.store.readRuns(ids);
    const answers = await scene.store.reviveRuns(ids.map((id) => revival(id, { input: json('2') })));
    assert.deepEqual(answers, ids.map((status) => (
      status === 'nobody' ? { kind: 'no-run' } : { kind: 'unfit', status })));
    assert.deepEqual(await scene.store.readRuns(ids), before);
    await scene.answered('done', ending(running, ends.settle()));
    for (const generation of [0, 2]) {
      await told(scene.store.reviveRuns([revival('failed', { generation })]),
        { kind: 'unfit', status: 'failed' });
    }
    assert.equal(await scene.status('failed'), 'failed');
  }),
  promise('revive: several at once, each with its answer', async (scene) => {
    for (const id of ['a', 'b', 'c', 'd']) await ended(scene, id, 'failed');
    const answers = await scene.store.reviveRuns([
      revival('d', { entries: [{ ...entry('0', 1), at: 5_000_000 }] }), revival('nobody'),
      revival('b', { input: json('"nul \0"') }), revival('a', { generation: 7 }),
      revival('c', { entries: [{ ...entry('9', 1), at: 7_000_000 }], input: json('"c"') }),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['done', 'no-run', 'refused', 'unfit', 'done']);
    const { runs } = await scene.claim();
    const records = await Promise.all(runs.map(async (run) => (
      [run.lease.runId, [await scene.places(run), run.input.text]] as const)));
    assert.deepEqual(new Map(records), new Map([['c', [['9'], '"c"']], ['d', [['0'], '"input of d"']]]));
    assert.equal(await scene.status('b'), 'failed');
    assert.deepEqual(await scene.store.reviveRuns([]), []);
  }),
  promise('revive: asked again it does it once', async (scene) => {
    await ended(scene, 'a', 'failed');
    const wish = revival('a');
    await told(scene.store.reviveRuns([wish]), { kind: 'done' });
    await told(scene.store.reviveRuns([wish]), { kind: 'unfit', status: 'pending' });
    await scene.done(ending(await scene.claimOne('a'), ends.settle()));
    await told(scene.store.reviveRuns([wish]), { kind: 'unfit', status: 'completed' });
    assert.equal(only(await scene.store.readRuns(['a'])).generation, 2);
  }),
  promise('revive: who owned it writes nothing any more', async (scene) => {
    for (const status of overs) {
      const run = await ended(scene, status, status);
      await revived(scene, status);
      await ownsNoMore(scene, run);
      const again = await scene.claimOne(status);
      assert.ok(run.lease.epoch < again.before && again.before < again.lease.epoch);
      await ownsNoMore(scene, run);
      await ownsNoMore(scene, { ...run.lease, generation: 2 });
      await scene.answered('done', ending(again, ends.settle()));
    }
  }),
  promise('revive: its strikes are forgotten', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    await scene.done(ending(await scene.suspect('a'), ends.park('POISONED')));
    await revived(scene, 'a');
    const again = await scene.claimOne('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [0, 0]);
  }),
];

/** Runs of the next generation, with this record. */
async function begunWith(scene: Scene, entries: readonly RecordedEntry[]): Promise<void> {
  await ended(scene, 'a', 'failed');
  await revived(scene, 'a', { entries });
}

/** What it promises of the record and of mail. */
const kept: readonly StoreCase[] = [
  promise('revive: what it keeps is kept by value, with its instants', async (scene) => {
    const run = await scene.claimed('a');
    const first = [
      entry('0', 1, { kind: 'sleep', name: 'nap', attempt: 2, tookMs: 17.5 }),
      entry('1', 2, { value: nothing, error: '{"message":"Grüße"}' }),
      entry('2', 3, { kind: 'transaction', value: { codec: 'superjson', text: '{"json":1}' } }),
    ];
    await scene.done(write(run, { entries: first }));
    await scene.world.advance(5);
    await scene.done(write(run, { entries: [entry('3', 9), entry('4', 10)] }));
    await scene.done(ending(run, settled('failed', false)));
    const record = await recordOf(scene, 'a', 1);
    const entries = record.slice(0, 4);
    await scene.world.advance(5);
    await revived(scene, 'a', { entries });
    assert.deepEqual(await recordOf(scene, 'a', 2), entries);
    const again = await scene.claimOne('a');
    assert.equal(again.fresh, false);
    assert.deepEqual((await scene.history(again)).entries, entries);
    const other = entry('4', 10, { value: json('"new"') });
    await scene.done(write(again, { entries: [other], end: ends.settle() }));
    const second = await recordOf(scene, 'a', 2);
    assert.deepEqual(second.slice(0, 4), entries);
    assert.deepEqual(second[4]?.value, json('"new"'));
  }),
  promise('revive: a mark and an answer may have one position', async (scene) => {
    const mark = { ...entry('1~new', 1), kind: 'patch' as const, value: nothing, at: 3_000_000 };
    const answer = { ...entry('0', 1), at: 2_000_001 };
    await begunWith(scene, [answer, mark]);
    const entries = await recordOf(scene, 'a', 2);
    const byPlace = [...entries].sort((one, other) => (one.place < other.place ? -1 : 1));
    assert.deepEqual(byPlace, [answer, mark]);
  }),
  promise('revive: a value that the database refuses changes nothing', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1'), cancelOf('a')]);
    await scene.done(write(run, {
      entries: [taking('m1', '1')], calls: [sleep('2', longMs)], end: ends.park() }));
    const at = 1_000_000;
    for (const more of [
      { entries: [{ ...entry('0', 1, { value: json('"nul \0"') }), at }] },
      { entries: [{ ...entry('0', 1, { value: nothing, error: 'nul \0' }), at }] },
      { input: json('"nul \0"') },
    ]) {
      assert.equal(only(await scene.store.reviveRuns([revival('a', more)])).kind, 'refused');
    }
    const { status, generation, calls, inbox } = await detailOf(scene, 'a');
    assert.deepEqual([status, generation, calls.length, inbox.length], ['parked', 1, 1, 1]);
  }),
  promise('revive: what waited waits no more', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { calls: [sleep('1', longMs)] }));
    await subscribed(scene, [waitFor(run)]);
    await scene.done(ending(run, ends.park()));
    await revived(scene, 'a');
    const again = await scene.claimOne('a');
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, again), []);
    assert.deepEqual((await scene.history(run)).calls, []);
  }),
  promise('revive: signals whose answers are not kept lie in the inbox again, in order', async (scene) => {
    const run = await scene.claimed('a');
    for (const id of ['m5', 'm2', 'm4', 'm1', 'm3']) await sent(scene, [signal('a', id)]);
    const taken = [taking('m4', '1'), taking('m5', '2'), taking('m1', '3'), taking('m3', '4')];
    await scene.done(write(run, { entries: taken, end: settled('failed', false) }));
    const record = await recordOf(scene, 'a', 1);
    await revived(scene, 'a', { entries: record.slice(0, 1) });
    const again = await scene.claimOne('a');
    assert.deepEqual(await inboxOf(scene, again), ['m5', 'm2', 'm1', 'm3']);
    await sent(scene, [signal('a', 'm4'), signal('a', 'm5'), signal('a', 'm6')]);
    assert.deepEqual(await inboxOf(scene, again), ['m5', 'm2', 'm1', 'm3', 'm6']);
    await scene.answered('done', write(again, { entries: [taking('m5', '2')] }));
    assert.deepEqual(await inboxOf(scene, again), ['m2', 'm1', 'm3', 'm6']);
  }),
  promise('revive: a signal that lies in the inbox again is as it was sent', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1', { name: 'stop', payload: json('{"by":"Ada"}') })]);
    const { messages: before } = await mailOf(scene, run);
    await scene.done(write(run, { entries: [taking('m1', '1')], end: settled('failed', false) }));
    await revived(scene, 'a');
    const again = await scene.claimOne('a');
    assert.deepEqual((await mailOf(scene, again)).messages, before);
    assert.deepEqual((await detailOf(scene, 'a')).inbox, [{ kind: 'signal', name: 'stop', count: 1 }]);
  }),
  promise('revive: what a record that was kept took is given back by the next one', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(write(run, { entries: [taking('m1', '1')], end: settled('failed', false) }));
    await revived(scene, 'a', { entries: await recordOf(scene, 'a', 1) });
    await scene.done(ending(await scene.claimOne('a'), settled('failed', false)));
    await revived(scene, 'a', { generation: 2 });
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('a')), ['m1']);
  }),
  promise('revive: what a generation before took is gone with it', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1'), signal('a', 'm2')]);
    await scene.done(write(run, {
      entries: [taking('m1', '1')], end: { kind: 'continue', input: run.input } }));
    const next = await scene.claimOne('a');
    await scene.done(write(next, { entries: [taking('m2', '1')], end: settled('failed', false) }));
    await revived(scene, 'a', { generation: 2 });
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('a')), ['m2']);
  }),
  promise('revive: a cancel is forgotten, taken or not, and can be sent again', async (scene) => {
    for (const isTaken of [true, false]) {
      const id = `run ${isTaken}`;
      const run = await scene.claimed(id);
      await sent(scene, [cancelOf(id)]);
      await carried(scene);
      const entries = isTaken ? [taking('cancel', '1', { kind: 'cancel' })] : [];
      await scene.done(write(run, { entries, end: settled('cancelled', false) }));
      await revived(scene, id);
      const again = await scene.claimOne(id);
      assert.deepEqual(await inboxOf(scene, again), []);
      await sent(scene, [cancelOf(id)]);
      assert.deepEqual(await carried(scene), [id]);
      assert.equal(only((await mailOf(scene, again)).messages).kind, 'cancel');
      assert.equal((await scene.done(ending(again, ends.renew()))).wake, true);
    }
  }),
];

/** What it promises of others. */
const among: readonly StoreCase[] = [
  promise('revive: a parent hears of the first end and of no other', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a')]);
    await scene.done(ending(await scene.claimOne('a'), settled('failed', false)));
    assert.deepEqual(await carried(scene), ['p']);
    await revived(scene, 'a');
    await scene.done(ending(await scene.claimOne('a'), settled('completed', false)));
    assert.deepEqual(await carried(scene), []);
    assert.equal(only((await mailOf(scene, parent)).messages).outcome, 'failed');
  }),
  promise('revive: of a parked run, who waits hears and children are closed at its end', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a')]);
    const run = await scene.claimOne('a');
    await tied(scene, [child(run, 'b', { parentClose: 'terminate', watch: false })]);
    await scene.claimOne('b');
    await scene.done(ending(run, ends.park()));
    await revived(scene, 'a');
    await carried(scene);
    assert.equal(await scene.status('b'), 'running');
    await scene.done(ending(await scene.claimOne('a'), settled('completed', false)));
    await carried(scene);
    assert.equal(await scene.status('b'), 'failed');
    assert.equal(only((await mailOf(scene, parent)).messages).outcome, 'completed');
  }),
  promise('revive: what a child answers to the old generation is no answer to the next', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { place: '1', parentClose: 'abandon' })]);
    const below = await scene.claimOne('b');
    await scene.done(ending(parent, settled('failed', true)));
    await carried(scene);
    await revived(scene, 'a');
    const again = await scene.claimOne('a');
    await scene.done(ending(below, settled('completed', false)));
    await carried(scene);
    assert.deepEqual(await inboxOf(scene, again), []);
  }),
];

/** What reviveRuns promises. */
export const reviveCases: readonly StoreCase[] = [...anew, ...kept, ...among];
