// The one statement that writes what turns produced: many runs, one transaction, one round trip.
//
//   G1. Each `ready` row is changed by one CTE at most; `runs` only from the RETURNING of the fenced delete.
//   G2. The fence is in the statement: a row is locked (skipping strangers' locks), and its epoch compared.
//   G3. Items that only add entries share the lock; items that change their row take it alone.
//   G4. Rows are locked in the order of ids. Lookups go by arrays of ids, so that the primary key is the only
//       sensible plan; batch and locked rows meet by hash, whatever the estimates say.
//   G5. Every item has an answer: done; already (by an earlier sending of the same); busy; lost.
//   G6. Entries that an earlier sending wrote keep its instant, and the answer says it: `old` looks for them,
//       but only where something was not inserted. What an earlier sending wrote too late for our snapshot is
//       busy, and found by the next sending.
import { instantOf, micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

const ms = (value: string): string => `${value} * interval '1 millisecond'`;

/** The two forms of the commit statement, for one schema. They take the same parameters: commit-values.ts. */
export interface CommitStatements {
  /** For what was not sent before: an entry that is there is a unique violation, and nothing is written. */
  readonly first: Statement;
  /** For what was sent before: looking for it costs too much to be done each time. */
  readonly again: Statement;
}

/** Builds the commit statements. `s` is the quoted schema. */
export function commitStatements(s: string): CommitStatements {
  const build = (journal: string, found: Found): string => {
    const ctes = [batch(s), journal, calls(s), settle(s), change(s)].join(',');
    return `with${ctes}${answers(s, found)}`;
  };
  return {
    first: named('commit', build(firstEntries(s), { join: '', whole: 'true', at: 't.now' })),
    again: named('commit_again', build(repeatedEntries(s), {
      join: 'left join old on old.ord = i.ord',
      whole: 'coalesce(old.whole, true)',
      at: 'coalesce(old.at, t.now)',
    })),
  };
}

/** How the answers speak of entries that were there: whether all of an item's are, and since when. */
interface Found {
  readonly join: string;
  readonly whole: string;
  readonly at: string;
}

/** The items, the rows that could be locked, and the items that still own theirs. */
function batch(s: string): string {
  const lock = (ids: string, strength: string): string =>
    `select id, epoch, wake, rested_from from ${s}.ready where id = any(${ids}::text[])
        and part = any($3::smallint[]) order by id for ${strength} skip locked`;
  return `
t as materialized (select clock_timestamp() as now),
i as materialized (
  select * from unnest($4::text[], $5::smallint[], $6::integer[], $7::bigint[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::float8[], $15::float8[], $16::text[])
    with ordinality
    as i(id, part, generation, epoch, act, status, codec, output, error, reason, in_ms, at_us, quarantine,
         ord)),
x as materialized (
  select * from (${lock('$1', 'no key update')}) change
  union all
  select * from (${lock('$2', 'share')}) share),
ok as materialized (select i.*, x.wake from i join x on x.id = i.id and x.epoch = i.epoch)`;
}

function entries(s: string): string {
  return `
  insert into ${s}.journal (part, run_id, generation, place, position, kind, name, codec, value, error,
                            attempt, started_at, ended_at)
  select ok.part, ok.id, ok.generation, e.place, e.position, e.kind, e.name, e.codec, e.value, e.error,
         e.attempt, t.now - ${ms('e.took_ms')}, t.now
    from unnest($17::bigint[], $18::text[], $19::integer[], $20::text[], $21::text[], $22::text[],
                $23::text[], $24::text[], $25::integer[], $26::float8[])
         as e(ord, place, position, kind, name, codec, value, error, attempt, took_ms)
    join ok on ok.ord = e.ord, t`;
}

function firstEntries(s: string): string {
  return `
j as (${entries(s)})`;
}

/** First write wins: an entry that is there is an earlier sending of the same. */
function repeatedEntries(s: string): string {
  return `
j as (${entries(s)}
  on conflict (run_id, generation, place) do nothing
  returning run_id, place),
old as (
  select e.ord, max(k.ended_at) as at, bool_and(k.place is not null or j.place is not null) as whole
    from unnest($17::bigint[], $18::text[]) as e(ord, place)
    join i on i.ord = e.ord
    left join ${s}.journal k on k.run_id = any($1::text[] || $2::text[])
     and k.run_id = i.id and k.generation = i.generation and k.place = e.place
    left join j on j.run_id = i.id and j.place = e.place
   where (select count(*) from j) < cardinality($17::bigint[])
   group by e.ord)`;
}

/** Calls that outlive their turn are written and changed; answered ones go, and all when the run settles. */
function calls(s: string): string {
  return `
c as (
  insert into ${s}.calls (part, run_id, generation, place, kind, name, due_at, attempt, error)
  select ok.part, ok.id, ok.generation, c.place, c.kind, c.name,
         coalesce(t.now + ${ms('c.delay_ms')}, ${instantOf('c.at_us')}), c.attempt, c.error
    from unnest($27::bigint[], $28::text[], $29::text[], $30::text[], $31::integer[], $32::text[],
                $33::float8[], $34::float8[])
         as c(ord, place, kind, name, attempt, error, delay_ms, at_us)
    join ok on ok.ord = c.ord, t
  on conflict (run_id, generation, place)
  do update set due_at = excluded.due_at, attempt = excluded.attempt, error = excluded.error),
g as (
  delete from ${s}.calls k using ok
   where k.run_id = any($37::text[]) and k.run_id = ok.id and k.generation = ok.generation
     and (ok.act = 'settle' or (ok.ord, k.place) in (select * from unnest($35::bigint[], $36::text[]))))`;
}

/** Settlements and parks: the row goes, and with it every claim on the run. */
function settle(s: string): string {
  return `
del as (
  delete from ${s}.ready r using ok
   where r.id = any($1::text[]) and r.id = ok.id and r.part = ok.part and ok.act in ('settle', 'park')
  returning r.id, r.version, r.first_claimed_at, ok.ord),
fin as (
  update ${s}.runs u
     set status = ok.status, output_codec = ok.codec, output = ok.output, error = ok.error,
         reason = ok.reason, version = del.version, started_at = del.first_claimed_at,
         settled_at = case when ok.act = 'settle' then t.now end,
         parked_at = case when ok.act = 'park' then t.now end, settled_epoch = ok.epoch
    from del join ok on ok.ord = del.ord, t
   where u.id = any($1::text[]) and u.id = del.id and u.part = ok.part)`;
}

/** Rests and renewals. A rest is a change of ownership and writes a new epoch; a renewal is none. */
function change(s: string): string {
  return `
upd as (
  update ${s}.ready r set
         due_at = case when ok.act = 'renew' then t.now + ${ms('ok.in_ms')}
                       when r.wake then t.now
                       else greatest(t.now, coalesce(least(t.now + ${ms('ok.in_ms')},
                                                          ${instantOf('ok.at_us')}),
                                                    'infinity')) end,
         epoch = case when ok.act = 'renew' then r.epoch else greatest(r.epoch + 1, ${micros('t.now')}) end,
         rested_from = case when ok.act = 'renew' then r.rested_from else r.epoch end,
         claim = case when ok.act = 'renew' then r.claim end,
         wake = case when ok.act = 'renew' then r.wake else false end,
         lane = case when ok.quarantine = 'keep' then r.lane else r.home_lane end,
         strikes = case when ok.quarantine = 'absolve' then 0 else r.strikes end,
         solo_strikes = case when ok.quarantine = 'absolve' then 0 else r.solo_strikes end
    from ok, t
   where r.id = any($1::text[]) and r.id = ok.id and r.part = ok.part and ok.act in ('rest', 'renew')
  returning ok.ord, r.epoch)`;
}

function answers(s: string, found: Found): string {
  return `
select i.ord,
       case when ok.ord is not null and not ${found.whole} then 'busy'
            when ok.ord is not null then 'done'
            when x.id is not null then
              case when i.act = 'rest' and x.rested_from = i.epoch then 'already' else 'lost' end
            when exists (select from ${s}.ready r
                          where r.id = any($1::text[] || $2::text[]) and r.id = i.id and r.part = i.part)
              then 'busy'
            when exists (select from ${s}.runs u
                          where u.id = any($1::text[] || $2::text[]) and u.id = i.id and u.part = i.part
                            and u.settled_epoch = i.epoch) then 'already'
            else 'lost' end,
       upd.epoch, coalesce(ok.wake, false), ${micros(found.at)}
  from i cross join t
  left join ok on ok.ord = i.ord
  left join x on x.id = i.id
  left join upd on upd.ord = i.ord
  ${found.join}`;
}
