// Carriers: a run is told that something came, wherever it is, and once (L3).
import assert from 'node:assert/strict';
import { carried, inboxOf, sent, signal, taking, terminated } from './mail-scene.js';
import { ends, ending, longMs, newRun, promise, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What carry promises of messages. */
export const carryCases: readonly StoreCase[] = [
  promise('carry: where nothing came, nobody is told', async (scene) => {
    await scene.claimed('a');
    assert.deepEqual(await scene.store.carry({ limit: 10, terminated }), { told: [], more: false });
  }),
  promise('carry: a resting run is due', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    await scene.rest(await scene.claimed('b'), longMs);
    await scene.rest(await scene.claimed('c'));
    await sent(scene, [signal('a', 'm1'), signal('b', 'm1')]);
    assert.deepEqual(await scene.claimIds(), []);
    assert.deepEqual(await carried(scene), ['a', 'b']);
    assert.deepEqual(await scene.claimIds(), ['a', 'b']);
  }),
  promise('carry: a leased run stays with its owner, who hears of it', async (scene) => {
    const run = await scene.claimed('a');
    const due = await scene.nextDue();
    await sent(scene, [signal('a', 'm1')]);
    assert.equal((await scene.done(write(run))).wake, false);
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(await scene.nextDue(), due);
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, true);
  }),
  promise('carry: what met a lease is honoured by the rest', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await carried(scene);
    await scene.done(ending(run, ends.rest(longMs)));
    await scene.claimOne('a');
  }),
  promise('carry: a run that never began is not fresh when it begins', async (scene) => {
    await scene.start('a', { delayMs: longMs });
    await scene.start('b', { delayMs: longMs * 2 });
    const due = await scene.nextDue();
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(await scene.nextDue(), due, 'its time is not changed');
    for (const id of ['a', 'b']) await scene.world.makeDue(id);
    const { runs } = await scene.claim();
    assert.deepEqual(new Map(runs.map(({ lease, fresh }) => [lease.runId, fresh])), new Map([
      ['a', false], ['b', true]]));
    assert.deepEqual(runs.map(({ first }) => first), [true, true]);
  }),
  promise('carry: a claim answers what came before it', async (scene) => {
    await scene.start('a');
    await sent(scene, [signal('a', 'm1')]);
    await carried(scene);
    const run = await scene.claimOne('a');
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, false);
    await sent(scene, [signal('a', 'm2')]);
    await carried(scene);
    const next = await scene.suspect('a');
    assert.equal((await scene.done(ending(next, ends.renew()))).wake, false);
  }),
  promise('carry: a message is told once', async (scene) => {
    await scene.rest(await scene.claimed('a'));
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await carried(scene), ['a']);
    await scene.rest(await scene.claimOne('a'));
    assert.deepEqual(await carried(scene), []);
    assert.equal(await scene.nextDue(), null);
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await carried(scene), [], 'it is the same message');
    await sent(scene, [signal('a', 'm2')]);
    assert.deepEqual(await carried(scene), ['a']);
  }),
  promise('carry: a message that was taken is told to nobody', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(write(run, { entries: [taking('m1', '1')] }));
    assert.deepEqual(await carried(scene), []);
    assert.equal((await scene.done(ending(run, ends.renew()))).wake, false);
  }),
  promise('carry: parked and settled runs are told nothing', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await sent(scene, [signal('a', 'm1'), signal('b', 'm1')]);
    await scene.done(ending(a, ends.park()));
    await scene.done(ending(b, ends.settle()));
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
  }),
  promise('carry: the limit is respected, and nothing is left behind', async (scene) => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await scene.store.startRuns(ids.map((id) => newRun(id)));
    await sent(scene, ids.map((id) => signal(id, 'm1')));
    const first = await scene.store.carry({ limit: 2, terminated });
    assert.equal(first.told.length, 2);
    assert.equal(first.more, true);
    assert.deepEqual([...first.told, ...await carried(scene, 2)].sort(), ids);
  }),
  promise('carry: a run that a stranger holds is told later, others are not kept waiting', async (scene) => {
    for (const id of ['a', 'b']) await scene.rest(await scene.claimed(id));
    const release = await scene.world.lockRow('a');
    await sent(scene, [signal('a', 'm1'), signal('b', 'm1')]);
    assert.deepEqual(await carried(scene), ['b']);
    await release();
    assert.deepEqual(await carried(scene), ['a']);
    assert.deepEqual(await scene.claimIds(), ['a', 'b']);
  }),
  promise('carry: carriers at the same time tell everybody', async (scene) => {
    const ids = Array.from({ length: 40 }, (_, index) => `run-${index}`).sort();
    await scene.store.startRuns(ids.map((id) => newRun(id)));
    await sent(scene, ids.map((id) => signal(id, 'm1')));
    const told = await Promise.all(Array.from({ length: 4 }, () => carried(scene, 5)));
    const late = await carried(scene);
    assert.deepEqual([...new Set([...told.flat(), ...late])].sort(), ids);
    const { runs } = await scene.claim();
    assert.deepEqual(new Set(runs.map(({ fresh }) => fresh)), new Set([false]));
  }),
];
