// What is too deep, too long or too many is refused by an error of the engine; and what is read is data,
// whoever wrote it.
import {
  attributesOf, checkName, decode, defaultLimits, encode, encodeError, headersOf, longestAttribute,
  longestName, makeToken, maximumDepth, mostHeaderBytes, mostHeaders, parseToken, systemEnv,
} from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';

const codeOf = (deed: () => unknown): string => {
  try {
    deed();
    return 'fine';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe('limits: at one it is taken, past it refused', () => {
  const bytes = defaultLimits.maximumBytes;
  const headers = (count: number): Record<string, string> => (
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, 'x'])));
  const long = (length: number): Record<string, string> => ({ a: 'x'.repeat(length - '{"a":""}'.length) });
  test.each([
    ['levels of a value', () => encode(deep(maximumDepth), 'it'), () => encode(deep(maximumDepth + 2), 'it'),
      'VALUE_NOT_STORABLE'],
    ['levels of a value that is no plain JSON', () => encode([deep(maximumDepth - 1), 1n], 'it'),
      () => encode([deep(maximumDepth + 2), 1n], 'it'), 'VALUE_NOT_STORABLE'],
    ['bytes of a value', () => encode('x'.repeat(bytes - 2), 'it'), () => encode('x'.repeat(bytes - 1), 'it'),
      'VALUE_TOO_LARGE'],
    ['characters of a name', () => checkName('x'.repeat(longestName), 'it'),
      () => checkName('x'.repeat(longestName + 1), 'it'), 'INVALID_NAME'],
    ['headers', () => headersOf(headers(mostHeaders)), () => headersOf(headers(mostHeaders + 1)),
      'INVALID_OPTION'],
    ['bytes of headers', () => headersOf(long(mostHeaderBytes)), () => headersOf(long(mostHeaderBytes + 1)),
      'INVALID_OPTION'],
    ['bytes of an attribute', () => attributesOf({ a: 'x'.repeat(longestAttribute) }),
      () => attributesOf({ a: 'x'.repeat(longestAttribute + 1) }), 'INVALID_ATTRIBUTE'],
  ])('%s', (...[, at, past, code]) => {
    expect([codeOf(at), codeOf(past)]).toEqual(['fine', code]);
  });
});

describe('what is read', () => {
  test.each(['json', 'superjson'])('as %s does not exhaust the stack, however deep', (codec) => {
    for (const text of ['['.repeat(700_000), '['.repeat(700_000) + ']'.repeat(700_000),
      '{"a":'.repeat(200_000) + '1' + '}'.repeat(200_000)]) {
      expect(codeOf(() => decode({ codec, text }))).toMatch(/^fine$|^VALUE_UNREADABLE$/);
    }
  });

  test('changes no prototype, and makes no instance', () => {
    const text = '{"__proto__":{"hit":1},"constructor":{"prototype":{"hit":1}},"then":1}';
    const value = decode({ codec: 'json', text }) as Record<string, unknown>;
    expect(({} as Record<string, unknown>)['hit']).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'then']);
  });

  test.each(['__proto__', 'constructor', 'toString', 'eval', 'sealed', ''])('by no codec %j', (codec) => {
    expect(codeOf(() => decode({ codec, text: '1' }))).toBe('VALUE_UNREADABLE');
  });
});

test('an error is written in 16 KiB, whatever it holds', () => {
  let error: Error & { more?: unknown } = new Error('x'.repeat(1_000_000));
  for (let level = 0; level < 1_000; level++) error = new Error('y'.repeat(10_000), { cause: error });
  Object.defineProperty(error, 'more', { enumerable: true, get: () => {
    throw new Error('no');
  } });
  for (const thrown of [error, new AggregateError(Array(1_000).fill(error)), deep(100_000),
    'z'.repeat(1_000_000)]) {
    expect(Buffer.byteLength(encodeError(thrown))).toBeLessThanOrEqual(16_384);
  }
});

test('a token has 128 bits that nobody can guess, and nothing else is read as one', () => {
  const keys = new Set(Array.from({ length: 1_000 }, () => systemEnv.newToken()));
  expect(keys.size).toBe(1_000);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
  const [key = ''] = keys;
  const token = makeToken({ runId: 'a', generation: 1, key });
  expect(parseToken(token)).toEqual({ runId: 'a', generation: 1, key });
  for (const wrong of [token.slice(1), `${token}0`, token.toUpperCase(), token.replace('.1.', '.01.'),
    ` ${token}`, `${token}\n`, 'x'.repeat(100_000), '../..', null, {}]) {
    expect(codeOf(() => parseToken(wrong))).toBe('INVALID_TOKEN');
  }
});
