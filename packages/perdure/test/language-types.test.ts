// The types that a definition carries into signals, children, races, callbacks, streams and queries. What
// must not compile is marked; the compiler fails where a mark is not needed.
import * as v from 'valibot';
import { Kysely, type Transaction } from 'kysely';
import {
  type, workflow, type Attributes, type ChildRun, type Client, type Ctx, type InputOf, type NoSignals,
  type OutputOf, type RunHandle, type RunRef, type RunStatus, type RunSummary, type Workflow,
} from 'perdure';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const ok = <T extends true>(): T | undefined => undefined;

const hello = workflow('hello', async (ctx, name: string) => `Hello ${await ctx.step('n', () => name)}`);
const tick = workflow({ name: 'tick' }, async (ctx) => ctx.step('x', () => 7));

type Signals = { approved: { by: string }; note: string };

const fulfil = workflow({
  name: 'fulfil', input: z.object({ orderId: z.string(), total: z.coerce.number() }),
  output: type<{ tracking: string } | { rejected: string }>(),
  signals: { approved: z.object({ by: z.string() }), note: type<string>() }, timeout: '30 days',
}, async (ctx, order) => {
  ok<Eq<typeof order, { orderId: string; total: number }>>();
  ok<Eq<typeof ctx, Ctx<Signals>>>();
  const approved = await ctx.waitFor('approved', { timeout: '7 days' });
  ok<Eq<typeof approved, { by: string } | null>>();
  const sure = await ctx.waitFor('approved');
  ok<Eq<typeof sure, { by: string }>>();
  // @ts-expect-error no such signal
  await ctx.waitFor('nope');
  // @ts-expect-error no such unit
  await ctx.sleep('5 fortnights');
  const first = await ctx.race({ done: (one) => one.waitFor('note'), late: (one) => one.sleep('1h') });
  if (first.winner === 'done') ok<Eq<typeof first.value, string>>();
  else ok<Eq<typeof first.value, void>>();
  const all = await ctx.all({ note: (one) => one.waitFor('note'), seven: (one) => one.execute(tick) });
  ok<Eq<typeof all, { note: string; seven: number }>>();
  await ctx.execute(tick);
  return approved === null ? { rejected: 'late' } : { tracking: 'T1' };
});

// The contract by valibot: the same types as by zod.
const byValibot = workflow({
  name: 'by-valibot',
  input: v.object({ orderId: v.string(), total: v.pipe(v.unknown(), v.transform(Number)) }),
  output: v.object({ at: v.pipe(v.date(), v.transform((at) => at.toISOString())) }),
  signals: { approved: v.object({ by: v.string() }) },
}, async (ctx, order) => {
  ok<Eq<typeof order, { orderId: string; total: number }>>();
  const { by } = await ctx.waitFor('approved');
  ok<Eq<typeof by, string>>();
  return { at: new Date() };
});

test('definitions carry input, output and signals', () => {
  ok<Eq<InputOf<typeof hello>, string>>();
  ok<Eq<OutputOf<typeof hello>, string>>();
  ok<Eq<InputOf<typeof fulfil>, { orderId: string; total: unknown }>>();
  ok<Eq<OutputOf<typeof fulfil>, { tracking: string } | { rejected: string }>>();
  ok<Eq<InputOf<typeof byValibot>, { orderId: string; total: unknown }>>();
  ok<Eq<OutputOf<typeof byValibot>, { at: string }>>();
  ok<Eq<typeof hello, Workflow<string, string, string, NoSignals>>>();
  // Without a schema the input is what the code takes, whichever form the definition has.
  const bare = workflow({ name: 'bare', queue: 'q' }, async (_ctx, input: { n: number }) => input.n);
  ok<Eq<typeof bare, Workflow<{ n: number }, { n: number }, number, NoSignals>>>();
  const withOutput = workflow({ name: 'w', output: type<number>() }, async (_ctx, n: number) => n);
  ok<Eq<typeof withOutput, Workflow<number, number, number, NoSignals>>>();
  const listening = workflow({ name: 'w', signals: { stop: type<void>() } }, async (_ctx, n: number) => n);
  ok<Eq<typeof listening, Workflow<number, number, number, { stop: void }>>>();
  const signals = { stop: type<void>() };
  const inputless = workflow({ name: 'w', signals }, async (ctx) => ctx.waitFor('stop'));
  ok<Eq<typeof inputless, Workflow<void, void, void, { stop: void }>>>();
  // A definition of any types stands where any workflow is asked for.
  const every: Workflow[] = [hello, tick, fulfil, byValibot];
  // @ts-expect-error output schema says number
  workflow({ name: 'w', output: type<{ a: number }>() }, async () => ({ a: 'x' }));
  // @ts-expect-error no such unit
  expect(() => workflow({ name: 'w', timeout: '5 fortnights' }, async () => 1)).toThrow('timeout');
  // @ts-expect-error a signal needs a schema, or type()
  expect(() => workflow({ name: 'w', signals: { approved: 'string' } }, async () => 1)).not.toThrow();
  expect(every.length).toBe(4);
});

// Never called: it is compiled, and that is the test.
export async function sends(
  client: Client, tx: pg.ClientBase, [pool, db]: [pg.Pool, Kysely<Tables>],
): Promise<void> {
  const ref = await client.start(tx, fulfil, { orderId: '1', total: 3 });
  ok<Eq<typeof ref, RunRef<OutputOf<typeof fulfil>, Signals>>>();
  // @ts-expect-error not before the commit
  void ref.result();
  // @ts-expect-error nor a signal
  void ref.signal('note', 'x');
  // In the transaction that starts it, a run can be sent to.
  await client.signal(tx, ref, 'approved', { by: 'Ada' });
  await client.signal(tx, ref, 'note', 'x', { id: 'note-1' });
  await client.cancel(tx, ref, 'changed our mind');
  await db.transaction().execute(async (trx) => {
    await client.signal(trx, ref, 'note', 'x');
    await client.emit(trx, 'order.paid', { total: 3 }, { key: 'order-1', id: 'e-1' });
  });
  // @ts-expect-error no such signal
  await client.signal(tx, ref, 'nope', 1);
  // @ts-expect-error wrong payload
  await client.signal(tx, ref, 'approved', { by: 1 });
  // @ts-expect-error the payload is missing
  await client.signal(tx, ref, 'approved');
  // @ts-expect-error a Pool is no transaction
  await client.signal(pool, ref, 'note', 'x');
  // @ts-expect-error nor is a Kysely instance
  await client.signal(db, ref, 'note', 'x');
  // @ts-expect-error nor to cancel
  await client.cancel(pool, ref);

  const handle = client.get(ref);
  ok<Eq<typeof handle, RunHandle<OutputOf<typeof fulfil>, Signals>>>();
  const found = client.get(fulfil, 'order-1');
  ok<Eq<typeof found, RunHandle<OutputOf<typeof fulfil>, Signals>>>();
  await found.signal('approved', { by: 'Ada' }, { id: 'approval' });
  // @ts-expect-error wrong payload
  await found.signal('approved', { by: 1 });
  // @ts-expect-error no such signal
  await found.signal('nope', 1);
  // @ts-expect-error no such option
  await found.signal('note', 'x', { key: 'x' });
  // @ts-expect-error a workflow without signals takes none
  await client.get(hello, 'x').signal('note', 'x');
  ok<Eq<Awaited<ReturnType<typeof found.result>>, OutputOf<typeof fulfil>>>();
  ok<Eq<Awaited<ReturnType<ReturnType<typeof client.get<OutputOf<typeof fulfil>, Signals>>['result']>>,
    OutputOf<typeof fulfil>>>();
  // A handle stands where a reference or a handle of unknown types is asked for.
  const anyRun: RunRef[] = [ref, handle, found];
  const anyHandle: RunHandle[] = [handle, found, client.get(hello, 'x')];
  void [anyRun, anyHandle];
  // @ts-expect-error the id is missing
  client.get(fulfil);
  await client.start(fulfil, { orderId: '1', total: 3 }, { timeout: '2 days' });
  // @ts-expect-error no such unit
  await client.start(fulfil, { orderId: '1', total: 3 }, { timeout: '2 fortnights' });
}

/** A signal without a payload is sent without one; code may be written for handles of any types. */
export async function sendsLittle(
  client: Client, tx: pg.ClientBase, any: RunHandle<any, any>,
): Promise<void> {
  const signals = { stop: type<void>(), maybe: type<string | undefined>() };
  const stops = workflow({ name: 'stops', signals }, async (ctx) => ctx.waitFor('stop'));
  const handle = client.get(stops, 'x');
  await handle.signal('stop');
  await handle.signal('stop', undefined, { id: 'x' });
  await client.signal(tx, handle, 'stop');
  await client.signal(tx, handle, 'stop', undefined, { id: 'x' });
  await handle.signal('maybe', undefined);
  // @ts-expect-error there is nothing to give
  await handle.signal('stop', 1);
  // @ts-expect-error it may be undefined, and that must be said
  await handle.signal('maybe');
  await any.signal('anything', { at: 'all' }, { id: 'x' });
  const stop = async <Out>(one: RunHandle<Out, { stop: void }>): Promise<Out> => {
    await one.signal('stop');
    await client.cancel(tx, one);
    return one.result();
  };
  await stop(handle);
  // @ts-expect-error it takes no such signal
  await stop(client.get(hello, 'x'));
  const cancel = async <Out, Sig>(one: RunRef<Out, Sig>): Promise<void> => client.cancel(tx, one);
  await cancel(handle);
}

interface Tables {
  orders: { id: string };
}

export async function tells(
  client: Client, [tx, pool]: [pg.ClientBase, pg.Pool], token: string,
): Promise<void> {
  await client.emit('order.paid');
  await client.emit('order.paid', { total: 3 }, { key: 'order-1' });
  await client.emit(tx, 'order.paid', { total: 3 });
  // @ts-expect-error a Pool is no transaction
  await client.emit(pool, 'order.paid', { total: 3 });
  // @ts-expect-error the key is a text
  await client.emit('order.paid', {}, { key: 7 });
  await client.complete(token, { ok: true });
  await client.complete(tx, token);
  await client.fail(token, new Error('no'));
  await client.fail(tx, token, 'no');
  // @ts-expect-error a failure says what failed
  await client.fail(token);
  // @ts-expect-error a Pool is no transaction
  await client.complete(pool, token, 1);
}

export async function reads(client: Client): Promise<void> {
  const handle = client.get(fulfil, 'order-1');
  for await (const piece of handle.stream<{ token: string }>('tokens', { from: 3 })) {
    ok<Eq<typeof piece, {
      readonly generation: number; readonly offset: number; readonly chunk: { token: string };
      readonly at: Date;
    }>>();
  }
  for await (const { chunk } of handle.stream('tokens')) ok<Eq<typeof chunk, unknown>>();
  // @ts-expect-error an offset is a number
  handle.stream('tokens', { from: '3' });
  ok<Eq<Awaited<ReturnType<typeof handle.attributes>>, Attributes>>();
  const page = await client.query({ workflow: fulfil, status: ['running', 'waiting'],
    attributes: { customer: 'Ada', total: 3, vip: true, due: new Date() }, limit: 10 });
  ok<Eq<typeof page.cursor, string | null>>();
  for (const run of page.runs) {
    ok<Eq<typeof run, RunSummary>>();
    ok<Eq<typeof run.status, RunStatus>>();
    void client.get(run).result();
  }
  for await (const run of client.list({ status: 'failed' })) ok<Eq<typeof run, RunSummary>>();
  // @ts-expect-error no such status
  await client.query({ status: 'lost' });
  // @ts-expect-error an attribute is no object
  await client.query({ attributes: { customer: { name: 'Ada' } } });
}

test('a workflow carries the types of its children, callbacks, maps and events', () => {
  const code = async (ctx: Ctx<Signals>): Promise<void> => {
    ok<Eq<Awaited<ReturnType<typeof executed>>, string>>();
    const executed = (): Promise<string> => ctx.execute(hello, 'Ada', { id: 'x', parentClose: 'abandon' });
    const child = await ctx.start(fulfil, { orderId: '1', total: '3' });
    ok<Eq<typeof child, ChildRun<OutputOf<typeof fulfil>, Signals>>>();
    await child.signal('approved', { by: 'Ada' });
    ok<Eq<Awaited<ReturnType<typeof child.result>>, OutputOf<typeof fulfil>>>();
    // @ts-expect-error no such signal
    await child.signal('nope', 1);
    // @ts-expect-error wrong payload
    await child.signal('approved', { by: 1 });
    // @ts-expect-error wrong input
    await ctx.execute(hello, 7);
    // @ts-expect-error input is missing
    await ctx.execute(hello);
    // @ts-expect-error no such policy
    await ctx.execute(tick, undefined, { parentClose: 'ignore' });
    const lengths = await ctx.map('lengths', ['a', 'bb'], { key: (text) => text }, (text) => text.length);
    ok<Eq<typeof lengths, number[]>>();
    const callback = await ctx.callback<{ paid: boolean }>();
    ok<Eq<typeof callback.token, string>>();
    const paid = await callback.result();
    ok<Eq<typeof paid, { paid: boolean }>>();
    const late = await callback.result({ timeout: '1 day' });
    ok<Eq<typeof late, { paid: boolean } | null>>();
    const event = await ctx.waitForEvent<{ total: number }>('order.paid', { key: 'x', timeout: '1 day' });
    ok<Eq<typeof event, { total: number } | null>>();
    // @ts-expect-error an event may never come: say how long to wait
    await ctx.waitForEvent('order.paid', { key: 'order-1' });
    const reserved = await ctx.transaction('reserve', async (tx) => (await tx.query('select 1')).rows.length);
    ok<Eq<typeof reserved, number>>();
    // @ts-expect-error no such level
    await ctx.transaction('reserve', { isolationLevel: 'read uncommitted' }, async () => 1);
    ctx.onRollback('release', async (step, cause) => {
      ok<Eq<typeof cause, Error>>();
      await Promise.resolve(step.idempotencyKey);
    });
    await ctx.set({ customer: 'Ada', total: 3, vip: true, due: new Date(), old: null });
    // @ts-expect-error an attribute is no object
    await ctx.set({ customer: { name: 'Ada' } });
    ctx.publish('tokens', { token: 'x' });
  };
  expect(code).toBeTypeOf('function');
});

test('code that is written for any signals takes the context of any workflow', () => {
  const record = async (ctx: Pick<Ctx, 'step'>): Promise<number> => ctx.step('record', () => 1);
  const named = workflow({ name: 'w', signals: { note: type<string>() } }, async (ctx) => record(ctx));
  ok<Eq<OutputOf<typeof named>, number>>();
  const transaction: (trx: Transaction<Tables>) => Parameters<Client['cancel']>[0] = (trx) => trx;
  expect(transaction).toBeTypeOf('function');
});
