// Settled runs that are deleted, with everything that belongs to them.
import assert from 'node:assert/strict';
import {
  carried, child, emitted, event, inboxOf, mailOf, sent, settled, signal, subscribed, taking, tied, waitFor,
  type Outcome,
} from './mail-scene.js';
import {
  ends, ending, entry, json, longMs, newRun, only, promise, sleep, write, type Scene,
} from './scene.js';
import type { ClaimedRun } from '../store.js';
import type { StoreCase } from './store-world.js';
import {
  cancelOf, ended, everyStatus, foundBy, insisted, ownsNoMore, recordOf, revival, revived,
  told,
} from './verb-scene.js';

/** Deletes a run; what is still to be told of its end is carried first. */
async function deleted(scene: Scene, id: string): Promise<void> {
  await carried(scene);
  await told(scene.store.deleteRuns([id]), { kind: 'done' });
}

/** A run with something in every table, in two generations, that failed in the second. */
async function fullRun(scene: Scene): Promise<ClaimedRun> {
  const chunks = [{ stream: 'log', seq: 0, source: '', value: json('1') }];
  const more = { attributes: [{ name: 'x', value: 1 }], chunks };
  const calls = [sleep('9', longMs)];
  const first = await scene.claimed('a', { headers: { h: '1' }, attributes: { y: 1 }, timeoutMs: 9_000 });
  await sent(scene, [signal('a', 'm1'), signal('a', 'm2'), signal('a', 'm3')]);
  await subscribed(scene, [waitFor(first)]);
  await tied(scene, [child(first, 'b', { parentClose: 'abandon', watch: false })]);
  await scene.done(write(first, { entries: [taking('m1', '1')], calls, more, end: ends.park() }));
  await revived(scene, 'a', { entries: await recordOf(scene, 'a', 1) });
  const run = only((await scene.claim()).runs.filter(({ lease }) => lease.runId === 'a'));
  await subscribed(scene, [waitFor(run)]);
  await scene.done(write(run, { entries: [taking('m2', '2')], calls, more }));
  await sent(scene, [cancelOf('a')]);
  await scene.done(ending(run, settled('failed', false)));
  return run;
}

/** What deleteRuns promises. */
export const deleteCases: readonly StoreCase[] = [
  promise('delete: a settled run is gone, and its id is free', async (scene) => {
    for (const outcome of ['completed', 'failed', 'cancelled'] satisfies Outcome[]) {
      await ended(scene, outcome, outcome);
      await told(scene.store.deleteRuns([outcome]), { kind: 'done' });
      assert.deepEqual(await scene.store.readRuns([outcome]), []);
      assert.deepEqual(await scene.store.readDetails([outcome]), []);
      assert.deepEqual(await foundBy(scene), []);
      await sent(scene, [signal(outcome, 'm1')], ['no-run']);
      const again = await scene.claimed(outcome);
      assert.deepEqual([again.fresh, again.lease.generation], [true, 1]);
      await scene.done(ending(again, ends.settle()));
      await scene.store.deleteRuns([outcome]);
    }
  }),
  promise('delete: nothing is left to the next run of its id', async (scene) => {
    await fullRun(scene);
    await deleted(scene, 'a');
    assert.deepEqual([await recordOf(scene, 'a', 1), await recordOf(scene, 'a', 2)], [[], []]);
    assert.deepEqual(await foundBy(scene, { x: 1 }), []);
    const next = await scene.claimed('a');
    assert.deepEqual([next.headers, next.timeoutMs, next.tied], [{}, null, false]);
    await emitted(scene, [event('e1')]);
    await carried(scene);
    assert.deepEqual(await inboxOf(scene, next), []);
    assert.deepEqual(only(await foundBy(scene, {}, { id: 'a' })).attributes, {});
    assert.deepEqual(await scene.history(next), { entries: [], calls: [], streams: [] });
    await sent(scene, [signal('a', 'm1'), cancelOf('a')]);
    assert.deepEqual((await mailOf(scene, next)).messages.length, 2);
    await scene.done(ending(next, { kind: 'continue', input: next.input }));
    const second = await scene.claimOne('a');
    assert.deepEqual(await scene.history(second), { entries: [], calls: [], streams: [] });
    const range = { runId: 'a', stream: 'log', from: 0, limit: 9 };
    assert.deepEqual(await scene.store.readChunks(range), []);
  }),
  promise('delete: the ties of its calls are free as well', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { place: '1', parentClose: 'terminate' })]);
    const below = await scene.claimOne('b');
    await scene.done(ending(below, settled('completed', false)));
    await scene.done(ending(parent, settled('completed', true)));
    await deleted(scene, 'a');
    const next = await scene.claimed('a');
    await tied(scene, [child(next, 'c', { place: '1' })]);
    await scene.done(ending(await scene.claimOne('c'), settled('completed', false)));
    await carried(scene);
    assert.equal(only((await mailOf(scene, next)).messages).outcome, 'completed');
  }),
  promise('delete: its children are not those of the next run of its id', async (scene) => {
    const parent = await scene.claimed('a');
    for (const [place, id] of [['1', 'b'], ['2', 'c']] as const) {
      await tied(scene, [child(parent, id, { place })]);
      await scene.done(ending(await scene.claimOne(id), settled('completed', true)));
    }
    await carried(scene);
    await scene.done(ending(parent, settled('completed', true)));
    await carried(scene);
    // One of them goes with it.
    for (const answer of await scene.store.deleteRuns(['a', 'c'])) assert.deepEqual(answer, { kind: 'done' });
    assert.deepEqual((await scene.store.readDetails(['b', 'c'])).map(({ id, parentId }) => [id, parentId]), [
      ['b', null],
    ]);
    const next = await scene.claimed('a');
    const again = child(next, 'b', { place: '1' });
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await scene.store.tieChildren([again]), [{ kind: 'tied', found: true }]);
    }
  }),
  promise('delete: a run that has not settled is left as it is, and each has its answer', async (scene) => {
    const running = await everyStatus(scene);
    const ids = ['running', 'completed', 'parked', 'nobody', 'pending', 'failed', 'waiting', 'cancelled'];
    const live = ['running', 'parked', 'pending', 'waiting'];
    const before = await scene.store.readRuns(live);
    assert.deepEqual(await scene.store.deleteRuns(ids), ids.map((status) => (
      status === 'nobody' ? { kind: 'no-run' }
        : live.includes(status) ? { kind: 'unfit', status } : { kind: 'done' })));
    assert.deepEqual((await foundBy(scene)).map(({ id }) => id), [...live].sort());
    assert.deepEqual(await scene.store.readRuns(live), before);
    await scene.answered('done', ending(running, ends.settle()));
    await told(scene.store.deleteRuns(['completed']), { kind: 'no-run' });
    assert.deepEqual(await scene.store.deleteRuns([]), []);
  }),
  promise('delete: epochs do not come again, and who owned the run owns no other', async (scene) => {
    const run = await ended(scene, 'a', 'completed');
    await told(scene.store.deleteRuns(['a']), { kind: 'done' });
    await scene.answered('lost', write(run, { entries: [entry('0', 1)], end: ends.settle() }));
    const { epoch } = await scene.start('a');
    assert.ok(epoch > run.lease.epoch, `${epoch} is later than ${run.lease.epoch}`);
    await ownsNoMore(scene, run);
    const next = await scene.claimOne('a');
    await ownsNoMore(scene, run);
    await scene.answered('done', ending(next, ends.settle('"mine"')));
    await scene.answered('lost', ending(run, ends.settle()));
  }),
  promise('delete: who waits for the end of the run hears, and its children are closed', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a')]);
    const run = await scene.claimOne('a');
    await tied(scene, [child(run, 'b', { parentClose: 'terminate', watch: false })]);
    await scene.claimOne('b');
    await scene.done(ending(run, settled('failed', true)));
    const [first] = await scene.store.deleteRuns(['a']);
    await carried(scene);
    if (first?.kind === 'busy') await told(scene.store.deleteRuns(['a']), { kind: 'done' });
    else assert.equal(first?.kind, 'done');
    assert.deepEqual(await scene.store.readRuns(['a']), []);
    assert.equal(only((await mailOf(scene, parent)).messages).outcome, 'failed');
    assert.equal(await scene.status('b'), 'failed');
  }),
  promise('delete: 1,000 are resumed, terminated and deleted, each with its answer', async (scene) => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `run-${index}`);
    await scene.store.startRuns(ids.map((id) => newRun(id)));
    const { runs } = await scene.claim({ limit: 1_000 });
    await scene.store.commit(runs.map((run) => ending(run, ends.park())));
    const all = [...ids.slice(0, 700), 'nobody', ...ids.slice(700)];
    const wanted = all.map((id) => (id === 'nobody' ? 'no-run' : 'done'));
    const verbs = [
      () => scene.store.resumeRuns(all.map((runId) => ({ runId }))),
      () => scene.store.terminateRuns(all, '{"message":"enough"}'),
      () => scene.store.reviveRuns(all.map((id) => revival(id))),
      () => scene.store.terminateRuns(all, '{"message":"enough"}'),
    ];
    for (const verb of verbs) assert.deepEqual((await verb()).map(({ kind }) => kind), wanted);
    await carried(scene);
    assert.deepEqual((await scene.store.deleteRuns(all)).map(({ kind }) => kind), wanted);
    assert.deepEqual(await foundBy(scene), []);
  }),
  promise('delete: others keep what is theirs', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b', { attributes: { x: 1 } })];
    await sent(scene, [signal('a', 'm1'), signal('b', 'm1')]);
    await subscribed(scene, [waitFor(a), waitFor(b)]);
    await scene.done(write(b, { entries: [entry('0', 1)], calls: [sleep('1', longMs)] }));
    await scene.done(write(a, { entries: [entry('0', 1)], end: ends.settle() }));
    assert.equal(await insisted(() => scene.store.deleteRuns(['a'])), 'done');
    await emitted(scene, [event('e1')]);
    await carried(scene);
    assert.deepEqual(await inboxOf(scene, b), ['m1', 'event:e1']);
    const { entries, calls } = await scene.history(b);
    assert.deepEqual([entries.length, calls.length, (await foundBy(scene, { x: 1 })).length], [1, 1, 1]);
    await scene.answered('done', ending(b, ends.settle()));
  }),
];
