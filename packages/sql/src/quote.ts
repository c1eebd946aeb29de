// The one place where a name becomes SQL text. Values never do: they are always bound.
//
//   Q1. A name that PostgreSQL would cut is refused, since two names could then be one; so are NUL and halves
//       of surrogate pairs, which no text there has.
//   Q2. What is derived from the name of a schema is kept as short: see `channelOf`.
import { WorkflowError } from '@perdure/core';
import { hash32, hasHalfPair } from '@perdure/core/engine';

/** Bytes of a name in PostgreSQL, as it is built everywhere. */
const longestIdentifier = 63;

/** Quotes the name of a schema, a channel, a role. Throws INVALID_SCHEMA for what would be cut or refused. */
export function quoteIdentifier(name: string): string {
  if (isIdentifier(name)) return `"${name.replaceAll('"', '""')}"`;
  throw new WorkflowError('INVALID_SCHEMA', `${shown(name)} cannot be the name of a schema: give 1 to ` +
    `${longestIdentifier} bytes of whole characters without NUL, such as perdure.`);
}

/** A name as text that scripts hold, where nothing can be bound; whatever standard_conforming_strings is. */
export function quoteLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/**
 * The channel on which the processes of a schema hint to each other. LISTEN would cut a longer name, and
 * pg_notify refuse it. Two schemas that share a channel cost each other a look now and then.
 */
export function channelOf(schema: string): string {
  const channel = `perdure:${schema}`;
  return isIdentifier(channel) ? channel : `perdure#${hash32(schema).toString(36)}`;
}

// Takes `unknown` because callers without types exist.
function isIdentifier(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && Buffer.byteLength(name) <= longestIdentifier
    && !name.includes('\0') && !hasHalfPair(name);
}

function shown(name: unknown): string {
  return typeof name === 'string' ? `'${name.slice(0, 100)}'` : `What is of type ${typeof name}`;
}
