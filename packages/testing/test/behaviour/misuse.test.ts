// What is no call, but counts: used where a replay would count otherwise, it parks the run. And what cannot
// be a place, or is asked for twice.
import { NonRetryableError, workflow, type Ctx, type NoSignals, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

type AnyCtx = Ctx<NoSignals>;

const verbs: Record<string, (ctx: AnyCtx) => unknown> = {
  uuid: (ctx) => ctx.uuid(),
  random: (ctx) => ctx.random(),
  publish: (ctx) => {
    ctx.publish('log', 'from a step');
  },
  onRollback: (ctx) => {
    ctx.onRollback('undo', () => undefined);
  },
};

const inStep = workflow('inStep', async (ctx, verb: string) => {
  await ctx.step('body', () => verbs[verb]?.(ctx));
  await ctx.sleep('1 hour');
  return ctx.uuid();
});

for (const verb of Object.keys(verbs)) {
  behaviour(`ctx.${verb} inside of a step parks the run`, [inStep], async (world) => {
    const run = await world.start(inStep, verb);
    await world.advance('2 hours');
    expect(await failure(run.result())).toMatchObject({ code: 'NESTED_CALL' });
    expect(String(await failure(run.result()))).toMatch(/was called inside step 'body'/);
  });
}

const keys = workflow('keys', async (ctx, key: string) => {
  const said: string[] = [];
  for (const verb of ['map', 'race', 'all'] as const) {
    try {
      if (verb === 'map') await ctx.map('m', [1], { key: () => key }, () => 1);
      else await ctx[verb]({ [key]: async (scope: AnyCtx) => scope.step('s', () => 1) });
    } catch (error) {
      said.push((error as WorkflowError).code);
    }
  }
  return [said, await ctx.step('after', () => 'after')];
});

const unfit = { 'NUL': 'a\0b', 'half of a pair': '\ud800', 'too much': 'x'.repeat(192) };
for (const [what, key] of Object.entries(unfit)) {
  behaviour(`a key of ${what} is refused, and the run goes on`, [keys], async (world) => {
    const run = await world.start(keys, key);
    await world.untilIdle();
    expect(await run.result()).toEqual([['INVALID_NAME', 'INVALID_NAME', 'INVALID_NAME'], 'after']);
  });
}

const rollbackless = workflow('rollbackless', async (ctx) => {
  ctx.onRollback('undo', undefined as unknown as () => void);
  throw new NonRetryableError('never reached');
});

behaviour('a rollback without a function is refused at once', [rollbackless], async (world) => {
  const run = await world.start(rollbackless);
  await world.untilIdle();
  expect(await failure(run.result())).toMatchObject({ cause: { code: 'INVALID_STEP' } });
});

const tokens = new Map<string, string>();
const twice = workflow('twice', async (ctx, how: 'complete' | 'fail') => {
  const promise = await ctx.callback<string>();
  await ctx.step('tell', () => void tokens.set(ctx.runId, promise.token));
  const ask = async (): Promise<string> => {
    try {
      return await promise.result();
    } catch (error) {
      return `failed: ${(error as Error).message}`;
    }
  };
  const first = await ask();
  await ctx.sleep('1 hour');
  const inBranch = await ctx.race({ one: async () => ask(), other: (scope) => scope.sleep('1 day') });
  return [how, first, await ask(), inBranch.value];
});

for (const how of ['complete', 'fail'] as const) {
  behaviour(`a callback that was answered answers again (${how})`, [twice], async (world) => {
    const run = await world.start(twice, how);
    await world.untilIdle();
    await world.client[how](tokens.get(run.id) ?? '', 'once');
    await world.advance('2 hours');
    const answer = how === 'complete' ? 'once' : 'failed: once';
    expect(await run.result()).toEqual([how, answer, answer, answer]);
  });
}
