// The objects without parts that the codec stores: instants, patterns, addresses and bytes, as pieces of
// JSON.
import { viewClasses } from './builtin.js';

const views: ReadonlyMap<string, new (buffer: ArrayBuffer) => object> = new Map(
  viewClasses.map((view) => [view.name, view]),
);
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes behind an ArrayBuffer or a view of one, without a copy. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): Buffer {
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
}

/** Writes an object of class `name`, as `builtinOf` gave it, as JSON. */
export function writeLeaf(name: string, value: object): unknown {
  if (value instanceof URL) return value.href;
  switch (name) {
    case 'Date': {
      const time = Date.prototype.getTime.call(value);
      return Number.isNaN(time) ? null : new Date(time).toISOString();
    }
    case 'RegExp': {
      const { source, flags, lastIndex } = value as RegExp;
      return [source, flags, lastIndex];
    }
    default:
      return bytesOf(value as ArrayBuffer | ArrayBufferView).toString('base64');
  }
}

/** Reads what `writeLeaf` wrote; undefined when `name` is none of its classes. Throws for broken data. */
export function readLeaf(name: string, data: unknown): object | undefined {
  switch (name) {
    case 'Date':
      return readDate(data);
    case 'RegExp':
      return readPattern(data);
    case 'URL':
      return new URL(text(data));
    case 'Buffer':
      return readBytes(data);
    case 'ArrayBuffer':
      return new Uint8Array(readBytes(data)).buffer;
    default: {
      const view = views.get(name);
      return view === undefined ? undefined : new view(new Uint8Array(readBytes(data)).buffer);
    }
  }
}

function text(data: unknown): string {
  if (typeof data !== 'string') throw new TypeError('a text was expected');
  return data;
}

function readDate(data: unknown): Date {
  const date = new Date(data === null ? Number.NaN : text(data));
  if (data !== null && Number.isNaN(date.getTime())) throw new TypeError('an instant was expected');
  return date;
}

function readPattern(data: unknown): RegExp {
  if (!Array.isArray(data) || typeof data[2] !== 'number') throw new TypeError('a pattern was expected');
  const pattern = new RegExp(text(data[0]), text(data[1]));
  pattern.lastIndex = data[2];
  return pattern;
}

function readBytes(data: unknown): Buffer {
  if (!base64.test(text(data))) throw new TypeError('base64 was expected');
  return Buffer.from(text(data), 'base64');
}
