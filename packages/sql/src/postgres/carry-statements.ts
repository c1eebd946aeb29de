// Carrying: what senders inserted reaches the runs that it is for. Each piece is found by existence, in the
// order in which it came, and is told of in the same statement that marks it.
//
//   Y1. A carrier waits for nobody: rows that others hold are passed by, and found by a later look. A
//       transaction of a caller that begins a run anew holds messages that it deletes, for as long as it is
//       open.
//   Y2. Send versus rest, claim and settlement. A message is marked only under the lock of its run's `ready`
//       row, or when there is none. What had the lock before is seen: a rest is made due, a lease flagged;
//       what has it afterwards sees the due time or the flag, since it reads the row under its own lock. A
//       row that went between our snapshot and our lock leaves the message for a later look, which finds
//       none. Whoever makes a `ready` row anew makes it not fresh: its claimant reads what was marked
//       meanwhile.
//   Y3. Settle versus watch. A tie that is not noticed is marked under the lock of the child's `ready` row,
//       which is set `tied` there: a settlement that comes later reads that under its own lock and leaves an
//       ending. One that came earlier left no row, and `runs` says how it ended. In between, row seen and not
//       had, the tie stays for a later look. A parked run has no row and takes the mark as it is: whoever
//       makes a row for it anew sets `tied`, and who settles it leaves an ending.
//   Y4. Emit versus subscribe. An event is marked by a statement that gives it to all subscriptions of its
//       snapshot. A subscription that it did not see was committed later, and looks back in a later statement
//       still: it finds the event (tie-statements.ts, Z3). Both may bring it; the id of the message is one.
//   Y5. An ending goes when all who watched have their answer and all children were seen to, and stays
//       otherwise. Ties that were seen to say so: no watch, and nothing left to close. What was left of a run
//       by its termination goes with it (E4 of closing-statements.ts).
//   Y6. Rows are inserted into `messages` in the order of their keys, as senders do.
//   Y7. A look begins at a low-water mark: behind it stand the dead entries of what was carried, which nobody
//       can clear away while some transaction is old. What appears below the mark, since its sender's
//       transaction was long or its run was held, is found by looks without one.
import { intoInbox, keptApart, takesMail } from './mail-statements.js';
import { impatient } from './second-lane.js';
import { instantOf, micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements of a carrier, for one schema. */
export interface CarryStatements {
  /**
   * $1 … $4 marks of inbox, events, watches, endings; $5 whether old events are looked for. Columns: of each
   * kind the instant of the first piece or null; whether there are old events; now.
   */
  readonly probe: Statement;
  readonly tell: Statement;
  readonly give: Statement;
  readonly meet: Statement;
  readonly end: Statement;
  /** Deletes $1 events that are older than a day and were given. */
  readonly forget: Statement;
}

/** How a run ended; the words are those of `messages.outcome`. */
export const settled = "in ('completed', 'failed', 'cancelled')";

// So many messages are made of events by one statement: an event that everybody waits for takes several.
const mostGiven = 5_000;

/** Builds the statements of a carrier. `s` is the quoted schema. */
export function carryStatements(s: string): CarryStatements {
  const first = (table: string, column: string, where: string): string =>
    `(select ${micros(column)} from ${s}.${table} where ${where} order by ${column} limit 1)`;
  const old = "noticed = true and emitted_at < statement_timestamp() - interval '1 day'";
  return {
    probe: named('probe_mail', `
select ${first('inbox', 'sent_at', `noticed = false and ${from('sent_at', 1)}`)},
       ${first('events', 'emitted_at', `noticed = false and ${from('emitted_at', 2)}`)},
       ${first('children', 'created_at', `noticed = false and ${from('created_at', 3)}`)},
       ${first('endings', 'ended_at', from('ended_at', 4))},
       case when $5::boolean then ${first('events', 'emitted_at', old)} is not null end,
       ${micros('clock_timestamp()')}`),
    tell: named('tell', tellText(s)),
    give: named('give', giveText(s)),
    meet: named('meet', meetText(s)),
    end: named('end', endText(s)),
    forget: named('forget_events', `
with o as materialized (
  select id, part from ${s}.events where ${old} order by emitted_at limit $1::integer for update skip locked)
delete from ${s}.events e using o where e.id = o.id and e.part = o.part
returning e.id`),
  };
}

/** Y7. The number is that of the parameter with the mark, in microseconds. */
const from = (column: string, mark: number): string => `${column} >= ${instantOf(`$${mark}::float8`)}`;

/**
 * Y2. $1 limit, $2 mark, $3 runs to pass by. Columns: run, how many messages were looked at, the instant of
 *     the
 * last, whether it was told, whether it was held by somebody.
 */
function tellText(s: string): string {
  return `
with i as materialized (
  select i.*, x.id is not null as held,
         (select true from ${s}.ready r where r.id = i.run_id and r.part = i.part) is null as gone
    from (select part, run_id, kind, name, sent_at, id from ${s}.inbox
           where noticed = false and ${from('sent_at', 2)} and run_id <> all($3::text[])
           order by sent_at limit $1::integer) i
    left join lateral (
      select r.id from ${s}.ready r where r.id = i.run_id and r.part = i.part
         for no key update skip locked) x on true),
d as materialized (
  select run_id, part, held, gone, count(*) as pieces, max(sent_at) as last
    from i group by run_id, part, held, gone),
w as (
  update ${s}.ready r
     set due_at = case when r.claim is null and not r.fresh then least(r.due_at, clock_timestamp())
                       else r.due_at end,
         wake = r.wake or r.claim is not null or r.fresh
    from d
   where d.held and r.id = d.run_id and r.part = d.part and not r.wake
     and (r.claim is not null or r.fresh or r.due_at > statement_timestamp())),
l as materialized (
  select i.run_id, i.part, i.kind, i.name, i.sent_at, i.id from i where i.held
   union all
  select x.run_id, x.part, x.kind, x.name, x.sent_at, x.id
    from i cross join lateral (
      select k.* from ${s}.inbox k
       where k.run_id = i.run_id and k.part = i.part and k.kind = i.kind and k.name = i.name
         and k.sent_at = i.sent_at and k.id = i.id for update skip locked) x
   where i.gone and not i.held),
n as (
  update ${s}.inbox k set noticed = true
    from l i where k.run_id = i.run_id and k.part = i.part and k.kind = i.kind
     and k.name = i.name and k.sent_at = i.sent_at and k.id = i.id and k.noticed is not true)
select run_id, pieces, ${micros('last')}, held,
       not held and (not gone or (select true from l where l.run_id = d.run_id limit 1) is null) from d`;
}

/**
 * Y4. $1 limit, $2 mark. Columns: how many events were looked at, how many were given to all, the instants of
 * the first and the last.
 */
function giveText(s: string): string {
  return `
with t as materialized (select ${impatient}),
e as materialized (
  select e.*, row_number() over () as ord from (
    select * from ${s}.events where noticed = false and ${from('emitted_at', 2)}
     order by emitted_at limit $1::integer for update skip locked) e),
p as materialized (
  select e.ord, e.id as event_id, e.name, e.key, e.codec, e.payload, e.emitted_at, s.part, s.run_id
    from e cross join lateral (
      select s.part, s.run_id from ${s}.subscriptions s
       where s.name = e.name and s.key = e.key
         and (select u.generation from ${s}.runs u
               where u.id = s.run_id and u.part = s.part and u.status ${takesMail}) = s.generation
         and (select true from ${s}.messages k
               where k.run_id = s.run_id and k.id = 'event:' || e.id and k.part = s.part) is null
      offset 0) s
   limit ${mostGiven}),
m as (
  insert into ${s}.messages (part, run_id, id, kind, name, codec, payload, sent_at)
  select p.part, p.run_id, 'event:' || p.event_id, 'event', ${eventBoxOf('p')}, p.codec, p.payload,
         p.emitted_at
    from p, t order by p.run_id, p.event_id${keptApart}),
b as (${intoInbox(s)}),
n as (
  update ${s}.events k set noticed = true
    from e where k.id = e.id and k.part = e.part
     and ((select count(*) from p) < ${mostGiven} or e.ord < (select max(ord) from p))
  returning k.id)
select count(*), (select count(*) from n), ${micros('min(emitted_at)')}, ${micros('max(emitted_at)')} from e`;
}

/** The box of an event, as `eventBox` of the port names it, from the columns of a row. */
export function eventBoxOf(row: string): string {
  const escaped = `replace(${row}.name, chr(92), chr(92) || chr(92))`;
  return `replace(${escaped}, chr(10), chr(92) || 'n') || chr(10) || ${row}.key`;
}

/**
 * An answer to a parent, from a row `k` of `children` with columns part, parent_id, generation, place, and
 * with the child's status (null: there is none), output_codec, output and error; `notFound` is the parameter
 * with the error for none. Only a parent that is still in that generation hears it.
 */
const answerOf = (s: string, notFound: string): string => `
  insert into ${s}.messages (part, run_id, id, kind, name, codec, payload, error, outcome, sent_at)
  select k.part, k.parent_id, 'child:' || k.generation::text || ':' || k.place, 'child',
         k.generation::text || ':' || k.place, coalesce(k.output_codec, 'json'), k.output,
         case when k.status is null then ${notFound}::text else k.error end, coalesce(k.status, 'failed'),
         t.now
    from k, t
   where (k.status is null or k.status ${settled})
     and (select u.generation from ${s}.runs u
           where u.id = k.parent_id and u.part = k.part and u.status ${takesMail}) = k.generation`;

/**
 * Y3. $1 limit, $2 mark, $3 children to pass by, $4 error for none. Columns: child, how many ties were looked
 * at, the instant of the last, whether it was seen to, whether it was held by somebody.
 */
function meetText(s: string): string {
  return `
with t as materialized (select clock_timestamp() as now, ${impatient}),
k as materialized (
  select k.*, x.id is not null as held, u.status, u.output_codec, u.output, u.error
    from (select part, parent_id, generation, place, child_id, child_part, created_at from ${s}.children
           where noticed = false and ${from('created_at', 2)} and child_id <> all($3::text[])
           order by created_at limit $1::integer for update skip locked) k
    left join lateral (
      select r.id from ${s}.ready r where r.id = k.child_id and r.part = k.child_part
         for no key update skip locked) x on true
    left join lateral (
      select * from ${s}.runs u where u.id = k.child_id and u.part = k.child_part limit 1) u on true),
w as (
  update ${s}.ready r set tied = true
    from (select distinct child_id, child_part from k where held) d
   where r.id = d.child_id and r.part = d.child_part and r.tied is not true),
m as (${answerOf(s, '$4')} and not k.held
   order by k.parent_id, 'child:' || k.generation::text || ':' || k.place${keptApart}),
b as (${intoInbox(s)}),
n as (
  update ${s}.children c set noticed = true
    from k where (k.held or k.status is distinct from 'live') and c.parent_id = k.parent_id
     and c.part = k.part and c.generation = k.generation and c.place = k.place)
select child_id, count(*), ${micros('max(created_at)')}, not is_held, is_held
  from (select k.*, not held and status is not distinct from 'live' as is_held from k) k
 group by child_id, is_held`;
}

/**
 * Y5. $1 limit, $2 mark, $3 endings to pass by, $4 error for none. Columns: what, run, its part, its status.
 *     A
 * row `children` is a run whose children are to be seen to, `stuck` one whose ending stays for another
 * reason; `pieces`, `answers` and `last` say in place of the part how many endings were looked at, how many
 * watchers answered, and the instant of the last ending.
 */
function endText(s: string): string {
  return `
with t as materialized (select clock_timestamp() as now, ${impatient}),
e as materialized (
  select e.*, u.status, u.output_codec, u.output, u.error, row_number() over () as ord,
         u.status ${settled} and (
           select true from ${s}.children c
            where c.parent_id = e.run_id and c.part = e.part and c.parent_close <> 'abandon' limit 1
         ) as has_children
    from (select run_id, part, ended_at from ${s}.endings
           where ${from('ended_at', 2)} and run_id <> all($3::text[])
           order by ended_at limit $1::integer for update skip locked) e
    left join lateral (
      select * from ${s}.runs u where u.id = e.run_id and u.part = e.part limit 1) u on true),
k as materialized (
  select e.ord, e.run_id, e.status, e.output_codec, e.output, e.error, w.*, x.held
    from e cross join lateral (
      select c.part, c.parent_id, c.generation, c.place from ${s}.children c
       where c.child_id = e.run_id and c.child_part = e.part and c.watch offset 0) w
    left join lateral (
      select true as held from ${s}.children c
       where c.parent_id = w.parent_id and c.part = w.part and c.generation = w.generation
         and c.place = w.place for update skip locked) x on true
   limit $1::integer + 1),
m as (${answerOf(s, '$4')} and k.held
   order by k.parent_id, 'child:' || k.generation::text || ':' || k.place${keptApart}),
b as (${intoInbox(s)}),
n as (
  update ${s}.children c set watch = false, noticed = true, parent_close = 'abandon'
    from k where k.held and c.parent_id = k.parent_id and c.part = k.part and c.generation = k.generation
     and c.place = k.place),
d as (
  delete from ${s}.endings g using e
   where g.run_id = e.run_id and g.part = e.part and e.has_children is not true
     and ((select count(*) from k) <= $1::integer or e.ord < (select max(ord) from k))
     and e.run_id <> all(coalesce((select array_agg(run_id) from k where held is not true), '{}'))
  returning g.run_id),
${['calls', 'subscriptions'].map((table) => `left_${table} as (
  delete from ${s}.${table} c where c.run_id = any(array(select run_id from e where status = 'failed')))`)
    .join(',\n')}
select 'children', run_id, part, status from e where has_children
 union all
select 'stuck', run_id, 0, null from (
  select run_id from e where has_children is not true except select run_id from d) stuck
 union all
select 'pieces', null, count(*), null from e
 union all
select 'answers', null, count(*), null from k where held
 union all
select 'last', null, ${micros('max(ended_at)')}, null from e`;
}
