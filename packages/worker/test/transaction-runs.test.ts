// ctx.transaction in runs: what their code sees of it, what rides along, and what goes on beside it.
import { createClient } from '@perdure/client';
import { NonRetryableError, type PayloadError, type, workflow, type SqlRunner } from '@perdure/core';
import { pgTransactor } from '@perdure/sql';
import pg from 'pg';
import { expect, test } from 'vitest';
import { collect, freshStage, Gate, until } from './stage.js';

const stage = await freshStage();
const { client, connection, sql } = stage;
await sql('create table sold (run text, what text)');

async function sell(tx: SqlRunner, run: string, what = 'tea'): Promise<string> {
  await tx.query('insert into sold values ($1, $2)', [run, what]);
  return what;
}

const sold = async (run: string): Promise<unknown[]> => (
  (await sql('select what from sold where run = $1 order by what', [run])).map(({ what }) => what));
const runsOf = async (name: string): Promise<number> => (
  (await sql('select from perdure.runs where workflow = $1', [name])).length);

// Guards the record (R1): what was recorded is shown again, and the function not called.
test('the answer is what is stored, and a replay takes it from there', async () => {
  const [reached, gate] = [new Gate(), new Gate()];
  let bodies = 0;
  const flow = workflow('stored', async (ctx) => {
    const first = await ctx.transaction('sell', async (tx, step) => {
      bodies++;
      await sell(tx, ctx.runId);
      return { at: new Date(5), key: step.idempotencyKey, attempt: step.attempt };
    });
    await ctx.step('wait', () => {
      reached.open();
      return gate.passed;
    });
    return first;
  });
  const lost = collect('perdure:run.lost');
  const first = await stage.work([flow]);
  const run = await client.start(flow);
  await reached.passed;
  await stage.work([flow], { connection: await stage.connect() });
  await stage.endLease(run.id);
  await until(() => lost.length === 1);
  gate.open();
  expect(await run.result()).toEqual({ at: new Date(5), key: `${run.id}:1:1`, attempt: 1 });
  expect([bodies, await sold(run.id)]).toEqual([1, ['tea']]);
  await first.stop();
});

test('attempts that fail leave nothing, and the last error is thrown', async () => {
  let bodies = 0;
  const error = new TypeError('out of tea');
  const flow = workflow('fails', async (ctx) => {
    const retry = { maximumAttempts: 3, initialInterval: 1 };
    try {
      return await ctx.transaction('sell', { retry }, async (tx) => {
        bodies++;
        await sell(tx, ctx.runId);
        throw error;
      });
    } catch (thrown) {
      return (thrown as Error).message;
    }
  });
  await stage.work([flow]);
  const run = await client.start(flow);
  expect(await run.result()).toBe('out of tea');
  expect([bodies, await sold(run.id)]).toEqual([3, []]);
  expect(await sql('select kind, attempt, value from perdure.journal where run_id = $1', [run.id]))
    .toEqual([{ kind: 'transaction', attempt: 3, value: null }]);
  expect(await sql('select from perdure.calls where run_id = $1', [run.id])).toEqual([]);
});

test('a later attempt succeeds, and its pending call is gone', async () => {
  const [gate, reached] = [new Gate(), new Gate()];
  const flow = workflow('second try', async (ctx) => {
    const attempt = await ctx.transaction('sell', { retry: { initialInterval: 1 } }, async (tx, step) => {
      await sell(tx, ctx.runId);
      if (step.attempt === 1) throw new Error('not yet');
      return step.attempt;
    });
    await ctx.step('wait', () => {
      reached.open();
      return gate.passed;
    });
    return attempt;
  });
  await stage.work([flow]);
  const run = await client.start(flow);
  await reached.passed;
  // Its row goes with the next write of the run.
  await until(async () => (await sql('select from perdure.calls where run_id = $1', [run.id])).length === 0);
  gate.open();
  expect([await run.result(), await sold(run.id)]).toEqual([2, ['tea']]);
});

// Guards the one answer of what cannot be stored: another attempt could only undo it again.
test('a result that cannot be stored undoes the writes, once', async () => {
  let bodies = 0;
  const flow = workflow('unstorable', async (ctx) => ctx.transaction('sell', async (tx) => {
    bodies++;
    await sell(tx, ctx.runId);
    return { how: () => 1 };
  }).catch((error: PayloadError) => error.code));
  await stage.work([flow]);
  const run = await client.start(flow);
  expect([await run.result(), bodies, await sold(run.id)]).toEqual(['VALUE_NOT_STORABLE', 1, []]);
});

test('NonRetryableError ends it at once', async () => {
  let bodies = 0;
  const flow = workflow('no more', async (ctx) => ctx.transaction('sell', async () => {
    bodies++;
    throw new NonRetryableError('never');
  }).catch((error: Error) => error.message));
  await stage.work([flow]);
  expect([await client.execute(flow), bodies]).toEqual(['never', 1]);
});

const child = workflow('child', async () => 'done');

// Guards the join of starts, signals and events: they are there if and only if the step is recorded.
test('runs that it starts with its transaction exist once, and without an id', async () => {
  const seen: number[] = [];
  const ids: string[] = [];
  const flow = workflow('starts', async (ctx) => ctx.transaction('start', { retry: { initialInterval: 1 } },
    async (tx, step) => {
      const { id } = await client.start(tx, child);
      ids.push(id);
      seen.push(await runsOf('child'));
      if (step.attempt < 3) throw new Error('not yet');
      return id;
    }));
  await stage.work([flow]);
  const id = await client.execute(flow);
  expect(await client.get(child, id).status()).toBe('pending');
  expect([seen, await runsOf('child'), ids.indexOf(id), new Set(ids).size]).toEqual([[0, 0, 0], 1, 2, 3]);
});

test('without its transaction a start needs an id there, as in every step', async () => {
  const other = new pg.Client({ connectionString: stage.url });
  await other.connect();
  const flow = workflow('starts apart', async (ctx) => ctx.transaction('start', { retry: 1 }, async () => {
    const codes: unknown[] = [];
    await client.start(child).catch((error: { code: string }) => codes.push(error.code));
    await other.query('begin');
    await client.start(other, child).catch((error: { code: string }) => codes.push(error.code));
    await other.query('rollback');
    return codes;
  }));
  await stage.work([flow]);
  expect(await client.execute(flow)).toEqual(['START_NEEDS_ID', 'START_NEEDS_ID']);
  await other.end();
});

test('signals and events that it sends with its transaction come once', async () => {
  const receiver = workflow({ name: 'receiver', signals: { paid: type<number>() } }, async (ctx) => {
    const paid = await ctx.waitFor('paid');
    const shipped = await ctx.waitForEvent<string>('shipped', { timeout: '20 seconds' });
    const more = await ctx.waitFor('paid', { timeout: '100 ms' });
    return [paid, shipped, more];
  });
  const sender = workflow('sender', async (ctx, to: string) => ctx.transaction('send',
    { retry: { initialInterval: 1 } }, async (tx, step) => {
      await client.signal(tx, client.get(receiver, to), 'paid', step.attempt);
      await client.emit(tx, 'shipped', `at attempt ${step.attempt}`);
      if (step.attempt === 1) throw new Error('not yet');
    }));
  await stage.work([receiver, sender]);
  const run = await client.start(receiver);
  await client.execute(sender, run.id);
  expect(await run.result()).toEqual([2, 'at attempt 2', null]);
});

// Guards R2 around a COMMIT: both answers are shown, in the order of their positions.
test('two of them in Promise.all, beside a step and a sleep', async () => {
  const both = [new Gate(), new Gate()];
  const flow = workflow('side by side', async (ctx) => {
    const order: string[] = [];
    const noted = async <T>(what: string, promise: Promise<T>): Promise<T> => {
      const value = await promise;
      order.push(what);
      return value;
    };
    const open = (mine: number) => ctx.transaction(`sell ${mine}`, async (tx) => {
      const what = await sell(tx, ctx.runId, String(mine));
      both[mine]!.open();
      await both[1 - mine]!.passed;
      return what;
    });
    const values = await Promise.all([noted('0', open(0)), noted('1', open(1)),
      noted('step', ctx.step('step', () => 2)), noted('sleep', ctx.sleep('50 ms'))]);
    return { values, order };
  });
  await stage.work([flow]);
  const run = await client.start(flow);
  const { values, order } = await run.result();
  expect(values).toEqual(['0', '1', 2, undefined]);
  expect(await sold(run.id)).toEqual(['0', '1']);
  const recorded = (await stage.journal(run.id)).map(({ name }) => String(name).replace('sell ', ''));
  expect(order).toEqual(recorded);
});

// Guards R2 and Z5. Taken out (what comes meanwhile is written, or shown), the code has seen another order
// than a replay shows it.
test('answers that come while its COMMIT is undecided are written and shown after it', async () => {
  const { proxy, connection: behind } = await stage.behindProxy();
  const commit = proxy.hold(({ text }) => text === 'commit', 'reply');
  const shown: string[] = [];
  const ended = collect('perdure:step.ended');
  const flow = workflow('undecided', async (ctx) => {
    await Promise.all([
      ctx.transaction('sell', (tx) => sell(tx, ctx.runId)).then(() => shown.push('sell')),
      ctx.step('beside', () => commit.reached).then(() => shown.push('beside')),
    ]);
  });
  const other = workflow('other', async (ctx) => ctx.step('step', () => 'well'));
  const worker = await stage.work([flow, other], { connection: behind });
  const run = await client.start(flow);
  await until(() => ended.some(({ step }) => step === 'beside'));
  // What another run of this worker has written since, the first could have written as well.
  expect(await client.execute(other)).toBe('well');
  expect((await stage.journal(run.id)).map(({ name }) => name)).toEqual(['sell']);
  expect(shown).toEqual([]);
  commit.release();
  await run.result();
  expect(shown).toEqual(['sell', 'beside']);
  await worker.stop();
});

// Guards R2 between two of them. Taken out, the second is shown first, and a replay shows the first one
// first.
test('of two whose COMMITs overtake each other the first position is shown first', async () => {
  const { proxy, connection: behind } = await stage.behindProxy();
  let commits = 0;
  const first = proxy.hold(({ text }) => text === 'commit' && commits++ === 0, 'reply');
  const shown: string[] = [];
  const flow = workflow('overtaken', async (ctx) => {
    await Promise.all([
      ctx.transaction('slow', (tx) => sell(tx, ctx.runId, 'slow')).then(() => shown.push('slow')),
      ctx.transaction('quick', async (tx) => {
        await first.reached;
        await sell(tx, ctx.runId, 'quick');
      }).then(() => shown.push('quick')),
    ]);
  });
  const other = workflow('another', async (ctx) => ctx.step('step', () => 'well'));
  const ended = collect('perdure:step.ended');
  const worker = await stage.work([flow, other], { connection: behind });
  const run = await client.start(flow);
  await until(() => ended.some(({ step }) => step === 'quick'));
  expect(await client.execute(other)).toBe('well');
  expect([await sold(run.id), shown]).toEqual([['quick', 'slow'], []]);
  first.release();
  await run.result();
  expect(shown).toEqual(['slow', 'quick']);
  expect((await stage.journal(run.id)).map(({ name }) => name)).toEqual(['slow', 'quick']);
  await worker.stop();
});

// Guards the lease (Z1). Taken out, another worker takes the run while the step is under way.
test('it may take longer than the lease', async () => {
  const lost = collect('perdure:run.lost');
  const claims = collect('perdure:run.claimed');
  let bodies = 0;
  const covered = `select due_at > clock_timestamp() + interval '15 s' as yes
    from perdure.ready where id = $1`;
  const flow = workflow('long', async (ctx) => {
    const lasts = await ctx.transaction('sell', { timeout: '20 seconds' }, async (tx) => {
      bodies++;
      await sell(tx, ctx.runId);
      await sql('select pg_sleep(2.5)');
      return (await sql(covered, [ctx.runId]))[0]?.['yes'];
    });
    return ctx.step('after', () => lasts);
  });
  await stage.work([flow], { leaseDuration: '1 second' });
  await stage.work([flow], { leaseDuration: '1 second', connection: await stage.connect() });
  const run = await client.start(flow);
  expect([await run.result(), bodies, await sold(run.id)]).toEqual([true, 1, ['tea']]);
  expect([lost, claims.length]).toEqual([[], 1]);
});

// Guards the lease of those who wait for a connection. Taken out (their renewals wait with them), all but the
// first lose their runs.
test('many wait for one connection, and lose no lease over it', async () => {
  const lost = collect('perdure:run.lost');
  const pool = new pg.Pool({ connectionString: stage.url, max: 1 });
  const flow = workflow('in line', async (ctx) => ctx.transaction('sell', async (tx) => {
    await tx.query('select pg_sleep(0.1)');
    return sell(tx, ctx.runId);
  }));
  const own = await stage.connect();
  const worker = await stage.work([flow], {
    connection: own, leaseDuration: '800 ms', transactor: pgTransactor(pool),
  });
  const runs = await Promise.all(Array.from({ length: 20 }, () => client.start(flow)));
  expect(new Set(await Promise.all(runs.map((run) => run.result())))).toEqual(new Set(['tea']));
  expect(lost).toEqual([]);
  for (const run of runs) expect(await sold(run.id)).toEqual(['tea']);
  await worker.stop();
  await pool.end();
});

test('a cancel reaches its abort signal, and what it then returns is recorded', async () => {
  const began = new Gate();
  const flow = workflow('cancelled', async (ctx) => {
    await ctx.transaction('sell', async (tx, { abortSignal }) => {
      await sell(tx, ctx.runId);
      began.open();
      await new Promise((resolve) => abortSignal.addEventListener('abort', resolve));
    });
    await ctx.sleep('1 day');
  });
  await stage.work([flow], { leaseDuration: '500 ms' });
  const run = await client.start(flow);
  await began.passed;
  await run.cancel('enough');
  await expect(run.result()).rejects.toMatchObject({ code: 'RUN_CANCELLED' });
  expect(await sold(run.id)).toEqual(['tea']);
});

// Guards the end of patience. Taken out, the next worker waits for the limit of the transaction.
test('a worker that stops undoes what does not end, and gives the run back', async () => {
  const began = new Gate();
  const never = new Promise(() => undefined);
  const selling = (how: Promise<unknown>) => workflow('stopped', async (ctx) => ctx.transaction('sell',
    { timeout: '1 hour' }, async (tx) => {
      began.open();
      await sell(tx, ctx.runId);
      await how;
      return 'sold';
    }));
  const worker = await stage.work([selling(never)], { connection: await stage.connect() });
  const run = await client.start(selling(never));
  await began.passed;
  await until(async () => (await sql("select from pg_stat_activity where query like 'insert into sold%' " +
    "and state = 'idle in transaction'")).length === 1);
  await worker.stop({ timeout: 100 });
  await stage.work([selling(Promise.resolve())]);
  expect([await run.result(), await sold(run.id)]).toEqual(['sold', ['tea']]);
});

test('a call of ctx inside of it parks the run, and nothing is written', async () => {
  const flow = workflow('nested', async (ctx) => ctx.transaction('sell', async (tx) => {
    await sell(tx, ctx.runId);
    await ctx.step('inside', () => 1);
  }));
  await stage.work([flow]);
  const run = await client.start(flow);
  await expect(run.result()).rejects.toMatchObject({ code: 'NESTED_CALL' });
  expect(await sold(run.id)).toEqual([]);
});

test('what is no transactor is refused when the worker is made', async () => {
  const transactor = { isTransaction: false, transaction: () => undefined } as never;
  await expect(stage.work([child], { transactor })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  expect(() => createClient({ connection })).not.toThrow();
});
