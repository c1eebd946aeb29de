// Cancellation: it arrives once, at one point, and everything that is open ends there.
import { RunCancelledError, type, workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

const go = { go: type<number>() };
const hour = 3_600_000;

/** Resolves when a body is told to stop. */
function told(abortSignal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abortSignal.aborted) resolve();
    abortSignal.addEventListener('abort', () => resolve());
  });
}

const ran: string[] = [];
const never = workflow('never', async (ctx) => {
  ran.push(ctx.runId);
  await ctx.step('work', () => ran.push(ctx.runId));
});

behaviour('a run that is cancelled before it began never runs its code', [never], async (world) => {
  const run = await world.client.start(never, undefined, { delay: '1 hour' });
  await run.cancel('changed my mind');
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({
    name: 'RunCancelledError', code: 'RUN_CANCELLED', reason: 'changed my mind',
  });
  expect(await run.status()).toBe('cancelled');
  expect(ran).not.toContain(run.id);
});

const sleeper = workflow('sleeper', async (ctx) => {
  await ctx.step('before', () => 1);
  await ctx.sleep('52 weeks');
  await ctx.step('after', () => 1);
});

behaviour('a cancel ends a sleep at once', [sleeper], async (world) => {
  const run = await world.start(sleeper);
  await world.advance('1 hour');
  await run.cancel('enough');
  await world.untilIdle();
  expect(await run.status()).toBe('cancelled');
  expect(await failure(run.result())).toMatchObject({ reason: 'enough', runId: run.id });
  expect(world.calls(sleeper, 'after')).toEqual([]);
});

const waits = workflow({ name: 'waits', signals: go }, async (ctx, kind: string) => {
  const callback = await ctx.callback();
  if (kind === 'signal') await ctx.waitFor('go');
  else if (kind === 'signal with timeout') await ctx.waitFor('go', { timeout: '1 day' });
  else if (kind === 'event') await ctx.waitForEvent('e', { timeout: '1 day' });
  else if (kind === 'callback') await callback.result();
  else if (kind === 'retry') await ctx.step('failing', { retry: daily }, fail);
  else if (kind === 'until') await ctx.sleepUntil(new Date('2035-01-01'));
});

const daily = { initialInterval: '1 day', maximumInterval: '1 day', jitter: false } as const;

function fail(): never {
  throw new Error('no');
}

for (const kind of ['signal', 'signal with timeout', 'event', 'callback', 'retry', 'until']) {
  behaviour(`a cancel ends a wait at once: ${kind}`, [waits], async (world) => {
    const run = await world.client.start(waits, kind);
    await world.advance('1 hour');
    expect(await run.status()).toBe('waiting');
    await run.cancel('enough');
    await world.untilIdle();
    expect(await run.status()).toBe('cancelled');
    expect(await failure(run.result())).toMatchObject({ reason: 'enough' });
  });
}

const working = { gate: new Gate(), told: 0 };
const worker = workflow('worker', async (ctx) => {
  const value = await ctx.step('long', async ({ abortSignal }) => {
    await told(abortSignal);
    working.told++;
    await working.gate.passed;
    return 'half done';
  });
  const next = await ctx.step('next', () => 'never').catch((error: WorkflowError) => error);
  const again = await ctx.step('cleanup', () => 'clean');
  return [value, next instanceof RunCancelledError ? next.reason : 'no cancel', again];
});

behaviour('a running step is told and waited for: what it returns counts, the next call is refused', [worker],
  async (world) => {
    const run = await world.start(worker);
    await world.advance(1);
    await run.cancel('stop now');
    await world.advance(1);
    expect(working.told).toBeGreaterThan(0);
    expect(await run.status()).toBe('running');
    working.gate.open();
    await world.untilIdle();
    expect(await run.result()).toEqual(['half done', 'stop now', 'clean']);
    expect(await run.status()).toBe('completed');
    expect(world.calls(worker, 'next')).toEqual([]);
  });

const causes = workflow('causes', async (ctx) => {
  try {
    await ctx.step('long', async ({ abortSignal }) => {
      await told(abortSignal);
      throw new TypeError('interrupted');
    });
  } catch (error) {
    const { reason, cause } = error as RunCancelledError;
    return [reason, String(cause), world(error)];
  }
  return [];

  function world(error: unknown): boolean {
    return error instanceof RunCancelledError;
  }
});

behaviour('what a body threw when it was told to stop is the cause of the cancel',
  [causes], async (world) => {
  const run = await world.start(causes);
  await world.advance(1);
  await run.cancel('stop');
  await world.untilIdle();
  expect(await run.result()).toEqual(['stop', 'TypeError: interrupted', true]);
});

const cleaner = workflow({ name: 'cleaner', signals: go }, async (ctx) => {
  const log: string[] = [];
  try {
    await ctx.sleep('52 weeks');
  } finally {
    log.push(await ctx.step('clean', () => 'clean'));
    await ctx.sleep('1 hour');
    const race = await ctx.race({
      slow: (scope) => scope.sleep('1 day'),
      quick: (scope) => scope.sleep('1 minute'),
    });
    log.push(race.winner);
    const all = await ctx.all({
      a: (scope) => scope.step('a', () => 'a'), b: (scope) => scope.sleep('1 minute'),
    });
    log.push(all.a, String(await ctx.waitFor('go')));
    await ctx.set({ log: log.join(' '), ended: ctx.now() });
  }
});

behaviour('finally is shielded: steps, sleeps, waits and joins work in it', [cleaner], async (world) => {
  const run = await world.client.start(cleaner);
  await world.advance('1 day');
  await run.cancel('stop');
  await world.advance('1 day');
  await run.signal('go', 5);
  await world.untilIdle();
  expect(await run.status()).toBe('cancelled');
  expect(await run.attributes()).toEqual({ log: 'clean quick a 5', ended: new Date('2030-01-03') });
});

const cleaningBranches = workflow('cleaningBranches', async (ctx) => {
  const log: string[] = [];
  const piece = (name: string, ms: number) => async (scope: typeof ctx): Promise<void> => {
    try {
      await scope.sleep('52 weeks');
    } finally {
      if (ms > 0) {
        await scope.sleep(ms);
        await scope.step('clean', () => name);
        log.push(name);
      }
    }
  };
  try {
    await ctx.all({
      none: piece('none', 0), one: piece('one', hour),
      race: (scope) => scope.race({ two: piece('two', 2 * hour), nothing: piece('nothing', 0) }),
    });
  } finally {
    await ctx.set({ log: log.join(' ') });
  }
});

behaviour('every branch cleans up, whichever of them is done first', [cleaningBranches], async (world) => {
  const run = await world.start(cleaningBranches);
  await world.advance('1 day');
  await run.cancel();
  await world.advance('1 day');
  expect(await run.status()).toBe('cancelled');
  expect(await run.attributes()).toEqual({ log: 'one two' });
});

const stubborn = workflow('stubborn', async (ctx) => {
  try {
    await ctx.sleep('52 weeks');
  } catch (error) {
    return `gave way to: ${(error as RunCancelledError).reason}`;
  }
  return 'slept';
});

behaviour('a run that catches its cancel and returns has completed', [stubborn], async (world) => {
  const run = await world.start(stubborn);
  await world.advance('1 day');
  await run.cancel('please');
  await world.untilIdle();
  expect(await run.result()).toBe('gave way to: please');
});

const other = workflow('other', async (ctx) => {
  try {
    await ctx.sleep('52 weeks');
  } catch {
    throw new RangeError('could not clean up');
  }
});

behaviour('a run that throws something else at its cancel has failed', [other], async (world) => {
  const run = await world.start(other);
  await world.advance('1 day');
  await run.cancel();
  await world.untilIdle();
  expect(await run.status()).toBe('failed');
  expect(await failure(run.result())).toMatchObject({
    code: 'RUN_FAILED', cause: { message: 'could not clean up' },
  });
});

behaviour('a second cancel changes nothing, and one after the end is refused',
  [cleaner, sleeper], async (world) => {
  const run = await world.client.start(cleaner);
  await world.advance('1 day');
  await run.cancel('first');
  await world.untilIdle();
  await run.cancel('second');
  await world.advance('1 day');
  await run.signal('go', 1);
  await world.untilIdle();
  expect(await failure(run.result())).toMatchObject({ reason: 'first' });
  await run.cancel('third');
  const done = await world.start(sleeper);
  await world.advance('400 days');
  expect(await done.status()).toBe('completed');
  expect(await failure(done.cancel())).toMatchObject({ code: 'RUN_SETTLED' });
  const nobody = world.client.get(sleeper, 'nobody');
  expect(await failure(nobody.cancel())).toMatchObject({ code: 'RUN_NOT_FOUND' });
});

const signalled = workflow({ name: 'signalled', signals: go }, async (ctx) => {
  const fired: string[] = [];
  ctx.abortSignal.addEventListener('abort', () => fired.push('fired'));
  fired.push(String(ctx.abortSignal.aborted), await ctx.step('one', () => 'one'));
  try {
    await ctx.sleep('52 weeks');
  } catch {
    fired.push('caught', String(ctx.abortSignal.aborted));
  }
  fired.push(await ctx.step('two', () => 'two'));
  await ctx.sleep('1 hour');
  fired.push(await ctx.step('three', () => 'three'));
  return fired.join(' ');
});

behaviour('the signal of the run fires at the same point, however often it is replayed', [signalled],
  async (world) => {
    const run = await world.client.start(signalled);
    await world.advance('1 day');
    await run.cancel();
    await world.advance('1 hour');
    expect(await run.result()).toBe('false one fired caught true two three');
  });

const scoped = workflow('scoped', async (ctx) => {
  const seen: string[] = [];
  const watch = (what: string, signal: AbortSignal): void => {
    signal.addEventListener('abort', () => void seen.push(what));
  };
  watch('root', ctx.abortSignal);
  await ctx.race({
    winner: (scope) => {
      watch('winner', scope.abortSignal);
      return scope.sleep('1 minute');
    },
    loser: async (scope) => {
      watch('loser', scope.abortSignal);
      await scope.all({
        inner: (inner) => {
          watch('inner', inner.abortSignal);
          return inner.sleep('1 day');
        },
      });
    },
  });
  await ctx.step('s', () => 1);
  return seen.sort();
});

behaviour('the signal of a branch fires when it loses, with those inside of it alone',
  [scoped], async (world) => {
  expect(await world.execute(scoped)).toEqual(['inner', 'loser']);
});

const doubly = workflow({ name: 'doubly', signals: go }, async (ctx) => {
  const log: string[] = [];
  try {
    await ctx.waitFor('go');
    log.push('got it');
    await ctx.waitFor('go');
  } catch {
    log.push('cancelled');
  }
  log.push(String(await ctx.waitFor('go', { timeout: '1 hour' })));
  return log;
});

behaviour('a signal that came before the cancel is seen before it, one that came after it is kept', [doubly],
  async (world) => {
    const run = await world.client.start(doubly);
    await world.advance(1);
    await run.signal('go', 1);
    await world.advance(1);
    await run.cancel();
    await world.advance(1);
    await run.signal('go', 2);
    await world.advance('2 hours');
    expect(await run.result()).toEqual(['got it', 'cancelled', '2']);
  });

behaviour('signal and cancel of one moment: nothing is lost, in either order', [doubly], async (world) => {
  for (const order of [['signal', 'cancel'], ['cancel', 'signal']]) {
    const run = await world.client.start(doubly);
    await world.advance('1 minute');
    await Promise.all(order.map((what) => (what === 'signal' ? run.signal('go', 7) : run.cancel())));
    await world.advance('2 hours');
    const log = await run.result();
    expect([['got it', 'cancelled', 'null'], ['cancelled', '7']]).toContainEqual(log);
  }
});

const plain = workflow('plain', async (ctx) => {
  const results = await Promise.allSettled([
    ctx.step('quick', () => 'quick'),
    ctx.sleep('52 weeks'),
    ctx.step('long', async ({ abortSignal }) => {
      await told(abortSignal);
      return 'long';
    }),
    ctx.step('flaky', { retry: daily }, fail),
  ]);
  return results.map((result) => String(result.status === 'fulfilled' ? result.value : result.reason.code));
});

behaviour('a cancel reaches calls side by side, each in its own way', [plain], async (world) => {
  const run = await world.start(plain);
  await world.advance('1 hour');
  await run.cancel();
  await world.untilIdle();
  expect(await run.result()).toEqual(['quick', 'RUN_CANCELLED', 'long', 'RUN_CANCELLED']);
});

const looping = workflow('looping', async (ctx) => {
  let rounds = 0;
  try {
    for (;;) {
      rounds = await ctx.step('round', () => rounds + 1);
      await ctx.sleep('1 minute');
    }
  } finally {
    await ctx.set({ rounds });
  }
});

behaviour('an endless run is cancelled wherever it is', [looping], async (world) => {
  const run = await world.start(looping);
  await world.advance('30 minutes');
  await run.cancel();
  await world.advance('1 hour');
  expect(await run.status()).toBe('cancelled');
  expect(await run.attributes()).toEqual({ rounds: 31 });
});

const early = workflow('early', async (ctx) => {
  ctx.onRollback('undo', () => void ran.push(`undo ${ctx.runId}`));
  await ctx.step('first', () => 1);
  await ctx.sleep('1 hour');
});

behaviour('a cancel right after the start is seen before or after the run began, never in between', [early],
  async (world) => {
    const run = await world.client.start(early);
    await run.cancel('at once');
    await world.advance('1 minute');
    expect(await run.status()).toBe('cancelled');
    const begun = world.calls(early, 'first').length > 0;
    if (begun) expect(ran).toContain(`undo ${run.id}`);
    else expect(ran).not.toContain(`undo ${run.id}`);
  });

const inStep = workflow('inStep', async (ctx) => {
  await ctx.step('long', { retry: 5 }, async ({ abortSignal }) => {
    await told(abortSignal);
    throw new Error('gave up');
  });
});

behaviour('a step that fails because of the cancel is not tried again', [inStep], async (world) => {
  const run = await world.start(inStep);
  await world.advance('1 minute');
  await run.cancel('stop');
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'stop' });
  expect(world.calls(inStep, 'long').filter(({ attempt }) => attempt > 1)).toEqual([]);
});

const oblivious = workflow('oblivious', async (ctx) => {
  const log: string[] = [];
  try {
    ctx.onRollback('release', () => void ran.push(`release ${ctx.runId}`));
    log.push(await ctx.step('use', async ({ abortSignal }) => {
      await told(abortSignal);
      return 'used';
    }));
  } finally {
    await ctx.step('first', () => 'first').catch((error: WorkflowError) => log.push(error.code));
    log.push(await ctx.step('second', () => 'second'));
    await ctx.set({ log: log.join(' ') });
  }
  await ctx.sleep('1 hour');
});

behaviour('after a step that returned the first call is refused, also in finally, and the next is not',
  [oblivious], async (world) => {
    const run = await world.start(oblivious);
    await world.advance(1);
    await run.cancel('stop');
    await world.advance('2 hours');
    expect(await run.attributes()).toEqual({ log: 'used RUN_CANCELLED second' });
    // The refusal was caught, so the run went on to its end: nothing is undone.
    expect(await run.status()).toBe('completed');
    expect(ran).not.toContain(`release ${run.id}`);
  });

const leaky = workflow('leaky', async (ctx) => {
  ctx.onRollback('release', () => void ran.push(`release ${ctx.runId}`));
  await ctx.step('use', async ({ abortSignal }) => {
    await told(abortSignal);
    return 'used';
  });
  await ctx.step('next', () => ran.push(`next ${ctx.runId}`));
});

behaviour('what a rollback releases is released when a step returned in spite of the cancel', [leaky],
  async (world) => {
    const run = await world.start(leaky);
    await world.advance(1);
    await run.cancel('stop');
    await world.advance('1 minute');
    expect(await run.status()).toBe('cancelled');
    expect(ran).toContain(`release ${run.id}`);
    expect(ran).not.toContain(`next ${run.id}`);
  });
