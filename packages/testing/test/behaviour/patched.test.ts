// `ctx.patched`: runs that have gone past a place with the old code go on with it, all others take the new.
// Code that changes under runs is one function that reads `code.version`.
import { type, workflow, type Ctx, type NoSignals } from '@perdure/core';
import { expect } from 'vitest';
import type { BehaviourEnv } from '../behaviour-world.js';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const code = { version: 1 };

/** Every worker is replaced by one with the code of a version. */
function deploy(world: BehaviourEnv, version: number): void {
  world.vanish();
  code.version = version;
}

/** Marks of a run, by place. */
async function marksOf(world: BehaviourEnv, runId: string): Promise<readonly string[]> {
  const entries = await world.store.readEntries({ runId, generation: 1, after: -1, limit: 100 });
  return entries.filter(({ kind }) => kind === 'patch').map(({ place }) => place);
}

const order = workflow({ name: 'order', signals: { go: type<number>() } }, async (ctx) => {
  const did = [await ctx.step('charge', () => 'charge')];
  if (code.version === 2 && await ctx.patched('check stock')) {
    did.push(await ctx.step('check', () => 'check'));
  }
  did.push(await ctx.step('ship', () => 'ship'));
  await ctx.waitFor('go');
  if (code.version === 2 && await ctx.patched('thank')) did.push(await ctx.step('thank', () => 'thank'));
  did.push(await ctx.step('close', () => 'close'));
  return did;
});

behaviour('a run that has gone past stays with the old code, and takes the new further on', [order],
  async (world) => {
    code.version = 1;
    const run = await world.client.start(order);
    await world.advance('1 minute');
    deploy(world, 2);
    await run.signal('go', 1);
    await world.advance('1 minute');
    expect(await run.result()).toEqual(['charge', 'ship', 'thank', 'close']);
    expect(await marksOf(world, run.id)).toEqual(['4~thank']);
  });

behaviour('a run that began with the new code takes all of it, also when the patch is gone', [order],
  async (world) => {
    code.version = 2;
    const run = await world.client.start(order);
    await world.advance('1 minute');
    expect(await marksOf(world, run.id)).toEqual(['2~check stock']);
    deploy(world, 2);
    await run.signal('go', 1);
    await world.advance('1 minute');
    expect(await run.result()).toEqual(['charge', 'check', 'ship', 'thank', 'close']);
    expect(world.calls(order, 'check').filter((call) => 'result' in call)).toHaveLength(1);
  });

const unpatched = workflow({ name: 'unpatched', signals: { go: type<number>() } }, async (ctx) => {
  const isNew = code.version === 3 || await ctx.patched('new way');
  const did = [await ctx.step(isNew ? 'new' : 'old', () => (isNew ? 'new' : 'old'))];
  await ctx.waitFor('go');
  return [...did, await ctx.step('after', () => 'after')];
});

behaviour('a mark that nobody asks for is no mismatch', [unpatched], async (world) => {
  code.version = 2;
  const run = await world.client.start(unpatched);
  await world.advance('1 minute');
  deploy(world, 3);
  await run.signal('go', 1);
  await world.advance('1 minute');
  expect(await run.result()).toEqual(['new', 'after']);
});

const loop = workflow('loop', async (ctx, turns: number) => {
  const did: string[] = [];
  for (let turn = 1; turn <= turns; turn++) {
    did.push(await ctx.step('bill', () => `bill ${turn}`));
    if (code.version === 2 && await ctx.patched('remind')) {
      did.push(await ctx.step('remind', () => `remind ${turn}`));
    }
    await ctx.sleep('1 hour');
  }
  return did;
});

behaviour('in a loop old turns stay old, the one that is under way as well, and new turns are new', [loop],
  async (world) => {
    code.version = 1;
    const run = await world.start(loop, 4);
    await world.advance('90 minutes');
    deploy(world, 2);
    await world.advance('1 hour');
    deploy(world, 2);
    await world.advance('3 hours');
    expect(await run.result()).toEqual(
      ['bill 1', 'bill 2', 'bill 3', 'remind 3', 'bill 4', 'remind 4']);
    // A turn is two places for the old code, and three for the new.
    expect(await marksOf(world, run.id)).toEqual(['6~remind', '9~remind']);
  });

const pending = workflow('pending', async (ctx) => {
  const did: string[] = [];
  if (code.version === 2 && await ctx.patched('instead')) {
    did.push(await ctx.step('instead', () => 'instead'));
  } else {
    await ctx.sleep('1 hour');
  }
  if (code.version === 2 && await ctx.patched('more')) did.push(await ctx.step('more', () => 'more'));
  return did;
});

behaviour('a wait that the old code is in counts as recorded', [pending], async (world) => {
  code.version = 1;
  const run = await world.start(pending);
  await world.advance('1 minute');
  deploy(world, 2);
  await world.advance('1 hour');
  expect(await run.result()).toEqual(['more']);
});

type Scope = Ctx<NoSignals>;

const branches = workflow('branches', async (ctx) => {
  const branch = (name: string, waits: boolean) => async (scope: Scope) => {
    const did: string[] = [];
    if (waits) await scope.sleep('1 hour');
    if (code.version === 2 && await scope.patched('a~b/c')) {
      did.push(await scope.step('new', () => `${name} new`));
    }
    did.push(await scope.step('old', () => `${name} old`));
    await scope.sleep('2 hours');
    return did;
  };
  const both = await ctx.all({ quick: branch('quick', false), 'slow/1': branch('slow', true) });
  const first = await ctx.race({ one: branch('one', false), other: (scope) => scope.sleep('1 day') });
  return [...both.quick, ...both['slow/1'], ...first.value ?? []];
});

behaviour('each branch asks for itself', [branches], async (world) => {
  code.version = 1;
  const run = await world.start(branches);
  await world.advance('30 minutes');
  deploy(world, 2);
  await world.advance('1 day');
  expect(await run.result()).toEqual(['quick old', 'slow new', 'slow old', 'one new', 'one old']);
  expect(await marksOf(world, run.id)).toEqual(['1/slow%2F1/2~a~b%2Fc', '2/one/1~a~b%2Fc']);
});

const around = workflow('around', async (ctx) => {
  const did: string[] = [];
  if (code.version === 2 && await ctx.patched('before')) did.push(await ctx.step('before', () => 'before'));
  await ctx.all({ x: (scope) => scope.sleep('1 hour') });
  if (code.version === 2 && await ctx.patched('after')) did.push(await ctx.step('after', () => 'after'));
  return did;
});

behaviour('what is recorded in a branch counts for the code around it', [around], async (world) => {
  code.version = 1;
  const run = await world.start(around);
  await world.advance('1 minute');
  deploy(world, 2);
  await world.advance('1 hour');
  expect(await run.result()).toEqual(['after']);
});

const calls = workflow('calls', async (ctx) => {
  const did: unknown[] = [];
  const asked = [await ctx.patched('x'), await ctx.patched('x'), await ctx.patched('y')];
  did.push(await ctx.transaction('first', async () => 'first'));
  if (await ctx.patched('x')) did.push(await ctx.transaction('second', async () => 'second'));
  const [one, other] = await Promise.all([
    ctx.step('one', () => 1), ctx.patched('beside').then((yes) => ctx.step('other', () => yes)),
  ]);
  did.push(one, other);
  if (await ctx.patched('set')) await ctx.set({ colour: 'red' });
  if (await ctx.patched('child')) did.push(await ctx.execute(child));
  if (await ctx.patched('sleep')) await ctx.sleep('1 hour');
  return [...asked, ...did];
});
const child = workflow('child', async (ctx) => ctx.step('work', () => 'worked'));

behaviour('a mark is durable with whatever the new code records first', [calls, child], async (world) => {
  const run = await world.start(calls);
  world.mockStep(calls, 'first', () => 'first');
  world.mockStep(calls, 'second', () => 'second');
  await world.advance('2 hours');
  expect(await run.result()).toEqual(
    [true, true, true, 'first', 'second', 1, true, 'worked']);
  expect(await marksOf(world, run.id)).toEqual(
    ['1~x', '1~y', '2~x', '4~beside', '5~set', '6~child', '7~sleep']);
});

const waiting = workflow('waiting', async (ctx) => {
  if (!await ctx.patched('wait')) return 'never';
  await ctx.sleep('1 hour');
  return 'waited';
});

behaviour('a mark is durable with the first wait of the new code', [waiting], async (world) => {
  const run = await world.start(waiting);
  await world.advance('1 minute');
  world.vanish();
  await world.advance('1 hour');
  expect(await run.result()).toBe('waited');
});

const undone = workflow('undone', async (ctx) => {
  ctx.onRollback('undo', () => undefined);
  await ctx.step('do', () => 'done');
  if (code.version === 2 && await ctx.patched('go on')) await ctx.step('go on', () => 'went on');
  throw new Error('no further');
});

behaviour('a run that is being rolled back does not take new code', [undone], async (world) => {
  code.version = 1;
  let fails = true;
  world.mockStep(undone, 'undo', () => {
    if (fails) throw new Error('not yet');
    return undefined;
  });
  const run = await world.start(undone);
  await world.advance('100 ms');
  fails = false;
  deploy(world, 2);
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ cause: { message: 'no further' } });
  expect(world.calls(undone, 'go on')).toHaveLength(0);
});

const nested = workflow('nested', async (ctx) => {
  await ctx.step('body', () => ctx.patched('in a step'));
});

behaviour('asked for inside of a step it parks the run', [nested], async (world) => {
  const run = await world.start(nested);
  await world.advance('1 minute');
  expect(await failure(run.result())).toMatchObject({
    code: 'NESTED_CALL', message: expect.stringContaining("patch 2 'in a step'") });
});

const named = workflow('named', async (ctx, id: string) => ctx.patched(id));

for (const [what, id] of Object.entries({ 'empty': '', 'too long': 'x'.repeat(192) })) {
  behaviour(`an id that is ${what} is refused`, [named], async (world) => {
    const run = await world.start(named, id);
    await world.advance('1 minute');
    expect(await failure(run.result())).toMatchObject({ cause: { code: 'INVALID_NAME' } });
  });
}
