// Events: who waits for one gets it, whether it came before or after, and once.
import assert from 'node:assert/strict';
import { eventBox, type NewSubscription } from '../mail.js';
import {
  carried, emitted, event, inboxOf, mailOf, sent, signal, subscribed, taking, waitFor, withoutInstant,
} from './mail-scene.js';
import { ends, ending, json, longMs, newRun, only, promise, write, type Scene } from './scene.js';
import type { ClaimedRun } from '../store.js';
import type { StoreCase } from './store-world.js';

/** Texts of the events that lie in a run's inbox, in their order. */
async function eventsOf(scene: Scene, run: ClaimedRun): Promise<(string | null)[]> {
  const { messages } = await mailOf(scene, run, [{ kind: 'event', name: null }]);
  return messages.map(({ payload }) => payload.text);
}

/** Subscribes a run that must be leased. */
async function wait(scene: Scene, run: ClaimedRun, more: Partial<NewSubscription> = {}): Promise<void> {
  await subscribed(scene, [waitFor(run, more)]);
}

/** What emitEvents and subscribe promise. */
export const eventCases: readonly StoreCase[] = [
  promise('events: who waits for one gets it as a message', async (scene) => {
    const run = await scene.claimed('a');
    await wait(scene, run, { key: 'order-1' });
    await scene.rest(run);
    await emitted(scene, [event('e1', { key: 'order-1', payload: json('{"paid":true}') })]);
    assert.deepEqual(await carried(scene), ['a']);
    const again = await scene.claimOne('a');
    const { id, ...message } = withoutInstant(only((await mailOf(scene, again)).messages));
    const name = eventBox('paid', 'order-1');
    assert.deepEqual(message, {
      kind: 'event', name, payload: json('{"paid":true}'), error: null, outcome: null });
    assert.deepEqual((await mailOf(scene, again, [{ kind: 'event', name }])).messages.length, 1);
    await scene.done(write(again, { entries: [taking(id, '1')], closed: ['1'] }));
    assert.deepEqual(await inboxOf(scene, again), []);
  }),
  promise('events: all who wait get it', async (scene) => {
    const runs = [await scene.claimed('a'), await scene.claimed('b'), await scene.claimed('c')] as const;
    await subscribed(scene, [waitFor(runs[0]), waitFor(runs[1])]);
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), ['a', 'b']);
    const found = await Promise.all(runs.map((run) => eventsOf(scene, run)));
    assert.deepEqual(found, [['"e1"'], ['"e1"'], []]);
  }),
  promise('events: one that came before the wait is brought, carried or not', async (scene) => {
    const run = await scene.claimed('a');
    await emitted(scene, [event('e1')]);
    await carried(scene);
    await emitted(scene, [event('e2')]);
    await wait(scene, run, { lookBackMs: longMs });
    assert.deepEqual(await eventsOf(scene, run), ['"e1"', '"e2"'], 'before it answers');
    await carried(scene);
    assert.deepEqual(await eventsOf(scene, run), ['"e1"', '"e2"']);
  }),
  promise('events: the look back has an end', async (scene) => {
    const run = await scene.claimed('a');
    await emitted(scene, [event('e1')]);
    await carried(scene);
    await scene.world.advance(30);
    await wait(scene, run, { lookBackMs: 10 });
    assert.deepEqual(await eventsOf(scene, run), []);
    await wait(scene, run, { place: '2', lookBackMs: longMs });
    assert.deepEqual(await eventsOf(scene, run), ['"e1"']);
  }),
  promise('events: a run gets each one once, however it is brought', async (scene) => {
    const run = await scene.claimed('a');
    await wait(scene, run, { place: '1' });
    await wait(scene, run, { place: '2' });
    await emitted(scene, [event('e1')]);
    await wait(scene, run, { place: '3', lookBackMs: longMs });
    await carried(scene);
    const message = only((await mailOf(scene, run)).messages);
    await scene.done(write(run, { entries: [taking(message.id, '1')], closed: ['1'] }));
    await wait(scene, run, { place: '4', lookBackMs: longMs });
    await carried(scene);
    assert.deepEqual(await eventsOf(scene, run), []);
  }),
  promise('events: names and keys are kept apart', async (scene) => {
    const pairs = [['paid', ''], ['paid', 'x'], ['paid', 'y'], ['pai', 'dx'], ['paidx', ''], ['p\na', ''],
      ['p', 'a']] as const;
    await scene.store.startRuns(pairs.map((_, index) => newRun(`run-${index}`)));
    const { runs } = await scene.claim();
    const find = (index: number): ClaimedRun => (
      only(runs.filter((run) => run.lease.runId === `run-${index}`)));
    await subscribed(scene, pairs.map(([name, key], index) => waitFor(find(index), { name, key })));
    for (const [index, [name, key]] of pairs.entries()) {
      await emitted(scene, [event(`e${index}`, { name, key })]);
      assert.deepEqual(await carried(scene), [`run-${index}`]);
      assert.deepEqual(await eventsOf(scene, find(index)), [`"e${index}"`]);
    }
  }),
  promise('events: one that is emitted again is the same', async (scene) => {
    const run = await scene.claimed('a');
    await wait(scene, run);
    await emitted(scene, [event('e1'), event('e1'), event('e2')]);
    await carried(scene);
    await emitted(scene, [event('e1', { payload: json('"other"') })]);
    await emitted(scene, []);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await eventsOf(scene, run), ['"e1"', '"e2"']);
  }),
  promise('events: a value that the database refuses does not stop the others', async (scene) => {
    const run = await scene.claimed('a');
    await wait(scene, run);
    const nul = event('e2', { payload: json('"nul \0 inside"') });
    await emitted(scene, [event('e1'), nul, event('e3')], ['emitted', 'refused', 'emitted']);
    assert.deepEqual(await carried(scene), ['a']);
    assert.deepEqual(await eventsOf(scene, run), ['"e1"', '"e3"']);
  }),
  promise('events: the order is that of emission, however they are brought', async (scene) => {
    const run = await scene.claimed('a');
    await emitted(scene, [event('z'), event('y')]);
    await carried(scene);
    await emitted(scene, [event('x')]);
    await wait(scene, run, { lookBackMs: longMs });
    await emitted(scene, [event('c'), event('b')]);
    await carried(scene);
    await emitted(scene, [event('a')]);
    await carried(scene);
    assert.deepEqual(await eventsOf(scene, run), ['"z"', '"y"', '"x"', '"c"', '"b"', '"a"']);
  }),
  promise('events: a call that is closed waits no more, another one does', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await subscribed(scene, [waitFor(a), waitFor(b), waitFor(b, { place: '2', key: 'x' })]);
    await scene.done(write(a, { closed: ['1'] }));
    await scene.done(write(b, { closed: ['2', 'unknown'] }));
    await emitted(scene, [event('e1'), event('e2', { key: 'x' })]);
    assert.deepEqual(await carried(scene), ['b']);
    assert.deepEqual([await eventsOf(scene, a), await eventsOf(scene, b)], [[], ['"e1"']]);
  }),
  promise('events: a settled run waits no more, a parked one does', async (scene) => {
    const [settles, parks] = [await scene.claimed('a'), await scene.claimed('b')];
    await subscribed(scene, [waitFor(settles), waitFor(parks)]);
    await scene.done(ending(settles, ends.settle()));
    await scene.done(ending(parks, ends.park()));
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual([await eventsOf(scene, settles), await eventsOf(scene, parks)], [[], ['"e1"']]);
  }),
  promise('events: a wish that is made again is the same', async (scene) => {
    const run = await scene.claimed('a');
    await subscribed(scene, [waitFor(run), waitFor(run)]);
    await wait(scene, run);
    await scene.done(write(run, { closed: ['1'] }));
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await eventsOf(scene, run), []);
  }),
  promise('events: a wish is of the generation that asked', async (scene) => {
    const run = await scene.claimed('a');
    const lease = { ...run.lease, generation: 2 };
    await subscribed(scene, [{ ...waitFor(run), lease }]);
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), []);
    await wait(scene, run);
    await emitted(scene, [event('e2')]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.deepEqual(await eventsOf(scene, run), ['"e2"']);
  }),
  promise('events: after a lease is lost, nothing is waited for', async (scene) => {
    const lost = await scene.claimed('a');
    const owner = await scene.suspect('a');
    await emitted(scene, [event('e1')]);
    await subscribed(scene, [waitFor(lost, { lookBackMs: longMs })], ['lost']);
    await emitted(scene, [event('e2')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await eventsOf(scene, owner), []);
    await scene.done(ending(owner, ends.settle()));
    await subscribed(scene, [waitFor(owner)], ['lost']);
  }),
  promise('events: a run that a stranger holds is busy, others are not', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    const release = await scene.world.lockRow('a');
    await subscribed(scene, [waitFor(a), waitFor(b)], ['busy', 'done']);
    await release();
    await subscribed(scene, [waitFor(a)]);
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), ['a', 'b']);
    assert.deepEqual(await scene.store.subscribe([]), []);
  }),
  promise('events: the limit of a carrier leaves none behind', async (scene) => {
    const run = await scene.claimed('a');
    await wait(scene, run);
    const ids = Array.from({ length: 20 }, (_, index) => `e${index + 10}`);
    await emitted(scene, ids.map((id) => event(id)));
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await carried(scene, 3), ['a']);
    assert.deepEqual(await eventsOf(scene, run), ids.map((id) => `"${id}"`));
  }),
  promise('events: a deleted run leaves no wish to the next one of its id', async (scene) => {
    await wait(scene, await scene.claimed('a'));
    await scene.world.forget('a');
    const next = await scene.claimed('a');
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), []);
    assert.deepEqual(await eventsOf(scene, next), []);
  }),
];
