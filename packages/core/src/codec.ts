// How the values of an application become texts and values again: inputs, results, signals, errors.
//
//   C1. What is read back is what was written, or writing was refused with the path. Nothing is changed
//       silently.
//   C2. JSON alone where JSON alone carries the value (tag `json`), superjson otherwise (tag `superjson`);
//       before both, the serializers of the application, each with its own tag.
//   C3. Every failure is a PayloadError. Nothing read from a text reaches Object.prototype.
//   C4. A text holds no NUL character and no lone surrogate, which databases refuse: JSON escapes both.
import { difference, unlike } from './codec/difference.js';
import { isPlain } from './codec/plain.js';
import { Refusal } from './codec/refusal.js';
import { serializerOf, writeByOwn, type Written } from './codec/serializer.js';
import { InstanceError, said } from './codec/storable.js';
import { survey, type Shape } from './codec/survey.js';
import { Table, writeTable } from './codec/table.js';
import { readTree, writeTree } from './codec/tree.js';
import { PayloadError } from './errors.js';

export { decodeError, encodeError, readError } from './codec/error-text.js';

/**
 * An encoded value, to be stored as it is: the tag says how to read the text ('json', 'superjson', 'sealed',
 * or that of a serializer). A `text` of null means undefined.
 */
export interface Encoded {
  readonly codec: string;
  readonly text: string | null;
  /** Why what is sealed was not opened, if it was tried. Never stored. */
  readonly unopened?: Error | undefined;
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
    const written = writeByOwn(value);
    if (written !== undefined) encoded = checkOwn(value, written, { what, limits });
    else encoded = isPlain(value) ? encodePlain(value) : encodeTree(value, what, limits);
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
    const serializer = serializerOf(codec);
    if (serializer !== undefined) return serializer.read(text);
  } catch (error) {
    throw unreadable(encoded, { cause: error });
  }
  throw unreadable(encoded, { cause: encoded.unopened });
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
  const encoded = { codec: 'superjson', text: writeTree(value, shape) };
  // What is too large is refused anyway.
  if (exceedsBytes(encoded, limits.maximumBytes)) return encoded;
  const loss = lossOf(value, encoded.text, shape);
  if (loss !== undefined) throw refused(loss, what, limits);
  return encoded;
}

/** What differs when the text is read back. Throws what the functions of a registered class throw. */
function lossOf(value: unknown, text: string, shape: Shape): Refusal | undefined {
  let copy: unknown;
  try {
    copy = readTree(text);
  } catch (error) {
    return error instanceof InstanceError ? refusedInstance(value, shape, error) : unlike();
  }
  return difference(value, copy);
}

// The rows of a table are its objects in order: the one at fault is looked for again, for the sake of its
// path.
function refusedInstance(value: unknown, shape: Shape, fault: InstanceError): Refusal {
  const table = new Table(value as object, shape);
  writeTable(table);
  const refusal = new Refusal(fault.problem, fault.advice);
  const object = table.objects[fault.place];
  const found = object === undefined ? refusal : survey(value, Infinity, { object, refusal });
  return found instanceof Refusal ? found : refusal;
}

function checkOwn(value: unknown, { serializer, text }: Written, at: At): Encoded {
  const encoded = { codec: serializer.codec, text };
  if (exceedsBytes(encoded, at.limits.maximumBytes)) return encoded;
  const loss = difference(value, serializer.read(text));
  if (loss === undefined) return encoded;
  const subject = loss.path === '' ? 'it' : loss.path;
  const message = `${at.what} cannot be stored: ${subject} is not the same after serializer ` +
    `'${serializer.codec}' wrote and read it. Let its write return undefined for what it cannot carry.`;
  throw new PayloadError('VALUE_NOT_STORABLE', message, loss.path);
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

interface At {
  readonly what: string;
  readonly limits: EncodeLimits;
}

function tooLarge(fact: string, path: string, at: At): PayloadError {
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
  const message = `${what} cannot be stored: walking through it failed: ${said(cause)}. Use plain data: ` +
    'objects, arrays, strings, numbers, Date, Map, Set, bytes.';
  return new PayloadError('VALUE_NOT_STORABLE', message, '', { cause });
}

function unreadable({ codec, text }: Encoded, { cause }: { cause?: unknown }): PayloadError {
  const message = `A stored value of ${text?.length ?? 0} characters cannot be read as '${String(codec)}'` +
    whyUnreadable(codec, cause);
  return new PayloadError('VALUE_UNREADABLE', message, '', { cause });
}

function whyUnreadable(codec: string, cause: unknown): string {
  if (cause instanceof InstanceError) return `: it holds ${cause.message}`;
  if (codec === 'sealed') {
    return cause === undefined ? '. Connect with the `values` that it was sealed by.'
      : `: it could not be opened. ${said(cause)}`;
  }
  if (codec !== 'json' && codec !== 'superjson' && serializerOf(codec) === undefined) {
    return '. Its serializer is not in use here (useSerializer), or it was written by a newer perdure.';
  }
  return '. It was written by a newer version of perdure, or changed by something else.';
}
