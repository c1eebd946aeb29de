// What stores once answered differently when the same was asked of them: found by playing drawn schedules on
// two stores, and decided by the words of the port.
import assert from 'node:assert/strict';
import type { StartAnswer } from '../store.js';
import {
  carried, child, emitted, event, inboxOf, sent, signal, terminated, tied, waitFor,
} from './mail-scene.js';
import { ends, ending, entry, longMs, newRun, only, promise, served, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, foundBy, told } from './verb-scene.js';

const kinds = (answers: readonly { readonly kind: string }[]): string[] => answers.map(({ kind }) => kind);

/** Claims. */
const ofClaims: readonly StoreCase[] = [
  promise('agreement: who only moves a run to the quarantine stamps no version on it', async (scene) => {
    await scene.claimed('a');
    await scene.world.expireLease('a');
    const stamping = { served: [{ ...served, stamp: 'v1' }] };
    assert.equal((await scene.claim(stamping)).moved, 1);
    assert.equal((await detailOf(scene, 'a')).version, null);
    const run = await scene.claimOne('a', { suspects: true });
    assert.equal(run.version, null);
    await scene.world.expireLease('a');
    assert.equal((await scene.claimOne('a', { ...stamping, suspects: true })).version, 'v1');
  }),
  promise('agreement: a sweep for suspects tells when the lease of one ends', async (scene) => {
    await scene.claimed('a');
    await scene.suspect('a');
    const { at, nextDueAt } = await scene.claim({ suspects: true });
    assert.ok(nextDueAt !== null && nextDueAt > at);
    assert.equal((await scene.claim()).nextDueAt, null);
  }),
];

/** Things sent twice, by one or by several. */
const ofTwins: readonly StoreCase[] = [
  promise('agreement: a start is not refused for what another of its id holds', async (scene) => {
    const refused = newRun('a', { input: { codec: 'json', text: '"\0"' } });
    assert.deepEqual(kinds(await scene.store.startRuns([refused, newRun('a')])), ['refused', 'created']);
  }),
  promise('agreement: a start that begins a run anew does so beside one that does not', async (scene) => {
    await scene.start('a');
    await told(scene.store.terminateRuns(['a'], terminated), { kind: 'done' });
    const answers = await scene.store.startRuns([newRun('a'), newRun('a', { restart: true })]);
    assert.deepEqual(kinds(answers), ['exists', 'created']);
  }),
  promise('agreement: of two parents that start one child one gives its attributes', async (scene) => {
    await scene.store.startRuns([newRun('p'), newRun('q')]);
    const { runs } = await scene.claim();
    const children = runs.map((run, index) => (
      child(run, 'c', { run: newRun('c', { attributes: { size: index, [`of ${index}`]: true } }) })));
    const answers = await scene.store.tieChildren(children);
    const first = answers.findIndex((answer) => answer.kind === 'tied' && answer.found === undefined);
    const { attributes } = only(await foundBy(scene, {}, { id: 'c' }));
    assert.deepEqual(attributes, { size: first, [`of ${first}`]: true });
  }),
  promise('agreement: a call that is sent again is due as it was at first', async (scene) => {
    const run = await scene.claimed('a');
    const call = sleep('1', longMs, { deadlineMs: longMs });
    const item = write(run, { entries: [entry('0', 1)], calls: [call] });
    await scene.done(item);
    const before = await scene.history(run);
    await scene.world.advance(3);
    await scene.done(item);
    assert.deepEqual(await scene.history(run), before);
  }),
  promise('agreement: who gave a run back hears nothing of what came since', async (scene) => {
    const run = await scene.claimed('a');
    await scene.rest(run, 0);
    await scene.claimOne('a');
    await scene.store.wake(['a']);
    const answer = await scene.done(ending(run, ends.rest(0)));
    assert.deepEqual([answer.kind, answer.wake], ['already-done', false]);
  }),
  promise('agreement: a wish that is sent again looks back from when it was first sent', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.subscribe([waitFor(run)]);
    await scene.world.advance(3);
    await emitted(scene, [event('e1')]);
    await scene.world.advance(3);
    await scene.store.subscribe([waitFor(run)]);
    assert.deepEqual(await inboxOf(scene, run), ['event:e1']);
  }),
];

/** Strangers, and what they do not hold up. */
const ofStrangers: readonly StoreCase[] = [
  promise('agreement: a verb says that a run is unfit though a stranger holds it', async (scene) => {
    await scene.claimed('a');
    const release = await scene.world.lockRow('a');
    await told(scene.store.resumeRuns([{ runId: 'a' }]), { kind: 'unfit', status: 'running' });
    await told(scene.store.deleteRuns(['a']), { kind: 'unfit', status: 'running' });
    await release();
  }),
  promise('agreement: a run is deleted at once where nobody waits for its end', async (scene) => {
    await scene.start('a');
    await told(scene.store.terminateRuns(['a'], terminated), { kind: 'done' });
    await told(scene.store.deleteRuns(['a']), { kind: 'done' });
    assert.deepEqual(await carried(scene), []);
  }),
  promise('agreement: in a transaction, a start waits for a stranger who holds its id', async (scene) => {
    let second: readonly StartAnswer[] = [];
    let ended = Promise.resolve();
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('a')]);
      ended = scene.world.within(async (other) => {
        second = await other.startRuns([newRun('a')]);
      }, 'commit');
      // Time enough for an answer, if there is one before this transaction ends.
      for (let look = 0; look < 5; look++) assert.deepEqual(await scene.store.readRuns(['a']), []);
    }, 'commit');
    await ended;
    assert.deepEqual(kinds(second), ['exists']);
  }),
  promise('agreement: a run that a transaction begins anew is busy until it ends', async (scene) => {
    await scene.start('a');
    await told(scene.store.terminateRuns(['a'], terminated), { kind: 'done' });
    await scene.world.within(async (transaction) => {
      assert.equal(only(await transaction.startRuns([newRun('a', { restart: true })])).kind, 'created');
      assert.equal(only(await scene.store.startRuns([newRun('a')])).kind, 'busy');
    }, 'rollback');
    assert.equal(only(await scene.store.startRuns([newRun('a')])).kind, 'exists');
  }),
  promise('agreement: a carrier waits for no transaction that begins a run anew', async (scene) => {
    await scene.store.startRuns([newRun('a'), newRun('b', { delayMs: longMs })]);
    const cancel = signal('a', 'cancel', { kind: 'cancel', name: 'cancel' });
    await sent(scene, [cancel]);
    await told(scene.store.terminateRuns(['a'], terminated), { kind: 'done' });
    await sent(scene, [signal('b', 'm1')]);
    await scene.world.within(async (transaction) => {
      assert.equal(only(await transaction.startRuns([newRun('a', { restart: true })])).kind, 'created');
      const before = await carried(scene, 1);
      assert.deepEqual(before, ['b']);
    }, 'commit');
    assert.deepEqual(await carried(scene), []);
    await scene.claimOne('a');
  }),
  promise('agreement: of an end, a child is left alone whose cancel a transaction holds', async (scene) => {
    const parent = await scene.claimed('p');
    await tied(scene, ['c', 'd'].map((id) => child(parent, id, { parentClose: 'cancel', watch: false })));
    await told(scene.store.terminateRuns(['p'], terminated), { kind: 'done' });
    const cancel = signal('c', 'cancel', { kind: 'cancel', name: 'cancel' });
    await scene.world.within(async (transaction) => {
      assert.deepEqual(kinds(await transaction.sendMessages([cancel])), ['sent']);
      assert.deepEqual(await carried(scene), ['d']);
      assert.deepEqual(await carried(scene), []);
    }, 'rollback');
    assert.deepEqual(await carried(scene), ['c']);
  }),
  promise('agreement: a message to a run that a transaction starts meets no run outside', async (scene) => {
    await scene.world.within(async (transaction) => {
      await transaction.startRuns([newRun('a')]);
      assert.deepEqual(kinds(await transaction.sendMessages([signal('a', 'm1')])), ['sent']);
      await sent(scene, [signal('a', 'm1')], ['no-run']);
    }, 'commit');
    await sent(scene, [signal('a', 'm1')]);
  }),
];

/** Where two stores were of two opinions. */
export const agreementCases: readonly StoreCase[] = [...ofClaims, ...ofTwins, ...ofStrangers];
