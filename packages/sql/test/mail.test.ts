// What the store cases do not ask of PostgreSQL: many pieces at once, pieces that nobody can carry for a
// while, pieces that are old, and values that carriers could not write.
import type { Lease, NewChild, RunQuery } from '@perdure/core/engine';
import { expect, test } from 'vitest';
import {
  carry, claimed, commit, ends, heard, inbox, json, leased, newRun, signal, terminated, tied, watch,
} from './mail-words.js';
import { raceStage } from './race-stage.js';

const stage = await raceStage();
const { store } = await stage.connection('owner');

/** Carries until nothing is left; who was told, with repetitions. */
async function carried(limit: number): Promise<string[]> {
  const told: string[] = [];
  for (;;) {
    const answer = await store.carry({ limit, terminated });
    told.push(...answer.told);
    if (!answer.more) return told.sort();
  }
}

const ids = (prefix: string, count: number): string[] => (
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(5, '0')}`));

/** Ties children that are started; their leases. */
async function children(parent: Lease, names: string[], more: Partial<NewChild>): Promise<Lease[]> {
  await tied(store, ...names.map((id) => watch(parent, id, { run: newRun(id), ...more })));
  const runs = await claimed(store);
  return names.map((id) => runs.get(id)!.lease);
}

const tiedEnd = { ...ends.settle, tied: true } as typeof ends.settle;

// Guards X2. Taken out, the messages of the held run fill every look, and nobody else is told of theirs.
test('a run that is held for long does not keep the mail of others waiting', async () => {
  await leased(store, 'held', 'free');
  const stranger = await stage.client();
  await stranger.query('begin');
  await stranger.query("select from perdure.ready where id = 'held' for share");
  await store.sendMessages(ids('m', 50).map((id) => signal('held', id)));
  await store.sendMessages([signal('free', 'm1')]);
  expect(await carried(10)).toEqual(['free']);
  await stranger.query('rollback');
  expect(new Set(await carried(10))).toEqual(new Set(['held']));
});

// Guards Y7: a look without marks finds what appeared below them. Taken out, the message is never told of.
test('a message from a transaction that was open for long is told of', async () => {
  await leased(store, 'old', 'new');
  await store.sendMessages([signal('new', 'm1')]);
  expect(await carry(store)).toEqual(['new']);
  await stage.sql(`with m as (
      insert into perdure.messages (part, run_id, id, kind, name, codec, sent_at)
      select part, id, 'm1', 'signal', 'go', 'json', now() - interval '1 hour'
        from perdure.ready where id = 'old' returning *)
    insert into perdure.inbox select part, run_id, kind, name, sent_at, id from m`);
  await expect.poll(() => carry(store)).toEqual(['old']);
});

test('watchers of one run are answered a limited number at a time, and each once', async () => {
  const [child] = await leased(store, 'watched');
  const parents = await leased(store, ...ids('watcher', 25));
  await tied(store, ...parents.map((parent) => watch(parent, 'watched')));
  await carried(10);
  await commit(store, child!, ends.settle);
  expect(await carried(10)).toEqual(ids('watcher', 25));
  for (const parent of parents) expect(await heard(store, parent)).toEqual(['completed']);
  expect(await stage.sql('select from perdure.endings')).toEqual([]);
});

test.each([
  'terminate', 'cancel',
] as const)('children are closed by %s a limited number at a time', async (close) => {
  const [parent] = await leased(store, `parent ${close}`);
  const names = ids(close, 25);
  await children(parent!, names, { parentClose: close });
  await commit(store, parent!, tiedEnd);
  const told = await carried(10);
  expect(told).toEqual(close === 'cancel' ? names : []);
  const runs = await store.readRuns(names);
  const status = close === 'cancel' ? 'running' : 'failed';
  expect(runs.map((run) => run.status)).toEqual(names.map(() => status));
  expect(await stage.sql('select from perdure.endings')).toEqual([]);
});

test('an event that thousands wait for reaches each of them once', async () => {
  const names = ids('waiter', 6_000);
  await store.startRuns(names.map(newRun));
  const leases = [...(await claimed(store, 6_000)).values()].map(({ lease }) => lease);
  const wishes = leases.map((lease) => ({ lease, place: '1', name: 'open', key: '', lookBackMs: 0 }));
  const answers = await store.subscribe(wishes);
  expect(answers.filter(({ kind }) => kind !== 'done')).toEqual([]);
  await store.emitEvents([{ id: 'open', name: 'open', key: '', payload: json('1') }]);
  expect(await carried(1_000)).toEqual(names);
  expect(await stage.sql("select from perdure.messages where id = 'event:open'")).toHaveLength(names.length);
});

test('a run that was deleted before its end was told of answers as one that does not exist', async () => {
  const [parent, child] = await leased(store, 'p', 'deleted');
  await tied(store, watch(parent!, 'deleted'));
  await carried(10);
  await commit(store, child!, ends.settle);
  await stage.sql("delete from perdure.runs where id = 'deleted'");
  expect(await carried(10)).toEqual(['p']);
  const [message] = await inbox(store, parent!);
  expect([message!.outcome, message!.error]).toEqual(['failed', expect.stringContaining('CHILD_NOT_FOUND')]);
});

test('events are kept for a day, and until they were carried', async () => {
  const at = async (id: string, noticed: boolean, hours: number): Promise<void> => {
    await store.emitEvents([{ id, name: 'aged', key: '', payload: json('1') }]);
    await stage.sql(`update perdure.events set noticed = $2, emitted_at = now() - $3 * interval '1 hour'
      where id = $1`, [id, noticed, hours]);
  };
  await at('a', true, 25);
  await at('b', true, 23);
  await at('c', false, 25);
  const kept = async (): Promise<unknown[]> => (
    (await stage.sql("select id from perdure.events where name = 'aged' order by id")).map(({ id }) => id));
  await expect.poll(async () => (await carried(10), kept())).toEqual(['b']);
});

// Guards V5: what a carrier would make of these does not fit into an index.
test('names that carriers could not write are refused where they are given', async () => {
  const [run] = await leased(store, 'r');
  const long = '😀'.repeat(191);
  const event = { id: long, name: long, key: long, payload: json('1') };
  expect(await store.emitEvents([event, { ...event, id: 'short', key: '' }])).toEqual([
    { kind: 'refused', why: expect.stringContaining('octets') }, { kind: 'emitted' }]);
  const deep = { ...watch(run!, 'nobody'), place: '1/'.repeat(500) };
  expect(await store.tieChildren([deep, watch(run!, 'somebody')])).toEqual([
    { kind: 'refused', why: expect.stringContaining('octets') }, expect.objectContaining({ kind: 'tied' })]);
  expect(await carried(10)).toEqual(['r']);
});

// What just fits is carried: the longest names of everything, in the widest characters.
test('the longest names are carried', async () => {
  const wide = (length: number): string => '😀'.repeat(length);
  const id = wide(191);
  const [run] = await leased(store, id);
  const names = { name: wide(191), key: wide(191) };
  await store.subscribe([{ lease: run!, place: '1', ...names, lookBackMs: 0 }]);
  const [answer] = await store.emitEvents([{ id: wide(68), ...names, payload: json('1') }]);
  expect(answer).toEqual({ kind: 'emitted' });
  await tied(store, { ...watch(run!, 'nobody there'), place: wide(225) });
  expect(await carried(10)).toEqual([id]);
  expect((await inbox(store, run!)).map(({ kind }) => kind).sort()).toEqual(['child', 'event']);
});

// Guards I1: a search goes on until it has found enough, or has seen everything.
test('a search that finds little goes on window by window', async () => {
  const names = ids('sought', 1_000);
  const rare = names.filter((_, index) => index % 300 === 7);
  await store.startRuns(names.map((id) => ({ ...newRun(id), workflow: rare.includes(id) ? 'rare' : 'w' })));
  const query: RunQuery = { workflow: 'rare', status: null, attributes: {}, after: null, limit: 3 };
  const first = await store.queryRuns(query);
  expect(first.map(({ id }) => id)).toEqual(rare.slice(0, 3));
  const second = await store.queryRuns({ ...query, after: first.at(-1)!.id });
  expect(second.map(({ id }) => id)).toEqual(rare.slice(3));
  const live = await store.queryRuns({ ...query, status: ['pending'], limit: 10 });
  expect(live.map(({ id }) => id)).toEqual(rare);
  expect(await store.queryRuns({ ...query, status: ['completed', 'running'] })).toEqual([]);
});
