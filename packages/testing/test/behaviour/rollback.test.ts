// Compensation: what was done is undone in reverse order, durably, when the workflow function throws.
import { NonRetryableError, RunParkedError, type, workflow } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

const undone: string[] = [];

const saga = workflow('saga', async (ctx, fails: boolean) => {
  for (const what of ['flight', 'hotel', 'car']) {
    await ctx.step(`book ${what}`, () => what);
    ctx.onRollback(`cancel ${what}`, async ({ attempt }, cause) => {
      undone.push(`${ctx.runId}: ${what} ${attempt} ${cause.message}`);
    });
  }
  await ctx.sleep('1 day');
  if (fails) await ctx.step('pay', { retry: 1 }, () => Promise.reject(new RangeError('no money')));
  return 'booked';
});

behaviour('what was done is undone, last first, and the run fails with its own error',
  [saga], async (world) => {
  const run = await world.start(saga, true);
  await world.advance('2 days');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_FAILED', cause: { message: 'no money' } });
  expect(undone.filter((line) => line.startsWith(run.id))).toEqual(['car', 'hotel', 'flight']
    .map((what) => `${run.id}: ${what} 1 no money`));
});

behaviour('nothing is undone when the run completes', [saga], async (world) => {
  const run = await world.start(saga, false);
  await world.advance('2 days');
  expect(await run.result()).toBe('booked');
  expect(undone.filter((line) => line.startsWith(run.id))).toEqual([]);
});

behaviour('a cancel is undone as a failure is', [saga], async (world) => {
  const run = await world.start(saga, false);
  await world.advance('1 hour');
  await run.cancel('rained out');
  await world.untilIdle();
  expect(await run.status()).toBe('cancelled');
  expect(await failure(run.result())).toMatchObject({ reason: 'rained out' });
  const lines = undone.filter((line) => line.startsWith(run.id));
  expect(lines.map((line) => line.split(' ')[1])).toEqual(['car', 'hotel', 'flight']);
  expect(lines[0]).toContain('rained out');
});

const caught = workflow('caught', async (ctx) => {
  ctx.onRollback('undo', () => void undone.push(ctx.runId));
  await ctx.step('work', { retry: 1 }, () => Promise.reject(new Error('no'))).catch(() => undefined);
  return 'went on';
});

behaviour('an error that the workflow catches undoes nothing', [caught], async (world) => {
  expect(await world.execute(caught)).toBe('went on');
});

const durable = { tries: 0, until: 3 };
const retried = workflow('retried', async (ctx) => {
  ctx.onRollback('first', () => void undone.push(`${ctx.runId} first`));
  ctx.onRollback('flaky', ({ attempt }) => {
    durable.tries++;
    if (attempt < 4) throw new Error(`not yet ${attempt}`);
    undone.push(`${ctx.runId} flaky ${attempt}`);
  });
  throw new Error('from the start');
});

behaviour('a rollback is tried again by the policy of its workflow', [retried], async (world) => {
  const run = await world.start(retried);
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ cause: { message: 'from the start' } });
  expect(undone.filter((line) => line.startsWith(run.id))).toEqual([`${run.id} flaky 4`, `${run.id} first`]);
});

const hopeless = workflow({ name: 'hopeless', retry: 2 }, async (ctx) => {
  ctx.onRollback('never reached', () => void undone.push(`${ctx.runId} never`));
  ctx.onRollback('broken', () => {
    throw new TypeError('cannot undo');
  });
  throw new RangeError('the first error');
});

behaviour('a rollback that fails for good parks the run with both errors', [hopeless], async (world) => {
  const run = await world.start(hopeless);
  await world.advance('1 hour');
  expect(await run.status()).toBe('parked');
  const error = await failure<RunParkedError>(run.result());
  expect(error).toMatchObject({ name: 'RunParkedError', code: 'ROLLBACK_FAILED' });
  expect(error.message).toContain('cannot undo');
  expect(error.message).toContain('the first error');
  const { errors } = error.cause as AggregateError;
  expect(errors.map(String)).toEqual(['TypeError: cannot undo', 'RangeError: the first error']);
  expect(undone).not.toContain(`${run.id} never`);
});

const final = workflow('final', async (ctx) => {
  ctx.onRollback('broken', () => {
    throw new NonRetryableError('cannot be undone');
  });
  await ctx.sleep('1 day');
});

behaviour('a rollback that fails for good after a cancel parks the run as well', [final], async (world) => {
  const run = await world.start(final);
  await world.advance('1 hour');
  await run.cancel('stop');
  await world.untilIdle();
  const error = await failure<RunParkedError>(run.result());
  expect(error.code).toBe('ROLLBACK_FAILED');
  expect((error.cause as AggregateError).errors.map((each: Error) => each.name))
    .toEqual(['NonRetryableError', 'RunCancelledError']);
});

const beside = { gate: new Gate() };
const siblings = workflow('siblings', async (ctx) => {
  const slow = async (): Promise<void> => {
    await ctx.step('slow', async ({ abortSignal }) => {
      await new Promise<void>((resolve) => {
        if (abortSignal.aborted) resolve();
        abortSignal.addEventListener('abort', () => resolve());
      });
      await beside.gate.passed;
    });
    ctx.onRollback('undo slow', () => void undone.push(`${ctx.runId} slow`));
    await ctx.step('never', () => undone.push(`${ctx.runId} never`));
  };
  const quick = async (): Promise<void> => {
    await ctx.step('quick', () => 1);
    ctx.onRollback('undo quick', () => void undone.push(`${ctx.runId} quick`));
    await ctx.sleep('1 minute');
    throw new Error('quick failed');
  };
  await Promise.all([slow(), quick()]);
});

behaviour('what runs beside is joined before anything is undone, and may register what undoes it', [siblings],
  async (world) => {
    const run = await world.start(siblings);
    await world.advance('1 hour');
    expect(undone.filter((line) => line.startsWith(run.id))).toEqual([]);
    beside.gate.open();
    await world.untilIdle();
    expect(await failure(run.result())).toMatchObject({ cause: { message: 'quick failed' } });
    expect(undone.filter((line) => line.startsWith(run.id))).toEqual([`${run.id} slow`, `${run.id} quick`]);
  });

const inBranches = workflow({ name: 'inBranches', signals: { go: type<number>() } }, async (ctx) => {
  await ctx.all({
    a: async (scope) => {
      await scope.step('do a', () => 1);
      scope.onRollback('undo a', () => void undone.push(`${ctx.runId} a`));
      await scope.sleep('1 hour');
    },
    b: async (scope) => {
      await scope.step('do b', () => 1);
      scope.onRollback('undo b', () => void undone.push(`${ctx.runId} b`));
      await scope.waitFor('go');
      throw new Error('b failed');
    },
  });
});

behaviour('branches register their rollbacks with the run', [inBranches], async (world) => {
  const run = await world.client.start(inBranches);
  await world.advance('1 minute');
  await run.signal('go', 1);
  await world.untilIdle();
  expect(await failure(run.result())).toMatchObject({ cause: { message: 'b failed' } });
  expect(undone.filter((line) => line.startsWith(run.id)).sort()).toEqual([`${run.id} a`, `${run.id} b`]);
});

const slowUndo = { gate: new Gate(), seen: [] as boolean[] };
const shielded = workflow('shielded', async (ctx) => {
  ctx.onRollback('slow', async ({ abortSignal }) => {
    await slowUndo.gate.passed;
    slowUndo.seen.push(abortSignal.aborted);
  });
  throw new Error('at once');
});

behaviour('a cancel does not disturb a rollback', [shielded], async (world) => {
  const run = await world.start(shielded);
  await world.advance('1 minute');
  await run.cancel('too late');
  await world.advance('1 minute');
  slowUndo.gate.open();
  await world.untilIdle();
  expect(await run.status()).toBe('failed');
  expect(await failure(run.result())).toMatchObject({ cause: { message: 'at once' } });
  expect(slowUndo.seen).toContain(false);
});

const noError = workflow('noError', async (ctx) => {
  ctx.onRollback('undo', (_, cause) => void undone.push(`${ctx.runId} ${cause.message}`));
  await ctx.step('work', () => 1);
  throw 'a text';
});

behaviour('what was thrown need not be an Error', [noError], async (world) => {
  const run = await world.start(noError);
  await world.untilIdle();
  expect(await run.status()).toBe('failed');
  expect(undone).toContain(`${run.id} a text`);
});

const many = workflow('many', async (ctx) => {
  for (let n = 0; n < 100; n++) ctx.onRollback(`undo ${n}`, () => void undone.push(`${ctx.runId} ${n}`));
  throw new Error('all of it');
});

behaviour('a hundred rollbacks run in reverse', [many], async (world) => {
  const run = await world.start(many);
  await world.untilIdle();
  expect(await run.status()).toBe('failed');
  expect(undone.filter((line) => line.startsWith(run.id)))
    .toEqual(Array.from({ length: 100 }, (_, n) => `${run.id} ${99 - n}`));
});
