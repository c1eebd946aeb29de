// What a step returned is what it returns on replay, and what a client gets: for every kind of value, with
// the whole engine in between. What is close to the limit is told of, what is beyond it refused.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  storable, type, workflow, type EngineEvents, type PayloadError, type RunFailedError, type Workflow,
} from 'perdure';
import { afterEach, describe, expect, test } from 'vitest';
import { shapeOf } from '../../core/test/codec-shape.js';
import { World } from '../../testing/dist/world.js';

class Money {
  constructor(readonly cents: bigint, readonly currency: string) {}
}

class Declined extends RangeError {
  override readonly name = 'Declined';

  constructor(readonly price: Money, readonly retryAt: Date) {
    super(`declined: ${price.cents}`);
  }
}

storable(Money, {
  name: 'money', toData: ({ cents, currency }) => ({ cents, currency }),
  fromData: ({ cents, currency }) => new Money(cents, currency),
});
storable(Declined, {
  name: 'declined', toData: ({ price, retryAt }) => ({ price, retryAt }),
  fromData: ({ price, retryAt }) => new Declined(price, retryAt),
});

const modes = [['on the first run', {}], ['at every replay', { forgetful: true }]] as const;

const shared = { street: 'Main Street' };
const circle: { self?: unknown; list: unknown[] } = { list: [] };
circle.self = circle;
circle.list.push(circle.list, circle);
const pattern = Object.assign(/a\/b\n[/]/giu, { lastIndex: 2 });
const inner = new RangeError('inner', { cause: { at: new Date(3) } });
const caused = Object.assign(new TypeError('outer', { cause: inner }), {
  code: 'E_OUT', when: new Date(4), details: { tries: 3n },
});

const values: ReadonlyArray<readonly [string, unknown]> = [
  ['a Date', new Date(86_400_000)], ['an invalid Date', new Date(NaN)],
  ['a Map', new Map<unknown, unknown>([['a', 1n], [{ key: 1 }, undefined], [NaN, -0]])],
  ['a Set', new Set<unknown>([1, '1', null, undefined, NaN, new Set([new Map()])])],
  ['a bigint', -(2n ** 70n)], ['undefined', undefined],
  ['undefined as a member', { a: undefined, b: [undefined] }],
  ['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity], ['-0', -0], ['-0 in a list', [-0, 0]],
  ['a RegExp', pattern], ['a URL', new URL('https://ada:secret@example.org:8080/a%20b?c=d#f')],
  ['a Buffer', Buffer.from([0, 1, 254, 255])], ['an ArrayBuffer', new Uint8Array([1, 2]).buffer],
  ['Int8Array', new Int8Array([-1])], ['Uint8Array', new Uint8Array([255])],
  ['Uint8ClampedArray', new Uint8ClampedArray([255])], ['Int16Array', new Int16Array([-300])],
  ['Uint16Array', new Uint16Array([65_535])], ['Int32Array', new Int32Array([-70_000])],
  ['Uint32Array', new Uint32Array([2 ** 32 - 1])], ['Float32Array', new Float32Array([1.5, -0, NaN])],
  ['Float64Array', new Float64Array([0.1, -0, Infinity])],
  ['BigInt64Array', new BigInt64Array([-(2n ** 63n)])],
  ['BigUint64Array', new BigUint64Array([2n ** 64n - 1n])], ['a DataView', new DataView(new ArrayBuffer(2))],
  ['an Error with cause and own fields', caused],
  ['an AggregateError', new AggregateError([new RangeError('one'), 'two', { three: 3n }], 'many')],
  ['a circle', circle], ['something shared', { billing: shared, shipping: shared }],
  ['NUL, half a surrogate pair and __proto__',
    JSON.parse('{"\\u0000k":"\\ud800","__proto__":{"admin":true}}')],
  ['an instance of a registered class', { price: new Money(5n, 'EUR') }],
  ['an error of a registered class', new Declined(new Money(5n, 'EUR'), new Date(9))],
];

/** The public members of an instance of ours are all there is to it. */
const same = (one: unknown, other: unknown): void => expect(shapeOf(one)).toBe(shapeOf(other));

describe.each(modes)('%s', (_mode, rules) => {
  test.each(values)('%s comes back as it was', async (_name, value) => {
    const seen: unknown[] = [];
    const echo = workflow('echo', async (ctx, input: unknown) => {
      const stepped = await ctx.step('make', () => input);
      seen.push(stepped);
      const again = await ctx.step('make again', () => ({ stepped }));
      return again.stepped;
    });
    await using world = new World({ workflows: [echo] }, rules);
    await world.work([echo]);
    const result = await world.execute(echo, value as never);
    same(result, value);
    expect(seen.length).toBeGreaterThan('forgetful' in rules ? 1 : 0);
    for (const each of seen) same(each, value);
  });

  test('what a step threw is thrown, as what it was', async () => {
    const seen: Error[] = [];
    const failing = workflow('failing', async (ctx) => {
      for (const error of [caused, new Declined(new Money(7n, 'EUR'), new Date(9))]) {
        const thrown = ctx.step('fail', { retry: 1 }, (): never => { throw error; });
        seen.push(await thrown.catch((caught: Error) => caught));
      }
      await ctx.step('last', () => 1);
      throw seen.at(-1) ?? new Error('nothing was seen');
    });
    await using world = new World({ workflows: [failing] }, rules);
    await world.work([failing]);
    const { cause } = await world.execute(failing).catch((error: RunFailedError) => error) as RunFailedError;
    expect(seen.filter((error) => error instanceof Declined)).not.toEqual([]);
    for (const error of seen) {
      if (!(error instanceof Declined)) {
        expect(error).toBeInstanceOf(TypeError);
        const { message, code, when, details } = caused;
        expect(error).toMatchObject({ message, code, when, details });
        expect(error.cause).toMatchObject({ name: 'RangeError', cause: { at: new Date(3) } });
      } else {
        same(error, Object.assign(new Declined(new Money(7n, 'EUR'), new Date(9)), { stack: error.stack }));
      }
    }
    expect(cause).toBeInstanceOf(Declined);
    expect((cause as Declined).price).toEqual(new Money(7n, 'EUR'));
  });
});

const undo: Array<() => void> = [];
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

type Large = EngineEvents['perdure:value.large'];

function listen(): Large[] {
  const told: Large[] = [];
  const listener = (event: unknown): void => void told.push(event as Large);
  subscribe('perdure:value.large', listener);
  undo.push(() => unsubscribe('perdure:value.large', listener));
  return told;
}

describe('a large value', () => {
  const text = (bytes: number): string => 'x'.repeat(bytes - 2);
  const limit = 256 * 1024;

  async function run(
    flow: Workflow<number, unknown, unknown>, bytes: number,
  ): Promise<{ id: string; told: Large[] }> {
    const told = listen();
    await using world = new World({ workflows: [flow] });
    await world.work([flow]);
    const handle = await world.start(flow, bytes);
    await handle.result().catch(() => undefined);
    return { id: handle.id, told };
  }

  test('of a step is told of, above 256 KiB', async () => {
    const flow = workflow('step', async (ctx, bytes: number) => (
      (await ctx.step('make', () => text(bytes))).length));
    const { id, told } = await run(flow, limit + 1);
    expect(told).toEqual([{ runId: id, what: "step 'make'", bytes: limit + 1 }]);
    told.length = 0;
    expect((await run(flow, limit)).told).toEqual([]);
  });

  test('of a workflow is told of, at its end', async () => {
    const flow = workflow('result', async (_ctx, bytes: number) => text(bytes));
    const { id, told } = await run(flow, limit + 1);
    expect(told).toEqual([{ runId: id, what: 'the result of the workflow', bytes: limit + 1 }]);
    told.length = 0;
    expect((await run(flow, limit)).told).toEqual([]);
  });

  test('of a caller is told of, at the start', async () => {
    const told = listen();
    const flow = workflow('input', async (_ctx, input: string) => input.length);
    await using world = new World({ workflows: [flow] });
    await world.work([flow]);
    const { id } = await world.start(flow, text(limit + 1));
    expect(told).toEqual([{ runId: id, what: "the input of workflow 'input'", bytes: limit + 1 }]);
    await world.execute(flow, text(limit));
    expect(told).toHaveLength(1);
  });

  test('of a parent is told of, for its child', async () => {
    const told = listen();
    const child = workflow({ name: 'child', signals: { note: type<string>() }, input: type<string>() },
      async (ctx, input) => input.length + (await ctx.waitFor('note')).length);
    const parent = workflow('parent', async (ctx, bytes: number) => {
      const run = await ctx.start(child, text(bytes), { id: 'a-child' });
      await run.signal('note', text(bytes + 1));
      return run.result();
    });
    await using world = new World({ workflows: [parent, child] });
    await world.work([parent, child]);
    await world.execute(parent, limit + 1);
    expect(told).toEqual([
      { runId: 'a-child', what: "the input of workflow 'child'", bytes: limit + 1 },
      { runId: 'a-child', what: "signal 'note'", bytes: limit + 2 },
    ]);
  });

  test('is refused above 1 MiB, with the way out', async () => {
    const most = 1_048_576;
    const flow = workflow('most', async (ctx, bytes: number) => {
      const made = await ctx.step('make', () => text(bytes)).catch((error: PayloadError) => error);
      return typeof made === 'string' ? made.length : made.message;
    });
    await using world = new World({ workflows: [flow] });
    await world.work([flow]);
    expect(await world.execute(flow, most)).toBe(most - 2);
    expect(await world.execute(flow, most + 1)).toMatch(
      /^the result of step 'make' is 1\.0 MiB \(1048577 bytes\) when .*object storage.* its key\.$/);
  });
});
