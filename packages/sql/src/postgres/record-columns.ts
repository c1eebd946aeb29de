// Records that are given by value, as parameters, and into the journal: what a generation begins with.
import type { RecordedEntry } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { instantOf } from './sql-time.js';

/** Entries, and the number of the item that they are of. */
export interface Recorded {
  readonly ord: number;
  readonly entries: readonly RecordedEntry[];
}

/** Records as the parameters that `recordRows` reads: twelve of them. */
export function recordColumns(records: readonly Recorded[]): readonly string[] {
  return columnLiterals(12, records.flatMap(({ ord, entries }) => entries.map((entry) => [
    ord, entry.place, entry.position, entry.kind, entry.name, entry.value.codec, entry.value.text,
    entry.error, entry.attempt, entry.tookMs, entry.message, entry.at,
  ])));
}

const types = ['integer', 'text', 'integer', 'text', 'text', 'text', 'text', 'text', 'integer', 'float8',
  'text', 'float8'];

/** The rows of records as a query; `first` is the number of their first parameter. */
export function recordRows(first: number): string {
  const arrays = types.map((type, at) => `$${first + at}::${type}[]`);
  return `
  select * from unnest(${arrays.join(', ')})
    as e(ord, place, position, kind, name, codec, value, error, attempt, took_ms, message, at_us)`;
}

/**
 * A CTE that writes the rows of `e` into the journal, for runs of another CTE: it has the columns ord, id,
 * part and generation.
 */
export function recordInto(s: string, runs: string): string {
  const at = instantOf('e.at_us');
  return `
j as (
  insert into ${s}.journal (part, run_id, generation, place, position, kind, name, codec, value, error,
                            attempt, started_at, ended_at, message)
  select g.part, g.id, g.generation, e.place, e.position, e.kind, e.name, e.codec, e.value, e.error,
         e.attempt, ${at} - e.took_ms * interval '1 millisecond', ${at}, e.message
    from e join ${runs} g on g.ord = e.ord)`;
}
