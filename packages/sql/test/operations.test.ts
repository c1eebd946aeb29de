// What operators do to runs, as it is seen in the tables: nothing is left of what is deleted, every lane is
// one that is claimed from, and what is older than the verbs is read by them.
import { migrationSql, connect } from '@perdure/sql';
import type { ClaimRequest, NewRun, Served } from '@perdure/core/engine';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { carry, claimed, commit, ends, json, leased, newRun, signal, tied, watch } from './mail-words.js';
import { migrations } from '../dist/migrations.js';

const url = await freshDatabase();
const connection = await connect(url);
const { store } = connection;
const hands = new pg.Client({ connectionString: url });
await hands.connect();
afterAll(async () => {
  await connection.close();
  await hands.end();
});

/** Tables that hold rows of a run, or of anything else. */
async function tablesWithRows(): Promise<string[]> {
  const { rows } = await hands.query<{ relname: string }>(`select relname from pg_class
    where relnamespace = 'perdure'::regnamespace and relkind = 'r' and relname <> 'meta' order by relname`);
  const filled: string[] = [];
  for (const { relname } of rows) {
    const { rowCount } = await hands.query(`select from perdure.${relname} limit 1`);
    if (rowCount !== 0) filled.push(relname);
  }
  return filled;
}

const entry = { attempt: 1, tookMs: 1, error: null, value: json('1'), name: 'n' } as const;

test('a run that is deleted leaves no row in any table', async () => {
  const [lease] = await leased(store, 'a');
  await store.sendMessages([signal('a', 'm1'), signal('a', 'm2')]);
  await tied(store, watch(lease!, 'b', { run: newRun('b') }));
  await store.subscribe([{ lease: lease!, place: '9', name: 'e', key: '', lookBackMs: 0 }]);
  const chunk = { stream: 's', seq: 0, source: '', value: json('1') };
  await store.commit([{
    lease: lease!, closed: [], end: null,
    entries: [{ ...entry, place: '1', position: 1, kind: 'signal', message: 'm1' }],
    calls: [{ place: '2', kind: 'sleep', name: '', attempt: 0, error: null, progress: null, delayMs: 1,
      atMs: null, deadlineMs: null }],
    more: { attributes: [{ name: 'x', value: 1 }], chunks: [chunk] },
  }]);
  expect(await tablesWithRows()).toEqual(['attributes', 'calls', 'children', 'chunks', 'inbox', 'journal',
    'messages', 'ready', 'runs', 'subscriptions']);
  expect(await store.terminateRuns(['a', 'b'], '{"message":"enough"}')).toEqual(
    [{ kind: 'done' }, { kind: 'done' }]);
  while ((await tablesWithRows()).includes('endings')) await carry(store);
  expect(await store.deleteRuns(['a', 'b'])).toEqual([{ kind: 'done' }, { kind: 'done' }]);
  expect(await tablesWithRows()).toEqual([]);
});

const kinds = (version: string): Served[] => [null, version].map((each) => (
  { queue: 'q', workflow: 'w', version: each, stamp: version }));
let claims = 0;
const wish = (served: readonly Served[]): ClaimRequest => ({
  claimId: String(++claims).padStart(32, 'e'), limit: 5, suspects: true, leaseMs: 60_000, sweep: true, served,
});

// A run without a version that is stamped in quarantine stands in the quarantine of its version from then on,
// and its way back is that of its version and its priority. Left in the other, nobody ever claims it again.
test.each([0, 2, -1])('a suspect of priority %i that is stamped in quarantine is found', async (priority) => {
  const id = `suspect ${priority}`;
  const endLease = (): Promise<unknown> => (
    hands.query("update perdure.ready set due_at = clock_timestamp() - interval '1 ms' where id = $1", [id]));
  const claimOne = async (served: readonly Served[]) => {
    for (let looks = 0; looks < 3; looks++) {
      const { runs } = await store.claim(wish(served));
      if (runs.length > 0) return runs[0]!;
    }
    throw new Error(`${id} is claimed by nobody`);
  };
  await store.startRuns([{ ...newRun(id), priority }]);
  await claimOne([{ queue: 'q', workflow: 'w', version: null, stamp: null }]);
  await endLease();
  await store.claim(wish([{ queue: 'q', workflow: 'w', version: null, stamp: null }]));
  const stamped = await claimOne(kinds('v1'));
  expect([stamped.version, stamped.soloStrikes]).toEqual(['v1', 0]);
  await endLease();
  const again = await claimOne(kinds('v1'));
  expect(again.soloStrikes).toBe(1);
  await commit(store, again.lease, { kind: 'rest', wakeInMs: 0, wakeAt: null });
  expect((await claimOne(kinds('v1'))).lease.runId).toBe(id);
  const { rows: [row] } = await hands.query('select lane, home_lane from perdure.ready where id = $1', [id]);
  expect(row.lane).toBe(row.home_lane);
  await store.terminateRuns([id], '{"message":"enough"}');
});

test('what workers tell of their workflows is that of the last one', async () => {
  const worker = (id: string, queue: string, timeoutMs: number | null) => store.registerWorker({
    id, host: 'h', pid: 1, concurrency: 1, serves: [],
    definitions: [{ workflow: 'z', queue, timeoutMs }, { workflow: 'b', queue: 'q', timeoutMs: null }],
  });
  await worker('one', 'old', null);
  // A workflow may allow no time at all.
  await worker('two', 'new', 0);
  const { rows } = await hands.query(
    'select workflow, queue, timeout_ms from perdure.definitions order by workflow');
  expect(rows).toEqual([
    { workflow: 'b', queue: 'q', timeout_ms: null }, { workflow: 'z', queue: 'new', timeout_ms: 0 },
  ]);
});

test('workers that were not seen for an hour are forgotten, by whoever is', async () => {
  const facts = { host: 'h', pid: 1, concurrency: 1, serves: [], definitions: [] };
  await store.registerWorker({ ...facts, id: 'gone' });
  await store.registerWorker({ ...facts, id: 'there' });
  const anHourAgo = "update perdure.workers set seen_at = now() - interval '61 minutes' where id = 'gone'";
  await hands.query(anHourAgo);
  expect((await store.readWorkers()).map(({ id }) => id)).not.toContain('gone');
  expect(await store.seeWorker('there')).toBe(true);
  const { rows } = await hands.query("select id from perdure.workers where id in ('gone', 'there')");
  expect(rows).toEqual([{ id: 'there' }]);
});

test('a thousand runs take few statements, and each has its answer', async () => {
  const runs = Array.from({ length: 2_500 }, (_, index): NewRun => newRun(`many-${index}`));
  await store.startRuns(runs);
  const ids = runs.map(({ id }) => id);
  const leases = await claimed(store, 2_500);
  await store.commit([...leases.values()].map(({ lease }) => (
    { lease, entries: [], calls: [], closed: [], end: { ...ends.settle, status: 'failed' } as never,
      more: null })));
  const revivals = [...ids, ids[0]!, 'nobody'].map((runId) => (
    { runId, generation: 1, entries: [], input: null, version: null }));
  const answers = await store.reviveRuns(revivals);
  expect(answers.slice(0, 2_500).every(({ kind }) => kind === 'done')).toBe(true);
  expect(answers.slice(2_500)).toEqual([{ kind: 'unfit', status: 'pending' }, { kind: 'no-run' }]);
  const ended = await store.terminateRuns([...ids, 'nobody'], '{"message":"enough"}');
  expect(new Set(ended.slice(0, 2_500).map(({ kind }) => kind))).toEqual(new Set(['done']));
  expect(ended.at(-1)).toEqual({ kind: 'no-run' });
  const deleted = await store.deleteRuns([...ids, 'nobody']);
  expect(new Set(deleted.slice(0, 2_500).map(({ kind }) => kind))).toEqual(new Set(['done']));
}, 60_000);

test('runs of the schema before are claimed, continued and begun anew', async () => {
  const old = migrations.filter(({ number }) => number <= 2).map(({ sql }) => sql('"old"')).join('\n');
  const [head] = migrationSql('old', migrations.length).split('-- migration');
  await hands.query(`${head}; set search_path = pg_catalog; ${old};
    insert into old.meta values ('schema_version', '2'); reset search_path`);
  await using made = await connect(url, { schema: 'before' });
  await made.store.startRuns(['live', 'over'].map(newRun));
  const columns = (table: string): Promise<string> => hands.query<{ list: string }>(`
    select string_agg(quote_ident(attname), ', ') as list from pg_attribute
     where attrelid = 'old.${table}'::regclass and attnum > 0`).then(({ rows: [row] }) => row!.list);
  for (const table of ['runs', 'ready']) {
    const list = await columns(table);
    await hands.query(`insert into old.${table} (${list}) select ${list} from before.${table}`);
  }
  await using connected = await connect(url, { schema: 'old' });
  const runs = await claimed(connected.store);
  expect([...runs.values()].map(({ headers }) => headers)).toEqual([{}, {}]);
  await commit(connected.store, runs.get('live')!.lease, { kind: 'continue', input: json('2') });
  await commit(connected.store, runs.get('over')!.lease, ends.settle);
  await connected.store.reviveRuns([
    { runId: 'over', generation: 1, entries: [], input: null, version: null }]);
  const again = await claimed(connected.store);
  expect([...again.values()].map(({ lease: { generation } }) => generation)).toEqual([2, 2]);
  const details = await connected.store.readDetails(['live']);
  expect(details).toMatchObject([{ priority: 0, headers: {} }]);
});
