// Re-issue: whatever was sent may be sent again, also when it took effect the first time (P3).
import assert from 'node:assert/strict';
import type { TurnWrite } from '../store.js';
import {
  ends, ending, entry, idsOf, json, longMs, newRun, only, promise, request, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';

/** Sends an item again and says that it must be told so. */
async function again(scene: Scene, item: TurnWrite): Promise<{ at: number; epoch: number | null }> {
  const answer = await scene.done(item);
  assert.equal(answer.kind, 'already-done');
  return answer;
}

/** What the port promises of things sent twice. */
export const reissueCases: readonly StoreCase[] = [
  promise('reissue: entries sent again are answered with the instant that they have', async (scene) => {
    const run = await scene.claimed('a');
    const item = write(run, { entries: [entry('0', 1), entry('1', 2)] });
    const { at } = await scene.done(item);
    await scene.world.advance(5);
    assert.equal((await scene.done(item)).at, at);
    const { entries } = await scene.history(run);
    assert.deepEqual(entries.map((recorded) => recorded.at), [at, at]);
  }),
  promise('reissue: a settlement sent again is answered so, and changes nothing', async (scene) => {
    const run = await scene.claimed('a');
    await scene.answered('done', write(run, { entries: [entry('0', 1)], end: ends.settle('1') }));
    await again(scene, write(run, { entries: [entry('0', 1)], end: ends.settle('1') }));
    await again(scene, ending(run, ends.settle('2')));
    const [record] = await scene.store.readRuns(['a']);
    assert.deepEqual([record?.status, record?.output], ['completed', json('1')]);
    assert.deepEqual(await scene.places(run), ['0']);
  }),
  promise('reissue: a settlement by another lease is not mistaken for ours', async (scene) => {
    const lost = await scene.claimed('a');
    await scene.done(ending(await scene.suspect('a'), ends.settle('1')));
    await scene.answered('lost', ending(lost, ends.settle('1')));
  }),
  promise('reissue: a park sent again is answered so', async (scene) => {
    const run = await scene.claimed('a');
    await scene.answered('done', ending(run, ends.park()));
    await again(scene, ending(run, ends.park('POISONED')));
    const [record] = await scene.store.readRuns(['a']);
    assert.deepEqual([record?.status, record?.reason], ['parked', 'NONDETERMINISM']);
  }),
  promise('reissue: a rest sent again is answered so, without an epoch', async (scene) => {
    const run = await scene.claimed('a');
    const calls = [sleep('1', longMs)];
    const item = write(run, { entries: [entry('0', 1)], calls, end: ends.rest(longMs) });
    const first = await scene.done(item);
    await scene.world.advance(5);
    const second = await again(scene, item);
    assert.equal(second.epoch, null);
    assert.equal(second.at, first.at, 'the instant of its entries');
    assert.equal(await scene.nextDue(), first.at + longMs * 1_000);
    await scene.world.makeDue('a');
    assert.equal((await scene.claimOne('a')).before, first.epoch);
  }),
  promise('reissue: a rest sent again does not undo a wake', async (scene) => {
    const run = await scene.claimed('a');
    const item = ending(run, ends.rest(longMs));
    await scene.done(item);
    await scene.store.wake(['a']);
    await again(scene, item);
    await scene.claimOne('a');
  }),
  promise('reissue: a rest sent again does not touch the next owner', async (scene) => {
    const run = await scene.claimed('a');
    const item = ending(run, ends.rest(0));
    await scene.done(item);
    const owner = await scene.claimOne('a');
    await scene.store.wake(['a']);
    await again(scene, item);
    assert.equal(await scene.status('a'), 'running');
    assert.equal((await scene.done(ending(owner, ends.renew()))).wake, true);
    await scene.answered('done', ending(owner, ends.settle()));
  }),
  promise('reissue: a renewal sent again extends again', async (scene) => {
    const run = await scene.claimed('a');
    const first = await scene.done(ending(run, ends.renew()));
    await scene.world.advance(5);
    const second = await scene.done(ending(run, ends.renew()));
    assert.ok(second.at > first.at);
    assert.equal(await scene.nextDue(), second.at + longMs * 1_000);
  }),
  promise('reissue: a start sent again makes no second run', async (scene) => {
    await scene.store.startRuns([newRun('a'), newRun('b')]);
    const answers = await scene.store.startRuns([newRun('a'), newRun('b'), newRun('c')]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['exists', 'exists', 'created']);
    assert.deepEqual(await scene.claimIds(), ['a', 'b', 'c']);
  }),
  promise('reissue: recall gives what its claim gave, with the same leases', async (scene) => {
    await scene.store.startRuns(['a', 'b', 'c'].map((id) => newRun(id)));
    const wish = request('lost answer', { limit: 2 });
    const { runs } = await scene.store.claim(wish);
    for (let round = 0; round < 2; round++) {
      const recalled = await scene.store.recall(wish);
      assert.deepEqual(idsOf(recalled.runs), idsOf(runs));
      for (const run of recalled.runs) {
        const first = only(runs.filter(({ lease }) => lease.runId === run.lease.runId));
        const unknown = { before: 0, fresh: false, first: false };
        assert.deepEqual({ ...run, ...unknown }, { ...first, ...unknown });
        assert.notEqual(run.before, first.before, 'no memory is continued after a recall');
      }
    }
    for (const run of runs) await scene.answered('done', ending(run, ends.settle()));
    assert.equal((await scene.claimIds()).length, 1);
  }),
  promise('reissue: recall gives nothing that another claim owns', async (scene) => {
    await scene.start('a');
    await scene.store.claim(request('mine'));
    await scene.start('b');
    await scene.store.claim(request('other'));
    assert.deepEqual(idsOf((await scene.store.recall(request('mine'))).runs), ['a']);
    assert.deepEqual(idsOf((await scene.store.recall(request('nobody'))).runs), []);
  }),
  promise('reissue: recall gives nothing whose lease ended', async (scene) => {
    await scene.start('a');
    await scene.store.claim(request('mine'));
    await scene.world.expireLease('a');
    assert.deepEqual(idsOf((await scene.store.recall(request('mine'))).runs), []);
  }),
  promise('reissue: recall gives nothing that was given back or ended', async (scene) => {
    await scene.store.startRuns(['a', 'b', 'c', 'd'].map((id) => newRun(id)));
    const { runs } = await scene.store.claim(request('mine'));
    const all = [ends.rest(longMs), ends.settle(), ends.park(), ends.renew()];
    const items = all.map((end, index) => {
      const run = runs.find(({ lease }) => lease.runId === 'abcd'[index]);
      assert.ok(run !== undefined);
      return ending(run, end);
    });
    await scene.store.commit(items);
    assert.deepEqual(idsOf((await scene.store.recall(request('mine'))).runs), ['d']);
  }),
];
