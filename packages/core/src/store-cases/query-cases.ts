// Attributes, and the queries that find runs by them.
import assert from 'node:assert/strict';
import type { Attributes, AttributeValue, RunListed, RunQuery, TurnExtras } from '../store.js';
import { settled } from './mail-scene.js';
import { ends, ending, entry, json, longMs, newRun, only, promise, write, type Scene } from './scene.js';
import type { StoreCase } from './store-world.js';

/** Attributes as a write sets them. */
function setting(...attributes: [string, AttributeValue | null][]): TurnExtras {
  return { attributes: attributes.map(([name, value]) => ({ name, value })), chunks: [] };
}

/** Runs that a query finds; it asks for all unless told otherwise. */
async function found(scene: Scene, more: Partial<RunQuery> = {}): Promise<readonly RunListed[]> {
  const all = { workflow: null, status: null, attributes: {}, after: null, limit: 1_000 };
  return scene.store.queryRuns({ ...all, ...more });
}

/** Their ids, in the order of the answer. */
async function ids(scene: Scene, more: Partial<RunQuery> = {}): Promise<string[]> {
  return (await found(scene, more)).map(({ id }) => id);
}

/** The attributes of a run. */
async function attributesOf(scene: Scene, id: string): Promise<Attributes> {
  return only((await found(scene)).filter((run) => run.id === id)).attributes;
}

/** Starts runs with these attributes, each under its own id. */
async function runsWith(scene: Scene, attributes: Record<string, Attributes>): Promise<void> {
  for (const [id, values] of Object.entries(attributes)) {
    const run = await scene.claimed(id);
    await scene.done(write(run, { more: setting(...Object.entries(values)) }));
  }
}

const instant = new Date(Date.UTC(2029, 11, 31, 23, 59, 59, 999));

/** What attributes and queryRuns promise. */
export const queryCases: readonly StoreCase[] = [
  promise('attributes: values of every type come back as they are', async (scene) => {
    const values = {
      text: 'Grüße 👩‍👩‍👧‍👦 \n\'"\\', empty: '', whole: 42, half: -0.5, large: 1.5e300, small: 5e-324,
      safe: 2 ** 53 - 1, yes: true, no: false, when: instant,
      past: new Date(Date.UTC(1969, 6, 20, 20, 17, 40, 1)),
    };
    await runsWith(scene, { a: values });
    assert.deepEqual(await attributesOf(scene, 'a'), values);
  }),
  promise('attributes: a later value replaces, null deletes, the last of a name holds', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { more: setting(['x', 1], ['y', 'two'], ['z', true]) }));
    await scene.done(write(run, { more: setting(['x', 'one'], ['y', null], ['none', null]) }));
    assert.deepEqual(await attributesOf(scene, 'a'), { x: 'one', z: true });
    await scene.done(write(run, { more: setting(['x', 2], ['x', 3], ['z', null], ['z', 'back'], ['y', 4],
      ['y', null]) }));
    assert.deepEqual(await attributesOf(scene, 'a'), { x: 3, z: 'back' });
    assert.deepEqual(await ids(scene, { attributes: { x: 1 } }), []);
    assert.deepEqual(await ids(scene, { attributes: { x: 3 } }), ['a']);
  }),
  promise('attributes: they are written with everything else of the write, or not at all', async (scene) => {
    const lost = await scene.claimed('a');
    const run = await scene.suspect('a');
    const more = setting(['x', 1]);
    await scene.answered('lost', write(lost, { more, end: ends.renew() }));
    await scene.answered('refused', write(run, { more, entries: [entry('1', 1, { value: json('"\0"') })] }));
    const release = await scene.world.lockRow('a');
    await scene.answered('busy', write(run, { more }));
    await release();
    assert.deepEqual(await attributesOf(scene, 'a'), {});
    const nul = setting(['x', 1], ['y', 'a\0b']);
    await scene.answered('refused', write(run, { more: nul, entries: [entry('1', 1)] }));
    assert.deepEqual([await attributesOf(scene, 'a'), await scene.places(run)], [{}, []]);
    await scene.answered('done', write(run, { more, entries: [entry('1', 1)], end: ends.rest() }));
    assert.deepEqual([await attributesOf(scene, 'a'), await scene.places(run)], [{ x: 1 }, ['1']]);
  }),
  promise('attributes: a write that comes again late does not bring back what it set', async (scene) => {
    const run = await scene.claimed('a');
    const first = write(run, { more: setting(['x', 1], ['y', 1]), entries: [entry('1', 1)] });
    await scene.done(first);
    await scene.done(write(run, { more: setting(['x', 2], ['y', null]), entries: [entry('2', 2)] }));
    await scene.done(first);
    assert.deepEqual(await attributesOf(scene, 'a'), { x: 2 });
  }),
  promise('attributes: they outlive the run, and are gone with its rows', async (scene) => {
    const run = await scene.claimed('a');
    await scene.done(write(run, { more: setting(['x', 1]), end: ends.settle() }));
    assert.deepEqual(await attributesOf(scene, 'a'), { x: 1 });
    await scene.world.forget('a');
    await scene.start('a');
    assert.deepEqual(await attributesOf(scene, 'a'), {});
  }),
  promise('attributes: those of one run are not those of another', async (scene) => {
    const [a, b] = [await scene.claimed('a'), await scene.claimed('b')];
    const answers = await scene.store.commit([
      write(a, { more: setting(['x', 1], ['y', 2]) }), write(b, { more: setting(['x', 'b']) }),
    ]);
    assert.deepEqual(answers.map(({ kind }) => kind), ['done', 'done']);
    await scene.done(write(b, { more: setting(['y', null]) }));
    assert.deepEqual(await attributesOf(scene, 'a'), { x: 1, y: 2 });
    assert.deepEqual(await attributesOf(scene, 'b'), { x: 'b' });
  }),
  promise('query: a run is found by an attribute of each type, and by its type', async (scene) => {
    await runsWith(scene, {
      text: { x: '1' }, number: { x: 1 }, yes: { x: true }, word: { x: 'true' }, time: { x: instant },
      iso: { x: instant.toISOString() }, millis: { x: instant.getTime() }, no: { x: false },
      other: { y: '1' },
    });
    const sought: [AttributeValue, string][] = [
      ['1', 'text'], [1, 'number'], [true, 'yes'], ['true', 'word'], [new Date(instant), 'time'],
      [instant.toISOString(), 'iso'], [instant.getTime(), 'millis'], [false, 'no'],
    ];
    for (const [x, id] of sought) assert.deepEqual(await ids(scene, { attributes: { x } }), [id]);
    assert.deepEqual(await ids(scene, { attributes: { x: '2' } }), []);
    assert.deepEqual(await ids(scene, { attributes: { z: '1' } }), []);
  }),
  promise('query: all that is asked for must hold', async (scene) => {
    await runsWith(scene, { a: { x: 1, y: 'u' }, b: { x: 1, y: 'v' }, c: { x: 2, y: 'u' }, d: {} });
    await scene.start('e', { workflow: 'other' });
    const both = { x: 1, y: 'u' };
    assert.deepEqual(await ids(scene, { attributes: { x: 1 } }), ['a', 'b']);
    assert.deepEqual(await ids(scene, { attributes: both }), ['a']);
    assert.deepEqual(await ids(scene, { attributes: both, workflow: 'other' }), []);
    assert.deepEqual(await ids(scene, { workflow: 'other' }), ['e']);
    assert.deepEqual(await ids(scene, { workflow: 'greet', status: ['running'] }), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await ids(scene, { workflow: 'other', status: ['running'] }), []);
    assert.deepEqual(await ids(scene, { status: ['pending', 'running'] }), ['a', 'b', 'c', 'd', 'e']);
    assert.deepEqual(await ids(scene, { status: [] }), []);
    assert.deepEqual(await ids(scene, { workflow: 'none' }), []);
    assert.deepEqual(await ids(scene, { id: 'b' }), ['b']);
    assert.deepEqual(await ids(scene, { id: 'b', attributes: { x: 2 } }), []);
    assert.deepEqual(await ids(scene, { id: 'nobody' }), []);
  }),
  promise('query: a run is found by where it stands', async (scene) => {
    for (const outcome of ['completed', 'failed', 'cancelled'] as const) {
      await scene.done(ending(await scene.claimed(outcome), settled(outcome, false)));
    }
    await scene.done(ending(await scene.claimed('parked'), ends.park()));
    await scene.rest(await scene.claimed('waiting'));
    await scene.claimed('running');
    await scene.start('pending', { delayMs: longMs });
    const all = ['cancelled', 'completed', 'failed', 'parked', 'pending', 'running', 'waiting'] as const;
    for (const status of all) {
      const run = only(await found(scene, { status: [status] }));
      assert.deepEqual([run.id, run.status], [status, status]);
    }
    assert.deepEqual(await ids(scene, { status: ['failed', 'waiting'] }), ['failed', 'waiting']);
  }),
  promise('query: a run is listed with what it is', async (scene) => {
    const { at } = await scene.start('a');
    await scene.start('b', { delayMs: longMs });
    const run = await scene.claimOne('a');
    const more = setting(['x', 1]);
    const { at: settledAt } = await scene.done(write(run, { more, end: ends.settle() }));
    await scene.done(ending(await scene.claimed('c'), ends.park()));
    const [a, b, c] = await found(scene);
    assert.deepEqual(a, { id: 'a', workflow: 'greet', queue: 'default', version: null, generation: 1,
      reason: null, status: 'completed', createdAt: a?.createdAt, settledAt: a?.settledAt,
      attributes: { x: 1 } });
    assert.deepEqual([b?.reason, c?.reason], [null, 'NONDETERMINISM']);
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    assert.ok(a.createdAt <= at && at <= b.createdAt, `${a.createdAt}, ${at}, ${b.createdAt}`);
    assert.ok(a.settledAt !== null && run.firstClaimedAt <= a.settledAt && a.settledAt <= settledAt + 1e6);
    assert.deepEqual([b.settledAt, c.settledAt], [null, null]);
    assert.equal(a.createdAt, run.createdAt);
  }),
  promise('query: pages follow each other in the order of the bytes of ids', async (scene) => {
    // As UTF-16, as a language sorts, and without case, the order would be another.
    const inOrder = ['B', 'Z', 'a', 'a b', 'ab', 'b', 'z', 'é', '～', '𝄞'];
    await scene.store.startRuns([...inOrder].reverse().map((id) => newRun(id)));
    assert.deepEqual(await ids(scene), inOrder);
    const pages: string[] = [];
    for (let after: string | null = null; ;) {
      const page: string[] = await ids(scene, { after, limit: 3 });
      pages.push(...page);
      after = page.at(-1) ?? null;
      assert.ok(page.length <= 3);
      if (page.length < 3) break;
    }
    assert.deepEqual(pages, inOrder);
    assert.deepEqual(await ids(scene, { after: 'aa' }), inOrder.slice(4));
    assert.deepEqual(await ids(scene, { after: '𝄞' }), []);
  }),
  promise('query: pages are of what was asked for', async (scene) => {
    const names = Array.from({ length: 9 }, (_, index) => `run-${index}`);
    await runsWith(scene, Object.fromEntries(names.map((id, index) => [id, { even: index % 2 === 0 }])));
    const attributes = { even: true };
    assert.deepEqual(await ids(scene, { attributes, limit: 2 }), ['run-0', 'run-2']);
    assert.deepEqual(await ids(scene, { attributes, limit: 2, after: 'run-2' }), ['run-4', 'run-6']);
    assert.deepEqual(await ids(scene, { attributes, limit: 2, after: 'run-7' }), ['run-8']);
  }),
];
