// Mail: what was sent lies in the inbox of its run, once, in order, until an entry takes it (L1, L2).
import assert from 'node:assert/strict';
import { cancelId, type NewMessage } from '../mail.js';
import {
  inboxOf, mailOf, sent, settled, signal, taking, withoutInstant, type Outcome,
} from './mail-scene.js';
import { texts } from './read-cases.js';
import { ends, ending, entry, json, nothing, only, promise, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/** What messages and inboxes promise. */
export const mailCases: readonly StoreCase[] = [
  promise('mail: what was sent is read, with the instant of its sending', async (scene) => {
    const run = await scene.claimed('a');
    const messages: NewMessage[] = [
      signal('a', 'm1', { payload: { codec: 'superjson', text: '{"json":1}' } }),
      signal('a', 'm2', { kind: 'callback', name: 'k', payload: nothing, error: '{"message":"no"}' }),
    ];
    await sent(scene, messages);
    const { at: before } = await scene.start('b');
    await sent(scene, [signal('a', 'm3')]);
    const found = (await mailOf(scene, run)).messages;
    const wanted = [...messages, signal('a', 'm3')].map(({ id, kind, name, payload, error }) => (
      { id, kind, name, payload, error, outcome: null }));
    assert.deepEqual(found.map(withoutInstant), wanted);
    const [first, , third] = found;
    assert.ok(first !== undefined && third !== undefined);
    assert.ok(run.createdAt < first.sentAt && first.sentAt < before && before < third.sentAt);
  }),
  promise('mail: a message sent again is the same message', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1'), signal('a', 'm1'), signal('a', 'm2')]);
    await sent(scene, [signal('a', 'm1', { payload: json('"other"'), name: 'elsewhere' })]);
    const { messages } = await mailOf(scene, run);
    assert.deepEqual(messages.map(({ id, name, payload }) => [id, name, payload.text]), [
      ['m1', 'go', '"m1"'], ['m2', 'go', '"m2"']]);
  }),
  promise('mail: a message that was taken is not there again when it is sent again', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.answered('done', write(run, { entries: [taking('m1', '1')] }));
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await inboxOf(scene, run), []);
    await scene.done(ending(run, ends.settle()));
    await sent(scene, [signal('a', 'm1'), signal('a', 'm2')], ['sent', 'settled']);
  }),
  promise('mail: messages of one id to two runs are two messages', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await sent(scene, [signal('a', 'm1'), signal('b', 'm1')]);
    await scene.answered('done', write(a, { entries: [taking('m1', '1')] }));
    assert.deepEqual([await inboxOf(scene, a), await inboxOf(scene, b)], [[], ['m1']]);
  }),
  promise('mail: a run that does not exist has no inbox', async (scene) => {
    await sent(scene, [signal('a', 'm1')], ['no-run']);
    const run = await scene.claimed('a');
    assert.deepEqual(await inboxOf(scene, run), []);
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
  }),
  promise('mail: a settled run takes none', async (scene) => {
    for (const outcome of ['completed', 'failed', 'cancelled'] satisfies Outcome[]) {
      const run = await scene.claimed(outcome);
      await scene.done(ending(run, settled(outcome, false)));
      await sent(scene, [signal(outcome, 'm1')], ['settled']);
      assert.deepEqual(await inboxOf(scene, run), []);
    }
  }),
  promise('mail: a parked run keeps what it has and takes more', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(ending(run, ends.park()));
    await sent(scene, [signal('a', 'm2')]);
    assert.deepEqual(await inboxOf(scene, run), ['m1', 'm2']);
  }),
  promise('mail: a run that never began has an inbox', async (scene) => {
    await scene.start('a');
    await sent(scene, [signal('a', 'm1')]);
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('a')), ['m1']);
  }),
  promise('mail: the order is that of sending, within a batch as well', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, ['z', 'y', 'x'].map((id) => signal('a', id)));
    await sent(scene, ['c', 'a', 'b'].map((id) => signal('a', id)));
    assert.deepEqual(await inboxOf(scene, run), ['z', 'y', 'x', 'c', 'a', 'b']);
    const { messages } = await mailOf(scene, run);
    const instants = messages.map(({ sentAt }) => sentAt);
    assert.deepEqual(instants, [...new Set(instants)].sort((one, other) => one - other));
  }),
  promise('mail: a box is its kind and its name, and what cancels comes with every answer', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [
      signal('a', 'go'), signal('a', 'stop', { name: 'stop' }), signal('a', 'back', { kind: 'callback' }),
    ]);
    const read = async (...boxes: [NewMessage['kind'], string | null][]): Promise<string[]> => {
      const { messages } = await mailOf(scene, run, boxes.map(([kind, name]) => ({ kind, name })));
      return messages.map(({ id }) => id).sort();
    };
    assert.deepEqual(await read(['signal', 'go']), ['go']);
    assert.deepEqual(await read(['callback', 'go'], ['signal', 'stop']), ['back', 'stop']);
    assert.deepEqual(await read(['signal', null]), ['go', 'stop']);
    assert.deepEqual(await read(['signal', null], ['signal', 'go'], ['signal', 'none']), ['go', 'stop']);
    assert.deepEqual(await read(), []);
    await sent(scene, [signal('a', cancelId, { kind: 'cancel', name: cancelId })]);
    assert.deepEqual(await read(), [cancelId]);
    assert.deepEqual(await read(['callback', null]), ['back', cancelId]);
  }),
  promise('mail: more says whether anything else lies there', async (scene) => {
    const run = await scene.claimed('a');
    const more = async (name: string): Promise<boolean> => (
      (await mailOf(scene, run, [{ kind: 'signal', name }])).more);
    assert.equal(await more('go'), false);
    await sent(scene, [signal('a', 'm1'), signal('a', 'm2')]);
    assert.equal(await more('go'), false);
    assert.equal(await more('other'), true);
    await sent(scene, [signal('a', 'm3', { kind: 'callback' })]);
    assert.equal(await more('go'), true);
    await scene.done(write(run, { entries: [taking('m3', '1')] }));
    assert.equal(await more('go'), false);
  }),
  promise('mail: of a full box the oldest come', async (scene) => {
    const run = await scene.claimed('a');
    const ids = Array.from({ length: 120 }, (_, index) => `m${1_000 - index}`);
    await sent(scene, ids.map((id) => signal('a', id)));
    const named = await mailOf(scene, run, [{ kind: 'signal', name: 'go' }]);
    assert.deepEqual(named.messages.map(({ id }) => id), ids.slice(0, 100));
    assert.equal(named.more, true);
    const any = await mailOf(scene, run, [{ kind: 'signal', name: null }]);
    assert.deepEqual(any.messages.map(({ id }) => id), ids);
    assert.equal(any.more, false);
  }),
  promise('mail: an entry takes its message, and no other', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, ['m1', 'm2', 'm3'].map((id) => signal('a', id)));
    await scene.answered('done', write(run, { entries: [entry('1', 1), taking('m2', '2')] }));
    assert.deepEqual(await inboxOf(scene, run), ['m1', 'm3']);
    const { entries } = await scene.history(run);
    assert.deepEqual(entries.map(({ message }) => message), [null, 'm2']);
    const rest = { entries: [taking('m1', '3'), taking('m3', '4')], end: ends.rest(0) };
    await scene.answered('done', write(run, rest));
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('a')), []);
  }),
  promise('mail: a write that is sent again takes once', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, ['m1', 'm2'].map((id) => signal('a', id)));
    const item = write(run, { entries: [taking('m1', '1')], end: ends.renew() });
    for (let round = 0; round < 2; round++) {
      await scene.done(item);
      assert.deepEqual(await inboxOf(scene, run), ['m2']);
    }
    const last = write(run, { entries: [taking('m2', '2')], end: ends.rest(0) });
    await scene.done(last);
    await scene.answered('already-done', last);
    const again = await scene.claimOne('a');
    assert.deepEqual(await scene.places(again), ['1', '2']);
    assert.deepEqual(await inboxOf(scene, again), []);
  }),
  promise('mail: a lost lease takes nothing', async (scene) => {
    const lost = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    const owner = await scene.suspect('a');
    for (const end of [null, ends.renew(), ends.rest(0), ends.settle()]) {
      await scene.answered('lost', write(lost, { entries: [taking('m1', '1')], end }));
    }
    assert.deepEqual(await inboxOf(scene, owner), ['m1']);
  }),
  promise('mail: a write that is refused or busy takes nothing', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    const entries = [taking('m1', '1')];
    await scene.answered('refused', write(run, { entries, calls: [sleep('2', 5, { error: 'a\0b' })] }));
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
    const release = await scene.world.lockRow('a');
    await scene.answered('busy', write(run, { entries }));
    assert.deepEqual(await inboxOf(scene, run), ['m1']);
    await release();
    await scene.answered('done', write(run, { entries }));
    assert.deepEqual(await inboxOf(scene, run), []);
  }),
  promise('mail: a value that the database refuses does not stop the other messages', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [
      signal('a', 'm1'), signal('a', 'm2', { payload: json('"nul \0 inside"') }),
      signal('a', 'm3', { error: 'a\0b' }), signal('a', 'm4'),
    ], ['sent', 'refused', 'refused', 'sent']);
    assert.deepEqual(await inboxOf(scene, run), ['m1', 'm4']);
  }),
  promise('mail: wants are answered in their order', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    await sent(scene, [signal('a', 'to a'), signal('b', 'to b')]);
    const nobody = { ...a.lease, runId: 'nobody' };
    const boxes = [{ kind: 'signal', name: 'go' }] as const;
    const wants = [b.lease, nobody, a.lease, b.lease].map((lease) => ({ lease, boxes }));
    const answers = await scene.store.readMail(wants);
    const ids = answers.map(({ messages }) => messages.map(({ id }) => id));
    assert.deepEqual(ids, [['to b'], [], ['to a'], ['to b']]);
    assert.deepEqual(await scene.store.readMail([]), []);
    await sent(scene, []);
  }),
  promise('mail: a batch of 1,000 is answered one by one', async (scene) => {
    const run = await scene.claimed('a');
    const messages = Array.from({ length: 1_000 }, (_, index) => (
      signal(index % 100 === 7 ? 'nobody' : 'a', `m${index}`)));
    const kinds = messages.map((_, index) => (index % 100 === 7 ? 'no-run' : 'sent'));
    await sent(scene, messages, kinds);
    assert.equal((await inboxOf(scene, run)).length, 990);
  }),
  promise('mail: every text comes back byte for byte', async (scene) => {
    const run = await scene.claimed('a');
    for (const [index, text] of texts.entries()) {
      const name = `box ${index} ${text.replaceAll(/\p{Cc}/gu, '')}`;
      await sent(scene, [signal('a', `id ${name}`, { name, payload: json(text), error: text })]);
      const { messages } = await mailOf(scene, run, [{ kind: 'signal', name }]);
      const found = only(messages);
      assert.deepEqual([found.id, found.payload, found.error], [`id ${name}`, json(text), text]);
    }
  }),
  promise('mail: a deleted run leaves none to the next one of its id', async (scene) => {
    const first = await scene.claimed('a');
    await sent(scene, ['m1', 'm2'].map((id) => signal('a', id)));
    await scene.done(write(first, { entries: [taking('m1', '1')] }));
    await scene.world.forget('a');
    const next = await scene.claimed('a');
    assert.deepEqual(await inboxOf(scene, next), []);
    await sent(scene, ['m2', 'm1'].map((id) => signal('a', id)));
    assert.deepEqual(await inboxOf(scene, next), ['m2', 'm1']);
  }),
];
