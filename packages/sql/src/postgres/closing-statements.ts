// What the end of a run does to its children, and the end of a run without its code.
//
//   E1. Only the call that started a child closes it: a tie that watches a run, or found it there, does not.
//   E2. Termination takes the run from whoever has it: its row goes under its lock, as in a settlement, and
//       the epoch that is recorded is a later one than its owner's. What he writes afterwards is lost, never
//       "already done".
//   E3. A run that is terminated leaves an ending, tied or not: nobody here knows what it started.
//   E4. Calls that its owner wrote between our snapshot and our lock are not in our sight. The carrier that
//       has its ending deletes them: it looks later, and nobody writes more.
import { settled } from './carry-statements.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements that close children, for one schema. */
export interface ClosingStatements {
  /**
   * $1 parts, $2 ids, $3 statuses of runs that ended, $4 limit. Columns: part of the parent, its id,
   * generation and place of the call, id and part of the child, effect: cancel, terminate, nothing.
   */
  readonly list: Statement;
  /** $1 part, $2 parent, $3 generation, $4 place: ties that were seen to. */
  readonly mark: Statement;
  /** $1 ids, $2 parts, $3 error. Columns: the ids of those that were ended here. */
  readonly terminate: Statement;
}

/** Builds the statements. `s` is the quoted schema. */
export function closingStatements(s: string): ClosingStatements {
  return {
    list: named('list_children', `
select k.part, k.parent_id, k.generation, k.place, k.child_id, k.child_part,
       case when u.child_status is null or u.child_status ${settled} then 'nothing'
            when (u.parent_id, u.parent_generation, u.parent_place)
                   is distinct from (k.parent_id, k.generation, k.place) then 'nothing'
            when k.parent_close <> 'default' then k.parent_close
            when k.status = 'completed' then 'nothing'
            else 'cancel' end
  from (
    select c.*, e.status
      from unnest($1::smallint[], $2::text[], $3::text[]) as e(part, id, status)
     cross join lateral (
       select * from ${s}.children c
        where c.parent_id = e.id and c.part = e.part and c.parent_close <> 'abandon' offset 0) c
     limit $4::integer) k
  left join lateral (
    select u.status as child_status, u.parent_id, u.parent_generation, u.parent_place from ${s}.runs u
     where u.id = k.child_id and u.part = k.child_part limit 1) u on true`),
    mark: named('mark_children', `
update ${s}.children c set parent_close = 'abandon'
  from unnest($1::smallint[], $2::text[], $3::integer[], $4::text[]) as k(part, parent_id, generation, place)
 where c.parent_id = k.parent_id and c.part = k.part and c.generation = k.generation and c.place = k.place
   and c.parent_close <> 'abandon'`),
    terminate: named('terminate', terminateText(s)),
  };
}

function terminateText(s: string): string {
  return `
with t as materialized (select clock_timestamp() as now),
i as materialized (
  select i.*, x.id is not null as held, p.id is not null as parked
    from unnest($1::text[], $2::smallint[]) as i(id, part)
    left join lateral (
      select r.id from ${s}.ready r where r.id = i.id and r.part = i.part
         for no key update skip locked) x on true
    left join lateral (
      select u.id from ${s}.runs u where u.id = i.id and u.part = i.part and u.status = 'parked'
         for no key update skip locked) p on true),
del as (
  delete from ${s}.ready r using i where r.id = i.id and r.part = i.part and i.held
  returning r.id, r.part, r.epoch, r.version, r.first_claimed_at),
fin as (
  update ${s}.runs u
     set status = 'failed', output_codec = null, output = null, error = $3::text, reason = null,
         version = coalesce(del.version, u.version),
         started_at = coalesce(del.first_claimed_at, u.started_at), settled_at = t.now, parked_at = null,
         settled_epoch = greatest(coalesce(del.epoch, u.settled_epoch) + 1, ${micros('t.now')})
    from (select id, part, version, first_claimed_at, epoch from del
           union all
          select id, part, null, null, null from i where parked) del, t
   where u.id = del.id and u.part = del.part
  returning u.id, u.part),
c as (delete from ${s}.calls k using fin where k.run_id = fin.id and k.part = fin.part),
n as (delete from ${s}.subscriptions k using fin where k.run_id = fin.id and k.part = fin.part),
g as (
  insert into ${s}.endings (part, run_id, ended_at) select fin.part, fin.id, t.now from fin, t
  on conflict (run_id) do nothing)
select id from fin`;
}
