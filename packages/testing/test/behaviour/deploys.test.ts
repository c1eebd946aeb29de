// What an operator does about code that changed under runs, in every mode: reads what parked a run, and
// resumes, forks, retries or terminates it. Code that changes is one function that reads `code.way`.
import { type, workflow } from '@perdure/core';
import { expect } from 'vitest';
import type { BehaviourEnv } from '../behaviour-world.js';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

type Way = 'old' | 'added' | 'patched' | 'removed' | 'renamed' | 'reordered' | 'branch added' | 'branch gone';
const code: { way: Way } = { way: 'old' };

/** Every worker is replaced by one with other code. */
function deploy(world: BehaviourEnv, way: Way): void {
  world.vanish();
  code.way = way;
}

/** Bodies that ran to their end, in order, as `step run`. */
const did: string[] = [];

const order = workflow({ name: 'order', signals: { packed: type<string>() } }, async (ctx, item: string) => {
  const { way } = code;
  const act = (name: string): Promise<string> => ctx.step(name, () => {
    did.push(`${name} ${ctx.runId}`);
    return `${name} ${item}`;
  });
  if (way === 'added' || (way === 'patched' && await ctx.patched('reserve'))) await act('reserve');
  if (way === 'reordered') await act('invoice');
  if (way !== 'removed') await act(way === 'renamed' ? 'debit' : 'charge');
  if (way !== 'reordered') await act('invoice');
  const branches = await ctx.all({
    ...way === 'branch gone' ? {} : { left: async (scope) => scope.step('left', () => 'left') },
    right: async (scope) => {
      if (way === 'branch added') await scope.step('wrap', () => 'wrap');
      return scope.step('right', () => 'right');
    },
  });
  const by = await ctx.waitFor('packed');
  return [await act('ship'), by, Object.values(branches).join()];
});

/** What a run did, each time that it did it. */
function doneBy(runId: string): readonly string[] {
  return did.filter((each) => each.endsWith(` ${runId}`)).map((each) => each.replace(` ${runId}`, ''));
}

async function begun(world: BehaviourEnv, item = 'lamp') {
  code.way = 'old';
  const run = await world.start(order, item);
  await world.advance('1 minute');
  expect(await run.status()).toBe('waiting');
  return run;
}

const differences: Record<Exclude<Way, 'old' | 'patched'>, string> = {
  'added': "recorded: step 1 'charge'; the code now calls step 1 'reserve'",
  'removed': "recorded: step 1 'charge'; the code now calls step 1 'invoice'",
  'renamed': "recorded: step 1 'charge'; the code now calls step 1 'debit'",
  'reordered': "recorded: step 1 'charge'; the code now calls step 1 'invoice'",
  'branch added': "recorded: step 3/right/1 'right'; the code now calls step 3/right/1 'wrap'",
  'branch gone': "recorded: step 3/left/1 'left'; the code now makes no such call there",
};

for (const [way, difference] of Object.entries(differences)) {
  behaviour(`a run whose code changed parks with the difference, ${way}, and goes on with the old`, [order],
    async (world) => {
      const run = await begun(world);
      deploy(world, way as Way);
      await run.signal('packed', 'Ada');
      await world.advance('1 minute');
      expect((await failure(run.result())).message).toContain(`${difference}. Restore the old calls, `);
      expect(await run.explain()).toContain(
        `its code does not fit its record. ${difference}; deploy code that fits its record and resume it, `);
      deploy(world, 'old');
      await run.resume();
      await world.advance('1 minute');
      expect(await run.result()).toEqual(['ship lamp', 'Ada', 'left,right']);
      expect(doneBy(run.id)).toEqual(['charge', 'invoice', 'ship']);
    });
}

behaviour('a parked run goes on with code that asks whether it takes the new way', [order], async (world) => {
  const run = await begun(world);
  deploy(world, 'added');
  await run.signal('packed', 'Ada');
  await world.advance('1 minute');
  expect(await run.status()).toBe('parked');
  // Nothing has been mended yet: it parks again, and loses nothing.
  await run.resume();
  await world.advance('1 minute');
  expect(await run.status()).toBe('parked');
  deploy(world, 'patched');
  const young = await world.start(order, 'desk');
  await young.signal('packed', 'Bob');
  await run.resume();
  await world.advance('1 minute');
  expect(await run.result()).toEqual(['ship lamp', 'Ada', 'left,right']);
  expect(doneBy(run.id)).toEqual(['charge', 'invoice', 'ship']);
  expect(await young.result()).toEqual(['ship desk', 'Bob', 'left,right']);
  expect(doneBy(young.id)).toEqual(['reserve', 'charge', 'invoice', 'ship']);
});

behaviour('a parked run is forked from a step with another input, and left whole', [order], async (world) => {
  const run = await begun(world, 'lamb');
  deploy(world, 'renamed');
  await run.signal('packed', 'Ada');
  await world.advance('1 minute');
  const record = await run.history();
  deploy(world, 'old');
  const fork = await run.fork({ from: 'invoice', input: 'lamp', id: `fork of ${run.id}` });
  await fork.signal('packed', 'Bob');
  await world.advance('1 minute');
  expect(await fork.result()).toEqual(['ship lamp', 'Bob', 'left,right']);
  expect(doneBy(fork.id)).toEqual(['invoice', 'ship']);
  expect([await run.status(), await run.history()]).toEqual(['parked', record]);
  // The source is whole: opened again it goes on, with the signal that it was sent.
  await run.resume();
  await world.advance('1 minute');
  expect(await run.result()).toEqual(['ship lamb', 'Ada', 'left,right']);
});

behaviour('a parked run begins anew from its start with the new code, and takes its signal again', [order],
  async (world) => {
    const run = await begun(world);
    deploy(world, 'added');
    await run.signal('packed', 'Ada');
    await world.advance('1 minute');
    await run.retry({ from: 'start' });
    await world.advance('1 minute');
    expect(await run.result()).toEqual(['ship lamp', 'Ada', 'left,right']);
    expect(doneBy(run.id)).toEqual(['charge', 'invoice', 'reserve', 'charge', 'invoice', 'ship']);
  });

behaviour('a run of a version that nobody serves says so, and is moved to one that is served', [order],
  async (world) => {
    const run = await begun(world);
    await run.terminate('its version is retired');
    await run.retry({ version: 'gone' });
    await run.signal('packed', 'Ada');
    await world.advance('1 minute');
    expect(await run.explain()).toContain(
      "no worker that serves workflow 'order', version 'gone', in queue 'default' is online");
    await run.terminate('it was a mistake');
    expect(await failure(run.result())).toMatchObject({ cause: { code: 'RUN_TERMINATED' } });
    await run.retry({ version: null });
    await world.advance('1 minute');
    expect(await run.result()).toEqual(['ship lamp', 'Ada', 'left,right']);
    expect(doneBy(run.id)).toEqual(['charge', 'invoice', 'ship']);
  });

behaviour('a cancel that parked a run is heard of when the run is opened again', [order], async (world) => {
  const run = await begun(world);
  deploy(world, 'added');
  await run.cancel('the shop has closed');
  await world.advance('1 minute');
  expect(await run.status()).toBe('parked');
  expect(await run.explain()).toMatch(/; it was asked to stop, and hears of that when it is resumed\.$/);
  deploy(world, 'old');
  await run.resume();
  await world.advance('1 minute');
  expect(await failure(run.result())).toMatchObject({ reason: 'the shop has closed' });
  expect(doneBy(run.id)).toEqual(['charge', 'invoice']);
});

const reminder = workflow('reminder', async (ctx) => {
  await ctx.step('greet', () => 'hello');
  if (code.way === 'removed') return 'greeted';
  await ctx.sleep('1 day');
  return ctx.step('remind', () => 'reminded');
});

behaviour('a run whose code returns before what it waits for parks, and goes on with the old', [reminder],
  async (world) => {
    code.way = 'old';
    const run = await world.start(reminder);
    await world.advance('1 minute');
    deploy(world, 'removed');
    await world.advance('1 day');
    expect((await failure(run.result())).message).toContain(
      "recorded: sleep 2 'sleep'; the code now makes no such call there. Restore the old calls, ");
    deploy(world, 'old');
    await run.resume();
    await world.advance('1 minute');
    expect(await run.result()).toBe('reminded');
  });
