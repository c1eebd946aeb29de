// New runs that begin with a part of the record of another.
import assert from 'node:assert/strict';
import { inboxOf, sent, settled, signal, taking } from './mail-scene.js';
import { texts } from './read-cases.js';
import {
  ends, ending, entry, json, longMs, newRun, nothing, only, promise, served, write,
} from './scene.js';
import type { StoreCase } from './store-world.js';
import { detailOf, ended, fork, foundBy, recordOf, revived } from './verb-scene.js';

/** What forkRun promises. */
export const forkCases: readonly StoreCase[] = [
  promise('fork: a new run begins with what it is given, due at once', async (scene) => {
    const entries = [
      { ...entry('0', 1), at: 1_234_567_890_123_456 },
      { ...entry('1', 4, { value: nothing, error: '{"message":"no"}', attempt: 3 }), at: 1 },
    ];
    const answer = await scene.store.forkRun(fork('b', { generation: 3, entries, run: newRun('b', {
      input: json('{"edited":1}'), timeoutMs: 5_000, priority: 1, headers: { h: '1' }, attributes: { x: 1 },
    }) }));
    assert.ok(answer.kind === 'created', answer.kind);
    const run = await scene.claimOne('b');
    assert.deepEqual([run.lease.generation, run.input, run.timeoutMs, run.headers, run.fresh],
      [3, json('{"edited":1}'), 5_000, { h: '1' }, false]);
    assert.equal(run.before, answer.epoch);
    assert.deepEqual((await scene.history(run)).entries, entries);
    assert.deepEqual(await recordOf(scene, 'b', 3), entries);
    assert.equal((await detailOf(scene, 'b')).priority, 1);
    assert.equal(only(await foundBy(scene, { x: 1 })).generation, 3);
    await scene.answered('done', write(run, { entries: [entry('2', 5)], end: ends.settle() }));
    assert.deepEqual(await scene.places(run), ['0', '1', '2']);
  }),
  promise('fork: the run that it is made from is left as it is', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1'), signal('a', 'm2')]);
    await scene.done(write(run, { entries: [taking('m1', '1')] }));
    const before = await detailOf(scene, 'a');
    const entries = await recordOf(scene, 'a', 1);
    await scene.store.forkRun(fork('b', { entries }));
    const after = await detailOf(scene, 'a');
    assert.deepEqual({ ...after, now: 0 }, { ...before, now: 0 });
    assert.deepEqual(await recordOf(scene, 'a', 1), entries);
    assert.deepEqual(await inboxOf(scene, run), ['m2']);
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('fork: its mail is its own', async (scene) => {
    const run = await scene.claimed('a');
    await sent(scene, [signal('a', 'm1')]);
    await scene.done(write(run, { entries: [taking('m1', '1')], end: settled('failed', false) }));
    await scene.store.forkRun(fork('b', { entries: await recordOf(scene, 'a', 1) }));
    const forked = await scene.claimOne('b');
    assert.deepEqual(await inboxOf(scene, forked), []);
    await sent(scene, [signal('b', 'm1')]);
    assert.deepEqual(await inboxOf(scene, forked), ['m1']);
    await scene.answered('done', ending(forked, settled('failed', false)));
    await revived(scene, 'b', { generation: 2 });
    assert.deepEqual(await inboxOf(scene, await scene.claimOne('b')), ['m1']);
  }),
  promise('fork: an id that exists is left as it is', async (scene) => {
    await scene.start('a', { workflow: 'other' });
    const before = await scene.store.readRuns(['a']);
    const wish = fork('a', { entries: [{ ...entry('0', 1), at: 1 }] });
    assert.deepEqual(await scene.store.forkRun(wish), { kind: 'exists', workflow: 'other' });
    assert.deepEqual(await scene.store.readRuns(['a']), before);
    assert.deepEqual(await recordOf(scene, 'a', 2), []);
    const again = fork('b', { entries: [{ ...entry('0', 1), at: 1 }] });
    assert.equal((await scene.store.forkRun(again)).kind, 'created');
    assert.deepEqual(await scene.store.forkRun(again), { kind: 'exists', workflow: served.workflow });
    assert.deepEqual(await scene.places(await scene.claimOne('b')), ['0']);
    await ended(scene, 'c', 'failed');
    const restarting = fork('c', { run: newRun('c', { restart: true }) });
    assert.equal((await scene.store.forkRun(restarting)).kind, 'exists');
    assert.equal(await scene.status('c'), 'failed');
  }),
  promise('fork: by a version, or by the next that claims it', async (scene) => {
    await scene.store.forkRun(fork('a', { version: 'v1' }));
    const stamping = { ...served, stamp: 'v2' };
    assert.deepEqual(await scene.claimIds({ served: [stamping] }), []);
    const run = await scene.claimOne('a', { served: [{ ...served, version: 'v1', stamp: 'v1' }] });
    assert.equal(run.version, 'v1');
    await scene.store.forkRun(fork('b', { version: null, run: newRun('b', { queue: 'elsewhere' }) }));
    const elsewhere = { served: [{ ...stamping, queue: 'elsewhere' }] };
    assert.equal((await scene.claimOne('b', elsewhere)).version, 'v2');
  }),
  promise('fork: a delay holds, and no wake ends it', async (scene) => {
    const run = newRun('a', { delayMs: longMs });
    const answer = await scene.store.forkRun(fork('a', { run, entries: [{ ...entry('0', 1), at: 1 }] }));
    assert.ok(answer.kind === 'created');
    await scene.store.wake(['a']);
    assert.equal(await scene.nextDue(), answer.at + longMs * 1_000);
    assert.equal(await scene.status('a'), 'pending');
    await scene.world.makeDue('a');
    const claimed = await scene.claimOne('a');
    assert.deepEqual([claimed.fresh, await scene.places(claimed)], [false, ['0']]);
  }),
  promise('fork: a value that the database refuses makes no run', async (scene) => {
    for (const wish of [
      fork('a', { run: newRun('a', { input: json('"nul \0"') }) }),
      fork('a', { entries: [{ ...entry('0', 1, { value: json('"nul \0"') }), at: 1 }] }),
      fork('a', { run: newRun('a', { attributes: { x: 'nul \0' } }) }),
    ]) {
      assert.equal((await scene.store.forkRun(wish)).kind, 'refused');
    }
    assert.deepEqual(await scene.store.readRuns(['a']), []);
    assert.equal((await scene.store.forkRun(fork('a'))).kind, 'created');
  }),
  promise('fork: every text of a record is kept byte for byte', async (scene) => {
    const entries = texts.map((text, index) => ({
      ...entry(`0/${index}-${text.replaceAll(/\p{Cc}/gu, '')}`, index + 1), name: `step ${text}`,
      at: index + 1,
      ...index % 2 === 0 ? { value: { codec: 'superjson', text } } : { value: nothing, error: text },
    }));
    assert.equal((await scene.store.forkRun(fork('a', { entries }))).kind, 'created');
    assert.deepEqual(await recordOf(scene, 'a', 2), entries);
    await scene.done(ending(await scene.claimOne('a'), settled('failed', false)));
    await revived(scene, 'a', { generation: 2, entries });
    assert.deepEqual(await recordOf(scene, 'a', 3), entries);
  }),
  promise('fork: a long record is kept whole', async (scene) => {
    const entries = Array.from({ length: 2_500 }, (_, index) => (
      { ...entry(`${index}`, index + 1), at: 7 }));
    assert.equal((await scene.store.forkRun(fork('a', { entries }))).kind, 'created');
    const run = await scene.claimOne('a');
    assert.deepEqual((await scene.history(run)).entries, entries);
    await scene.done(ending(run, settled('failed', false)));
    await revived(scene, 'a', { generation: 2, entries });
    const again = await scene.claimOne('a');
    assert.deepEqual(await scene.places(again), entries.map(({ place }) => place));
  }),
  promise('fork: an id that a stranger holds is busy', async (scene) => {
    const release = await scene.world.holdId('a');
    assert.equal((await scene.store.forkRun(fork('a'))).kind, 'busy');
    await release();
    assert.equal((await scene.store.forkRun(fork('a'))).kind, 'created');
  }),
];
