// The types that one definition carries to callers, code and results. What must not compile is marked; the
// compiler fails where a mark is not needed.
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import {
  createWorker, type, workflow, type AnyTransaction, type Client, type Ctx, type Duration, type InputOf,
  type OutputOf, type RunHandle, type RunRef, type StepInfo, type Workflow,
} from 'perdure';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const ok = <T extends true>(): T | undefined => undefined;

// Never called: it is compiled, and that is the test.
export async function starts(client: Client, tx: pg.ClientBase, kysely: Kysely<Database>): Promise<void> {
  const ref = await client.start(tx, fulfil, { orderId: '1', total: 3 });
  ok<Eq<typeof ref, RunRef<OutputOf<typeof fulfil>>>>();
  // @ts-expect-error not before the commit
  void ref.result();
  // @ts-expect-error nor its status
  void ref.status();
  ok<Eq<Awaited<ReturnType<ReturnType<typeof client.get<OutputOf<typeof fulfil>>>['result']>>,
    OutputOf<typeof fulfil>>>();
  const found = client.get(ref);
  ok<Eq<typeof found, RunHandle<OutputOf<typeof fulfil>>>>();
  const named = client.get(fulfil, 'order-1');
  ok<Eq<typeof named, RunHandle<OutputOf<typeof fulfil>>>>();

  const handle = await client.start(hello, 'Ada', { id: 'x', delay: '5 minutes' });
  ok<Eq<Awaited<ReturnType<typeof handle.result>>, string>>();
  ok<Eq<Awaited<ReturnType<typeof execute>>, string>>();
  await client.start(tick);
  await client.start(tick, undefined, { id: 'tick' });
  await client.start(tx, tick);
  const maybe = client.start(optional, undefined);
  ok<Eq<Awaited<typeof maybe>, RunHandle<number>>>();
  await kysely.transaction().execute(async (trx) => client.start(trx, hello, 'Ada'));
  const pooled = await new pg.Pool().connect();
  await client.start(pooled, hello, 'Ada');

  // @ts-expect-error a Pool is no transaction
  await client.start(new pg.Pool(), hello, 'Ada');
  // @ts-expect-error nor is a Kysely instance
  await client.start(kysely, hello, 'Ada');
  // @ts-expect-error wrong input
  await client.start(tx, fulfil, { orderId: 1 });
  // @ts-expect-error wrong input outside of a transaction
  await client.start(hello, 7);
  // @ts-expect-error input is missing
  await client.start(hello);
  // @ts-expect-error input is missing in a transaction
  await client.start(tx, hello);
  // @ts-expect-error there is none to give
  await client.start(tick, 5);
  // @ts-expect-error no such option
  await client.start(hello, 'Ada', { ID: 'x' });
  // @ts-expect-error no such unit
  await client.start(hello, 'Ada', { delay: '5 fortnights' });
  // @ts-expect-error no such way
  await client.start(hello, 'Ada', { onConflict: 'replace' });
  // @ts-expect-error the id is missing
  client.get(hello);
  const execute = (): Promise<string> => client.execute(hello, 'Ada');
}

interface Database {
  orders: { id: string };
}

const hello = workflow('hello', async (ctx, name: string) => `Hello ${await ctx.step('n', () => name)}`);
const tick = workflow({ name: 'tick' }, async (ctx) => ctx.step('x', () => 7));
const optional = workflow('optional', async (_ctx, n: number | undefined) => n ?? 1);
const fulfil = workflow({
  name: 'fulfil', input: z.object({ orderId: z.string(), total: z.coerce.number() }),
  output: type<{ tracking: string } | { rejected: string }>(),
}, async (ctx, order) => {
  ok<Eq<typeof order, { orderId: string; total: number }>>();
  // @ts-expect-error no such unit
  await ctx.sleep('5 fortnights');
  return order.total > 3 ? { tracking: 'T1' } : { rejected: 'late' };
});
const parsed = workflow({
  name: 'parsed', input: z.object({ at: z.iso.datetime().transform((at) => new Date(at)) }),
  output: z.object({ n: z.number().transform(String) }),
}, async (_ctx, { at }) => {
  ok<Eq<typeof at, Date>>();
  return { n: at.getTime() };
});

test('definitions carry what callers give and get', () => {
  ok<Eq<InputOf<typeof hello>, string>>();
  ok<Eq<OutputOf<typeof hello>, string>>();
  ok<Eq<InputOf<typeof tick>, void>>();
  ok<Eq<OutputOf<typeof tick>, number>>();
  ok<Eq<InputOf<typeof optional>, number | undefined>>();
  // Raw outside, parsed inside; and the other way round for what comes out.
  ok<Eq<InputOf<typeof fulfil>, { orderId: string; total: unknown }>>();
  ok<Eq<OutputOf<typeof fulfil>, { tracking: string } | { rejected: string }>>();
  ok<Eq<InputOf<typeof parsed>, { at: string }>>();
  ok<Eq<OutputOf<typeof parsed>, { n: string }>>();
  // @ts-expect-error output schema says number
  workflow({ name: 'w', output: type<{ a: number }>() }, async () => ({ a: 'x' }));
  // @ts-expect-error a workflow is asynchronous
  workflow('w', () => 1);
  // @ts-expect-error options have names
  workflow({ name: 'w', retires: 3 }, async () => 1);
  expect([hello, tick, fulfil, parsed].map((each: Workflow) => each.name))
    .toEqual(['hello', 'tick', 'fulfil', 'parsed']);
});

test('steps carry what their bodies return', () => {
  const code = async (ctx: Ctx): Promise<void> => {
    const step = await ctx.step('a', (info) => {
      ok<Eq<typeof info, StepInfo>>();
      return { n: 1 };
    });
    ok<Eq<typeof step, { n: number }>>();
    const later = await ctx.step('b', { retry: 3, timeout: '1.5h' }, async () => Promise.resolve('x'));
    ok<Eq<typeof later, string>>();
    const both = await Promise.all([ctx.step('c', () => 1), ctx.step('d', async () => Promise.resolve('y'))]);
    ok<Eq<typeof both, [number, string]>>();
    const slept = await ctx.sleep('2 days');
    ok<Eq<typeof slept, void>>();
    // @ts-expect-error a length of time is no instant
    await ctx.sleepUntil('1 hour');
    // @ts-expect-error no such option
    await ctx.step('e', { retries: 3 }, () => 1);
    // @ts-expect-error the body is missing
    await ctx.step('f');
    // @ts-expect-error it cannot be set
    ctx.runId = 'x';
  };
  expect(code).toBeTypeOf('function');
});

test('durations are literals with known units', () => {
  const good: Duration[] = [5, '5ms', '1 second', '2 seconds', '1.5h', '30 m', '1 week', '3w', `${7} days`];
  // @ts-expect-error no such unit
  const moon: Duration = '1 moon';
  // @ts-expect-error no unit
  const bare: Duration = '5';
  expect([good.length, moon, bare]).toEqual([9, '1 moon', '5']);
});

test('transactions are told from what is none', () => {
  const pool: pg.Pool = new pg.Pool();
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const good: (client: pg.Client, pooled: pg.PoolClient, trx: Transaction<Database>) => AnyTransaction[] =
    (client, pooled, trx) => [client, pooled, trx];
  // @ts-expect-error a pool
  const first: AnyTransaction = pool;
  // @ts-expect-error an instance
  const second: AnyTransaction = db;
  expect([good.length, first, second]).toEqual([3, pool, db]);
});

test('a worker takes workflows of every type', () => {
  const options = { workflows: [hello, tick, fulfil, parsed, optional] };
  expect(createWorker({ connection: 'postgres://nobody@127.0.0.1:1/none', ...options }).health().ok)
    .toBe(false);
  // @ts-expect-error no workflow
  expect(() => createWorker({ workflows: ['hello'] })).toThrow('no workflow');
});
