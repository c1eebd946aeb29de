import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PayloadError, storable } from '@perdure/core';
import { decode, decodeError, encode, encodeError, readError, type Encoded } from '@perdure/core/engine';
import { shapeOf } from './codec-shape.js';

/** Set PERDURE_FUZZ to a number to look that many times longer. */
const effort = Number(process.env['PERDURE_FUZZ'] ?? 1);

const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
  .map((codes) => String.fromCharCode(...codes));
const text = fc.oneof(fc.string(), units, fc.constantFrom('', '\u0000', '\ud800', '__proto__'));
const key = fc.oneof({ weight: 4, arbitrary: fc.string({ maxLength: 4 }) }, units, fc.constantFrom(
  '__proto__', 'constructor', 'prototype', 'toJSON', 'toString', 'hasOwnProperty', 'length', '', '.', '\\',
  'a.b', 'a\\',
  'a\\.b', '0', '-1', '1e3', 'json', 'meta', 'values', 'class', 'members', 'then'));
const plainPrimitive = fc.oneof(text, fc.boolean(), fc.constant(null), fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0));
const primitive = fc.oneof(plainPrimitive, fc.bigInt(), fc.double(),
  fc.constantFrom(undefined, -0, Number.NaN, Infinity, -Infinity, 5n));

/** A registered class, which can hold anything. */
class Holder {
  constructor(readonly content: unknown[]) {}
}

storable(Holder, {
  name: 'holder', toData: ({ content }) => content, fromData: (content) => new Holder(content),
});

const bytes = fc.uint8Array({ maxLength: 40 });
const views: ReadonlyArray<new (buffer: ArrayBuffer) => object> = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
  Float64Array,
  BigInt64Array, BigUint64Array, DataView,
];
const leaf = fc.oneof(
  fc.date({ noInvalidDate: false }), fc.webUrl({ withQueryParameters: true }).map((url) => new URL(url)),
  fc.tuple(fc.constantFrom('a', '/', '[/]', '\\d+', '(?:)', '\n', '\\\\'),
    fc.constantFrom('', 'g', 'gi', 'su', 'dmy')).map(
    ([source, flags]) => Object.assign(new RegExp(source, flags), { lastIndex: source.length })),
  bytes.map((array) => Buffer.from(array)), bytes.map((array) => array.slice().buffer),
  fc.tuple(bytes, fc.constantFrom(...views)).map(([array, view]) => (
    new view(array.slice(0, array.length - array.length % 8).buffer))),
);

function setMember(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function objectOf(entries: ReadonlyArray<[string, unknown]>, into: object = {}): object {
  for (const [name, value] of entries) setMember(into, name, value);
  return into;
}

const errorClasses = [Error, TypeError, RangeError, SyntaxError];

const standard = ['message', 'stack', 'cause', 'errors'];

function errorOf(
  members: ReadonlyArray<[string, unknown]>, [message, cause]: [string, unknown], kind: number,
): Error {
  const error = new errorClasses[kind % errorClasses.length]!(message, { cause });
  return objectOf(members.filter(([name]) => !standard.includes(name)), error) as Error;
}

/** Values in which nothing is shared. */
const tree: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const value = tie('value');
  const entries = fc.array(fc.tuple(key, value), { maxLength: 4 });
  return {
    value: fc.oneof({ maxDepth: 5, depthSize: 'small' }, primitive, leaf, entries.map((all) => objectOf(all)),
      fc.array(value, { maxLength: 4 }),
      fc.array(fc.tuple(value, value), { maxLength: 4 }).map((all) => new Map(all)),
      fc.array(value, { maxLength: 4 }).map((all) => new Set(all)),
      entries.map((all) => objectOf(all, Object.create(null) as object)),
      fc.tuple(entries, fc.tuple(text, value), fc.nat()).map((all) => errorOf(...all)),
      fc.array(value, { maxLength: 3 }).map((all) => new AggregateError(all, 'many')),
      fc.array(value, { maxLength: 3 }).map((all) => new Holder(all))),
  };
}).value;

const plain: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: 'small' }, plainPrimitive,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key.filter((name) => name !== '__proto__'), tie('value')), { maxLength: 4 })
      .map((all) => objectOf(all))),
})).value;

interface Joint {
  readonly kind: number;
  readonly to: number[];
  readonly key: string;
  readonly own: unknown;
}

const newObject: ReadonlyArray<() => object> = [
  () => ({}), () => [], () => new Map(), () => new Set(), () => Object.create(null) as object,
  () => new Error('e'), () => new Holder([]),
];

/** Values in which objects refer to each other in any way, also in circles: with `kinds` of objects. */
const graphOf = (kinds: number): fc.Arbitrary<unknown> => fc.array(fc.record<Joint>({
  kind: fc.nat({ max: kinds - 1 }), to: fc.array(fc.nat(), { maxLength: 4 }), key,
  own: fc.oneof(primitive, leaf, primitive.map((value) => new Holder([value]))),
}), { minLength: 1, maxLength: 8 }).map((joints) => {
  const objects = joints.map(({ kind }) => newObject[kind]!());
  for (const [place, { to, key: name, own }] of joints.entries()) {
    for (const [index, target] of to.entries()) {
      join(objects[place]!, `${name}${index === 0 ? '' : index}`, objects[target % objects.length]);
    }
    join(objects[place]!, `own ${name}`, own);
  }
  return objects[0];
});

const graph = graphOf(newObject.length - 1);

function join(object: object, name: string, value: unknown): void {
  if (Array.isArray(object)) object.push(value);
  else if (object instanceof Holder) object.content.push(value);
  else if (object instanceof Map) object.set(value, name).set(name, value);
  else if (object instanceof Set) object.add(value);
  else if (!(object instanceof Error && standard.includes(name))) setMember(object, name, value);
}

/** Every object that is reached from `start`, with it. */
function reached(start: unknown): Set<object> {
  const found = new Set<object>();
  const open = [start];
  while (open.length > 0) {
    const object = open.pop();
    if (typeof object !== 'object' || object === null || found.has(object)) continue;
    found.add(object);
    if (object instanceof Map) open.push(...[...object].flat());
    else if (object instanceof Set) open.push(...object);
    else if (!ArrayBuffer.isView(object)) open.push(...Object.values(object));
  }
  return found;
}

function holders(value: unknown): Holder[] {
  return [...reached(value)].filter((object): object is Holder => object instanceof Holder);
}

function checkRoundTrip(value: unknown): Encoded {
  const encoded = encode(value, 'it');
  expect(shapeOf(decode(encoded))).toBe(shapeOf(value));
  if (encoded.text === null) return encoded;
  expect(encoded.text.includes('\u0000')).toBe(false);
  expect(Buffer.from(encoded.text).toString()).toBe(encoded.text);
  return encoded;
}

describe('what is written is what is read', () => {
  test('plain JSON, as JSON alone', () => {
    fc.assert(fc.property(plain, (value) => {
      expect(checkRoundTrip(value)).toEqual({ codec: 'json', text: JSON.stringify(value) });
    }), { numRuns: 1_000 });
  });

  test('trees of everything that can be stored', () => {
    fc.assert(fc.property(tree, (value) => void checkRoundTrip(value)), { numRuns: 2_000 });
  });

  test('objects that share others, or contain themselves', () => {
    fc.assert(fc.property(graph, (value) => void checkRoundTrip(value)), { numRuns: 2_000 });
  });

  test('and instances, unless one is part of its own data: then it is refused', () => {
    let refused = 0;
    fc.assert(fc.property(graphOf(newObject.length), (value) => {
      if (!holders(value).some((holder) => reached(holder.content).has(holder))) checkRoundTrip(value);
      else {
        refused += 1;
        expect(() => encode(value, 'it')).toThrow('is part of its own data');
      }
    }), { numRuns: 2_000 });
    expect(refused).toBeGreaterThan(100);
  });

  test('also when it is stored a second time', () => {
    fc.assert(fc.property(fc.oneof(tree, graph), (value) => {
      const encoded = encode(value, 'it');
      expect(encode(decode(encoded), 'it').codec).toBe(encoded.codec);
    }), { numRuns: 500 });
  });
});

test('what cannot be stored is refused with its path, wherever it is', () => {
  const hostile = fc.constantFrom<unknown>(() => 1, Symbol('s'), new WeakMap(), Promise.resolve(),
    new (class A {})(),
    new Array(1), Object.defineProperty({}, 'h', { value: 1 }), { get g() { return 1; } },
    { [Symbol('k')]: 1 });
  const steps = fc.array(fc.tuple(fc.constantFrom('object', 'array', 'map', 'set', 'cause'),
    fc.nat({ max: 3 }), tree));
  fc.assert(fc.property(hostile, steps, (value, path) => {
    let whole = value;
    let expected = '';
    for (const [kind, before, other] of path) {
      const others: unknown[] = Array.from({ length: before }, (_, index) => [index, other]);
      if (kind === 'object') [whole, expected] = [{ other, at: whole }, `.at${expected}`];
      if (kind === 'array') [whole, expected] = [[...others, whole], `[${before}]${expected}`];
      if (kind === 'map') {
        [whole, expected] = [new Map([['other', other], ['at', whole]]), `.get("at")${expected}`];
      }
      if (kind === 'set') {
        [whole, expected] = [new Set([...others, whole]), `.values()[${before}]${expected}`];
      }
      if (kind === 'cause') [whole, expected] = [new Error('e', { cause: whole }), `.cause${expected}`];
    }
    let error: unknown;
    try {
      encode(whole, 'it');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(PayloadError);
    const { code, path: found } = error as PayloadError;
    expect(code).toBe('VALUE_NOT_STORABLE');
    // The last step may lead into the hostile value itself, and the middle of a long path is cut.
    if (!found.includes('…')) expect(`.${found}`.replace(/^\.\[/, '[').startsWith(expected)).toBe(true);
  }), { numRuns: 500 });
});

const prototypes = [
  Object, Function, Array, Map, Set, Date, RegExp, URL, Error, TypeError, AggregateError, String, Number,
  Boolean, BigInt,
  Symbol, Promise, Buffer, Uint8Array, ArrayBuffer,
].flatMap((builtin): object[] => [builtin, builtin.prototype as object]);

/** Every member of the built-in classes, with what it is. */
function world(): string {
  return prototypes.map((object) => Reflect.ownKeys(object).map((name) => {
    const { value, get, writable, enumerable } = Object.getOwnPropertyDescriptor(object, name)!;
    return `${String(name)} ${typeof (value ?? get)} ${String(writable)} ${String(enumerable)}`;
  }).join()).join('\n');
}

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}

const edit = fc.record<Edit>({
  at: fc.nat(), cut: fc.nat({ max: 6 }),
  put: fc.oneof(fc.string({ maxLength: 3 }),
    fc.constantFrom('"', '{', '}', '[', ']', ',', ':', '\\', 'null', '-1', '1e9',
    '4294967294', '"__proto__"', '__proto__', 'constructor.prototype', 'toString', '["custom","Error"]',
    '["undefined"]',
    '"Instance"', '"holder"', '["Instance","holder",[1]]',
    '"referentialEqualities":{"":["a"]}', 'bigint', 'table', 'leaf', 'bare', 'set', 'map', 'Date', 'URL',
    '[0]', '[1]')),
});

function edited(original: string, edits: readonly Edit[]): string {
  return edits.reduce((changed, { at, cut, put }) => {
    const place = at % (changed.length + 1);
    return changed.slice(0, place) + put + changed.slice(place + cut);
  }, original);
}

const brokenText = fc.oneof(fc.string(), fc.json(),
  fc.json().map((json) => `{"json":${json},"meta":${json}}`),
  fc.tuple(fc.json(), fc.json()).map(([json, values]) => (
    `{"json":${json},"meta":{"values":${values},"v":1}}`)),
  fc.tuple(fc.oneof(tree, graph), fc.array(edit, { minLength: 1, maxLength: 4 })).map(([value, edits]) => (
    edited(encode(value, 'it').text ?? '', edits))));

describe('no text makes reading fail without a type, or reaches the built-in classes', () => {
  const before = world();

  test('values', () => {
    let refused = 0;
    fc.assert(fc.property(brokenText, fc.constantFrom('json', 'superjson', 'other'), (broken, codec) => {
      try {
        decode({ codec, text: broken } as Encoded);
      } catch (error) {
        expect(error).toBeInstanceOf(PayloadError);
        expect((error as PayloadError).code).toBe('VALUE_UNREADABLE');
        refused += 1;
      }
      expect(Reflect.ownKeys(Object.prototype)).toHaveLength(12);
    }), { numRuns: 5_000 * effort });
    expect(refused).toBeGreaterThan(1_000);
    expect(world()).toBe(before);
  });

  test('errors', () => {
    const written = fc.tuple(fc.anything(), fc.array(edit, { maxLength: 4 })).map(([value, edits]) => (
      edited(encodeError(new AggregateError([value], 'many', { cause: new Error('e', { cause: value }) })),
        edits)));
    fc.assert(fc.property(fc.oneof(brokenText, written), (broken) => {
      expect(decodeError(broken)).toBeInstanceOf(Error);
      try {
        readError(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(PayloadError);
        expect((error as PayloadError).code).toBe('VALUE_UNREADABLE');
      }
    }), { numRuns: 3_000 * effort });
    expect(world()).toBe(before);
  });
});

test('whatever is thrown is written in at most 16 KiB and read as an Error', () => {
  const anything = fc.oneof(tree, graph, fc.anything({
    withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true,
    withTypedArray: true }));
  fc.assert(fc.property(anything, fc.nat({ max: 20_000 }), (value, length) => {
    const members = typeof value === 'object' && value !== null ? value : { value };
    const error = Object.assign(new Error('é\u0000'.repeat(length), { cause: value }), { members });
    for (const thrown of [value, error, new AggregateError([error, value])]) {
      const written = encodeError(thrown);
      expect(Buffer.byteLength(written)).toBeLessThanOrEqual(16_384);
      expect(decodeError(written)).toBeInstanceOf(Error);
      expect(decodeError(written)).not.toBeInstanceOf(PayloadError);
    }
  }), { numRuns: 500 });
});
