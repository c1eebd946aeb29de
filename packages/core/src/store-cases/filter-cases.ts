// What runs are found by beside their attributes: queue, version, reason, parent, and when they were created.
import assert from 'node:assert/strict';
import type { RunQuery } from '../store.js';
import { child, tied } from './mail-scene.js';
import { ends, ending, longMs, newRun, only, promise, served, type Scene } from './scene.js';
import type { StoreCase } from './store-world.js';
import { ended, foundBy, resumed, revived } from './verb-scene.js';

async function ids(scene: Scene, query: Partial<RunQuery>): Promise<string[]> {
  return (await foundBy(scene, {}, query)).map(({ id }) => id);
}

/** What queryRuns promises of these filters. */
export const filterCases: readonly StoreCase[] = [
  promise('filter: by queue', async (scene) => {
    await scene.start('a', { queue: 'one' });
    await scene.start('b', { queue: 'two' });
    await scene.start('c', { queue: 'one', workflow: 'other' });
    assert.deepEqual(await ids(scene, { queue: 'one' }), ['a', 'c']);
    assert.deepEqual(await ids(scene, { queue: 'one', workflow: 'other' }), ['c']);
    assert.deepEqual(await ids(scene, { queue: 'none' }), []);
    assert.deepEqual((await foundBy(scene)).map(({ queue }) => queue), ['one', 'two', 'one']);
  }),
  promise('filter: by version, in line and out of it', async (scene) => {
    const stamping = (stamp: string): object => ({ served: [{ ...served, stamp }] });
    await scene.start('live');
    await scene.claimOne('live', stamping('v1'));
    await scene.start('over');
    await scene.done(ending(await scene.claimOne('over', stamping('v1')), ends.settle()));
    await scene.start('new');
    await scene.claimOne('new', stamping('v2'));
    await scene.start('none');
    assert.deepEqual(await ids(scene, { version: 'v1' }), ['live', 'over']);
    assert.deepEqual(await ids(scene, { version: 'v2' }), ['new']);
    assert.deepEqual(await ids(scene, { version: 'v3' }), []);
    assert.deepEqual(await ids(scene, { version: 'v1', status: ['completed'] }), ['over']);
    assert.deepEqual((await foundBy(scene)).map(({ version }) => version), ['v1', 'v2', null, 'v1']);
  }),
  promise('filter: by version, which the next generation has not', async (scene) => {
    await scene.start('a');
    const run = await scene.claimOne('a', { served: [{ ...served, stamp: 'v1' }] });
    await scene.done(ending(run, ends.settle()));
    await revived(scene, 'a');
    assert.deepEqual(await ids(scene, { version: 'v1' }), []);
    const { version, generation } = only(await foundBy(scene));
    assert.deepEqual([version, generation], [null, 2]);
  }),
  promise('filter: by the reason of parked runs', async (scene) => {
    for (const reason of ['NONDETERMINISM', 'POISONED']) {
      await scene.done(ending(await scene.claimed(reason), ends.park(reason)));
    }
    await ended(scene, 'a', 'failed');
    assert.deepEqual(await ids(scene, { reason: 'POISONED' }), ['POISONED']);
    assert.deepEqual(await ids(scene, { reason: 'OTHER' }), []);
    const reasons = (await foundBy(scene)).map(({ reason }) => reason);
    assert.deepEqual(reasons, ['NONDETERMINISM', 'POISONED', null]);
    await resumed(scene, 'POISONED');
    assert.deepEqual(await ids(scene, { reason: 'POISONED' }), []);
  }),
  promise('filter: by who started it', async (scene) => {
    const [p, q] = [await scene.claimed('p'), await scene.claimed('q')];
    await scene.start('found');
    await tied(scene, [
      child(p, 'a'), child(p, 'b', { watch: false }), child(q, 'c'), child(p, 'found'),
      child(p, 'q', { run: null }),
    ]);
    assert.deepEqual(await ids(scene, { parent: 'p' }), ['a', 'b']);
    assert.deepEqual(await ids(scene, { parent: 'q' }), ['c']);
    assert.deepEqual(await ids(scene, { parent: 'nobody' }), []);
    assert.deepEqual(await ids(scene, { parent: 'p', id: 'b' }), ['b']);
  }),
  promise('filter: by when it was created, from an instant on and before another', async (scene) => {
    const created: number[] = [];
    for (const id of ['a', 'b', 'c']) {
      await scene.start(id);
      created.push(Math.floor(only(await foundBy(scene, {}, { id })).createdAt / 1_000));
      await scene.world.advance(20);
    }
    const [, b = 0, c = 0] = created;
    assert.deepEqual(await ids(scene, { createdFromMs: b }), ['b', 'c']);
    assert.deepEqual(await ids(scene, { createdToMs: b }), ['a']);
    assert.deepEqual(await ids(scene, { createdFromMs: b, createdToMs: c }), ['b']);
    assert.deepEqual(await ids(scene, { createdFromMs: b + 1, createdToMs: c + 1 }), ['c']);
    assert.deepEqual(await ids(scene, { createdFromMs: c, createdToMs: b }), []);
    assert.deepEqual(await ids(scene, { createdFromMs: 0, createdToMs: 4e12 }), ['a', 'b', 'c']);
    assert.deepEqual(await ids(scene, { createdFromMs: 4e12 }), []);
  }),
  promise('filter: all that is asked for must hold, page by page', async (scene) => {
    await scene.store.startRuns(Array.from({ length: 12 }, (_, index) => newRun(`run-${10 + index}`, {
      queue: index % 2 === 0 ? 'even' : 'odd', attributes: { third: index % 3 === 0 }, delayMs: longMs,
    })));
    const query = { queue: 'even', status: ['pending'] as const, createdToMs: 4e12, limit: 1 };
    const third = { third: true };
    const pages: string[][] = [];
    for (let after: string | null = null; pages.length < 9;) {
      const page: string[] = (await foundBy(scene, third, { ...query, after })).map(({ id }) => id);
      if (page.length === 0) break;
      pages.push(page);
      after = page.at(-1) ?? null;
    }
    assert.deepEqual(pages, [['run-10'], ['run-16']]);
  }),
];
