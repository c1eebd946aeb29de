// Claims: who gets which run.
import assert from 'node:assert/strict';
import { partOf } from '../part.js';
import { carried, child, tied } from './mail-scene.js';
import { ends, ending, idsOf, longMs, newRun, only, promise, served, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What claim promises. */
export const claimCases: readonly StoreCase[] = [
  promise('claim: a run is claimed once', async (scene) => {
    await scene.start('a');
    await scene.claimOne('a');
    assert.deepEqual(await scene.claimIds(), []);
  }),
  promise('claim: two claims at the same time share no run', async (scene) => {
    await scene.store.startRuns(Array.from({ length: 40 }, (_, index) => newRun(`run-${index}`)));
    const claims = await Promise.all(Array.from({ length: 8 }, () => scene.claimIds({ limit: 10 })));
    const ids = claims.flat();
    assert.equal(new Set(ids).size, ids.length);
    const rest = await scene.claimIds();
    assert.equal(ids.length + rest.length, 40);
  }),
  promise('claim: the lease names the run, its part and its generation', async (scene) => {
    const { lease } = await scene.claimed('a');
    const { epoch, ...names } = lease;
    assert.deepEqual(names, { runId: 'a', part: partOf('a'), generation: 1 });
    assert.ok(Number.isSafeInteger(epoch));
  }),
  promise('claim: the limit is respected', async (scene) => {
    for (const id of ['a', 'b', 'c']) await scene.start(id);
    assert.equal((await scene.claimIds({ limit: 2 })).length, 2);
    assert.equal((await scene.claimIds({ limit: 2 })).length, 1);
  }),
  promise('claim: the limit counts all kinds together', async (scene) => {
    const other = { ...served, workflow: 'other' };
    for (const id of ['a', 'b', 'c']) await scene.start(id);
    for (const id of ['d', 'e', 'f']) await scene.start(id, { workflow: 'other' });
    assert.equal((await scene.claimIds({ limit: 4, served: [served, other] })).length, 4);
  }),
  promise('claim: what is due longest goes first', async (scene) => {
    for (const id of ['c', 'a', 'b']) await scene.start(id);
    assert.deepEqual(await scene.claimIds({ limit: 2 }), ['a', 'c']);
  }),
  promise('claim: a run that is not served is left for others', async (scene) => {
    await scene.start('a', { workflow: 'other' });
    await scene.start('b', { queue: 'elsewhere' });
    assert.deepEqual(await scene.claimIds(), []);
    assert.deepEqual(await scene.claimIds({ served: [] }), []);
    await scene.claimOne('a', { served: [{ ...served, workflow: 'other' }] });
    await scene.claimOne('b', { served: [{ ...served, queue: 'elsewhere' }] });
  }),
  promise('claim: 1,000 runs that are not served do not hide one that is', async (scene) => {
    await scene.store.startRuns(Array.from({ length: 1_000 }, (_, index) => (
      newRun(`other-${index}`, { workflow: 'other' }))));
    await scene.start('a');
    await scene.claimOne('a', { limit: 10 });
  }),
  promise('claim: the first claim stamps its version and later ones must serve it', async (scene) => {
    await scene.start('a');
    const stamping = { ...served, stamp: 'v1' };
    const run = await scene.claimOne('a', { served: [stamping] });
    assert.equal(run.version, 'v1');
    await scene.rest(run, 0);
    assert.deepEqual(await scene.claimIds({ served: [{ ...served, stamp: 'v2' }] }), []);
    assert.deepEqual(await scene.claimIds({ served: [{ ...served, version: 'v2', stamp: 'v2' }] }), []);
    const again = await scene.claimOne('a', { served: [stamping, { ...stamping, version: 'v1' }] });
    assert.equal(again.version, 'v1');
  }),
  promise('claim: a claim without a stamp leaves the run unversioned', async (scene) => {
    const run = await scene.claimed('a');
    assert.equal(run.version, null);
    await scene.rest(run, 0);
    assert.equal((await scene.claimOne('a')).version, null);
  }),
  promise('claim: only the first one is fresh', async (scene) => {
    const run = await scene.claimed('a');
    assert.deepEqual([run.fresh, run.first], [true, true]);
    await scene.rest(run, 0);
    const again = await scene.claimOne('a');
    assert.deepEqual([again.fresh, again.first], [false, false]);
  }),
  promise('claim: it tells whether others may wait for the end of the run', async (scene) => {
    const parent = await scene.claimed('a');
    assert.equal(parent.tied, false);
    await tied(scene, [child(parent, 'b')]);
    assert.equal((await scene.claimOne('b')).tied, true);
    const watched = await scene.claimed('c');
    assert.equal(watched.tied, false);
    await tied(scene, [child(parent, 'c', { run: null })]);
    await carried(scene);
    await scene.rest(watched, 0);
    assert.equal((await scene.claimOne('c')).tied, true);
  }),
  promise('claim: the time of the first one is kept', async (scene) => {
    const run = await scene.claimed('a');
    assert.ok(run.firstClaimedAt >= run.createdAt);
    await scene.world.advance(5);
    await scene.rest(run, 0);
    const again = await scene.claimOne('a');
    assert.equal(again.firstClaimedAt, run.firstClaimedAt);
    assert.equal(again.createdAt, run.createdAt);
  }),
  promise('claim: the epoch before it is told', async (scene) => {
    const { epoch } = await scene.start('a');
    const run = await scene.claimOne('a');
    assert.equal(run.before, epoch);
    const rested = await scene.rest(run, 0);
    assert.equal((await scene.claimOne('a')).before, rested);
  }),
  promise('claim: a settled or parked run is claimed by nobody', async (scene) => {
    await scene.done(ending(await scene.claimed('a'), ends.settle()));
    await scene.done(ending(await scene.claimed('b'), ends.park()));
    await scene.store.wake(['a', 'b']);
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    assert.equal(await scene.nextDue(), null);
  }),
  promise('claim: a lease ends by the passing of time alone', async (scene) => {
    await scene.start('a');
    const lost = await scene.claimOne('a', { leaseMs: 5 });
    await scene.world.advance(20);
    assert.deepEqual(await scene.claimIds(), []);
    await scene.claimOne('a', { suspects: true });
    await scene.answered('lost', ending(lost, ends.settle()));
  }),
  promise('claim: a sweep tells when the next served run is due', async (scene) => {
    assert.equal(await scene.nextDue(), null);
    const { at } = await scene.start('a', { delayMs: longMs });
    await scene.start('b', { delayMs: longMs * 2 });
    await scene.start('c', { delayMs: longMs / 2, workflow: 'other' });
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
  }),
  promise('claim: its time is not before what it sees', async (scene) => {
    const { at: started } = await scene.start('a');
    const { at: claimed, runs } = await scene.claim();
    const { at: written } = await scene.done(write(only(runs), { end: ends.settle() }));
    assert.ok(started <= claimed && claimed <= written, `${started}, ${claimed}, ${written}`);
    assert.ok(Number.isSafeInteger(started) && started > 1e15, 'microseconds since 1970');
  }),
  promise('claim: no free slot, no run', async (scene) => {
    await scene.start('a');
    assert.deepEqual(idsOf((await scene.claim({ limit: 0 })).runs), []);
    await scene.claimOne('a');
  }),
];
