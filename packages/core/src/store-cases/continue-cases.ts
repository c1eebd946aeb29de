// Runs that go on as new: a generation ends, and the next one begins with its input and the mail.
import assert from 'node:assert/strict';
import { childBox } from '../mail.js';
import type { Chunk, ClaimedRun, Served, TurnEnd } from '../store.js';
import {
  carried, child, event, emitted, inboxOf, mailOf, sent, settled, signal, subscribed, taking, tied, waitFor,
} from './mail-scene.js';
import {
  ends, ending, entry, json, longMs, only, promise, served, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';
import { cancelOf, detailOf, foundBy, ownsNoMore, recordOf } from './verb-scene.js';

function goOn(input = '"again"', returned?: readonly string[]): TurnEnd {
  return { kind: 'continue', input: json(input), returned };
}

/** Lets a run go on as new, and claims it again. */
async function next(scene: Scene, run: ClaimedRun): Promise<ClaimedRun> {
  await scene.answered('done', ending(run, goOn()));
  return scene.claimOne(run.lease.runId);
}

/** What `continue` promises. */
export const continueCases: readonly StoreCase[] = [
  promise('continue: the next generation is due at once, with its input', async (scene) => {
    const run = await scene.claimed('a');
    await scene.answered('done', ending(run, goOn('{"page":2}')));
    const record = only(await scene.store.readRuns(['a']));
    assert.deepEqual([record.status, record.generation], ['pending', 2]);
    const again = await scene.claimOne('a');
    assert.deepEqual([again.input, again.lease.generation], [json('{"page":2}'), 2]);
    assert.equal(again.fresh, false);
    assert.equal(again.createdAt, run.createdAt);
    await scene.answered('done', ending(again, ends.settle('2')));
    assert.deepEqual(only(await scene.store.readRuns(['a'])).output, json('2'));
  }),
  promise('continue: the next generation has no version until it is claimed', async (scene) => {
    const kinds = (version: string): Served[] => (
      [{ ...served, stamp: version }, { ...served, version, stamp: version }]);
    await scene.start('a');
    const run = await scene.claimOne('a', { served: kinds('v1') });
    assert.equal(run.version, 'v1');
    await scene.answered('done', ending(run, goOn()));
    assert.equal((await detailOf(scene, 'a')).version, null);
    const again = await scene.claimOne('a', { served: kinds('v2') });
    assert.equal(again.version, 'v2');
  }),
  promise('continue: its epoch is later, and who owned it writes nothing any more', async (scene) => {
    const run = await scene.claimed('a');
    await scene.answered('done', ending(run, goOn()));
    await ownsNoMore(scene, run);
    const again = await scene.claimOne('a');
    assert.ok(run.lease.epoch < again.before && again.before < again.lease.epoch);
    await ownsNoMore(scene, run);
    await ownsNoMore(scene, { ...run.lease, generation: 2 });
    assert.deepEqual(await scene.places(again), []);
    await scene.answered('done', ending(again, ends.settle()));
  }),
  promise('continue: nothing of the old generation is replayed or waited for', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('0', 1)], calls: [sleep('1', longMs)] }));
    await subscribed(scene, [waitFor(run)]);
    const again = await next(scene, run);
    assert.deepEqual(await scene.history(again), { entries: [], calls: [], streams: [] });
    assert.deepEqual((await scene.history(run)).calls, []);
    await emitted(scene, [event('e1')]);
    await carried(scene);
    assert.deepEqual(await inboxOf(scene, again), []);
    assert.deepEqual((await detailOf(scene, 'a')).calls, []);
  }),
  promise('continue: what it writes beside is recorded', async (scene) => {
    const run = await scene.claimed('a');
    const chunks = [{ stream: 'log', seq: 0, source: '', value: json('1') }];
    const attributes = [{ name: 'page', value: 1 }];
    const { at } = await scene.done(write(run, {
      entries: [entry('0', 1)], more: { attributes, chunks }, end: goOn(),
    }));
    assert.deepEqual((await recordOf(scene, 'a', 1)).map((each) => [each.place, each.at]), [['0', at]]);
    const found = await foundBy(scene, { page: 1 });
    assert.deepEqual(found.map(({ id, generation }) => [id, generation]), [['a', 2]]);
  }),
  promise('continue: the last record stays to be looked at, those before it are gone', async (scene) => {
    let run = await scene.claimed('a');
    for (const place of ['0', '1', '2']) {
      await scene.done(write(run, { entries: [entry(place, 1)] }));
      run = await next(scene, run);
    }
    assert.equal(run.lease.generation, 4);
    const records = await Promise.all([1, 2, 3, 4].map((generation) => recordOf(scene, 'a', generation)));
    assert.deepEqual(records.map((entries) => entries.map(({ place }) => place)), [[], [], ['2'], []]);
  }),
  promise('continue: mail that was not taken stays, in its order', async (scene) => {
    const run = await scene.claimed('a');
    for (const id of ['m3', 'm1', 'm2', 'm4']) await sent(scene, [signal('a', id)]);
    await scene.done(write(run, { entries: [taking('m1', '1')] }));
    await scene.done(write(run, { entries: [taking('m2', '2')], end: goOn() }));
    const again = await scene.claimOne('a');
    assert.deepEqual(await inboxOf(scene, again), ['m3', 'm4']);
    await sent(scene, [signal('a', 'm1'), signal('a', 'm3'), signal('a', 'm5')]);
    assert.deepEqual(await inboxOf(scene, again), ['m3', 'm4', 'm5']);
  }),
  promise('continue: what it gives back lies in the inbox again, where it stood', async (scene) => {
    const run = await scene.claimed('a');
    for (const id of ['m2', 'm1', 'm4', 'm3']) await sent(scene, [signal('a', id)]);
    await sent(scene, [cancelOf('a')]);
    const { messages: before } = await mailOf(scene, run);
    const taken = [taking('m2', '1'), taking('m1', '2'), taking('m3', '3'), taking('cancel', '4', {
      kind: 'cancel' })];
    await scene.done(write(run, { entries: taken }));
    const item = ending(run, goOn('"again"', ['m3', 'm2', 'cancel', 'nobody']));
    await scene.answered('done', item);
    const again = await scene.claimOne('a');
    const { messages } = await mailOf(scene, again);
    assert.deepEqual(messages, before.filter(({ id }) => id !== 'm1'));
    await scene.done(write(again, { entries: [taking('m2', '1'), taking('m3', '2')] }));
    await scene.answered('already-done', item);
    const left = await mailOf(scene, again);
    assert.deepEqual(left.messages.map(({ id }) => id), ['m4', 'cancel']);
  }),
  promise('continue: a lost lease gives nothing back', async (scene) => {
    const lost = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(write(lost, { entries: [taking('m1', '1')] }));
    const owner = await scene.suspect('a');
    await scene.answered('lost', ending(lost, goOn('"again"', ['m1'])));
    assert.deepEqual(await inboxOf(scene, owner), []);
  }),
  promise('continue: a cancel that came before is found by the next generation', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [cancelOf('a')]);
    await carried(scene);
    const again = await next(scene, run);
    assert.equal(only((await mailOf(scene, again)).messages).kind, 'cancel');
  }),
  promise('continue: a wake that met the lease is over with the next claim', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.wake(['a']);
    const answer = await scene.done(ending(run, goOn()));
    assert.equal(answer.wake, true);
    const again = await scene.claimOne('a');
    assert.equal((await scene.done(ending(again, ends.renew()))).wake, false);
    await scene.rest(again);
    assert.equal(await scene.nextDue(), null);
  }),
  promise('continue: what the run was started with stays, but its input', async (scene) => {
    const headers = { traceparent: '00-1' };
    const more = { headers, timeoutMs: 5_000, priority: 1, attributes: { customer: 7 } };
    const run = await scene.claimed('a', more);
    const again = await next(scene, run);
    const facts = ({ headers: carriedOn, timeoutMs, queue, workflow }: ClaimedRun): unknown => (
      [carriedOn, timeoutMs, queue, workflow]);
    assert.deepEqual(facts(again), facts(run));
    assert.deepEqual(again.headers, headers);
    assert.equal((await detailOf(scene, 'a')).priority, 1);
    assert.equal((await foundBy(scene, { customer: 7 })).length, 1);
  }),
  promise('continue: the time of the first claim is that of the generation', async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.advance(5);
    const { at } = await scene.done(ending(run, goOn()));
    assert.equal((await detailOf(scene, 'a')).startedAt, null);
    const again = await scene.claimOne('a');
    assert.ok(again.firstClaimedAt >= at, `${again.firstClaimedAt} is not before ${at}`);
    await scene.rest(again, 0);
    assert.equal((await scene.claimOne('a')).firstClaimedAt, again.firstClaimedAt);
  }),
  promise('continue: sent again it is answered so, whoever owns the run by now', async (scene) => {
    const run = await scene.claimed('a');
    const item = write(run, { entries: [entry('0', 1)], end: goOn() });
    const { at } = await scene.done(item);
    await scene.world.advance(5);
    for (const owner of [null, await scene.claimOne('a')]) {
      const answer = await scene.done(item);
      assert.deepEqual([answer.kind, answer.at], ['already-done', at]);
      if (owner !== null) await scene.answered('done', ending(owner, ends.settle()));
    }
    assert.equal(only(await scene.store.readRuns(['a'])).generation, 2);
  }),
  promise('continue: a lost lease begins nothing', async (scene) => {
    const lost = await scene.claimed('a');
    await scene.done(write(lost, { entries: [entry('0', 1)], calls: [sleep('1', longMs)] }));
    const owner = await scene.suspect('a');
    await scene.answered('lost', write(lost, { entries: [entry('2', 2)], end: goOn() }));
    assert.equal(only(await scene.store.readRuns(['a'])).generation, 1);
    const { entries, calls } = await scene.history(owner);
    assert.deepEqual([...entries, ...calls].map(({ place }) => place), ['0', '1']);
    await scene.answered('done', ending(owner, ends.settle()));
  }),
  promise('continue: while a stranger holds the run it is busy, and nothing is written', async (scene) => {
    const run = await scene.claimed('a');
    const release = await scene.world.lockRow('a');
    await scene.answered('busy', write(run, { entries: [entry('0', 1)], end: goOn() }));
    assert.deepEqual(await scene.places(run), []);
    await release();
    assert.equal((await next(scene, run)).lease.generation, 2);
  }),
  promise('continue: an input that the database refuses begins nothing', async (scene) => {
    const run = await scene.claimed('a');
    await scene.answered('refused', write(run, { entries: [entry('0', 1)], end: goOn('"a\0b"') }));
    assert.deepEqual(await scene.places(run), []);
    assert.equal(only(await scene.store.readRuns(['a'])).generation, 1);
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('continue: it forgets the strikes, as a rest does', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    const again = await next(scene, await scene.suspect('a'));
    assert.deepEqual([again.strikes, again.soloStrikes], [0, 0]);
    const suspect = await scene.suspect('a');
    assert.deepEqual([suspect.strikes, suspect.soloStrikes], [1, 0]);
  }),
  promise('continue: children are closed by the real end, whoever tells', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { parentClose: 'terminate', watch: false })]);
    await scene.claimOne('b');
    const again = await next(scene, parent);
    await carried(scene);
    assert.equal(await scene.status('b'), 'running');
    await scene.done(ending(again, settled('completed', false)));
    await carried(scene);
    assert.equal(await scene.status('b'), 'failed');
  }),
  promise('continue: what a child answers to the old generation is no answer to the next', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b', { place: '1' })]);
    const [old] = (await scene.claim()).runs;
    assert.ok(old !== undefined);
    const again = await next(scene, parent);
    await tied(scene, [child(again, 'c', { place: '1' })]);
    await scene.done(ending(old, settled('completed', false)));
    await carried(scene);
    assert.deepEqual(await inboxOf(scene, again), []);
    await scene.done(ending(await scene.claimOne('c'), settled('completed', false)));
    await carried(scene);
    assert.equal(only((await mailOf(scene, again)).messages).name, childBox(2, '1'));
  }),
  promise('continue: who watches the run hears of its real end', async (scene) => {
    const parent = await scene.claimed('a');
    await tied(scene, [child(parent, 'b')]);
    const again = await next(scene, await scene.claimOne('b'));
    assert.deepEqual(await carried(scene), []);
    assert.equal(again.tied, true);
    await scene.done(ending(again, settled('completed', false)));
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal(only((await mailOf(scene, parent)).messages).outcome, 'completed');
  }),
  promise('continue: streams begin anew', async (scene) => {
    const chunk = (text: string): Chunk => ({ stream: 'log', seq: 0, source: '', value: json(text) });
    const run = await scene.claimed('a');
    await scene.done(write(run, { more: { attributes: [], chunks: [chunk('1')] } }));
    const again = await next(scene, run);
    const range = { runId: 'a', stream: 'log', from: 0, limit: 9 };
    assert.deepEqual(await scene.store.readChunks(range), []);
    await scene.done(write(again, { more: { attributes: [], chunks: [chunk('2')] } }));
    assert.deepEqual(only(await scene.store.readChunks(range)).value, json('2'));
  }),
  promise('continue: streams of the generation that has ended can still be read', async (scene) => {
    const chunk = (text: string): Chunk => ({ stream: 'log', seq: 0, source: '', value: json(text) });
    const run = await scene.claimed('a');
    await scene.done(write(run, { more: { attributes: [], chunks: [chunk('1')] } }));
    const again = await next(scene, run);
    await scene.done(write(again, { more: { attributes: [], chunks: [chunk('2')] } }));
    const range = { runId: 'a', stream: 'log', from: 0, limit: 9 };
    assert.deepEqual(only(await scene.store.readChunks({ ...range, generation: 1 })).value, json('1'));
    assert.deepEqual(only(await scene.store.readChunks({ ...range, generation: 2 })).value, json('2'));
    assert.deepEqual(await scene.store.readChunks({ ...range, generation: 3 }), []);
  }),
];
