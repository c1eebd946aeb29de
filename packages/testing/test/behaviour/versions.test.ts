// Several versions of a workflow in one worker, and workflows whose code is apart from their contract.
import { contract, type, workflow, type Workflow } from '@perdure/core';
import { createWorker } from '@perdure/worker';
import { memoryConnection } from '@perdure/testing';
import { expect } from 'vitest';
import { z } from 'zod';
import { behaviour as inWorld } from '../behaviour-world.js';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

const signals = { go: type<number>() };
const named = (version: string | undefined, queue?: string) => (
  workflow({ name: 'order', version, queue, signals }, async (ctx) => {
    await ctx.step(`begin ${version}`, () => 1);
    await ctx.waitFor('go');
    return ctx.step(`end ${version}`, () => version);
  }));
const [bare, v1, v2, v3] = [named(undefined), named('1'), named('2'), named('3')];

inWorld('a run stays with the version that took it first', async (world) => {
  await world.serve(v1);
  const old = await world.client.start(v1);
  await world.advance('1 minute');
  await world.serve(v2, v1);
  world.vanish();
  await old.signal('go', 1);
  await world.advance('1 minute');
  expect(await old.result()).toBe('1');
});

inWorld('a worker of several versions stamps the first, and goes on with the others', async (world) => {
  await world.serve(v2, v1);
  const young = await world.client.start(v1);
  await world.advance('1 minute');
  await young.signal('go', 1);
  await world.advance('1 minute');
  expect(await young.result()).toBe('2');
});

inWorld('two workers of different versions do not take from each other', async (world) => {
  await world.work([v1]);
  const one = await world.client.start(v1);
  await world.advance('1 minute');
  await world.work([v3]);
  await world.work([v2]);
  await one.signal('go', 1);
  await world.advance('1 minute');
  expect(await one.result()).toBe('1');
});

inWorld('a run without a version is taken by whoever serves its workflow', async (world) => {
  const old = workflow({ name: 'plain', signals }, async (ctx) => {
    const did = [await ctx.step('one', () => 'one')];
    await ctx.waitFor('go');
    return [...did, await ctx.step('two', () => 'two')];
  });
  const stamped = workflow({ name: 'plain', version: '7', signals }, async (ctx) => {
    const did = [await ctx.step('one', () => 'not again')];
    await ctx.waitFor('go');
    return [...did, await ctx.step('two', () => 'two of 7')];
  });
  await world.serve(old);
  const run = await world.client.start(old);
  await world.advance('1 minute');
  await world.serve(stamped);
  world.vanish();
  await run.signal('go', 1);
  await world.advance('1 minute');
  expect((await run.result())[0]).toBe('one');
});

inWorld('versions may stand in different queues', async (world) => {
  const here = named('here', 'a');
  const there = named('there', 'b');
  await world.serve(here);
  const run = await world.client.start(here);
  await world.advance('1 minute');
  await world.serve(there, here);
  world.vanish();
  const other = await world.client.start(there);
  await world.advance('1 minute');
  await run.signal('go', 1);
  await other.signal('go', 1);
  await world.advance('1 minute');
  expect([await run.result(), await other.result()]).toEqual(['here', 'there']);
});

const double = contract({ name: 'double', input: z.number(), output: z.number(), signals });
const doubled = double.implement(async (ctx, n) => {
  await ctx.waitFor('go');
  return ctx.step('double', () => n * 2);
});

behaviour('a contract starts, sends to and waits for what implements it', [doubled], async (world) => {
  const run = await world.client.start(double, 21, { id: 'd' });
  await world.client.get(double, run.id).signal('go', 1);
  await world.advance('1 minute');
  expect(await world.client.get(double, 'd').result()).toBe(42);
  const wrong = world.client.start(double, 'x' as never);
  expect(await failure(wrong)).toMatchObject({ code: 'INPUT_INVALID' });
});

const parent = workflow('parent', async (ctx) => {
  const child = await ctx.start(double, 4);
  await child.signal('go', 1);
  return [await child.result(), await ctx.execute(single, 5)];
});
const single = contract({ name: 'single', input: type<number>(), output: type<number>() });
const newer = single.implement(async (_, n) => n + 100, { version: '2' });
const older = single.implement(async (_, n) => n, { version: '1', retry: 1 });

behaviour('a contract is a child as well, and may have several implementations',
  [parent, doubled, newer, older], async (world) => {
    const run = await world.client.start(parent);
    await world.advance('1 minute');
    expect(await run.result()).toEqual([8, 105]);
  });

inWorld('what cannot be served is refused', async () => {
  const serve = (...workflows: readonly Workflow[]) => (version?: string): void => {
    createWorker({ connection: memoryConnection(), workflows, version });
  };
  expect(serve(double)).toThrow(/'double' is a contract/);
  expect(serve(v1, v1)).toThrow(/have the version '1'/);
  expect(serve(v1, bare)).toThrow(/one of them has no version/);
  expect(() => serve(v1, bare)('1')).toThrow(/have the version '1'/);
  expect(() => serve(v1, bare)('2')).not.toThrow();
  expect(serve(v2, v1, v3)).not.toThrow();
  const code = (body: () => unknown): unknown => {
    try {
      return body();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect([code(serve(double)), code(serve(v1, v1)), code(serve())])
    .toEqual(['NO_HANDLER', 'DUPLICATE_WORKFLOW', 'NO_WORKFLOWS']);
  expect(code(() => double.implement('x' as never))).toBe('INVALID_WORKFLOW');
  expect(code(() => contract({ name: 'x', input: z.number() } as never))).toBe('INVALID_WORKFLOW');
});
