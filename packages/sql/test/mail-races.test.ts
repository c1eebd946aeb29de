// Two statements at the same time, in every order that matters: whoever waits hears of what came, once.
import { expect, test } from 'vitest';
import {
  carry, claimed, commit, ends, heard, inbox, json, leased, newRun, signal, terminated, tied, watch,
} from './mail-words.js';
import { raceStage } from './race-stage.js';

const stage = await raceStage();
const { store } = await stage.connection('owner');
const { store: other } = await stage.connection('other');
const { store: late } = await stage.looker('late');

/** Carries by a look whose snapshot is older than what `meanwhile` does. */
async function carriedLate(meanwhile: () => Promise<unknown>): Promise<string[]> {
  const gate = await stage.hold('late', 'look');
  const carrying = carry(late);
  await gate.there;
  await meanwhile();
  await gate.open();
  return carrying;
}

// Guards Y3: the tie stays for a later look where the child's row is seen and not had. Taken out (marked all
// the same), the parent never hears of the end.
test('a watch that meets a settlement in progress is answered after it', async () => {
  const [parent, child] = await leased(store, 'p1', 'c1');
  const gate = await stage.hold('owner', 'update runs');
  const settling = commit(store, child!, ends.settle);
  await gate.there;
  await tied(other, watch(parent!, 'c1'));
  expect(await carry(other)).toEqual([]);
  await gate.open();
  expect(await settling).toMatchObject({ kind: 'done' });
  expect(await carry(other)).toEqual(['p1']);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// Guards Y3 from the other side: the tie is marked under the lock of the child's row.
test('a settlement that meets a watch in progress is busy, and leaves an ending', async () => {
  const [parent, child] = await leased(store, 'p2', 'c2');
  await tied(store, watch(parent!, 'c2'));
  const gate = await stage.hold('other', 'update children');
  const carrying = carry(other);
  await gate.there;
  expect(await commit(store, child!, ends.settle)).toEqual({ kind: 'busy' });
  await gate.open();
  expect(await carrying).toEqual([]);
  expect(await commit(store, child!, ends.settle)).toMatchObject({ kind: 'done' });
  expect(await carry(store)).toEqual(['p2']);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// Guards Y3: the status is that of the snapshot, and a row that went since then is no reason to mark the tie.
test('a watch whose look is older than the settlement is answered by the next', async () => {
  const [parent, child] = await leased(store, 'p3', 'c3');
  await tied(store, watch(parent!, 'c3'));
  const told = await carriedLate(() => commit(store, child!, ends.settle));
  expect(told).toEqual([]);
  expect(await carry(store)).toEqual(['p3']);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// Guards Z2: the run that was there gets a tie that a carrier looks at.
test('a child that is started by two parents at once answers both', async () => {
  const [one, two] = await leased(store, 'p4', 'q4');
  const run = newRun('c4');
  const gate = await stage.hold('other', 'insert children');
  const first = other.tieChildren([watch(one!, 'c4', { run })]);
  await gate.there;
  expect(await store.tieChildren([watch(two!, 'c4', { run })])).toEqual([{ kind: 'busy' }]);
  await gate.open();
  expect(await first).toMatchObject([{ kind: 'tied' }]);
  await tied(store, watch(two!, 'c4', { run }));
  expect(await carry(store)).toEqual([]);
  await commit(store, (await claimed(store)).get('c4')!.lease, ends.settle);
  expect(await carry(store)).toEqual(['p4', 'q4']);
  expect([await heard(store, one!), await heard(store, two!)]).toEqual([['completed'], ['completed']]);
});

// Guards Y4: the wish looks back in a later statement than the one that wrote it. In the same statement, the
// event that a carrier gave to nobody meanwhile would be lost.
test('an event that is carried while a wish is being written is found by it', async () => {
  const [run] = await leased(store, 'e1');
  const gate = await stage.hold('owner', 'insert subscriptions');
  const asking = store.subscribe([{ lease: run!, place: '1', name: 'paid', key: 'e1', lookBackMs: 0 }]);
  await gate.there;
  await other.emitEvents([{ id: 'ev1', name: 'paid', key: 'e1', payload: json('1') }]);
  expect(await carry(other)).toEqual([]);
  expect(await stage.sql("select noticed from perdure.events where id = 'ev1'")).toEqual([{ noticed: true }]);
  await gate.open();
  expect(await asking).toEqual([{ kind: 'done' }]);
  expect((await inbox(store, run!)).map(({ id }) => id)).toEqual(['event:ev1']);
  expect(await carry(store)).toEqual(['e1']);
});

test('an event whose transaction is open while a wish is written reaches it at its commit', async () => {
  const [run] = await leased(store, 'e2');
  const connection = await stage.connection('app');
  const client = await stage.client();
  await client.query('begin');
  const transaction = await connection.within(client);
  await transaction.emitEvents([{ id: 'ev2', name: 'paid', key: 'e2', payload: json('1') }]);
  expect(await store.subscribe([{ lease: run!, place: '1', name: 'paid', key: 'e2', lookBackMs: 0 }]))
    .toEqual([{ kind: 'done' }]);
  expect(await carry(store)).toEqual([]);
  await client.query('commit');
  expect(await carry(store)).toEqual(['e2']);
  expect((await inbox(store, run!)).map(({ id }) => id)).toEqual(['event:ev2']);
});

test('an event that a carrier and a wish bring at the same time comes once', async () => {
  const [run] = await leased(store, 'e3');
  const wish = { lease: run!, place: '1', name: 'paid', key: 'e3', lookBackMs: 60_000 };
  await store.subscribe([wish]);
  await store.emitEvents([{ id: 'ev3', name: 'paid', key: 'e3', payload: json('1') }]);
  const gate = await stage.hold('other', 'insert inbox');
  const carrying = carry(other);
  await gate.there;
  expect(await store.subscribe([{ ...wish, place: '2' }])).toEqual([{ kind: 'busy' }]);
  await gate.open();
  expect(await carrying).toEqual(['e3']);
  expect(await store.subscribe([{ ...wish, place: '2' }])).toEqual([{ kind: 'done' }]);
  expect((await inbox(store, run!)).map(({ id }) => id)).toEqual(['event:ev3']);
});

// Guards Y2: a rest, and then a claim, between the look of a carrier and its lock.
test('a message that meets a rest makes the run due, whichever came first', async () => {
  const [run] = await leased(store, 'r1');
  await store.sendMessages([signal('r1', 'm1')]);
  expect(await carriedLate(() => commit(store, run!, ends.rest))).toEqual(['r1']);
  const again = (await claimed(store)).get('r1')!.lease;
  await store.sendMessages([signal('r1', 'm2')]);
  const gate = await stage.hold('other', 'update inbox');
  const carrying = carry(other);
  await gate.there;
  expect(await commit(store, again, ends.rest)).toEqual({ kind: 'busy' });
  await gate.open();
  expect(await carrying).toEqual(['r1']);
  expect(await commit(store, again, ends.rest)).toMatchObject({ kind: 'done' });
  expect([...(await claimed(store)).keys()]).toEqual(['r1']);
});

test('a message that meets a rest in progress is told of after it', async () => {
  const [run] = await leased(store, 'r2');
  await store.sendMessages([signal('r2', 'm1')]);
  const gate = await stage.hold('owner', 'update ready');
  const resting = commit(store, run!, ends.rest);
  await gate.there;
  expect(await carry(other)).toEqual([]);
  await gate.open();
  expect(await resting).toMatchObject({ kind: 'done' });
  expect(await carry(other)).toEqual(['r2']);
  expect([...(await claimed(store)).keys()]).toEqual(['r2']);
});

test('a message that meets a claim reaches the claimant', async () => {
  await store.startRuns([newRun('r3')]);
  await store.sendMessages([signal('r3', 'm1')]);
  let run = null;
  const told = await carriedLate(async () => {
    run = (await claimed(store)).get('r3')!;
  });
  expect(told).toEqual(['r3']);
  // It was claimed as fresh, and reads nothing by itself: the flag is what tells it.
  expect(run).toMatchObject({ fresh: true });
  expect(await commit(store, run!['lease'], ends.renew)).toMatchObject({ kind: 'done', wake: true });
});

test('a message that meets a settlement is told to nobody, and asks no later look', async () => {
  const [run] = await leased(store, 'r4');
  await store.sendMessages([signal('r4', 'm1')]);
  expect(await carriedLate(() => commit(store, run!, ends.settle))).toEqual([]);
  expect(await carry(store)).toEqual([]);
  const rows = await stage.sql("select noticed from perdure.inbox where run_id = 'r4'");
  expect(rows.filter(({ noticed }) => noticed !== true)).toEqual([]);
});

// Guards V1. With a lock on the run, or on its row, each of these would wait for the application.
test("a sender's open transaction holds up no run", async () => {
  const [run] = await leased(store, 's1');
  const client = await stage.client();
  await client.query('begin');
  const transaction = await (await stage.connection('app')).within(client);
  expect(await transaction.sendMessages([signal('s1', 'm1')])).toEqual([{ kind: 'sent' }]);
  expect(await commit(store, run!, ends.renew)).toMatchObject({ kind: 'done' });
  expect(await commit(store, run!, ends.rest)).toMatchObject({ kind: 'done' });
  await store.wake(['s1']);
  const again = (await claimed(store)).get('s1')!.lease;
  expect(await commit(store, again, ends.settle)).toMatchObject({ kind: 'done' });
  await client.query('commit');
  expect(await carry(store)).toEqual([]);
});

// Guards V2 in a caller's transaction. As a unique violation, the message would abort it.
test('a message that was sent before does not abort a transaction, nor one that is being sent', async () => {
  const [run] = await leased(store, 's2');
  await store.sendMessages([signal('s2', 'm1')]);
  const connection = await stage.connection('app');
  const [one, two] = [await stage.client(), await stage.client()];
  await one.query('create table public.orders (id text)');
  for (const client of [one, two]) await client.query('begin');
  const first = await connection.within(one);
  expect(await first.sendMessages([signal('s2', 'm1'), signal('s2', 'm2')]))
    .toEqual([{ kind: 'sent' }, { kind: 'sent' }]);
  const waiting = (await connection.within(two)).sendMessages([signal('s2', 'm2'), signal('s2', 'm3')]);
  await one.query("insert into public.orders values ('one')");
  await one.query('commit');
  expect(await waiting).toEqual([{ kind: 'sent' }, { kind: 'sent' }]);
  await two.query("insert into public.orders values ('two')");
  await two.query('commit');
  expect(await stage.sql('select id from public.orders order by id')).toEqual([{ id: 'one' }, { id: 'two' }]);
  expect((await inbox(store, run!)).map(({ id }) => id).sort()).toEqual(['m1', 'm2', 'm3']);
});

// Guards J2 for senders: what aborts the caller's transaction reaches the caller as the driver threw it.
test("a transaction's own errors pass unchanged", async () => {
  await leased(store, 's3');
  const client = await stage.client();
  await client.query('begin isolation level repeatable read');
  await client.query('select from perdure.runs limit 1');
  await store.sendMessages([signal('s3', 'm1')]);
  const transaction = await (await stage.connection('app')).within(client);
  await expect(transaction.sendMessages([signal('s3', 'm1')])).rejects.toMatchObject({ code: '40001' });
  await client.query('rollback');
});

/** A parent whose end terminates its child; the child's lease, and the parent's end is committed. */
async function doomed(parentId: string, childId: string) {
  const [parent] = await leased(store, parentId);
  await tied(store, watch(parent!, childId, { run: newRun(childId), parentClose: 'terminate' }));
  const child = (await claimed(store)).get(childId)!.lease;
  await commit(store, parent!, { ...ends.settle, tied: true } as typeof ends.settle);
  return child;
}

// Guards E2: the epoch that a termination records is not its owner's.
test('a termination takes the run from an owner who is about to settle it', async () => {
  const child = await doomed('p5', 'c5');
  const gate = await stage.hold('other', 'update runs');
  const carrying = carry(other);
  await gate.there;
  expect(await commit(store, child, ends.settle)).toEqual({ kind: 'busy' });
  await gate.open();
  await carrying;
  expect(await commit(store, child, ends.settle)).toEqual({ kind: 'lost' });
  expect(await store.readRuns(['c5'])).toMatchObject([{ status: 'failed', error: terminated }]);
});

test('a termination that meets a settlement in progress leaves it as it is', async () => {
  const child = await doomed('p6', 'c6');
  const gate = await stage.hold('owner', 'update runs');
  const settling = commit(store, child, ends.settle);
  await gate.there;
  await carry(other);
  await gate.open();
  expect(await settling).toMatchObject({ kind: 'done' });
  await carry(other);
  expect(await store.readRuns(['c6'])).toMatchObject([{ status: 'completed' }]);
  expect(await stage.sql("select from perdure.endings where run_id in ('p6', 'c6')")).toEqual([]);
});

// Guards X3: a stranger's open transaction with the same cancel holds up that child alone.
test('children of an ended run are cancelled past one whose cancel a stranger is sending', async () => {
  const [parent] = await leased(store, 'p7');
  const ids = ['c7a', 'c7b', 'c7c'];
  await tied(store, ...ids.map((id) => watch(parent!, id, { run: newRun(id), parentClose: 'cancel' })));
  const children = await claimed(store);
  const client = await stage.client();
  await client.query('begin');
  const transaction = await (await stage.connection('app')).within(client);
  await transaction.sendMessages([{ ...signal('c7b', 'cancel'), kind: 'cancel', name: 'cancel' }]);
  await commit(store, parent!, { ...ends.settle, tied: true } as typeof ends.settle);
  expect(await carry(store)).toEqual(['c7a', 'c7c']);
  expect(await carry(store)).toEqual([]);
  await client.query('rollback');
  expect(await carry(store)).toEqual(['c7b']);
  const wants = ids.map((id) => ({ lease: children.get(id)!.lease, boxes: [] }));
  const mails = await store.readMail(wants);
  expect(mails.map(({ messages }) => messages.map(({ id }) => id))).toEqual(ids.map(() => ['cancel']));
});
