// Decides whether JSON alone carries a value without loss: the fast path of the codec, run for every value.
//
//   P1. True means that JSON.parse(JSON.stringify(value)) is the same value, also in what is shared with
//       what.
//   P2. No accessor of an object runs: members are read from their descriptors.
//   P3. It ends for every value, cyclic or exponentially shared: no object is walked twice.

/** Values nested deeper than this are refused: what walks a value recursively must not exhaust the stack. */
export const maximumDepth = 1_000;

// Most values hold few objects, and searching a short list is cheaper than the hash a Set gives each object.
const shortList = 16;

// No private fields: this is made for every value, and on Node 20 they cost more than the rest of it.
interface Seen {
  readonly few: object[];
  many: Set<object> | undefined;
}

function isNew(object: object, seen: Seen): boolean {
  if (seen.many !== undefined) {
    const before = seen.many.size;
    return seen.many.add(object).size > before;
  }
  if (seen.few.includes(object)) return false;
  if (seen.few.push(object) > shortList) seen.many = new Set(seen.few);
  return true;
}

/** True when JSON alone carries `value` (P1). Throws only what a Proxy inside the value throws. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isPlainLeaf(value);
  return isPlainObject(value, 0, { few: [], many: undefined });
}

function isPlainLeaf(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0);
    default:
      return value === null;
  }
}

function isPlainObject(object: object, depth: number, seen: Seen): boolean {
  if (depth > maximumDepth || !isNew(object, seen)) return false;
  if (Array.isArray(object)) return isPlainArray(object, depth, seen);
  if (Object.getPrototypeOf(object) !== Object.prototype) return false;
  let count = 0;
  for (const key in object) {
    // An accessor has no `value`, and what is inherited has no descriptor: both give undefined, not plain.
    const value: unknown = Object.getOwnPropertyDescriptor(object, key)?.value;
    if (typeof value === 'object' && value !== null) {
      if (!isPlainObject(value, depth + 1, seen)) return false;
    } else if (!isPlainLeaf(value)) return false;
    if (key === '__proto__') return false;
    count += 1;
  }
  return Object.getOwnPropertyNames(object).length === count
    && Object.getOwnPropertySymbols(object).length === 0;
}

function isPlainArray(array: readonly unknown[], depth: number, seen: Seen): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype) return false;
  // Elements are read, not inspected: descriptors would cost a list of numbers ten times its text.
  for (let index = 0; index < array.length; index += 1) {
    const value = array[index];
    if (typeof value === 'object' && value !== null) {
      if (!isPlainObject(value, depth + 1, seen)) return false;
    } else if (!isPlainLeaf(value)) return false;
  }
  // A hole reads as undefined, not plain. The result of a RegExp match has named members, which JSON drops.
  return Object.keys(array).length === array.length && Object.getOwnPropertySymbols(array).length === 0;
}
