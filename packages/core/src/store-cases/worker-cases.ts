// The registry of workers: who is there, and what it serves.
import assert from 'node:assert/strict';
import type { WorkerFacts, WorkerListed } from '../operations.js';
import { only, promise, type Scene } from './scene.js';
import type { StoreCase } from './store-world.js';

function worker(id: string, more: Partial<WorkerFacts> = {}): WorkerFacts {
  return {
    id, host: 'host 1', pid: 4_711, concurrency: 50,
    serves: [
      { queue: 'default', workflow: 'greet', version: null },
      { queue: 'default', workflow: 'Grüße "1"', version: 'v1' },
    ],
    definitions: [{ workflow: 'greet', queue: 'default', timeoutMs: 60_000 }],
    ...more,
  };
}

async function listed(scene: Scene, id: string): Promise<WorkerListed> {
  return only((await scene.store.readWorkers()).filter((each) => each.id === id));
}

/** What the registry promises. */
export const workerCases: readonly StoreCase[] = [
  promise('workers: one that began is listed with what it said', async (scene) => {
    assert.deepEqual(await scene.store.readWorkers(), []);
    await scene.store.registerWorker(worker('w1'));
    await scene.store.registerWorker(worker('w2', { host: 'host 2', pid: 1, serves: [], definitions: [] }));
    const { startedAt, seenAt, now, ...facts } = await listed(scene, 'w1');
    const { definitions: _, ...wanted } = worker('w1');
    assert.deepEqual(facts, wanted);
    assert.ok(startedAt <= seenAt && seenAt <= now, `${startedAt}, ${seenAt}, ${now}`);
    assert.ok(Number.isSafeInteger(startedAt) && startedAt > 1e15, 'microseconds since 1970');
    const second = await listed(scene, 'w2');
    assert.deepEqual([second.host, second.pid, second.serves], ['host 2', 1, []]);
    assert.equal((await scene.store.readWorkers()).length, 2);
  }),
  promise('workers: one that is alive is seen', async (scene) => {
    await scene.store.registerWorker(worker('w1'));
    await scene.store.registerWorker(worker('w2'));
    const before = await listed(scene, 'w1');
    const other = await listed(scene, 'w2');
    await scene.world.advance(5);
    assert.equal(await scene.store.seeWorker('w1'), true);
    const after = await listed(scene, 'w1');
    assert.ok(after.seenAt > before.seenAt, 'it was seen later');
    assert.equal(after.startedAt, before.startedAt);
    assert.equal((await listed(scene, 'w2')).seenAt, other.seenAt);
    assert.deepEqual(after.serves, before.serves);
  }),
  promise('workers: of one that nobody knows it is said so', async (scene) => {
    await scene.store.registerWorker(worker('w1'));
    assert.equal(await scene.store.seeWorker('nobody'), false);
    assert.deepEqual((await scene.store.readWorkers()).map(({ id }) => id), ['w1']);
  }),
  promise('workers: one that ends is forgotten, and can begin again', async (scene) => {
    await scene.store.registerWorker(worker('w1'));
    await scene.store.registerWorker(worker('w2'));
    await scene.store.forgetWorker('w1');
    await scene.store.forgetWorker('nobody');
    assert.deepEqual((await scene.store.readWorkers()).map(({ id }) => id), ['w2']);
    assert.equal(await scene.store.seeWorker('w1'), false);
    await scene.store.registerWorker(worker('w1', { concurrency: 9 }));
    assert.equal((await listed(scene, 'w1')).concurrency, 9);
  }),
  promise('workers: said again, the last word holds', async (scene) => {
    await scene.store.registerWorker(worker('w1'));
    await scene.store.registerWorker(worker('w1', { concurrency: 9, serves: [] }));
    const { concurrency, serves } = await listed(scene, 'w1');
    assert.deepEqual([concurrency, serves], [9, []]);
    assert.equal(await scene.store.seeWorker('w1'), true);
  }),
];
