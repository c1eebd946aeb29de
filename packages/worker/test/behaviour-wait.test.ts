// Sleeps and retries on a database: never early by its clock, durable between attempts, and free of charge.
// What they do beside is in behaviour-retries.test.ts, for every mode.
import { RetryAfterError, workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { failure, freshEngine, time, until } from '../../testing/test/engine.js';

const { client, sql, work } = await freshEngine();

/** Milliseconds between two recorded answers of a run, by the database's clock. */
async function between(runId: string, first: string, second: string): Promise<number> {
  const [row] = await sql(`select extract(epoch from b.ended_at - a.ended_at)::float8 * 1000 as ms
    from perdure.journal a, perdure.journal b
   where a.run_id = $1 and b.run_id = $1 and a.name = $2 and b.name = $3`, [runId, first, second]);
  return Number(row?.['ms']);
}

const databaseNow = async (): Promise<Date> =>
  (await sql('select clock_timestamp() as now'))[0]?.['now'] as Date;

describe('a sleep', () => {
  test('is never early by the clock of the database', async () => {
    const nap = workflow('nap', async (ctx, ms: number) => {
      await ctx.step('before', () => 1);
      await ctx.sleep(ms);
      await ctx.step('after', () => 2);
    });
    await work([nap]);
    const naps = [0, 1, 7, 50, 200, 333];
    const runs = await Promise.all(naps.map((ms) => client.start(nap, ms)));
    await Promise.all(runs.map((run) => run.result()));
    for (const [at, run] of runs.entries()) {
      expect(await between(run.id, 'before', 'sleep')).toBeGreaterThanOrEqual(naps[at]!);
    }
  });

  test('until an instant is not early either, and one that has passed is over at once', async () => {
    const wait = workflow('wait', async (ctx, at: Date) => {
      await ctx.sleepUntil(at);
      return ctx.now();
    });
    await work([wait]);
    const at = new Date((await databaseNow()).getTime() + 300);
    const run = await client.start(wait, at);
    expect((await run.result()).getTime()).toBeGreaterThanOrEqual(at.getTime());
    const [row] = await sql('select ended_at from perdure.journal where run_id = $1', [run.id]);
    expect(time(row, 'ended_at')).toBeGreaterThanOrEqual(at.getTime());
    await client.execute(wait, new Date(0));
  });

  test('longer than a timer of the machine can be is kept by the database', async () => {
    const long = workflow('long', async (ctx) => ctx.sleep('60 days'));
    await work([long]);
    const run = await client.start(long);
    const due = `select extract(epoch from due_at - clock_timestamp())::float8 as s
      from perdure.ready where id = $1`;
    await until(async () => await run.status() === 'waiting');
    const [row] = await sql(due, [run.id]);
    expect(Number(row?.['s'])).toBeGreaterThan(59 * 86_400);
    await sql('delete from perdure.ready where id = $1', [run.id]);
  });

  test('gives the slot back', async () => {
    const sleeper = workflow('sleeper', async (ctx) => ctx.sleep('1 hour'));
    const quick = workflow('quick', async (ctx) => ctx.step('quick', () => 'done'));
    const worker = await work([sleeper, quick], { concurrency: 1 });
    const runs = await Promise.all([1, 2, 3].map(() => client.start(sleeper)));
    await until(async () => (await Promise.all(runs.map((run) => run.status()))).every((it) =>
      it === 'waiting'));
    expect(await client.execute(quick)).toBe('done');
    expect(worker.health().activeRuns).toBe(0);
    await sql("delete from perdure.ready where workflow = 'sleeper'");
  });

  test('delays a start', async () => {
    const quick = workflow('delayed', async (ctx) => ctx.step('quick', () => 'done'));
    await work([quick]);
    const run = await client.start(quick, undefined, { delay: '150 ms' });
    const before = await databaseNow();
    const later = await client.start(quick, undefined, { startAt: new Date(before.getTime() + 200) });
    await Promise.all([run.result(), later.result()]);
    const rows = await sql(`select r.id, extract(epoch from r.started_at - r.created_at)::float8 * 1000 as ms,
      r.started_at from perdure.runs r where id = any($1)`, [[run.id, later.id]]);
    const byId = new Map(rows.map((row) => [row['id'], row]));
    expect(Number(byId.get(run.id)?.['ms'])).toBeGreaterThanOrEqual(150);
    expect(time(byId.get(later.id), 'started_at'))
      .toBeGreaterThanOrEqual(before.getTime() + 200);
  });
});

describe('a retry', () => {
  const boom = new RangeError('boom');

  test('waits as its policy says, and the last error reaches the workflow', async () => {
    const tries: number[] = [];
    const fails = workflow('fails', async (ctx) => ctx.step('fail', {
      retry: { maximumAttempts: 3, initialInterval: 40, backoffCoefficient: 2, jitter: false },
    }, (step) => {
      tries.push(step.attempt);
      throw new RangeError(`boom ${step.attempt}`);
    }));
    await work([fails]);
    const run = await client.start(fails);
    const { cause } = await failure(run.result());
    expect(cause).toBeInstanceOf(RangeError);
    expect(cause).toMatchObject({ message: 'boom 3' });
    expect(tries).toEqual([1, 2, 3]);
    const [entry] = await sql('select attempt from perdure.journal where run_id = $1', [run.id]);
    expect(entry).toEqual({ attempt: 3 });
    expect(await sql('select * from perdure.calls where run_id = $1', [run.id])).toEqual([]);
  });

  test('is durable between attempts: another worker goes on with the count', async () => {
    const seen: number[] = [];
    const flaky = workflow('flaky', async (ctx) => ctx.step('flaky', {
      retry: { maximumAttempts: 3, initialInterval: '1 hour', jitter: false },
    }, (step) => {
      seen.push(step.attempt);
      if (step.attempt < 3) throw boom;
      return `attempt ${step.attempt}, key ${step.idempotencyKey}`;
    }));
    const run = await client.start(flaky);
    for (const attempts of [1, 2]) {
      const worker = await work([flaky]);
      await until(async () => (await sql('select attempt from perdure.calls where run_id = $1',
        [run.id]))[0]?.[
        'attempt'] === attempts);
      await until(async () => await run.status() === 'waiting');
      await worker.stop();
      await sql('update perdure.calls set due_at = clock_timestamp() where run_id = $1', [run.id]);
      await sql('update perdure.ready set due_at = clock_timestamp() where id = $1', [run.id]);
    }
    await work([flaky]);
    expect(await run.result()).toBe(`attempt 3, key ${run.id}:1:1`);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('begins when RetryAfterError says, by length or by instant', async () => {
    const later = workflow('later', async (ctx, how: string) => ctx.step('limited', {
      retry: { initialInterval: '1 hour' },
    }, async (step) => {
      if (step.attempt > 1) return (await databaseNow()).getTime();
      const now = (await databaseNow()).getTime();
      throw new RetryAfterError('slow down', how === 'length' ? '120 ms' : new Date(now + 120));
    }));
    await work([later]);
    for (const how of ['length', 'instant']) {
      const began = (await databaseNow()).getTime();
      expect(await client.execute(later, how) - began).toBeGreaterThanOrEqual(120);
    }
  });
});
