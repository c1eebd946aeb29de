// Values that cannot be stored are refused with the path, before anything is written; what can be stored
// comes back as it was.
import { PayloadError, RunFailedError, workflow, WorkflowError } from 'perdure';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure, freshEngine } from '../../testing/test/engine.js';

const { client, url, work, expectNothing, expectNoTrace, sql } = await freshEngine();
const echo = workflow('echo', async (_ctx, input: unknown) => input);
const tx = new pg.Client({ connectionString: url });
await tx.connect();
// A test that failed half-way must not hold up the others.
afterEach(() => tx.query('rollback'));
afterAll(() => tx.end());

class Money {
  constructor(readonly cents: number) {}
}

/** Starts a run alone and in a transaction that also writes: both are refused, and the transaction lives. */
async function refusals(input: unknown): Promise<PayloadError[]> {
  await sql('create table if not exists orders (id integer)');
  const alone = await failure<PayloadError>(client.start(echo, input));
  await expectNothing();
  await tx.query('begin');
  await tx.query('insert into orders values (1)');
  const within = await failure<PayloadError>(client.start(tx, echo, input));
  await tx.query('insert into orders values (2)');
  await tx.query('commit');
  expect(await sql('select id from orders order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  await sql('truncate orders');
  await expectNothing();
  for (const error of [alone, within]) expect(error).toBeInstanceOf(PayloadError);
  return [alone, within];
}

describe('an input that cannot be stored', () => {
  test.each([
    ['a function', { items: [{ price: () => 1 }] }, 'items[0].price', /a function.*Only data can be stored/],
    ['an instance of a class', { order: { total: new Money(5) } }, 'order.total',
      /an instance of class Money.*plain data/],
    ['a symbol', { tag: Symbol('x') }, 'tag', /a symbol.*string instead/],
    ['a promise', { later: Promise.resolve(1) }, 'later', /a Promise.*Await it first/],
    ['a function in a Map', new Map([['a', () => 1]]), 'get("a")', /a function/],
  ])('%s', async (...[, input, path, message]) => {
    for (const error of await refusals(input)) {
      expect(error).toMatchObject({ code: 'VALUE_NOT_STORABLE', path });
      expect(error.message).toMatch(/^the input of workflow 'echo' cannot be stored/);
      expect(error.message).toMatch(message);
    }
  });

  test('5 MB', async () => {
    for (const error of await refusals({ text: 'x'.repeat(5 * 1024 * 1024) })) {
      expect(error.code).toBe('VALUE_TOO_LARGE');
      expect(error.message).toMatch(/5\.0 MiB.*the limit is 1\.0 MiB.*pass a reference/);
    }
  });

  test('5 MB of bytes', async () => {
    for (const error of await refusals({ bytes: Buffer.alloc(5 * 1024 * 1024) })) {
      expect(error.code).toBe('VALUE_TOO_LARGE');
      expect(error.path).toBe('bytes');
    }
  });
});

test('what is unusual but storable comes back as it was, on the first run too', async () => {
  await work([echo]);
  const input = {
    nul: 'a\0b', lone: 'x\ud800y', ['__proto__x']: 1, none: undefined, big: 12n, at: new Date(5),
      bytes: Buffer.from('hi'),
    map: new Map([['k', new Set([1])]]), wrong: new RangeError('out'), nan: NaN, zero: -0,
  };
  expect(await client.execute(echo, input)).toEqual(input);
  expect(await client.execute(echo, JSON.parse('{"__proto__": {"polluted": true}}')))
    .toHaveProperty('__proto__');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  const [row] = await sql("select input from perdure.runs where input like '%nul%'");
  expect(row?.['input']).not.toContain('\0');
});

describe('the result of a step that cannot be stored', () => {
  test.each([
    ['a function', { deep: { f: () => 1 } }, 'VALUE_NOT_STORABLE',
      /result of step 'make' cannot be stored: deep\.f/],
    ['5 MB', 'x'.repeat(5 * 1024 * 1024), 'VALUE_TOO_LARGE', /result of step 'make'.*limit is 1\.0 MiB/],
  ])('%s fails the step at once, and the workflow may catch it', async (...[, value, code, message]) => {
    let bodies = 0;
    const make = workflow(`make-${code}`, async (ctx) => {
      try {
        await ctx.step('make', () => {
          bodies++;
          return value;
        });
      } catch (error) {
        return { caught: (error as PayloadError).name, code: (error as PayloadError).code };
      }
      return null;
    });
    await work([make]);
    const run = await client.start(make);
    expect(await run.result()).toEqual({ caught: 'PayloadError', code });
    expect(bodies).toBe(1);
    const [entry] = await sql('select value, error, attempt from perdure.journal where run_id = $1',
      [run.id]);
    expect(entry).toMatchObject({ value: null, attempt: 1 });
    expect(String(entry?.['error'])).toMatch(message);
  });
});

test('the result of a workflow that cannot be stored fails the run', async () => {
  const bad = workflow('bad-result', async () => ({ db: new Money(1) }));
  await work([bad]);
  const run = await client.start(bad);
  const error = await failure<RunFailedError>(run.result());
  expect(error).toBeInstanceOf(RunFailedError);
  expect(error.cause).toMatchObject({ name: 'PayloadError', code: 'VALUE_NOT_STORABLE', path: 'db' });
  expect(await sql('select status, output from perdure.runs where id = $1', [run.id]))
    .toEqual([{ status: 'failed', output: null }]);
  expect(await sql('select id from perdure.ready where id = $1', [run.id])).toEqual([]);
});

describe('schemas', () => {
  const positive = z.object({ amount: z.number().positive() });
  const looked = z.object({ id: z.string() }).refine(async (o) => Promise.resolve(o.id !== 'gone'),
    'no such customer');

  test.each([
    ['sync', positive, { amount: -1 }, /amount: Too small/],
    ['async', looked, { id: 'gone' }, /no such customer/],
  ])('an input that does not fit (%s) is refused at the start', async (...[name, input, value, message]) => {
    const pay = workflow({ name: `pay-${name}`, input: input as z.ZodType<unknown> }, async () => 'paid');
    const id = `schema-${name}`;
    const error = await failure(client.start(pay, value, { id }));
    expect(error).toBeInstanceOf(WorkflowError);
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error.message).toMatch(message);
    await expectNoTrace(id);
    await tx.query('begin');
    expect(await failure(client.start(tx, pay, value, { id }))).toMatchObject({ code: 'INPUT_INVALID' });
    await tx.query('commit');
    await expectNoTrace(id);
  });

  test('parse the input once more for the code, which gets what they make of it', async () => {
    const later = z.object({ at: z.coerce.date(),
      who: z.string().transform(async (w) => Promise.resolve(w.trim())) });
    const read = workflow({ name: 'read', input: later }, async (ctx, { at, who }) => (
      ctx.step('read', () => `${who} ${at.getUTCFullYear()}`)));
    await work([read]);
    expect(await client.execute(read, { at: '2026-01-01', who: ' Ada ' })).toBe('Ada 2026');
  });

  test.each([
    ['sync', positive, /amount/],
    ['async', positive.refine(async () => Promise.resolve(false), 'not today'), /amount|not today/],
  ])('a result that does not fit (%s) fails the run', async (name, output, message) => {
    const pay = workflow({ name: `pay-out-${name}`, output }, async (ctx) => ({
      amount: await ctx.step('read', () => -1),
    }));
    await work([pay]);
    const run = await client.start(pay);
    const { cause } = await failure<RunFailedError>(run.result());
    expect(cause).toMatchObject({ name: 'WorkflowError', code: 'OUTPUT_INVALID' });
    expect((cause as Error).message).toMatch(message);
    expect(await run.status()).toBe('failed');
  });

  test('a schema that throws fails the start with what it threw', async () => {
    const broken = workflow({ name: 'broken', input: z.unknown().transform(() => {
      throw new RangeError('broken schema');
    }) }, async () => 1);
    await expect(client.start(broken, 1, { id: 'thrown' })).rejects.toThrow('broken schema');
    await expectNoTrace('thrown');
  });
});
