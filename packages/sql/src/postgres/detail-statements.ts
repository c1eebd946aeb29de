// What is read of single runs, closely: all of a run, its record page by page; and what workers say of
// themselves.
import type { WorkerFacts } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements, for one schema. */
export interface DetailStatements {
  /** $1 ids, $2 parts. Columns: those that `readDetail` reads. */
  readonly details: Statement;
  /** $1 run, $2 part, $3 generation, $4 the position after which it begins, $5 limit. As of `history`. */
  readonly entries: Statement;
  /** Parameters: `workerValues`. */
  readonly register: Statement;
  /** $1 worker. A row, if it is known. */
  readonly see: Statement;
  /** $1 worker. */
  readonly forget: Statement;
  /** Columns: id, host, pid, concurrency, what it serves, when it started and was seen, now. */
  readonly workers: Statement;
}

/** Workers that were not seen for so long are forgotten. */
const vanished = "statement_timestamp() - interval '1 hour'";

/** Builds the statements. `s` is the quoted schema. */
export function detailStatements(s: string): DetailStatements {
  return {
    details: named('read_details', detailText(s)),
    // Entries of one position are not parted: the next page begins after them.
    entries: named('read_entries', `
select run_id, 'entry' as of, place, position, kind, name, codec, value, error, attempt,
       (extract(epoch from ended_at - started_at) * 1000::numeric)::float8 as took_ms,
       ${micros('ended_at')} as at, null::bigint as deadline, message
  from ${s}.journal
 where run_id = $1::text and part = $2::smallint and generation = $3::integer
   and position > $4::integer
 order by position fetch first ($5::integer) rows with ties`),
    register: named('register_worker', registerText(s)),
    see: named('see_worker', `
with ${forgetVanished(s)}
update ${s}.workers set seen_at = clock_timestamp() where id = $1::text returning id`),
    forget: named('forget_worker', `delete from ${s}.workers where id = $1::text`),
    workers: named('read_workers', `
select id, host, pid, concurrency, serves, ${micros('started_at')} as started_us,
       ${micros('seen_at')} as seen_us, ${micros('clock_timestamp()')} as now
  from ${s}.workers where seen_at >= ${vanished} order by seen_at, id`),
  };
}

// The version of a live run stands in its row in line.
function detailText(s: string): string {
  return `
select v.id, v.workflow, v.generation, v.output_codec, v.output, v.error, v.reason, v.status, v.queue,
       v.version, v.priority, u.codec, u.input, v.headers, v.parent_id, v.timeout_ms,
       ${micros('v.created_at')} as created_us, ${micros('v.started_at')} as started_us,
       ${micros('v.settled_at')} as settled_us, ${micros('v.parked_at')} as parked_us,
       r.id is not null as in_line, case when r.due_at < 'infinity' then ${micros('r.due_at')} end as due_us,
       r.claim is not null as leased, r.fresh, r.lane <> r.home_lane as quarantined, r.strikes, c.calls,
       b.boxes, ${micros('clock_timestamp()')} as now
  from (select i.id, p.part from unnest($1::text[]) as i(id), unnest($2::smallint[]) as p(part) offset 0) i
 cross join lateral (
   select v.* from ${s}.run_status v where v.id = i.id and v.part = i.part limit 1) v
 cross join lateral (
   select u.codec, u.input from ${s}.runs u where u.id = v.id and u.part = v.part limit 1) u
  left join lateral (
   select r.* from ${s}.ready r where r.id = v.id and r.part = v.part limit 1) r on true
 cross join lateral (
   select json_agg(json_build_array(c.place, c.kind, c.name, c.attempt, c.error, c.progress_codec, c.progress,
                     case when c.due_at < 'infinity' then ${micros('c.due_at')} end,
                     ${micros('c.deadline_at')}) order by c.place)::text as calls
     from ${s}.calls c where c.run_id = v.id and c.part = v.part and c.generation = v.generation offset 0) c
 cross join lateral (
   select json_agg(json_build_array(b.kind, b.name, b.count) order by b.kind, b.name)::text as boxes
     from (select b.kind, b.name, count(*) as count from ${s}.inbox b
            where b.run_id = v.id and b.part = v.part group by b.kind, b.name) b offset 0) b`;
}

/** A CTE. Rows that others hold are theirs to forget. */
function forgetVanished(s: string): string {
  return `
v as materialized (
  select id from ${s}.workers where seen_at < ${vanished} and id <> $1::text for update skip locked),
f as (delete from ${s}.workers where id = any(array(select id from v)))`;
}

/** $1 … $5 the worker; $6 workflows in the order of their names, $7 their queues, $8 their timeouts in ms. */
function registerText(s: string): string {
  return `
with t as materialized (select clock_timestamp() as now),${forgetVanished(s)},
d as (
  insert into ${s}.definitions as k (workflow, queue, timeout_ms, told_at)
  select d.workflow, d.queue, d.timeout_ms, t.now
    from unnest($6::text[], $7::text[], $8::float8[]) as d(workflow, queue, timeout_ms), t
   order by d.workflow
  on conflict (workflow) do update
     set queue = excluded.queue, timeout_ms = excluded.timeout_ms, told_at = excluded.told_at
   where (k.queue, k.timeout_ms) is distinct from (excluded.queue, excluded.timeout_ms))
insert into ${s}.workers (id, host, pid, concurrency, serves, started_at, seen_at)
select $1::text, $2::text, $3::integer, $4::integer, $5::text, t.now, t.now from t
on conflict (id) do update
   set host = excluded.host, pid = excluded.pid, concurrency = excluded.concurrency,
       serves = excluded.serves, started_at = excluded.started_at, seen_at = excluded.seen_at`;
}

/** The parameters of `register`. */
export function workerValues(facts: WorkerFacts): readonly unknown[] {
  const { id, host, pid, concurrency, serves, definitions } = facts;
  // One statement cannot write a row twice: of two of a workflow the first holds, which takes new runs.
  const told = new Map([...definitions].reverse().map((each) => [each.workflow, each]));
  const sorted = [...told.values()].sort((one, other) => (one.workflow < other.workflow ? -1 : 1));
  return [
    id, host, pid, concurrency,
    JSON.stringify(serves.map(({ queue, workflow, version }) => [queue, workflow, version])),
    ...columnLiterals(3, sorted.map(({ workflow, queue, timeoutMs }) => [workflow, queue, timeoutMs])),
  ];
}
