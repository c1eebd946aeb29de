import { describe, expect, test } from 'vitest';
import { PayloadError, WorkflowError } from '@perdure/core';
import { decodeError, encodeError } from '@perdure/core/engine';

function copyOf(thrown: unknown): Error {
  const text = encodeError(thrown);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
  const error = decodeError(text);
  expect(error).not.toBeInstanceOf(PayloadError);
  return error;
}

describe('what was thrown comes back', () => {
  const classes = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];
  test.each(classes.map((errorClass) => [errorClass.name, errorClass] as const))('%s', (name, errorClass) => {
    const error = new errorClass('no funds');
    const copy = copyOf(error);
    expect(Object.getPrototypeOf(copy)).toBe(errorClass.prototype);
    expect(copy).toMatchObject({ name, message: 'no funds', stack: error.stack });
    expect(Object.keys(copy)).toEqual([]);
  });

  test('the class name of an application, by name or by class', () => {
    class Declined extends RangeError {}
    class Refused extends Error {
      override name = 'RefusedError';
    }
    expect(copyOf(new Declined('x'))).toMatchObject({ name: 'Declined', message: 'x' });
    expect(Object.getPrototypeOf(copyOf(new Declined('x')))).toBe(RangeError.prototype);
    expect(copyOf(new Refused('x')).name).toBe('RefusedError');
    expect(String(copyOf(new Refused('x')))).toBe('RefusedError: x');
    expect(copyOf(new WorkflowError('STEP_TIMEOUT', 'x', { runId: 'r1' }))).toMatchObject({
      name: 'WorkflowError', code: 'STEP_TIMEOUT', runId: 'r1' });
  });

  test('code and own plain members; what cannot be stored is left out', () => {
    const error = Object.assign(new Error('http'), {
      code: 'E_HTTP', status: 402, details: { tries: [1, 2], from: null }, socket: process.stdout,
      retry: () => 1, order: new (class Order {})(),
      when: new Date(5), seen: new Map([[1n, new Set([NaN])]]), big: 'x'.repeat(100_000),
      bytes: Buffer.alloc(50_000), many: Array.from({ length: 50_000 }, () => ({ at: new Date(0) })),
    });
    const copy = copyOf(error);
    expect(Object.entries(copy)).toEqual([['code', 'E_HTTP'], ['status', 402],
      ['details', { tries: [1, 2], from: null }], ['when', new Date(5)],
      ['seen', new Map([[1n, new Set([NaN])]])]]);
    const inherited = new (class extends Error { get code(): string { return 'E_GET'; } })('x');
    expect(copyOf(inherited)).toMatchObject({ code: 'E_GET' });
  });

  test('causes, which may be anything', () => {
    const copy = copyOf(new Error('outer', { cause: new TypeError('inner', { cause: { order: 7 } }) }));
    expect(copy.cause).toBeInstanceOf(TypeError);
    expect(copy.cause).toMatchObject({ message: 'inner', cause: { order: 7 } });
    expect(Object.keys(copy)).toEqual([]);
    expect(copyOf(new Error('x', { cause: 'text' })).cause).toBe('text');
    expect(copyOf(new Error('x', { cause: null })).cause).toBeNull();
    expect(copyOf(new Error('x', { cause: new Date(7) })).cause).toEqual(new Date(7));
    expect(copyOf(new AggregateError([5n, -0, new URL('http://a/')])).cause).toBeUndefined();
    const { errors } = copyOf(new AggregateError([5n, -0, new URL('http://a/')])) as AggregateError;
    expect(errors).toEqual([5n, -0, new URL('http://a/')]);
    expect(copyOf(new Error('x', { cause: () => 1 })).cause).toBeInstanceOf(Error);
    expect('cause' in copyOf(new Error('x'))).toBe(false);
  });

  test('causes to depth 5', () => {
    let error = new Error('0');
    for (let depth = 1; depth <= 100_000; depth += 1) error = new Error(String(depth), { cause: error });
    const messages: string[] = [];
    for (let at: unknown = copyOf(error); at instanceof Error; at = at.cause) messages.push(at.message);
    expect(messages).toEqual(['100000', '99999', '99998', '99997', '99996', '99995']);
  });

  test('AggregateError, its first ten errors', () => {
    const three = [new RangeError('one'), 'two', { three: 3 }];
    const copy = copyOf(new AggregateError(three, 'many')) as AggregateError;
    expect(copy).toBeInstanceOf(AggregateError);
    expect(copy.message).toBe('many');
    expect(copy.errors[0]).toBeInstanceOf(RangeError);
    expect(copy.errors.slice(1)).toEqual(['two', { three: 3 }]);
    const many = Array.from({ length: 1_000 }, (_, index) => new Error(`error ${index}`));
    const first = copyOf(new AggregateError(many)) as AggregateError;
    expect(first.errors.map((error: Error) => error.message)).toEqual([
      ...many.slice(0, 10).map((error) => error.message), 'and 990 more']);
  });

  test('an AbortError, and what only looks like an error', () => {
    const aborted = copyOf(new DOMException('stopped', 'AbortError'));
    expect(aborted).toMatchObject({ name: 'AbortError', message: 'stopped' });
    expect(copyOf({ name: 'Remote', message: 'far away', code: 'E_FAR' })).toMatchObject({
      name: 'Remote', message: 'far away', code: 'E_FAR' });
  });

  const others: Array<[unknown, string, unknown]> = [
    ['no funds', 'no funds', undefined], ['', '', undefined],
    [undefined, 'undefined was thrown: it is no Error', undefined],
    [null, 'null was thrown: it is no Error', undefined],
    [7, 'The number 7 was thrown: it is no Error', undefined],
    [7n, 'The bigint 7 was thrown: it is no Error', undefined],
    [Symbol('s'), 'The symbol Symbol(s) was thrown: it is no Error', undefined],
    [() => 1, 'A function was thrown: it is no Error', undefined],
    [{ status: 402 }, 'An object was thrown: it is no Error', { status: 402 }],
    [new Map([[1n, new Date(2)]]), 'An object was thrown: it is no Error', new Map([[1n, new Date(2)]])],
    [new WeakMap(), 'An object was thrown: it is no Error', undefined],
  ];
  for (const [thrown, message, cause] of others) {
    test(`what is no Error: ${message}`, () => {
      const copy = copyOf(thrown);
      expect(copy).toBeInstanceOf(Error);
      expect(copy).toMatchObject({ name: 'Error', message });
      expect(copy.cause).toEqual(cause);
    });
  }
});

describe('encodeError bounds what it writes', () => {
  test('a huge message is cut, and the stack keeps its frames', () => {
    const error = new Error('m'.repeat(5_000_000));
    const copy = copyOf(error);
    expect(copy.message).toMatch(/^m{1000,}… \(cut: it has 5000000 characters\)$/);
    expect(copy.stack).toMatch(/^Error: m+… .*\n +at .*codec-error/s);
  });

  test('a huge stack, name, and members', () => {
    const error = Object.assign(new Error('x'), { stack: 's'.repeat(1e6), name: 'n'.repeat(1e6) },
      Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, index])));
    expect(copyOf(error).message).toBe('x');
    expect(Object.keys(copyOf(error))).toHaveLength(32);
    expect(copyOf(Object.assign(new Error('x'), { ['k'.repeat(1e6)]: 1 })).message).toBe('x');
  });

  test('characters whose escapes are six times as long', () => {
    const text = '\u0000\ud800'.repeat(50_000);
    const error = Object.assign(new Error(text, { cause: new Error(text, { cause: text }) }),
      { text, stack: text });
    expect(copyOf(error).message).toMatch(/^(\u0000\ud800){50,}/);
    expect(encodeError(error)).not.toContain('\u0000');
  });

  test('a tree of errors', () => {
    const tree = (depth: number): Error => (depth === 0 ? new Error('leaf '.repeat(100))
      : new AggregateError(Array.from({ length: 8 }, () => tree(depth - 1)), 'node '.repeat(100)));
    const copy = copyOf(tree(4)) as AggregateError;
    expect(copy).toBeInstanceOf(AggregateError);
    expect(copy.errors).toHaveLength(8);
    expect(copy.errors[7]).toBeInstanceOf(AggregateError);
  });
});

describe('encodeError never throws', () => {
  const trap = (): never => {
    throw new Error('trap');
  };
  const revoked = Proxy.revocable(new Error('x'), {});
  revoked.revoke();
  const hostileTraps = new Proxy({}, { get: () => trap });
  const cyclic: Error & { self?: unknown } = new Error('cyclic');
  cyclic.cause = new Error('inner', { cause: cyclic });
  cyclic.self = cyclic;
  const accessors = new Error('x');
  for (const key of ['stack', 'name', 'message', 'cause', 'code', 'constructor', 'errors', 'extra']) {
    Object.defineProperty(accessors, key, { get: trap, enumerable: true });
  }
  const wrongTypes = Object.assign(new Error('x'), {
    message: { toString: trap }, name: Symbol('n'), stack: [1], code: { toJSON: trap },
    cause: hostileTraps });
  const unprintable = Object.assign(Object.create(null) as object,
    { toString: trap, [Symbol.toPrimitive]: trap });
  const aggregate = Object.assign(new AggregateError([]), {
    errors: new Proxy([1], { get: trap }) });
  const values: Array<[string, unknown]> = [
    ['a revoked Proxy', revoked.proxy],
    ['a Proxy with throwing traps', new Proxy(new Error('x'), hostileTraps)],
    ['a cycle', cyclic], ['accessors that throw', accessors], ['members of wrong types', wrongTypes],
    ['an object that cannot be printed', unprintable], ['errors that cannot be read', aggregate],
    ['a message accessor that throws late', Object.defineProperty({}, 'message', { get: trap })],
    ['a prototype chain of Proxies', Object.create(new Proxy({}, hostileTraps))],
  ];
  for (const [name, value] of values) {
    test(name, () => {
      expect(copyOf(value)).toBeInstanceOf(Error);
    });
  }

  test('and keeps what can be read', () => {
    expect(copyOf(cyclic)).toMatchObject({ message: 'cyclic', cause: { message: 'inner' } });
    Object.defineProperty(accessors, 'message', { value: 'still here' });
    expect(copyOf(accessors).message).toBe('still here');
    expect(copyOf(wrongTypes).message).toBe('');
  });
});

describe('decodeError never throws: a broken text gives the error that says so', () => {
  const texts = [
    '', '{', 'null', '5', '[]', '"x"', '{"class":"Order"}', '{"class":"constructor"}',
    '{"class":"__proto__"}',
    '{"message":5}', '{"message":"x","errors":5}', '{"message":"x","errors":[5]}',
    '{"message":"x","cause":5}',
    '{"message":"x","cause":null}', '{"message":"x","more":{"json":1,"meta":{"v":2}}}',
    '{"message":"x","cause":{"rich":5}}', '{"message":"x","errors":[{"rich":null}]}',
    '{"message":"x","instance":{"json":1}}',
    `${'{"message":"x","cause":'.repeat(9)}{"message":"y"}${'}'.repeat(9)}`,
    `${'{"message":"x","cause":'.repeat(100_000)}{}${'}'.repeat(100_000)}`,
  ];
  for (const text of texts) {
    test(text.slice(0, 40), () => {
      const error = decodeError(text);
      expect(error).toBeInstanceOf(PayloadError);
      expect(error).toMatchObject({ code: 'VALUE_UNREADABLE', path: '' });
    });
  }

  test('also for what is no text at all', () => {
    expect(decodeError(undefined as never)).toBeInstanceOf(PayloadError);
  });

  test('and members of a text do not reach the prototype, nor replace message and stack', () => {
    const error = decodeError(
      '{"message":"m","stack":"s","fields":{"__proto__":{"polluted":1},"message":"n","stack":"t"}}');
    expect('polluted' in {}).toBe(false);
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
    expect(error).toMatchObject({ message: 'm', stack: 's' });
  });
});
