// Time limits: of one attempt, of all of them, between two heartbeats, and of a whole run.
import { RetryAfterError, RunTimeoutError, type, workflow, type StepTimeoutError } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

/** Ends when it is told to stop, as a well-behaved body does. */
function until(abortSignal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(abortSignal.reason as Error);
    if (abortSignal.aborted) stop();
    abortSignal.addEventListener('abort', stop);
  });
}

const attempts = workflow('attempts', async (ctx) => {
  const error = await ctx.step('slow', {
    timeout: '10 seconds',
    retry: { maximumAttempts: 3, initialInterval: '1 minute', backoffCoefficient: 1, jitter: false },
  }, ({ abortSignal }) => until(abortSignal)).catch((thrown: unknown) => thrown);
  const { code, limit } = error as StepTimeoutError;
  return [limit, code, ctx.now().toISOString()];
});

behaviour('an attempt that takes too long has failed, and is tried again', [attempts], async (world) => {
  expect(await world.execute(attempts)).toEqual(['attempt', 'STEP_TIMEOUT', '2030-01-01T00:02:30.000Z']);
  expect(new Set(world.calls(attempts, 'slow').map(({ attempt }) => attempt))).toEqual(new Set([1, 2, 3]));
});

const deaf = { gate: new Gate() };
const ignoring = workflow('ignoring', async (ctx) => {
  const value = await ctx.step('deaf', { timeout: '10 seconds', retry: 2 }, async ({ attempt }) => {
    if (attempt === 1) await deaf.gate.passed;
    return `attempt ${attempt}`;
  });
  await ctx.sleep('1 hour');
  return value;
});

behaviour('what a body returns after its time is not looked at', [ignoring], async (world) => {
  const run = await world.start(ignoring);
  await world.advance('1 minute');
  deaf.gate.open();
  await world.advance('2 hours');
  expect(await run.result()).toBe('attempt 2');
});

const total = workflow('total', async (ctx) => {
  const error = await ctx.step('slow', {
    timeout: '10 seconds', totalTimeout: '25 seconds',
    retry: { maximumAttempts: 100, initialInterval: '1 second', backoffCoefficient: 1, jitter: false },
  }, ({ abortSignal }) => until(abortSignal)).catch((thrown: Error) => thrown);
  const { limit, message } = error as StepTimeoutError;
  return [limit, message, ctx.now().toISOString()];
});

behaviour('all attempts and the pauses between them have a limit as well', [total], async (world) => {
  const [limit, message, at] = await world.execute(total) as [string, string, string];
  expect(limit).toBe('total');
  expect(message).toContain('within all its attempts in 25000 ms');
  expect(at).toBe('2030-01-01T00:00:25.000Z');
});

const paused = workflow('paused', async (ctx) => {
  const error = await ctx.step('failing', {
    totalTimeout: '25 seconds',
    retry: { maximumAttempts: 100, initialInterval: '10 seconds', backoffCoefficient: 1, jitter: false },
  }, ({ attempt }) => {
    throw new RangeError(`attempt ${attempt}`);
  }).catch((thrown: unknown) => thrown);
  const { name, cause } = error as Error;
  return [name, String(cause), ctx.now().toISOString()];
});

behaviour('an attempt that could only begin when the time is up is not waited for',
  [paused], async (world) => {
  expect(await world.execute(paused)).toEqual([
    'StepTimeoutError', 'RangeError: attempt 3', '2030-01-01T00:00:20.000Z',
  ]);
});

const backOff = workflow('backOff', async (ctx) => {
  const begun = ctx.now().getTime();
  const tried = await ctx.step('flaky', {
    totalTimeout: '1 hour', heartbeatTimeout: '1 minute',
    retry: { initialInterval: '5 minutes', maximumInterval: '5 minutes', jitter: false },
  }, ({ attempt, heartbeat }) => {
    heartbeat(attempt);
    if (attempt < 3) throw new Error('not yet');
    return attempt;
  });
  return [tried, ctx.now().getTime() - begun];
});

behaviour('a heartbeat, or a limit for all attempts, shortens no pause between them',
  [backOff], async (world) => {
  const [tried, took] = await world.execute(backOff) as [number, number];
  expect([tried, took]).toEqual([3, 600_000]);
});

const silent = workflow('silent', async (ctx) => {
  const value = await ctx.step('beats', {
    heartbeatTimeout: '10 seconds', retry: { maximumAttempts: 3, initialInterval: '1 second', jitter: false },
  }, async ({ attempt, progress, abortSignal, heartbeat }) => {
    if (attempt === 1) {
      heartbeat({ done: 7 });
      return until(abortSignal);
    }
    return { attempt, progress };
  });
  return [value, ctx.now().toISOString()];
});

behaviour('a step that falls silent has failed, and the next attempt finds how far it came', [silent],
  async (world) => {
    expect(await world.execute(silent)).toEqual([
      { attempt: 2, progress: { done: 7 } }, '2030-01-01T00:00:11.000Z',
    ]);
  });

const beating = { gates: [] as Gate[] };
const alive = workflow('alive', async (ctx) => ctx.step('beats', {
  heartbeatTimeout: '10 seconds', retry: 1,
}, async ({ heartbeat }) => {
  const gate = new Gate();
  beating.gates.push(gate);
  const beat = setInterval(() => heartbeat(), 1);
  await gate.passed;
  clearInterval(beat);
  return 'alive';
}));

behaviour('a step that gives heartbeats may take as long as it likes', [alive], async (world) => {
  const run = await world.start(alive);
  for (let n = 0; n < 10; n++) {
    await world.advance('5 seconds');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(await run.status()).toBe('running');
  for (const gate of beating.gates) gate.open();
  await world.untilIdle();
  expect(await run.result()).toBe('alive');
});

const resumed = { killed: false };
const progressing = workflow('progressing', async (ctx) => ctx.step('long', async (
  { progress, heartbeat, abortSignal, attempt },
) => {
  const from = typeof progress === 'number' ? progress : 0;
  if (!resumed.killed) {
    heartbeat(from + 5);
    return until(abortSignal);
  }
  return { from, attempt };
}));

behaviour('a worker that dies is no failure of the step, and its progress is there', [progressing],
  async (world) => {
    const run = await world.start(progressing);
    await world.advance('1 minute');
    resumed.killed = true;
    world.vanish();
    await world.advance('1 minute');
    const { from, attempt } = await run.result() as unknown as { from: number; attempt: number };
    expect(attempt).toBe(1);
    expect(from).toBeGreaterThanOrEqual(5);
  });

const go = { go: type<number>() };
const limited = workflow({ name: 'limited', timeout: '1 day', signals: go }, async (ctx) => {
  await ctx.step('first', () => 1);
  await ctx.waitFor('go');
});

behaviour('a run that passes its timeout fails with RUN_TIMEOUT', [limited], async (world) => {
  const run = await world.client.start(limited);
  await world.advance('23 hours');
  expect(await run.status()).toBe('waiting');
  await world.advance('1 hour');
  expect(await run.status()).toBe('failed');
  const error = await failure(run.result());
  expect(error.cause).toMatchObject({ name: 'RunTimeoutError', code: 'RUN_TIMEOUT' });
});

behaviour('the timeout of a start is its own, and is counted from when the run began',
  [limited], async (world) => {
  const run = await world.client.start(limited, undefined, { timeout: '1 hour', delay: '1 hour' });
  await world.advance('119 minutes');
  expect(await run.status()).toBe('waiting');
  await world.advance('1 minute');
  expect(await run.status()).toBe('failed');
});

const cleaning = workflow({ name: 'cleaning', timeout: '1 hour' }, async (ctx) => {
  ctx.onRollback('undo', () => undefined);
  try {
    await ctx.step('long', ({ abortSignal }) => until(abortSignal));
  } catch (error) {
    await ctx.sleep('1 day');
    await ctx.set({ caught: error instanceof RunTimeoutError, at: ctx.now() });
    throw error;
  }
});

behaviour('what a timeout ends may clean up as after a cancel, and is not ended twice',
  [cleaning], async (world) => {
  const run = await world.start(cleaning);
  await world.advance('30 hours');
  expect(await run.status()).toBe('failed');
  expect(await run.attributes()).toEqual({ caught: true, at: new Date('2030-01-02T01:00:00Z') });
  expect(world.calls(cleaning, 'undo').length).toBeGreaterThan(0);
  expect(await failure(run.result())).toMatchObject({ cause: { code: 'RUN_TIMEOUT' } });
});

const inTime = workflow({ name: 'inTime', timeout: '1 hour' }, async (ctx) => {
  await ctx.sleep('59 minutes');
  return ctx.step('last', () => 'in time');
});

behaviour('a run that ends in time knows nothing of its timeout', [inTime], async (world) => {
  expect(await world.execute(inTime)).toBe('in time');
});

const later = workflow('later', async (ctx) => {
  const at = new Date('2030-01-01T10:00:00Z');
  const value = await ctx.step('throttled', { retry: 5 }, ({ attempt }) => {
    if (attempt === 1) throw new RetryAfterError('come back later', at);
    if (attempt === 2) throw new RetryAfterError('and again', '1 hour');
    return attempt;
  });
  return [value, ctx.now().toISOString()];
});

behaviour('a step chooses when it is tried again', [later], async (world) => {
  expect(await world.execute(later)).toEqual([3, '2030-01-01T11:00:00.000Z']);
});

const waits = workflow({ name: 'waits', signals: { go: type<number>() } }, async (ctx) => {
  const callback = await ctx.callback();
  const values = [
    await ctx.waitFor('go', { timeout: '1 hour' }), await ctx.waitForEvent('e', { timeout: '1 hour' }),
    await callback.result({ timeout: '1 hour' }),
  ];
  return [values, ctx.now().toISOString()];
});

behaviour('each wait ends when its own time is up', [waits], async (world) => {
  expect(await world.execute(waits)).toEqual([[null, null, null], '2030-01-01T03:00:00.000Z']);
});

const busyTime = workflow({ name: 'busyTime', timeout: '1 hour' }, async (ctx) => {
  let rounds = 0;
  for (;;) {
    rounds = await ctx.step('round', () => rounds + 1);
    await ctx.sleep('1 minute');
    await ctx.set({ rounds });
  }
});

behaviour('a run that is never still is ended as well', [busyTime], async (world) => {
  const run = await world.start(busyTime);
  await world.advance('2 hours');
  expect(await run.status()).toBe('failed');
  const { rounds } = await run.attributes();
  expect([59, 60]).toContain(rounds);
});
