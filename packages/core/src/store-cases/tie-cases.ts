// Children: a run starts others or watches them, and hears once how each ended.
import assert from 'node:assert/strict';
import { childBox, type Message } from '../mail.js';
import {
  carried, child, inboxOf, mailOf, settled, taking, tied, withoutInstant, type Outcome,
} from './mail-scene.js';
import {
  ends, ending, json, longMs, newRun, nothing, only, promise, served, write, type Scene,
} from './scene.js';
import type { ClaimedRun } from '../store.js';
import type { StoreCase } from './store-world.js';

/** What lies in a run's inbox from the child of this place. */
async function heard(scene: Scene, run: ClaimedRun, place: string): Promise<Message[]> {
  const { messages } = await mailOf(scene, run, [{ kind: 'child', name: childBox(1, place) }]);
  return [...messages];
}

/** The outcome that a run heard of the child of this place; it must have heard of it once. */
async function outcomeOf(scene: Scene, run: ClaimedRun, place: string): Promise<Message['outcome']> {
  return only(await heard(scene, run, place)).outcome;
}

/** Claims a child that is due and settles it. */
async function settleChild(scene: Scene, id: string, outcome: Outcome = 'completed'): Promise<void> {
  await scene.done(ending(await scene.claimOne(id), settled(outcome, false)));
}

/** What tieChildren promises, and what a watching run is told. */
export const tieCases: readonly StoreCase[] = [
  promise('children: a child is started with what it was given', async (scene) => {
    const parent = await scene.claimed('a');
    const run = newRun('b', { input: json('{"to":"Ada"}'), timeoutMs: 5_000 });
    await tied(scene, [
      child(parent, 'b', { run }),
      child(parent, 'c', { run: newRun('c', { workflow: 'other', queue: 'elsewhere' }), watch: false }),
      child(parent, 'd', { run: newRun('d', { delayMs: longMs }) }),
    ]);
    const found = await scene.claimOne('b');
    assert.deepEqual([found.input, found.timeoutMs, found.fresh], [json('{"to":"Ada"}'), 5_000, true]);
    await scene.claimOne('c', { served: [{ ...served, workflow: 'other', queue: 'elsewhere' }] });
    assert.equal(await scene.status('d'), 'pending');
    await scene.answered('done', ending(parent, ends.renew()));
  }),
  ...(['completed', 'failed', 'cancelled'] satisfies Outcome[]).map((outcome) => (
    promise(`children: a parent hears of a child that ${
      { completed: 'completes', failed: 'fails', cancelled: 'is cancelled' }[outcome]}`, async (scene) => {
      const parent = await scene.claimed('a');
      await tied(scene, [child(parent, 'b', { place: '3/k/1' })]);
      await scene.rest(parent);
      await settleChild(scene, 'b', outcome);
      assert.deepEqual(await carried(scene), ['a']);
      const again = await scene.claimOne('a');
      assert.equal(again.fresh, false);
      const { id, ...told } = withoutInstant(only(await heard(scene, again, '3/k/1')));
      const error = outcome === 'completed' ? null : `{"message":"${outcome}"}`;
      const payload = outcome === 'completed' ? json('"result"') : nothing;
      assert.deepEqual(told, { kind: 'child', name: childBox(1, '3/k/1'), payload, error, outcome });
      await scene.answered('done', write(again, { entries: [taking(id, '3')] }));
      assert.deepEqual(await inboxOf(scene, again), []);
    }))),
  promise('children: a leased parent hears as well', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b')]);
    await settleChild(scene, 'b');
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal((await scene.done(ending(parent, ends.renew()))).wake, true);
    assert.equal(await outcomeOf(scene, parent, 'b'), 'completed');
  }),
  promise('children: a run that lives already is not started again, and is watched', async (scene) => {
    const live = await scene.claimed('b');
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { run: newRun('b', { input: json('"other"') }) })]);
    assert.deepEqual(await carried(scene), []);
    await scene.done(ending(live, settled('completed', false)));
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(await outcomeOf(scene, parent, 'b'), 'completed');
  }),
  promise('children: a run that settled already answers', async (scene) => {
    for (const outcome of ['completed', 'failed', 'cancelled'] satisfies Outcome[]) {
      await scene.done(ending(await scene.claimed(outcome), settled(outcome, false)));
    }
    const parent = await scene.claimed('a');
    await tied(scene, [
      child(parent, 'completed'), child(parent, 'failed', { run: null }), child(parent, 'cancelled'),
    ]);
    assert.deepEqual(await carried(scene), ['a']);
    for (const outcome of ['completed', 'failed', 'cancelled']) {
      assert.equal(await outcomeOf(scene, parent, outcome), outcome);
    }
    assert.equal(only(await heard(scene, parent, 'failed')).error, '{"message":"failed"}');
  }),
  promise('children: a run of another parent answers both', async (scene) => {
    const [first, second] = [await scene.claimed('a1'), await scene.claimed('a2')];
    await tied(scene, [child(first, 'b')]);
    await tied(scene, [child(second, 'b')]);
    await settleChild(scene, 'b');
    assert.deepEqual(await carried(scene), ['a1', 'a2']);
    assert.equal(await outcomeOf(scene, first, 'b'), 'completed');
    assert.equal(await outcomeOf(scene, second, 'b'), 'completed');
  }),
  promise('children: a watch is answered, carried before the end or not', async (scene) => {
    const live = await scene.claimed('b');
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { run: null, place: '1' })]);
    await carried(scene);
    await tied(scene, [child(parent, 'b', { run: null, place: '2' })]);
    await scene.done(ending(live, settled('failed', false)));
    await carried(scene);
    assert.equal(await outcomeOf(scene, parent, '1'), 'failed');
    assert.equal(await outcomeOf(scene, parent, '2'), 'failed');
  }),
  promise('children: an id of another workflow is taken, and nothing is written', async (scene) => {
    await scene.start('b', { workflow: 'other' });
    const parent = await scene.claimed('a');
    const answer = only(await scene.store.tieChildren([child(parent, 'b')]));
    assert.deepEqual(answer, { kind: 'taken', workflow: 'other' });
    const run = await scene.claimOne('b', { served: [{ ...served, workflow: 'other' }] });
    await scene.done(ending(run, settled('completed', true)));
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, parent), []);
  }),
  promise('children: one that does not exist answers as failed', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'nobody', { run: null })]);
    assert.deepEqual(await carried(scene), ['a']);
    const answer = only(await heard(scene, parent, 'nobody'));
    assert.equal(answer.outcome, 'failed');
    assert.match(answer.error ?? '', /"CHILD_NOT_FOUND"/);
  }),
  promise('children: one that is not watched answers nobody', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { watch: false })]);
    await settleChild(scene, 'b');
    assert.deepEqual(await carried(scene), []);
    await tied(scene, [child(parent, 'b', { run: null, place: '2' })]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(await outcomeOf(scene, parent, '2'), 'completed');
    assert.deepEqual(await heard(scene, parent, 'b'), []);
  }),
  promise('children: a tie made again is the same', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b'), child(parent, 'b'), child(parent, 'c', { run: null })]);
    await tied(scene, [child(parent, 'b'), child(parent, 'c', { run: null })]);
    await settleChild(scene, 'b');
    await carried(scene);
    await tied(scene, [child(parent, 'b'), child(parent, 'c', { run: null })]);
    await carried(scene);
    assert.equal(await outcomeOf(scene, parent, 'b'), 'completed');
    assert.equal(await outcomeOf(scene, parent, 'c'), 'failed');
  }),
  promise('children: an answer that was taken does not come again', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b')]);
    const run = await scene.claimOne('b');
    const end = ending(run, settled('completed', true));
    await scene.done(end);
    await carried(scene);
    const { id } = only(await heard(scene, parent, 'b'));
    await scene.done(write(parent, { entries: [taking(id, '1')] }));
    await scene.answered('already-done', end);
    await tied(scene, [child(parent, 'b')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, parent), []);
  }),
  promise('children: two calls that watch one run are answered each', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [
      child(parent, 'b', { place: '1' }), child(parent, 'b', { place: '2' }),
      child(parent, 'b', { place: '3', run: null }),
    ]);
    await settleChild(scene, 'b');
    await carried(scene);
    for (const place of ['1', '2', '3']) assert.equal(await outcomeOf(scene, parent, place), 'completed');
  }),
  promise('children: an answer is for the generation that asked', async (scene) => {
    const parent = await scene.claimed('a');
    const other = { ...parent.lease, generation: 2 };
    await tied(scene, [child(parent, 'b'), { ...child(parent, 'b', { run: null }), lease: other }]);
    await settleChild(scene, 'b');
    await carried(scene);
    const { messages } = await mailOf(scene, parent);
    assert.deepEqual(messages.map(({ name }) => name), [childBox(1, 'b')]);
  }),
  promise('children: a parent that settled hears nothing, one that parked does', async (scene) => {
    const [settles, parks] = [await scene.claimed('a1'), await scene.claimed('a2')];
    await tied(scene, [child(settles, 'b1'), child(parks, 'b2')]);
    await scene.done(ending(settles, settled('completed', true)));
    await scene.done(ending(parks, ends.park()));
    for (const { lease } of (await scene.claim()).runs) {
      await scene.done(ending(lease, settled('completed', false)));
    }
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, settles), []);
    assert.equal(await outcomeOf(scene, parks, 'b2'), 'completed');
  }),
  promise('children: a child that parks has not ended', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b')]);
    await scene.done(ending(await scene.claimOne('b'), ends.park()));
    await tied(scene, [child(parent, 'b', { place: '2' })]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, parent), []);
  }),
  promise('children: whose a child is, is told each time', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    const ties = [child(a, 'c'), child(b, 'c'), child(a, 'c', { run: null }), child(b, 'c', { run: null })];
    for (const [index, tie] of ties.entries()) {
      const own = index % 2 === 0;
      assert.deepEqual(await scene.store.tieChildren([tie]), [
        own ? { kind: 'tied' } : { kind: 'tied', found: true },
      ]);
    }
  }),
  promise('children: after a lease is lost, nothing is started and nothing watched', async (scene) => {
    const watched = await scene.claimed('c');
    const lost = await scene.claimed('a');
    const owner = await scene.suspect('a');
    const children = [child(lost, 'b'), child(lost, 'c', { run: null })];
    await tied(scene, children, ['lost', 'lost']);
    await scene.done(ending(watched, settled('completed', false)));
    assert.deepEqual(await scene.store.readRuns(['b']), []);
    await scene.done(ending(owner, ends.rest()));
    await tied(scene, [child(owner, 'b'), child(owner, 'c', { run: null })], ['lost', 'lost']);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await inboxOf(scene, owner), []);
    assert.deepEqual(await scene.claimIds(), []);
  }),
  promise('children: a parent that a stranger holds is busy', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    const release = await scene.world.lockRow('a');
    await tied(scene, [child(a, 'c'), child(b, 'd')], ['busy', 'tied']);
    assert.deepEqual(await scene.claimIds(), ['d']);
    await release();
    await tied(scene, [child(a, 'c')]);
    await scene.claimOne('c');
  }),
  promise('children: an id that a stranger is starting is busy, others are not', async (scene) => {
    const parent = await scene.claimed('a');
    const release = await scene.world.holdId('c');
    await tied(scene, ['b', 'c', 'd'].map((id) => child(parent, id)), ['tied', 'busy', 'tied']);
    await release();
    await tied(scene, [child(parent, 'c')]);
    assert.deepEqual(await scene.claimIds(), ['b', 'c', 'd']);
  }),
  promise('children: a value that the database refuses does not stop the others', async (scene) => {
    const parent = await scene.claimed('a');
    const nul = newRun('c', { input: json('"nul \0 inside"') });
    const children = [child(parent, 'b'), child(parent, 'c', { run: nul }), child(parent, 'd')];
    await tied(scene, children, ['tied', 'refused', 'tied']);
    assert.deepEqual(await scene.claimIds(), ['b', 'd']);
    assert.deepEqual(await carried(scene), []);
  }),
  promise('children: a watch of a run that a stranger holds is answered when it is let go', async (scene) => {
    const live = await scene.claimed('b');
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { run: null })]);
    const release = await scene.world.lockRow('b');
    assert.deepEqual(await carried(scene), []);
    await release();
    await scene.done(ending(live, settled('completed', false)));
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(await outcomeOf(scene, parent, 'b'), 'completed');
  }),
  promise('children: 1,000 of one parent are answered one by one', async (scene) => {
    const parent = await scene.claimed('a');
    const ids = Array.from({ length: 1_000 }, (_, index) => `child-${index}`);
    await tied(scene, ids.map((id) => child(parent, id)));
    await scene.rest(parent);
    const { runs } = await scene.claim({ limit: 2_000 });
    assert.equal(runs.length, 1_000);
    await scene.store.commit(runs.map((run) => ending(run, settled('completed', false))));
    assert.deepEqual(await carried(scene), ['a']);
    const again = await scene.claimOne('a');
    const { messages, more } = await mailOf(scene, again, [{ kind: 'child', name: null }]);
    assert.deepEqual(messages.map(({ name }) => name).sort(), ids.map((id) => childBox(1, id)).sort());
    assert.equal(more, false);
  }),
];
