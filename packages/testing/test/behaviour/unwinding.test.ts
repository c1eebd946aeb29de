// What is unwound while it only waits for branches that lost, or failed, and are cleaning up: they are left
// alone, and whoever waits for them hears of it then.
import { workflow, type Ctx } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

/** Cleans up for an hour when it is told to stop. */
async function tidy(branch: Ctx): Promise<void> {
  try {
    await branch.sleep('1 day');
  } finally {
    await branch.sleep('1 hour');
    await branch.step('tidied', () => 1);
  }
}

/** After a minute there is a winner, and for an hour a loser that cleans up. */
async function race(ctx: Ctx): Promise<string> {
  const { winner } = await ctx.race({ quick: (branch) => branch.sleep('1 minute'), tidy });
  return winner;
}

const racing = workflow('racing', async (ctx) => {
  await race(ctx);
  await ctx.step('after', () => 1);
});

behaviour('a cancel that comes while losers clean up is thrown at the next call', [racing], async (world) => {
  const run = await world.start(racing);
  await world.advance('30 minutes');
  await run.cancel('enough');
  await world.advance('10 minutes');
  expect(await run.status()).toBe('waiting');
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
  expect(await run.status()).toBe('cancelled');
  expect(world.calls(racing, 'tidied')).toHaveLength(1);
  expect(world.calls(racing, 'after')).toEqual([]);
});

const limited = workflow({ name: 'limited', timeout: '30 minutes' }, async (ctx) => {
  await race(ctx);
  await ctx.step('after', () => 1);
});

behaviour('so is the timeout of the run', [limited], async (world) => {
  const run = await world.start(limited);
  await world.advance('2 hours');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_FAILED', cause: { code: 'RUN_TIMEOUT' } });
  expect(world.calls(limited, 'tidied')).toHaveLength(1);
  expect(world.calls(limited, 'after')).toEqual([]);
});

const last = workflow('last', race);

behaviour('a run that makes no call after that has completed', [last], async (world) => {
  const run = await world.start(last);
  await world.advance('30 minutes');
  await run.cancel('enough');
  await world.advance('1 hour');
  expect(await run.result()).toBe('quick');
});

const thrown: unknown[] = [];
const failing = workflow('failing', async (ctx) => {
  try {
    await ctx.all({
      bad: async (branch) => {
        await branch.sleep('1 minute');
        throw new TypeError('bad luck');
      },
      tidy,
    });
  } catch (error) {
    thrown.push(error);
    throw error;
  } finally {
    await ctx.step('finally', () => 1);
    await ctx.step('at last', () => 1);
  }
});

behaviour('a join that fails throws the cancel, once: what cleans up after it is shielded', [failing],
  async (world) => {
    const run = await world.start(failing);
    await world.advance('30 minutes');
    await run.cancel('enough');
    await world.advance('1 hour');
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
    expect(thrown.at(-1)).toMatchObject({ code: 'RUN_CANCELLED', cause: { message: 'bad luck' } });
    for (const step of ['tidied', 'finally', 'at last']) expect(world.calls(failing, step)).toHaveLength(1);
  });

const nested = workflow('nested', async (ctx) => ctx.race({
  outer: (branch) => branch.sleep('30 minutes'),
  inner: async (branch) => {
    await race(branch);
    await branch.step('after', () => 1);
  },
}));

behaviour('a branch that loses while losers of its own clean up goes no further', [nested], async (world) => {
  const run = await world.start(nested);
  await world.advance('2 hours');
  expect(await run.result()).toMatchObject({ winner: 'outer' });
  expect(world.calls(nested, 'tidied')).toHaveLength(1);
  expect(world.calls(nested, 'after')).toEqual([]);
});

const beside = workflow('beside', async (ctx) => {
  await ctx.all({ left: race, right: race });
  await ctx.step('after', () => 1);
});

behaviour('of several joins that have nothing to stop, each lets its branches end', [beside],
  async (world) => {
    const run = await world.start(beside);
    await world.advance('30 minutes');
    await run.cancel('enough');
    await world.advance('1 hour');
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
    expect(world.calls(beside, 'tidied')).toHaveLength(2);
    expect(world.calls(beside, 'after')).toEqual([]);
  });

/** Resolves when a body is told to stop. */
function told(abortSignal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abortSignal.aborted) resolve();
    abortSignal.addEventListener('abort', () => resolve());
  });
}

const branching = workflow('branching', async (ctx) => {
  await ctx.step('work', ({ abortSignal }) => told(abortSignal));
  await ctx.race({ calls: (branch) => branch.step('late', () => 1), none: async () => 'at once' });
  await ctx.step('after', () => 1);
});

behaviour('a race whose losers are refused does not hide the cancel', [branching], async (world) => {
  const run = await world.start(branching);
  await run.cancel('enough');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
  for (const step of ['late', 'after']) expect(world.calls(branching, step)).toEqual([]);
});

const stopped = { second: new Gate() };
const working = workflow('working', async (ctx) => {
  await ctx.race({
    first: async (branch) => {
      await branch.step('works', ({ abortSignal }) => told(abortSignal).then(() => stopped.second.passed));
      await branch.step('late', () => 1);
    },
    second: async (branch) => branch.step('works too', ({ abortSignal }) => told(abortSignal)),
  });
  await ctx.step('after', () => 1);
});

behaviour('nor does one that is won by a step that was told to stop', [working], async (world) => {
  const run = await world.start(working);
  await run.cancel('enough');
  stopped.second.open();
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
  for (const step of ['late', 'after']) expect(world.calls(working, step)).toEqual([]);
});

const catching = workflow('catching', async (ctx) => {
  const { kept } = await ctx.all({
    kept: async (branch) => {
      try {
        await branch.sleep('1 day');
      } catch {
        await branch.step('tidied', () => 1);
      }
      return 'what there was';
    },
  });
  await ctx.step('after', () => 1);
  return kept;
});

behaviour('a branch that catches the cancel has said what is to follow', [catching], async (world) => {
  const run = await world.start(catching);
  await world.advance('1 hour');
  await run.cancel('enough');
  expect(await run.result()).toBe('what there was');
  for (const step of ['tidied', 'after']) expect(world.calls(catching, step)).toHaveLength(1);
});
