// How the values of an application become texts and values again: inputs, results, signals, errors.
//
//   C1. What is read back is what was written, or writing was refused with the path. Nothing is changed
//       silently.
//   C2. JSON alone where JSON alone carries the value (tag `json`), superjson otherwise (tag `superjson`).
//   C3. Every failure is a PayloadError. Nothing read from a text reaches Object.prototype.
//   C4. A text holds no NUL character and no lone surrogate, which databases refuse: JSON escapes both.
import { difference, unlike } from './codec/difference.js';
import { isPlain } from './codec/plain.js';
import { Refusal } from './codec/refusal.js';
import { survey } from './codec/survey.js';
import { readTree, writeTree } from './codec/tree.js';
import { PayloadError } from './errors.js';

export { decodeError, encodeError } from './codec/error-text.js';

/**
 * An encoded value, to be stored as it is: the tag says how to read the text. A `text` of null means
 * undefined.
 */
export interface Encoded {
  readonly codec: 'json' | 'superjson';
  readonly text: string | null;
}

/** How large an encoded value may be. */
export interface EncodeLimits {
  /** Bytes of the text in UTF-8. */
  readonly maximumBytes: number;
}

/** What `encode` holds values to unless told otherwise: 1 MiB. */
export const defaultLimits: EncodeLimits = { maximumBytes: 1_048_576 };

const nothing: Encoded = { codec: 'json', text: null };

/**
 * Encodes a value; `what` names it in errors, such as "the result of step 'charge'". Throws PayloadError:
 * VALUE_NOT_STORABLE when it would not come back as it is, VALUE_TOO_LARGE when it is over the limit.
 */
export function encode(value: unknown, what: string, limits: EncodeLimits = defaultLimits): Encoded {
  if (value === undefined) return nothing;
  let encoded: Encoded;
  try {
    encoded = isPlain(value) ? encodePlain(value) : encodeTree(value, what, limits);
  } catch (error) {
    throw error instanceof PayloadError ? error : unwritable(error, what, limits);
  }
  if (exceedsBytes(encoded, limits.maximumBytes)) {
    throw tooLarge(`is ${size(byteLengthOf(encoded))} when encoded`, '', { what, limits });
  }
  return encoded;
}

/**
 * The value of an encoded one. Throws PayloadError VALUE_UNREADABLE when the text is not one that `encode`
 * wrote.
 */
export function decode(encoded: Encoded): unknown {
  const { codec, text } = encoded;
  if (text === null) return undefined;
  try {
    if (codec === 'json') return JSON.parse(text) as unknown;
    if (codec === 'superjson') return readTree(text);
  } catch (error) {
    throw unreadable(encoded, { cause: error });
  }
  throw unreadable(encoded, {});
}

/** Bytes of an encoded value in UTF-8: for messages and figures. */
export function byteLengthOf(encoded: Encoded): number {
  return encoded.text === null ? 0 : Buffer.byteLength(encoded.text);
}

/** True when an encoded value has more than `bytes` bytes in UTF-8. Costs nothing for values far below. */
export function exceedsBytes({ text }: Encoded, bytes: number): boolean {
  // A UTF-16 unit takes one to three bytes in UTF-8.
  if (text === null || text.length * 3 <= bytes) return false;
  return text.length > bytes || Buffer.byteLength(text) > bytes;
}

function encodePlain(value: unknown): Encoded {
  // The type of JSON.stringify leaves undefined out: a Proxy may look plain and still answer to toJSON.
  const text: unknown = JSON.stringify(value);
  if (typeof text !== 'string') throw new TypeError('a Proxy turned itself into undefined');
  return { codec: 'json', text };
}

function encodeTree(value: unknown, what: string, limits: EncodeLimits): Encoded {
  const shape = survey(value, limits.maximumBytes);
  if (shape instanceof Refusal) throw refused(shape, what, limits);
  const encoded = { codec: 'superjson', text: writeTree(value, shape) } as const;
  // What is too large is refused anyway.
  if (exceedsBytes(encoded, limits.maximumBytes)) return encoded;
  const loss = lossOf(value, encoded.text);
  if (loss !== undefined) throw refused(loss, what, limits);
  return encoded;
}

function lossOf(value: unknown, text: string): Refusal | undefined {
  let copy: unknown;
  try {
    copy = readTree(text);
  } catch {
    return unlike();
  }
  return difference(value, copy);
}

function refused(refusal: Refusal, what: string, limits: EncodeLimits): PayloadError {
  const { path, problem, advice } = refusal;
  const subject = path === '' ? 'it' : path;
  if (refusal.code === 'VALUE_TOO_LARGE') {
    return tooLarge(`holds ${problem}${path === '' ? '' : ` at ${path}`}`, path, { what, limits });
  }
  const message = `${what} cannot be stored: ${subject} is ${problem}. ${advice}`;
  return new PayloadError('VALUE_NOT_STORABLE', message, path);
}

function tooLarge(fact: string, path: string, at: { what: string; limits: EncodeLimits }): PayloadError {
  const message = `${at.what} ${fact}; the limit is ${size(at.limits.maximumBytes)}. Store the data ` +
    'elsewhere (object storage, a table of your own) and pass a reference to it, such as its key.';
  return new PayloadError('VALUE_TOO_LARGE', message, path);
}

function size(bytes: number): string {
  return bytes < 1_048_576 ? `${bytes} bytes` : `${(bytes / 1_048_576).toFixed(1)} MiB (${bytes} bytes)`;
}

// What a Proxy inside the value threw, a text longer than strings can be, or a stack that was nearly used up
// before.
function unwritable(cause: unknown, what: string, limits: EncodeLimits): PayloadError {
  if (cause instanceof RangeError && cause.message === 'Invalid string length') {
    return tooLarge('is longer than any string when encoded', '', { what, limits });
  }
  const message = `${what} cannot be stored: walking through it failed (see the cause). Use plain data: ` +
    'objects, arrays, strings, numbers, Date, Map, Set, bytes.';
  return new PayloadError('VALUE_NOT_STORABLE', message, '', { cause });
}

function unreadable({ codec, text }: Encoded, options: { cause?: unknown }): PayloadError {
  const message = `A stored value of ${text?.length ?? 0} characters cannot be read as '${String(codec)}'. ` +
    'It was written by a newer version of perdure, or changed by something else.';
  return new PayloadError('VALUE_UNREADABLE', message, '', options);
}
