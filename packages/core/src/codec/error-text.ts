// What was thrown, as a text that fits a column, and an Error again. Separate from values: an error must be
// recorded whatever it is, so here a part that cannot be stored is left out instead of refused.
//
//   W1. Writing never throws: getters, proxies, cycles and huge texts are expected.
//   W2. A text has at most 16 KiB; messages and stacks are cut, and causes end at depth 5.
//   W3. Kept are the class name, message, stack, cause, the errors of an AggregateError, and own members
//       that can be stored and are small. Built-in and registered classes come back as themselves, other
//       classes as the nearest built-in one with their name.
//   W4. For those who wait for a run reading never throws either: a broken text gives the PayloadError that
//       says so, and an instance of a class that is not registered here the nearest built-in one.
import { types } from 'node:util';
import { PayloadError } from '../errors.js';
import { difference } from './difference.js';
import { errorClassOf, newError, setErrorMember } from './error-value.js';
import { isPlain } from './plain.js';
import { Refusal } from './refusal.js';
import { InstanceError, storableOf } from './storable.js';
import { survey } from './survey.js';
import { readTree, writeTree } from './tree.js';

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
  /** Members that are no plain JSON, as an object that superjson wrote. */
  more?: object;
  /** An instance of a registered class, as superjson wrote it; the rest is for other readers. */
  instance?: object;
  cause?: Written;
  errors?: Written[];
  value?: unknown;
  /** A value that is no plain JSON, as superjson wrote it. */
  rich?: object;
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
    return readWritten(JSON.parse(text), { depth: 0, lenient: true });
  } catch (cause) {
    return unreadable(text, cause);
  }
}

/**
 * The same for the code of a workflow, which must not take another error for its own: throws PayloadError
 * VALUE_UNREADABLE, also for an instance of a class that is not registered in this process.
 */
export function readError(text: string): Error {
  try {
    return readWritten(JSON.parse(text), { depth: 0, lenient: false });
  } catch (cause) {
    throw unreadable(text, cause);
  }
}

function unreadable(text: string, cause: unknown): PayloadError {
  const why = cause instanceof InstanceError ? `: it is ${cause.message}`
    : '. It was written by a newer version of perdure, or changed by something else.';
  const message = `A stored error of ${String(text).length} characters cannot be read${why}`;
  return new PayloadError('VALUE_UNREADABLE', message, '', { cause });
}

function writeThrown(thrown: unknown, place: Place): Written {
  if (isLikeError(thrown)) return writeError(thrown, place);
  const message = typeof thrown === 'string' ? thrown : `${describe(thrown)} was thrown: it is no Error`;
  const written: Written = { message: cut(message, place.share / 2) };
  const data = typeof thrown === 'object' && thrown !== null ? writeData(thrown, place) : undefined;
  if (data !== undefined) written.cause = data;
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
  const isOurs = types.isNativeError(error) && attempt(() => storableOf(error)) !== undefined;
  const instance = isOurs ? writeRich(error, place.share / 4) : undefined;
  if (instance !== undefined) written.instance = instance;
  else writeFields(error, written, place);
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
  const data = isLikeError(inner) ? undefined : writeData(inner, place);
  return data ?? writeThrown(inner, place);
}

function writeData(data: unknown, place: Place): Written | undefined {
  if (isSmall(data, place)) return { value: data };
  const rich = writeRich(data, place.share / 8);
  return rich === undefined ? undefined : { rich };
}

// What is no plain JSON but can be stored, as JSON inside the text.
function writeRich(value: unknown, room: number): object | undefined {
  return attempt(() => {
    const shape = survey(value, room);
    if (shape instanceof Refusal) return undefined;
    const text = writeTree(value, { ...shape, stacks: false });
    const isKept = text.length <= room && difference(value, readTree(text)) === undefined;
    return isKept ? JSON.parse(text) as object : undefined;
  });
}

function writeFields(error: object, written: Written, place: Place): void {
  const fields: Record<string, unknown> = {};
  const others: Record<string, unknown> = {};
  const keys = attempt(() => Object.keys(error)) ?? [];
  for (const key of keys.filter((one) => one !== '__proto__' && !apart.has(one)).slice(0, mostFields)) {
    const value: unknown = attempt(() => Object.getOwnPropertyDescriptor(error, key)?.value);
    if (value === undefined || key.length > 200) continue;
    if (isSmall(value, place)) fields[key] = value;
    else if (writeRich(value, place.share / 8) !== undefined) others[key] = value;
  }
  // Some classes give their code as an accessor. DOMException has a number there, which nobody wants.
  const code = read(error, 'code');
  if (typeof code === 'string' && code.length <= 200) fields['code'] = code;
  const isSmallEnough = JSON.stringify(fields).length <= place.share / 4;
  if (isSmallEnough && Object.keys(fields).length > 0) written.fields = fields;
  const more = Object.keys(others).length > 0 ? writeRich(others, place.share / 4) : undefined;
  if (more !== undefined) written.more = more;
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

interface Reading {
  readonly depth: number;
  /** Whether instances of classes that are not registered here are read as built-in errors. */
  readonly lenient: boolean;
}

function readWritten(data: unknown, reading: Reading): Error {
  const { class: className = 'Error', name, message, stack, cause, errors } = data as Written;
  if (typeof message !== 'string' || reading.depth > deepestCause + 1) {
    throw new TypeError('an error was expected');
  }
  const inner = { ...reading, depth: reading.depth + 1 };
  const ours = readInstance(data as Written, reading);
  const error = ours ?? newError(className);
  if (ours === undefined) readOwn(error, data as Written, reading);
  if (stack !== undefined) setErrorMember(error, 'stack', String(stack));
  if (ours === undefined && name !== undefined) {
    Object.defineProperty(error, 'name', { value: String(name), writable: true, configurable: true });
  }
  if (cause !== undefined && !Object.hasOwn(error, 'cause')) {
    setErrorMember(error, 'cause', readPart(cause, inner));
  }
  if (errors !== undefined) setErrorMember(error, 'errors', errors.map((one) => readPart(one, inner)));
  return error;
}

function readRich(rich: object, { lenient }: Reading): unknown {
  try {
    return readTree(JSON.stringify(rich));
  } catch (error) {
    if (lenient && error instanceof InstanceError) return undefined;
    throw error;
  }
}

function readInstance({ instance }: Written, reading: Reading): Error | undefined {
  const error = instance === undefined ? undefined : readRich(instance, reading);
  if (error === undefined || types.isNativeError(error)) return error;
  throw new TypeError('an instance of an error was expected');
}

function readOwn(error: Error, { message, fields, more }: Written, reading: Reading): void {
  setErrorMember(error, 'message', message);
  const others = more === undefined ? undefined : readRich(more, reading);
  for (const [key, value] of [...Object.entries(fields ?? {}), ...Object.entries(others ?? {})]) {
    if (!apart.has(key)) setErrorMember(error, key, value);
  }
}

function readPart(data: unknown, reading: Reading): unknown {
  if (typeof data === 'object' && data !== null) {
    if (Object.hasOwn(data, 'value')) return (data as Written).value;
    if (Object.hasOwn(data, 'rich')) return readRich((data as Written).rich ?? {}, reading);
  }
  return readWritten(data, reading);
}
