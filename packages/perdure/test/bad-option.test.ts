// Options, names and ids that cannot be meant are refused with a code, before anything is written.
import { createClient, createWorker, workflow, WorkflowError, type Duration,
  type RetryPolicy } from 'perdure';
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { failure, freshEngine, Gate, silent } from '../../testing/test/engine.js';

const { client, connection, url, work, expectNothing, sql } = await freshEngine();
const greet = workflow('greet', async (_ctx, name: string) => `Hello ${name}`);
const tx = new pg.Client({ connectionString: url });
await tx.connect();
// A test that failed half-way must not hold up the others.
afterEach(() => tx.query('rollback'));
afterAll(() => tx.end());

function thrown(call: () => unknown): WorkflowError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(WorkflowError);
    return error as WorkflowError;
  }
  throw new Error('nothing was thrown');
}

describe('a start', () => {
  test.each([
    ['an empty id', { id: '' }, 'INVALID_NAME', /id of a run: it is empty; give 1 to 191/],
    ['a long id', { id: 'x'.repeat(192) }, 'INVALID_NAME', /192 characters; 191 are the limit/],
    ['NUL in the id', { id: 'a\0b' }, 'INVALID_NAME', /NUL character.*leave it out/],
    ['half a surrogate pair in the id', { id: 'a\ud800' }, 'INVALID_NAME', /surrogate/],
    ['a number as id', { id: 7 as never }, 'INVALID_NAME', /of type number; give a text/],
    ['an unknown onConflict', { onConflict: 'restart' as never }, 'INVALID_OPTION',
      /'use-existing' or 'fail'/],
    ['delay and startAt', { delay: 1, startAt: new Date(0) }, 'INVALID_OPTION',
      /exclude each other; give one/],
    ['a negative delay', { delay: -1 }, 'INVALID_DURATION', /delay: -1 is negative/],
    ['a delay in fortnights', { delay: '2 fortnights' as never }, 'INVALID_DURATION', /such as '500 ms'/],
    ['an endless delay', { delay: Infinity }, 'INVALID_DURATION', /longer than 100 years/],
    ['an invalid startAt', { startAt: new Date(NaN) }, 'INVALID_TIME', /startAt is no valid Date/],
    ['a startAt that is no Date', { startAt: '2030-01-01' as never }, 'INVALID_TIME', /no valid Date/],
  ])('%s', async (...[, options, code, message]) => {
    const error = await failure(client.start(greet, 'Ada', options));
    expect(error).toBeInstanceOf(WorkflowError);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    await tx.query('begin');
    expect(await failure(client.start(tx, greet, 'Ada', options))).toMatchObject({ code });
    await tx.query('commit');
    await expectNothing();
  });

  test.each([{}, { name: 'greet' }, () => 1, 'greet'])('of something that is no workflow: %s',
    async (wrong) => {
    const error = await failure(client.start(wrong as never, 'Ada' as never));
    expect(error.code).toMatch(/NOT_A_WORKFLOW|NOT_A_TRANSACTION/);
    await tx.query('begin');
    expect(await failure(client.start(tx, wrong as never, 'Ada' as never)))
      .toMatchObject({ code: 'NOT_A_WORKFLOW' });
    await tx.query('rollback');
    await expectNothing();
  });
});

describe('a definition', () => {
  test.each([
    ['an empty name', () => workflow('', async () => 1), 'INVALID_NAME'],
    ['NUL in the name', () => workflow('a\0', async () => 1), 'INVALID_NAME'],
    ['a long name', () => workflow('x'.repeat(192), async () => 1), 'INVALID_NAME'],
    ['no name', () => workflow({} as never, async () => 1), 'INVALID_NAME'],
    ['NUL in the queue', () => workflow({ name: 'w', queue: '\0' }, async () => 1), 'INVALID_NAME'],
    ['an empty version', () => workflow({ name: 'w', version: '' }, async () => 1), 'INVALID_NAME'],
    ['no function', () => workflow('w', undefined as never), 'INVALID_WORKFLOW'],
    ['no attempts', () => workflow({ name: 'w', retry: 0 }, async () => 1), 'INVALID_RETRY'],
  ])('with %s', (_what, define, code) => {
    const error = thrown(define);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/give|leave|write|191 are the limit/i);
  });

  const nonsense: RetryPolicy[] = [{ maximumAttempts: 1.5 }, { maximumAttempts: NaN },
    { backoffCoefficient: 0.5 },
    { backoffCoefficient: Infinity }];
  test.each(nonsense)('with the retry policy %j', (retry) => {
    expect(thrown(() => workflow({ name: 'w', retry }, async () => 1)).code).toBe('INVALID_RETRY');
  });

  test('with an interval that is no duration', () => {
    const retry = { initialInterval: '1 moon' as never };
    expect(thrown(() => workflow({ name: 'w', retry }, async () => 1)).message)
      .toMatch(/initialInterval: '1 moon'/);
  });
});

describe('a worker', () => {
  test.each([
    ['two workflows of one name', { workflows: [greet, workflow('greet', async () => 1)] },
      'DUPLICATE_WORKFLOW',
      /2 workflows.*named 'greet'.*one of them has no version/],
    ['two workflows of one name and version',
      { workflows: [greet, workflow('greet', async () => 1)], version: '1' }, 'DUPLICATE_WORKFLOW',
      /two workflows.*named 'greet'.*version '1'.*rename one/i],
    ['no queues', { workflows: [greet], queues: [] }, 'INVALID_OPTION', /list of names/],
    ['no workflows', { workflows: [] }, 'NO_WORKFLOWS', /Pass\s+createWorker\(\{ workflows/],
    ['something that is no workflow', { workflows: [{ name: 'x' }] }, 'NOT_A_WORKFLOW',
      /workflow\(name, async/],
    ['no slots', { workflows: [greet], concurrency: 0 }, 'INVALID_CONCURRENCY', /whole number from 1 up/],
    ['half a slot', { workflows: [greet], concurrency: 1.5 }, 'INVALID_CONCURRENCY', /1\.5/],
    ['a lease of words', { workflows: [greet], leaseDuration: 'long' as never }, 'INVALID_DURATION',
      /leaseDuration/],
    ['NUL in the version', { workflows: [greet], version: '\0' }, 'INVALID_NAME', /version of a worker/],
  ])('with %s is refused at once, with a Connection or an address', (...[, options, code, message]) => {
    for (const at of [connection, url, undefined]) {
      const error = thrown(() => createWorker({ ...options, connection: at }));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
    }
  });

  test('that was stopped is not started again', async () => {
    const worker = await work([greet]);
    await worker.stop();
    expect(await failure(worker.start())).toMatchObject({ code: 'WORKER_STOPPED' });
  });
});

describe('a call in a workflow', () => {
  const wrong = '5 fortnights' as Duration;
  const calls: Record<string, [code: string, message: RegExp]> = {
    sleep: ['INVALID_DURATION', /ctx\.sleep: '5 fortnights' is not a duration/],
    sleepUntil: ['INVALID_TIME', /for a length of time use ctx\.sleep/],
    'name with NUL': ['INVALID_NAME', /name of a step.*NUL/],
    'name missing': ['INVALID_NAME', /name of a step/],
    'no body': ['INVALID_STEP', /Write ctx\.step\(name, async/],
    timeout: ['INVALID_DURATION', /Step 'x': timeout/],
    retry: ['INVALID_RETRY', /Step 'x': maximumAttempts is 0/],
  };
  const bad = workflow('bad-call', async (ctx, what: string) => {
    const one = (): number => 1;
    if (what === 'sleep') await ctx.sleep(wrong);
    if (what === 'sleepUntil') await ctx.sleepUntil('tomorrow' as never);
    if (what === 'name with NUL') await ctx.step('a\0', one);
    if (what === 'name missing') await ctx.step(undefined as never, one);
    if (what === 'no body') await ctx.step('x', undefined as never);
    if (what === 'timeout') await ctx.step('x', { timeout: wrong }, one);
    if (what === 'retry') await ctx.step('x', { retry: 0 }, one);
  });

  test.each(Object.entries(calls))('%s: is thrown to the workflow, and records nothing', async (what, [code,
    message]) => {
    await work([bad]);
    const run = await client.start(bad, what);
    const error = await failure(run.result());
    expect(error).toMatchObject({ code: 'RUN_FAILED', cause: { code } });
    expect((error.cause as Error).message).toMatch(message);
    expect(await sql('select * from perdure.journal where run_id = $1', [run.id])).toEqual([]);
    expect(await sql('select * from perdure.calls where run_id = $1', [run.id])).toEqual([]);
  });
});

describe('a result', () => {
  test('of a run that does not exist is refused after some seconds, its status at once', async () => {
    // Time runs a hundred times as fast for this client.
    const env = { ...systemEnv, monotonic: () => systemEnv.monotonic() * 100 };
    const hasty = createClient({ connection, env });
    const error = await failure(hasty.get(greet, 'nobody').result());
    expect(error).toMatchObject({ name: 'WorkflowError', code: 'RUN_NOT_FOUND', runId: 'nobody' });
    expect(error.message).toMatch(/Was the transaction that started it committed\?/);
    expect(await failure(client.get(greet, 'nobody').status())).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('is waited for no longer than its timeout', async () => {
    const gate = new Gate();
    const slow = workflow('slow', async (ctx) => ctx.step('wait', async () => {
      await gate.passed;
      return 'late';
    }));
    await work([slow]);
    const run = await client.start(slow);
    const error = await failure(run.result({ timeout: '20 ms' }));
    expect(error).toMatchObject({ code: 'RESULT_TIMEOUT', runId: run.id });
    expect(error.message).toMatch(/It goes on; ask again/);
    const reason = new Error('enough');
    expect(await failure(run.result({ abortSignal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const aborted = failure(run.result({ abortSignal: controller.signal }));
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    expect(await failure(run.result({ timeout: 'soon' as never })))
      .toMatchObject({ code: 'INVALID_DURATION' });
    gate.open();
    expect(await run.result()).toBe('late');
  });
});

describe('an id that exists', () => {
  const other = workflow('other', async (_ctx, name: string) => name);

  test('of another workflow is a conflict, alone and in a transaction, which lives on', async () => {
    await client.start(greet, 'Ada', { id: 'order-1' });
    const before = await sql("select * from perdure.runs where id = 'order-1'");
    const error = await failure(client.start(other, 'Ada', { id: 'order-1' }));
    expect(error).toMatchObject({ name: 'WorkflowError', code: 'RUN_ID_TAKEN', runId: 'order-1' });
    expect(error.message)
      .toMatch(/of workflow 'greet', not 'other'.*put the name of the workflow into the id/);
    await tx.query('begin');
    expect(await failure(client.start(tx, other, 'Ada', { id: 'order-1' })))
      .toMatchObject({ code: 'RUN_ID_TAKEN' });
    const { id } = await client.start(tx, other, 'Ada', { id: 'order-2' });
    await tx.query('commit');
    expect(id).toBe('order-2');
    expect(await sql("select * from perdure.runs where id = 'order-1'")).toEqual(before);
    expect(await sql("select workflow from perdure.runs where id = 'order-2'"))
      .toEqual([{ workflow: 'other' }]);
  });

  test('of the same workflow gives the first run, or fails if that was asked for', async () => {
    await client.start(greet, 'Ada', { id: 'hello' });
    const again = await client.start(greet, 'Grace', { id: 'hello' });
    expect(again.id).toBe('hello');
    const error = await failure(client.start(greet, 'Ada', { id: 'hello', onConflict: 'fail' }));
    expect(error).toMatchObject({ code: 'RUN_EXISTS', runId: 'hello' });
    expect(error.message).toMatch(/Use another id, or onConflict: 'use-existing'/);
    await tx.query('begin');
    expect(await failure(client.start(tx, greet, 'Ada', { id: 'hello', onConflict: 'fail' })))
      .toMatchObject({ code: 'RUN_EXISTS' });
    expect((await client.start(tx, greet, 'Linus', { id: 'hello' })).id).toBe('hello');
    await tx.query('commit');
    await work([greet], { logger: silent });
    expect(await again.result()).toBe('Hello Ada');
    expect(await sql("select count(*)::int as n from perdure.runs where id = 'hello'")).toEqual([{ n: 1 }]);
  });
});
