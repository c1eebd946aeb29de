// Children: results, failures and cancels cross in both directions, and nobody is orphaned by mistake.
import { RunCancelledError, RunFailedError, type, workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const double = workflow('double', async (ctx, n: number) => ctx.step('double', () => n * 2));
const broken = workflow('broken', async (ctx) => {
  await ctx.step('fail', { retry: 1 }, () => Promise.reject(new RangeError('child error')));
});
const sleeper = workflow({ name: 'sleeper', signals: { go: type<string>() } }, async (ctx) => {
  try {
    return await ctx.waitFor('go', { timeout: '30 days' }) ?? 'nothing came';
  } catch (error) {
    await ctx.set({ reason: error instanceof RunCancelledError ? error.reason : 'other' });
    throw error;
  }
});

const parent = workflow('parent', async (ctx) => {
  const one = await ctx.execute(double, 1);
  const two = await ctx.execute(double, one);
  const [a, b] = await Promise.all([ctx.execute(double, 10), ctx.execute(double, 20)]);
  return [one, two, a, b];
});

behaviour('a child answers with its result', [parent, double], async (world) => {
  const run = await world.start(parent);
  await world.untilIdle();
  expect(await run.result()).toEqual([2, 4, 20, 40]);
  const child = world.client.get(double, `${run.id}/1/1`);
  expect(await child.result()).toBe(2);
});

const careful = workflow('careful', async (ctx) => {
  const error = await ctx.execute(broken).catch((thrown: unknown) => thrown);
  if (!(error instanceof RunFailedError)) return 'no RunFailedError';
  const { code, runId, cause } = error;
  return [code, runId === `${ctx.runId}/1/1`, cause instanceof RangeError, (cause as Error).message];
});
const careless = workflow('careless', async (ctx) => ctx.execute(broken));

behaviour('the failure of a child is thrown with its own error as the cause', [careful, careless, broken],
  async (world) => {
    expect(await world.execute(careful)).toEqual(['RUN_FAILED', true, true, 'child error']);
    const run = await world.start(careless);
    await world.untilIdle();
    expect(await failure(run.result())).toMatchObject({
      code: 'RUN_FAILED',
      cause: { name: 'RunFailedError', cause: { name: 'RangeError', message: 'child error' } },
    });
  });

const waiting = workflow('waiting', async (ctx) => (
  ctx.execute(sleeper, undefined, { id: `of ${ctx.runId}` })));

behaviour('the cancel of a parent reaches the child that it waits for, and waits for its end',
  [waiting, sleeper],
  async (world) => {
    const run = await world.start(waiting);
    await world.advance('1 day');
    await run.cancel('the whole thing is off');
    await world.untilIdle();
    expect(await failure(run.result())).toMatchObject({
      code: 'RUN_CANCELLED', runId: run.id, reason: 'the whole thing is off',
    });
    const child = world.client.get(sleeper, `of ${run.id}`);
    expect(await child.status()).toBe('cancelled');
    expect((await child.attributes())['reason']).toContain('the whole thing is off');
  });

const watching = workflow('watching', async (ctx) => {
  const error = await ctx.execute(sleeper, undefined, { id: `of ${ctx.runId}` })
    .catch((thrown: unknown) => thrown);
  return error instanceof RunCancelledError ? [error.code, error.reason, error.runId] : String(error);
});

behaviour('a child that was cancelled by somebody else is thrown as such',
  [watching, sleeper], async (world) => {
  const run = await world.start(watching);
  await world.advance('1 day');
  const child = world.client.get(sleeper, `of ${run.id}`);
  await child.cancel('not needed');
  await world.untilIdle();
  expect(await run.result()).toEqual(['RUN_CANCELLED', 'not needed', child.id]);
});

const uncaught = workflow('uncaught', async (ctx) => (
  ctx.execute(sleeper, undefined, { id: `of ${ctx.runId}` })));

behaviour('a parent that lets the cancel of its child through has failed, and was not cancelled',
  [uncaught, sleeper],
  async (world) => {
    const run = await world.start(uncaught);
    await world.advance('1 day');
    await world.client.get(sleeper, `of ${run.id}`).cancel('not needed');
    await world.untilIdle();
    expect(await run.status()).toBe('failed');
    expect(await failure(run.result())).toMatchObject({
      code: 'RUN_FAILED', cause: { code: 'RUN_CANCELLED' },
    });
  });

const given = workflow('given', async (ctx, id: string) => ctx.execute(double, 4, { id }));

behaviour('a child that has settled, or runs, or is of another parent, answers all the same', [given, double],
  async (world) => {
    const settled = await world.start(double, 7, { id: 'settled' });
    await world.untilIdle();
    expect(await settled.result()).toBe(14);
    expect(await world.execute(given, 'settled')).toBe(14);
    await world.start(double, 8, { id: 'later', delay: '1 hour' });
    const first = await world.start(given, 'later');
    const second = await world.start(given, 'later');
    await world.advance('1 hour');
    expect([await first.result(), await second.result()]).toEqual([16, 16]);
  });

const failedBefore = workflow('failedBefore', async (ctx) => (
  ctx.execute(broken, undefined, { id: 'broken before' })
    .catch((error: RunFailedError) => (error.cause as Error).message)));

behaviour('a child that failed before it was waited for fails its wait',
  [failedBefore, broken], async (world) => {
  await world.start(broken, undefined, { id: 'broken before' });
  await world.untilIdle();
  expect(await world.execute(failedBefore)).toBe('child error');
});

const taken = workflow('taken', async (ctx) => {
  const codes: string[] = [];
  const note = (error: WorkflowError): void => void codes.push(error.code);
  await ctx.execute(double, 1, { id: 'of another workflow' }).catch(note);
  await ctx.start(double, 1, { id: 'of another workflow' }).catch(note);
  return codes;
});

behaviour('an id of another workflow is refused', [taken, double, sleeper], async (world) => {
  await world.client.start(sleeper, undefined, { id: 'of another workflow' });
  expect(await world.execute(taken)).toEqual(['RUN_ID_TAKEN', 'RUN_ID_TAKEN']);
});

const handling = workflow('handling', async (ctx) => {
  const child = await ctx.start(sleeper, undefined, { id: `of ${ctx.runId}` });
  await ctx.sleep('1 hour');
  await child.signal('go', 'went');
  const first = await child.result();
  const second = await child.result();
  const gone = await child.signal('go', 'again').catch((error: WorkflowError) => error.code);
  await child.cancel();
  return [child.id === `of ${ctx.runId}`, first, second, gone];
});

behaviour('a handle signals its child, waits for it more than once, and cancels what has ended',
  [handling, sleeper],
  async (world) => {
    expect(await world.execute(handling)).toEqual([true, 'went', 'went', 'RUN_SETTLED']);
  });

const killing = workflow('killing', async (ctx) => {
  const child = await ctx.start(sleeper);
  await ctx.sleep('1 hour');
  await child.cancel('no more');
  return child.result().catch((error: RunCancelledError) => error.reason);
});

behaviour('a handle cancels its child', [killing, sleeper], async (world) => {
  expect(await world.execute(killing)).toBe('no more');
});

const early = workflow('early', async (ctx) => {
  const child = await ctx.start(sleeper, undefined, { delay: '1 day' });
  await child.signal('go', 'before it began');
  return child.result();
});

behaviour('a child takes signals before it begins, and begins when its delay is over', [early, sleeper],
  async (world) => {
    expect(await world.execute(early)).toBe('before it began');
    expect(world.now).toEqual(new Date('2030-01-02'));
  });

type Close = 'cancel' | 'terminate' | 'abandon' | undefined;
const ends = { end: type<string>() };
const closing = workflow({ name: 'closing', signals: ends }, async (ctx, parentClose: Close) => {
  await ctx.start(sleeper, undefined, { id: `of ${ctx.runId}`, parentClose });
  const how = await ctx.waitFor('end');
  if (how === 'fail') throw new Error('the parent failed');
});

const closings: Array<[Close, string, string]> = [
  [undefined, 'complete', 'waiting'], [undefined, 'fail', 'cancelled'], [undefined, 'cancel', 'cancelled'],
  ['cancel', 'complete', 'cancelled'], ['cancel', 'fail', 'cancelled'], ['cancel', 'cancel', 'cancelled'],
  ['terminate', 'complete', 'failed'], ['terminate', 'fail', 'failed'], ['terminate', 'cancel', 'failed'],
  ['abandon', 'complete', 'waiting'], ['abandon', 'fail', 'waiting'], ['abandon', 'cancel', 'waiting'],
];

for (const [parentClose, how, status] of closings) {
  behaviour(`parentClose ${parentClose ?? 'left out'}: when the parent ends by ${how} the child is ${status}`,
    [closing, sleeper], async (world) => {
      const run = await world.client.start(closing, parentClose);
      await world.advance('1 hour');
      if (how === 'cancel') await run.cancel();
      else await run.signal('end', how);
      await world.untilIdle();
      const child = world.client.get(sleeper, `of ${run.id}`);
      expect(await child.status()).toBe(status);
      // Terminated: none of its code has run.
      if (status === 'failed') expect(await child.attributes()).toEqual({});
      if (status === 'cancelled') expect(Object.keys(await child.attributes())).toEqual(['reason']);
      if (status !== 'waiting') return;
      await child.signal('go', 'still here');
      await world.untilIdle();
      expect(await child.result()).toBe('still here');
    });
}

const abandoning = workflow('abandoning', async (ctx) => (
  ctx.execute(sleeper, undefined, { id: `of ${ctx.runId}`, parentClose: 'abandon' })));

behaviour('an abandoned child is not waited for when its parent is cancelled', [abandoning, sleeper],
  async (world) => {
    const run = await world.start(abandoning);
    await world.advance('1 day');
    await run.cancel('off');
    await world.untilIdle();
    expect(await run.status()).toBe('cancelled');
    expect(await world.client.get(sleeper, `of ${run.id}`).status()).toBe('waiting');
  });

const middle = workflow('middle', async (ctx) => (
  ctx.execute(sleeper, undefined, { id: `grandchild of ${ctx.runId}` })));
const top = workflow('top', async (ctx) => ctx.execute(middle, undefined, { id: `child of ${ctx.runId}` }));

behaviour('a cancel runs down the tree, and the ends come up again',
  [top, middle, sleeper], async (world) => {
  const run = await world.start(top);
  await world.advance('1 day');
  await run.cancel('all of it');
  await world.untilIdle();
  expect(await run.status()).toBe('cancelled');
  expect(await world.client.get(middle, `child of ${run.id}`).status()).toBe('cancelled');
  const leaf = world.client.get(sleeper, `grandchild of child of ${run.id}`);
  expect(await leaf.status()).toBe('cancelled');
});

behaviour('a result comes up the tree', [top, middle, sleeper], async (world) => {
  const run = await world.start(top);
  await world.advance('1 day');
  await world.client.get(sleeper, `grandchild of child of ${run.id}`).signal('go', 'up');
  await world.untilIdle();
  expect(await run.result()).toBe('up');
});

const forgetting = workflow('forgetting', async (ctx) => {
  const child = await ctx.start(sleeper);
  return child.id;
});

behaviour('a child that is started and forgotten outlives a parent that completed', [forgetting, sleeper],
  async (world) => {
    const run = await world.start(forgetting);
    await world.untilIdle();
    const child = world.client.get(sleeper, await run.result());
    await world.advance('30 days');
    expect(await child.result()).toBe('nothing came');
  });

const limited = workflow('limited', async (ctx) => (
  ctx.execute(sleeper, undefined, { timeout: '1 hour' })
    .catch((error: RunFailedError) => (error.cause as WorkflowError).code)));

behaviour('a child has a timeout of its own', [limited, sleeper], async (world) => {
  expect(await world.execute(limited)).toBe('RUN_TIMEOUT');
  expect(world.now).toEqual(new Date('2030-01-01T01:00:00Z'));
});

const checked = workflow({ name: 'checked', input: {
  '~standard': {
    version: 1, vendor: 'test',
    validate: (value: unknown) => (
      typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
  },
} as ReturnType<typeof type<number>> }, async (ctx, n: number) => n);
const wrongInput = workflow('wrongInput', async (ctx) => {
  const wrong = 'text' as unknown as number;
  return [
    await ctx.execute(checked, wrong).catch((error: WorkflowError) => error.code),
    await ctx.start(checked, wrong).catch((error: WorkflowError) => error.code),
    await ctx.execute(checked, 5),
  ];
});

behaviour('an input that the child refuses is refused before it is started', [wrongInput, checked],
  async (world) => {
    expect(await world.execute(wrongInput)).toEqual(['INPUT_INVALID', 'INPUT_INVALID', 5]);
  });

const racing = workflow('racing', async (ctx) => {
  const { winner } = await ctx.race({
    quick: (scope) => scope.sleep('1 hour'),
    child: (scope) => scope.execute(sleeper, undefined, { id: `of ${ctx.runId}` }),
  });
  return [winner, ctx.now().toISOString()];
});

behaviour('the child of a branch that lost is cancelled and waited for', [racing, sleeper], async (world) => {
  const run = await world.start(racing);
  await world.advance('1 hour');
  await world.untilIdle();
  expect((await run.result())[0]).toBe('quick');
  expect(await world.client.get(sleeper, `of ${run.id}`).status()).toBe('cancelled');
});

const longIds = workflow('longIds', async (ctx, depth: number): Promise<string> => (
  depth === 0 ? ctx.runId : ctx.all({
    ['branch with a long name '.repeat(3)]: (scope) => scope.execute(longIds, depth - 1),
  }).then((all) => Object.values(all)[0] as string)));

behaviour('ids made of long places are cut, and still known', [longIds], async (world) => {
  const leaf = await world.execute(longIds, 6);
  expect(leaf.length).toBeLessThanOrEqual(191);
});

const missing = workflow('missing', async (ctx) => {
  const child = await ctx.start(double, 3);
  return child.result();
});

behaviour('a child that ended before its result was asked for answers', [missing, double], async (world) => {
  expect(await world.execute(missing)).toBe(6);
});

const quick = workflow('quick', async (_, n: number) => n * 2);
const fan = workflow('fan', async (ctx, count: number) => {
  const results = await Promise.all(Array.from({ length: count }, (_, n) => ctx.execute(quick, n)));
  return results.reduce((sum, value) => sum + value, 0);
});

behaviour('ten thousand children of one parent', [fan, quick], async (world) => {
  const run = await world.start(fan, 10_000);
  await world.untilIdle();
  expect(await run.result()).toBe(10_000 * 9_999);
});

const wide = workflow('wide', async (ctx, count: number) => {
  const branches = Object.fromEntries(Array.from({ length: count }, (_, n) => [
    `n${n}`, async (scope: typeof ctx) => (await scope.execute(double, n)) + (await scope.execute(double, n)),
  ]));
  const results = await ctx.all(branches, { concurrency: 20 });
  return Object.values(results).reduce((sum, value) => sum + value, 0);
});

behaviour('two hundred children, a few at a time', [wide, double], async (world) => {
  const run = await world.start(wide, 100);
  await world.untilIdle();
  expect(await run.result()).toBe(4 * 50 * 99);
});

const report = workflow('report', async (ctx) => {
  await ctx.sleep('1 hour');
  return 'the report';
});
const reader = workflow('reader', async (ctx, patience: '10 minutes' | '2 hours') => ctx.race({
  got: (scope) => scope.execute(report, undefined, { id: 'report of today' }),
  late: (scope) => scope.sleep(patience),
}));

behaviour('who gives up a child that it has found leaves it alone', [report, reader], async (world) => {
  const patient = await world.start(reader, '2 hours');
  await world.untilIdle();
  const hasty = await world.start(reader, '10 minutes');
  const cancelled = await world.start(reader, '2 hours');
  await world.advance('5 minutes');
  await cancelled.cancel('enough');
  await world.advance('3 hours');
  expect(await hasty.result()).toEqual({ winner: 'late', value: undefined });
  expect(await failure(cancelled.result())).toMatchObject({ code: 'RUN_CANCELLED' });
  expect(await patient.result()).toEqual({ winner: 'got', value: 'the report' });
});
