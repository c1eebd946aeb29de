// Which of the classes that the codec knows an object belongs to.
//
//   T1. Only the classes of the language and of Node themselves: a subclass of theirs is a class that the
//       codec does not know.
//   T2. Objects of another realm count as well (a test runner may run code in a vm context of its own);
//       what is read back is always of this realm.
import { types } from 'node:util';

/** A class of objects that show the bytes of an ArrayBuffer. */
export interface ViewClass {
  readonly name: string;
  readonly prototype: object;
  new (buffer: ArrayBuffer): object;
}

// Newer versions of Node have it.
const { Float16Array } = globalThis as { Float16Array?: ViewClass };

/** The typed arrays and DataView. */
export const viewClasses: readonly ViewClass[] = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
  Float64Array, BigInt64Array, BigUint64Array, DataView, ...Float16Array === undefined ? [] : [Float16Array],
];

// The internal slots behind a prototype: an object may have the prototype of a Map without being one.
const brands: ReadonlyMap<string, (value: object) => boolean> = new Map<string, (value: object) => boolean>([
  ['Object', () => true],
  ['Array', Array.isArray],
  ['Map', types.isMap],
  ['Set', types.isSet],
  ['Date', types.isDate],
  ['RegExp', types.isRegExp],
  ['URL', (value) => value instanceof URL],
  ['Buffer', types.isUint8Array],
  ['ArrayBuffer', types.isArrayBuffer],
  ...viewClasses.map((view) => [view.name, ArrayBuffer.isView] as const),
]);

const home: ReadonlyMap<object, string> = new Map<object, string>([
  [Object.prototype, 'Object'], [Array.prototype, 'Array'], [Map.prototype, 'Map'], [Set.prototype, 'Set'],
  [Date.prototype, 'Date'], [RegExp.prototype, 'RegExp'], [URL.prototype, 'URL'],
  [Buffer.prototype, 'Buffer'], [ArrayBuffer.prototype, 'ArrayBuffer'],
  ...viewClasses.map((view) => [view.prototype, view.name] as const),
]);

const nativeErrors: ReadonlySet<unknown> = new Set([
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError,
  DOMException,
]);

/**
 * Name of the class of `value` as the codec knows it: 'Object', 'Bare' (no prototype), 'Error' (of any
 * class), 'Array', 'Map', 'Date', 'Uint8Array' and so on; undefined when the codec does not know it.
 */
export function builtinOf(value: object): string | undefined {
  if (isError(value)) return 'Error';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null) return prototype === null ? 'Bare' : undefined;
  const name = home.get(prototype) ?? foreignName(prototype);
  return name !== undefined && brands.get(name)?.(value) === true ? name : undefined;
}

/** True for errors of all classes and realms, with DOMException, which only newer versions of Node count. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof DOMException;
}

/** True for the prototype of a class that the codec stores without being told how. */
export function isCodecClass(prototype: object): boolean {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return home.has(prototype) || nativeErrors.has(constructor);
}

/** True when `value` belongs to this realm or has no prototype (T2). */
export function isOfThisRealm(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || value instanceof Error || home.has(prototype as object);
}

function foreignName(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor !== 'function' || !brands.has(constructor.name)) return undefined;
  const source = Function.prototype.toString.call(constructor);
  return source === `function ${constructor.name}() { [native code] }` ? constructor.name : undefined;
}

/** The class of anything, for a message: "class Order". Never throws. */
export function classNameOf(value: object): string {
  try {
    const name: unknown = (value.constructor as unknown as { name: unknown }).name;
    return typeof name === 'string' && name !== '' ? `class ${name.slice(0, 80)}` : 'a class without a name';
  } catch {
    return 'a class without a name';
  }
}
