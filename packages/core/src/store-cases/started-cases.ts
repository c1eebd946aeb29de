// What runs are started with beside their input: headers, attributes, priorities.
import assert from 'node:assert/strict';
import { child, tied } from './mail-scene.js';
import { claimId, ends, ending, longMs, newRun, only, promise, request, write } from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, foundBy, inTurn, revived } from './verb-scene.js';

/** What startRuns promises of headers and attributes. */
export const startedCases: readonly StoreCase[] = [
  promise('start: a run has its headers at every claim, and none if it was given none', async (scene) => {
    const headers = { traceparent: '00-0af7-01', 'x y': 'Grüße 👩‍👩‍👧‍👦 "\\\n', '': '' };
    await scene.store.startRuns([newRun('a', { headers }), newRun('b'), newRun('c', { headers: {} })]);
    const wanted = new Map<string, object>([['a', headers], ['b', {}], ['c', {}]]);
    const wish = request('headers');
    for (const { runs } of [await scene.store.claim(wish), await scene.store.recall(wish)]) {
      assert.deepEqual(new Map(runs.map((run) => [run.lease.runId, run.headers])), wanted);
    }
    for (const run of (await scene.store.recall(wish)).runs) await scene.rest(run, 0);
    const { runs } = await scene.claim();
    assert.deepEqual(new Map(runs.map((run) => [run.lease.runId, run.headers])), wanted);
  }),
  promise('start: a run is found by its attributes from the beginning', async (scene) => {
    const when = new Date(Date.UTC(2029, 1, 3, 4, 5, 6, 7));
    const attributes = { customer: 'Ada', total: 1.5, paid: false, when };
    await scene.store.startRuns([
      newRun('a', { attributes }), newRun('b', { attributes: { customer: 'Ada' } }), newRun('c'),
    ]);
    assert.deepEqual(only(await foundBy(scene, attributes)).attributes, attributes);
    assert.deepEqual((await foundBy(scene, { customer: 'Ada' })).map(({ id }) => id), ['a', 'b']);
    const { runs } = await scene.claim();
    const run = only(runs.filter(({ lease }) => lease.runId === 'a'));
    const more = { attributes: [{ name: 'paid', value: true }, { name: 'total', value: null }], chunks: [] };
    await scene.done(write(run, { more }));
    assert.deepEqual((await foundBy(scene, { when }))[0]?.attributes, { customer: 'Ada', paid: true, when });
  }),
  promise('start: an id that exists keeps its own attributes, headers and priority', async (scene) => {
    await scene.start('a', { attributes: { x: 1 }, headers: { h: '1' }, priority: 1 });
    const again = newRun('a', { attributes: { x: 2, y: 2 }, headers: { h: '2' }, priority: 2 });
    assert.equal(only(await scene.store.startRuns([again])).kind, 'exists');
    assert.deepEqual(only(await foundBy(scene, {})).attributes, { x: 1 });
    const { headers, priority } = await detailOf(scene, 'a');
    assert.deepEqual([headers, priority], [{ h: '1' }, 1]);
  }),
  promise('start: an attribute that the database refuses starts nothing', async (scene) => {
    const answers = await scene.store.startRuns([
      newRun('a', { attributes: { x: 1 } }), newRun('b', { attributes: { ok: 'yes', x: 'nul \0' } }),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['created', 'refused']);
    assert.deepEqual((await foundBy(scene, {})).map(({ id }) => id), ['a']);
    assert.deepEqual(await foundBy(scene, { ok: 'yes' }), []);
  }),
  promise('start: one that is born leased has all of it', async (scene) => {
    const lease = { claimId: claimId('born'), leaseMs: longMs, version: 'v1' };
    await scene.start('a', { lease, attributes: { x: 1 }, headers: { h: '1' }, priority: 2 });
    const { version, headers, priority } = await detailOf(scene, 'a');
    assert.deepEqual([version, headers, priority], ['v1', { h: '1' }, 2]);
    assert.equal(only(await foundBy(scene, { x: 1 })).version, 'v1');
  }),
  promise('start: a child has all of it', async (scene) => {
    const parent = await scene.claimed('p');
    const run = newRun('a', { attributes: { x: 1 }, headers: { h: '1' } });
    await tied(scene, [child(parent, 'a', { run })]);
    assert.deepEqual((await scene.claimOne('a')).headers, { h: '1' });
    assert.equal(only(await foundBy(scene, { x: 1 })).id, 'a');
  }),
  promise("transaction: a start has all of it at the caller's commit", async (scene) => {
    const run = newRun('a', { attributes: { x: 1 }, headers: { h: '1' }, priority: 2 });
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('b'), run]);
      assert.deepEqual(await foundBy(scene, { x: 1 }), []);
    }, 'commit');
    assert.deepEqual(only(await foundBy(scene, { x: 1 })).id, 'a');
    assert.deepEqual(await inTurn(scene), ['a', 'b']);
    assert.deepEqual((await detailOf(scene, 'a')).headers, { h: '1' });
  }),
  promise('start: attributes of a run that ended are still those of its next generation', async (scene) => {
    await scene.start('a', { attributes: { x: 1 } });
    await scene.done(ending(await scene.claimOne('a'), ends.settle()));
    await revived(scene, 'a');
    assert.equal(only(await foundBy(scene, { x: 1 })).generation, 2);
  }),
];
