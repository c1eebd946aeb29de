// What the end of a parent does to the children that it started.
import assert from 'node:assert/strict';
import { cancelId, childBox, type ParentClose } from '../mail.js';
import {
  carried, child, mailOf, sent, settled, signal, terminated, tied, type Outcome,
} from './mail-scene.js';
import { ends, ending, only, promise, write, type Scene } from './scene.js';
import type { ClaimedRun } from '../store.js';
import type { StoreCase } from './store-world.js';

/** What became of a child: a cancel in its inbox, an end, or nothing. */
type Effect = 'cancel' | 'terminate' | 'nothing';

const effects: Record<ParentClose, Record<Outcome, Effect>> = {
  default: { completed: 'nothing', failed: 'cancel', cancelled: 'cancel' },
  cancel: { completed: 'cancel', failed: 'cancel', cancelled: 'cancel' },
  terminate: { completed: 'terminate', failed: 'terminate', cancelled: 'terminate' },
  abandon: { completed: 'nothing', failed: 'nothing', cancelled: 'nothing' },
};

/** Looks what became of a leased child. */
async function effectOn(scene: Scene, run: ClaimedRun): Promise<Effect> {
  const record = only(await scene.store.readRuns([run.lease.runId]));
  if (record.status === 'failed') {
    assert.equal(record.error, terminated);
    await scene.answered('lost', write(run, { end: ends.settle() }));
    return 'terminate';
  }
  assert.equal(record.status, 'running');
  const { messages } = await mailOf(scene, run);
  assert.deepEqual(messages.map(({ kind }) => kind), messages.map(() => 'cancel'));
  const { wake } = await scene.done(ending(run, ends.renew()));
  assert.equal(wake, messages.length > 0);
  if (messages.length === 0) return 'nothing';
  const { id, name } = only(messages);
  assert.deepEqual([id, name], [cancelId, cancelId]);
  return 'cancel';
}

/** What closing a parent promises. */
export const closeCases: readonly StoreCase[] = [
  ...Object.entries(effects).map(([policy, wanted]) => (
    promise(`closing: with policy ${policy}, children of a parent that ended`, async (scene) => {
      for (const outcome of ['completed', 'failed', 'cancelled'] satisfies Outcome[]) {
        const parent = await scene.claimed(`parent ${outcome}`);
        const parentClose = policy as ParentClose;
        await tied(scene, [
          child(parent, `child ${outcome}`, { parentClose }),
          child(parent, `unwatched ${outcome}`, { parentClose, watch: false }),
        ]);
        const { runs } = await scene.claim();
        await scene.done(ending(parent, settled(outcome, true)));
        await carried(scene);
        const found = await Promise.all(runs.map((run) => effectOn(scene, run)));
        assert.deepEqual(found, [wanted[outcome], wanted[outcome]], outcome);
      }
    }))),
  promise('closing: a parent that parks or rests closes nothing', async (scene) => {
    const [parks, rests] = [await scene.claimed('a1'), await scene.claimed('a2')];
    await tied(scene, [
      child(parks, 'b1', { parentClose: 'terminate' }), child(rests, 'b2', { parentClose: 'cancel' }),
    ]);
    const { runs } = await scene.claim();
    await scene.done(ending(parks, ends.park()));
    await scene.rest(rests);
    await carried(scene);
    for (const run of runs) assert.equal(await effectOn(scene, run), 'nothing');
  }),
  promise('closing: a run that is only watched, or was found, is not closed', async (scene) => {
    const [found, watched] = [await scene.claimed('b1'), await scene.claimed('b2')];
    const parent = await scene.claimed('a');
    await tied(scene, [
      child(parent, 'b1', { parentClose: 'terminate' }),
      child(parent, 'b2', { parentClose: 'cancel', run: null }),
    ]);
    await carried(scene);
    await scene.done(ending(parent, settled('failed', true)));
    await carried(scene);
    assert.deepEqual([await effectOn(scene, found), await effectOn(scene, watched)], ['nothing', 'nothing']);
  }),
  promise('closing: a child that settled is left as it is', async (scene) => {
    const parent = await scene.claimed('a');
    const ids = ['b1', 'b2'];
    await tied(scene, [
      child(parent, 'b1', { parentClose: 'terminate' }), child(parent, 'b2', { parentClose: 'cancel' }),
    ]);
    for (const { lease } of (await scene.claim()).runs) {
      await scene.done(ending(lease, settled('completed', false)));
    }
    await scene.done(ending(parent, settled('failed', true)));
    assert.deepEqual(await carried(scene), []);
    const runs = await scene.store.readRuns(ids);
    assert.deepEqual(runs.map(({ status }) => status), ['completed', 'completed']);
  }),
  promise('closing: a resting child is due by its cancel, one that never began not fresh', async (scene) => {
    const parent = await scene.claimed('a');
    const ids = ['b1', 'b2'];
    await tied(scene, ids.map((id) => child(parent, id)));
    const [first] = (await scene.claim({ limit: 1 })).runs;
    assert.ok(first !== undefined);
    await scene.rest(first);
    await scene.done(ending(parent, settled('cancelled', true)));
    assert.deepEqual(await carried(scene), ids);
    const { runs } = await scene.claim();
    assert.deepEqual(runs.map(({ fresh }) => fresh), [false, false]);
    for (const run of runs) {
      const { id, kind } = only((await mailOf(scene, run)).messages);
      assert.deepEqual([id, kind], [cancelId, 'cancel']);
    }
  }),
  promise('closing: one cancel is enough', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { parentClose: 'cancel' })]);
    const run = await scene.claimOne('b');
    await sent(scene, [signal('b', cancelId, { kind: 'cancel', name: cancelId })]);
    await carried(scene);
    await scene.done(ending(parent, settled('failed', true)));
    assert.deepEqual(await carried(scene), []);
    assert.equal(await effectOn(scene, run), 'cancel');
  }),
  promise('closing: a settlement that is sent again closes once', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { parentClose: 'cancel' })]);
    const run = await scene.claimOne('b');
    const end = ending(parent, settled('completed', true));
    await scene.done(end);
    await carried(scene);
    await scene.answered('already-done', end);
    assert.deepEqual(await carried(scene), []);
    assert.equal(await effectOn(scene, run), 'cancel');
  }),
  promise('closing: children of a terminated child are closed, and who watches it hears', async (scene) => {
    const watcher = await scene.claimed('w');
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { parentClose: 'terminate', watch: false })]);
    const middle = await scene.claimOne('b');
    await tied(scene, [
      child(middle, 'c', { parentClose: 'terminate' }), child(middle, 'd', { parentClose: 'cancel' }),
    ]);
    await tied(scene, [child(watcher, 'b', { run: null })]);
    const { runs } = await scene.claim();
    await scene.done(ending(parent, settled('completed', true)));
    await carried(scene);
    assert.equal(await effectOn(scene, middle), 'terminate');
    const found = new Map<string, Effect>();
    for (const run of runs) found.set(run.lease.runId, await effectOn(scene, run));
    assert.deepEqual(found, new Map([['c', 'terminate'], ['d', 'cancel']]));
    const name = childBox(1, 'b');
    const { messages } = await mailOf(scene, watcher, [{ kind: 'child', name }]);
    const { outcome, error } = only(messages);
    assert.deepEqual([outcome, error], ['failed', terminated]);
  }),
  promise('closing: a resting, a waiting and a parked child are terminated as well', async (scene) => {
    const parent = await scene.claimed('a');
    const ids = ['b', 'c', 'd'];
    await tied(scene, ids.map((id) => child(parent, id, { parentClose: 'terminate' })));
    const { runs } = await scene.claim({ limit: 2 });
    const [rests, parks] = runs;
    assert.ok(rests !== undefined && parks !== undefined);
    await scene.rest(rests);
    await scene.done(ending(parks, ends.park()));
    await scene.done(ending(parent, settled('completed', true)));
    await carried(scene);
    for (const { status, error, reason } of await scene.store.readRuns(ids)) {
      assert.deepEqual([status, error, reason], ['failed', terminated, null]);
    }
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    assert.equal(await scene.nextDue(), null);
  }),
  promise('closing: a child that a stranger holds is terminated when it is let go', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, ['b', 'c'].map((id) => child(parent, id, { parentClose: 'terminate' })));
    const { runs } = await scene.claim();
    const release = await scene.world.lockRow('b');
    await scene.done(ending(parent, settled('completed', true)));
    await carried(scene);
    assert.equal(await scene.status('b'), 'running');
    await release();
    await carried(scene);
    for (const run of runs) assert.equal(await effectOn(scene, run), 'terminate');
  }),
];
