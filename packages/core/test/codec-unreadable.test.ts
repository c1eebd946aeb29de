import { describe, expect, test } from 'vitest';
import { PayloadError } from '@perdure/core';
import { decode, type Encoded } from '@perdure/core/engine';

function unreadable(encoded: unknown): PayloadError {
  try {
    decode(encoded as Encoded);
  } catch (error) {
    expect(error).toBeInstanceOf(PayloadError);
    return error as PayloadError;
  }
  throw new Error('it was read');
}

describe('a broken text gives VALUE_UNREADABLE', () => {
  const custom = (name: string, json: unknown): string => (
    JSON.stringify({ json, meta: { values: [['custom', name]], v: 1 } }));
  const table = (rows: unknown): string => custom('table', rows);
  const leaf = (data: unknown): string => custom('leaf', data);
  const texts: Array<[codec: string, text: string]> = [
    ['json', ''], ['json', '{'], ['json', 'undefined'], ['json', "{'a':1}"], ['json', '\u0000'],
    ['yaml', 'a: 1'],
    ['superjson', ''], ['superjson', '5'], ['superjson', 'null'], ['superjson', '{}'], ['superjson', '[1]'],
    ['superjson', '{"__proto__":{"json":1}}'],
    ['superjson', '{"json":1,"meta":null}'], ['superjson', '{"json":1,"meta":{"v":2}}'],
    ['superjson', '{"json":{"a":1},"meta":{"values":{"a":["Date"]}}}'],
    ['superjson', '{"json":{"a":null,"b":null},' +
      '"meta":{"values":{"b":["undefined"]},"referentialEqualities":{"toString":["a"]},"v":1}}'],
    ['superjson', '{"json":"x","meta":{"values":["bigint"],"v":1}}'],
    ['superjson', '{"json":"x","meta":{"values":["nonsense"],"v":1}}'],
    ['superjson', '{"json":"x","meta":{"values":["constructor"],"v":1}}'],
    ['superjson', '{"json":"x","meta":{"values":[["custom","__proto__"]],"v":1}}'],
    ['superjson', '{"json":{},"meta":{"values":{"__proto__.polluted":["undefined"]},"v":1}}'],
    ['superjson', '{"json":{},"meta":{"values":{"constructor.prototype.polluted":["undefined"]},"v":1}}'],
    ['superjson', '{"json":{},"meta":{"values":{"__proto__":{"polluted":["undefined"]}},"v":1}}'],
    ['superjson', '{"json":{"class":"Order","members":{}},"meta":{"values":[["custom","Error"]],"v":1}}'],
    ['superjson', '{"json":{"class":"Error"},"meta":{"values":[["custom","Error"]],"v":1}}'],
    ['superjson', leaf(['Order', ''])], ['superjson', leaf(['Buffer', '!'])],
    ['superjson', leaf(['Buffer', 'abc'])],
    ['superjson', leaf(['Float64Array', 'AAAA'])], ['superjson', leaf(['RegExp', ['(', '', 0]])],
    ['superjson', leaf(5)],
    ['superjson', leaf(['RegExp', ['x', '']])], ['superjson', leaf(['Date', 'noon'])],
    ['superjson', leaf(['URL', 'x'])],
    ['superjson', table(5)], ['superjson', table([])], ['superjson', table([5])],
    ['superjson', table([['Order']])],
    ['superjson', table([['Array', [1]]])], ['superjson', table([['Array', [-1]]])],
    ['superjson', table([['Array', []]])],
    ['superjson', table([['Array', ['symbol', 'x']]])], ['superjson', table([['Array', {}]])],
    ['superjson', table([['Array', ['bigint', '1.5']]])], ['superjson', table([['Error', 'Order']])],
    ['superjson', table([['Uint8Array', 5]])],
  ];
  for (const [codec, text] of texts) {
    test(`${codec} ${JSON.stringify(text)}`, () => {
      const error = unreadable({ codec, text });
      expect(error).toMatchObject({ name: 'PayloadError', code: 'VALUE_UNREADABLE', path: '' });
      expect(error.message).toContain(`of ${text.length} characters cannot be read as '${codec}'`);
      expect('polluted' in {}).toBe(false);
    });
  }

  test('and an own __proto__ in a text stays a member', () => {
    const rows = '{"json":[["Object","__proto__",[1]],["Object","polluted",1]],' +
      '"meta":{"values":[["custom","table"]],"v":1}}';
    const plain = '{"__proto__":{"polluted":1}}';
    for (const encoded of [{ codec: 'superjson', text: rows }, { codec: 'json', text: plain }]) {
      const value = decode(encoded as Encoded) as { polluted?: unknown };
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(value.polluted).toBeUndefined();
      expect(Object.hasOwn(value, '__proto__')).toBe(true);
    }
  });

  test('and notes that would send superjson round and round are seen before', () => {
    for (const notes of ['"v"', '{"a":"v"}', '["map","v"]', '["map",["Date"]]', 'null']) {
      const text = `{"json":{"a":[]},"meta":{"values":${notes},"v":1}}`;
      const { cause } = unreadable({ codec: 'superjson', text });
      expect(cause).toBeInstanceOf(TypeError);
      expect((cause as TypeError).message).toContain('notes');
    }
  });

  test('also for 100,000 levels', () => {
    const notes = `${'{"a":'.repeat(100_000)}["Date"]${'}'.repeat(100_000)}`;
    const text = `{"json":1,"meta":{"values":${notes},"v":1}}`;
    expect(unreadable({ codec: 'superjson', text }).code).toBe('VALUE_UNREADABLE');
  });
});
