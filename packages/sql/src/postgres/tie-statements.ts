// Ties: what a run asks of others in the name of its lease. Children that it starts or watches, and wishes
// for events.
//
//   Z1. The fence is in the statement: the row of the run that asks is shared (a stranger's lock is passed
//       by), and its epoch compared, item by item through the primary key.
//   Z2. A child is born with its tie: `tied` stands in its row before anybody can settle it. A run that was
//       there before gets a tie that is not noticed; a carrier sees to it (carry-statements.ts, Y3).
//   Z3. Events are looked back on by a later statement than the one that wrote the wish: what a carrier gave
//       before it could see the wish is seen there (Y4). The look goes back from when the wish was first
//       written, however often it is sent.
//   Z4. Items and what was inserted of them meet in a full join: no nested loop can do one.
import { partOf, type NewChild, type NewSubscription } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { attributeColumns, attributesInto } from './attribute-columns.js';
import { eventBoxOf } from './carry-statements.js';
import { instant, intoInbox, keptApart } from './mail-statements.js';
import type { Numbered } from './second-lane.js';
import { due, readyColumns, startValues, type StartCall } from './start-statements.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements of ties, for one schema. */
export interface TieStatements {
  /**
   * Parameters: `tieCall`. Columns: ord, answer, the workflow of the run that stands there, whether it
   * was there before, of another's making.
   */
  readonly tie: Statement;
  /** The same for children of which some have attributes; behind the others, those of `attributeColumns`. */
  readonly tieWhole: Statement;
  /** Parameters: `wishColumns`. Columns: ord, answer. */
  readonly subscribe: Statement;
  /** Parameters: `wishColumns`. */
  readonly lookBack: Statement;
}

// So many events are looked back on at once, for one wish: the oldest that the run was not given.
const mostLookedBack = 1_000;

/** Builds the statements. `s` is the quoted schema. */
export function tieStatements(s: string): TieStatements {
  const wishes = `unnest($1::integer[], $2::smallint[], $3::text[], $4::integer[], $5::bigint[], $6::text[],
                $7::text[], $8::text[], $9::float8[])
         as i(ord, part, run_id, generation, epoch, place, name, key, look_back_ms)`;
  return {
    tie: named('tie', tieText(s, '')),
    tieWhole: named('tie_whole', tieText(s, `${attributesInto(s, { runs: 'r', first: 24 })},`)),
    subscribe: named('subscribe', `
with t as materialized (${instant('run')}),
i as materialized (
  select i.*, x.epoch as held,
         (select true from ${s}.ready r where r.id = i.run_id and r.part = i.part) as there
    from ${wishes}
    left join lateral (
      select r.epoch from ${s}.ready r where r.id = i.run_id and r.part = i.part
         for share skip locked) x on true),
n as (
  insert into ${s}.subscriptions (part, run_id, generation, place, name, key, asked_at)
  select i.part, i.run_id, i.generation, i.place, i.name, i.key, t.now
    from i, t where i.held = i.epoch
  on conflict (run_id, generation, place) do nothing)
select i.ord, ${verdict} else 'done' end from i`),
    lookBack: named('look_back', `
with t as materialized (${instant('run')}),
p as materialized (
  select i.part, i.run_id, ${eventBoxOf('w')} as box, e.*
    from ${wishes}
   cross join lateral (
     select w.name, w.key, w.asked_at - i.look_back_ms * interval '1 millisecond' as since
       from ${s}.subscriptions w
      where w.run_id = i.run_id and w.part = i.part and w.generation = i.generation and w.place = i.place
      limit 1) w
   cross join lateral (
     select e.id, e.codec, e.payload, e.emitted_at from ${s}.events e
      where e.name = w.name and e.key = w.key and e.emitted_at >= w.since
        and (select true from ${s}.messages k
              where k.run_id = i.run_id and k.id = 'event:' || e.id and k.part = i.part) is null
      order by e.emitted_at limit ${mostLookedBack}) e),
m as (
  insert into ${s}.messages (part, run_id, id, kind, name, codec, payload, sent_at)
  select p.part, p.run_id, 'event:' || p.id, 'event', p.box, p.codec, p.payload, p.emitted_at
    from p, t order by p.run_id, p.id${keptApart})
${intoInbox(s)}`),
  };
}

/** Of a row `i` with columns epoch, held, there: the answers of the fence; those that passed it follow. */
const verdict = `case when i.held is not null and i.held <> i.epoch then 'lost'
            when i.held is null and i.there then 'busy'
            when i.held is null then 'lost'`;

function tieText(s: string, attributes: string): string {
  return `
with t as materialized (${instant('run')}),
n as materialized (
  select i.*, x.epoch as held,
         (select true from ${s}.ready r where r.id = i.parent_id and r.part = i.part) as there,
         (select true from ${s}.children c
           where c.parent_id = i.parent_id and c.part = i.part and c.generation = i.generation
             and c.place = i.place) as is_tied,
         (select u.workflow from ${s}.runs u where u.id = i.child_id and u.part = i.child_part) as standing,
         (select true from ${s}.runs u
           where u.id = i.child_id and u.part = i.child_part and u.parent_id = i.parent_id
             and u.parent_generation = i.generation and u.parent_place = i.place) as ours
    from unnest($1::integer[], $2::smallint[], $3::text[], $4::integer[], $5::bigint[], $6::text[],
                $7::text[], $8::smallint[], $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::integer[], $16::float8[], $17::float8[], $18::uuid[], $19::text[],
                $20::float8[], $21::float8[], $22::smallint[], $23::text[])
         as i(ord, part, parent_id, generation, epoch, place, child_id, child_part, parent_close, watch,
              workflow, queue, codec, input, lane, delay_ms, start_at_ms, claim, version, lease_ms,
              timeout_ms, priority, headers)
    left join lateral (
      select r.epoch from ${s}.ready r where r.id = i.parent_id and r.part = i.part
         for share skip locked) x on true),
r as (
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at, timeout_ms,
                         priority, headers, parent_id, parent_generation, parent_place)
  select n.child_part, n.child_id, n.workflow, n.queue, n.codec, n.input, t.now, n.timeout_ms,
         n.priority, n.headers, n.parent_id, n.generation, n.place
    from n, t
   where n.held = n.epoch and n.workflow is not null and n.is_tied is null and n.standing is null
  on conflict (id) do nothing
  returning id, part, workflow, parent_id, parent_generation, parent_place),${attributes}
o as materialized (
  select n.*, coalesce(n.standing, r.workflow) as stands,
         (r.parent_id, r.parent_generation, r.parent_place) is not distinct from
           (n.parent_id, n.generation, n.place) as created
    from n full join r on r.id = n.child_id),
a as materialized (
  select i.*, ${verdict}
            when i.is_tied or i.workflow is null or i.stands = i.workflow then 'tied'
            when i.stands is null then 'busy'
            else 'taken' end as answer
    from o i),
q as (
  insert into ${s}.ready (${readyColumns}, tied)
  select a.child_part, a.child_id, a.lane, a.lane, a.queue, a.workflow, a.version,
         ${due('coalesce(a.delay_ms, a.lease_ms)', 'a.start_at_ms', 't.now')},
         ${micros('t.now')}, a.claim, a.claim is null, case when a.claim is not null then t.now end, a.watch
    from a, t where a.created
  on conflict (id) do nothing),
c as (
  insert into ${s}.children (part, parent_id, generation, place, child_id, child_part, parent_close, watch,
                             noticed, created_at)
  select a.part, a.parent_id, a.generation, a.place, a.child_id, a.child_part, a.parent_close, a.watch,
         a.created or not a.watch, t.now
    from a, t where a.answer = 'tied' and a.is_tied is null
  on conflict (parent_id, generation, place) do nothing)
select a.ord, a.answer, a.stands, not a.created and a.ours is null as found from a`;
}

/** The parameters of `tie`, column by column. */
function childColumns(children: readonly Numbered<NewChild>[]): readonly string[] {
  return columnLiterals(23, children.map(({ item, ord }) => {
    const { lease, place, childId, run, parentClose, watch } = item;
    const tie = [ord, lease.part, lease.runId, lease.generation, lease.epoch, place, childId, partOf(childId),
      parentClose, watch];
    if (run === null) return tie;
    return [...tie, ...startValues(run).slice(2)];
  }));
}

/** A batch of ties as a statement with its parameters. */
export function tieCall(statements: TieStatements, children: readonly Numbered<NewChild>[]): StartCall {
  const values = childColumns(children);
  const runs = children.flatMap(({ item: { run } }) => run ?? []);
  if (runs.every(({ attributes }) => attributes === undefined)) return { statement: statements.tie, values };
  return { statement: statements.tieWhole, values: [...values, ...attributeColumns(runs)] };
}

/** The parameters of `subscribe` and `lookBack`, column by column. */
export function wishColumns(wishes: readonly Numbered<NewSubscription>[]): readonly string[] {
  return columnLiterals(9, wishes.map(({ item: { lease, place, name, key, lookBackMs }, ord }) => [
    ord, lease.part, lease.runId, lease.generation, lease.epoch, place, name, key, lookBackMs,
  ]));
}
