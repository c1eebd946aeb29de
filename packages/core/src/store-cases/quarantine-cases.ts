// Quarantine: a run whose owner vanished is tried alone, and only what happens there speaks against it.
import assert from 'node:assert/strict';
import { ends, ending, entry, idsOf, longMs, newRun, promise, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What claim and commit promise of suspects. */
export const quarantineCases: readonly StoreCase[] = [
  promise('quarantine: a run whose lease ended is not claimed in line', async (scene) => {
    await scene.claimed('a');
    await scene.world.expireLease('a');
    for (let round = 0; round < 3; round++) assert.deepEqual(await scene.claimIds(), []);
    await scene.claimOne('a', { suspects: true });
  }),
  promise('quarantine: its last owner loses it', async (scene) => {
    const lost = await scene.claimed('a');
    await scene.world.expireLease('a');
    await scene.claim();
    await scene.answered('lost', ending(lost, ends.settle()));
    await scene.answered('lost', ending(lost, ends.renew()));
    assert.equal(await scene.status('a'), 'pending');
  }),
  promise('quarantine: a claim has one suspect at most, and others beside it', async (scene) => {
    const suspects = ['a', 'b', 'c'];
    await scene.store.startRuns(suspects.map((id) => newRun(id)));
    await scene.claim();
    for (const id of suspects) await scene.world.expireLease(id);
    assert.deepEqual(await scene.claimIds(), []);
    await scene.store.startRuns([newRun('d'), newRun('e')]);
    const first = await scene.claimIds({ suspects: true });
    assert.equal(first.filter((id) => suspects.includes(id)).length, 1);
    assert.deepEqual(first.filter((id) => !suspects.includes(id)), ['d', 'e']);
    assert.equal((await scene.claimIds({ suspects: true })).length, 1);
    assert.equal((await scene.claimIds({ suspects: true })).length, 1);
    assert.equal((await scene.claimIds({ suspects: true })).length, 0);
  }),
  promise('quarantine: a suspect counts to the limit', async (scene) => {
    await scene.claimed('a');
    await scene.world.expireLease('a');
    assert.deepEqual(await scene.claimIds(), []);
    await scene.start('b');
    assert.equal((await scene.claimIds({ suspects: true, limit: 1 })).length, 1);
  }),
  promise('quarantine: a suspect that is not served is left for others', async (scene) => {
    const other = { queue: 'default', workflow: 'other', version: null, stamp: null };
    await scene.start('a', { workflow: 'other' });
    await scene.claimOne('a', { served: [other] });
    await scene.world.expireLease('a');
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    assert.deepEqual(await scene.claimIds({ served: [other] }), []);
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    await scene.claimOne('a', { served: [other], suspects: true });
  }),
  promise('quarantine: strikes are counted, and those in quarantine apart', async (scene) => {
    await scene.claimed('a');
    const counts: [number, number][] = [];
    for (let round = 0; round < 3; round++) {
      const { strikes, soloStrikes, fresh } = await scene.suspect('a');
      assert.equal(fresh, false);
      counts.push([strikes, soloStrikes]);
    }
    assert.deepEqual(counts, [[1, 0], [2, 1], [3, 2]]);
  }),
  promise('quarantine: a rest ends it and forgets the strikes', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    await scene.rest(await scene.suspect('a'), 0);
    const free = await scene.claimOne('a');
    assert.deepEqual([free.strikes, free.soloStrikes], [0, 0]);
    const again = await scene.suspect('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [1, 0]);
  }),
  promise('quarantine: an absolved run is in line without strikes, with the same owner', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    const run = await scene.suspect('a');
    await scene.answered('done', write(run, { entries: [entry('0', 1)], end: ends.renew('absolve') }));
    await scene.answered('done', write(run, { entries: [entry('1', 2)] }));
    // In line again: its next expiry is met by a claim that moves it and counts from one.
    await scene.world.expireLease('a');
    assert.deepEqual(await scene.claimIds(), []);
    const again = await scene.claimOne('a', { suspects: true });
    assert.deepEqual([again.strikes, again.soloStrikes], [1, 0]);
  }),
  promise('quarantine: a run that leaves it is in line with its strikes', async (scene) => {
    await scene.claimed('a');
    const run = await scene.suspect('a');
    await scene.answered('done', ending(run, ends.renew('leave')));
    await scene.answered('done', write(run, { entries: [entry('0', 1)] }));
    const again = await scene.suspect('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [2, 0]);
  }),
  promise('quarantine: a renewal that keeps it changes nothing', async (scene) => {
    await scene.claimed('a');
    const run = await scene.suspect('a');
    await scene.answered('done', ending(run, ends.renew()));
    const again = await scene.suspect('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [2, 1]);
  }),
  promise('quarantine: a wake is no strike', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.wake(['a']);
    await scene.rest(run, longMs);
    await scene.store.wake(['a']);
    const again = await scene.claimOne('a');
    assert.deepEqual([again.strikes, again.soloStrikes], [0, 0]);
  }),
  promise('quarantine: a run with a version keeps it', async (scene) => {
    const kind = { queue: 'default', workflow: 'greet', version: null, stamp: 'v1' };
    await scene.start('a');
    await scene.claimOne('a', { served: [kind] });
    await scene.world.expireLease('a');
    const serving = { served: [kind, { ...kind, version: 'v1' }] };
    assert.deepEqual(await scene.claimIds(serving), []);
    const { runs } = await scene.claim({ ...serving, suspects: true });
    assert.deepEqual(idsOf(runs), ['a']);
    assert.equal(runs[0]?.version, 'v1');
  }),
];
