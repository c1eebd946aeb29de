// Headers of a run: what is carried along from its start and never looked at, such as the context of a trace.
import { WorkflowError } from './errors.js';
import { hasHalfPair } from './names.js';

/** Most headers of a run. */
export const mostHeaders = 64;
/** Bytes of them all as JSON. */
export const mostBytes = 8_192;

/** Headers as they are stored. Throws INVALID_OPTION for what is no small object of texts. */
export function headersOf(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const why = wrongWith(given);
  if (why === null) return { ...given };
  throw new WorkflowError('INVALID_OPTION', `headers ${why}. Give texts by name: at most ${mostHeaders}, ` +
    `of ${mostBytes} bytes together as JSON.`);
}

// Takes `unknown` because callers without types exist.
function wrongWith(given: unknown): string | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'is no object';
  const headers = Object.entries(given as Record<string, unknown>);
  if (headers.length > mostHeaders) return `has ${headers.length} members`;
  for (const [name, value] of headers) {
    if (typeof value !== 'string') return `'${name}' is of type ${typeof value}`;
    for (const text of [name, value]) {
      if (text.includes('\0')) return `'${name}' contains a NUL character`;
      if (hasHalfPair(text)) return `'${name}' contains half of a surrogate pair`;
    }
  }
  const bytes = Buffer.byteLength(JSON.stringify(given));
  return bytes <= mostBytes ? null : `has ${bytes} bytes as JSON`;
}
