// Verbs at the same time as each other, and as those who own the run: one of them has it.
import assert from 'node:assert/strict';
import { settled } from './mail-scene.js';
import { ends, ending, entry, newRun, only, promise, write, type Scene } from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, ended, insisted, ownsNoMore, revival } from './verb-scene.js';

const error = '{"message":"enough"}';

type Deed = (scene: Scene, id: string) => Promise<string>;

const deeds = {
  resume: (scene, id) => insisted(() => scene.store.resumeRuns([{ runId: id }])),
  revive: (scene, id) => insisted(() => scene.store.reviveRuns([revival(id)])),
  terminate: (scene, id) => insisted(() => scene.store.terminateRuns([id], error)),
  delete: (scene, id) => insisted(() => scene.store.deleteRuns([id])),
  restart: (scene, id) => insisted(() => scene.store.startRuns([newRun(id, { restart: true })])),
} satisfies Record<string, Deed>;

/** Does it all at once, beginning with another one each round; what each was told, in the given order. */
async function race(round: number, all: readonly (() => Promise<string>)[]): Promise<string[]> {
  const told: string[] = [];
  const start = round % all.length;
  const order = [...all.keys()].map((index) => (index + start) % all.length);
  await Promise.all(order.map(async (index) => {
    told[index] = await all[index]?.() ?? '';
  }));
  return told;
}

const rounds = Array.from({ length: 10 }, (_, index) => index);

/** How many of these say that they did it. */
function winners(told: readonly string[]): number {
  return told.filter((kind) => kind === 'done' || kind === 'created').length;
}

/** What holds in whatever order verbs take effect. */
export const verbRaceCases: readonly StoreCase[] = [
  ...(['resume', 'revive', 'terminate', 'delete'] as const).map((verb) => (
    promise(`races: of two that ${verb} a run one does it`, async (scene) => {
      for (const round of rounds) {
        const id = `run-${round}`;
        const status = verb === 'delete' ? 'failed' : 'parked';
        await ended(scene, id, status);
        const told = await race(round, [() => deeds[verb](scene, id), () => deeds[verb](scene, id)]);
        assert.equal(winners(told), 1, told.join());
        if (verb === 'resume' || verb === 'revive') await scene.claimOne(id);
      }
    }))),
  promise('races: of a resumption, a revival and a termination of a parked run', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      const owner = await ended(scene, id, 'parked');
      const told = await race(round, [
        () => deeds.resume(scene, id), () => deeds.revive(scene, id), () => deeds.terminate(scene, id),
      ]);
      const [, revive, terminate] = told;
      const { status, generation } = await detailOf(scene, id);
      assert.equal(generation, revive === 'done' ? 2 : 1, told.join());
      assert.equal(terminate, 'done', 'it is not settled before');
      assert.ok(status === 'failed' || revive === 'done', 'only a revival undoes a termination');
      await ownsNoMore(scene, owner);
      if (status === 'pending') await scene.claimOne(id);
    }
  }),
  promise('races: of a deletion and a revival of a settled run', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      await ended(scene, id, 'failed');
      const told = await race(round, [() => deeds.delete(scene, id), () => deeds.revive(scene, id)]);
      assert.equal(winners(told), 1, told.join());
      const runs = await scene.store.readRuns([id]);
      assert.equal(runs.length, told[0] === 'done' ? 0 : 1);
      if (runs.length === 1) assert.deepEqual([(await scene.claimOne(id)).lease.generation], [2]);
      assert.deepEqual(await scene.claimIds(), []);
    }
  }),
  promise('races: of a revival and a start that makes the run begin anew', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      await ended(scene, id, 'failed');
      const told = await race(round, [() => deeds.restart(scene, id), () => deeds.revive(scene, id)]);
      assert.equal(winners(told), 1, told.join());
      assert.equal((await scene.claimOne(id)).lease.generation, 2);
    }
  }),
  promise('races: of a termination and the end that its owner writes', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      const run = await scene.claimed(id);
      const end = write(run, { entries: [entry('0', 1)], end: settled('completed', false) });
      const told = await race(round, [
        () => deeds.terminate(scene, id), () => insisted(() => scene.store.commit([end])),
      ]);
      assert.equal(winners(told), 1, told.join());
      assert.equal(await scene.status(id), told[0] === 'done' ? 'failed' : 'completed');
      assert.equal((await scene.places(run)).length, told[0] === 'done' ? 0 : 1);
      assert.equal(told[told[0] === 'done' ? 1 : 0], told[0] === 'done' ? 'lost' : 'unfit');
    }
  }),
  promise('races: of a termination and the next generation that its owner begins', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      const run = await scene.claimed(id);
      const end = ending(run, { kind: 'continue', input: run.input });
      const [, continued] = await race(round, [
        () => deeds.terminate(scene, id), () => insisted(() => scene.store.commit([end])),
      ]);
      const { status, generation } = await detailOf(scene, id);
      assert.deepEqual([status, generation], ['failed', continued === 'done' ? 2 : 1]);
      assert.deepEqual(await scene.claimIds(), []);
    }
  }),
  promise('races: of a termination and a claim', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      await scene.start(id);
      const found: Awaited<ReturnType<Scene['claim']>>['runs'][number][] = [];
      const told = await race(round, [
        () => deeds.terminate(scene, id),
        async () => {
          found.push(...(await scene.claim()).runs);
          return 'claimed';
        },
      ]);
      assert.equal(told[0], 'done');
      assert.equal(await scene.status(id), 'failed');
      for (const run of found) await scene.answered('lost', ending(run, ends.settle()));
      assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    }
  }),
  promise('races: of a park and a resumption', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      const run = await scene.claimed(id);
      const told = await race(round, [
        () => insisted(() => scene.store.commit([ending(run, ends.park())])),
        () => deeds.resume(scene, id),
      ]);
      assert.equal(told[0], 'done');
      if (told[1] === 'done') assert.equal((await scene.claimOne(id)).lease.runId, id);
      else assert.equal(only(await scene.store.readRuns([id])).status, 'parked');
    }
  }),
];
