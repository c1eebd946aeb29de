// Claims, and what a claimed run reads.
//
//   K1. A claim is a statement of its own; what a turn reads is read by a later one. Read in the claim's
//       snapshot, the journal was seen to miss a step that had just been committed.
//   K2. `skip locked` is a speed-up. Correctness rests on the epoch alone.
//   K3. The look is bounded by `statement_timestamp()`, which is stable and can drive the index; rows are
//       stamped by `clock_timestamp()`, which is not.
//       A claim ends the wake flag: its owner reads everything after it, unless nothing ever came for it.
//   K4. Every lane is read from its own low-water mark, and in line: a million runs that nobody here can
//       execute stand in other lanes, dead rows stand below the mark. Each priority of a kind has a lane, and
//       lanes of a higher one are read before; all of them have one quarantine.
import { instantOf, micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements that make runs ours and read them, for one schema. */
export interface ClaimStatements {
  readonly claim: Statement;
  readonly recall: Statement;
  readonly nextDue: Statement;
  readonly history: Statement;
}

/** Columns that `readClaimed` reads, from a changed row `u` and its run. */
const claimed = `u.id, u.part, u.epoch, u.before, u.was_fresh, u.workflow, u.version, u.queue, u.strikes,
       u.solo_strikes, ${micros('u.first_claimed_at')}, runs.generation, runs.codec, runs.input,
       ${micros('runs.created_at')}, runs.timeout_ms, u.tied, u.was_woken, runs.headers`;

/** Rows of runs in their present generation: $1 ids, $2 parts, $3 generations. */
const ofLeases = `run_id = any($1::text[]) and part = any($2::smallint[])
   and (run_id, generation) in (select * from unnest($1::text[], $3::integer[]))`;

/** Builds the claim statements. `s` is the quoted schema. */
export function claimStatements(s: string): ClaimStatements {
  return {
    claim: named('claim', claimText(s)),
    recall: named('recall', `
select 1, 0, ${micros('clock_timestamp()')}, ${claimed}
  from (select r.*, -1::bigint as before, false as was_fresh, false as was_woken
          from ${s}.ready r
         where r.lane = any($1::integer[]) and r.claim = $2::uuid and r.due_at > statement_timestamp()) u
  join ${s}.runs on runs.id = u.id and runs.part = u.part`),
    nextDue: named('next_due', `
select ${micros('min(n.due_at)')}, ${micros('clock_timestamp()')}
  from unnest($1::integer[]) as l(lane)
 cross join lateral (
   select due_at from ${s}.ready r where r.lane = l.lane and r.due_at > statement_timestamp()
      and r.due_at < 'infinity' order by r.due_at limit 1) n`),
    history: named('history', `
select run_id, 'entry', place, position, kind, name, codec, value, error, attempt,
       (extract(epoch from ended_at - started_at) * 1000::numeric)::float8, ${micros('ended_at')},
       null::bigint, message
  from ${s}.journal where ${ofLeases}
 union all
select run_id, 'call', place, null, kind, name, progress_codec, progress, error, attempt, null,
       case when due_at < 'infinity' then ${micros('due_at')} end, ${micros('deadline_at')}, null
  from ${s}.calls where ${ofLeases}
 union all
select run_id, 'stream', stream, null, null, null, null, null, null, null, null, count(*),
       count(*) filter (where source = ''), null
  from ${s}.chunks where ${ofLeases} group by run_id, stream`),
  };
}

/**
 * Of lanes, in the order in which they are looked into: $1 lane, $2 low-water mark, $3 number of the kind, $4
 * lane after the stamp. Of kinds: $5 quarantine lane (null: this is one), $6 stamp, $7 queue, $8 workflow, $9
 * version. $10 limit, $11 claim id, $12 lease in ms. Of home lanes that change by a stamp in quarantine: $13
 * before, $14 after.
 */
function claimText(s: string): string {
  return `
with k as materialized (
  select r.*, l.stamped_lane, l.ord, ($5::integer[])[l.kind] as quarantine, ($6::text[])[l.kind] as stamp
    from unnest($1::integer[], $2::float8[], $3::integer[], $4::integer[])
         with ordinality as l(lane, low, kind, stamped_lane, ord)
   cross join lateral (
     select id, part, epoch, claim, fresh, wake, due_at from ${s}.ready
      where lane = l.lane and due_at >= ${instantOf('l.low')} and due_at <= statement_timestamp()
        and workflow = ($8::text[])[l.kind] and queue = ($7::text[])[l.kind]
        and coalesce(version, '') = coalesce(($9::text[])[l.kind], '')
      order by due_at limit $10::integer for no key update skip locked) r
   limit $10),
u as (
  update ${s}.ready r set
         epoch = greatest(r.epoch + 1, ${micros('clock_timestamp()')}),
         due_at = case when k.claim is not null and k.quarantine is not null then r.due_at
                       else clock_timestamp() + $12::float8 * interval '1 millisecond' end,
         claim = case when k.claim is not null and k.quarantine is not null then null else $11::uuid end,
         lane = case when k.claim is not null and k.quarantine is not null then k.quarantine
                     else k.stamped_lane end,
         home_lane = case when k.claim is not null and k.quarantine is not null then r.home_lane
                          when k.quarantine is not null then k.stamped_lane
                          else coalesce((select h.stamped from unnest($13::integer[], $14::integer[])
                                           as h(lane, stamped) where h.lane = r.home_lane limit 1),
                                        r.home_lane) end,
         version = case when k.claim is not null and k.quarantine is not null then r.version
                        else coalesce(r.version, k.stamp) end,
         fresh = false,
         wake = false,
         strikes = r.strikes + case when k.claim is not null then 1 else 0 end,
         solo_strikes = r.solo_strikes
           + case when k.claim is not null and k.quarantine is null then 1 else 0 end,
         first_claimed_at = coalesce(r.first_claimed_at, clock_timestamp())
    from k where r.id = k.id and r.part = k.part
  returning r.*, k.epoch as before, k.ord, k.fresh as was_fresh, k.wake as was_woken, k.due_at as was_due)
select case when u.claim is null then -u.ord else u.ord end, ${micros('u.was_due')},
       ${micros('clock_timestamp()')}, ${claimed}
  from u join ${s}.runs on runs.id = u.id and runs.part = u.part`;
}
