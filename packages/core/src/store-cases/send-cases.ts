// Senders: strangers in transactions, and runs in the name of their lease (L4).
import assert from 'node:assert/strict';
import { carried, emitted, event, inboxOf, sent, signal, subscribed, waitFor } from './mail-scene.js';
import { ends, ending, newRun, only, promise } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What the port promises senders. */
export const sendCases: readonly StoreCase[] = [
  promise('locks: a message to a run that a stranger holds is sent', async (scene) => {
    const run = await scene.claimed('a');
    const release = await scene.world.lockRow('a');
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
    await release();
  }),
  promise("transaction: a message is seen at the caller's commit and not before", async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.within(async (transaction) => {
      const answers = await transaction.sendMessages([signal('a', 'm1'), signal('a', 'm2')]);
      assert.deepEqual(answers.map(({ kind }) => kind), ['sent', 'sent']);
      assert.deepEqual(await inboxOf(scene, run), []);
      assert.deepEqual(await carried(scene), []);
    }, 'commit');
    assert.deepEqual(await inboxOf(scene, run), ['m1', 'm2']);
    assert.deepEqual(await carried(scene), ['a']);
  }),
  promise("transaction: a message is gone with the caller's rollback", async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.within(async (transaction) => {
      assert.equal(only(await transaction.sendMessages([signal('a', 'm1')])).kind, 'sent');
    }, 'rollback');
    assert.deepEqual(await inboxOf(scene, run), []);
    assert.deepEqual(await carried(scene), []);
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
  }),
  promise('transaction: a run that it started takes messages', async (scene) => {
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('a')]);
      const messages = [signal('a', 'm1'), signal('a', 'm1'), signal('b', 'm1')];
      const answers = await transaction.sendMessages(messages);
      assert.deepEqual(answers.map(({ kind }) => kind), ['sent', 'sent', 'no-run']);
      assert.equal(only(await transaction.sendMessages([signal('a', 'm1')])).kind, 'sent');
    }, 'commit');
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('a')), ['m1']);
  }),
  promise('transaction: a settled run takes no message', async (scene) => {
    await scene.done(ending(await scene.claimed('a'), ends.settle()));
    await scene.world.within(async (transaction) => {
      assert.equal(only(await transaction.sendMessages([signal('a', 'm1')])).kind, 'settled');
    }, 'commit');
  }),
  promise('transaction: a message that it sent is busy for others until it ends', async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.within(async (transaction) => {
      await transaction.sendMessages([signal('a', 'm1')]);
      await sent(scene, [signal('a', 'm0'), signal('a', 'm1'), signal('a', 'm2')], ['sent', 'busy', 'sent']);
    }, 'commit');
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual((await inboxOf(scene, run)).sort(), ['m0', 'm1', 'm2']);
  }),
  promise("transaction: an event is seen at the caller's commit, or never", async (scene) => {
    const run = await scene.claimed('a');
    await subscribed(scene, [waitFor(run)]);
    for (const end of ['rollback', 'commit'] as const) {
      await scene.world.within(async (transaction) => {
        const answers = await transaction.emitEvents([event('e1'), event('e1'), event('e2')]);
        assert.deepEqual(answers.map(({ kind }) => kind), ['emitted', 'emitted', 'emitted']);
        assert.deepEqual(await carried(scene), []);
        assert.deepEqual(await inboxOf(scene, run), []);
      }, end);
      const told = await carried(scene);
      assert.deepEqual(told, end === 'commit' ? ['a'] : []);
      assert.equal((await inboxOf(scene, run)).length, end === 'commit' ? 2 : 0);
    }
  }),
  promise('transaction: an event that it emitted is busy for others until it ends', async (scene) => {
    const run = await scene.claimed('a');
    await subscribed(scene, [waitFor(run)]);
    await scene.world.within(async (transaction) => {
      await transaction.emitEvents([event('e1')]);
      await emitted(scene, [event('e0'), event('e1'), event('e2')], ['emitted', 'busy', 'emitted']);
    }, 'commit');
    await emitted(scene, [event('e1')]);
    assert.deepEqual(await carried(scene), ['a']);
    assert.equal((await inboxOf(scene, run)).length, 3);
  }),
  promise('send: a run sends in the name of its lease', async (scene) => {
    const [from, to] = [await scene.claimed('a'), await scene.claimed('b')];
    const messages = [signal('b', 'z'), signal('nobody', 'm1'), signal('b', 'y'), signal('b', 'y')];
    const answers = await scene.store.sendFrom(from.lease, messages);
    assert.deepEqual(answers.map(({ kind }) => kind), ['sent', 'no-run', 'sent', 'sent']);
    assert.deepEqual(await inboxOf(scene, to), ['z', 'y']);
    assert.deepEqual(await scene.store.sendFrom(from.lease, []), []);
  }),
  promise('send: a lost lease sends nothing', async (scene) => {
    const to = await scene.claimed('b');
    const lost = await scene.claimed('a');
    const owner = await scene.suspect('a');
    const kinds = async (lease: typeof lost.lease): Promise<string[]> => (
      (await scene.store.sendFrom(lease, [signal('b', 'm1'), signal('b', 'm2')])).map(({ kind }) => kind));
    assert.deepEqual(await kinds(lost.lease), ['lost', 'lost']);
    assert.deepEqual(await kinds({ ...lost.lease, runId: 'nobody' }), ['lost', 'lost']);
    await scene.done(ending(owner, ends.settle()));
    assert.deepEqual(await kinds(owner.lease), ['lost', 'lost']);
    assert.deepEqual(await inboxOf(scene, to), []);
  }),
  promise('send: a run that a stranger holds sends when it is let go', async (scene) => {
    const [from, to] = [await scene.claimed('a'), await scene.claimed('b')];
    const release = await scene.world.lockRow('a');
    const message = signal('b', 'm1');
    assert.equal(only(await scene.store.sendFrom(from.lease, [message])).kind, 'busy');
    assert.deepEqual(await inboxOf(scene, to), []);
    await release();
    assert.equal(only(await scene.store.sendFrom(from.lease, [message])).kind, 'sent');
    assert.deepEqual(await inboxOf(scene, to), ['m1']);
  }),
];
