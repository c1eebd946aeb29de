// What lies under the codec tag `superjson`. The `json` half of such a text stays readable in SQL.
//
//   J1. An instance of superjson of our own, never the global one: applications may register what they like
//       on that.
//   J2. superjson is given trees only. Its references cannot point into a Map, a Set or an Error, and
//       reading them follows any path that a text names: so values with shared objects are a table, and
//       references are refused.
//   J3. A table is a leaf of superjson: every text under the tag is one that superjson reads with these
//       classes.
import { types } from 'node:util';
import { SuperJSON, type SuperJSONResult } from 'superjson';
import { builtinOf, isError } from './builtin.js';
import { errorClassOf, errorMembers, newError, setErrorMember } from './error-value.js';
import { readLeaf, writeLeaf } from './leaf.js';
import { deepestTree, type Shape } from './survey.js';
import { readTable, setMember, Table, writeTable } from './table.js';

type Json = SuperJSONResult['json'];

const tree = new SuperJSON();

tree.registerCustom<Table, Json>({
  isApplicable: (value: unknown): value is Table => value instanceof Table,
  serialize: (table) => writeTable(table) as Json,
  // What was a table is the value itself.
  deserialize: (rows) => readTable(rows) as Table,
}, 'table');

// superjson writes bytes as lists of numbers, cannot read a Buffer, and loses an invalid Date and
// `lastIndex`.
tree.registerCustom<object, Json>({
  isApplicable: (value: unknown): value is object => types.isRegExp(value) || types.isAnyArrayBuffer(value)
    || ArrayBuffer.isView(value) || (types.isDate(value) && Number.isNaN(value.getTime())),
  serialize: (value) => {
    const name = builtinOf(value) ?? '';
    return [name, writeLeaf(name, value) as Json];
  },
  deserialize: (data) => {
    const [name, written] = data as Json[];
    const leaf = readLeaf(String(name), written);
    if (leaf === undefined) throw new TypeError('a leaf of an unknown class');
    return leaf;
  },
}, 'leaf');

// superjson keeps name, message and cause of an Error, but not its class, its stack or its own members.
tree.registerCustom<Error, Json>({
  isApplicable: isError,
  serialize: (error) => ({
    class: errorClassOf(error), members: Object.fromEntries(errorMembers(error)) as Json,
  }),
  deserialize: (data) => {
    const written = data as { class: string; members: object };
    const error = newError(written.class);
    for (const [key, value] of Object.entries(written.members)) setErrorMember(error, key, value);
    return error;
  },
}, 'Error');

// superjson gives an object without a prototype one.
tree.registerCustom<object, Json>({
  isApplicable: (value: unknown): value is object => (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null),
  serialize: (value) => ({ ...value }),
  deserialize: (data) => {
    const bare = Object.create(null) as object;
    for (const [key, value] of Object.entries(data as object)) setMember(bare, key, value);
    return bare;
  },
}, 'bare');

/** The text of a value that passed `survey`, in the shape that it named. */
export function writeTree(value: unknown, shape: Shape): string {
  const { json, meta } = tree.serialize(shape.form === 'table' ? new Table(value as object, shape) : value);
  // In a tree, superjson finds references only between equal bigints or NaNs, where they say nothing (J2).
  const values = meta?.values;
  return JSON.stringify(values === undefined ? { json } : { json, meta: { values, v: 1 } });
}

/** Reads what `writeTree` wrote. Throws an error of any class when the text is broken. */
export function readTree(text: string): unknown {
  const written: unknown = JSON.parse(text);
  if (typeof written !== 'object' || written === null || !Object.hasOwn(written, 'json')) {
    throw new TypeError('it has no member "json"');
  }
  const { meta } = written as SuperJSONResult;
  if (meta !== undefined && (meta.v !== 1 || meta.referentialEqualities !== undefined)) {
    throw new TypeError('its member "meta" is not one that the engine writes');
  }
  if (meta !== undefined) checkNotes(meta.values, 0);
  return tree.deserialize(written as SuperJSONResult, { inPlace: true });
}

// An object with notes on itself and on its members takes two levels of them.
const deepestNotes = 2 * deepestTree + 2;

// superjson takes the notes on types as they are: a string among them would send it round and round.
function checkNotes(notes: unknown, depth: number): void {
  if (typeof notes !== 'object' || notes === null) throw new TypeError('notes were expected');
  if (depth > deepestNotes) throw new TypeError('notes on a shallower tree were expected');
  if (!Array.isArray(notes)) {
    for (const inner of Object.values(notes)) checkNotes(inner, depth + 1);
  } else if (notes.length > 1) {
    const inner: unknown = notes[1];
    if (Array.isArray(inner)) throw new TypeError('notes on members were expected');
    checkNotes(inner, depth + 1);
  }
}
