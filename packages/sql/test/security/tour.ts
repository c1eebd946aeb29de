// A tour of the engine: every kind of call, message and verb, some of which fail, over connections that the
// test chooses. What is secret stands wherever an application may put a value.
import { createClient, type Client } from '@perdure/client';
import { NonRetryableError, type, workflow, type Connection, type Logger } from '@perdure/core';
import { pgTransactor } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import type pg from 'pg';
import { expect } from 'vitest';
import { failure, silent, until } from '../../../testing/test/engine.js';

/** Who travels. */
export interface Travellers {
  readonly worker: Connection;
  readonly client: Connection;
  /** Who retries, resumes, forks, terminates and deletes. */
  readonly operator: Connection;
  /** Of the application whose transactions the client joins. */
  readonly pool: pg.Pool;
  /** Of the worker's steps, where it is another one. */
  readonly stepPool?: pg.Pool;
  readonly log?: Logger;
  /** What stands in all values. */
  readonly secret?: string;
  /** Every text that somebody would see. */
  readonly said?: (text: string) => void;
}

const child = workflow('child', async (ctx, text: string) => ctx.step('echo', () => text));

function workflows(secret: string, trouble: { on: boolean }) {
  const traveller = workflow({
    name: 'traveller', input: type<{ text: string }>(), signals: { go: type<string>() },
    attributes: () => ({ town: 'Oslo' }),
  }, async (ctx, { text }) => {
    const tried = await ctx.step('twice', { retry: { maximumAttempts: 2, initialInterval: 1 } }, (step) => {
      step.heartbeat(secret);
      if (step.attempt === 1) throw new Error('the first attempt fails');
      return text;
    });
    await ctx.sleep(1);
    await ctx.set({ state: 'under way' });
    ctx.publish('words', tried);
    await ctx.transaction('count', async (tx) => {
      const db = tx as unknown as pg.ClientBase;
      await db.query('select 1');
    });
    const callback = await ctx.callback<string>();
    await ctx.step('tell', (step) => step.publish('token', callback.token));
    const heard = await ctx.all({
      signal: (scope) => scope.waitFor('go'),
      event: (scope) => scope.waitForEvent('dawn', { key: ctx.runId, timeout: '1 minute', lookBack: 60_000 }),
      answer: () => callback.result(),
      child: (scope) => scope.execute(child, secret),
    });
    ctx.log.info('arrived');
    return { ...heard, text };
  });
  const breaker = workflow('breaker', async (ctx, text: string) => {
    ctx.onRollback('undo', () => undefined);
    return ctx.step('break', () => {
      if (trouble.on) throw new NonRetryableError('broken');
      return text;
    });
  });
  const lost = workflow('lost', async (ctx, text: string) => {
    if (trouble.on) await new Promise((resolve) => setTimeout(resolve, 1));
    return ctx.step('found', () => text);
  });
  const sleeper = workflow('sleeper', async (ctx, text: string) => {
    await ctx.sleep('1 day');
    return text;
  });
  return { traveller, breaker, lost, sleeper };
}

/** Takes the tour; expects that everything ends as it should. */
export async function tour(travellers: Travellers): Promise<void> {
  const { secret = 'not secret', said = () => undefined, log = silent } = travellers;
  const trouble = { on: true };
  const flows = workflows(secret, trouble);
  const client = createClient({ connection: travellers.client });
  const operator = createClient({ connection: travellers.operator });
  const worker = await createWorker({
    connection: travellers.worker, logger: log, workflows: [...Object.values(flows), child],
    transactor: pgTransactor(travellers.stepPool ?? travellers.pool),
  }).start();
  try {
    await travelled(client, { ...travellers, secret, said }, flows);
    await operated(operator, { ...travellers, secret, said }, { ...flows, trouble });
    for await (const finding of client.check()) expect(finding).toBeUndefined();
  } finally {
    await worker.stop({ timeout: 0 });
  }
}

type Told = Required<Pick<Travellers, 'secret' | 'said' | 'pool'>>;

async function travelled(
  client: Client, { pool, secret, said }: Told, { traveller, sleeper }: ReturnType<typeof workflows>,
): Promise<void> {
  const tx = await pool.connect();
  try {
    await tx.query('begin');
    await client.start(tx, traveller, { text: secret }, {
      id: 'trip-1', headers: { authorization: secret }, attributes: { kind: 'trip' },
    });
    await client.signal(tx, client.get(traveller, 'trip-1'), 'go', secret, { id: 'go-1' });
    await client.emit(tx, 'dusk', secret, { key: 'trip-1' });
    await tx.query('commit');
  } finally {
    tx.release();
  }
  const run = client.get(traveller, 'trip-1');
  await client.start(traveller, { text: secret }, { id: 'trip-1' });
  let token = '';
  for await (const { chunk } of run.stream<string>('token')) {
    token = chunk;
    break;
  }
  said(await run.explain());
  await client.emit('dawn', secret, { key: 'trip-1', id: 'dawn-1' });
  await client.complete(token, secret);
  expect(await run.result()).toEqual({
    signal: secret, event: secret, answer: secret, child: secret, text: secret,
  });
  expect(await run.attributes()).toMatchObject({ town: 'Oslo', kind: 'trip', state: 'under way' });
  expect((await run.detail()).status).toBe('completed');
  expect((await run.history()).length).toBeGreaterThan(6);
  const many = await client.startMany(sleeper, ['a', 'b'].map((id) => ({ input: secret, id })));
  expect(many).toBeDefined();
  const asleep = client.get(sleeper, 'a');
  await until(async () => await asleep.status() === 'waiting');
  said(await asleep.explain());
  await asleep.cancel('it has become late');
  said(String(await failure(asleep.result())));
  for await (const { id } of client.list({ attributes: { kind: 'trip' } })) expect(id).toBe('trip-1');
  for await (const { type: kind } of run.events()) said(kind);
}

async function operated(
  operator: Client, { secret, said }: Told,
  { breaker, lost, sleeper, trouble }: ReturnType<typeof workflows> & { trouble: { on: boolean } },
): Promise<void> {
  const broken = await operator.start(breaker, secret, { id: 'broken-1' });
  await failure(broken.result());
  said(await broken.explain());
  const parked = await operator.start(lost, secret, { id: 'lost-1' });
  said(String(await failure(parked.result())));
  said(await parked.explain());
  trouble.on = false;
  await broken.retry();
  await parked.resume();
  expect([await broken.result(), await parked.result()]).toEqual([secret, secret]);
  const fork = await broken.fork({ from: 'break', id: 'fork-1' });
  expect(await fork.result()).toBe(secret);
  await until(() => fork.delete().then(() => true, (error: { code: string }) => {
    if (error.code === 'RUN_BLOCKED') return false;
    throw error;
  }));
  const late = operator.get(sleeper, 'b');
  await late.terminate('the tour ends');
  said(String(await failure(late.result())));
  await operator.start(sleeper, secret, { id: 'b', onConflict: 'restart-if-failed' });
  await until(async () => await late.status() === 'waiting');
  expect((await operator.select({ workflow: sleeper, status: 'waiting' }).cancel()).done).toBe(1);
}
