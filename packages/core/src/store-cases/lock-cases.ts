// Strangers: their locks and open transactions delay the run or id that they hold, and nothing else.
import assert from 'node:assert/strict';
import { ends, ending, entry, newRun, only, promise, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What the port promises beside strangers, and inside a caller's transaction. */
export const lockCases: readonly StoreCase[] = [
  promise('locks: a write to a run that a stranger holds is busy, and can be sent again', async (scene) => {
    const run = await scene.claimed('a');
    const release = await scene.world.lockRow('a');
    for (const end of [null, ends.rest(0), ends.renew(), ends.park(), ends.settle()]) {
      await scene.answered('busy', write(run, { entries: [entry('0', 1)], calls: [sleep('1', 5)], end }));
    }
    assert.deepEqual(await scene.history(run), { entries: [], calls: [], streams: [] });
    await release();
    await scene.answered('done', write(run, { entries: [entry('0', 1)], end: ends.settle() }));
  }),
  promise('locks: other items of the batch do not wait', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    const release = await scene.world.lockRow('a');
    const answers = await scene.store.commit([ending(a, ends.settle()), ending(b, ends.settle())]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['busy', 'done']);
    await release();
  }),
  promise('locks: a claim passes by what a stranger holds', async (scene) => {
    await scene.store.startRuns([newRun('a'), newRun('b')]);
    const release = await scene.world.lockRow('a');
    await scene.claimOne('b');
    await release();
    await scene.claimOne('a');
  }),
  promise('locks: a run whose lease ended is passed by as well', async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.expireLease('a');
    const release = await scene.world.lockRow('a');
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    await release();
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('locks: a wake is not lost because a stranger holds the run', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    const release = await scene.world.lockRow('a');
    const woken = scene.store.wake(['a']);
    await release();
    await woken;
    await scene.claimOne('a');
  }),
  promise('locks: what a stranger holds can be read', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('0', 1)] }));
    const release = await scene.world.lockRow('a');
    assert.equal(await scene.status('a'), 'running');
    assert.deepEqual(await scene.places(run), ['0']);
    await release();
  }),
  promise("locks: a start of an id that a stranger holds is busy, others are not", async (scene) => {
    const release = await scene.world.holdId('b');
    const answers = await scene.store.startRuns(['a', 'b', 'c'].map((id) => newRun(id)));
    assert.deepEqual(answers.map(({ kind }) => kind), ['created', 'busy', 'created']);
    await release();
    assert.equal(only(await scene.store.startRuns([newRun('b')])).kind, 'created');
    assert.deepEqual(await scene.claimIds(), ['a', 'b', 'c']);
  }),
  promise("transaction: a start is seen at the caller's commit and not before", async (scene) => {
    await scene.world.within(async (transaction) => {
      const answers = await transaction.startRuns([newRun('a'), newRun('b')]);
      assert.deepEqual(answers.map(({ kind }) => kind), ['created', 'created']);
      assert.deepEqual(await scene.store.readRuns(['a', 'b']), []);
      assert.deepEqual(await scene.claimIds(), []);
    }, 'commit');
    assert.deepEqual(await scene.claimIds(), ['a', 'b']);
  }),
  promise("transaction: a start is gone with the caller's rollback", async (scene) => {
    await scene.world.within(async (transaction) => {
      assert.equal(only(await transaction.startRuns([newRun('a')])).kind, 'created');
    }, 'rollback');
    assert.deepEqual(await scene.store.readRuns(['a']), []);
    assert.deepEqual(await scene.claimIds(), []);
    await scene.claimed('a');
  }),
  promise('transaction: its own starts exist for it', async (scene) => {
    await scene.start('a', { workflow: 'other' });
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('b')]);
      const answers = await transaction.startRuns([newRun('a'), newRun('b'), newRun('c')]);
      assert.deepEqual(answers.map(({ kind }) => kind), ['exists', 'exists', 'created']);
    }, 'commit');
    assert.deepEqual(await scene.claimIds(), ['b', 'c']);
  }),
  promise('transaction: an id that it started is busy for others until it ends', async (scene) => {
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('a')]);
      assert.equal(only(await scene.store.startRuns([newRun('a')])).kind, 'busy');
    }, 'commit');
    assert.equal(only(await scene.store.startRuns([newRun('a')])).kind, 'exists');
  }),
];
