// The canonical workflows that hear of others: children, messages, events, transactions, generations.
import { RunCancelledError } from '@perdure/core';
import type { Scenario } from './kill-explorer.js';
import { execute } from './lone-scenarios.js';
import type { Scene } from './scene.js';

const child: Scenario = {
  name: 'a child',
  serve: (scene) => {
    const inner = scene.flow('inner', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => scene.effect(step, `${input} done`)))));
    return [scene.flow('outer', async (ctx, input, saw) => {
      const before = saw(await ctx.step('before', (step) => scene.effect(step, input)));
      return saw(await ctx.execute(inner, before));
    }), inner];
  },
  drive: execute,
};

const cancelled: Scenario = {
  name: 'a child that is cancelled',
  serve: (scene) => {
    const inner = scene.flow('inner', async (ctx, _input, saw) => {
      ctx.onRollback('undo', (step) => scene.effect(step, undefined));
      saw(await ctx.step('do', (step) => scene.effect(step, 'done')));
      await ctx.sleep('1 day');
    });
    return [scene.flow('outer', async (ctx, input, saw) => {
      const run = await ctx.start(inner, input);
      await ctx.sleep('1 hour');
      await run.cancel('too slow');
      const end = await run.result().then(() => 'completed', (error: Error) => (
        error instanceof RunCancelledError ? 'cancelled' : error.message));
      return saw(end);
    }), inner];
  },
  drive: execute,
};

const signal: Scenario = {
  name: 'signals, in time and too late',
  serve: (scene) => [scene.flow('signal', async (ctx, _input, saw) => {
    const missed = saw(await ctx.waitFor('go', { timeout: '1 hour' }));
    const first = saw(await ctx.waitFor('go', { timeout: '1 hour' }));
    const second = saw(await ctx.waitFor('go'));
    return [missed, first, second];
  })],
  drive: async (scene, [flow]) => {
    const run = await scene.world.start(flow!, 'in', { id: 'root' });
    await scene.world.advance('90 minutes');
    await run.signal('go', 'first');
    // The second is sent inside a transaction, which is open while the worker dies.
    await scene.world.store.within((tx) => scene.client.signal(tx as never, run, 'go', 'second'));
    await scene.world.untilIdle();
    return run.result();
  },
};

const event: Scenario = {
  name: 'an event and a callback',
  serve: (scene) => [scene.flow('event', async (ctx, _input, saw) => {
    const shipped = saw(await ctx.waitForEvent<string>('shipped', { timeout: '1 hour' }));
    const callback = await ctx.callback<string>();
    await ctx.step('hand out', (step) => scene.effect(step, tokens.set(scene, callback.token)) && undefined);
    return [shipped, saw(await callback.result())];
  })],
  drive: async (scene, [flow]) => {
    const run = await scene.world.start(flow!, 'in', { id: 'root' });
    await scene.world.untilIdle();
    await scene.client.emit('shipped', 'today');
    await scene.world.untilIdle();
    await scene.client.complete(tokens.get(scene) ?? '', 'paid');
    await scene.world.untilIdle();
    return run.result();
  },
};
const tokens = new WeakMap<Scene, string>();

const transaction: Scenario = {
  name: 'a transaction that starts and sends',
  serve: (scene) => {
    const inner = scene.flow('inner', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => scene.effect(step, `${input} done`)))));
    const mailbox = scene.flow('mailbox', async (ctx, _input, saw) => saw(await ctx.waitFor('note')));
    return [scene.flow('transaction', async (ctx, input, saw) => {
      const started = await ctx.transaction('pay', async (tx, step) => {
        // Its id is made anew each time: what is there twice is seen.
        await scene.client.start(tx, inner, scene.effect(step, input));
        await scene.client.signal(tx, scene.client.get(mailbox, 'mailbox'), 'note', 'paid', { id: 'paid' });
        return 'started';
      });
      saw(started);
      return saw(await ctx.step('after', (step) => scene.effect(step, 'after')));
    }), inner, mailbox];
  },
  drive: async (scene, [flow, , mailbox]) => {
    const box = await scene.world.start(mailbox!, 'box', { id: 'mailbox' });
    const result = await execute(scene, [flow!]);
    await scene.world.untilIdle();
    return [result, await box.result()];
  },
};

const continued: Scenario = {
  name: 'a run that continues as new',
  serve: (scene) => [scene.flow('continued', async (ctx, input, saw) => {
    const said = saw(await ctx.step('say', (step) => scene.effect(step, `${input}, ${ctx.attempt}`)));
    if (ctx.attempt === 2) return saw(await ctx.waitFor('note'));
    saw(await ctx.waitFor('go'));
    return ctx.continueAsNew(said);
  })],
  drive: async (scene, [flow]) => {
    const run = await scene.world.start(flow!, 'in', { id: 'root' });
    await run.signal('note', 'kept');
    await run.signal('go', 'on');
    await scene.world.untilIdle();
    return run.result();
  },
};

/** They, by what they show. */
export const tiedScenarios = {
  child, cancelled, signal, event, transaction, continued,
} satisfies Record<string, Scenario>;
