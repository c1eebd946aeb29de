// A hot statement: constant text under a constant name, so that the server parses and plans it once a
// session.
import { hash32 } from '@perdure/core/engine';

/** Text with `$1 … $n`, and the name it is prepared under. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

// Built-in functions that take any type: one of the same name that takes the very type is taken before them.
const anyType = new RegExp(String.raw`"(?:[^"]|"")*"|(?<![\w.$])(?:(?:array_agg|cardinality|count|format|` +
  String.raw`generate_subscripts|json_agg|json_build_array|max|min|num_nonnulls)\(|` +
  String.raw`unnest\(\$\d+::\w+\[\]\))`, 'g');

/**
 * The same text, in which these functions are those of PostgreSQL, also where a schema in which others may
 * write is in the search_path: on a caller's connection, and where no setting can be made.
 */
export function builtIn(text: string): string {
  return text.replace(anyType, (found) => (found.startsWith('"') ? found : `pg_catalog.${found}`));
}

/**
 * Names a text. The name carries the text's hash: on a caller's connection the statements of two schemas,
 * or of two versions of this package, may meet.
 */
export function named(what: string, given: string): Statement {
  const text = builtIn(given);
  return { name: `perdure_${what}_${hash32(text).toString(36)}`, text };
}
