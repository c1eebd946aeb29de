// What holds of runs and of their rows in line: each live run has exactly one reason to go on.
import { settled } from './carry-statements.js';
import { atRest, runOf, within, type Invariant } from './invariant.js';
import { micros } from './sql-time.js';

const outside = "('signal', 'event', 'callback', 'child', 'result')";
const farAhead = `${micros('statement_timestamp()')} + 3600000000`;

/** Who stands in line, and who does not. */
const standing: readonly Invariant[] = [
  {
    code: 'live-without-line',
    holds: 'A live run has a row in line.',
    broken: (s) => `
select u.id as run_id, 'It is live and has no row in line: nobody will ever claim it.' as what,
       u.created_at as since
  from ${s}.runs u
 where ${within('u.id')} and u.status = 'live' and (select true from ${s}.ready r where r.id = u.id) is null`,
  },
  {
    code: 'ended-in-line',
    holds: 'A run that has settled or is parked has no row in line.',
    broken: (s) => `
select r.id as run_id, format('It is %s and still has a row in line.', u.status) as what,
       coalesce(u.settled_at, u.parked_at) as since
  from ${s}.ready r cross join lateral ${runOf('r.id', s)}
 where ${within('r.id')} and u.status <> 'live'`,
  },
  {
    code: 'line-differs',
    holds: 'Queue and workflow of a row in line are those of its run.',
    broken: (s) => `
select r.id as run_id, format('It is of workflow %s in queue %s, and stands in line for %s in %s.',
         u.workflow, u.queue, r.workflow, r.queue) as what, null::timestamptz as since
  from ${s}.ready r cross join lateral ${runOf('r.id', s)}
 where ${within('r.id')} and (u.workflow, u.queue) is distinct from (r.workflow, r.queue)`,
  },
  {
    // The hash is slow, and there are few kinds.
    code: 'lane-unknown',
    holds: 'A live run stands in the lane of its kind and priority, or in the quarantine of its kind.',
    broken: (s) => `
with k as materialized (
  select r.id, r.lane, r.home_lane, r.queue, r.workflow, r.version, u.priority
    from ${s}.ready r cross join lateral ${runOf('r.id', s)}
   where ${within('r.id')}),
l as materialized (
  select n.*, ${s}.lane_of(queue, workflow, version, 'normal', priority) as home,
         ${s}.lane_of(queue, workflow, version, 'quarantine') as suspects
    from (select distinct queue, workflow, version, priority from k) n)
select k.id as run_id, format('It stands in lane %s and belongs into lane %s, which is that of queue %s, '
         'workflow %s, version %s and priority %s: no worker looks for it.', k.lane, l.home, k.queue,
         k.workflow, coalesce(k.version, 'none'), k.priority) as what, null::timestamptz as since
  from k join l on (l.queue, l.workflow, l.priority) = (k.queue, k.workflow, k.priority)
   and coalesce(l.version, '') = coalesce(k.version, '')
 where k.home_lane <> l.home or k.lane not in (l.home, l.suspects)`,
  },
];

/** When a run goes on. */
const progress: readonly Invariant[] = [
  {
    code: 'line-contradicts',
    holds: 'A lease has an end, a new run a time, and strikes are counted.',
    broken: (s) => `
select r.id as run_id, case
         when r.claim is not null and r.fresh then 'It is leased and was never claimed.'
         when r.claim is not null and r.due_at = 'infinity' then 'Its lease never ends.'
         when r.claim is not null and r.first_claimed_at is null then 'It is leased and has no first claim.'
         when r.fresh and r.due_at = 'infinity' then 'It was never claimed and is never due.'
         when r.solo_strikes < 0 or r.strikes < r.solo_strikes then
           format('It has %s strikes, %s of them in quarantine.', r.strikes, r.solo_strikes)
       end as what, r.first_claimed_at as since
  from ${s}.ready r
 where ${within('r.id')}
   and (r.claim is not null and (r.fresh or r.due_at = 'infinity' or r.first_claimed_at is null)
     or r.fresh and r.due_at = 'infinity' or r.solo_strikes < 0 or r.strikes < r.solo_strikes)`,
  },
  {
    code: 'wake-at-rest',
    holds: 'A run at rest has no wake flag: what comes for it makes it due.',
    broken: (s) => `
select r.id as run_id, format('It rests until %s with its wake flag set.', r.due_at) as what,
       null::timestamptz as since
  from ${s}.ready r where ${within('r.id')} and ${atRest} and r.wake`,
  },
  {
    code: 'nothing-to-wait-for',
    holds: 'A run that no clock wakes has an open call that is answered from outside.',
    broken: (s) => `
select r.id as run_id, 'It rests and is never due, and no call of it is answered from outside.' as what,
       r.first_claimed_at as since
  from ${s}.ready r
 where ${within('r.id')} and ${atRest} and r.due_at = 'infinity'
   and (select true from ${s}.calls c
         where c.run_id = r.id and (c.kind in ${outside} or c.due_at < 'infinity') limit 1) is null`,
  },
  {
    // What a worker counted in milliseconds may be a little later than what the database added up.
    code: 'due-after-call',
    holds: 'A run at rest is due no later than the first of its calls.',
    broken: (s) => `
select r.id as run_id, format('It rests until %s, and its call at %s is due at %s.', r.due_at, c.place,
         c.due_at) as what, c.due_at as since
  from ${s}.ready r cross join lateral (
    select c.place, c.due_at from ${s}.calls c where c.run_id = r.id order by c.due_at limit 1) c
 where ${within('r.id')} and ${atRest} and r.due_at > c.due_at + interval '1 second'`,
  },
];

/** What a run says of itself. */
const facts: readonly Invariant[] = [
  {
    code: 'epoch-behind',
    holds: 'The epoch of a row in line is later than its last rest, and than the last end of the run.',
    broken: (s) => `
select r.id as run_id, format('Its epoch is %s; it rested from %s and ended under %s.', r.epoch,
         coalesce(r.rested_from::text, 'none'), coalesce(u.settled_epoch::text, 'none')) as what,
       null::timestamptz as since
  from ${s}.ready r cross join lateral ${runOf('r.id', s)}
 where ${within('r.id')} and u.status = 'live' and r.epoch <= greatest(r.rested_from, u.settled_epoch)`,
  },
  {
    code: 'epoch-ahead',
    holds: 'No epoch is more than an hour ahead of the clock of the database.',
    broken: (s) => `
select r.id as run_id, format('Its epoch is %s: more than an hour ahead of the clock.', r.epoch) as what,
       null::timestamptz as since
  from ${s}.ready r where ${within('r.id')} and r.epoch > ${farAhead}
 union all
select u.id, format('It ended under epoch %s: more than an hour ahead of the clock.', u.settled_epoch), null
  from ${s}.runs u where ${within('u.id')} and u.status <> 'live' and u.settled_epoch > ${farAhead}`,
  },
  {
    code: 'status-contradicts',
    holds: 'What is recorded of an end fits the status.',
    broken: (s) => `
select u.id as run_id, case
         when u.generation < 1 then format('It is in generation %s.', u.generation)
         when u.settled_epoch is null then format('It is %s, under no epoch.', u.status)
         when (u.status = 'parked') <> (u.reason is not null) then
           format('It is %s, with the reason code %s.', u.status, coalesce(u.reason, 'none'))
         when u.error is null then format('It is %s, without an error.', u.status)
         else format('It is %s, with an error or a result.', u.status)
       end as what, coalesce(u.settled_at, u.parked_at) as since
  from ${s}.runs u
 where ${within('u.id')}
   and (u.generation < 1 or u.status <> 'live' and u.settled_epoch is null
     or (u.status = 'parked') <> (u.reason is not null)
     or u.status in ('failed', 'cancelled', 'parked') and u.error is null
     or u.status in ('live', 'completed') and u.error is not null
     or u.status in ('live', 'parked') and u.output is not null)`,
  },
  {
    // What a termination did not see goes with the ending.
    code: 'wait-after-end',
    holds: 'A run that has settled, and whose end was told, has no open calls, and waits for no events.',
    broken: (s) => ['calls', 'subscriptions'].map((table) => `
select k.run_id as run_id, format('It is %s, and has a row in ${table} at %s.', u.status, k.place) as what,
       u.settled_at as since
  from ${s}.${table} k cross join lateral ${runOf('k.run_id', s)}
 where ${within('k.run_id')} and u.status ${settled}
   and (select true from ${s}.endings g where g.run_id = k.run_id) is null`).join('\n union all'),
  },
];

/** Invariants of runs and of the line. */
export const lineInvariants: readonly Invariant[] = [...standing, ...progress, ...facts];
