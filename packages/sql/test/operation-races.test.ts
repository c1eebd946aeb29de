// Generations that end and begin while others look at their run: a claim never gets the row of one and the
// input of another, and of every end it is known who hears.
import { expect, test } from 'vitest';
import type { NewPendingCall } from '@perdure/core/engine';
import {
  carry, claimed, commit, ending, ends, heard, json, leased, newRun, terminated, tied, watch,
} from './mail-words.js';
import { operationStatements, readKind, resumptionColumns } from '../dist/postgres/operation-statements.js';
import { readStatements } from '../dist/postgres/read-statements.js';
import { raceStage } from './race-stage.js';

const stage = await raceStage();
const owner = await stage.connection('owner');
const { store } = owner;
const { store: other } = await stage.connection('other');
const { store: late } = await stage.looker('late');

const failed = { ...ends.settle, status: 'failed' } as typeof ends.settle;
async function endLease(id: string): Promise<void> {
  await stage.sql("update perdure.ready set due_at = clock_timestamp() - interval '1 s' where id = $1",
    [id]);
}

const revival = (runId: string) => ({ runId, generation: 1, entries: [], input: null, version: null });

// Guards the row that is made anew (commit-pieces.ts): changed in its place, it is claimed with the input and
// the generation of the claim's snapshot, and the old generation runs again.
test('a claim that looks before a run goes on as new does not get its old generation', async () => {
  const [lease] = await leased(store, 'a');
  await endLease('a');
  const gate = await stage.hold('late', 'look');
  const claiming = claimed(late);
  await gate.there;
  expect(await commit(store, lease!, { kind: 'continue', input: json('2') })).toMatchObject({ kind: 'done' });
  // What was due before the claim began to look is due for it.
  await endLease('a');
  await gate.open();
  expect([...await claiming]).toEqual([]);
  const run = (await claimed(store)).get('a');
  expect([run?.lease.generation, run?.input]).toEqual([2, json('2')]);
  await commit(store, run!.lease, ends.settle);
});

// Guards U3: the ending of the first end goes. Left there, the carrier takes the parent off the list of those
// who watch, and nobody ever tells it.
test('who waits for a run that begins anew before its end was told hears of the next end', async () => {
  const [parent, child] = await leased(store, 'p1', 'c1');
  await tied(store, watch(parent!, 'c1'));
  expect(await carry(store)).toEqual([]);
  await commit(store, child!, failed);
  expect(await store.reviveRuns([revival('c1')])).toEqual([{ kind: 'done' }]);
  expect(await carry(store)).toEqual([]);
  expect(await heard(store, parent!)).toEqual([]);
  const again = (await claimed(store)).get('c1');
  await commit(store, again!.lease, ends.settle);
  expect(await carry(store)).toEqual(['p1']);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// Guards U3 from the other side: the carrier has the ending, and tells of the end that was.
test.each([
  ['revived', 'revive', (id: string) => store.reviveRuns([revival(id)])],
  ['started anew', 'restart', (id: string) => store.startRuns([{ ...newRun(id), restart: true }])],
] as const)('a run whose end is just told is busy, and then %s', async (_how, name, verb) => {
  const [parent, child] = await leased(store, `p-${name}`, `c-${name}`);
  await tied(store, watch(parent!, child!.runId));
  await carry(store);
  await commit(store, child!, failed);
  const gate = await stage.hold('other', 'update children');
  const carrying = carry(other);
  await gate.there;
  expect(await verb(child!.runId)).toMatchObject([{ kind: 'busy' }]);
  await gate.open();
  expect(await carrying).toEqual([parent!.runId]);
  expect(await verb(child!.runId)).toMatchObject([{ kind: name === 'revive' ? 'done' : 'created' }]);
  expect(await heard(store, parent!)).toEqual(['failed']);
  expect((await claimed(store)).get(child!.runId)?.lease.generation).toBe(2);
});

test('a run is not deleted while others are to hear of its end', async () => {
  const [parent, child] = await leased(store, 'p2', 'c2');
  await tied(store, watch(parent!, 'c2'));
  await carry(store);
  await commit(store, child!, ends.settle);
  expect(await store.deleteRuns(['c2'])).toEqual([{ kind: 'busy' }]);
  expect(await carry(store)).toEqual(['p2']);
  expect(await store.deleteRuns(['c2'])).toEqual([{ kind: 'done' }]);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// Guards E4: taken out, the call that was written meanwhile stays for ever.
test('what a termination could not see goes with the ending that it leaves', async () => {
  const [lease] = await leased(store, 't1');
  const gate = await stage.hold('late', 'look');
  const terminating = late.terminateRuns(['t1'], terminated);
  await gate.there;
  const call: NewPendingCall = {
    place: '1', kind: 'signal', name: 'go', attempt: 0, error: null, progress: null,
    delayMs: null, atMs: null, deadlineMs: null,
  };
  expect(await store.commit([{ ...ending(lease!, ends.rest), calls: [call] }])).toMatchObject([
    { kind: 'done' }]);
  await gate.open();
  expect(await terminating).toEqual([{ kind: 'done' }]);
  const left = 'select place from perdure.calls';
  expect(await stage.sql(left)).toHaveLength(1);
  const checked = await store.check({ after: null, lateMs: 60_000, limit: 10 });
  expect(checked.broken).toEqual([]);
  await carry(store);
  expect(await stage.sql(left)).toEqual([]);
});

// Guards O2: taken out, the run stands in the lane of a version that it has no more.
test('a verb that has read of an earlier end of the run is busy', async () => {
  const parked = { kind: 'park', reason: 'CODE', error: '{"message":"no"}' } as const;
  const [lease] = await leased(store, 'r1');
  await commit(store, lease!, parked);
  const client = await stage.client();
  const read = await client.query(
    { text: readStatements('perdure').kinds.text, values: [['r1'], [lease!.part]], rowMode: 'array' });
  const [kind] = read.rows.map((row: unknown[]) => readKind(row));
  expect(await store.resumeRuns([{ runId: 'r1' }])).toEqual([{ kind: 'done' }]);
  await commit(store, (await claimed(store)).get('r1')!.lease, parked);
  const late = [{ item: { item: { runId: 'r1' }, kind: kind! }, ord: 0 }];
  const { rows } = await client.query({
    text: operationStatements('perdure').resume.text, values: [...resumptionColumns(late)], rowMode: 'array',
  });
  expect(rows).toEqual([[0, 'busy', null]]);
  expect(await store.resumeRuns([{ runId: 'r1' }])).toEqual([{ kind: 'done' }]);
});

// Guards W2: taken out, the run begins anew, and what its last end took is given back to nobody.
test('a start that waits for the run to end once more finds it', async () => {
  const [lease] = await leased(store, 's1');
  await commit(store, lease!, failed);
  const [stranger, caller] = [await stage.client(), await stage.client()];
  await stranger.query('begin');
  await stranger.query("update perdure.runs set settled_epoch = settled_epoch + 1 where id = 's1'");
  await caller.query("set application_name = 'caller'; begin");
  const starting = (await owner.within(caller)).startRuns([{ ...newRun('s1'), restart: true }]);
  const waiting =
    "select from pg_stat_activity where application_name = 'caller' and wait_event_type = 'Lock'";
  await expect.poll(async () => (await stage.sql(waiting)).length).toBe(1);
  await stranger.query('commit');
  expect(await starting).toEqual([{ kind: 'exists', workflow: 'w' }]);
  await caller.query('commit');
  expect(await store.readRuns(['s1'])).toMatchObject([{ status: 'failed', generation: 1 }]);
});
