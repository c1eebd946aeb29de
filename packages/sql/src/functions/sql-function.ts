// A function of the engine in the database: its text, and what it raises.
//
//   F1. Names of a schema are in the text as identifiers, quoted, and never between the quotes of a text.
//   F2. Nothing depends on the caller's session: search_path is set for the call, and what is stored is made
//       without anything that other settings change.
//   F3. What a function refuses it raises: the message has the facts and what to do, DETAIL the code of
//       docs/errors.md, and the SQLSTATE is of class PD, which PostgreSQL has no use for.
import { invariant } from '@perdure/core/engine';
import type { Statement } from '../postgres/statement.js';

/** SQLSTATEs of what functions raise. They are a promise, as the codes are. */
const sqlStates = {
  INVALID_NAME: 'PD001',
  INVALID_OPTION: 'PD002',
  INVALID_DURATION: 'PD003',
  INVALID_TIME: 'PD004',
  INVALID_ATTRIBUTE: 'PD005',
  VALUE_NOT_STORABLE: 'PD006',
  VALUE_TOO_LARGE: 'PD007',
  RUN_ID_TAKEN: 'PD008',
  RUN_EXISTS: 'PD009',
  START_BLOCKED: 'PD010',
  RUN_NOT_FOUND: 'PD011',
  RUN_SETTLED: 'PD012',
} as const;

/** A statement of PL/pgSQL that refuses; `message` is an expression. */
export function raise(code: keyof typeof sqlStates, message: string): string {
  return `raise exception using errcode = '${sqlStates[code]}', detail = '${code}',
      message = ${message};`;
}

/** What a function is made of. */
export interface SqlFunction {
  /** Name and arguments, and what it returns. */
  readonly signature: string;
  /** PL/pgSQL, from DECLARE to END. */
  readonly body: string;
  /**
   * What everybody may call and works on its arguments alone; or what writes with the rights of whoever
   * installed the schema.
   */
  readonly does: 'compute' | 'draw' | 'write';
}

const kinds: Readonly<Record<SqlFunction['does'], string>> = {
  compute: 'immutable parallel safe set search_path = pg_catalog, pg_temp',
  draw: 'volatile parallel safe set search_path = pg_catalog, pg_temp',
  write: 'volatile security definer set search_path = pg_catalog, pg_temp',
};

/** The text that creates a function; `s` is the quoted schema. */
export function createFunction(s: string, { signature, body, does }: SqlFunction): string {
  return `
create or replace function ${s}.${signature}
language plpgsql ${kinds[does]} as ${dollarQuoted(`
#variable_conflict use_column
${body.trim()}
`)};
`;
}

// A name of a schema may hold any characters, also those that end a quoted text.
function dollarQuoted(text: string): string {
  let tag = '$perdure$';
  for (let number = 1; text.includes(tag); number++) tag = `$perdure${number}$`;
  return `${tag}${text}${tag}`;
}

const schemaMark = '@schema@';

/** A statement of the engine inside of a function: `values` stand where it has parameters. */
export function inFunction(
  s: string, statement: (schema: string) => Statement, values: readonly string[],
): string {
  const { text } = statement(schemaMark);
  // At one pass: a name of a schema may hold what looks like a parameter, or the mark.
  return text.trim().replaceAll(/\$(\d+)|@schema@/g, (_, number: string | undefined) => {
    if (number === undefined) return s;
    const value = values[Number(number) - 1];
    invariant(value !== undefined, `nothing is given for $${number} of ${text}`);
    return value;
  });
}
