// Starts: the id is the idempotency key, and a start is all there or not at all.
import assert from 'node:assert/strict';
import { partOf } from '../part.js';
import {
  claimId, ends, ending, idsOf, json, longMs, newRun, only, promise, request, served, write,
} from './scene.js';
import type { StoreCase } from './store-world.js';

/** What startRuns promises. */
export const startCases: readonly StoreCase[] = [
  promise('start: a new run can be claimed with what it was started with', async (scene) => {
    await scene.start('a', { input: json('{"to":"Ada"}') });
    const run = await scene.claimOne('a');
    assert.deepEqual(run.input, json('{"to":"Ada"}'));
    assert.equal(run.workflow, served.workflow);
    assert.equal(run.queue, served.queue);
    assert.equal(run.version, null);
    assert.equal(run.lease.generation, 1);
    assert.deepEqual([run.strikes, run.soloStrikes], [0, 0]);
  }),
  promise('start: an id that exists is answered with its workflow and left as it is', async (scene) => {
    const first = await scene.start('a');
    const answer = only(await scene.store.startRuns([
      newRun('a', { workflow: 'other', queue: 'elsewhere', input: json('2'), delayMs: longMs }),
    ]));
    assert.deepEqual(answer, { kind: 'exists', workflow: served.workflow });
    const run = await scene.claimOne('a');
    assert.deepEqual(run.input, json('"input of a"'));
    assert.equal(run.before, first.epoch);
  }),
  promise('start: an id that exists does not disturb its owner', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.startRuns([newRun('a')]);
    assert.equal(await scene.status('a'), 'running');
    await scene.answered('done', ending(run, ends.settle()));
    assert.equal(only(await scene.store.startRuns([newRun('a')])).kind, 'exists');
    assert.equal(await scene.status('a'), 'completed');
    assert.deepEqual(await scene.claimIds(), []);
  }),
  promise('start: answers are in the order of the runs', async (scene) => {
    await scene.start('c', { workflow: 'other' });
    await scene.start('a');
    const runs = ['d', 'c', 'b', 'a'].map((id) => newRun(id));
    const answers = await scene.store.startRuns(runs);
    assert.deepEqual(answers.map((answer) => answer.kind), ['created', 'exists', 'created', 'exists']);
    const workflows = answers.map((answer) => (answer.kind === 'exists' ? answer.workflow : null));
    assert.deepEqual(workflows, [null, 'other', null, served.workflow]);
  }),
  promise('start: an id twice in one batch makes one run', async (scene) => {
    const inputs = [json('1'), json('2')];
    const answers = await scene.store.startRuns([
      ...inputs.map((input) => newRun('a', { input })), newRun('b'),
    ]);
    const made = answers.slice(0, 2).map((answer) => answer.kind);
    assert.deepEqual([...made].sort(), ['created', 'exists']);
    assert.equal(answers[2]?.kind, 'created');
    const { runs } = await scene.claim();
    assert.deepEqual(idsOf(runs), ['a', 'b']);
    const run = only(runs.filter(({ lease }) => lease.runId === 'a'));
    assert.deepEqual(run.input, inputs[made.indexOf('created')]);
  }),
  promise('start: nothing to start is answered with nothing', async (scene) => {
    assert.deepEqual(await scene.store.startRuns([]), []);
  }),
  promise('start: a delayed run is due exactly its delay after the answer', async (scene) => {
    const { at } = await scene.start('a', { delayMs: longMs });
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
    await scene.world.makeDue('a');
    await scene.claimOne('a');
  }),
  promise('start: a delayed run becomes due by the passing of time alone', async (scene) => {
    await scene.start('a', { delayMs: 5 });
    await scene.world.advance(20);
    await scene.claimOne('a');
  }),
  promise("start: a caller's instant is compared as it is", async (scene) => {
    const later = Date.UTC(2120, 0, 1, 0, 0, 0, 123);
    await scene.start('a', { startAtMs: later });
    assert.equal(await scene.nextDue(), later * 1_000);
  }),
  promise("start: a caller's instant in the past is now", async (scene) => {
    await scene.start('a', { startAtMs: 1_000 });
    await scene.claimOne('a');
  }),
  promise('start: a run born leased belongs to its claim id from the first moment', async (scene) => {
    const lease = { claimId: claimId('born'), leaseMs: longMs, version: 'v1' };
    const { epoch, at } = await scene.start('a', { lease });
    assert.ok(at > 0);
    assert.equal(await scene.status('a'), 'running');
    assert.deepEqual(await scene.claimIds({ served: [served, { ...served, version: 'v1' }] }), []);
    const { runs } = await scene.store.recall(request('born', { served: [{ ...served, version: 'v1' }] }));
    const run = only(runs);
    assert.equal(run.lease.epoch, epoch);
    assert.equal(run.version, 'v1');
    assert.equal(run.firstClaimedAt, at);
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('start: a run born leased falls due when its lease ends', async (scene) => {
    const lease = { claimId: claimId('born'), leaseMs: longMs, version: null };
    const { at, epoch } = await scene.start('a', { lease });
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
    const run = await scene.suspect('a');
    assert.equal(run.fresh, false);
    assert.equal(run.firstClaimedAt, at);
    await scene.answered('lost', write({ ...run.lease, epoch }, { end: ends.settle() }));
  }),
  promise('start: an id that was born leased and is started again stays leased', async (scene) => {
    const lease = { claimId: claimId('born'), leaseMs: longMs, version: null };
    const { epoch } = await scene.start('a', { lease });
    const other = { ...lease, claimId: claimId('other') };
    const again = await scene.store.startRuns([newRun('a', { lease: other })]);
    assert.equal(only(again).kind, 'exists');
    assert.equal(await scene.status('a'), 'running');
    const owner = { runId: 'a', generation: 1, part: partOf('a'), epoch };
    await scene.answered('done', ending(owner, ends.settle()));
  }),
  promise('start: a run knows its longest time at every claim', async (scene) => {
    await scene.start('a', { timeoutMs: 90_000_000_000 });
    await scene.start('b', { timeoutMs: undefined });
    const timeouts = new Map([['a', 90_000_000_000], ['b', null]]);
    const wish = request('timeouts');
    for (const { runs } of [await scene.store.claim(wish), await scene.store.recall(wish)]) {
      assert.deepEqual(new Map(runs.map(({ lease, timeoutMs }) => [lease.runId, timeoutMs])), timeouts);
    }
    const { runs } = await scene.store.recall(wish);
    for (const run of runs) await scene.rest(run, 0);
    const again = (await scene.claim()).runs;
    assert.deepEqual(new Map(again.map(({ lease, timeoutMs }) => [lease.runId, timeoutMs])), timeouts);
  }),
  promise('start: a value that the database refuses does not stop the other starts', async (scene) => {
    const answers = await scene.store.startRuns([
      newRun('a'), newRun('b', { input: json('"nul \0 inside"') }), newRun('c'),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['created', 'refused', 'created']);
    assert.deepEqual(await scene.claimIds(), ['a', 'c']);
  }),
  promise('start: a batch of 1,000 is answered one by one', async (scene) => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `run-${index}`);
    await scene.start('run-500', { workflow: 'other' });
    const answers = await scene.store.startRuns(ids.map((id) => newRun(id)));
    assert.deepEqual(answers.flatMap(({ kind }, index) => (kind === 'created' ? [] : [index])), [500]);
    assert.equal((await scene.claimIds({ limit: 2_000 })).length, 999);
  }),
];
