// Mistakes of workflow code park the run with a reason and a sentence that says what to do; what the mistake
// asked for is never written.
import { RunParkedError, workflow, type RunHandle, type Workflow } from 'perdure';
import { describe, expect, test } from 'vitest';
import { failure, freshEngine, Gate, silent, type SqlRow } from '../../testing/test/engine.js';

const { client, work, sql } = await freshEngine();

async function journal(runId: string): Promise<string[]> {
  const rows = await sql('select name from perdure.journal where run_id = $1 order by position', [runId]);
  return rows.map((row) => String(row['name']));
}

async function row(runId: string): Promise<SqlRow | undefined> {
  return (await sql('select status, reason, output from perdure.runs where id = $1', [runId]))[0];
}

/** Expects the run to be parked for `code`, with nothing in its journal but `recorded`. */
async function expectParked(run: RunHandle, code: string, recorded: string[] = []): Promise<string> {
  const error = await failure<RunParkedError>(run.result());
  expect(error).toBeInstanceOf(RunParkedError);
  expect(error.code).toBe(code);
  expect(error.runId).toBe(run.id);
  expect(await run.status()).toBe('parked');
  expect(await row(run.id)).toEqual({ status: 'parked', reason: code, output: null });
  expect(await sql('select id from perdure.ready where id = $1', [run.id])).toEqual([]);
  expect(await journal(run.id)).toEqual(recorded);
  return error.message;
}

async function started<Out>(wrong: Workflow<void, void, Out>): Promise<RunHandle<Out>> {
  await work([wrong]);
  return client.start(wrong);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a promise that is no call on ctx', () => {
  test('awaited for ever', async () => {
    const run = await started(workflow('waits', async () => new Promise<void>(() => undefined)));
    expect(await expectParked(run, 'FOREIGN_AWAIT')).toMatch(/is not a call on ctx.*put it into ctx\.step/);
  });

  test('awaited between steps', async () => {
    const run = await started(workflow('between', async (ctx) => {
      await ctx.step('first', () => 1);
      await pause(5);
      await ctx.step('second', () => 2);
    }));
    await expectParked(run, 'FOREIGN_AWAIT', ['first']);
    await pause(20);
    expect(await journal(run.id)).toEqual(['first']);
  });

  test('awaited while a step runs: the call after it is named', async () => {
    const gate = new Gate();
    const run = await started(workflow('beside', async (ctx) => {
      const slow = ctx.step('slow', () => gate.passed);
      await pause(5);
      await ctx.step('stray', () => 2);
      await slow;
    }));
    expect(await expectParked(run, 'FOREIGN_AWAIT'))
      .toMatch(/step 2 'stray' was called after waiting for something/);
    gate.open();
  });

  test('awaited before the end, while a step runs', async () => {
    const gate = new Gate();
    const run = await started(workflow('end', async (ctx) => {
      void ctx.step('slow', () => gate.passed).then(() => undefined);
      await pause(5);
      return 7;
    }));
    expect(await expectParked(run, 'FOREIGN_AWAIT')).toMatch(/went on to its end/);
    gate.open();
  });

  test('awaited while the run sleeps', async () => {
    const run = await started(workflow('asleep', async (ctx) => {
      const nap = ctx.sleep('1 hour');
      await pause(50);
      await ctx.step('stray', () => 1);
      await nap;
    }));
    await pause(100);
    await sql("update perdure.ready set due_at = clock_timestamp() where id = $1", [run.id]);
    expect(await expectParked(run, 'FOREIGN_AWAIT')).toMatch(/step 2 'stray'/);
  });

  test('a resolved promise is harmless', async () => {
    const run = await started(workflow('resolved', async (ctx) => {
      const value = await Promise.resolve(1);
      return value + await ctx.step('add', async () => Promise.resolve(2));
    }));
    expect(await run.result()).toBe(3);
  });
});

describe('a call that nobody awaits', () => {
  test('parks the run when it returns', async () => {
    const run = await started(workflow('forgets', async (ctx) => {
      void ctx.step('forgotten', () => 1);
      return 'done';
    }));
    expect(await expectParked(run, 'UNAWAITED_CALL')).toMatch(/nobody awaited step 1 'forgotten'.*Await it/);
  });

  test('is named although a later one was awaited', async () => {
    const run = await started(workflow('forgets-first', async (ctx) => {
      void ctx.step('forgotten', () => 1);
      await ctx.step('awaited', () => 2);
    }));
    const error = await failure<RunParkedError>(run.result());
    expect(error.code).toBe('UNAWAITED_CALL');
    expect(error.message).toMatch(/step 1 'forgotten'/);
  });

  test('a branch that calls after the function returned', async () => {
    const run = await started(workflow('late', async (ctx) => {
      await Promise.race([
        ctx.step('fast', () => 1),
        ctx.step('slow', () => 2).then(() => ctx.step('after', () => 3)),
      ]);
    }));
    const outcome = await Promise.allSettled([run.result()]);
    // Whoever loses the race goes on after the end only if its answer came in time; then it is said.
    if (outcome[0].status === 'rejected') expect(outcome[0].reason).toMatchObject({ code: 'UNAWAITED_CALL' });
  });

  test('a failure that nobody looked at is no unhandled rejection', async () => {
    const seen: unknown[] = [];
    const listener = (reason: unknown): void => void seen.push(reason);
    process.on('unhandledRejection', listener);
    const run = await started(workflow('fails-unseen', async (ctx) => {
      const failing = ctx.step('fails', { retry: 1 }, () => {
        throw new RangeError('nobody looks');
      });
      await ctx.step('other', () => 1);
      await failing.catch(() => undefined);
      return 'fine';
    }));
    expect(await run.result()).toBe('fine');
    await pause(10);
    process.off('unhandledRejection', listener);
    expect(seen).toEqual([]);
  });
});

describe('a call inside a step', () => {
  test('is refused by name, and neither is recorded', async () => {
    let inner = 0;
    const run = await started(workflow('nests', async (ctx) => (
      ctx.step('outer', async () => ctx.step('inner', () => inner++)))));
    expect(await expectParked(run, 'NESTED_CALL'))
      .toMatch(/step 2 'inner' was called inside step 'outer'.*do not nest/);
    expect(inner).toBe(0);
  });

  test('a sleep is one too', async () => {
    const run = await started(workflow('naps', async (ctx) => ctx.step('outer', () => ctx.sleep('1 s'))));
    expect(await expectParked(run, 'NESTED_CALL'))
      .toMatch(/sleep was called inside step 'outer'|'sleep'.*'outer'/);
  });
});

describe('a client in a workflow', () => {
  const other = workflow('other', async () => 'other');

  test('outside of a step parks the run, and starts nothing', async () => {
    const run = await started(workflow('starts', async () => {
      await client.start(other, undefined, { id: 'from-workflow' });
    }));
    expect(await expectParked(run, 'CLIENT_IN_WORKFLOW'))
      .toMatch(/used a client outside of a step: it starts a run.*into ctx\.step, with an id/);
    expect(await sql("select id from perdure.runs where id = 'from-workflow'")).toEqual([]);
  });

  test('inside a step needs an id', async () => {
    const run = await started(workflow('starts-in-step', async (ctx) => {
      await ctx.step('start', { retry: 1 }, async () => (await client.start(other)).id);
    }));
    const { cause } = await failure(run.result());
    expect(cause).toMatchObject({ code: 'START_NEEDS_ID' });
    expect((cause as Error).message).toMatch(/step\.idempotencyKey/);
    expect(await sql("select id from perdure.runs where workflow = 'other'")).toEqual([]);
  });

  test('inside a step with an id is fine, at every attempt', async () => {
    const run = await started(workflow('starts-well', async (ctx) => (
      ctx.step('start', { retry: { initialInterval: 1 } }, async (step) => {
        const child = await client.start(other, undefined, { id: `child:${step.idempotencyKey}` });
        if (step.attempt < 3) throw new Error('again');
        return child.id;
      }))));
    const id = await run.result();
    expect(await sql("select id from perdure.runs where workflow = 'other'")).toEqual([{ id }]);
  });
});

describe('changed code', () => {
  /** Runs `before` until its step 'stop' is reached, then goes on with `after` in its place. */
  async function deploy(name: string, before: Workflow, after: Workflow): Promise<RunHandle> {
    const first = await work([before], { logger: silent });
    const run = await client.start(before, undefined, { id: name });
    await reached.passed;
    await first.stop({ timeout: 0 });
    await work([after]);
    return run;
  }
  let reached = new Gate();
  const stop = (): Promise<void> => {
    reached.open();
    return new Promise(() => undefined);
  };

  test.each([
    ['another step', ['charge card'], ['reserve stock'],
      /recorded: .*'charge card'.*'reserve stock'/],
    ['a step in front', ['charge card'], ['check stock', 'charge card'], /'charge card'.*'check stock'/],
    ['two steps swapped', ['a', 'b'], ['b', 'a'], /recorded: .*'a'.*'b'/],
    ['a step gone', ['charge card', 'ship'], ['charge card'], /recorded: .*'ship'/],
  ])('%s: parked with what was recorded and what is called', async (...[what, before, after, message]) => {
    reached = new Gate();
    const name = `deploy ${what}`;
    const steps = (names: string[], last: () => unknown): Workflow => workflow(name, async (ctx) => {
      for (const each of names) await ctx.step(each, () => each);
      await ctx.step('stop', last);
    });
    const run = await deploy(name, steps(before, stop), steps(after, () => 'end'));
    const text = await expectParked(run, 'NONDETERMINISM', before);
    expect(text).toMatch(message);
    expect(text).toMatch(/Restore the old calls, choose between old and new with ctx.patched, or give the/);
  });

  test('a step that became a sleep', async () => {
    reached = new Gate();
    const before = workflow('kind', async (ctx) => {
      await ctx.step('sleep', () => 1);
      await ctx.step('stop', stop);
    });
    const after = workflow('kind', async (ctx) => {
      await ctx.sleep(1);
      await ctx.step('stop', () => 1);
    });
    expect(await expectParked(await deploy('kind', before, after), 'NONDETERMINISM', ['sleep']))
      .toMatch(/recorded: /);
  });

  test('code that returns before what was recorded', async () => {
    reached = new Gate();
    const before = workflow('shorter', async (ctx) => {
      await ctx.step('a', () => 1);
      await ctx.step('stop', stop);
    });
    const after = workflow('shorter', async () => 'at once');
    expect(await expectParked(await deploy('shorter', before, after), 'NONDETERMINISM', ['a']))
      .toMatch(/'a'/);
  });

  test('a stored value that cannot be read', async () => {
    reached = new Gate();
    const same = (last: () => unknown): Workflow => workflow('unreadable', async (ctx) => {
      await ctx.step('a', () => ({ fine: 1 }));
      await ctx.step('stop', last);
    });
    const first = await work([same(stop)]);
    const run = await client.start(same(stop));
    await reached.passed;
    await first.stop({ timeout: 0 });
    await sql("update perdure.journal set value = '{broken' where run_id = $1", [run.id]);
    await work([same(() => 1)]);
    expect(await expectParked(run, 'VALUE_UNREADABLE', ['a'])).toMatch(/step.*'a'.*cannot be read/);
  });
});
