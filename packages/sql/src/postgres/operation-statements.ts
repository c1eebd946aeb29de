// What operators do to runs: opened again, begun anew, forked, deleted. Termination is in
// closing-statements.ts, since carriers do it as well.
//
//   O1. A verb locks the rows of `runs` that are fit for it in its snapshot, and no others: a live run is not
//       held up. Who comes second passes by, or finds a run that is not fit any more.
//   O2. The lane of the new row in line is made of what was read before. What was read holds if the run still
//       has the end that it had then: its epoch is the guard. It also says that everything of that end is in
//       our snapshot.
//   O3. Whoever makes a row in line anew makes it not fresh, or woken, so that its owner reads, and tied, so
//       that its end is told (Y2, Y3 of carry-statements.ts).
//   O4. A run is not deleted while somebody is to hear of its end, or children are to be closed by it. Its
//       children are nobody's then: a run that takes its id has not started them.
import { laneOf, partOf, type Fork, type Resumption, type Revival } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { attributeColumns, attributesInto } from './attribute-columns.js';
import { settled } from './carry-statements.js';
import { recordColumns, recordInto, recordRows } from './record-columns.js';
import { backIntoInbox, epochAfter, forgetEnd } from './revival-pieces.js';
import { impatient, type Numbered } from './second-lane.js';
import type { Row } from './session.js';
import { micros } from './sql-time.js';
import { due, readyColumns, startValues } from './start-statements.js';
import { named, type Statement } from './statement.js';

/** The statements of verbs, for one schema. Columns of answers: ord, answer, status where it is unfit. */
export interface OperationStatements {
  /** Parameters: `resumptionColumns`. */
  readonly resume: Statement;
  /** Parameters: `revivalColumns`. */
  readonly revive: Statement;
  /** Parameters: `forkValues`. Columns: id, epoch; none where the id was there. */
  readonly fork: Statement;
  /** $1 numbers, $2 ids, $3 parts. */
  readonly delete: Statement;
  /** $1 ids, $2 parts. Columns: id, status. */
  readonly statuses: Statement;
}

/** Builds the statements. `s` is the quoted schema. */
export function operationStatements(s: string): OperationStatements {
  return {
    resume: named('resume', resumeText(s)),
    revive: named('revive', reviveText(s)),
    fork: named('fork', forkText(s)),
    delete: named('delete_runs', deleteText(s)),
    statuses: named('statuses', `
select v.id, v.status from ${s}.run_status v where v.id = any($1::text[]) and v.part = any($2::smallint[])`),
  };
}

/** The instant; also limits the wait for strangers. */
const instant = `
t as materialized (select clock_timestamp() as now, ${impatient})`;

/** What is asked of a run before it is changed. */
interface Fitness {
  /** The items, with columns ord, id, part. */
  readonly items: string;
  /** Statuses that are fit, as the end of a comparison. */
  readonly status: string;
  /** What else must hold of the run `u` for the item `i`. */
  readonly also: string;
  readonly lock: 'no key update' | 'update';
}

/** A CTE `i` of the items: `seen` is the stored status, `held` whether the run is fit, and locked (O1). */
function locked(s: string, { items, status, also, lock }: Fitness): string {
  return `
i as materialized (
  select i.*, v.status as seen, v.status ${status} as fit, x.id is not null as held
    from ${items}
    left join lateral (
      select u.status from ${s}.runs u where u.id = i.id and u.part = i.part limit 1) v on true
    left join lateral (
      select u.id from ${s}.runs u
       where u.id = i.id and u.part = i.part and v.status ${status} and u.status ${status}${also}
         for ${lock} skip locked) x on true)`;
}

/** The answers; `unfit` also holds for items that only something else than their status makes unfit. */
function answers(s: string, unfit = 'not i.fit'): string {
  return `
select i.ord, case when i.seen is null then 'no-run' when i.held then 'done' when ${unfit} then 'unfit'
                   else 'busy' end as outcome,
       case when not i.held and ${unfit} then (
         select v.status from ${s}.run_status v where v.id = i.id and v.part = i.part limit 1) end as status
  from i`;
}

/** New rows in line, of runs `g` that have ended (O3). */
function intoLine(s: string): string {
  return `
q as (
  insert into ${s}.ready (part, id, lane, home_lane, queue, workflow, version, due_at, epoch, fresh, tied,
                          first_claimed_at)
  select g.part, g.id, g.lane, g.lane, g.queue, g.workflow, g.next_version, g.now,
         ${epochAfter('g.settled_epoch', 'g.now')}, false, true, g.started_at
    from g)`;
}

function resumeText(s: string): string {
  return `
with ${instant},${locked(s, {
    items: `unnest($1::integer[], $2::text[], $3::smallint[], $4::bigint[], $5::integer[], $6::text[])
         as i(ord, id, part, settled_epoch, lane, version)`,
    status: "= 'parked'",
    also: ' and u.settled_epoch = i.settled_epoch',
    lock: 'no key update',
  })},
g as (
  update ${s}.runs u
     set status = 'live', version = null, error = null, reason = null, parked_at = null
    from i, t where u.id = any($2::text[]) and u.id = i.id and u.part = i.part and i.held
  returning u.id, u.part, u.queue, u.workflow, u.settled_epoch, u.started_at, i.lane,
            i.version as next_version, t.now),${intoLine(s)}${answers(s)}`;
}

function reviveText(s: string): string {
  const revived = { runs: 'g', ids: '$2::text[]', kept: 'kept' };
  const gone = (table: string): string => `
gone_${table} as (
  delete from ${s}.${table} k using g
   where k.run_id = any($2::text[]) and k.run_id = g.id and k.part = g.part)`;
  return `
with ${instant},${locked(s, {
    items: `(
    select i.*, (select u.generation from ${s}.runs u where u.id = i.id and u.part = i.part) as stands
      from unnest($1::integer[], $2::text[], $3::smallint[], $4::bigint[], $5::integer[], $6::text[],
                  $7::integer[], $8::text[], $9::text[])
           as i(ord, id, part, settled_epoch, lane, version, ended, codec, input)) i`,
    status: "<> 'live'",
    also: ' and u.settled_epoch = i.settled_epoch and u.generation = i.ended',
    lock: 'no key update',
  })},
e as materialized (${recordRows(10)}),
g as (
  update ${s}.runs u
     set generation = u.generation + 1, codec = coalesce(i.codec, u.codec),
         input = case when i.codec is null then u.input else i.input end, status = 'live', version = null,
         output_codec = null, output = null, error = null, reason = null, started_at = null,
         settled_at = null, parked_at = null
    from i, t where u.id = any($2::text[]) and u.id = i.id and u.part = i.part and i.held
  returning i.ord, u.id, u.part, u.generation, i.ended, u.queue, u.workflow, u.settled_epoch, u.started_at,
            i.lane, i.version as next_version, t.now),
kept as (select g.id as run_id, e.message from e join g on g.ord = e.ord where e.message is not null),
${[backIntoInbox(s, revived), forgetEnd(s, revived), gone('calls'), gone('subscriptions'),
    recordInto(s, 'g'), intoLine(s)].join(',')}${answers(s, '(not i.fit or i.stands <> i.ended)')}`;
}

/** $1 … $15 as of a start, $16 generation, $17 … $22 attributes, $23 … the record. */
function forkText(s: string): string {
  return `
with ${instant},
r as (
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at, timeout_ms, priority, headers,
                         generation)
  select $1::smallint, $2::text, $3::text, $4::text, $5::text, $6::text, t.now, $13::float8, $14::smallint,
         $15::text, $16::integer from t
  on conflict (id) do nothing returning 1 as ord, id, part, generation),
e as materialized (${recordRows(23)}),${recordInto(s, 'r')},${attributesInto(s, { runs: 'r', first: 17 })}
insert into ${s}.ready (${readyColumns}, wake)
select $1::smallint, r.id, $7::integer, $7::integer, $4::text, $3::text, $11::text,
       ${due('coalesce($8::float8, $12::float8)', '$9::float8', 't.now')},
       ${micros('t.now')}, $10::uuid, true, null, true
  from r, t
returning id, epoch`;
}

/** The tables in which a run has rows under `run_id`. */
const ofRuns = ['journal', 'calls', 'messages', 'inbox', 'subscriptions', 'attributes', 'chunks', 'endings'];

function deleteText(s: string): string {
  const gone = (table: string, column: string): string => `
gone_${table} as (
  delete from ${s}.${table} k
   where k.${column} = any(array(select id from d)) and k.part = any($3::smallint[]))`;
  return `
with ${instant},${locked(s, {
    items: `(
    select i.*, (select true from ${s}.endings e where e.run_id = i.id and e.part = i.part) as is_told_of,
           coalesce((select true from ${s}.children c where c.parent_id = i.id and c.part = i.part
                        and c.parent_close <> 'abandon' limit 1),
                    (select true from ${s}.children c where c.child_id = i.id and c.child_part = i.part
                        and c.watch limit 1)) as is_tied
      from unnest($1::integer[], $2::text[], $3::smallint[]) as i(ord, id, part)) i`,
    status: settled,
    also: ' and (i.is_told_of and i.is_tied) is not true',
    lock: 'update',
  })},
d as (
  delete from ${s}.runs u using i, t
   where u.id = any($2::text[]) and u.id = i.id and u.part = i.part and i.held and t.now is not null
  returning u.id),
o as materialized (
  select c.* from ${s}.children c
   where c.parent_id = any(array(select id from d)) and c.part = any($3::smallint[])),
orphaned as (
  update ${s}.runs u set parent_id = null, parent_generation = null, parent_place = null
    from o
   where u.id = any(array(select child_id from o)) and u.id = o.child_id and u.part = o.child_part
     and (u.parent_id, u.parent_generation, u.parent_place) = (o.parent_id, o.generation, o.place)
     and u.id <> all(array(select id from d))),
${[...ofRuns.map((table) => gone(table, 'run_id')), gone('children', 'parent_id')].join(',')}${answers(s)}`;
}

/** What was read of a run: a row of `kinds` (read-statements.ts). */
export interface ReadKind {
  readonly id: string;
  readonly queue: string;
  readonly workflow: string;
  readonly priority: number;
  readonly version: string | null;
  /** The epoch of its last end, or null. */
  readonly settledEpoch: number | null;
}

/** A row of `kinds`. */
export function readKind([id, queue, workflow, priority, version, settledEpoch]: Row): ReadKind {
  return {
    id: String(id), queue: String(queue), workflow: String(workflow), priority: Number(priority),
    version: version as string | null, settledEpoch: settledEpoch === null ? null : Number(settledEpoch),
  };
}

/** The lane of a run of this kind under another version. */
export function laneUnder({ queue, workflow, priority }: ReadKind, version: string | null): number {
  return laneOf(queue, workflow, version, 'normal', priority);
}

/** An item with what was read of its run. */
export interface Known<Item> {
  readonly item: Item;
  readonly kind: ReadKind;
}

function knownColumns({ kind }: Known<unknown>, ord: number, version: string | null): readonly unknown[] {
  return [ord, kind.id, partOf(kind.id), kind.settledEpoch, laneUnder(kind, version), version];
}

/** The parameters of `resume`. */
export function resumptionColumns(items: readonly Numbered<Known<Resumption>>[]): readonly string[] {
  return columnLiterals(6, items.map(({ item, ord }) => {
    const { item: { version }, kind } = item;
    return knownColumns(item, ord, version === undefined ? kind.version : version);
  }));
}

/** The parameters of `revive`. */
export function revivalColumns(items: readonly Numbered<Known<Revival>>[]): readonly string[] {
  const rows = items.map(({ item, ord }) => {
    const { generation, input, version } = item.item;
    return [...knownColumns(item, ord, version), generation, input?.codec ?? null, input?.text ?? null];
  });
  const records = items.map(({ item, ord }) => ({ ord, entries: item.item.entries }));
  return [...columnLiterals(9, rows), ...recordColumns(records)];
}

const [laneAt, versionAt] = [6, 10];

/** The parameters of `fork`. */
export function forkValues({ run, generation, entries, version }: Fork): readonly unknown[] {
  const values = [...startValues({ ...run, lease: undefined })];
  values[laneAt] = laneOf(run.queue, run.workflow, version, 'normal', run.priority);
  values[versionAt] = version;
  return [...values, generation, ...attributeColumns([run]), ...recordColumns([{ ord: 1, entries }])];
}
