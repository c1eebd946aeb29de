// The types of bulk starts, of filters and of what operators do. What must not compile is marked; the
// compiler fails where a mark is not needed.
import {
  type, workflow, type BulkResult, type Client, type HistoryEntry, type RunDetails, type RunEvent,
  type RunHandle, type RunRef, type StartedMany,
} from 'perdure';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const ok = <T extends true>(): T | undefined => undefined;

const hello = workflow('hello', async (_ctx, name: string) => `Hello ${name}`);
const tick = workflow('tick', async () => 7);
const order = workflow({
  name: 'order', input: z.object({ total: z.coerce.number() }), signals: { paid: type<{ at: Date }>() },
  attributes: ({ total }) => {
    // What the schema made of the input.
    ok<Eq<typeof total, number>>();
    return { total, large: total > 100 };
  },
}, async (_ctx, { total }) => total);

// Never called: it is compiled, and that is the test.
export async function bulk(client: Client, tx: pg.ClientBase): Promise<void> {
  const refs = await client.startMany(tx, hello,
    [{ input: 'Ada', id: 'a' }, { input: 'Grace', priority: 2 }]);
  ok<Eq<typeof refs, readonly RunRef<string>[]>>();
  // @ts-expect-error not before the commit
  void refs[0]?.result();
  const counts = await client.startMany(order, (function* given() {
    yield { input: { total: '3' }, headers: { trace: 'x' }, attributes: { by: 'me', at: new Date() } };
  })(), { onProgress: ({ created, refs: [first] }) => void [created, first?.id] });
  ok<Eq<typeof counts, StartedMany>>();
  await client.startMany(order, (async function* given() {
    yield { input: { total: 3 } };
  })());
  await client.startMany(tick, [{}, { id: 'x' }, { delay: '5 minutes' }]);
  await client.startMany(tx, tick, new Set([{}]));
  await client.start(hello, 'Ada', { queue: 'apart', priority: -2, onConflict: 'restart-if-failed' });

  // @ts-expect-error wrong input
  await client.startMany(hello, [{ input: 7 }]);
  // @ts-expect-error input is missing
  await client.startMany(hello, [{ id: 'x' }]);
  // @ts-expect-error inputs stand in objects
  await client.startMany(hello, ['Ada']);
  // @ts-expect-error there is none to give
  await client.startMany(tick, [{ input: 5 }]);
  // @ts-expect-error a Pool is no transaction
  await client.startMany(new pg.Pool(), hello, [{ input: 'Ada' }]);
  // @ts-expect-error an attribute is no object
  await client.start(hello, 'Ada', { attributes: { a: {} } });
  // @ts-expect-error an attribute is not null at the start
  await client.start(hello, 'Ada', { attributes: { a: null } });
  // @ts-expect-error a header is a text
  await client.start(hello, 'Ada', { headers: { a: 1 } });
  // @ts-expect-error no such way
  await client.start(hello, 'Ada', { onConflict: 'restart' });
  const typed = workflow({
    name: 'typed', attributes: (input: { id: string }) => ({ id: input.id }),
  }, async (_ctx, input: { id: string; total: number }) => input.total);
  await client.startMany(typed, [{ input: { id: 'x', total: 1 } }]);
  // @ts-expect-error the input that the code needs
  await client.start(typed, { id: 'x' });
  // @ts-expect-error an attribute of a workflow is no object
  workflow({ name: 'w', attributes: (input: string) => ({ a: { input } }) }, async (_ctx, _in: string) => 1);
  // @ts-expect-error its attributes are made of its input
  workflow({ name: 'w', attributes: (a: number) => ({ a }) }, async (_ctx, input: string) => input);
  // @ts-expect-error and of what its schema made of it
  workflow({ name: 'w', input: type<string>(), attributes: (a: number) => ({ a }) }, async () => 1);
}

// Never called.
export async function operates(client: Client): Promise<void> {
  const run = client.get(order, 'o-1');
  await run.retry();
  await run.retry({ from: 'failure', input: { total: 3 }, version: null });
  await run.resume({ version: 'v2' });
  const fork = await run.fork({ from: 'pay', id: 'o-2', priority: 1, queue: 'apart' });
  ok<Eq<typeof fork, RunHandle<number, { paid: { at: Date } }>>>();
  await fork.signal('paid', { at: new Date() });
  await run.terminate('enough');
  await run.delete();
  for await (const event of run.events()) ok<Eq<typeof event, RunEvent>>();
  ok<Eq<Awaited<ReturnType<typeof run.history>>, readonly HistoryEntry[]>>();
  ok<Eq<Awaited<ReturnType<typeof run.detail>>, RunDetails>>();
  // @ts-expect-error a fork needs a place
  await run.fork({ id: 'o-3' });
  // @ts-expect-error and so does a reason
  await run.terminate();
  // @ts-expect-error a step is named by a text
  await run.retry({ from: 2 });

  const chosen = client.select({ workflow: order, status: ['failed', 'parked'], createdAfter: new Date() });
  ok<Eq<Awaited<ReturnType<typeof chosen.retry>>, BulkResult>>();
  await chosen.cancel('enough', { onProgress: ({ done, skipped }) => void [done, skipped] });
  await chosen.retry({ from: 'start', version: null, abortSignal: AbortSignal.timeout(1_000) });
  await client.query({ parent: run, queue: 'q', version: 'v1', reason: 'POISONED', ids: ['a'] });
  await client.query({ parent: 'o-1' });
  // @ts-expect-error no such filter
  client.select({ state: 'failed' });
  // @ts-expect-error no such status
  client.select({ status: 'lost' });
  // @ts-expect-error many runs have no input in common
  await chosen.retry({ input: 1 });
  // @ts-expect-error a filter is needed
  client.select();
}

test('the files that this one stands for compile', () => {
  expect([bulk, operates].map((each) => typeof each)).toEqual(['function', 'function']);
});
