// Priorities: of what is due, the highest goes first.
import assert from 'node:assert/strict';
import { child, tied } from './mail-scene.js';
import { ends, ending, idsOf, longMs, newRun, promise, served } from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, inTurn, resumed, revived } from './verb-scene.js';

const other = { ...served, workflow: 'other' };

/** What startRuns and claim promise of priorities. */
export const priorityCases: readonly StoreCase[] = [
  promise('priority: of runs that are due, those of a higher one are claimed first', async (scene) => {
    for (const priority of [0, -2, 2, undefined, 1, -1]) {
      await scene.start(`run ${priority}`, { priority });
    }
    assert.deepEqual(await inTurn(scene),
      ['run 2', 'run 1', 'run 0', 'run undefined', 'run -1', 'run -2']);
  }),
  promise('priority: a claim that has not enough room takes the highest', async (scene) => {
    await scene.store.startRuns(Array.from({ length: 20 }, (_, index) => newRun(`low-${index}`)));
    await scene.store.startRuns(Array.from({ length: 5 }, (_, index) => (
      newRun(`high-${index}`, { priority: 1 }))));
    const { runs } = await scene.claim({ limit: 8 });
    assert.equal(idsOf(runs).filter((id) => id.startsWith('high')).length, 5);
    assert.equal(runs.length, 8);
  }),
  promise('priority: of one the oldest is claimed first', async (scene) => {
    for (const id of ['c', 'a', 'b']) await scene.start(id, { priority: 2 });
    assert.deepEqual(await inTurn(scene), ['c', 'a', 'b']);
  }),
  promise('priority: it holds between kinds as well', async (scene) => {
    await scene.start('a', { priority: -1 });
    await scene.start('b', { workflow: 'other' });
    await scene.start('c', { priority: 1 });
    await scene.start('d', { workflow: 'other', priority: 2 });
    assert.deepEqual(await inTurn(scene, { served: [served, other] }), ['d', 'c', 'b', 'a']);
  }),
  promise('priority: what is not due holds up nobody', async (scene) => {
    const { at } = await scene.start('a', { priority: 2, delayMs: longMs });
    await scene.rest(await scene.claimed('b', { priority: 2 }));
    await scene.start('c', { priority: -2 });
    await scene.claimOne('c');
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
  }),
  promise('priority: a run keeps it when it rests, wakes, and has a version', async (scene) => {
    const kinds = { served: [{ ...served, stamp: 'v1' }, { ...served, version: 'v1', stamp: 'v1' }] };
    await scene.start('a');
    await scene.start('high', { priority: 1 });
    const { runs } = await scene.claim(kinds);
    for (const run of runs) await scene.rest(run, run.lease.runId === 'a' ? 0 : null);
    await scene.store.wake(['high']);
    assert.deepEqual(await inTurn(scene, kinds), ['high', 'a']);
    assert.equal((await detailOf(scene, 'high')).version, 'v1');
  }),
  promise('priority: a run keeps it in its next generation, and when it is opened again', async (scene) => {
    const verbs: Record<string, (id: string) => Promise<void>> = {
      continued: async (id) => {
        const run = await scene.claimed(id, { priority: 1 });
        await scene.done(ending(run, { kind: 'continue', input: run.input }));
      },
      resumed: async (id) => {
        await scene.done(ending(await scene.claimed(id, { priority: 1 }), ends.park()));
        await resumed(scene, id);
      },
      revived: async (id) => {
        await scene.done(ending(await scene.claimed(id, { priority: 1 }), ends.settle()));
        await revived(scene, id);
      },
    };
    for (const [id, verb] of Object.entries(verbs)) {
      await scene.start(`before ${id}`, { workflow: 'other' });
      await verb(id);
      assert.equal((await detailOf(scene, id)).priority, 1);
      assert.deepEqual(await inTurn(scene, { served: [other, served] }), [id, `before ${id}`]);
    }
  }),
  promise('priority: a suspect of any is tried alone, and has its own again afterwards', async (scene) => {
    for (const priority of [2, -2]) {
      const id = `run ${priority}`;
      await scene.claimed(id, { priority });
      await scene.world.expireLease(id);
      for (let round = 0; round < 3; round++) assert.deepEqual(await scene.claimIds(), []);
      const suspect = await scene.claimOne(id, { suspects: true });
      assert.deepEqual([suspect.strikes, suspect.soloStrikes], [1, 0]);
      await scene.rest(suspect, 0);
      await scene.start(`beside ${id}`);
      const inOrder = priority > 0 ? [id, `beside ${id}`] : [`beside ${id}`, id];
      assert.deepEqual(await inTurn(scene), inOrder);
    }
  }),
  promise('priority: a suspect that leaves quarantine under its owner is in its own line', async (scene) => {
    await scene.claimed('a', { priority: 1 });
    const run = await scene.suspect('a');
    await scene.answered('done', ending(run, ends.renew('absolve')));
    await scene.rest(run);
    await scene.start('b');
    await scene.store.wake(['a']);
    assert.deepEqual(await inTurn(scene), ['a', 'b']);
  }),
  promise('priority: children have their own', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a'), child(parent, 'b', { run: newRun('b', { priority: 1 }) })]);
    assert.deepEqual(await inTurn(scene), ['b', 'a']);
  }),
];
