// Names and ids that people choose: what the database stores as a key must be short, whole, and free of NUL.
import { WorkflowError } from './errors.js';

/** Longest id or name, in characters. */
export const longestName = 191;

// A lone half of a surrogate pair has no UTF-8 form: it would be stored as another character.
const unpaired = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** Throws INVALID_NAME unless `name` can be a key: 1 to 191 characters, no NUL, no lone surrogate. */
export function checkName(name: unknown, what: string): asserts name is string {
  const why = wrongWith(name);
  if (why !== null) throw new WorkflowError('INVALID_NAME', `Cannot use ${what}: ${why}.`);
}

/** Whether a text cannot be written in UTF-8 as it is. */
export function hasHalfPair(text: string): boolean {
  return unpaired.test(text);
}

/** Whether `checkName` would let a text pass. */
export function isName(name: unknown): name is string {
  return wrongWith(name) === null;
}

function wrongWith(name: unknown): string | null {
  if (typeof name !== 'string') return `it is of type ${typeof name}; give a text`;
  if (name.length === 0) return 'it is empty; give 1 to 191 characters';
  if (name.length > longestName) return `it has ${name.length} characters; 191 are the limit`;
  if (name.includes('\0')) return 'it contains a NUL character, which no database stores; leave it out';
  if (hasHalfPair(name)) return 'it contains half of a surrogate pair; give whole characters';
  return null;
}
