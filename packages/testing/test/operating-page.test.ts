// The samples of docs/operating.md, as they stand there; pages.test.ts compares the two.
import { createTestEnv } from '@perdure/testing';
import { type, workflow, type Client, type RunHandle } from 'perdure';
import { expect, test } from 'vitest';
import { failure } from './engine.js';

/** The world outside: a card that is declined for now. */
const bank = { declines: true, charged: 0 };

const order = workflow({
  name: 'order', retry: 1, signals: { packed: type<string>() },
  attributes: (input: { id: string; total: number }) => ({ order: input.id }),
}, async (ctx, { id, total }: { id: string; total: number }) => {
  await ctx.step('reserve', () => `stock for ${id}`);
  await ctx.step('charge', () => {
    if (bank.declines) throw new Error('card declined');
    bank.charged += total;
  });
  const by = await ctx.waitFor('packed');
  return `${id} packed by ${by}`;
});

async function declined(client: Client, id: string): Promise<RunHandle<string, { packed: string }>> {
  bank.declines = true;
  const run = await client.start(order, { id, total: 10 }, { id: `order-${id}` });
  await failure(run.result());
  return run;
}

test('a run is begun anew from what failed', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const run = await declined(env.client, '7');
  bank.declines = false;
  bank.charged = 0;
  await run.retry();

  await run.signal('packed', 'Ada');
  expect(await run.result()).toBe('7 packed by Ada');
  expect(bank.charged).toBe(10);
});

test('a run is forked', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const run = await declined(env.client, '7');
  bank.declines = false;
  bank.charged = 0;
  const other = await run.fork({ from: 'charge', id: 'order-7-half', input: { id: '7', total: 5 } });

  await other.signal('packed', 'Grace');
  expect(await other.result()).toBe('7 packed by Grace');
  expect(await run.status()).toBe('failed');
  expect(bank.charged).toBe(5);
});

test('a parked run is opened again', async () => {
  let broken = true;
  const flow = workflow('hasty', async (ctx) => {
    const sent = ctx.step('send', () => 'sent');
    return broken ? 'done' : sent;
  });
  await using env = await createTestEnv({ workflows: [flow] });
  const run = await env.start(flow);
  expect(await failure(run.result())).toMatchObject({ code: 'UNAWAITED_CALL' });
  broken = false;
  if (await run.status() === 'parked') await run.resume();
  expect(await run.result()).toBe('sent');
});

test('a run is ended without its code, and deleted', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  bank.declines = false;
  const run = await env.start(order, { id: '8', total: 10 }, { id: 'order-8' });
  await env.untilIdle();
  await run.terminate('the shop has closed');
  expect(await failure(run.result())).toMatchObject({ cause: { code: 'RUN_TERMINATED' } });
  await run.delete();
  expect(await failure(run.status())).toMatchObject({ code: 'RUN_NOT_FOUND' });
});

test('what is recorded can be read, and watched', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const run = await declined(env.client, '9');
  const lines: string[] = [];
  const show = (line: string): void => void lines.push(line);
  for await (const { type, step, error } of run.events()) {
    show(`${type} ${step ?? ''} ${error?.message ?? ''}`);
  }
  expect(lines.map((line) => line.trim())).toEqual([
    'created', 'started', 'step reserve', 'step charge card declined', 'failed  card declined',
  ]);
  const history = await run.history();
  expect(history.map(({ place, name, value }) => [place, name, value])).toEqual([
    ['1', 'reserve', 'stock for 9'], ['2', 'charge', undefined],
  ]);
  expect(await run.detail()).toMatchObject({ generation: 1, attributes: { order: '9' }, calls: [] });
});

test('many runs are begun anew, and found', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const { client } = env;
  const runs = await Promise.all(['1', '2', '3'].map((id) => declined(client, id)));
  bank.declines = false;
  const yesterday = new Date(env.now.getTime() - 86_400_000);
  const show = (line: string): string => line;
  const { done, failed } = await client
    .select({ workflow: order, status: 'failed', createdAfter: yesterday })
    .retry({ onProgress: (progress) => show(`${progress.done} begun anew`) });
  expect([done, failed]).toEqual([3, []]);
  await env.untilIdle();
  const waiting: string[] = [];
  for await (const { id, attributes } of client.list({ workflow: order, status: 'waiting' })) {
    waiting.push(`${id} is order ${String(attributes['order'])}`);
  }
  expect(waiting).toEqual(['order-1 is order 1', 'order-2 is order 2', 'order-3 is order 3']);
  for await (const { invariant, runId, what } of client.check()) {
    show(`${invariant} ${runId ?? ''}: ${what}`);
  }
  const chosen = client.select({ ids: runs.map(({ id }) => id) });
  expect(await chosen.cancel('sold out')).toMatchObject({ done: 3 });
});
