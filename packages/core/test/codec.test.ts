import { runInNewContext } from 'node:vm';
import SuperJSON from 'superjson';
import { describe, expect, test } from 'vitest';
import { PayloadError } from '@perdure/core';
import { byteLengthOf, decode, defaultLimits, encode, exceedsBytes } from '@perdure/core/engine';
import { shapeOf } from './codec-shape.js';

class Order {
  readonly id = 7;
}

function refusalOf(value: unknown, maximumBytes = defaultLimits.maximumBytes): PayloadError {
  try {
    encode(value, "the result of step 'charge'", { maximumBytes });
  } catch (error) {
    expect(error).toBeInstanceOf(PayloadError);
    return error as PayloadError;
  }
  throw new Error('it was stored');
}

// String.prototype.isWellFormed is newer than our `lib`.
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function nested(levels: number, innermost: unknown): unknown {
  let value = innermost;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
}

const shared = { street: 'Main Street' };
const cyclicList: unknown[] = [1];
cyclicList.push({ list: cyclicList });
const cyclicMap = new Map<unknown, unknown>();
cyclicMap.set(cyclicMap, new Set([cyclicMap]));
const selfCaused = new Error('self', { cause: 'to be set' });
selfCaused.cause = selfCaused;
const instant = new Date(86_400_000);
const pattern = /a\/b\n[/]/giu;
pattern.lastIndex = 2;

describe('plain JSON', () => {
  const values: Array<[string, unknown]> = [
    ['null', null], ['true', true], ['false', false], ['zero', 0], ['a number', -1.5e300],
    ['a string', 'Ada'],
    ['an empty list', []], ['an empty object', {}],
    ['an order', { id: 'order-1', items: [{ sku: 'A-7', quantity: 2 }], paid: true, note: null }],
    ['keys that superjson refuses',
      { constructor: 'Ford', prototype: 'P1', toString: 'x', hasOwnProperty: 1 }],
    ['a toJSON that is data', { toJSON: 'data' }],
    ['odd keys', { '': 1, 'a.b': { '\\': 2 }, 10: 3, 2: 4 }],
    ['NUL and a lone surrogate', { '\u0000k': 'a\u0000b', '\ud800': '\udfff\ud800' }],
    ['a frozen object', Object.freeze({ a: 1 })],
    ['twenty levels', nested(20, 'deep')],
    ['the deepest level', nested(1_000, 'deep')],
    ['forty objects', Array.from({ length: 40 }, (_, index) => ({ index }))],
  ];
  for (const [name, value] of values) {
    test(`${name} is written as JSON alone`, () => {
      const encoded = encode(value, 'it');
      expect(encoded).toEqual({ codec: 'json', text: JSON.stringify(value) });
      expect(shapeOf(decode(encoded))).toBe(shapeOf(value));
    });
  }

  test('undefined has no text', () => {
    expect(encode(undefined, 'it')).toEqual({ codec: 'json', text: null });
    expect(decode({ codec: 'json', text: null })).toBeUndefined();
    expect(decode({ codec: 'superjson', text: null })).toBeUndefined();
  });
});

describe('what JSON alone would change comes back as it was', () => {
  const values: Array<[string, unknown]> = [
    ['-0', -0], ['NaN', Number.NaN], ['Infinity', Infinity], ['-Infinity', -Infinity],
    ['a bigint', -(2n ** 70n)], ['equal bigints and NaNs', [5n, { a: 5n }, Number.NaN, [Number.NaN]]],
    ['numbers in a list', [-0, Number.NaN, Infinity, -Infinity, 0]],
    ['undefined as member', { a: undefined, b: [undefined, null], c: null }],
    ['a Date', instant], ['an invalid Date', new Date(Number.NaN)], ['early and late Dates', [
      new Date(-8.64e15), new Date(8.64e15), new Date(-1)]],
    ['a Map', new Map<unknown, unknown>([
      ['a', 1n], [{ key: 1 }, [undefined]], [Number.NaN, -0], [1, '1'], ['1', 1]])],
    ['a Set', new Set<unknown>([1, '1', null, undefined, Number.NaN, { a: 1 }, new Set([new Map()])])],
    ['collections in order', { map: new Map([[2, 'b'], [1, 'a']]), set: new Set([3, 1, 2]) }],
    ['a RegExp', pattern], ['an empty RegExp', new RegExp('')], ['a RegExp with all flags', /x/dgimsy],
    ['a URL', new URL('https://ada:secret@example.org:8080/a%20b?c=d&e#f')],
    ['a Buffer', Buffer.from([0, 1, 254, 255])], ['an empty Buffer', Buffer.alloc(0)],
    ['a Buffer out of a pool', Buffer.from('pooled').subarray(2)],
    ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['a DataView', new DataView(new ArrayBuffer(4), 1, 2)],
    ['Int8Array', new Int8Array([-1, 2])], ['Uint8Array', new Uint8Array([1, 255])],
    ['Uint8ClampedArray', new Uint8ClampedArray([1, 255])], ['Int16Array', new Int16Array([-300])],
    ['Uint16Array', new Uint16Array([65_535])], ['Int32Array', new Int32Array([-70_000])],
    ['Uint32Array', new Uint32Array([2 ** 32 - 1])],
    ['Float32Array', new Float32Array([1.5, -0, Number.NaN])],
    ['Float64Array', new Float64Array([0.1, -0, Infinity])],
    ['BigInt64Array', new BigInt64Array([-(2n ** 63n)])],
    ['BigUint64Array', new BigUint64Array([2n ** 64n - 1n])],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1, when: instant })],
    ['groups of a match', { ...'ab'.match(/(?<first>a)/)!.groups, when: instant }],
    ['an own __proto__', JSON.parse('{"__proto__":{"admin":true},"a":1}')],
    ['an own __proto__ beside a Date', { list: [JSON.parse('{"__proto__":1}'), instant] }],
    ['a __proto__ without a prototype', Object.assign(Object.create(null) as object, JSON.parse('{"a":1}'), {
      ['__proto__']: 2n })],
    ['keys that superjson refuses', { constructor: instant, prototype: { constructor: 1n } }],
    ['odd keys', { '': { '': 1n }, 'a.b': { '\\': { '\\.': 2n } }, '.': [3n], '0': 4n }],
    ['keys as in the text', { json: 1n, meta: { values: ['Date'], v: 1n } }],
    ['values as in the text', ['undefined', ['custom', 'leaf'], [0], ['bigint', '1'], 5n]],
    ['NUL and a lone surrogate', new Map([['\u0000\ud800', 'a\u0000b\udc00']])],
    ['NUL and a lone surrogate beside something shared', [['\u0000\ud800'], instant, instant]],
    ['something shared', { billing: shared, shipping: shared }],
    ['a shared Date', { createdAt: instant, updatedAt: instant }],
    ['something shared far apart', [...Array.from({ length: 30 }, () => ({})), shared, [[shared]]]],
    ['equal and not shared', [{ a: 1 }, { a: 1 }, new Date(1), new Date(1)]],
    ['shared in a Set, a Map and an Error', [shared, new Set([1, shared, 2]), new Map([[shared, shared]]),
      Object.assign(new Error('e'), { shared })]],
    ['a cyclic list', cyclicList], ['a cyclic Map', cyclicMap], ['an Error that caused itself', selfCaused],
    ['a deep value', nested(990, instant)],
  ];
  for (const [name, value] of values) {
    test(name, () => {
      const encoded = encode(value, 'it');
      expect(encoded.codec).toBe('superjson');
      const copy = decode(encoded);
      expect(shapeOf(copy)).toBe(shapeOf(value));
      expect(encoded.text).not.toContain('\u0000');
      expect(isWellFormed(encoded.text!)).toBe(true);
    });
  }

  test('containers at the depth where trees end', () => {
    const around: Array<(inner: unknown) => unknown> = [
      (inner) => new Map([[1n, inner]]), (inner) => new Set([inner]), (inner) => ({ inner }),
      (inner) => [inner],
      (inner) => new Error('e', { cause: inner }), (inner) => new Map([[inner, undefined]]),
    ];
    for (const wrap of around) {
      let value: unknown = new Date(1);
      for (let depth = 1; depth < 80; depth += 1) {
        value = wrap(value);
        expect(shapeOf(decode(encode(value, 'it')))).toBe(shapeOf(value));
      }
    }
  });

  test('bytes are written as base64', () => {
    const { text } = encode({ bytes: new Uint8Array(30_000).fill(255) }, 'it');
    expect(text!.length).toBeLessThan(41_000);
  });

  test('a tree stays readable: its JSON half has the names and the instants', () => {
    const { text } = encode({ paidAt: instant, items: [{ sku: 'A-7' }] }, 'it');
    expect(JSON.parse(text!)).toMatchObject({
      json: { paidAt: '1970-01-02T00:00:00.000Z', items: [{ sku: 'A-7' }] } });
  });

  test('something shared a thousand times is written once', () => {
    let value: unknown = { leaf: instant };
    for (let level = 0; level < 60; level += 1) value = { left: value, right: value };
    const encoded = encode(value, 'it');
    expect(byteLengthOf(encoded)).toBeLessThan(4_000);
    expect(shapeOf(decode(encoded))).toBe(shapeOf(value));
  });

  test('what an application registers on the global superjson changes nothing', () => {
    SuperJSON.registerCustom<Date, string>({
      isApplicable: (value): value is Date => value instanceof Date,
      serialize: () => 'noon',
      deserialize: () => new Date(0),
    }, 'Date');
    expect(decode(encode([instant], 'it'))).toEqual([instant]);
  });

  test('objects of another realm come back as objects of this one', () => {
    const foreign: unknown = runInNewContext(
      "({ list: [1, undefined], map: new Map([['a', new Date(5)]]), set: new Set([2]), re: /x/g, " +
      "error: new RangeError('far'), bytes: new Uint8Array([9]) })");
    const copy = decode(encode(foreign, 'it')) as Record<string, Error>;
    const home = {
      list: [1, undefined], map: new Map([['a', new Date(5)]]), set: new Set([2]), re: /x/g,
      error: copy['error'], bytes: new Uint8Array([9]),
    };
    expect(shapeOf(copy)).toBe(shapeOf(home));
    expect(copy['error']).toBeInstanceOf(RangeError);
    expect(copy['error']!.message).toBe('far');
  });
});

describe('errors inside values', () => {
  const classes = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];
  const named = classes.map((errorClass) => ({ name: errorClass.name, errorClass }));
  test.each(named)('$name', ({ errorClass }) => {
    const error = Object.assign(new errorClass('no', { cause: new TypeError('root', { cause: 'none' }) }), {
      code: 'E_NO', at: instant, details: { tries: 3n }, name: 'ChargeError',
    });
    const copy = decode(encode({ error }, 'it')) as { error: Error };
    expect(shapeOf(copy)).toBe(shapeOf({ error }));
    expect(copy.error).toBeInstanceOf(errorClass);
    expect(copy.error.stack).toBe(error.stack);
  });

  test('AggregateError', () => {
    const error = new AggregateError([new RangeError('one'), 'two', { three: 3 }], 'many');
    const copy = decode(encode(error, 'it'));
    expect(shapeOf(copy)).toBe(shapeOf(error));
    expect(copy).toBeInstanceOf(AggregateError);
  });

  test('an error without a message, a stack, or with a cause of undefined', () => {
    const bare = new Error();
    delete bare.stack;
    const errors = [bare, new Error(''), new Error('x', { cause: undefined })];
    const copies = decode(encode(errors, 'it')) as Error[];
    expect(shapeOf(copies)).toBe(shapeOf(errors));
    expect(copies[0]!.stack).toBeUndefined();
  });

  test('an error whose stack cannot be read', () => {
    const error = Object.defineProperty(new Error('no'), 'stack',
      { get: () => { throw new Error('trap'); } });
    const unprintable = Object.assign(new Error('e'), { toString: 'text' });
    const copies = decode(encode([error, unprintable], 'it')) as Error[];
    expect(copies[0]!.message).toBe('no');
    expect(copies[0]!.stack).toBeUndefined();
    expect(Object.entries(copies[1]!)).toEqual([['toString', 'text']]);
  });

  test('an error of an application comes back as the nearest built-in class, with its name', () => {
    class Declined extends RangeError {
      override readonly name = 'Declined';
      readonly code = 'DECLINED';
    }
    const copy = decode(encode(new Declined('no funds'), 'it')) as Declined;
    expect(copy).toMatchObject({ name: 'Declined', code: 'DECLINED', message: 'no funds' });
    expect(Object.getPrototypeOf(copy)).toBe(RangeError.prototype);
  });

  test('an error whose class knows its name or message', () => {
    class Gone extends TypeError {
      override get message(): string {
        return 'long gone';
      }
    }
    Gone.prototype.name = 'GoneError';
    for (const inner of [new Gone(), [new Gone(), shared, shared]]) {
      const copy = [decode(encode(inner, 'it'))].flat()[0] as Error;
      expect(copy).toBeInstanceOf(TypeError);
      expect(copy).toMatchObject({ name: 'GoneError', message: 'long gone' });
    }
    const aborted = decode(encode([new DOMException('stopped', 'AbortError')], 'it')) as [Error];
    expect(aborted[0]).toMatchObject({ name: 'AbortError', message: 'stopped' });
    expect(Object.getPrototypeOf(aborted[0])).toBe(Error.prototype);
  });

  test("Node's own errors, with members that are not enumerable", () => {
    let thrown: unknown;
    try {
      Buffer.alloc('x' as never);
    } catch (error) {
      thrown = error;
    }
    const copy = decode(encode([thrown], 'it')) as [NodeJS.ErrnoException];
    expect(copy[0]).toBeInstanceOf(TypeError);
    expect(copy[0]).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message: (thrown as Error).message });
  });

  test('a member that cannot be stored is refused with its path', () => {
    const error = Object.assign(new Error('http'), { config: { headers: [new Order()] } });
    expect(refusalOf({ failed: error }).path).toBe('failed.config.headers[0]');
    const accessor = Object.defineProperty(new Error('x'), 'now', { get: () => 1, enumerable: true });
    expect(refusalOf(accessor).path).toBe('now');
    expect(refusalOf(new Error('x', { cause: new Error('y', { cause: () => 1 }) })).path).toBe('cause.cause');
    expect(refusalOf(new AggregateError([1, Symbol('s')])).path).toBe('errors[1]');
  });
});

describe('what cannot be stored is refused with its path', () => {
  const sparse = Object.assign(new Array<number>(3), { 0: 1, 2: 3 });
  const growing: ArrayBuffer = Reflect.construct(ArrayBuffer, [2, { maxByteLength: 8 }]);
  const circularInstance: { self?: unknown; order: Order } = { order: new Order() };
  circularInstance.self = circularInstance;
  const values: Array<[unknown, string, RegExp]> = [
    [{ items: [1, 2, 3, { buffer: new Order() }] }, 'items[3].buffer', /an instance of class Order/],
    [new Order(), '', /it is an instance of class Order/],
    [() => 1, '', /a function/], [{ a: { b: async () => 1 } }, 'a.b', /a function/],
    [{ toJSON: () => 1 }, 'toJSON', /a function/], [Order, '', /a function/],
    [Symbol('s'), '', /a symbol/], [[[Symbol.iterator]], '[0][0]', /a symbol/],
    [{ a: 1, [Symbol('tag')]: 2 }, '[Symbol(tag)]', /symbol as key/],
    [sparse, '[1]', /a hole/], [{ list: new Array(3) }, 'list[0]', /a hole/],
    [new Array(4e9), '[0]', /a hole/],
    ['ab'.match(/b/), 'index', /named member of an array/],
    [Object.assign([1], { [Symbol('t')]: 1 }), '[Symbol(t)]', /named member of an array/],
    [{ get total() { return 1; } }, 'total', /an accessor/],
    [{ set total(_value: unknown) {} }, 'total', /accessor/],
    [{ list: Object.defineProperty([instant, 2], 1, { get: () => 1 }) }, 'list[1]', /an accessor/],
    [Object.defineProperty({ a: 1 }, 'secret', { value: 1 }), 'secret', /not enumerable/],
    [(function f(..._list: number[]) { return arguments; })(1), 'length', /not enumerable/],
    [{ p: Promise.resolve(1) }, 'p', /a Promise.*Await/],
    [new WeakMap(), '', /WeakMap/], [new WeakSet(), '', /WeakSet/], [new WeakRef({}), '', /WeakRef/],
    [(function* g() { yield 1; })(), '', /an instance of/], [Math, 'abs', /not enumerable/],
    [new (class extends Map {})(), '', /an instance of a class without a name/],
    [new (class Points extends Array<number> {})(), '', /class Points/],
    [new (class Stamp extends Date {})(), '', /class Stamp/],
    [new (class Blob8 extends Uint8Array {})(2), '', /class Blob8/],
    [Object.create({ inherited: 1 }), '', /class Object/], [Object.create(Map.prototype), '', /class Map/],
    [Object.create(Error.prototype), '', /class Error/], [new Number(5), '', /class Number/],
    [new URLSearchParams('a=1'), '', /URLSearchParams/],
    [new SharedArrayBuffer(2), '', /SharedArrayBuffer/],
    [{ view: new Uint8Array(new SharedArrayBuffer(2)) }, 'view', /shared memory/],
    [{ view: new Uint8Array(growing) }, 'view', /resizable/], [growing, '', /resizable/],
    [new (class Map extends globalThis.Map {})(), '', /class Map/],
    [Object.assign(new Date(0), { zone: 'CET' }), 'zone', /set on an instance of class Date/],
    [Object.assign(new Map(), { size2: 1 }), 'size2', /set on an instance of class Map/],
    [Object.assign(new Set(), { tag: 1 }), 'tag', /class Set/],
    [Object.assign(/x/, { tag: 1 }), 'tag', /class RegExp/],
    [{ 'odd key': { '1a': new Order() } }, '["odd key"]["1a"]', /class Order/],
    [new Map([['k', { w: new Order() }]]), 'get("k").w', /class Order/],
    [new Map([[5, new Order()]]), 'get(5)', /class Order/],
    [new Map([[{}, new Order()]]), 'values()[0]', /Order/],
    [new Map([[1, 1], [new Order(), 1] as never]), 'keys()[1]', /class Order/],
    [{ set: new Set([1, [new Order()]]) }, 'set.values()[1][0]', /class Order/],
    [circularInstance, 'order', /class Order/],
    [JSON.parse('{"__proto__":{"a":1}}', (key, value) => (key === 'a' ? new Order() : value)), '__proto__.a',
      /Order/],
  ];
  for (const [index, [value, path, problem]] of values.entries()) {
    test(`${index}: ${problem.source} at '${path}'`, () => {
      const error = refusalOf(value);
      expect(error).toMatchObject({ name: 'PayloadError', code: 'VALUE_NOT_STORABLE', path });
      expect(error.message).toMatch(problem);
      expect(error.message).toContain("the result of step 'charge' cannot be stored");
      expect(error.message).toContain(path);
    });
  }

  test.each([1_002, 100_000])('%i levels', (levels) => {
    for (const value of [nested(levels, 1), nested(levels, instant), nested(levels, new Order())]) {
      const error = refusalOf(value);
      expect(error).toMatchObject({ code: 'VALUE_NOT_STORABLE' });
      expect(error.message).toContain('nested deeper than 1000 levels');
      expect(error.path).toMatch(/^a\.a\.a.*…/);
      expect(error.path.length).toBeLessThan(300);
    }
  });

  test('other containers, deep', () => {
    let value: unknown = 1;
    for (let level = 0; level < 50_000; level += 1) value = new Set([new Map([[value, 1]])]);
    expect(refusalOf(value).message).toContain('nested deeper');
    let cause = new Error('first');
    for (let level = 0; level < 5_000; level += 1) cause = new Error('next', { cause });
    expect(refusalOf(cause).message).toContain('nested deeper');
  });

  test('with a stack that is nearly used up: a typed error or a value, nothing else', () => {
    const outcomes = new Set<string>();
    const attempt = (): void => {
      try {
        encode(nested(900, instant), 'it');
        outcomes.add('stored');
      } catch (error) {
        outcomes.add((error as { code?: string }).code ?? 'untyped');
      }
    };
    let levels = 0;
    const descend = (left: number): void => (left === 0 ? attempt() : descend(left - 1));
    for (; !outcomes.has('VALUE_NOT_STORABLE'); levels += 100) descend(levels);
    expect(levels).toBeGreaterThan(100);
    expect([...outcomes]).toEqual(['stored', 'VALUE_NOT_STORABLE']);
  });

  test('hostile Proxies', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const hostile = { ownKeys: (): never => { throw new TypeError('trap'); } };
    expect(refusalOf({ a: revoked.proxy }).code).toBe('VALUE_NOT_STORABLE');
    expect(refusalOf(new Proxy({ a: instant }, hostile)).cause).toBeInstanceOf(TypeError);
    expect(refusalOf(new Proxy({}, { get: () => () => undefined })).code).toBe('VALUE_NOT_STORABLE');
    expect(decode(encode(new Proxy({ a: 1 }, {}), 'it'))).toEqual({ a: 1 });
  });

  test('what answers differently each time is caught when it is read back', () => {
    let reads = 0;
    const get = (target: object, key: string): unknown => (key === 'n' ? ++reads : Reflect.get(target, key));
    const error = refusalOf({ list: [new Proxy({ when: instant, n: 0 }, { get } as ProxyHandler<object>)] });
    expect(error).toMatchObject({ code: 'VALUE_NOT_STORABLE', path: 'list[0].n' });
    expect(error.message).toContain('not the same after it was written and read back');
  });

  test('no accessor runs', () => {
    let runs = 0;
    const value = { when: instant, get total() { runs += 1; return runs; } };
    refusalOf(value);
    refusalOf({ a: value });
    expect(runs).toBe(0);
  });
});

describe('size', () => {
  test('is measured in bytes of UTF-8', () => {
    const text = 'é'.repeat(50);
    expect(byteLengthOf(encode(text, 'it'))).toBe(102);
    expect(encode(text, 'it', { maximumBytes: 102 }).text).toBe(`"${text}"`);
    const error = refusalOf(text, 101);
    expect(error).toMatchObject({ code: 'VALUE_TOO_LARGE', path: '' });
    expect(error.message).toMatch(/is 102 bytes when encoded; the limit is 101 bytes\. .*reference/);
    expect(exceedsBytes({ codec: 'json', text: `"${text}"` }, 101)).toBe(true);
    expect(exceedsBytes({ codec: 'json', text: `"${text}"` }, 102)).toBe(false);
    expect(exceedsBytes({ codec: 'json', text: '"€€€"' }, 10)).toBe(true);
    expect(exceedsBytes({ codec: 'json', text: '"€€€"' }, 11)).toBe(false);
    expect(exceedsBytes({ codec: 'json', text: null }, 0)).toBe(false);
    expect(byteLengthOf({ codec: 'json', text: null })).toBe(0);
  });

  test('is at most 1 MiB unless told otherwise', () => {
    expect(encode('x'.repeat(1_048_574), 'it').codec).toBe('json');
    expect(refusalOf('x'.repeat(1_048_575)).message).toContain('1.0 MiB (1048577 bytes)');
    expect(refusalOf({ when: instant, text: 'x'.repeat(5_000_000) }).message).toContain('4.8 MiB');
  });

  test('of bytes is refused before they are written, with their path', () => {
    const error = refusalOf({ files: [{ body: Buffer.alloc(2 ** 30) }] });
    expect(error).toMatchObject({ code: 'VALUE_TOO_LARGE', path: 'files[0].body' });
    expect(error.message).toContain('holds 1073741824 bytes at files[0].body');
    // 800,000 bytes pass the first look and are too large as base64.
    expect(refusalOf(Buffer.alloc(800_000)).message).toContain('when encoded');
  });

  test('beyond what a string can hold', () => {
    // What the runtime says of such a text; to make one would take a gigabyte.
    let runtime: unknown;
    try {
      'x'.repeat(2 ** 30);
    } catch (error) {
      runtime = error;
    }
    const value = new Proxy({}, { ownKeys: (): never => { throw runtime; } });
    expect(refusalOf(value)).toMatchObject({ code: 'VALUE_TOO_LARGE', path: '' });
  });
});
