// A serializer of the application's own, before the engine's.
import { describe, expect, test } from 'vitest';
import { PayloadError, useSerializer } from '@perdure/core';
import { decode, encode } from '@perdure/core/engine';

class Point {
  constructor(readonly x: number, readonly y: number) {}
}

/** Takes points and lists of numbers, writes them as `x,y`, and makes mistakes that are asked for. */
useSerializer({
  codec: 'points-1',
  write: (value) => {
    if (value instanceof Point) return `p${value.x},${value.y}`;
    if (!Array.isArray(value) || value[0] !== 'own') return undefined;
    const [, mistake] = value as unknown[];
    if (mistake === 'throws') throw new RangeError('too pointed');
    if (mistake === 'no text') return 5 as never;
    if (mistake === 'nul') return '\0';
    if (mistake === 'half') return 'a\ud83d';
    return mistake === 'large' ? 'x'.repeat(2_000_000) : `l${JSON.stringify(value)}`;
  },
  read: (text) => {
    if (text.startsWith('l')) return JSON.parse(text.slice(1));
    const [x, y] = text.slice(1).split(',').map(Number);
    if (x === undefined || y === undefined) throw new TypeError('no point');
    return new Point(x, y);
  },
});

function failureOf(action: () => unknown): PayloadError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PayloadError);
    return error as PayloadError;
  }
  throw new Error('it went well');
}

describe('a serializer', () => {
  test('writes what it takes, under its own tag, and leaves the rest', () => {
    const encoded = encode(new Point(1, 2), 'it');
    expect(encoded).toEqual({ codec: 'points-1', text: 'p1,2' });
    expect(decode(encoded)).toEqual(new Point(1, 2));
    expect(decode(encoded)).toBeInstanceOf(Point);
    expect(encode(['own', 1], 'it')).toEqual({ codec: 'points-1', text: 'l["own",1]' });
    expect(encode([1], 'it').codec).toBe('json');
    expect(encode(new Date(0), 'it').codec).toBe('superjson');
    expect(encode(undefined, 'it')).toEqual({ codec: 'json', text: null });
  });

  test('is held to what it wrote', () => {
    const error = failureOf(() => encode(['own', { at: [new Date(0)] }], "the result of step 'a'"));
    expect(error).toMatchObject({ code: 'VALUE_NOT_STORABLE', path: '[1].at[0]' });
    expect(error.message).toMatch(/^the result of step 'a' cannot be stored: \[1\]\.at\[0\] is not the same/);
    expect(error.message).toContain("serializer 'points-1'");
    expect(failureOf(() => encode(new Point(NaN, -0), 'it')).path).toBe('y');
    const shared = {};
    expect(failureOf(() => encode(['own', shared, shared], 'it')).code).toBe('VALUE_NOT_STORABLE');
  });

  test.each([['throws', /too pointed/], ['no text', /gave no text/], ['nul', /without NUL/],
    ['half', /half a surrogate/]])('that %s refuses the value', (mistake, message) => {
    const error = failureOf(() => encode(['own', mistake], 'it'));
    expect(error.code).toBe('VALUE_NOT_STORABLE');
    expect(error.message).toMatch(message);
  });

  test('is held to the limit', () => {
    expect(failureOf(() => encode(['own', 'large'], 'it'))).toMatchObject({ code: 'VALUE_TOO_LARGE' });
  });

  test('that cannot read a text makes it unreadable, as one that is not in use', () => {
    expect(failureOf(() => decode({ codec: 'points-1', text: 'l{' }))).toMatchObject({
      code: 'VALUE_UNREADABLE', cause: expect.any(SyntaxError) });
    const error = failureOf(() => decode({ codec: 'points-2', text: 'p' }));
    expect(error.code).toBe('VALUE_UNREADABLE');
    expect(error.message).toContain("as 'points-2'. Its serializer is not in use here");
  });

  test('that was given last is asked first, and older ones still read', () => {
    useSerializer({ codec: 'points-3',
      write: (value) => (value instanceof Point ? `${value.x};${value.y}` : undefined),
      read: (text) => new Point(Number(text.split(';')[0]), Number(text.split(';')[1])) });
    expect(encode(new Point(1, 2), 'it')).toEqual({ codec: 'points-3', text: '1;2' });
    expect(decode({ codec: 'points-1', text: 'p1,2' })).toEqual(new Point(1, 2));
    expect(encode(['own', 1], 'it').codec).toBe('points-1');
  });

  test('is refused when its tag is not its own', () => {
    const rest = { write: () => undefined, read: () => 1 };
    const tags = ['json', 'superjson', 'sealed', '', 'Points', 'a b', 'x'.repeat(33), '1a', 'points-1', 5];
    for (const codec of tags) {
      expect(() => useSerializer({ codec, ...rest } as never)).toThrow(expect.objectContaining({
        code: 'INVALID_SERIALIZER' }));
    }
    expect(() => useSerializer({ codec: 'half', read: () => 1 } as never)).toThrow('needs write and read');
    const twice = { codec: 'twice', ...rest };
    useSerializer(twice);
    useSerializer(twice);
  });
});
