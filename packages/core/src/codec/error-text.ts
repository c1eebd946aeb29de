// What was thrown, as a text that fits a column, and an Error again. Separate from values: an error must be
// recorded whatever it is, so here a part that cannot be stored is left out instead of refused.
//
//   W1. Writing never throws: getters, proxies, cycles and huge texts are expected.
//   W2. A text has at most 16 KiB; messages and stacks are cut, and causes end at depth 5.
//   W3. Kept are the class name, message, stack, cause, the errors of an AggregateError, and own members
//       that are plain JSON. Built-in classes come back as themselves, other classes as the nearest of them
//       with their name.
//   W4. Reading never throws either: a broken text gives the PayloadError that says so.
import { types } from 'node:util';
import { PayloadError } from '../errors.js';
import { errorClassOf, newError, setErrorMember } from './error-value.js';
import { isPlain } from './plain.js';

const maximumBytes = 16_384;
const deepestCause = 5;
const mostErrors = 10;
// An error in less room than this would say nothing.
const leastShare = 64;
const mostFields = 32;
const apart: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);

/** An error as it is written, or a value that stands where an error was expected. */
interface Written {
  class?: string;
  name?: string;
  message?: string;
  stack?: string;
  fields?: Record<string, unknown>;
  cause?: Written;
  errors?: Written[];
  value?: unknown;
}

interface Place {
  /** How many characters may be used, roughly: quotes and escapes are not counted. */
  readonly share: number;
  /** The errors around this one. */
  readonly around: readonly unknown[];
}

/** Writes whatever was thrown as a text of at most 16 KiB for `decodeError`. Never throws. */
export function encodeError(error: unknown): string {
  // Escapes make a text longer than its characters, so it is measured and written again with less.
  for (let share = maximumBytes; share >= 128; share /= 2) {
    const text = attempt(() => JSON.stringify(writeThrown(error, { share, around: [] })));
    if (text !== undefined && Buffer.byteLength(text) <= maximumBytes) return text;
  }
  return '{"message":"What was thrown cannot be described."}';
}

/**
 * The Error of a text that `encodeError` wrote. A broken text gives a PayloadError VALUE_UNREADABLE instead.
 */
export function decodeError(text: string): Error {
  try {
    return readError(JSON.parse(text), 0);
  } catch (cause) {
    const message = `A stored error of ${String(text).length} characters cannot be read. It was written by ` +
      'a newer version of perdure, or changed by something else.';
    return new PayloadError('VALUE_UNREADABLE', message, '', { cause });
  }
}

function writeThrown(thrown: unknown, place: Place): Written {
  if (isLikeError(thrown)) return writeError(thrown, place);
  const message = typeof thrown === 'string' ? thrown : `${describe(thrown)} was thrown: it is no Error`;
  const written: Written = { message: cut(message, place.share / 2) };
  const isData = typeof thrown === 'object' && thrown !== null && isSmall(thrown, place);
  if (isData) written.cause = { value: thrown };
  return written;
}

function isLikeError(thrown: unknown): thrown is object {
  if (typeof thrown !== 'object' || thrown === null) return false;
  return types.isNativeError(thrown) || typeof read(thrown, 'message') === 'string';
}

function writeError(error: object, place: Place): Written {
  const className = attempt(() => errorClassOf(error)) ?? 'Error';
  const whole = read(error, 'message');
  const message = typeof whole === 'string' ? cut(whole, place.share / 4) : '';
  const written: Written = { message };
  if (className !== 'Error') written.class = className;
  const name = nameOf(error, className);
  if (name !== className) written.name = cut(name, 200);
  const stack = read(error, 'stack');
  if (typeof stack === 'string') {
    // A stack begins with the message: it is the frames that are worth their place.
    const isCut = typeof whole === 'string' && whole !== message;
    written.stack = cut(isCut ? stack.replace(whole, () => message) : stack, place.share / 2);
  }
  const fields = writeFields(error, place);
  if (Object.keys(fields).length > 0) written.fields = fields;
  return writeInner(error, written, { share: place.share / 2, around: [...place.around, error] });
}

function writeInner(error: object, written: Written, place: Place): Written {
  const cause = read(error, 'cause');
  if (cause !== undefined && isWorth(cause, place)) written.cause = writePart(cause, place);
  const errors = read(error, 'errors');
  if (written.class !== 'AggregateError' || !Array.isArray(errors)) return written;
  const kept = errors.slice(0, mostErrors).filter((one) => isWorth(one, place));
  const share = place.share / Math.max(1, kept.length);
  written.errors = kept.map((one: unknown) => writePart(one, { ...place, share }));
  if (errors.length > mostErrors) written.errors.push({ message: `and ${errors.length - mostErrors} more` });
  return written;
}

function isWorth(inner: unknown, place: Place): boolean {
  if (place.around.length > deepestCause || place.share < leastShare) return false;
  return !place.around.includes(inner);
}

function writePart(inner: unknown, place: Place): Written {
  return !isLikeError(inner) && isSmall(inner, place) ? { value: inner } : writeThrown(inner, place);
}

function writeFields(error: object, place: Place): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const keys = attempt(() => Object.keys(error)) ?? [];
  for (const key of keys.filter((one) => one !== '__proto__' && !apart.has(one)).slice(0, mostFields)) {
    const value: unknown = attempt(() => Object.getOwnPropertyDescriptor(error, key)?.value);
    if (value !== undefined && key.length <= 200 && isSmall(value, place)) fields[key] = value;
  }
  // Some classes give their code as an accessor. DOMException has a number there, which nobody wants.
  const code = read(error, 'code');
  if (typeof code === 'string' && code.length <= 200) fields['code'] = code;
  return JSON.stringify(fields).length <= place.share / 4 ? fields : {};
}

function nameOf(error: object, className: string): string {
  const name = read(error, 'name');
  if (typeof name === 'string' && name !== '' && name !== className) return name;
  const constructor = read(error, 'constructor');
  const given = typeof constructor === 'function' ? read(constructor, 'name') : undefined;
  return types.isNativeError(error) && typeof given === 'string' && given !== '' ? given : className;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') return 'An object';
  return typeof value === 'function' ? 'A function' : `The ${typeof value} ${String(value)}`;
}

function isSmall(value: unknown, place: Place): boolean {
  return attempt(() => isPlain(value) && JSON.stringify(value).length <= place.share / 8) === true;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}… (cut: it has ${text.length} characters)`;
}

function read(object: object, key: string): unknown {
  return attempt(() => (object as Record<string, unknown>)[key]);
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function readError(data: unknown, depth: number): Error {
  const { class: className = 'Error', name, message, stack, fields, cause, errors } = data as Written;
  if (typeof message !== 'string' || depth > deepestCause + 1) throw new TypeError('an error was expected');
  const error = newError(className);
  setErrorMember(error, 'message', message);
  if (stack !== undefined) setErrorMember(error, 'stack', String(stack));
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (!apart.has(key)) setErrorMember(error, key, value);
  }
  if (name !== undefined) {
    Object.defineProperty(error, 'name', { value: String(name), writable: true, configurable: true });
  }
  if (cause !== undefined) setErrorMember(error, 'cause', readPart(cause, depth + 1));
  if (errors !== undefined) setErrorMember(error, 'errors', errors.map((one) => readPart(one, depth + 1)));
  return error;
}

function readPart(data: unknown, depth: number): unknown {
  const isValue = typeof data === 'object' && data !== null && Object.hasOwn(data, 'value');
  return isValue ? (data as Written).value : readError(data, depth);
}
