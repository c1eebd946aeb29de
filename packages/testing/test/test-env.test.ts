// Workflows under virtual time: what moves, when, in which order, and what does not move at all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NonRetryableError, RunFailedError, type, workflow, type Workflow } from '@perdure/core';
import { createTestEnv } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { World } from '../dist/world.js';
import { failure, Gate, silent } from './engine.js';

const startAt = new Date('2030-01-01T00:00:00Z');
const at = (text: string): Date => new Date(`${text}Z`);
const realPause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('time', () => {
  const monthly = workflow('monthly', async (ctx, months: number) => {
    const charged: Date[] = [];
    for (let month = 0; month < months; month++) {
      charged.push(await ctx.step('charge', () => ctx.now()));
      await ctx.sleep('30 days');
    }
    return charged;
  });

  test('a year of sleeping is over at once, and every sleep ends on the millisecond', async () => {
    await using env = await createTestEnv({ workflows: [monthly], startAt });
    const run = await env.start(monthly, 12);
    await env.advance('359 days');
    expect(await run.status()).toBe('waiting');
    expect(env.calls(monthly, 'charge')).toHaveLength(12);
    await env.advance('1 day');
    expect(await run.status()).toBe('completed');
    expect(env.now).toEqual(at('2030-12-27T00:00'));
    const charged = await run.result();
    expect(charged.at(0)).toEqual(startAt);
    expect(charged.at(11)).toEqual(at('2030-11-27T00:00'));
  });

  test('execute skips all waiting, and leaves the clock where the run ended', async () => {
    await using env = await createTestEnv({ workflows: [monthly], startAt });
    const monthMs = 30 * 86_400_000;
    const charged = await env.execute(monthly, 1_000);
    expect(charged.at(-1)).toEqual(new Date(startAt.getTime() + 999 * monthMs));
    expect(env.now).toEqual(new Date(startAt.getTime() + 1_000 * monthMs));
  });

  test('many runs take no time either: all of them wake at the same millisecond', async () => {
    const nap = workflow('nap', async (ctx) => {
      await ctx.sleep('1 hour');
      return ctx.now();
    });
    await using env = await createTestEnv({ workflows: [nap], startAt });
    const runs = await Promise.all(Array.from({ length: 1_500 }, () => env.start(nap)));
    await env.advance('1 hour');
    const woken = await Promise.all(runs.map((run) => run.result()));
    expect(new Set(woken.map((each) => each.toISOString()))).toEqual(new Set(['2030-01-01T01:00:00.000Z']));
  });

  test('nothing happens a millisecond early', async () => {
    const nap = workflow('nap', async (ctx) => ctx.sleep('1 minute'));
    await using env = await createTestEnv({ workflows: [nap], startAt });
    const run = await env.start(nap);
    await env.advance(59_999);
    expect(await run.status()).toBe('waiting');
    await env.advance(1);
    expect(await run.status()).toBe('completed');
  });

  test('the delay of a start, an instant, and the patience of whoever waits for a result', async () => {
    const until = workflow('until', async (ctx, when: Date) => ctx.sleepUntil(when));
    await using env = await createTestEnv({ workflows: [until], startAt });
    const run = await env.start(until, at('2030-02-01T00:00'), { delay: '7 days' });
    const late = failure(run.result({ timeout: '10 days' }));
    await env.advance('7 days');
    await env.untilIdle();
    expect(await run.status()).toBe('waiting');
    await env.advance('3 days');
    expect(await late).toMatchObject({ code: 'RESULT_TIMEOUT' });
    await env.advance('21 days');
    expect(await run.status()).toBe('completed');
  });

  test('an idle century costs a handful of looks', async () => {
    let looks = 0;
    const world = new World({ workflows: [monthly], startAt }, {
      done: (verb) => {
        if (verb === 'claim') looks++;
      },
    });
    await world.work([monthly]);
    await world.untilIdle();
    looks = 0;
    await world.advance('5000 weeks');
    await world[Symbol.asyncDispose]();
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThan(10);
  });
});

describe('retries', () => {
  const flaky = workflow('flaky', async (ctx) => ctx.step('call', {
    retry: { maximumAttempts: 4, initialInterval: '1 minute', maximumInterval: '90 s', jitter: false },
  }, () => 'body'));

  test('come with their back-off, one after the other', async () => {
    await using env = await createTestEnv({ workflows: [flaky], startAt });
    const tried: string[] = [];
    env.mockStep(flaky, 'call', ({ attempt }) => {
      tried.push(env.now.toISOString().slice(11, 19));
      if (attempt < 4) throw new Error(`no ${attempt}`);
      return 'at last';
    });
    const run = await env.start(flaky);
    await env.untilIdle();
    expect(tried).toEqual(['00:00:00']);
    await env.advance('1 minute');
    expect(tried).toEqual(['00:00:00', '00:01:00']);
    await env.advance('1 hour');
    expect(tried).toEqual(['00:00:00', '00:01:00', '00:02:30', '00:04:00']);
    expect(await run.result()).toBe('at last');
  });

  test('with jitter come at the same moments in every test', async () => {
    const jittery = workflow('jittery', async (ctx) => ctx.step('call', { retry: 5 }, () => {
      throw new Error('no');
    }));
    const moments: Date[] = [];
    for (const _ of [1, 2]) {
      await using env = await createTestEnv({ workflows: [jittery], startAt });
      await failure(env.execute(jittery));
      moments.push(env.now);
    }
    expect(moments[0]).toEqual(moments[1]);
    expect(moments[0]?.getTime()).toBeGreaterThan(startAt.getTime());
  });
});

describe('mocks and calls', () => {
  const order = workflow('order', async (ctx, sku: string) => {
    const stock = await ctx.step('reserve', async () => `real ${sku}`);
    const paid = await ctx.step('charge', { retry: 2 }, async () => 'real money');
    return `${stock}, ${paid}`;
  });

  test('a mock stands in for the body from then on, and may be replaced', async () => {
    await using env = await createTestEnv({ workflows: [order] });
    expect(await env.execute(order, 'a')).toBe('real a, real money');
    env.mockStep(order, 'charge', async () => 'test money');
    expect(await env.execute(order, 'b')).toBe('real b, test money');
    env.mockStep(order, 'charge', () => 'more money');
    env.mockStep(order, 'reserve', ({ attempt }) => `attempt ${attempt}`);
    expect(await env.execute(order, 'c')).toBe('attempt 1, more money');
  });

  test('a mock that throws makes attempts fail, as its body would', async () => {
    await using env = await createTestEnv({ workflows: [order] });
    env.mockStep(order, 'reserve', async () => {
      throw new NonRetryableError('sold out');
    });
    const error = await failure(env.execute(order, 'a'));
    expect(error).toBeInstanceOf(RunFailedError);
    expect(error.cause).toMatchObject({ name: 'NonRetryableError', message: 'sold out' });
    expect(env.calls(order, 'reserve')).toMatchObject([{ attempt: 1, error: { message: 'sold out' } }]);
    expect(env.calls(order, 'charge')).toEqual([]);
  });

  test('calls tell every attempt, with its result or why it failed', async () => {
    const odd = workflow('odd', async (ctx, what: string) => {
      await ctx.step('odd', { retry: { maximumAttempts: 2, initialInterval: '1 s' }, timeout: '5 s' },
        async (step) => {
          if (what === 'undefined') return undefined;
          // eslint-disable-next-line no-throw-literal
          if (what === 'text') throw 'a text';
          if (step.attempt === 1) await new Promise(() => undefined);
          return step.attempt;
        });
    });
    await using env = await createTestEnv({ workflows: [odd], startAt, patience: 0, limit: 20 });
    const first = await env.start(odd, 'undefined', { id: 'one' });
    await first.result();
    await failure(env.execute(odd, 'text', { id: 'two' }));
    await env.start(odd, 'late', { id: 'three' });
    await env.untilIdle().catch(() => undefined);
    expect(env.calls(odd, 'odd')).toEqual([
      { runId: 'one', attempt: 1, result: undefined },
      { runId: 'two', attempt: 1, error: expect.any(Error) },
      { runId: 'two', attempt: 2, error: expect.any(Error) },
      { runId: 'three', attempt: 1 },
    ]);
    expect(Object.hasOwn(env.calls(odd, 'odd')[0]!, 'result')).toBe(true);
    await env.advance('5 s');
    await env.advance('1 s');
    expect(env.calls(odd, 'odd').slice(3)).toMatchObject([
      { attempt: 1, error: { name: 'StepTimeoutError' } }, { attempt: 2, result: 2 },
    ]);
  });

  test('a workflow that is not served is named, and so are those that are', async () => {
    const other = workflow('other', async () => 1);
    await using env = await createTestEnv({ workflows: [order] });
    for (const wrong of [
      () => env.mockStep(other, 'a', () => 1), () => env.start(other), () => env.execute(other),
    ]) {
      const error = await failure((async () => wrong())());
      expect(error).toMatchObject({ code: 'NOT_SERVED' });
      expect(error.message).toMatch(/'other'.*serves 'order'/);
    }
  });
});

test('two runs are interleaved as their times are', async () => {
  const trace: string[] = [];
  const ticking = workflow('ticking', async (ctx, { name, every }: { name: string; every: number }) => {
    for (let tick = 1; tick <= 3; tick++) {
      await ctx.sleep(every * 1_000);
      await ctx.step('tick', () => trace.push(`${name}${tick}`));
    }
  });
  await using env = await createTestEnv({ workflows: [ticking], startAt });
  await env.start(ticking, { name: 'slow', every: 5 });
  await env.start(ticking, { name: 'fast', every: 2 });
  await env.advance('4 s');
  expect(trace).toEqual(['fast1', 'fast2']);
  await env.advance('1 minute');
  expect(trace).toEqual(['fast1', 'fast2', 'slow1', 'fast3', 'slow2', 'slow3']);
});

test('several callers may execute at once: time moves for all of them', async () => {
  const nap = workflow('nap', async (ctx, hours: number) => {
    await ctx.sleep(hours * 3_600_000);
    return ctx.now();
  });
  await using env = await createTestEnv({ workflows: [nap], startAt });
  expect(await Promise.all([3, 1, 2].map((hours) => env.execute(nap, hours)))).toEqual(
    ['03:00', '01:00', '02:00'].map((time) => at(`2030-01-01T${time}`)));
  expect(env.now).toEqual(at('2030-01-01T03:00'));
});

describe('real time', () => {
  const fetching = workflow('fetching', async (ctx) => {
    const got = await ctx.step('fetch', async () => {
      await realPause(30);
      return 'page';
    });
    await ctx.sleep('1 day');
    return got;
  });

  test('untilIdle waits for a body that does real work, and moves no time', async () => {
    await using env = await createTestEnv({ workflows: [fetching], startAt });
    const run = await env.start(fetching);
    await env.untilIdle();
    expect(env.calls(fetching, 'fetch')).toMatchObject([{ result: 'page' }]);
    expect(await run.status()).toBe('waiting');
    expect(env.now).toEqual(startAt);
  });

  test('advance waits for it before each moment, so that what follows begins in time', async () => {
    await using env = await createTestEnv({ workflows: [fetching], startAt, patience: '1 minute' });
    const run = await env.start(fetching);
    await env.advance('1 day');
    expect(await run.status()).toBe('completed');
  });

  test('a schema that parses asynchronously is waited for as well', async () => {
    const gate = new Gate();
    const plain = type<string>();
    let checked = 0;
    const input: typeof plain = { '~standard': { ...plain['~standard'], validate: async (value) => {
      // The client checks as well.
      if (checked++ > 0) await realPause(20);
      return { value: value as string };
    } } };
    const parsing = workflow({ name: 'parsing', input }, async (ctx, text) => ctx.step('s', () => {
      gate.open();
      return text;
    }));
    await using env = await createTestEnv({ workflows: [parsing] });
    await env.start(parsing, 'parsed');
    await env.untilIdle();
    expect(env.calls(parsing, 's')).toMatchObject([{ result: 'parsed' }]);
    await gate.passed;
  });

  test('a body that never ends is an error that names it', async () => {
    const stuck = workflow('stuck', async (ctx, name: string) => {
      await Promise.all([
        ctx.step(name, () => new Promise(() => undefined)),
        ctx.step('beside', () => new Promise(() => undefined)),
      ]);
    });
    await using env = await createTestEnv({ workflows: [stuck], limit: 30, patience: 0 });
    await env.start(stuck, 'first', { id: 'a' });
    await env.start(stuck, 'second', { id: 'b' });
    const error = await failure(env.untilIdle());
    expect(error).toMatchObject({ code: 'STEPS_STILL_RUNNING' });
    expect(error.message).toContain("step 'first', step 'beside' of run 'a' (stuck)");
    expect(error.message).toContain("step 'second', step 'beside' of run 'b' (stuck)");
    expect(await failure(env.execute(stuck, 'third'))).toMatchObject({ code: 'STEPS_STILL_RUNNING' });
  });

  test('one body that ends gives the others their time anew', async () => {
    const gates = [new Gate(), new Gate(), new Gate()];
    const slow = workflow('slow', async (ctx) => {
      await Promise.all(gates.map((gate, index) => ctx.step(`s${index}`, () => gate.passed)));
    });
    await using env = await createTestEnv({ workflows: [slow], limit: 400 });
    await env.start(slow);
    void (async () => {
      for (const gate of gates) {
        await realPause(250);
        gate.open();
      }
    })();
    await env.untilIdle();
    expect(env.calls(slow, 's2')).toMatchObject([{ result: undefined }]);
  });
});

describe('a step that runs while time moves', () => {
  test('goes on, its siblings are served, and its answer comes when it comes', async () => {
    const gate = new Gate();
    const both = workflow('both', async (ctx) => {
      const slow = ctx.step('slow', () => gate.passed);
      await ctx.sleep('1 hour');
      const noon = ctx.now();
      await slow;
      return [noon, ctx.now()];
    });
    await using env = await createTestEnv({ workflows: [both], startAt, patience: 0 });
    const run = await env.start(both);
    await env.advance('1 hour');
    await env.advance('30 days');
    expect(await run.status()).toBe('running');
    gate.open();
    await env.untilIdle();
    expect(await run.result()).toEqual([at('2030-01-01T01:00'), at('2030-01-31T01:00')]);
  });

  test('is given up at its timeout, to the millisecond', async () => {
    const gave: string[] = [];
    const hanging = workflow('hanging', async (ctx) => ctx.step('hang', {
      timeout: '1 minute', retry: { maximumAttempts: 2, initialInterval: '10 s', jitter: false },
    }, (step) => new Promise((_, reject) => {
      step.abortSignal.addEventListener('abort', () => {
        gave.push(env.now.toISOString().slice(11, 19));
        reject(new Error('aborted'));
      });
    })));
    await using env = await createTestEnv({ workflows: [hanging], startAt, patience: 0 });
    const error = await failure(env.execute(hanging));
    expect(error.cause).toMatchObject({ code: 'STEP_TIMEOUT' });
    expect(gave).toEqual(['00:01:00', '00:02:10']);
    expect(env.now).toEqual(at('2030-01-01T00:02:10'));
  });

  test('holds up no other run', async () => {
    const gate = new Gate();
    const stuck = workflow('stuck', async (ctx) => ctx.step('wait', () => gate.passed));
    const nap = workflow('nap', async (ctx) => ctx.sleep('365 days'));
    await using env = await createTestEnv({ workflows: [stuck, nap], patience: 0 });
    const held = await env.start(stuck);
    await env.execute(nap);
    expect(await held.status()).toBe('running');
    gate.open();
    await held.result();
  });
});

describe('what no time changes', () => {
  test('is an error of execute', async () => {
    const nap = workflow('nap', async (ctx) => ctx.sleep('1 hour'));
    const world = new World({ workflows: [nap], limit: 30 });
    await world.work([nap]);
    await world.start(nap, undefined, { id: 'held', delay: '1 day' });
    const release = world.store.lockRow('held');
    const error = await failure(world.execute(nap, undefined, { id: 'held' }));
    expect(error).toMatchObject({ code: 'RUN_STUCK', runId: 'held' });
    expect(error.message).toMatch(/'held' of workflow 'nap' is pending.*env\.start/);
    release();
    await world[Symbol.asyncDispose]();
  });

  test('a run that parks says why', async () => {
    const mistaken = workflow('mistaken', async (ctx) => {
      await realPause(1);
      await ctx.step('too late', () => 1);
    });
    await using env = await createTestEnv({ workflows: [mistaken], logger: silent });
    expect(await failure(env.execute(mistaken))).toMatchObject({ code: 'FOREIGN_AWAIT' });
  });
});

describe('the end of a test', () => {
  const many: Workflow<string, string, unknown> = workflow('many', async (ctx, what) => {
    if (what === 'sleeps') await ctx.sleep('1 hour');
    await ctx.step('hangs', () => new Promise(() => undefined));
  });

  test('ends whatever still runs or waits', async () => {
    const env = await createTestEnv({ workflows: [many], patience: 0 });
    const runs = await Promise.all([env.start(many, 'sleeps'), env.start(many, 'hangs')]);
    const waiting = runs.map((run) => failure(run.result()));
    await env.advance('1 minute');
    await env[Symbol.asyncDispose]();
    await env[Symbol.asyncDispose]();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'CLIENT_CLOSED' });
    const now = env.now;
    for (const used of [() => env.start(many, 'x'), () => env.execute(many, 'x'), () => env.advance(1),
      () => env.untilIdle(), async () => env.mockStep(many, 'hangs', () => 1)]) {
      expect(await failure(used())).toMatchObject({ code: 'TEST_ENV_CLOSED' });
    }
    expect(env.now).toEqual(now);
    expect(env.calls(many, 'hangs')).toHaveLength(1);
  });

  test.each(['disposed', 'forgotten', 'node:test'])('a process can end: %s', async (how) => {
    const compiled = new URL('../../dist-test/testing/test/test-env-program.js', import.meta.url);
    const program = fileURLToPath(compiled);
    const args = how === 'node:test' ? ['--test', program] : [program, how];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
    const [code] = await once(child, 'close');
    const expected = how === 'node:test' ? 'pass 2' : 'a year later';
    expect([code, said]).toEqual([0, expect.stringContaining(expected)]);
  });
});

test('nonsense is refused', async () => {
  const nap = workflow('nap', async (ctx) => ctx.sleep(1));
  expect(await failure(createTestEnv({ workflows: [] }))).toMatchObject({ code: 'NO_WORKFLOWS' });
  expect(await failure(createTestEnv({ workflows: [nap], startAt: new Date(NaN) })))
    .toMatchObject({ code: 'INVALID_TIME' });
  expect(await failure(createTestEnv({ workflows: [nap], patience: -1 })))
    .toMatchObject({ code: 'INVALID_DURATION' });
  await using env = await createTestEnv({ workflows: [nap] });
  expect(await failure(env.advance(-1))).toMatchObject({ code: 'INVALID_DURATION' });
});
