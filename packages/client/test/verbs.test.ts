// Every verb of the client that reaches into a run, with a worker that runs it: in memory and on PostgreSQL.
import { createClient, type Client } from '@perdure/client';
import { RunCancelledError, type, workflow, type Connection, type Workflow } from '@perdure/core';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure, freshEngine, Gate, silent, until } from '../../testing/test/engine.js';

interface Stage {
  readonly connection: Connection;
  readonly client: Client;
  work(...workflows: Workflow[]): Promise<void>;
  within(end: 'commit' | 'rollback', body: (tx: never) => Promise<void>): Promise<void>;
}

const undo: Array<() => Promise<void>> = [];
afterEach(async () => {
  await Promise.all(undo.splice(0).map((end) => end()));
});

function stageOn(connection: Connection, within: Stage['within']): Stage {
  return {
    connection,
    client: createClient({ connection }),
    within,
    work: async (...workflows) => {
      const worker = await createWorker({ connection, workflows, logger: silent }).start();
      undo.push(() => worker.stop({ timeout: 0 }));
    },
  };
}

const engine = await freshEngine();
const memory = memoryConnection();
const stages: ReadonlyArray<readonly [string, Stage]> = [
  ['memory', stageOn(memory, async (end, body) => {
    const tx = memory.store.begin();
    await body(tx as never);
    if (end === 'commit') tx.commit();
    else tx.rollback();
  })],
  ['postgres', stageOn(engine.connection, async (end, body) => {
    const tx = await engine.pool.connect();
    try {
      await tx.query('begin');
      await body(tx as never);
    } finally {
      await tx.query(end);
      tx.release();
    }
  })],
];

const listens = workflow({
  name: 'listens',
  signals: { approved: z.object({ by: z.string() }), note: type<Date | string>() },
}, async (ctx) => {
  const notes: Array<Date | string> = [];
  for (let n = 0; n < 3; n++) notes.push(await ctx.waitFor('note'));
  const { by } = await ctx.waitFor('approved');
  return { by, notes };
});

describe.each(stages)('on %s', (_name, { client, work, within }) => {
  test('signals reach a run before it began, while it waits, and in a transaction', async () => {
    const run = await client.start(listens);
    await run.signal('approved', { by: 'Ada' });
    await run.signal('note', 'early');
    await work(listens);
    await until(async () => await run.status() === 'waiting');
    await within('rollback', (tx) => client.signal(tx, run, 'note', 'never'));
    await within('commit', (tx) => client.signal(tx, run, 'note', new Date(0)));
    await run.signal('note', 'late', { id: 'late' });
    await run.signal('note', 'late', { id: 'late' });
    expect(await run.result()).toEqual({ by: 'Ada', notes: ['early', new Date(0), 'late'] });
    expect(await failure(run.signal('note', 'after'))).toMatchObject({ code: 'RUN_SETTLED' });
  });

  test('an event reaches every run that waits for it, once', async () => {
    const hears = workflow('hears', async (ctx, key: string | undefined) => (
      ctx.waitForEvent<{ n: number }>('paid', { key, timeout: '1 hour' })));
    await work(hears);
    const runs = await Promise.all(['a', 'a', 'b', undefined].map((key) => client.start(hears, key)));
    for (const run of runs) await until(async () => await run.status() === 'waiting');
    await client.emit('paid', { n: 1 }, { key: 'a' });
    await within('rollback', (tx) => client.emit(tx, 'paid', { n: 0 }, { key: 'b' }));
    await within('commit', (tx) => client.emit(tx, 'paid', { n: 2 }, { key: 'b' }));
    await client.emit('paid', { n: 3 });
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test('a callback is kept by its token: completed, failed, in a transaction; the first holds', async () => {
    const tokens = new Map<string, string>();
    const asks = workflow('asks', async (ctx, name: string) => {
      const callback = await ctx.callback<{ paid: boolean }>();
      await ctx.step('hand out', () => void tokens.set(name, callback.token));
      return callback.result();
    });
    await work(asks);
    const token = async (name: string): Promise<string> => until(() => tokens.get(name)) as Promise<string>;
    const good = await client.start(asks, 'good');
    const bad = await client.start(asks, 'bad');
    const inTx = await client.start(asks, 'tx');
    await client.complete(await token('good'), { paid: true });
    await client.fail(await token('good'), new Error('too late'));
    expect(await good.result()).toEqual({ paid: true });
    await client.fail(await token('bad'), new TypeError('card declined'));
    const { cause } = await failure(bad.result());
    expect(cause).toMatchObject({ name: 'TypeError', message: 'card declined' });
    const late = await token('tx');
    await within('rollback', (tx) => client.complete(tx, late, { paid: false }));
    await within('commit', (tx) => client.complete(tx, late, { paid: true }));
    expect(await inTx.result()).toEqual({ paid: true });
    // It was answered: that its run has settled since changes nothing.
    await client.complete(await token('good'), { paid: false });
  });

  test('a cancel reaches a run that waits, in a transaction too', async () => {
    const undone: string[] = [];
    const waits = workflow('waits', async (ctx) => {
      try {
        await ctx.sleep('1 day');
      } catch (error) {
        await ctx.step('undo', () => void undone.push((error as RunCancelledError).reason));
        throw error;
      }
    });
    await work(waits);
    const [one, other] = [await client.start(waits), await client.start(waits)];
    await until(async () => await one.status() === 'waiting' && await other.status() === 'waiting');
    await one.cancel('no longer needed');
    const error = await failure<RunCancelledError>(one.result());
    expect(error).toBeInstanceOf(RunCancelledError);
    expect(error).toMatchObject({ runId: one.id, reason: 'no longer needed' });
    await within('rollback', (tx) => client.cancel(tx, other, 'never'));
    await within('commit', (tx) => client.cancel(tx, other));
    expect(await failure(other.result())).toMatchObject({ reason: 'a client asked for it' });
    expect(undone).toEqual(['no longer needed', 'a client asked for it']);
    // It is cancelled already, and asked for nothing new.
    await one.cancel();
  });

  test('a run fails when its time is up', async () => {
    const endless = workflow('endless', async (ctx) => ctx.sleep('1 day'));
    await work(endless);
    const run = await client.start(endless, undefined, { timeout: 50 });
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_FAILED', cause: { code: 'RUN_TIMEOUT' } });
    expect(await run.status()).toBe('failed');
  });

  test('a stream is read while it is written, by the workflow and by its steps', async () => {
    const halfway = new Gate();
    const tells = workflow('tells', async (ctx) => {
      ctx.publish('progress', 'begin');
      await ctx.step('work', async (step) => {
        for (let n = 0; n < 3; n++) step.publish('progress', { n });
        await halfway.passed;
        for (let n = 3; n < 200; n++) step.publish('progress', { n });
      });
      ctx.publish('progress', 'end');
    });
    await work(tells);
    const run = await client.start(tells);
    const found: unknown[] = [];
    for await (const { offset, chunk } of run.stream('progress')) {
      expect(offset).toBe(found.length);
      found.push(chunk);
      // What was published before the gate is seen before it opens.
      if (found.length === 4) halfway.open();
    }
    const numbers = Array.from({ length: 200 }, (_, n) => ({ n }));
    expect(found).toEqual(['begin', ...numbers, 'end']);
  });

  test('attributes are seen while a run waits, and it is found by them', async () => {
    const signals = { go: type<void>() };
    const shows = workflow({ name: 'shows', signals }, async (ctx, customer: string) => {
      await ctx.set({ customer, state: 'waiting' });
      await ctx.waitFor('go');
      await ctx.set({ state: 'done', customer: null });
    });
    await work(shows);
    const run = await client.start(shows, 'Ada');
    await client.start(shows, 'Grace');
    const search = { workflow: shows, attributes: { customer: 'Ada', state: 'waiting' } };
    const found = await until(async () => (await client.query(search)).runs[0]);
    expect(found?.id).toBe(run.id);
    await run.signal('go');
    await run.result();
    expect(await run.attributes()).toEqual({ state: 'done' });
    expect((await client.query(search)).runs).toEqual([]);
  });

  test('a step needs an id to send, and a workflow function sends nothing', async () => {
    const target = await client.start(listens);
    const sends: Record<string, () => Promise<void>> = {
      signal: () => target.signal('note', 'x'),
      emit: () => client.emit('paid'),
    };
    const free: Record<string, () => Promise<void>> = {
      'signal with an id': () => target.signal('note', 'x', { id: 'x' }),
      'emit with an id': () => client.emit('free', 1, { id: 'x' }),
      cancel: () => target.cancel(),
    };
    const every = { ...sends, ...free };
    const inStep = workflow('sends-in-step', async (ctx, verb: string) => (
      ctx.step('send', { retry: 1 }, async () => every[verb]?.())));
    const inCode = workflow('sends-in-code', async (_ctx, verb: string) => every[verb]?.());
    await work(inStep, inCode);
    for (const verb of Object.keys(sends)) {
      const { cause } = await failure((await client.start(inStep, verb)).result());
      expect([verb, cause]).toMatchObject([verb, { code: 'SEND_NEEDS_ID' }]);
      expect((cause as Error).message).toMatch(/step\.idempotencyKey/);
    }
    for (const verb of Object.keys(free)) await (await client.start(inStep, verb)).result();
    for (const verb of Object.keys(every)) {
      const run = await client.start(inCode, verb);
      expect(await failure(run.result()))
        .toMatchObject({ name: 'RunParkedError', code: 'CLIENT_IN_WORKFLOW' });
    }
  });
});

test('a handle is refused an id that no run can have, before others wait behind the same query', () => {
  const client = createClient({ connection: memory });
  const unnamed = workflow('unnamed', async () => undefined);
  for (const id of ['', 'a\0b', '\ud800', 'x'.repeat(192), 5, null, {}]) {
    const get = (): unknown => client.get(unnamed, id as string);
    expect(get).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
    expect(() => client.get({ id, workflow: 'unnamed' } as never)).toThrow(/the id of a run/);
  }
  for (const ref of [undefined, null, {}, 'run-1']) {
    expect(() => client.get(ref as never)).toThrow(/the id of a run/);
  }
});
