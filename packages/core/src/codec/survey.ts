// Walks a value that is not plain JSON before anything is written, and says how to write it, or why not to.
//
//   S1. What passes here can be read back as it was. Everything else is refused with its path: dropping a
//       function, or turning an instance of a class into a bare object, would change what the workflow
//       sees.
//   S2. Frozen and sealed objects come back as ordinary ones; views of one ArrayBuffer each with bytes of
//       its own.
import { types } from 'node:util';
import { builtinOf, classNameOf, isError, isOfThisRealm } from './builtin.js';
import { errorKeys } from './error-value.js';
import { maximumDepth } from './plain.js';
import { entryStep, memberStep, placeStep, Refusal } from './refusal.js';
import { said, storableAbove, storableOf, type Storable } from './storable.js';

/**
 * How a value is written: as a tree that stays readable, or as a table of its objects when something is
 * shared, cyclic, deep, of another realm, an instance of a registered class, or has a key that superjson
 * refuses.
 */
export interface Shape {
  readonly form: 'tree' | 'table';
  /** What the instances of registered classes are made of. */
  readonly data: ReadonlyMap<object, unknown>;
  /** Whether errors of registered classes keep their stacks. */
  readonly stacks: boolean;
}

/** An object that turned out not to come back, and why. */
export interface Blame {
  readonly object: object;
  readonly refusal: Refusal;
}

interface Walk {
  readonly seen: Set<object>;
  readonly data: Map<object, unknown>;
  readonly stacks: boolean;
  readonly blame: Blame | undefined;
  readonly maximumBytes: number;
  form: Shape['form'];
  /** How many bytes of ArrayBuffers and their views may still come. */
  bytesLeft: number;
}

/** How deep a tree may be: superjson walks recursively and copies the path at every level. */
export const deepestTree = 64;
const superjsonRefuses: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const plainAdvice = 'Use plain data made from it: objects, arrays, strings, numbers, Date, Map, Set, bytes.';

/**
 * Says how to write `value`, or why it cannot be stored; with `blame`, where in it the blamed object is.
 * Throws only what a Proxy inside the value throws.
 */
export function survey(value: unknown, maximumBytes: number, blame?: Blame): Shape | Refusal {
  const walk: Walk = {
    seen: new Set(), data: new Map(), stacks: true, blame, maximumBytes, form: 'tree',
    bytesLeft: maximumBytes,
  };
  return visit(value, 0, walk) ?? walk;
}

function visit(value: unknown, depth: number, walk: Walk): Refusal | undefined {
  if (typeof value === 'function') return new Refusal('a function', 'Only data can be stored.');
  if (typeof value === 'symbol') return new Refusal('a symbol', 'Use a string instead.');
  if (typeof value !== 'object' || value === null) return undefined;
  if (walk.seen.has(value)) {
    walk.form = 'table';
    return undefined;
  }
  if (value === walk.blame?.object) return walk.blame.refusal;
  if (depth > maximumDepth) {
    return new Refusal(`nested deeper than ${maximumDepth} levels`, 'Store a flatter form, such as a list.');
  }
  walk.seen.add(value);
  // No object takes less than two characters.
  if (walk.seen.size * 2 > walk.maximumBytes) {
    return new Refusal(`more than ${walk.maximumBytes / 2} objects`, '', 'VALUE_TOO_LARGE');
  }
  const storable = storableOf(value);
  if (storable !== undefined) return visitInstance(value, storable, { depth: depth + 1, walk });
  if (depth > deepestTree || !isOfThisRealm(value)) walk.form = 'table';
  return visitObject(value, depth + 1, walk);
}

function visitInstance(
  instance: object, { className, toData }: Storable, at: { depth: number; walk: Walk },
): Refusal | undefined {
  at.walk.form = 'table';
  let data: unknown;
  try {
    data = toData(instance);
  } catch (error) {
    const advice = 'Let it give data for every instance.';
    return new Refusal(`an instance of class ${className} whose toData failed: ${said(error)}`, advice);
  }
  at.walk.data.set(instance, data);
  return visit(data, at.depth, at.walk);
}

function visitObject(value: object, depth: number, walk: Walk): Refusal | undefined {
  switch (builtinOf(value)) {
    case undefined:
      return unknownClass(value);
    case 'Object':
    case 'Bare':
      return visitMembers(value, Reflect.ownKeys(value), { depth, walk });
    case 'Error':
      return visitMembers(value, errorKeys(value), { depth, walk });
    case 'Array':
      return visitArray(value as unknown[], depth, walk);
    case 'Map':
      return extraMember(value) ?? visitMap(value as Map<unknown, unknown>, depth, walk);
    case 'Set':
      return extraMember(value) ?? visitSet(value as Set<unknown>, depth, walk);
    case 'Date':
    case 'URL':
      return extraMember(value);
    case 'RegExp':
      return extraMember(value, 'lastIndex');
    default:
      return visitBytes(value as ArrayBuffer | ArrayBufferView, walk);
  }
}

function visitMembers(
  value: object, keys: ReadonlyArray<string | symbol>, at: { depth: number; walk: Walk },
): Refusal | undefined {
  for (const key of keys) {
    const member = Object.getOwnPropertyDescriptor(value, key);
    if (typeof key === 'symbol') {
      return new Refusal('a member with a symbol as key', 'Use a string as its key.').under(memberStep(key));
    }
    if (member === undefined || !('value' in member)) {
      return new Refusal('an accessor', 'Make it an ordinary member.').under(memberStep(key));
    }
    if (member.enumerable !== true && !isError(value)) {
      return new Refusal('not enumerable', 'Make it an ordinary member or drop it.').under(memberStep(key));
    }
    if (superjsonRefuses.has(key)) at.walk.form = 'table';
    const refusal = visit(member.value, at.depth, at.walk);
    if (refusal !== undefined) return refusal.under(memberStep(key));
  }
  return undefined;
}

function visitArray(array: readonly unknown[], depth: number, walk: Walk): Refusal | undefined {
  for (let index = 0; index < array.length; index += 1) {
    const element = Object.getOwnPropertyDescriptor(array, index);
    if (element === undefined) {
      return new Refusal('a hole in a sparse array', 'Fill it, say with null.').under(memberStep(index));
    }
    if (!('value' in element)) {
      return new Refusal('an accessor', 'Make it an ordinary element.').under(memberStep(index));
    }
    const refusal = visit(element.value, depth, walk);
    if (refusal !== undefined) return refusal.under(memberStep(index));
  }
  const keys = Reflect.ownKeys(array);
  if (keys.length === array.length + 1) return undefined;
  // The indices come first.
  const extra = keys.slice(array.length).find((key) => key !== 'length') ?? 'length';
  return new Refusal('a named member of an array', 'Use a copy without it, such as [...array].')
    .under(memberStep(extra));
}

function visitMap(map: ReadonlyMap<unknown, unknown>, depth: number, walk: Walk): Refusal | undefined {
  let index = 0;
  for (const [key, value] of map) {
    const inKey = visit(key, depth, walk);
    if (inKey !== undefined) return inKey.under(placeStep('keys', index));
    const inValue = visit(value, depth, walk);
    if (inValue !== undefined) return inValue.under(entryStep(key, index));
    index += 1;
  }
  return undefined;
}

function visitSet(set: ReadonlySet<unknown>, depth: number, walk: Walk): Refusal | undefined {
  let index = 0;
  for (const member of set) {
    const refusal = visit(member, depth, walk);
    if (refusal !== undefined) return refusal.under(placeStep('values', index));
    index += 1;
  }
  return undefined;
}

// Members set on a typed array are not looked for: its elements are own keys too, a million for a million
// bytes.
function visitBytes(bytes: ArrayBuffer | ArrayBufferView, walk: Walk): Refusal | undefined {
  const buffer = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes;
  if (types.isSharedArrayBuffer(buffer)) return new Refusal('shared memory', 'Use a copy of its bytes.');
  if ((buffer as { resizable?: boolean }).resizable === true) {
    return new Refusal('a resizable ArrayBuffer', 'Use a copy of its bytes, such as buffer.slice(0).');
  }
  walk.bytesLeft -= bytes.byteLength;
  if (walk.bytesLeft >= 0) return undefined;
  return new Refusal(`${bytes.byteLength} bytes`, '', 'VALUE_TOO_LARGE');
}

function extraMember(value: object, allowed?: string): Refusal | undefined {
  const extra = Reflect.ownKeys(value).find((key) => key !== allowed);
  if (extra === undefined) return undefined;
  return new Refusal(`a member set on an instance of ${classNameOf(value)}`, 'Store it beside the instance.')
    .under(memberStep(extra));
}

function unknownClass(value: object): Refusal {
  if (types.isPromise(value)) return new Refusal('a Promise', 'Await it first: its value can be stored.');
  const above = storableAbove(value);
  const advice = above === undefined ? `${plainAdvice} Or make its class storable: see storable().`
    : `Only ${above.className} itself is storable: register this class as well, under a name of its own.`;
  return new Refusal(`an instance of ${classNameOf(value)}`, advice);
}
