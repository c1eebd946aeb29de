// Runs that are ended without their code.
import assert from 'node:assert/strict';
import {
  carried, child, emitted, event, inboxOf, mailOf, sent, signal, subscribed, tied, waitFor,
} from './mail-scene.js';
import { ends, ending, json, longMs, nothing, only, promise, request, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, everyStatus, ownsNoMore, told } from './verb-scene.js';

const error = '{"message":"enough"}';

/** What terminateRuns promises. */
export const terminateCases: readonly StoreCase[] = [
  promise('terminate: a live or parked run fails, wherever it stands', async (scene) => {
    const running = await everyStatus(scene);
    const suspect = await scene.claimed('suspect');
    await scene.world.expireLease('suspect');
    assert.deepEqual(await scene.claimIds(), []);
    const ids = ['running', 'parked', 'suspect', 'waiting', 'pending'];
    const answers = await scene.store.terminateRuns(ids, error);
    assert.deepEqual(answers, ids.map(() => ({ kind: 'done' })));
    for (const id of ids) {
      const run = await detailOf(scene, id);
      assert.deepEqual([run.status, run.error, run.reason, run.output, run.generation, run.line],
        ['failed', error, null, nothing, 1, null], id);
      assert.ok(run.settledAt !== null && run.settledAt >= run.createdAt, id);
      assert.equal(run.parkedAt, null);
    }
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    assert.equal(await scene.nextDue(), null);
    for (const owner of [running, suspect]) await ownsNoMore(scene, owner);
  }),
  promise('terminate: a settled run is left as it is, and each has its answer', async (scene) => {
    await everyStatus(scene);
    const ids = ['failed', 'waiting', 'nobody', 'completed', 'pending', 'cancelled'];
    const settled = ['failed', 'completed', 'cancelled'];
    const before = await scene.store.readRuns(settled);
    const answers = await scene.store.terminateRuns(ids, error);
    assert.deepEqual(answers, ids.map((status) => (
      status === 'nobody' ? { kind: 'no-run' }
        : settled.includes(status) ? { kind: 'unfit', status } : { kind: 'done' })));
    assert.deepEqual(await scene.store.readRuns(settled), before);
    assert.deepEqual(await scene.store.terminateRuns([], error), []);
  }),
  promise('terminate: asked again it finds the run failed, and its error stays', async (scene) => {
    await scene.claimed('a');
    await told(scene.store.terminateRuns(['a'], error), { kind: 'done' });
    const [before] = await scene.store.readRuns(['a']);
    await told(scene.store.terminateRuns(['a'], '{"message":"other"}'), { kind: 'unfit', status: 'failed' });
    assert.deepEqual(only(await scene.store.readRuns(['a'])), before);
  }),
  promise('terminate: its owner loses it, also by its claim id', async (scene) => {
    await scene.start('a');
    const { runs } = await scene.store.claim(request('mine'));
    await told(scene.store.terminateRuns(['a'], error), { kind: 'done' });
    await scene.answered('lost', ending(only(runs), ends.settle()));
    await scene.answered('lost', ending(only(runs), ends.rest(0)));
    assert.deepEqual((await scene.store.recall(request('mine'))).runs, []);
    assert.equal(await scene.status('a'), 'failed');
  }),
  promise('terminate: what it waited for is waited for no more, and it takes no mail', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { calls: [sleep('1', longMs)] }));
    await subscribed(scene, [waitFor(run)]);
    await told(scene.store.terminateRuns(['a'], error), { kind: 'done' });
    await emitted(scene, [event('e1')]);
    await carried(scene);
    assert.deepEqual((await scene.history(run)).calls, []);
    assert.deepEqual(await inboxOf(scene, run), []);
    await sent(scene, [signal('a', 'm1')], ['settled']);
  }),
  promise('terminate: children are closed, and who waits for its end hears', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, [child(parent, 'a')]);
    const run = await scene.claimOne('a');
    await tied(scene, (['default', 'terminate', 'abandon'] as const).map((parentClose) => (
      child(run, parentClose, { parentClose, watch: false }))));
    const { runs } = await scene.claim();
    await told(scene.store.terminateRuns(['a'], error), { kind: 'done' });
    assert.deepEqual(await carried(scene), ['default', 'p']);
    const { outcome, error: heard } = only((await mailOf(scene, parent)).messages);
    assert.deepEqual([outcome, heard], ['failed', error]);
    const below = only(runs.filter(({ lease }) => lease.runId === 'default'));
    assert.equal(only((await mailOf(scene, below)).messages).kind, 'cancel');
    const statuses = await Promise.all(['default', 'terminate', 'abandon'].map((id) => scene.status(id)));
    assert.deepEqual(statuses, ['running', 'failed', 'running']);
  }),
  promise('terminate: a run that a stranger holds is busy, others are not', async (scene) => {
    const run = await scene.claimed('a');
    await scene.claimed('b');
    const release = await scene.world.lockRow('a');
    const answers = await scene.store.terminateRuns(['a', 'b'], error);
    assert.deepEqual(answers.map(({ kind }) => kind), ['busy', 'done']);
    assert.equal(await scene.status('a'), 'running');
    await release();
    await scene.answered('done', ending(run, ends.renew()));
    await told(scene.store.terminateRuns(['a'], error), { kind: 'done' });
  }),
  promise('terminate: an error that the database refuses ends nothing', async (scene) => {
    const run = await scene.claimed('a');
    const answer = only(await scene.store.terminateRuns(['a'], 'nul \0'));
    assert.equal(answer.kind, 'refused');
    await scene.answered('done', ending(run, ends.settle('1')));
    assert.deepEqual(only(await scene.store.readRuns(['a'])).output, json('1'));
  }),
];
