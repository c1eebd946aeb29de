// The canonical workflows of one run alone: each form that the language has, as small as it can be.
import type { Scenario } from './kill-explorer.js';
import type { Scene } from './scene.js';
import type { WitnessedWorkflow } from './witness.js';

/** Starts the first workflow, and time passes until it has settled. */
export async function execute(scene: Scene, [first]: readonly WitnessedWorkflow[]): Promise<unknown> {
  return scene.world.execute(first!, 'in', { id: 'root' });
}

const sequence: Scenario = {
  name: 'a sequence',
  serve: (scene) => [scene.flow('sequence', async (ctx, input, saw) => {
    const one = saw(await ctx.step('one', (step) => scene.effect(step, `${input} 1`)));
    const two = saw(await ctx.step('two', (step) => scene.effect(step, `${one} 2`)));
    return saw(await ctx.step('three', (step) => scene.effect(step, `${two} 3`)));
  })],
  drive: execute,
};

const parallel: Scenario = {
  name: 'side by side',
  serve: (scene) => [scene.flow('parallel', async (ctx, _input, saw) => {
    const both = await ctx.all({
      left: async (branch) => saw(await branch.step('left', (step) => scene.effect(step, 'l'))),
      right: async (branch) => {
        await branch.sleep('1 minute');
        return saw(await branch.step('right', (step) => scene.effect(step, 'r')));
      },
    });
    const mapped = saw(await ctx.map('each', [1, 2], { concurrency: 2 }, (item, step) => (
      scene.effect(step, item * 10))));
    return [both, mapped];
  })],
  drive: execute,
};

const race: Scenario = {
  name: 'a race',
  serve: (scene) => [scene.flow('race', async (ctx, _input, saw) => {
    const first = saw(await ctx.race({
      signal: (branch) => branch.waitFor('go'),
      time: async (branch) => {
        await branch.sleep('1 hour');
        return branch.step('late', (step) => scene.effect(step, 'late'));
      },
    }));
    // What the wait that lost did not take is for the next one.
    return [first, saw(await ctx.waitFor('go'))];
  })],
  drive: async (scene, [flow]) => {
    const run = await scene.world.start(flow!, 'in', { id: 'root' });
    await scene.world.advance('2 hours');
    await run.signal('go', 'after the race');
    await scene.world.untilIdle();
    return run.result();
  },
};

const rollback: Scenario = {
  name: 'retries to the end, and a rollback',
  serve: (scene) => [scene.flow('rollback', async (ctx, _input, saw) => {
    saw(await ctx.step('book', (step) => scene.effect(step, 'booked')));
    ctx.onRollback('unbook', (step) => scene.effect(step, undefined));
    await ctx.step('pay', { retry: { maximumAttempts: 3 } }, (step) => {
      throw scene.effect(step, new RangeError(`no money at attempt ${step.attempt}`));
    });
  })],
  drive: execute,
};

const timers: Scenario = {
  name: 'timers',
  serve: (scene) => [scene.flow('timers', async (ctx, _input, saw) => {
    const began = ctx.now().getTime();
    saw(await ctx.sleep('1 hour'));
    saw(await ctx.step('tick', (step) => scene.effect(step, 'tick')));
    saw(await ctx.sleepUntil(new Date(began + 7_200_000)));
    return (ctx.now().getTime() - began) / 60_000;
  })],
  drive: execute,
};

const shown: Scenario = {
  name: 'a patch, attributes and a stream',
  serve: (scene) => [scene.flow('shown', async (ctx, _input, saw) => {
    await ctx.set({ stage: 'first' });
    ctx.publish('progress', 1);
    const isNew = saw(await ctx.patched('more'));
    if (isNew) saw(await ctx.step('more', (step) => scene.effect(step, 'more')));
    ctx.publish('progress', 2);
    await ctx.set({ stage: 'last', count: 2 });
    return [isNew, saw(ctx.uuid())];
  })],
  drive: async (scene, [flow]) => {
    const result = await execute(scene, [flow!]);
    const chunks: unknown[] = [];
    for await (const { chunk } of scene.client.get(flow!, 'root').stream('progress')) chunks.push(chunk);
    return [result, chunks, await scene.client.get(flow!, 'root').attributes()];
  },
};

/** They, by what they show. */
export const loneScenarios = {
  sequence, parallel, race, rollback, timers, shown,
} satisfies Record<string, Scenario>;
