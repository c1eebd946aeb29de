// What code sees is the same however often its worker is taken away: evicted at every await, at any size.
import { workflow, type Ctx, type Workflow } from '@perdure/core';
import { createClient } from '@perdure/client';
import { createWorker } from '@perdure/worker';
import { describe, expect, test } from 'vitest';
import { freshEngine, silent, time, until } from '../../testing/test/engine.js';

const { client, connection, sql, work } = await freshEngine();

/**
 * Runs a workflow on workers that are taken away after each answer they recorded: every await is passed once
 * live and then in replay. Returns the result, and what each worker's code saw.
 */
async function evictAtEveryAwait<Out>(wf: Workflow<void, void, Out>): Promise<Out> {
  const run = await client.start(wf);
  let recorded = 0;
  for (;;) {
    const worker = createWorker({ connection, workflows: [wf], logger: silent });
    await worker.start();
    const settled = await until(async () => {
      const [row] = await sql(`select u.status <> 'live' as settled, (select count(*) from perdure.journal
        where run_id = u.id)::integer as n from perdure.runs u where id = $1`, [run.id]);
      if (row?.['settled'] === true) return 'settled';
      if (Number(row?.['n']) <= recorded) return null;
      recorded = Number(row?.['n']);
      return 'more';
    });
    await worker.stop({ timeout: 0 });
    if (settled === 'settled') return run.result();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('evicted at every await, the code sees the same', () => {
  const outcomes: Record<string, (ctx: Ctx) => Promise<unknown>> = {
    'Promise.all': async (ctx) => {
      const branch = async (name: string, ms: number): Promise<string> => {
        const first = await ctx.step('same name', async () => {
          await pause(ms);
          return name;
        });
        return `${first}>${await ctx.step('same name', () => `${name}2`)}`;
      };
      return Promise.all([branch('slow', 60), branch('fast', 5), branch('middle', 30)]);
    },
    'Promise.race': async (ctx) => {
      const order: string[] = [];
      const racer = (name: string, ms: number): Promise<string> => ctx.step(name, async () => {
        await pause(ms);
        return name;
      });
      const racers = [racer('tortoise', 60), racer('hare', 5)];
      order.push(await Promise.race(racers));
      order.push(await ctx.step('after', () => `after ${order[0]}`));
      await Promise.all(racers);
      return order;
    },
    'Promise.any': async (ctx) => {
      const fails = ctx.step('fails', { retry: 1 }, () => {
        throw new RangeError('first');
      });
      const works = ctx.step('works', async () => {
        await pause(20);
        return 'second';
      });
      return [await Promise.any([fails, works]), await ctx.step('after', () => 'after')];
    },
    'Promise.allSettled': async (ctx) => {
      const all = await Promise.allSettled([
        ctx.step('fails', { retry: 1 }, () => {
          throw new TypeError('no');
        }),
        ctx.step('works', () => 7),
        ctx.sleep(5),
      ]);
      await ctx.step('after', () => 1);
      return all.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)));
    },
    'now, random and uuid': async (ctx) => {
      const seen: unknown[] = [ctx.runId, ctx.attempt, ctx.startedAt, ctx.now(), ctx.random(), ctx.uuid()];
      for (const at of [1, 2, 3]) {
        await ctx.step(`s${at}`, () => at);
        seen.push(ctx.now(), ctx.random(), ctx.uuid());
      }
      // Kept by the record itself: what this worker saw at each moment.
      return { seen, recorded: await ctx.step('seen', () => seen) };
    },
    'a loop that branches on what it got': async (ctx) => {
      const log: string[] = [];
      for (let at = 0; at < 5; at++) {
        if (ctx.random() < 0.5) log.push(await ctx.step('left', () => `left ${at}`));
        else {
          await ctx.sleep(1);
          log.push('slept');
        }
      }
      return log;
    },
  };

  test.each(Object.entries(outcomes))('%s', async (name, code) => {
    const shown: unknown[] = [];
    const wf = workflow(name, async (ctx) => {
      const result = await code(ctx);
      shown.push(result);
      return result;
    });
    const result = await evictAtEveryAwait(wf as Workflow<void, void, unknown>);
    for (const each of shown) expect(each).toEqual(result);
    if (name === 'Promise.all') expect(result).toEqual(['slow>slow2', 'fast>fast2', 'middle>middle2']);
    if (name === 'Promise.race') expect(result).toEqual(['hare', 'after hare']);
    if (name === 'Promise.any') expect(result).toEqual(['second', 'after']);
    if (name === 'Promise.allSettled') expect(result).toEqual(['TypeError: no', 7, undefined]);
    if (name.startsWith('now')) {
      const { seen, recorded } = result as { seen: unknown[]; recorded: unknown[] };
      expect(seen).toEqual(recorded);
      expect(new Set(seen.filter((each) => typeof each === 'string')).size).toBe(5);
    }
  });

  test('the time is that of the last delivered answer, by the database', async () => {
    const clock = workflow('clock', async (ctx) => {
      const first = ctx.now();
      await ctx.step('a', () => 1);
      return { startedAt: ctx.startedAt, first, second: ctx.now() };
    });
    await work([clock]);
    const run = await client.start(clock);
    const { startedAt, first, second } = await run.result();
    const [row] = await sql(`select u.started_at, j.ended_at from perdure.runs u
      join perdure.journal j on j.run_id = u.id where u.id = $1`, [run.id]);
    expect(first).toEqual(startedAt);
    expect(startedAt.getTime()).toBe(time(row, 'started_at'));
    expect(second.getTime()).toBe(time(row, 'ended_at'));
  });
});

describe('at size', () => {
  test('a thousand parallel steps in one run', async () => {
    let bodies = 0;
    const many = workflow('many', async (ctx) => {
      const all = await Promise.all(Array.from({ length: 1_000 }, (_, at) => ctx.step('one', () => {
        bodies++;
        return at;
      })));
      return all.reduce((sum, each) => sum + each, 0);
    });
    await work([many]);
    const run = await client.start(many);
    expect(await run.result()).toBe(499_500);
    expect(bodies).toBe(1_000);
    const [row] = await sql(`select count(*)::integer as n, count(distinct position)::integer as positions,
      max(position) as last from perdure.journal where run_id = $1`, [run.id]);
    expect(row).toEqual({ n: 1_000, positions: 1_000, last: 1_000 });
  });

  test('replay grows with the record, no faster', { timeout: 120_000 }, async () => {
    // Counted, not timed: how many answers were shown to code that replays n of them.
    const taken: number[] = [];
    for (const size of [1_000, 10_000]) {
      let counting = false;
      const name = `replay-${size}`;
      const long = workflow(name, async (ctx) => {
        let sum = 0;
        for (let at = 0; at < size; at++) sum += await ctx.step('s', () => 1);
        const began = performance.now();
        await ctx.sleep('1 hour');
        if (counting) taken.push(began);
        return sum;
      });
      const first = await work([long]);
      const run = await client.start(long);
      await until(async () => await run.status() === 'waiting');
      await first.stop();
      await sql('update perdure.calls set due_at = clock_timestamp() where run_id = $1', [run.id]);
      await sql('update perdure.ready set due_at = clock_timestamp() where id = $1', [run.id]);
      counting = true;
      const began = performance.now();
      const second = await work([long]);
      expect(await run.result()).toBe(size);
      taken[taken.length - 1] = taken.at(-1)! - began;
      await second.stop();
    }
    const [small, large] = taken as [number, number];
    // Ten times the steps; quadratic replay would take a hundred times as long. Much room for a busy machine.
    expect(large / Math.max(small, 20)).toBeLessThan(40);
  });

  test('resting runs are evicted from memory beyond a bound, and none is lost', { timeout: 60_000 },
    async () => {
    const runs = 1_200;
    const kept = 1_000;
    let begun = 0;
    const rest = workflow('rest', async (ctx, at: number) => {
      begun++;
      const first = await ctx.step('before', () => at);
      await ctx.sleep('1 hour');
      return first + await ctx.step('after', () => 1);
    });
    const own = createClient({ connection });
    const worker = await work([rest], { concurrency: 300 });
    const handles = await Promise.all(Array.from({ length: runs }, (_, at) => own.start(rest, at)));
    await until(async () => (await sql(`select count(*)::integer as n from perdure.ready
      where workflow = 'rest' and claim is null and not fresh`))[0]?.['n'] === runs);
    expect(begun).toBe(runs);
    const due = async (): Promise<void> => {
      await sql(`update perdure.calls set due_at = clock_timestamp() where run_id in
        (select id from perdure.ready where workflow = 'rest')`);
      await sql("update perdure.ready set due_at = clock_timestamp() where workflow = 'rest'");
    };
    // Those that were forgotten read when they are due; those in memory know that it is not yet time.
    await due();
    await until(async () => (await sql(`select count(*)::integer as n from perdure.runs
      where workflow = 'rest' and status = 'completed'`))[0]?.['n'] === runs - kept);
    expect(begun).toBe(runs + runs - kept);
    await worker.stop();
    await due();
    await work([rest], { concurrency: 300 });
    expect(await Promise.all(handles.map((handle) => handle.result())))
      .toEqual(handles.map((_, at) => at + 1));
    expect(begun).toBe(2 * runs);
  });
});
