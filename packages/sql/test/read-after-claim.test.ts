// A step is committed while a claim of its run is under way: between the moment from which the claim sees the
// database, and its lock on the run. Row security, which is checked in between, holds the claim there.
import { connect } from '@perdure/sql';
import type { ClaimRequest, Lease, NewRun } from '@perdure/core/engine';
import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

const url = await freshDatabase();
const gate = 4_711;
const role = `slow_${new URL(url).pathname.slice(1)}`;

/** Makes a role whose every look at `ready` waits while somebody holds the gate; returns its URL. */
async function makeSlowRole(hands: pg.Client): Promise<string> {
  await hands.query(`create role ${role} login password 'slow';
    grant usage on schema perdure to ${role};
    grant all on all tables in schema perdure to ${role};
    create function perdure.pass() returns boolean language plpgsql volatile as $$
    begin
      perform pg_advisory_xact_lock_shared(${gate});
      return true;
    end $$;
    alter table perdure.ready enable row level security;
    create policy slow on perdure.ready using (perdure.pass())`);
  const target = new URL(url);
  target.username = role;
  target.password = 'slow';
  return target.href;
}

// Guards K1: what a turn reads is read by a later statement than its claim. Taken out (read in the snapshot
// of the claim), the committed step is missing, and the new owner runs it again.
test('a step that is committed under the eyes of a claim is read by the claimant', async () => {
  const hands = new pg.Client({ connectionString: url });
  await hands.connect();
  await using owner = await connect(url);
  await using other = await connect(await makeSlowRole(hands), { migrate: false });
  const run: NewRun = { id: 'a', workflow: 'w', queue: 'q', input: { codec: 'json', text: null } };
  const served = [{ queue: 'q', workflow: 'w', version: null, stamp: null }];
  const wish = (claimId: string): ClaimRequest => (
    { claimId: claimId.repeat(32), served, limit: 5, suspects: true, leaseMs: 60_000, sweep: true });
  const endLease = (): Promise<unknown> => (
    hands.query("update perdure.ready set due_at = clock_timestamp() - interval '1 ms'"));
  await owner.store.startRuns([run]);
  await owner.store.claim(wish('1'));
  // A suspect is claimed out of its quarantine by one statement.
  await endLease();
  await owner.store.claim(wish('2'));
  await owner.store.claim(wish('3'));
  // Whichever of the two looks found it there.
  const recalled = await Promise.all(['2', '3'].map((claimId) => owner.store.recall(wish(claimId))));
  const [lease] = recalled.flatMap(({ runs }) => runs.map((claimed) => claimed.lease));
  await endLease();
  await hands.query('select pg_advisory_lock($1)', [gate]);
  const claiming = other.store.claim(wish('4'));
  const waiting = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'`;
  await expect.poll(async () => (await hands.query(waiting)).rowCount).toBe(1);
  const entry = (of: Lease, place: string) => owner.store.commit([{
    lease: of, calls: [], closed: [], end: null, more: null, entries: [{
      place, position: Number(place), kind: 'step', name: 's', value: { codec: 'json', text: '1' },
      error: null, attempt: 1, tookMs: 1, message: null,
    }],
  }]);
  expect(await entry(lease!, '1')).toMatchObject([{ kind: 'done' }]);
  await hands.query('select pg_advisory_unlock($1)', [gate]);
  const { runs: [claimed] } = await claiming;
  const [history] = await other.store.readHistories([claimed!.lease]);
  expect(history!.entries.map(({ place }) => place)).toEqual(['1']);
  expect(await entry(lease!, '2')).toEqual([{ kind: 'lost' }]);
  await hands.query(`drop owned by ${role}; drop role ${role}`);
  await hands.end();
});
