// Starts that make a run begin anew if it failed or was cancelled.
import assert from 'node:assert/strict';
import type { NewRun, StartAnswer } from '../store.js';
import { carried, inboxOf, mailOf, sent, settled, signal, taking } from './mail-scene.js';
import {
  ending, entry, json, longMs, newRun, only, promise, served, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';
import { cancelOf, detailOf, ended, everyStatus, foundBy, insisted, ownsNoMore } from './verb-scene.js';

function again(id: string, more: Partial<NewRun> = {}): NewRun {
  return newRun(id, { restart: true, input: json('"second"'), ...more });
}

async function restarted(scene: Scene, run: NewRun): Promise<StartAnswer> {
  return only(await scene.store.startRuns([run]));
}

/** What startRuns promises of runs that begin anew. */
export const restartCases: readonly StoreCase[] = [
  ...(['failed', 'cancelled'] as const).map((outcome) => (
    promise(`restart: a run that is ${outcome} begins anew, from its start`, async (scene) => {
      const run = await scene.claimed('a');
      await scene.done(write(run, {
        entries: [entry('0', 1)], calls: [sleep('1', longMs)], end: settled(outcome, false) }));
      const answer = await restarted(scene, again('a'));
      assert.ok(answer.kind === 'created', answer.kind);
      assert.ok(answer.epoch > run.lease.epoch);
      const { status, generation, error, reason, settledAt, startedAt } = await detailOf(scene, 'a');
      assert.deepEqual([status, generation, error, reason, settledAt, startedAt],
        ['pending', 2, null, null, null, null]);
      const second = await scene.claimOne('a');
      assert.deepEqual([second.lease.generation, second.input], [2, json('"second"')]);
      assert.equal(second.before, answer.epoch);
      assert.ok(second.firstClaimedAt >= answer.at);
      assert.deepEqual(await scene.history(second), { entries: [], calls: [], streams: [] });
      await scene.answered('done', ending(second, settled('completed', false)));
    }))),
  promise('restart: every other run that exists is left as it is', async (scene) => {
    const running = await everyStatus(scene);
    await ended(scene, 'other', 'failed');
    for (const id of ['completed', 'parked', 'waiting', 'running', 'pending']) {
      const before = await scene.store.readRuns([id]);
      assert.deepEqual(await restarted(scene, again(id)), { kind: 'exists', workflow: served.workflow });
      assert.deepEqual(await scene.store.readRuns([id]), before);
    }
    const strange = await restarted(scene, again('other', { workflow: 'another' }));
    assert.deepEqual(strange, { kind: 'exists', workflow: served.workflow });
    assert.equal(await scene.status('other'), 'failed');
    await scene.answered('done', ending(running, settled('completed', false)));
  }),
  promise('restart: a start that does not ask for it leaves what failed', async (scene) => {
    await ended(scene, 'a', 'failed');
    for (const restart of [false, undefined]) {
      assert.equal((await restarted(scene, again('a', { restart }))).kind, 'exists');
    }
    assert.equal(await scene.status('a'), 'failed');
    assert.equal((await restarted(scene, again('new'))).kind, 'created');
    assert.equal((await scene.claimOne('new')).fresh, true);
  }),
  promise('restart: what it is started with now holds', async (scene) => {
    const run = await scene.claimed('a', {
      headers: { old: '1' }, attributes: { old: 1, both: 1 }, timeoutMs: 1_000, priority: -1 });
    await scene.done(ending(run, settled('failed', false)));
    const answer = await restarted(scene, again('a', {
      queue: 'elsewhere', headers: { new: '2' }, attributes: { new: 2, both: 2 }, timeoutMs: 2_000,
      priority: 2, delayMs: longMs,
    }));
    assert.ok(answer.kind === 'created');
    const detail = await detailOf(scene, 'a');
    assert.deepEqual([detail.queue, detail.headers, detail.timeoutMs, detail.priority],
      ['elsewhere', { new: '2' }, 2_000, 2]);
    const elsewhere = { served: [{ ...served, queue: 'elsewhere' }] };
    const { runs, nextDueAt } = await scene.claim(elsewhere);
    assert.deepEqual([runs, nextDueAt], [[], answer.at + longMs * 1_000]);
    const [found] = await foundBy(scene, {}, { status: ['pending'] });
    assert.deepEqual(found?.attributes, { new: 2, both: 2 });
    await scene.world.makeDue('a');
    assert.deepEqual((await scene.claimOne('a', elsewhere)).headers, { new: '2' });
  }),
  promise('restart: signals that were taken lie in the inbox again, a cancel does not', async (scene) => {
    const run = await scene.claimed('a');
    for (const id of ['m3', 'm1', 'm2']) await sent(scene, [signal('a', id)]);
    await sent(scene, [cancelOf('a')]);
    const taken = [taking('m1', '1'), taking('m3', '2'), taking('cancel', '3', { kind: 'cancel' })];
    await scene.done(write(run, { entries: taken, end: settled('cancelled', false) }));
    assert.equal((await restarted(scene, again('a'))).kind, 'created');
    const second = await scene.claimOne('a');
    assert.equal(second.fresh, false, 'there is mail');
    const { messages } = await mailOf(scene, second);
    assert.deepEqual(messages.map(({ id }) => id), ['m3', 'm1', 'm2']);
    await sent(scene, [signal('a', 'm1'), cancelOf('a')]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.deepEqual((await inboxOf(scene, second)).length, 4);
  }),
  promise('restart: who owned it writes nothing any more', async (scene) => {
    const run = await ended(scene, 'a', 'failed');
    await restarted(scene, again('a'));
    await ownsNoMore(scene, run);
    await scene.claimOne('a');
    await ownsNoMore(scene, run);
  }),
  promise('restart: sent again it finds the run that it made', async (scene) => {
    await ended(scene, 'a', 'failed');
    const wish = again('a');
    assert.equal((await restarted(scene, wish)).kind, 'created');
    assert.deepEqual(await restarted(scene, wish), { kind: 'exists', workflow: served.workflow });
    const run = await scene.claimOne('a');
    assert.equal((await restarted(scene, wish)).kind, 'exists');
    await scene.answered('done', ending(run, settled('failed', false)));
    assert.equal(run.lease.generation, 2);
  }),
  promise('restart: of several at once one makes the run, the others find it', async (scene) => {
    for (let round = 0; round < 10; round++) {
      const id = `run-${round}`;
      await ended(scene, id, 'failed');
      const kinds = await Promise.all(Array.from({ length: 4 }, () => (
        insisted(() => scene.store.startRuns([again(id)])))));
      assert.deepEqual(kinds.sort(), ['created', 'exists', 'exists', 'exists']);
      assert.equal((await scene.claimOne(id)).lease.generation, 2);
    }
  }),
  promise('restart: beside other starts each has its own answer', async (scene) => {
    await ended(scene, 'b', 'failed');
    await ended(scene, 'c', 'completed');
    await ended(scene, 'e', 'cancelled');
    const answers = await scene.store.startRuns([
      again('e', { input: json('"nul \0"') }), newRun('d'), again('c'), again('b'), newRun('a'),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind),
      ['refused', 'created', 'exists', 'created', 'created']);
    assert.deepEqual(await scene.claimIds(), ['a', 'b', 'd']);
    assert.equal(await scene.status('e'), 'cancelled');
  }),
  promise("restart: in a transaction it is seen at the caller's commit", async (scene) => {
    for (const end of ['rollback', 'commit'] as const) {
      const id = `run ${end}`;
      await ended(scene, id, 'failed');
      await scene.world.within(async (transaction) => {
        assert.equal(only(await transaction.startRuns([again(id)])).kind, 'created');
        assert.equal(only(await transaction.startRuns([again(id)])).kind, 'exists');
        assert.equal(await scene.status(id), 'failed');
        assert.deepEqual(await scene.claimIds(), []);
      }, end);
      if (end === 'rollback') assert.equal(await scene.status(id), 'failed');
    }
    assert.equal((await scene.claimOne('run commit')).lease.generation, 2);
  }),
];
