// Parked runs that are opened again, and go on where they stood.
import assert from 'node:assert/strict';
import type { Served } from '../store.js';
import {
  carried, child, emitted, event, inboxOf, mailOf, sent, settled, signal, subscribed, tied, waitFor,
} from './mail-scene.js';
import { ends, ending, entry, json, longMs, only, promise, served, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';
import { cancelOf, detailOf, ended, everyStatus, ownsNoMore, resumed, told } from './verb-scene.js';

const versions = (...names: string[]): Served[] => [
  ...names.map((version) => ({ ...served, version, stamp: version })), { ...served, stamp: 'stamped' },
];

/** What resumeRuns promises. */
export const resumeCases: readonly StoreCase[] = [
  promise('resume: a parked run goes on in its generation, due at once', async (scene) => {
    const run = await scene.claimed('a', { input: json('1') });
    const { at } = await scene.done(write(run, { entries: [entry('0', 1)], end: ends.park() }));
    await scene.world.advance(5);
    await resumed(scene, 'a');
    const { status, error, reason, parkedAt, startedAt } = await detailOf(scene, 'a');
    assert.deepEqual([status, error, reason, parkedAt], ['pending', null, null, null]);
    assert.equal(startedAt, run.firstClaimedAt);
    const again = await scene.claimOne('a');
    assert.deepEqual([again.lease.generation, again.fresh, again.input], [1, false, json('1')]);
    assert.equal(again.firstClaimedAt, run.firstClaimedAt);
    const { entries } = await scene.history(again);
    assert.deepEqual(entries.map((each) => [each.place, each.at]), [['0', at]]);
    await scene.answered('done', write(again, { entries: [entry('1', 2)], end: ends.settle() }));
  }),
  promise('resume: its pending calls are as they were', async (scene) => {
    const run = await scene.claimed('a');
    const more = { kind: 'step', attempt: 3, error: 'e', progress: json('7'), deadlineMs: 9 } as const;
    const retried = sleep('2', 5, more);
    await scene.done(write(run, { calls: [sleep('1', longMs), retried], end: ends.park() }));
    const { calls } = await scene.history(run);
    await resumed(scene, 'a');
    const again = await scene.claimOne('a');
    assert.deepEqual((await scene.history(again)).calls, calls);
    assert.deepEqual((await detailOf(scene, 'a')).calls.length, 2);
  }),
  promise('resume: it has its mail, and waits for its events', async (scene) => {
    const run = await scene.claimed('a');
    await subscribed(scene, [waitFor(run)]);
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(ending(run, ends.park()));
    await sent(scene, [signal('a', 'm2')]);
    await carried(scene);
    await resumed(scene, 'a');
    const again = await scene.claimOne('a');
    assert.deepEqual(await inboxOf(scene, again), ['m1', 'm2']);
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.deepEqual(await inboxOf(scene, again), ['m1', 'm2', 'event:e1']);
  }),
  promise('resume: a cancel that came while it was parked is found', async (scene) => {
    await ended(scene, 'a', 'parked');
    await sent(scene, [cancelOf('a')]);
    await carried(scene);
    await resumed(scene, 'a');
    const { messages } = await mailOf(scene, await scene.claimOne('a'));
    assert.equal(only(messages).kind, 'cancel');
  }),
  promise('resume: it keeps its version, gets another one, or the next that claims it', async (scene) => {
    const wanted = [['kept', undefined, 'v1'], ['given', 'v2', 'v2'], ['none', null, 'stamped']] as const;
    for (const [id, version, expected] of wanted) {
      await scene.start(id);
      const owner = await scene.claimOne(id, { served: [{ ...served, stamp: 'v1' }] });
      assert.equal(owner.version, 'v1');
      await scene.done(ending(owner, ends.park()));
      await resumed(scene, id, version);
      const again = await scene.claimOne(id, { served: versions('v1', 'v2') });
      assert.equal(again.version, expected);
    }
  }),
  promise('resume: a worker that does not serve its version leaves it', async (scene) => {
    await ended(scene, 'a', 'parked');
    await resumed(scene, 'a', 'v2');
    assert.deepEqual(await scene.claimIds({ served: versions('v1') }), []);
    assert.equal((await detailOf(scene, 'a')).version, 'v2');
    await scene.claimOne('a', { served: versions('v2') });
  }),
  promise('resume: every other run is left as it is, and each has its answer', async (scene) => {
    const running = await everyStatus(scene);
    const ids = ['running', 'completed', 'nobody', 'parked', 'waiting', 'cancelled', 'pending', 'failed'];
    const before = await scene.store.readRuns(ids.filter((id) => id !== 'parked'));
    const answers = await scene.store.resumeRuns(ids.map((runId) => ({ runId })));
    assert.deepEqual(answers, ids.map((status) => (
      status === 'nobody' ? { kind: 'no-run' }
        : status === 'parked' ? { kind: 'done' } : { kind: 'unfit', status })));
    assert.deepEqual(await scene.store.readRuns(ids.filter((id) => id !== 'parked')), before);
    await scene.answered('done', ending(running, ends.settle()));
    await scene.claimOne('parked');
    assert.deepEqual(await scene.store.resumeRuns([]), []);
  }),
  promise('resume: asked again it finds the run live', async (scene) => {
    await ended(scene, 'a', 'parked');
    await resumed(scene, 'a');
    await told(scene.store.resumeRuns([{ runId: 'a', version: 'v2' }]), { kind: 'unfit', status: 'pending' });
    await scene.claimOne('a');
    await told(scene.store.resumeRuns([{ runId: 'a' }]), { kind: 'unfit', status: 'running' });
  }),
  promise('resume: who parked it writes nothing any more', async (scene) => {
    const run = await ended(scene, 'a', 'parked');
    await resumed(scene, 'a');
    await ownsNoMore(scene, run);
    const again = await scene.claimOne('a');
    assert.ok(run.lease.epoch < again.before && again.before < again.lease.epoch);
    await ownsNoMore(scene, run);
    await scene.answered('done', ending(again, ends.park('AGAIN')));
    assert.equal((await detailOf(scene, 'a')).reason, 'AGAIN');
  }),
  promise('resume: its strikes are forgotten', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    const run = await scene.suspect('a');
    assert.deepEqual([run.strikes, run.soloStrikes], [2, 1]);
    await scene.done(ending(run, ends.park('POISONED')));
    await resumed(scene, 'a');
    const again = await scene.claimOne('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [0, 0]);
  }),
  promise('resume: who waits for its end hears of it, and its children are closed', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a')]);
    const run = await scene.claimOne('a');
    await tied(scene, [child(run, 'b', { parentClose: 'cancel', watch: false })]);
    const below = await scene.claimOne('b');
    await scene.done(ending(run, ends.park()));
    await carried(scene);
    await resumed(scene, 'a');
    const again = await scene.claimOne('a');
    await scene.done(ending(again, settled('completed', false)));
    assert.deepEqual(await carried(scene), ['b', 'p']);
    assert.equal(only((await mailOf(scene, parent)).messages).outcome, 'completed');
    assert.equal(only((await mailOf(scene, below)).messages).kind, 'cancel');
  }),
];
