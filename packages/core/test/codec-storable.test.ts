// Classes of an application, once they are registered.
import { describe, expect, test } from 'vitest';
import { PayloadError, storable } from '@perdure/core';
import { decode, decodeError, encode, encodeError, readError } from '@perdure/core/engine';

class Money {
  readonly #cents: bigint;

  constructor(cents: bigint, readonly currency: string) {
    if (cents < 0n) throw new RangeError('no debts');
    this.#cents = cents;
  }

  get cents(): bigint {
    return this.#cents;
  }
}

storable(Money, {
  name: 'money',
  toData: ({ cents, currency }) => ({ cents, currency }),
  fromData: ({ cents, currency }) => new Money(cents, currency),
});

class Line {
  constructor(readonly product: unknown, readonly price: Money) {}
}

storable(Line, {
  name: 'line', toData: (line) => [line.product, line.price] as const,
  fromData: ([product, price]) => new Line(product, price),
});

class Node {
  constructor(readonly next: unknown) {}
}

storable(Node, { name: 'node', toData: (node) => node.next, fromData: (next) => new Node(next) });

class Declined extends RangeError {
  override readonly name = 'Declined';

  constructor(message: string, readonly retryAt: Date, readonly price: Money) {
    super(message);
  }
}

storable(Declined, {
  name: 'declined',
  toData: ({ message, retryAt, price }) => ({ message, retryAt, price }),
  fromData: ({ message, retryAt, price }) => new Declined(message, retryAt, price),
});

/** A class by its shape alone, made in a realm that has not registered it. */
const asStored = (name: string, data: unknown): string => JSON.stringify({
  json: [['Instance', name, [1]], ['Object', ...Object.entries(data as object).flat()]],
  meta: { values: [['custom', 'table']], v: 1 },
});

function copyOf<T>(value: T): T {
  return decode(encode(value, 'it')) as T;
}

function refusalOf(value: unknown): PayloadError {
  try {
    encode(value, 'it');
  } catch (error) {
    expect(error).toBeInstanceOf(PayloadError);
    return error as PayloadError;
  }
  throw new Error('it was stored');
}

describe('an instance of a registered class comes back as one', () => {
  test('alone', () => {
    const encoded = encode(new Money(5n, 'EUR'), 'it');
    expect(encoded).toEqual({ codec: 'superjson', text: '{"json":[["Instance","money",[1]],' +
      '["Object","cents",["bigint","5"],"currency","EUR"]],"meta":{"values":[["custom","table"]],"v":1}}' });
    const copy = decode(encoded) as Money;
    expect(copy).toBeInstanceOf(Money);
    expect([copy.cents, copy.currency]).toEqual([5n, 'EUR']);
  });

  test('inside objects, lists, maps, sets, errors, and other instances', () => {
    const money = new Money(1n, 'EUR');
    const value = {
      list: [money], map: new Map<unknown, unknown>([[money, 1], [2, money]]), set: new Set([money]),
      error: Object.assign(new Error('e', { cause: money }), { money }), line: new Line({ sku: 'A' }, money),
    };
    const copy = copyOf(value);
    const [same] = copy.list;
    expect(same).toBeInstanceOf(Money);
    expect(same!.cents).toBe(1n);
    expect([...copy.map.keys()][0]).toBe(same);
    expect(copy.map.get(2)).toBe(same);
    expect(copy.set.has(same!)).toBe(true);
    expect(copy.error.cause).toBe(same);
    expect(copy.error.money).toBe(same);
    expect(copy.line).toBeInstanceOf(Line);
    expect(copy.line.price).toBe(same);
  });

  test('with what instances share', () => {
    const product = { name: 'chair', since: new Date(5) };
    const line = (): Line => new Line(product, new Money(1n, 'EUR'));
    const [one, two] = copyOf([line(), line()]);
    expect(one!.product).toBe(two!.product);
    expect(one!.product).toEqual(product);
    expect(one!.price).not.toBe(two!.price);
  });

  test('whose data are no object, or undefined', () => {
    expect(copyOf(new Node(undefined))).toEqual(new Node(undefined));
    expect(copyOf([new Node(-0)])[0]!.next).toBe(-0);
    expect(copyOf(new Node(new Node('inner')))).toEqual(new Node(new Node('inner')));
  });

  test('in circles that do not lead through its own data', () => {
    const circle: { self?: unknown; node?: Node } = { node: new Node({ apart: 1 }) };
    circle.self = circle;
    const copy = copyOf(circle);
    expect(copy.self).toBe(copy);
    expect(copy.node).toBeInstanceOf(Node);
    const inside: { self?: unknown } = {};
    inside.self = inside;
    const node = copyOf(new Node(inside));
    expect((node.next as typeof inside).self).toBe(node.next);
  });

  test('900 levels deep, and 20,000 of them that share one list', () => {
    let deep: unknown = 'end';
    for (let level = 0; level < 450; level += 1) deep = { node: new Node(deep) };
    expect(copyOf(deep)).toEqual(deep);
    const shared = Array.from({ length: 20_000 }, (_, index) => index);
    const nodes = copyOf(Array.from({ length: 20_000 }, () => new Node(shared)));
    expect(new Set(nodes.map((node) => node.next)).size).toBe(1);
  });

  test('of a class with a private constructor, a generic one, and one that extends a built-in', () => {
    class Secret {
      private constructor(readonly key: string) {}

      static of(key: string): Secret {
        return new Secret(key);
      }
    }
    storable(Secret, { name: 'secret', toData: ({ key }) => key, fromData: (key) => Secret.of(key) });
    class Box<T> {
      constructor(readonly content: T) {}
    }
    storable(Box<unknown>, { name: 'box', toData: ({ content }) => ({ content }),
      fromData: ({ content }) => new Box(content) });
    class Points extends Array<number> {}
    storable(Points, { name: 'points', toData: (points) => [...points],
      fromData: (numbers) => Points.from(numbers) as Points });
    const [secret, box, points] = copyOf([Secret.of('k'), new Box(5n), Points.from([1, 2])] as const);
    expect(secret).toEqual(Secret.of('k'));
    expect(box.content).toBe(5n);
    expect(points).toBeInstanceOf(Points);
    expect([...points]).toEqual([1, 2]);
  });
});

describe('errors of a registered class', () => {
  const error = new Declined('no funds', new Date(9), new Money(3n, 'EUR'));

  test('come back as themselves, as a value', () => {
    const copy = copyOf({ error }).error;
    expect(copy).toBeInstanceOf(Declined);
    expect([copy.message, copy.retryAt, copy.price.cents]).toEqual(['no funds', new Date(9), 3n]);
    expect(copy.stack).toBe(error.stack);
    expect(Object.keys(copy)).not.toContain('stack');
  });

  test('and when they were thrown, with stack and cause', () => {
    const copy = readError(encodeError(Object.assign(error, { cause: new TypeError('root') }))) as Declined;
    expect(copy).toBeInstanceOf(Declined);
    expect(copy.price).toBeInstanceOf(Money);
    expect(copy.stack).toBe(error.stack);
    expect(copy.cause).toBeInstanceOf(TypeError);
    expect(Object.keys(copy)).not.toContain('stack');
    const outer = readError(encodeError(new Error('outer', { cause: error })));
    expect(outer.cause).toBeInstanceOf(Declined);
  });

  test('as the nearest built-in class where toData fails, and whoever waits without the class', () => {
    class Fragile extends TypeError {}
    storable(Fragile, { name: 'fragile', toData: () => { throw new Error('no'); },
      fromData: () => new Fragile() });
    expect(Object.getPrototypeOf(readError(encodeError(new Fragile('x'))))).toBe(TypeError.prototype);
    const stranger = encodeError(error).replace('"declined"', '"unknown"');
    const seen = decodeError(stranger);
    expect(seen).toMatchObject({ name: 'Declined', message: 'no funds' });
    expect(Object.getPrototypeOf(seen)).toBe(RangeError.prototype);
    expect(() => readError(stranger)).toThrow(expect.objectContaining({
      code: 'VALUE_UNREADABLE', message: expect.stringContaining("'unknown', which is not registered") }));
  });

  test('with members of registered classes', () => {
    const text = encodeError(Object.assign(new Error('e'), { money: new Money(2n, 'EUR') }));
    expect((readError(text) as Error & { money: Money }).money.cents).toBe(2n);
    const stranger = text.replace('"Instance","money"', '"Instance","unknown"');
    expect(decodeError(stranger)).toMatchObject({ message: 'e' });
    expect(() => readError(stranger)).toThrow('not registered');
  });
});

describe('is refused with the path', () => {
  const circular: unknown[] = [];
  circular.push({ line: new Line(circular, new Money(1n, 'EUR')) });
  class Loop {
    readonly self = this;
  }
  storable(Loop, { name: 'loop', toData: (loop) => loop, fromData: () => new Loop() });
  class Lossy {
    constructor(readonly kept: number, readonly lost: number) {}
  }
  storable(Lossy, { name: 'lossy', toData: ({ kept, lost }) => ({ kept, lost }),
    fromData: ({ kept }) => new Lossy(kept, 0) });
  class Moody {
    readonly at = 1;
  }
  let moods = 0;
  storable(Moody, { name: 'moody', toData: () => ({ mood: (moods += 1) }), fromData: () => new Moody() });
  class Broken {
    readonly at = 1;
  }
  storable(Broken, { name: 'broken', toData: () => 1, fromData: () => { throw new Error('cannot'); } });
  class Other {
    readonly at = 1;
  }
  storable(Other, { name: 'other', toData: () => 1, fromData: () => ({ at: 1 }) as Other });
  class Late {
    readonly at = 1;
  }
  storable(Late, { name: 'late', toData: async () => 1, fromData: () => new Late() });
  class Endless {
    readonly at = 1;
  }
  storable(Endless, { name: 'endless', toData: () => new Endless(), fromData: (inner) => inner });
  class Failing {
    readonly at = 1;
  }
  storable(Failing, { name: 'failing', toData: () => { throw new RangeError('empty'); },
    fromData: () => new Failing() });
  const cases: Array<[string, unknown, string, RegExp]> = [
    ['part of its own data', { orders: circular }, 'orders[0].line',
      /stored as 'line' that is part of its own data\. Let toData give an id/],
    ['itself its own data', [1, new Loop()], '[1]', /part of its own data/],
    ['other data', { a: [new Lossy(1, 2)] }, 'a[0]', /comes back with other data at 'lost'/],
    ['data that change', new Map([['k', new Moody()]]), 'get("k")', /the same each time/],
    ['fromData throws', { b: new Broken() }, 'b', /fromData cannot make again: Error: cannot/],
    ['fromData gives something else', { o: { o: new Other() } }, 'o.o', /fromData gave something else/],
    ['toData gives a promise', [new Late()], '[0]', /a Promise\. Await it first/],
    ['toData gives no end', { e: new Endless() }, 'e', /nested deeper than 1000 levels/],
    ['toData throws', { f: new Failing() }, 'f', /whose toData failed: RangeError: empty/],
    ['data that cannot be stored', { n: new Node({ f: () => 1 }) }, 'n.f', /a function/],
    ['a subclass', { m: new (class Tip extends Money {})(1n, 'EUR') }, 'm',
      /an instance of class Tip\. Only Money itself is storable: register this class as well/],
    ['an unregistered class', { u: new (class User {})() }, 'u', /make its class storable/],
  ];
  test.each(cases)('%s', (...[, value, path, message]) => {
    const error = refusalOf(value);
    expect(error).toMatchObject({ code: 'VALUE_NOT_STORABLE', path });
    expect(error.message).toMatch(message);
  });

  test('and its text counts towards the size', () => {
    expect(refusalOf(new Node('x'.repeat(1_048_576)))).toMatchObject({ code: 'VALUE_TOO_LARGE' });
  });
});

describe('a text that holds an instance', () => {
  function unreadable(text: string): PayloadError {
    try {
      decode({ codec: 'superjson', text });
    } catch (error) {
      expect(error).toBeInstanceOf(PayloadError);
      return error as PayloadError;
    }
    throw new Error('it was read');
  }

  test('of an unknown class names it', () => {
    const error = unreadable(asStored('invoice', { a: 1 }));
    expect(error).toMatchObject({ code: 'VALUE_UNREADABLE', path: '' });
    expect(error.message).toContain("the class that was stored as 'invoice', which is not registered here");
  });

  test('whose data do not fit the class says what fromData threw', () => {
    const broken = encode(new Money(5n, 'EUR'), 'it').text!.replace('"5"', '"-5"');
    const error = unreadable(broken);
    expect(error.message).toContain('class Money that fromData cannot make again: RangeError: no debts');
    expect(error.cause).toMatchObject({ cause: expect.any(RangeError) });
  });

  test('that is broken in other ways', () => {
    const rows = (...list: unknown[]): string => (
      JSON.stringify({ json: list, meta: { values: [['custom', 'table']], v: 1 } }));
    for (const text of [
      rows(['Instance', 'node', [0]]), rows(['Instance', 'node', [1]]), rows(['Instance', 'node', [-1]]),
      rows(['Instance', 'node', [0.5]]), rows(['Instance', 'node', [1]], ['Array', [0]]),
      rows(['Array', [1]], ['Instance', 'node', [2]], ['Array', [0]]), rows(['Instance', 5, 1]),
      rows(['Instance']), rows(['Instance', '__proto__', 1]), rows(['Instance', 'node', {}]),
      rows(['Instance', 'constructor', [1]], ['Object']), rows(['Instance', 'money', null]),
    ]) {
      expect(unreadable(text).code).toBe('VALUE_UNREADABLE');
    }
    const text = rows(['Instance', 'node', 1], ['Instance', 'x', 1]);
    expect(decode({ codec: 'superjson', text })).toEqual(new Node(1));
  });
});

// Never called: it is compiled, and that is the test.
export function types(): void {
  // @ts-expect-error fromData takes what toData gives
  storable(Node, { name: 'n', toData: () => 1, fromData: (data: string) => new Node(data) });
  // @ts-expect-error and gives an instance
  storable(Node, { name: 'n', toData: () => 1, fromData: () => 5 });
  storable(Money, {
    name: 'm', toData: (money) => ({ cents: money.cents }),
    // @ts-expect-error toData gives no currency
    fromData: (data) => new Money(data.cents, data.currency),
  });
}

describe('storable', () => {
  const options = { toData: () => 1, fromData: () => new Plain() };
  class Plain {
    readonly at = 1;
  }

  test('refuses two classes of one name, and one class of two names', () => {
    class Money2 {
      readonly at = 1;
    }
    expect(() => storable(Money2, { name: 'money', toData: () => 1, fromData: () => new Money2() }))
      .toThrow(expect.objectContaining({ code: 'DUPLICATE_CLASS',
        message: expect.stringContaining("class Money is stored as 'money' already") }));
    expect(() => storable(Money, { name: 'cash', toData: () => 1, fromData: () => new Money(1n, 'EUR') }))
      .toThrow(expect.objectContaining({ code: 'DUPLICATE_CLASS' }));
  });

  test('refuses what is no class of the application', () => {
    for (const given of [Date, Error, TypeError, Object, Array, Map, URL, Buffer, Uint8Array]) {
      expect(() => storable(given as unknown as typeof Plain, { name: 'builtin', ...options }))
        .toThrow(expect.objectContaining({ code: 'INVALID_CLASS' }));
    }
    for (const given of [null, undefined, 'Plain', {}, () => 1, new Plain()]) {
      expect(() => storable(given as never, { name: 'nothing', ...options }))
        .toThrow(expect.objectContaining({ code: 'INVALID_CLASS' }));
    }
    expect(() => storable(Plain, { name: '', ...options }))
      .toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
    expect(() => storable(Plain, { name: 'plain' } as never))
      .toThrow(expect.objectContaining({ code: 'INVALID_CLASS' }));
    expect(refusalOf(new Plain()).code).toBe('VALUE_NOT_STORABLE');
  });
});
