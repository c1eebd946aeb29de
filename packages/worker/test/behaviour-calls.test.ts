// What code sees of its calls: combined, in loops, by its clock and its chance. The same in every mode.
import { workflow, type Ctx } from '@perdure/core';
import { expect } from 'vitest';
import { behaviour, startAt } from '../../testing/test/behaviour-world.js';
import { Gate } from '../../testing/test/engine.js';

/** Bodies that end in the order of their names in `order`, whoever begins first. */
function inOrder(...order: readonly string[]): (name: string) => Promise<string> {
  const gates = new Map(order.map((name) => [name, new Gate()]));
  gates.get(order[0] ?? '')?.open();
  return async (name) => {
    await gates.get(name)?.passed;
    const next = order[order.indexOf(name) + 1];
    if (next !== undefined) setTimeout(() => gates.get(next)?.open(), 1);
    return name;
  };
}

behaviour('Promise.all gives results by place, whoever ends first', async (env) => {
  const turn = inOrder('fast', 'middle', 'slow');
  const all = workflow('all', async (ctx) => {
    const branch = async (name: string): Promise<string> => {
      const first = await ctx.step('same name', () => turn(name));
      return `${first}>${await ctx.step('same name', () => `${name}2`)}`;
    };
    return Promise.all([branch('slow'), branch('fast'), branch('middle')]);
  });
  await env.serve(all);
  expect(await env.execute(all)).toEqual(['slow>slow2', 'fast>fast2', 'middle>middle2']);
});

behaviour('Promise.race is won once, and for ever', async (env) => {
  const turn = inOrder('hare', 'tortoise');
  const shown: unknown[] = [];
  const race = workflow('race', async (ctx) => {
    const racers = ['tortoise', 'hare'].map((name) => ctx.step(name, () => turn(name)));
    const winner = await Promise.race(racers);
    shown.push(winner);
    const after = await ctx.step('after', () => `after ${winner}`);
    await Promise.all(racers);
    shown.push(await Promise.race(racers));
    return [winner, after];
  });
  await env.serve(race);
  expect(await env.execute(race)).toEqual(['hare', 'after hare']);
  expect(shown[0]).toBe('hare');
});

behaviour('Promise.any passes failures by, Promise.allSettled tells them', async (env) => {
  const some = workflow('some', async (ctx) => {
    const fails = (): Promise<never> => ctx.step('fails', { retry: 1 }, () => {
      throw new RangeError('no');
    });
    const first = await Promise.any([fails(), ctx.step('works', () => 'second')]);
    const all = await Promise.allSettled([fails(), ctx.step('works', () => 7), ctx.sleep('1 hour')]);
    await ctx.step('after', () => 1);
    return [first, ...all.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))];
  });
  await env.serve(some);
  expect(await env.execute(some)).toEqual(['second', 'RangeError: no', 7, undefined]);
});

behaviour('time, chance and ids are those of the first time', async (env) => {
  const clock = workflow('clock', async (ctx) => {
    const seen: unknown[] = [];
    const look = (): void => void seen.push(ctx.now(), ctx.random(), ctx.uuid());
    look();
    for (const at of [1, 2, 3]) {
      await ctx.step(`s${at}`, () => at);
      look();
      await ctx.sleep('1 hour');
      look();
    }
    // What the record kept of it, against what this memory has seen.
    return { seen, kept: await ctx.step('keep', () => seen), by: [ctx.runId, ctx.attempt, ctx.startedAt] };
  });
  await env.serve(clock);
  const run = await env.start(clock);
  await env.advance('3 hours');
  const { seen, kept, by } = await run.result();
  expect(seen).toEqual(kept);
  expect(by).toEqual([run.id, 1, startAt]);
  const dates = seen.filter((each) => each instanceof Date);
  const hours = dates.map((each) => (each.getTime() - startAt.getTime()) / 3_600_000);
  expect(hours).toEqual([0, 0, 1, 1, 2, 2, 3]);
  expect(new Set(seen.filter((each) => typeof each !== 'object')).size).toBe(14);
});

behaviour('a loop may branch on what it got', async (env) => {
  const loop = workflow('loop', async (ctx: Ctx) => {
    const log: string[] = [];
    for (let at = 0; at < 8; at++) {
      if (ctx.random() < 0.5) log.push(await ctx.step('left', () => `left ${at}`));
      else {
        await ctx.sleep('1 minute');
        log.push('slept');
      }
    }
    return [log, await ctx.step('keep', () => log)];
  });
  await env.serve(loop);
  for (const id of ['a', 'b', 'c']) {
    const [log, kept] = await env.execute(loop, undefined, { id });
    expect(log).toEqual(kept);
    expect(log).toHaveLength(8);
  }
});

behaviour('runs of workflows and queues that nobody serves are left alone', async (env) => {
  const mine = workflow('mine', async () => 'mine');
  const theirs = workflow('theirs', async () => 'theirs');
  const elsewhere = workflow({ name: 'mine', queue: 'elsewhere' }, async () => 'other queue');
  await env.serve(mine);
  const unknown = await env.client.start(theirs);
  const queue = await env.client.start(elsewhere);
  expect(await env.execute(mine)).toBe('mine');
  await env.advance('1 day');
  expect([await unknown.status(), await queue.status()]).toEqual(['pending', 'pending']);
  await env.serve(theirs);
  await env.serve(elsewhere);
  await env.untilIdle();
  expect([await unknown.result(), await queue.result()]).toEqual(['theirs', 'other queue']);
});

behaviour('a run stays with the version that began it', async (env) => {
  const versioned = (version: string) => workflow({ name: 'versioned', version }, async (ctx) => {
    const began = await ctx.step('first', () => version);
    await ctx.sleep('1 hour');
    return `${began}, ${version}`;
  });
  await env.serve(versioned('1'));
  const run = await env.start(versioned('1'));
  await env.untilIdle();
  await env.serve(versioned('2'));
  await env.advance('1 hour');
  expect(await run.result()).toBe('1, 1');
});

behaviour('a thousand steps side by side', async (env) => {
  const many = workflow('many', async (ctx) => {
    const all = await Promise.all(Array.from({ length: 1_000 }, (_, at) => ctx.step('one', () => at)));
    return all.reduce((sum, each) => sum + each, 0);
  });
  await env.serve(many);
  expect(await env.execute(many)).toBe(499_500);
});

behaviour('two workers share the work, and every answer is given once', async (env) => {
  const count = workflow('count', async (ctx, at: number) => {
    const before = await ctx.step('count', () => at);
    await ctx.sleep('1 minute');
    return before;
  });
  await env.work([count], { concurrency: 10 });
  await env.work([count], { concurrency: 10 });
  const runs = await Promise.all(Array.from({ length: 60 }, (_, at) => env.start(count, at)));
  await env.advance('1 minute');
  expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map((_, at) => at));
});
