// Rests and wakes: a run is due again when it said, or when something happened to it.
import assert from 'node:assert/strict';
import { ends, ending, entry, json, longMs, only, promise, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';

const farMs = 2 ** 31 * 3;

/** What commit promises of rests, and wake of wakes. */
export const restCases: readonly StoreCase[] = [
  promise('rest: the run is due exactly its wait after the answer, as its call is', async (scene) => {
    const run = await scene.claimed('a');
    const { at } = await scene.done(write(run, { calls: [sleep('0', farMs)], end: ends.rest(farMs) }));
    const dueAt = at + farMs * 1_000;
    assert.equal(await scene.nextDue(), dueAt);
    assert.equal(only((await scene.history(run)).calls).dueAt, dueAt);
    assert.equal(await scene.status('a'), 'waiting');
  }),
  promise('rest: the run is due at an instant as it is', async (scene) => {
    const run = await scene.claimed('a');
    const wakeAt = Date.UTC(2120, 0, 1) * 1_000 + 7;
    await scene.done(ending(run, ends.rest(null, wakeAt)));
    assert.equal(await scene.nextDue(), wakeAt);
  }),
  promise('rest: an instant in the past is now', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(ending(run, ends.rest(longMs, Date.UTC(2001, 0, 1) * 1_000)));
    await scene.claimOne('a');
  }),
  promise('rest: the earlier of wait and instant counts', async (scene) => {
    const first = await scene.claimed('a');
    const far = Date.UTC(2120, 0, 1) * 1_000;
    const { at } = await scene.done(ending(first, ends.rest(longMs, far)));
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
    const second = await scene.claimed('b');
    await scene.done(ending(second, ends.rest(longMs, at + 60_000_000)));
    assert.equal(await scene.nextDue(), at + 60_000_000);
  }),
  promise('rest: without wait and instant, no clock makes the run due', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    assert.equal(await scene.nextDue(), null);
    assert.equal(await scene.status('a'), 'waiting');
  }),
  promise('rest: the run becomes due by the passing of time alone', async (scene) => {
    await scene.rest(await scene.claimed('a'), 5);
    await scene.world.advance(20);
    await scene.claimOne('a');
  }),
  promise('rest: a run handed back is due at once and without a strike', async (scene) => {
    let run = await scene.claimed('a');
    for (let round = 0; round < 7; round++) {
      await scene.rest(run, 0);
      run = await scene.claimOne('a');
      assert.deepEqual([run.strikes, run.soloStrikes], [0, 0]);
    }
  }),
  promise('rest: what was recorded stays, and the next owner reads it', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('0', 1)], calls: [sleep('1', 0)], end: ends.rest(0) }));
    const again = await scene.claimOne('a');
    const { entries, calls } = await scene.history(again);
    assert.deepEqual([...entries, ...calls].map(({ place }) => place), ['0', '1']);
  }),
  promise('wake: a resting run is due now', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    await scene.rest(await scene.claimed('b'), longMs);
    await scene.store.wake(['a', 'b', 'nobody']);
    assert.deepEqual(await scene.claimIds(), ['a', 'b']);
  }),
  promise('wake: only the runs that are named', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    await scene.rest(await scene.claimed('b'));
    await scene.store.wake(['a']);
    await scene.store.wake([]);
    await scene.claimOne('a');
  }),
  promise('wake: a run that is due already keeps its place in line', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await scene.rest(a, 0);
    await scene.rest(b, 0);
    await scene.store.wake(['a']);
    await scene.claimOne('a', { limit: 1 });
  }),
  promise('wake: a leased run stays with its owner', async (scene) => {
    await scene.claimed('a');
    const due = await scene.nextDue();
    await scene.store.wake(['a']);
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    assert.equal(await scene.nextDue(), due);
  }),
  promise('wake: an owner hears of it with every write until it rests', async (scene) => {
    const run = await scene.claimed('a');
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, false);
    await scene.store.wake(['a']);
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, true);
    assert.equal((await scene.done(write(run, { entries: [entry('0', 1)] }))).wake, true);
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, true);
    assert.equal((await scene.done(ending(run, ends.rest()))).wake, true);
  }),
  promise('wake: one that met a lease is honoured by the rest', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.wake(['a']);
    await scene.done(ending(run, ends.renew()));
    await scene.done(write(run, { calls: [sleep('0', longMs)], end: ends.rest(longMs) }));
    await scene.claimOne('a');
  }),
  promise('wake: one that was honoured is over', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.wake(['a']);
    await scene.rest(run);
    const again = await scene.claimOne('a');
    assert.equal((await scene.done(ending(again, ends.renew()))).wake, false);
    await scene.rest(again);
    assert.equal(await scene.nextDue(), null);
  }),
  promise('wake: a run that ended is left as it is', async (scene) => {
    await scene.done(ending(await scene.claimed('a'), ends.settle('1')));
    await scene.store.wake(['a']);
    const [run] = await scene.store.readRuns(['a']);
    assert.deepEqual([run?.status, run?.output], ['completed', json('1')]);
  }),
];
