// What runs show to those who look: lists of runs, and streams.
//
//   I1. Runs are looked at in windows of a bounded number of rows, in the order of their ids: a search that
//       finds little takes several statements, and none of them long.
//   I2. Rows of a window are found by what is asked for, where there is an index for it: an attribute, a
//       parent, or that a run is live. Everything else is looked up row by row, by id.
import type { ChunkRange, RunQuery } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { attributeValues } from './attribute-columns.js';
import { instantOf, micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** How the rows of a window are found. */
export type Window = 'one' | 'all' | 'live' | 'parent' | 'text' | 'number' | 'time';

/** The statements, for one schema. */
export interface QueryStatements {
  /**
   * Parameters: `queryValues`. One row a run, and always one at least: its columns are how many rows the
   * window has, the last id in it; then of the run, or null: id, workflow, queue, version, generation,
   * reason, status, created, settled, attributes.
   */
  readonly query: Readonly<Record<Window, Statement>>;
  /** Parameters: `chunkValues`. Columns: seq, source, codec, value, instant. */
  readonly chunks: Statement;
}

/** Builds the statements. `s` is the quoted schema. */
export function queryStatements(s: string): QueryStatements {
  const attribute = (is: string): string => `
  select a.run_id as id, a.part from ${s}.attributes a
   where a.name = ($5::text[])[1] and ${is} and a.run_id > $3::text
   order by a.run_id limit $10::integer`;
  const rows = (table: string): string => `
  select id, part from ${s}.${table} where id > $3::text order by id limit $10::integer`;
  return {
    query: {
      one: named('query_run', queryText(s, `
  select id, part from ${s}.runs where id = $17::text and id > $3::text limit $10::integer`)),
      all: named('query_runs', queryText(s, rows('runs'))),
      live: named('query_live', queryText(s, rows('ready'))),
      // A run may be watched by several calls of its parent.
      parent: named('query_children', queryText(s, `
  select c.child_id as id, c.child_part as part from ${s}.children c
   where c.parent_id = $14::text and c.child_id > $3::text
   group by c.child_id, c.child_part order by c.child_id limit $10::integer`)),
      text: named('query_text', queryText(s, attribute('a.text_value = ($7::text[])[1]'))),
      number: named('query_number', queryText(s, attribute('a.number_value = ($8::float8[])[1]'))),
      time: named('query_time', queryText(s, attribute(`a.time_value = ${instantOf('($9::float8[])[1]')}`))),
    },
    chunks: named('read_chunks', `
select c.seq as seq, c.source as source, c.codec as codec, c.value as value, ${micros('c.written_at')} as at
  from ${s}.chunks c
 where c.run_id = $1::text and c.part = $2::smallint and c.stream = $3::text and c.seq >= $4::bigint
   and c.generation = coalesce($6::integer,
         (select u.generation from ${s}.runs u where u.id = $1::text and u.part = $2::smallint))
 order by c.seq limit $5::integer`),
  };
}

/**
 * $1 workflow, $2 statuses, $3 the id after which it begins, $4 limit; attributes: $5 names, $6 types, $7
 * texts, $8 numbers, $9 instants; $10 rows of the window; $11 queue, $12 version, $13 reason, $14 parent,
 * created $15 from, $16 to; $17 the id of the one that is looked for, if it is one.
 */
function queryText(s: string, rows: string): string {
  return `
with k as materialized (${rows})
select w.seen as seen, w.upto as upto, v.id as id, v.workflow as workflow, v.queue as queue,
       v.version as version, v.generation as generation, v.reason as reason, v.status as status,
       v.created_us as created_us, v.settled_us as settled_us, v.attributes as attributes
  from (select count(*) as seen, max(id) as upto from k) w
  left join lateral (
    select v.*, (
             select json_agg(json_build_array(a.name, a.type, a.text_value, a.number_value,
                                              ${micros('a.time_value')}) order by a.name)::text
               from ${s}.attributes a where a.run_id = v.id and a.part = v.part) as attributes
      from k cross join lateral (
        select v.id, v.part, v.workflow, v.queue, v.version, v.generation, v.reason, v.status, v.parent_id,
               v.created_at, ${micros('v.created_at')} as created_us,
               ${micros('v.settled_at')} as settled_us
          from ${s}.run_status v where v.id = k.id and v.part = k.part offset 0) v
     where ($1::text is null or v.workflow = $1::text) and ($2::text[] is null or v.status = any($2::text[]))
       and ($11::text is null or v.queue = $11::text) and ($12::text is null or v.version = $12::text)
       and ($13::text is null or v.reason = $13::text) and ($14::text is null or v.parent_id = $14::text)
       and ($15::float8 is null or v.created_at >= ${msOf('$15::float8')})
       and ($16::float8 is null or v.created_at < ${msOf('$16::float8')})
       and (select count(*)
              from unnest($5::text[], $6::text[], $7::text[], $8::float8[], $9::float8[])
                   as n(name, type, text_value, number_value, time_us)
             cross join lateral (
               select from ${s}.attributes a
                where a.run_id = v.id and a.part = v.part and a.name = n.name and a.type = n.type
                  and a.text_value is not distinct from n.text_value
                  and a.number_value is not distinct from n.number_value
                  and a.time_value is not distinct from ${instantOf('n.time_us')}
                limit 1) a) = cardinality($5::text[])
     order by v.id limit $4::integer) v on true
 order by v.id`;
}

/** Milliseconds of a caller as an instant. */
const msOf = (value: string): string => `'epoch'::timestamptz + ${value} * interval '1 millisecond'`;

/** The window of a query: by its id, its parent, or its first attribute, if it has one. */
export function windowOf({ id, attributes, status, parent }: RunQuery): Window {
  if (id !== undefined) return 'one';
  if (parent !== undefined) return 'parent';
  const [value] = Object.values(attributes);
  if (typeof value === 'number') return 'number';
  if (value instanceof Date) return 'time';
  if (value !== undefined) return 'text';
  const live = status?.every((each) => ['pending', 'running', 'waiting'].includes(each));
  return live === true ? 'live' : 'all';
}

/** The parameters of one window. */
export function queryValues(
  query: RunQuery, after: string, size: { readonly limit: number; readonly rows: number },
): readonly unknown[] {
  const rows = Object.entries(query.attributes).map(([name, value]) => [name, ...attributeValues(value)]);
  const { queue, version, reason, parent, createdFromMs, createdToMs } = query;
  const values = [query.workflow, query.status, after, size.limit, ...columnLiterals(5, rows), size.rows,
    ...[queue, version, reason, parent, createdFromMs, createdToMs].map((value) => value ?? null)];
  return query.id === undefined ? values : [...values, query.id];
}

/** The parameters of `chunks`. */
export function chunkValues(range: ChunkRange, part: number): readonly unknown[] {
  const { runId, stream, from, limit, generation = null } = range;
  return [runId, part, stream, from, limit, generation];
}
