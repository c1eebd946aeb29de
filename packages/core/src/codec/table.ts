// Writes a value as a table of its objects, which refer to each other by place: for values with shared or
// cyclic references, and whatever else superjson's tree cannot carry.
//
//   G1. The first row is the value. A row is [class, ...slots]: keys and values of an object, a Map or an
//       Error (after the name of its class), members of an Array or a Set, one piece of JSON for a leaf,
//       data of an Instance (after the name of its registered class, before its stack if it is an error).
//   G2. A slot is a string, number, boolean or null for itself, [place] for the object of that row, or
//       [kind, text] for another primitive.
//   G3. Neither way recurses: depth costs no stack.
//   G4. An instance is made when its data are complete. It may not be part of them.
import { builtinOf, isError } from './builtin.js';
import { errorClassOf, errorMembers, newError, setErrorMember, stackOf } from './error-value.js';
import { readLeaf, writeLeaf } from './leaf.js';
import { groupRows } from './row-order.js';
import { InstanceError, revive, storableOf } from './storable.js';
import type { Shape } from './survey.js';

type Row = unknown[];

/** The objects of a table, and what the instances of registered classes among them are made of. */
export class Table {
  /** By place, once it was written. */
  readonly objects: object[];
  readonly shape: Shape;

  constructor(root: object, shape: Shape) {
    this.objects = [root];
    this.shape = shape;
  }
}

/** Writes an object as rows of JSON. Only for what `survey` let pass. */
export function writeTable({ objects, shape: { data, stacks } }: Table): Row[] {
  const [root] = objects as [object];
  const places = new Map<object, number>([[root, 0]]);
  const slot = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return writePrimitive(value);
    let place = places.get(value);
    if (place === undefined) {
      place = objects.push(value) - 1;
      places.set(value, place);
    }
    return [place];
  };
  const rows: Row[] = [];
  // Grows while it is walked.
  for (const object of objects) {
    const storable = data.size === 0 ? undefined : storableOf(object);
    if (storable === undefined) {
      rows.push(writeRow(object, slot));
      continue;
    }
    const stack = stacks && isError(object) ? stackOf(object) : undefined;
    rows.push(['Instance', storable.name, slot(data.get(object)), ...stack === undefined ? [] : [stack]]);
  }
  return rows;
}

function writeRow(object: object, slot: (value: unknown) => unknown): Row {
  const name = builtinOf(object) ?? '';
  switch (name) {
    case 'Object':
    case 'Bare':
      return [name, ...Object.entries(object).flatMap(([key, value]) => [key, slot(value)])];
    case 'Array':
      return [name, ...(object as unknown[]).map(slot)];
    case 'Set':
      return [name, ...Array.from(object as Set<unknown>, slot)];
    case 'Map':
      return [name, ...[...(object as Map<unknown, unknown>)].flat().map(slot)];
    case 'Error':
      return [name, errorClassOf(object),
        ...errorMembers(object).flatMap(([key, value]) => [key, slot(value)])];
    default:
      return [name, writeLeaf(name, object)];
  }
}

function writePrimitive(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return ['undefined', ''];
    case 'bigint':
      return ['bigint', value.toString()];
    case 'number':
      if (Object.is(value, -0)) return ['number', '-0'];
      return Number.isFinite(value) ? value : ['number', String(value)];
    default:
      return value;
  }
}

/** Reads what `writeTable` wrote. Throws an error of any class when the rows are broken. */
export function readTable(rows: unknown): object {
  if (!Array.isArray(rows) || rows.length === 0) throw new TypeError('a table was expected');
  // All objects but instances exist before any is filled, so that rows may refer to each other in both
  // directions.
  const objects = rows.map(newObject);
  const read = (slot: unknown): unknown => {
    if (typeof slot !== 'object' || slot === null) return slot;
    if (!Array.isArray(slot)) throw new TypeError('a slot was expected');
    if (typeof slot[0] === 'string') return readPrimitive(slot[0], slot[1]);
    const object = objects[slot[0] as number];
    if (object === undefined) throw new TypeError(noSuchRow);
    return object;
  };
  if (objects.includes(undefined)) fillInOrder(rows as Row[], objects, read);
  else rows.forEach((row: Row, place) => fill(objects[place] as object, row, read));
  return objects[0] as object;
}

type Read = (slot: unknown) => unknown;

function fillInOrder(rows: readonly Row[], objects: Array<object | undefined>, read: Read): void {
  for (const group of groupRows(rows.map((row) => linksOf(row, rows.length)))) {
    const instance = group.find((place) => objects[place] === undefined);
    if (instance === undefined) {
      for (const place of group) fill(objects[place] as object, rows[place] as Row, read);
      continue;
    }
    const [, name, slot, stack] = rows[instance] as Row;
    const isItself = Array.isArray(slot) && slot[0] === instance;
    if (group.length > 1 || isItself) throw partOfItself(String(name), instance);
    const made = revive(String(name), read(slot), instance);
    if (typeof stack === 'string' && isError(made)) setErrorMember(made, 'stack', stack);
    objects[instance] = made;
  }
}

function partOfItself(name: string, place: number): InstanceError {
  return new InstanceError(place, {
    problem: `an instance of the class stored as '${name}' that is part of its own data`,
    advice: 'Let toData give an id in place of the reference that leads back to it.',
  });
}

function linksOf(row: Row, count: number): number[] {
  const isLeaf = !containers.has(row[0]);
  if (isLeaf) return [];
  return row.filter((slot) => Array.isArray(slot) && typeof slot[0] === 'number').map((slot) => {
    const [place] = slot as [number];
    if (!Number.isInteger(place) || place < 0 || place >= count) throw new TypeError(noSuchRow);
    return place;
  });
}

const containers: ReadonlySet<unknown> = new Set(
  ['Object', 'Bare', 'Array', 'Set', 'Map', 'Error', 'Instance']);
const noSuchRow = 'a row refers to a row that does not exist';

/** Undefined for an instance, which is made later. */
function newObject(row: unknown): object | undefined {
  if (!Array.isArray(row)) throw new TypeError('a row was expected');
  const [name, data] = row as Row;
  switch (name) {
    case 'Object':
      return {};
    case 'Bare':
      return Object.create(null) as object;
    case 'Array':
      return [];
    case 'Set':
      return new Set();
    case 'Map':
      return new Map();
    case 'Error':
      return newError(String(data));
    case 'Instance':
      return undefined;
    default: {
      const leaf = readLeaf(String(name), data);
      if (leaf === undefined) throw new TypeError('a row of an unknown class');
      return leaf;
    }
  }
}

function fill(object: object, row: Row, read: Read): void {
  switch (row[0]) {
    case 'Object':
    case 'Bare':
      return pairs(row, 1, (key, slot) => setMember(object, String(key), read(slot)));
    case 'Error':
      return pairs(row, 2, (key, slot) => setErrorMember(object as Error, String(key), read(slot)));
    case 'Map':
      return pairs(row, 1, (key, slot) => void (object as Map<unknown, unknown>).set(read(key), read(slot)));
    case 'Array':
      for (const slot of row.slice(1)) (object as unknown[]).push(read(slot));
      return;
    case 'Set':
      for (const slot of row.slice(1)) (object as Set<unknown>).add(read(slot));
      return;
    default:
  }
}

function pairs(row: Row, from: number, take: (key: unknown, slot: unknown) => void): void {
  for (let at = from; at < row.length; at += 2) take(row[at], row[at + 1]);
}

function readPrimitive(kind: string, written: unknown): unknown {
  switch (kind) {
    case 'undefined':
      return undefined;
    case 'bigint':
      return BigInt(written as string);
    case 'number':
      return Number(written);
    default:
      throw new TypeError('a primitive of an unknown kind');
  }
}

/** Sets a member of a plain object; `__proto__` becomes a member like any other. */
export function setMember(object: object, key: string, value: unknown): void {
  if (key !== '__proto__') (object as Record<string, unknown>)[key] = value;
  else Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: true });
}
