// The one place where a name becomes SQL text. Values never do: they are always bound.
import { WorkflowError } from '@perdure/core';

/** Quotes a schema name. Throws INVALID_SCHEMA for what PostgreSQL would cut or refuse. */
export function quoteIdentifier(name: string): string {
  if (name.length === 0 || Buffer.byteLength(name) > 63 || name.includes('\0')) {
    throw new WorkflowError('INVALID_SCHEMA', `'${name}' cannot be the name of a schema: give 1 to 63 ` +
      'bytes without NUL, such as perdure.');
  }
  return `"${name.replaceAll('"', '""')}"`;
}
