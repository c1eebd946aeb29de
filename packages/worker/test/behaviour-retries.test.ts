// Waits and retries: when they are over, and what comes of them. The same in every mode.
import {
  NonRetryableError, RetryAfterError, RunFailedError, StepTimeoutError, type, workflow,
} from '@perdure/core';
import { expect } from 'vitest';
import { behaviour, startAt } from '../../testing/test/behaviour-world.js';
import { failure, Gate } from '../../testing/test/engine.js';

/** Seconds since the beginning of virtual time. */
const seconds = (at: Date): number => (at.getTime() - startAt.getTime()) / 1_000;

behaviour('a retry waits as its policy says, and the last error reaches the workflow', async (env) => {
  const tried: number[] = [];
  const fails = workflow('fails', async (ctx) => ctx.step('fail', {
    retry: { maximumAttempts: 4, initialInterval: '10 s', maximumInterval: '30 s', jitter: false },
  }, (step) => {
    tried.push(seconds(env.now));
    throw new RangeError(`boom ${step.attempt}`);
  }));
  await env.serve(fails);
  const error = await failure(env.execute(fails));
  expect(error).toBeInstanceOf(RunFailedError);
  expect(error.cause).toBeInstanceOf(RangeError);
  expect(error.cause).toMatchObject({ message: 'boom 4' });
  expect(tried).toEqual([0, 10, 30, 60]);
});

behaviour('a failed step that the workflow catches is not tried again at replay', async (env) => {
  let bodies = 0;
  const caught = workflow('caught', async (ctx) => {
    const why = await ctx.step('fail', { retry: 1 }, () => {
      bodies++;
      throw new TypeError('no');
    }).catch((error: Error) => error.message);
    await ctx.sleep('1 hour');
    return [why, await ctx.step('after', () => 'after')];
  });
  await env.serve(caught);
  expect(await env.execute(caught)).toEqual(['no', 'after']);
  expect(bodies).toBe(1);
});

behaviour('the count of attempts outlives workers, and so does the key of the step', async (env) => {
  const seen: string[] = [];
  const flaky = workflow('flaky', async (ctx) => ctx.step('flaky', {
    retry: { maximumAttempts: 3, initialInterval: '1 hour', maximumInterval: '2 hours', jitter: false },
  }, (step) => {
    seen.push(`${step.attempt} ${step.idempotencyKey}`);
    if (step.attempt < 3) throw new Error('not yet');
    return step.attempt;
  }));
  await env.serve(flaky);
  const run = await env.start(flaky);
  for (const attempts of [1, 2, 3]) {
    await env.untilIdle();
    expect(seen).toHaveLength(attempts);
    env.vanish();
    await env.advance(attempts === 1 ? '1 hour' : '2 hours');
  }
  expect(await run.result()).toBe(3);
  expect(seen).toEqual([1, 2, 3].map((attempt) => `${attempt} ${run.id}:1:1`));
});

behaviour('no retry is made for NonRetryableError, its subclasses, and named classes', async (env) => {
  let bodies = 0;
  class Declined extends NonRetryableError {}
  class Fraud extends Error {}
  const thrown: Record<string, Error> = {
    declined: new Declined('no'), fraud: new Fraud('no'), type: new TypeError('no'),
  };
  const declined = workflow('declined', async (ctx, what: string) => ctx.step('charge', {
    retry: { nonRetryableErrors: [Fraud, TypeError] },
  }, () => {
    bodies++;
    throw thrown[what];
  }));
  await env.serve(declined);
  for (const [at, what] of Object.keys(thrown).entries()) {
    expect(await failure(env.execute(declined, what))).toMatchObject({ cause: { message: 'no' } });
    expect(bodies).toBe(at + 1);
  }
  expect(env.now).toEqual(startAt);
});

behaviour('RetryAfterError chooses the next attempt, by length or by instant', async (env) => {
  const later = workflow('later', async (ctx, how: string) => ctx.step('limited', {
    retry: { initialInterval: '1 day' },
  }, (step) => {
    if (step.attempt > 1) return env.now;
    throw new RetryAfterError('slow down', how === 'length' ? '2 minutes' : new Date(+env.now + 180_000));
  }));
  await env.serve(later);
  expect(seconds(await env.execute(later, 'length'))).toBe(120);
  expect(seconds(await env.execute(later, 'instant'))).toBe(300);
});

behaviour('an attempt that is late is told to stop, and tried again', async (env) => {
  const reasons: unknown[] = [];
  const slow = workflow('slow', async (ctx) => ctx.step('slow', {
    timeout: '30 s', retry: { initialInterval: '10 s', jitter: false },
  }, async (step) => {
    if (step.attempt === 2) return seconds(env.now);
    await new Promise((resolve) => step.abortSignal.addEventListener('abort', resolve));
    reasons.push(step.abortSignal.reason);
    return 'too late';
  }));
  await env.serve(slow);
  expect(await env.execute(slow)).toBe(40);
  expect(reasons).toEqual([expect.any(StepTimeoutError)]);
  expect(env.calls(slow, 'slow')).toMatchObject([{ error: { code: 'STEP_TIMEOUT' } }, { result: 40 }]);
}, { patience: 0 });

behaviour('a step that is always late fails with the error that says so', async (env) => {
  const never = workflow('never', async (ctx) => (
    ctx.step('never', { timeout: '10 s', retry: 1 }, () => new Promise(() => undefined))));
  await env.serve(never);
  const { cause } = await failure(env.execute(never));
  expect(cause).toMatchObject({ name: 'StepTimeoutError', code: 'STEP_TIMEOUT' });
  expect((cause as Error).message)
    .toMatch(/'never' did not finish within 10000 ms.*longer timeout.*abortSignal/);
  expect(seconds(env.now)).toBe(10);
}, { patience: 0 });

behaviour('who waits holds no slot: neither a sleeper nor a step between two attempts', async (env) => {
  const sleeper = workflow('sleeper', async (ctx) => ctx.sleep('1 hour'));
  const failing = workflow('failing', async (ctx) => ctx.step('fail', {
    retry: { initialInterval: '1 hour', maximumInterval: '1 hour', jitter: false },
  }, () => {
    throw new Error('no');
  }));
  const quick = workflow('quick', async (ctx) => ctx.step('quick', () => 'done'));
  await env.work([sleeper, failing, quick], { concurrency: 1 });
  const waiting = await Promise.all([env.start(sleeper), env.start(failing), env.start(sleeper)]);
  await env.untilIdle();
  expect(await Promise.all(waiting.map((run) => run.status()))).toEqual(['waiting', 'waiting', 'waiting']);
  const run = await env.start(quick);
  await env.untilIdle();
  expect(await run.result()).toBe('done');
  expect(env.now).toEqual(startAt);
});

behaviour('a start may be put off, by length or by instant', async (env) => {
  const begun = workflow('begun', async (ctx) => ctx.startedAt);
  await env.serve(begun);
  const later = await env.start(begun, undefined, { delay: '10 s' });
  const then = await env.start(begun, undefined, { startAt: new Date(startAt.getTime() + 20_000) });
  const past = await env.start(begun, undefined, { startAt: new Date(0) });
  await env.untilIdle();
  expect([await later.status(), await then.status()]).toEqual(['pending', 'pending']);
  await env.advance('20 s');
  const started = await Promise.all([later, then, past].map((run) => run.result()));
  expect(started.map(seconds)).toEqual([10, 20, 0]);
});

behaviour('a sleep until an instant that has passed is over at once', async (env) => {
  const wait = workflow('wait', async (ctx, until: Date) => {
    await ctx.sleepUntil(until);
    return ctx.now();
  });
  await env.serve(wait);
  expect(seconds(await env.execute(wait, new Date(0)))).toBe(0);
  expect(seconds(await env.execute(wait, new Date(startAt.getTime() + 86_400_000 * 365)))).toBe(86_400 * 365);
});

behaviour('a sleep beside a step that runs ends in time, also late in the life of a run', async (env) => {
  const gate = new Gate();
  const late = workflow('late', async (ctx) => {
    await ctx.sleep('365 days');
    const nap = ctx.sleep('1 hour');
    await ctx.step('before', () => 1);
    const slow = ctx.step('slow', () => gate.passed);
    await nap;
    const woken = ctx.now();
    await slow;
    return woken;
  });
  await env.serve(late);
  const run = await env.start(late);
  await env.advance('365 days');
  await env.advance('2 hours');
  gate.open();
  await env.untilIdle();
  expect(seconds(await run.result())).toBe(365 * 86_400 + 3_600);
}, { patience: 0 });

behaviour('what an old memory was told is not lost with it', async (env) => {
  const waits = workflow({ name: 'waits', signals: { go: type<string>() } }, async (ctx) => {
    const began = ctx.now();
    await ctx.step('one', () => 1);
    const between = ctx.now();
    await ctx.step('two', () => 2);
    return [began, between, await ctx.waitFor('go')];
  });
  await env.serve(waits);
  const run = await env.start(waits);
  await run.signal('go', 'on');
  await env.untilIdle();
  expect(await run.result()).toEqual([startAt, startAt, 'on']);
});
