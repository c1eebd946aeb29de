// Attributes as parameters, and into their table: what starts bring along.
import type { Attributes, AttributeValue } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { instantOf } from './sql-time.js';

/** Type, text, number, and microseconds since 1970: as commits write them. */
export function attributeValues(value: AttributeValue): readonly unknown[] {
  if (typeof value === 'string') return ['text', value, null, null];
  if (typeof value === 'number') return ['number', null, value, null];
  if (typeof value === 'boolean') return ['boolean', String(value), null, null];
  return ['time', null, null, value.getTime() * 1_000];
}

/** What has attributes. */
interface Searchable {
  readonly id: string;
  readonly attributes?: Attributes | undefined;
}

/** The attributes of runs, as the six parameters that `attributesInto` takes. */
export function attributeColumns(runs: readonly Searchable[]): readonly string[] {
  return columnLiterals(6, runs.flatMap(({ id, attributes = {} }) =>
    Object.entries(attributes).map(([name, value]) => [id, name, ...attributeValues(value)])));
}

/** Of which runs, and where their attributes stand. */
export interface AttributesOf {
  /** A CTE with id and part of runs that were just made. */
  readonly runs: string;
  /** The number of the first of the six parameters. */
  readonly first: number;
  /** A CTE with the ids of runs whose other attributes go. */
  readonly stale?: string | undefined;
}

/** CTEs that write the attributes of new runs. */
export function attributesInto(s: string, { runs, first, stale }: AttributesOf): string {
  const at = (offset: number): string => `$${first + offset}`;
  const given = `unnest(${at(0)}::text[], ${at(1)}::text[], ${at(2)}::text[], ${at(3)}::text[],
                   ${at(4)}::float8[], ${at(5)}::float8[])
           as a(run_id, name, type, text_value, number_value, time_us)`;
  const unset = stale === undefined ? '' : `,
unset as (
  delete from ${s}.attributes k using ${stale}
   where k.run_id = any(array(select id from ${stale})) and k.run_id = ${stale}.id
     and (k.run_id, k.name) not in (select a.run_id, a.name from ${given}))`;
  return `
attributed as (
  insert into ${s}.attributes (part, run_id, name, type, text_value, number_value, time_value)
  select ${runs}.part, a.run_id, a.name, a.type, a.text_value, a.number_value, ${instantOf('a.time_us')}
    from ${given} join ${runs} on ${runs}.id = a.run_id
  on conflict (run_id, name) do update set type = excluded.type, text_value = excluded.text_value,
    number_value = excluded.number_value, time_value = excluded.time_value)${unset}`;
}
