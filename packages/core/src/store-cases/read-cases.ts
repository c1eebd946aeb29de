// Reads: what people and next owners see is what was written.
import assert from 'node:assert/strict';
import { ends, ending, entry, json, longMs, newRun, nothing, only, promise, sleep, write } from './scene.js';
import type { StoreCase } from './store-world.js';

/**
 * Two to four bytes a character, joined emoji, combining marks that must not be composed, controls, quotes,
 * what other programs take for placeholders, and an escaped NUL: texts that must come back as they are.
 */
export const texts: readonly string[] = [
  'Grüße, Δοκιμή, 日本語, עברית', '👩‍👩‍👧‍👦 🇪🇺 𝄞', 'e\u0301 \u212B \uFEFF\u200B',
  'tab\t line\n return\r \u007F\u0001', `'" \\ $1 :name ? %s {} -- /* */`,
  String.raw`{"nul":"\u0000","half":"\ud800"}`, '', ' padded ', 'null', '0.10',
];

/** What reads promise. */
export const readCases: readonly StoreCase[] = [
  promise('reads: the status follows the run', async (scene) => {
    await scene.start('a');
    assert.equal(await scene.status('a'), 'pending');
    const run = await scene.claimOne('a');
    assert.equal(await scene.status('a'), 'running');
    await scene.rest(run, longMs);
    assert.equal(await scene.status('a'), 'waiting');
    await scene.start('b', { delayMs: longMs });
    assert.equal(await scene.status('b'), 'pending');
    await scene.store.wake(['a']);
    assert.equal(await scene.status('a'), 'pending');
    await scene.done(ending(await scene.claimOne('a'), ends.park()));
    assert.equal(await scene.status('a'), 'parked');
    await scene.claimed('c');
    await scene.world.expireLease('c');
    assert.equal(await scene.status('c'), 'pending');
  }),
  promise('reads: a settled run shows its outcome', async (scene) => {
    const output = { codec: 'superjson', text: '{"json":"x"}' } as const;
    const success = { kind: 'settle', status: 'completed', output, error: null, tied: false } as const;
    await scene.done(ending(await scene.claimed('a'), success));
    const failure = { kind: 'settle', output: nothing, error: '{"message":"no"}', tied: false } as const;
    await scene.done(ending(await scene.claimed('b'), { ...failure, status: 'failed' }));
    await scene.done(ending(await scene.claimed('c'), { ...failure, status: 'cancelled' }));
    await scene.done(ending(await scene.claimed('d'), ends.park()));
    await scene.claimed('e');
    const runs = await scene.store.readRuns(['e', 'd', 'c', 'b', 'a']);
    const found = new Map(runs.map((run) => [run.id, run]));
    const shown = { workflow: 'greet', generation: 1, output: nothing, error: null, reason: null };
    const error = '{"message":"no"}';
    assert.deepEqual(found.get('a'), { ...shown, id: 'a', status: 'completed', output });
    assert.deepEqual(found.get('b'), { ...shown, id: 'b', status: 'failed', error });
    assert.deepEqual(found.get('c'), { ...shown, id: 'c', status: 'cancelled', error });
    const parked = { error: '{"message":"parked"}', reason: 'NONDETERMINISM' };
    assert.deepEqual(found.get('d'), { ...shown, id: 'd', status: 'parked', ...parked });
    assert.deepEqual(found.get('e'), { ...shown, id: 'e', status: 'running' });
  }),
  promise('reads: ids that do not exist are left out', async (scene) => {
    await scene.start('a');
    const runs = await scene.store.readRuns(['nobody', 'a', 'nobody else']);
    assert.deepEqual(runs.map(({ id }) => id), ['a']);
    assert.deepEqual(await scene.store.readRuns([]), []);
  }),
  promise('reads: entries come in the order of their positions', async (scene) => {
    const run = await scene.claimed('a');
    // Neither the order of writing nor that of the places as text.
    await scene.done(write(run, { entries: [entry('10', 12), entry('9', 3), entry('2', 20)] }));
    await scene.done(write(run, { entries: [entry('1', 11), entry('0', 2)] }));
    assert.deepEqual(await scene.places(run), ['0', '9', '1', '10', '2']);
  }),
  promise('reads: histories come in the order in which they were asked for', async (scene) => {
    const ids = ['c', 'a', 'd', 'b'];
    await scene.store.startRuns(ids.map((id) => newRun(id)));
    const { runs } = await scene.claim();
    for (const run of runs) {
      if (run.lease.runId === 'd') continue;
      await scene.done(write(run, { entries: [entry(run.lease.runId, 1)], calls: [sleep('9', 5)] }));
    }
    const leases = ids.flatMap((id) => runs.flatMap(({ lease }) => (lease.runId === id ? [lease] : [])));
    const nobody = { runId: 'nobody', part: 0, generation: 1, epoch: 1 };
    const histories = await scene.store.readHistories([...leases, nobody]);
    const places = histories.map(({ entries, calls }) => [...entries, ...calls].map(({ place }) => place));
    assert.deepEqual(places, [['c', '9'], ['a', '9'], [], ['b', '9'], []]);
    assert.deepEqual(await scene.store.readHistories([]), []);
  }),
  promise('reads: a history is that of the generation asked for', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('0', 1)], calls: [sleep('1', 5)] }));
    const history = await scene.history({ ...run.lease, generation: 2 });
    assert.deepEqual(history, { entries: [], calls: [], streams: [] });
  }),
  promise('reads: a deleted run leaves nothing to the next one of its id', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { entries: [entry('0', 1)], calls: [sleep('1', 5)] }));
    await scene.world.forget('a');
    const next = await scene.claimed('a');
    assert.equal(next.fresh, true);
    assert.deepEqual(await scene.history(next), { entries: [], calls: [], streams: [] });
  }),
  promise('reads: every text comes back byte for byte', async (scene) => {
    for (const [index, text] of texts.entries()) {
      const id = `run ${index} ${text.replaceAll(/\p{Cc}/gu, '')}`;
      const input = { codec: 'superjson', text } as const;
      const run = await scene.claimed(id, { input });
      assert.deepEqual([run.lease.runId, run.input], [id, input]);
      const step = entry('0', 1, { name: `step ${id}`, value: json(text), error: text });
      const call = sleep('1', 5, { name: `call ${id}`, error: text });
      await scene.done(write(run, { entries: [step], calls: [call] }));
      const { entries, calls } = await scene.history(run);
      const { value, error, name } = only(entries);
      assert.deepEqual([value, error, name], [json(text), text, step.name]);
      assert.deepEqual([only(calls).error, only(calls).name], [text, call.name]);
      const end = { kind: 'settle', status: 'failed', output: json(text), error: text, tied: false } as const;
      await scene.done(ending(run, end));
      const record = only(await scene.store.readRuns([id]));
      assert.deepEqual([record.id, record.output, record.error], [id, json(text), text]);
    }
  }),
  promise('reads: undefined is not null', async (scene) => {
    const run = await scene.claimed('a', { input: nothing });
    assert.deepEqual(run.input, nothing);
    const entries = [entry('0', 1, { value: nothing }), entry('1', 2, { value: json('null') })];
    await scene.done(write(run, { entries, end: ends.settle(null) }));
    const values = (await scene.history(run)).entries.map(({ value }) => value.text);
    assert.deepEqual(values, [null, 'null']);
    assert.deepEqual(only(await scene.store.readRuns(['a'])).output, nothing);
  }),
];
