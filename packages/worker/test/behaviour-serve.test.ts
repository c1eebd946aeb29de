// What a worker takes, keeps and hands back.
import { createClient } from '@perdure/client';
import { workflow, WorkflowError, type Workflow } from '@perdure/core';
import { createWorker } from '@perdure/worker';
import { describe, expect, test } from 'vitest';
import { freshEngine, Gate, silent, until } from '../../testing/test/engine.js';

const { client, connection, connect, sql, work, url } = await freshEngine();

async function ready(runId: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await sql(`select claim, strikes, fresh, due_at <= clock_timestamp() as due, version
    from perdure.ready where id = $1`, [runId]);
  return row;
}

describe('stopping', () => {
  test('waits for running steps, begins no further one, and hands the lease back at once', async () => {
    const gate = new Gate();
    const reached = new Gate();
    const pids: string[] = [];
    const two = (who: string): Workflow<void, void, unknown> => workflow('two', async (ctx) => {
      await ctx.step('first', async () => {
        reached.open();
        pids.push(who);
        await gate.passed;
      });
      await ctx.step('second', () => pids.push(who));
    });
    const first = await work([two('first')], { leaseDuration: '1 hour' });
    const run = await client.start(two('first'));
    await reached.passed;
    const stopped = first.stop();
    expect(await run.status()).toBe('running');
    gate.open();
    await stopped;
    // With a lease of an hour, only a hand-back can make it due.
    expect(await ready(run.id)).toMatchObject({ claim: null, due: true, strikes: 0 });
    await work([two('second')]);
    await run.result();
    expect(pids).toEqual(['first', 'second']);
  });

  test('has limited patience: a step that does not end is aborted, and runs again elsewhere',
    async () => {
    const reasons: unknown[] = [];
    const attempts: number[] = [];
    const reached = new Gate();
    const stuck = workflow('stuck', async (ctx) => ctx.step('stuck', async (step) => {
      attempts.push(step.attempt);
      reached.open();
      if (attempts.length > 1) return 'second worker';
      await new Promise((resolve) => step.abortSignal.addEventListener('abort', resolve));
      reasons.push(step.abortSignal.reason);
      return new Promise(() => undefined);
    }));
    const first = await work([stuck], { leaseDuration: '1 hour' });
    const run = await client.start(stuck);
    await reached.passed;
    await first.stop({ timeout: '20 ms' });
    expect(reasons[0]).toBeInstanceOf(WorkflowError);
    expect(reasons[0]).toMatchObject({ code: 'WORKER_STOPPING' });
    expect(await ready(run.id)).toMatchObject({ claim: null, due: true, strikes: 0 });
    await work([stuck]);
    expect(await run.result()).toBe('second worker');
    // A worker that went away is no failure of the step.
    expect(attempts).toEqual([1, 1]);
  });

  test('run() ends on its signal, and on SIGTERM, with everything handed back', async () => {
    for (const how of ['abort', 'SIGTERM'] as const) {
      const reached = new Gate();
      const gate = new Gate();
      const wf = workflow(`run-${how}`, async (ctx) => {
        await ctx.step('one', async () => {
          reached.open();
          await gate.passed;
        });
        await ctx.sleep('1 hour');
      });
      const controller = new AbortController();
      const worker = createWorker({ connection, workflows: [wf], logger: silent });
      const ran = worker.run({ abortSignal: controller.signal });
      const run = await client.start(wf);
      await reached.passed;
      if (how === 'abort') controller.abort();
      else process.emit('SIGTERM', 'SIGTERM');
      gate.open();
      await ran;
      expect(await ready(run.id)).toMatchObject({ claim: null });
      expect(process.listenerCount('SIGTERM')).toBe(0);
      expect(worker.health().ok).toBe(false);
    }
  });

  test('before starting, and twice, is fine', async () => {
    const worker = createWorker({ connection, workflows: [workflow('w', async () => 1)], logger: silent });
    await worker.stop();
    await worker.stop();
    await worker[Symbol.asyncDispose]();
  });
});

describe('what is not served', () => {
  const mine = workflow('mine', async () => 'mine');
  const theirs = workflow('theirs', async () => 'theirs');

  test('unknown workflows and queues are left untouched', async () => {
    const elsewhere = workflow({ name: 'mine', queue: 'elsewhere' }, async () => 'other queue');
    const unknown = await client.start(theirs);
    const queue = await client.start(elsewhere);
    await work([mine]);
    expect(await client.execute(mine)).toBe('mine');
    for (const run of [unknown, queue]) expect(await ready(run.id))
      .toMatchObject({ claim: null, fresh: true });
    await work([theirs]);
    expect(await unknown.result()).toBe('theirs');
    await work([elsewhere]);
    expect(await queue.result()).toBe('other queue');
  });

  test('a worker of queues serves its workflows in these, and in no other', async () => {
    const where = workflow('where', async () => 'there');
    const [usual, apart, further] = await Promise.all([undefined, 'apart', 'further'].map((queue) => (
      client.start(where, undefined, { queue }))));
    await work([where], { queues: ['apart', 'further', 'apart'] });
    expect(await apart?.result()).toBe('there');
    expect(await further?.result()).toBe('there');
    expect(await ready(String(usual?.id))).toMatchObject({ claim: null, fresh: true });
    await work([where]);
    expect(await usual?.result()).toBe('there');
    for (const queues of [[], [''], 'apart' as never]) {
      expect(() => createWorker({ connection, workflows: [where], queues })).toThrow(WorkflowError);
    }
  });

  test('a version is stamped at the first claim and stays with workers that serve it', async () => {
    const gate = new Gate();
    const versioned = (version: string | undefined, slow: boolean): Workflow<void, void, unknown> => (
      workflow({ name: 'versioned', version }, async (ctx) => {
        await ctx.step('first', () => 1);
        if (slow) {
          await ctx.step('hold', async (step) => {
            gate.open();
            await new Promise((resolve) => step.abortSignal.addEventListener('abort', resolve));
          });
        }
        return version;
      }));
    const run = await client.start(versioned('1', true));
    expect(await ready(run.id)).toMatchObject({ version: null });
    const first = await work([versioned('1', true)]);
    await gate.passed;
    await first.stop({ timeout: 1 });
    expect(await ready(run.id)).toMatchObject({ version: '1', claim: null });
    await work([versioned('2', false)]);
    const fresh = await client.start(versioned('2', false));
    expect(await fresh.result()).toBe('2');
    expect(await ready(run.id)).toMatchObject({ version: '1', claim: null });
    await work([versioned('1', false)], { concurrency: 1 });
    expect(await run.result()).toBe('1');
  });
});

describe('health', () => {
  test('says whether it runs, what it drives and when it last looked', async () => {
    const reached = new Gate();
    const gate = new Gate();
    const hold = workflow('hold', async (ctx) => ctx.step('hold', async () => {
      reached.open();
      await gate.passed;
    }));
    const worker = createWorker({ connection, workflows: [hold], logger: silent });
    expect(worker.health()).toEqual({ ok: false, activeRuns: 0, lastPollAt: null });
    await worker.start();
    const run = await client.start(hold);
    await reached.passed;
    expect(worker.health()).toMatchObject({ ok: true, activeRuns: 1 });
    const polled = await until(() => worker.health().lastPollAt);
    expect(Math.abs(polled!.getTime() - Date.now())).toBeLessThan(30_000);
    gate.open();
    await run.result();
    await until(() => worker.health().activeRuns === 0);
    await worker.stop();
    expect(worker.health()).toMatchObject({ ok: false, activeRuns: 0 });
  });
});

describe('together', () => {
  test('two workers in one process on one Connection share the work, and no body runs twice', async () => {
    const bodies = new Map<string, number>();
    const count = workflow('count', async (ctx, at: number) => {
      const before = await ctx.step('count', (step) => {
        bodies.set(step.idempotencyKey, (bodies.get(step.idempotencyKey) ?? 0) + 1);
        return at;
      });
      await ctx.sleep(1);
      return before;
    });
    await work([count], { concurrency: 10 });
    await work([count], { concurrency: 10 });
    const results = await Promise.all(Array.from({ length: 300 }, (_, at) => client.execute(count, at)));
    expect(results).toEqual(Array.from({ length: 300 }, (_, at) => at));
    expect(bodies.size).toBe(300);
    expect([...bodies.values()].every((times) => times === 1)).toBe(true);
  });

  test('a run started elsewhere is taken and told across Connections', async () => {
    const far = createClient({ connection: await connect(url) });
    const hello = workflow('across', async (ctx, name: string) => ctx.step('greet', () => `Hello ${name}`));
    await work([hello]);
    expect(await far.execute(hello, 'Ada')).toBe('Hello Ada');
    await far.close();
  });

  test('concurrency is a limit', async () => {
    let running = 0;
    let most = 0;
    const busy = workflow('busy', async (ctx) => ctx.step('busy', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    }));
    await work([busy], { concurrency: 3 });
    await Promise.all(Array.from({ length: 30 }, () => client.execute(busy)));
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
  });
});
