// Races: things that belong together and happen at the same time, each order of which must come to the same.
import assert from 'node:assert/strict';
import { childBox } from '../mail.js';
import {
  carried, child, event, inboxOf, mailOf, sent, settled, signal, terminated, waitFor,
} from './mail-scene.js';
import { ends, ending, newRun, only, promise, type Scene } from './scene.js';
import type { ClaimedRun } from '../store.js';
import type { StoreCase } from './store-world.js';

const rounds = Array.from({ length: 15 }, (_, index) => index);

/** Starts and claims the runs of all rounds. */
async function runsOf(scene: Scene, name: string): Promise<ClaimedRun[]> {
  await scene.store.startRuns(rounds.map((round) => newRun(`${name}-${round}`)));
  const { runs } = await scene.claim();
  assert.equal(runs.length, rounds.length);
  return rounds.map((round) => only(runs.filter(({ lease }) => lease.runId === `${name}-${round}`)));
}

/** Does all of it at once, beginning with another one each round. */
async function atOnce(round: number, deeds: readonly (() => Promise<unknown>)[]): Promise<void> {
  const start = round % deeds.length;
  await Promise.all([...deeds.slice(start), ...deeds.slice(0, start)].map((deed) => deed()));
}

/** Sends one thing until whoever held its row for a moment let go; it must be answered so. */
async function insist(
  kind: string, send: () => Promise<readonly { readonly kind: string }[]>,
): Promise<void> {
  let answer: string;
  do answer = only(await send()).kind;
  while (answer === 'busy');
  assert.equal(answer, kind);
}

async function carryOnce(scene: Scene): Promise<void> {
  await scene.store.carry({ limit: 100, terminated });
}

/** What holds in whatever order things happen. */
export const raceCases: readonly StoreCase[] = [
  promise('races: an event and a wait for it', async (scene) => {
    const runs = await runsOf(scene, 'run');
    for (const [round, run] of runs.entries()) {
      const key = String(round);
      await atOnce(round, [
        () => insist('done', () => scene.store.subscribe([waitFor(run, { key, lookBackMs: 60_000 })])),
        () => scene.store.emitEvents([event(`e${round}`, { key })]),
        () => carryOnce(scene),
        () => carryOnce(scene),
      ]);
    }
    await carried(scene);
    for (const run of runs) assert.equal((await inboxOf(scene, run)).length, 1, run.lease.runId);
  }),
  promise('races: a watch and the end of what is watched', async (scene) => {
    const parents = await runsOf(scene, 'parent');
    const children = await runsOf(scene, 'child');
    for (const [round, parent] of parents.entries()) {
      const run = children[round];
      assert.ok(run !== undefined);
      const watch = child(parent, run.lease.runId, { run: null, place: '1' });
      await atOnce(round, [
        () => insist('tied', () => scene.store.tieChildren([watch])),
        () => insist('done', () => scene.store.commit([ending(run, settled('completed', false))])),
        () => carryOnce(scene),
        () => carryOnce(scene),
      ]);
    }
    await carried(scene);
    for (const parent of parents) {
      const { messages } = await mailOf(scene, parent, [{ kind: 'child', name: childBox(1, '1') }]);
      assert.equal(only(messages).outcome, 'completed', parent.lease.runId);
    }
  }),
  promise('races: a message and a rest', async (scene) => {
    const runs = await runsOf(scene, 'run');
    for (const [round, run] of runs.entries()) {
      await atOnce(round, [
        () => insist('done', () => scene.store.commit([ending(run, ends.rest())])),
        async () => {
          await sent(scene, [signal(run.lease.runId, 'm1')]);
          await carryOnce(scene);
        },
        () => carryOnce(scene),
      ]);
    }
    await carried(scene);
    assert.equal((await scene.claimIds()).length, rounds.length);
  }),
  promise('races: a message and the first claim', async (scene) => {
    for (const round of rounds) {
      const id = `run-${round}`;
      await scene.start(id);
      const found: ClaimedRun[] = [];
      await atOnce(round, [
        async () => void found.push(...(await scene.claim()).runs),
        async () => {
          await sent(scene, [signal(id, 'm1')]);
          await carryOnce(scene);
        },
        () => carryOnce(scene),
      ]);
      await carried(scene);
      const run = found[0] ?? await scene.claimOne(id);
      const { wake } = await scene.done(ending(run, ends.renew()));
      assert.ok(!run.fresh || wake, 'whoever does not read at the claim hears later');
      await scene.done(ending(run, ends.settle()));
    }
  }),
  promise('races: a child that is started and the end of its parent', async (scene) => {
    const parents = await runsOf(scene, 'parent');
    const kinds: string[] = [];
    for (const [round, parent] of parents.entries()) {
      await atOnce(round, [
        async () => {
          const wish = child(parent, `child-${round}`, { parentClose: 'terminate' });
          do kinds[round] = only(await scene.store.tieChildren([wish])).kind;
          while (kinds[round] === 'busy');
        },
        () => insist('done', () => scene.store.commit([ending(parent, settled('completed', true))])),
        () => carryOnce(scene),
      ]);
    }
    await carried(scene);
    const runs = await scene.store.readRuns(rounds.map((round) => `child-${round}`));
    const statuses = new Map(runs.map(({ id, status }) => [id, status]));
    for (const round of rounds) {
      const status = statuses.get(`child-${round}`);
      assert.equal(status, kinds[round] === 'tied' ? 'failed' : undefined, `${round}: ${kinds[round]}`);
    }
  }),
];
