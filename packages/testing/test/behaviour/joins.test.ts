// Structured concurrency: race, all and map join or withdraw their branches, and never orphan one.
import { RunCancelledError, type, workflow, type WorkflowError } from '@perdure/core';
import { expect } from 'vitest';
import { failure, Gate } from '../engine.js';
import { behaviour } from './served.js';

const go = { go: type<number>() };

const empty = workflow('empty', async (ctx) => {
  const none = await ctx.all({});
  const mapped = await ctx.map('none', [], {}, () => 1);
  const race = await ctx.race({}).catch((error: WorkflowError) => error.code);
  return [none, mapped, race];
});

behaviour('an empty race is refused; an empty all, and an empty map, are answered',
  [empty], async (world) => {
  expect(await world.execute(empty)).toEqual([{}, [], 'INVALID_OPTION']);
});

const approval = workflow({ name: 'approval', signals: go }, async (ctx) => {
  const end = await ctx.race({
    answer: (scope) => scope.waitFor('go'),
    late: async (scope) => {
      await scope.sleep('1 day');
      return 'nobody answered';
    },
  });
  return end;
});

behaviour('a race is answered by its first branch, whichever that is', [approval], async (world) => {
  const answered = await world.client.start(approval);
  const left = await world.client.start(approval);
  await world.advance('1 hour');
  await answered.signal('go', 4);
  await world.untilIdle();
  expect(await answered.result()).toEqual({ winner: 'answer', value: 4 });
  await world.advance('23 hours');
  expect(await left.result()).toEqual({ winner: 'late', value: 'nobody answered' });
});

const losing = { ended: [] as string[], gate: new Gate() };
const joined = workflow('joined', async (ctx) => {
  const { winner } = await ctx.race({
    quick: async (scope) => scope.sleep('1 minute'),
    slow: async (scope) => scope.step('slow', { retry: 1 }, async ({ abortSignal }) => {
      await new Promise<void>((resolve) => {
        if (abortSignal.aborted) resolve();
        abortSignal.addEventListener('abort', () => resolve());
      });
      losing.ended.push('told');
      await losing.gate.passed;
      losing.ended.push('ended');
      return 'work';
    }),
  });
  losing.ended.push('answered');
  return winner;
});

behaviour('the step of a loser is told to stop, and the race is answered only when it has ended', [joined],
  async (world) => {
    const run = await world.start(joined);
    await world.advance('1 minute');
    await world.advance('1 minute');
    expect(losing.ended).toContain('told');
    expect(losing.ended).not.toContain('answered');
    expect(await run.status()).not.toBe('completed');
    losing.gate.open();
    await world.untilIdle();
    expect(await run.result()).toBe('quick');
    expect(losing.ended.indexOf('answered')).toBeGreaterThan(losing.ended.indexOf('ended'));
  });

const hourly = { initialInterval: '1 h', maximumInterval: '1 h', jitter: false } as const;
const reasons = workflow({ name: 'reasons', signals: go }, async (ctx) => {
  const caught: string[] = [];
  const spy = async (what: string, body: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await body();
    } catch (error) {
      caught.push(`${what}: ${error instanceof RunCancelledError ? error.reason : String(error)}`);
      throw error;
    }
  };
  await ctx.race({
    first: (scope) => scope.sleep(1),
    wait: (scope) => spy('wait', () => scope.waitFor('go')),
    sleep: (scope) => spy('sleep', () => scope.sleep('1 day')),
    event: (scope) => spy('event', () => scope.waitForEvent('e', { timeout: '1 day' })),
    retry: (scope) => spy('retry', () => scope.step('failing', { retry: hourly }, () => {
      throw new Error('no');
    })),
    nested: (scope) => scope.all({
      deep: (inner) => spy('deep', () => inner.sleep('1 day')),
      deeper: (inner) => inner.race({ deepest: (one) => spy('deepest', () => one.waitFor('go')) }),
    }),
  });
  return caught;
});

behaviour('losers throw RunCancelledError at what they wait for, in every depth',
  [reasons], async (world) => {
  const why = "branch 'first' of the race was first";
  expect(await world.execute(reasons)).toEqual([
    // What only waits throws at once, a step when it has ended.
    `wait: ${why}`, `sleep: ${why}`, `event: ${why}`, `deep: ${why}`, `deepest: ${why}`, `retry: ${why}`,
  ]);
  expect(world.now.getTime() - Date.UTC(2030, 0, 1)).toBeLessThan(3_600_000);
});

const failing = workflow('failing', async (ctx) => {
  const log: string[] = [];
  const error = await ctx.all({
    bad: async (scope) => {
      await scope.sleep('1 minute');
      throw new TypeError('bad luck');
    },
    good: async (scope) => {
      try {
        await scope.sleep('1 day');
      } finally {
        log.push('good is cleaning up');
        await scope.step('clean', () => 'clean');
        await scope.sleep('1 hour');
        log.push('good is clean');
      }
    },
    done: async () => 'value',
  }).catch((thrown: Error) => thrown);
  return [String(error), ...log, ctx.now().toISOString()];
});

behaviour('all throws the first failure when every branch has cleaned up', [failing], async (world) => {
  expect(await world.execute(failing)).toEqual([
    'TypeError: bad luck', 'good is cleaning up', 'good is clean', '2030-01-01T01:01:00.000Z',
  ]);
});

const ab = { a: type<number>(), b: type<number>() };
const nested = workflow({ name: 'nested', signals: ab }, async (ctx) => {
  return ctx.all({
    one: (scope) => scope.race({
      a: (inner) => inner.waitFor('a'),
      b: async (inner) => inner.all({
        b: (deep) => deep.waitFor('b'),
        step: (deep) => deep.step('work', () => 'work'),
      }),
    }),
    two: async (scope) => {
      const mapped = await scope.map('square', [1, 2, 3], {}, (n) => n * n);
      await scope.sleep('1 minute');
      return mapped;
    },
    three: async (scope) => [await scope.step('s', () => 1), await scope.step('s', () => 2)],
  });
});

behaviour('joins nest', [nested], async (world) => {
  const run = await world.client.start(nested);
  await world.advance('1 hour');
  await run.signal('b', 6);
  await world.untilIdle();
  expect(await run.result()).toEqual({
    one: { winner: 'b', value: { b: 6, step: 'work' } }, two: [1, 4, 9], three: [1, 2],
  });
});

const flow = { now: 0, most: 0 };
const bounded = workflow('bounded', async (ctx, items: readonly number[]) => ctx.map('work', items, {
  concurrency: 3,
}, async (item) => {
  flow.now++;
  flow.most = Math.max(flow.most, flow.now);
  await new Promise((resolve) => setTimeout(resolve, item % 3));
  flow.now--;
  return item * 2;
}));

behaviour('a map keeps its bound and the order of its items', [bounded], async (world) => {
  const items = Array.from({ length: 40 }, (_, n) => n);
  flow.now = 0;
  const run = await world.start(bounded, items);
  await world.untilIdle();
  expect(await run.result()).toEqual(items.map((item) => item * 2));
  expect(flow.most).toBeGreaterThan(1);
});

const branchesAtOnce: number[] = [];
const pool = workflow('pool', async (ctx) => {
  let open = 0;
  const piece = (n: number) => async (scope: typeof ctx): Promise<number> => {
    open++;
    branchesAtOnce.push(open);
    await scope.sleep('1 minute');
    const value = await scope.step('work', () => n);
    open--;
    return value;
  };
  const all = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`n${n}`, piece(n)]));
  const values = await ctx.all(all, { concurrency: 2 });
  return [values, ctx.now().toISOString()];
});

behaviour('all keeps its bound', [pool], async (world) => {
  expect(await world.execute(pool)).toEqual([
    { n1: 1, n2: 2, n3: 3, n4: 4, n5: 5 }, '2030-01-01T00:03:00.000Z',
  ]);
  expect(Math.max(...branchesAtOnce)).toBe(2);
});

const wrong = workflow('wrong', async (ctx) => {
  const codes: unknown[] = [];
  const note = (error: WorkflowError): void => void codes.push(error.code);
  await ctx.map('m', ['a', 'b', 'a'], { key: (item) => item }, () => 1).catch(note);
  await ctx.map('m', ['a'], { concurrency: 0 }, () => 1).catch(note);
  await ctx.all({ a: async () => 1 }, { concurrency: 1.5 }).catch(note);
  return codes;
});

behaviour('two items of one key, and a bound that is none, are refused', [wrong], async (world) => {
  expect(await world.execute(wrong)).toEqual(['DUPLICATE_KEY', 'INVALID_OPTION', 'INVALID_OPTION']);
});

const keys = workflow('keys', async (ctx) => {
  const odd = ['/', '%', '%2F', 'a/1', 'ü', 'x'.repeat(40)];
  const mapped = await ctx.map('m', odd, { key: (item) => item }, (item) => item);
  const all = await ctx.all(Object.fromEntries(
    odd.map((key) => [key, (scope) => scope.step('s', () => key)])));
  return [mapped.join('|'), Object.values(all).join('|')];
});

behaviour('any text is a key', [keys], async (world) => {
  const odd = ['/', '%', '%2F', 'a/1', 'ü', 'x'.repeat(40)].join('|');
  expect(await world.execute(keys)).toEqual([odd, odd]);
});

const mapFails = workflow('mapFails', async (ctx) => {
  const told: string[] = [];
  try {
    await ctx.map('item', [1, 2, 3, 4, 5], { concurrency: 3, retry: 1 }, async (item, { abortSignal }) => {
      if (item === 2) throw new RangeError('two');
      await new Promise<void>((resolve) => {
        if (abortSignal.aborted) resolve();
        abortSignal.addEventListener('abort', () => resolve());
      });
    });
  } catch (error) {
    told.push(String(error));
  }
  return told;
});

behaviour('when an item fails for good the others are told to stop, and no further one begins', [mapFails],
  async (world) => {
    const run = await world.start(mapFails);
    await world.untilIdle();
    expect(await run.result()).toEqual(['RangeError: two']);
    const begun = new Set(world.calls(mapFails, 'item').map(() => 0));
    expect(begun.size).toBe(1);
  });

const changing = { items: ['a', 'b', 'c', 'd'], done: [] as string[], gate: new Gate(), concurrency: 2 };
const growing = workflow('growing', async (ctx) => {
  const { items, concurrency } = changing;
  const result = await ctx.map('work', items, { key: (item) => item, concurrency }, async (item) => {
    if (item === 'c' || item === 'z') await changing.gate.passed;
    changing.done.push(item);
    return item.toUpperCase();
  });
  await ctx.sleep('1 hour');
  return result;
});

behaviour('items may be reordered, added and dropped while a run is under way', [growing], async (world) => {
  const run = await world.start(growing);
  await world.advance(1);
  expect(changing.done).toEqual(expect.arrayContaining(['a', 'b', 'd']));
  const before = changing.done.length;
  world.vanish();
  changing.items = ['z', 'd', 'c', 'b', 'y'];
  await world.advance(1);
  changing.gate.open();
  await world.advance('2 hours');
  expect(await run.result()).toEqual(['Z', 'D', 'C', 'B', 'Y']);
  expect(changing.done.slice(before).sort()).toEqual(expect.arrayContaining(['c', 'y', 'z']));
  expect(changing.done.slice(before)).not.toContain('b');
  expect(changing.done.slice(before)).not.toContain('d');
});

const version = { two: false };
const deployed = workflow({ name: 'deployed', signals: go }, async (ctx) => ctx.all({
  left: async (scope) => {
    const first = await scope.step('first', () => 'l1');
    await scope.sleep('1 day');
    const added = version.two ? await scope.step('added', () => 'l2') : 'none';
    return [first, added, await scope.step('last', () => 'l3')];
  },
  right: async (scope) => {
    const first = await scope.step('first', () => 'r1');
    const got = await scope.waitFor('go');
    return [first, got, await scope.step('last', () => 'r3')];
  },
}));

behaviour('a step that is added to one branch shifts no other', [deployed], async (world) => {
  const run = await world.client.start(deployed);
  await world.advance('1 hour');
  await run.signal('go', 1);
  await world.untilIdle();
  world.vanish();
  version.two = true;
  await world.advance('1 day');
  expect(await run.result()).toEqual({ left: ['l1', 'l2', 'l3'], right: ['r1', 1, 'r3'] });
});

const withdrawnSubscription = workflow('withdrawnSubscription', async (ctx) => {
  const { winner } = await ctx.race({
    event: (scope) => scope.waitForEvent('e', { timeout: '1 day' }),
    at: (scope) => scope.step('at once', () => 1),
  });
  const later = await ctx.waitForEvent('e', { timeout: '1 hour', lookBack: 0 });
  return [winner, later];
});

behaviour('a wait for an event that lost its race at once waits for nothing any more',
  [withdrawnSubscription],
  async (world) => {
    const run = await world.start(withdrawnSubscription);
    await world.advance('2 hours');
    expect(await run.result()).toEqual(['at', null]);
  });

const throwing = workflow('throwing', async (ctx) => {
  const error = await ctx.race({
    a: (scope) => scope.sleep('1 hour'),
    b: async () => {
      throw new SyntaxError('b failed');
    },
  }).catch((thrown: Error) => String(thrown));
  const failed = await failure(ctx.map('m', [1], { retry: 1 }, () => Promise.reject(new Error('item'))));
  return [error, String(failed), ctx.now().toISOString()];
});

behaviour('a branch that throws ends its race', [throwing], async (world) => {
  expect(await world.execute(throwing)).toEqual([
    'SyntaxError: b failed', 'Error: item', '2030-01-01T00:00:00.000Z',
  ]);
});

const twoBoxes = workflow({ name: 'twoBoxes', signals: go }, async (ctx) => {
  const both = await ctx.all({
    raced: (scope) => scope.race({
      tick: (inner) => inner.sleep('1 hour'),
      signal: (inner) => inner.waitFor('go'),
    }),
    waiting: (scope) => scope.waitFor('go'),
  });
  return [both.raced.winner, both.waiting];
});

behaviour('what a loser would have taken comes to the wait beside it', [twoBoxes], async (world) => {
  const run = await world.client.start(twoBoxes);
  await world.advance('1 hour');
  await run.signal('go', 3);
  await world.untilIdle();
  expect(await run.result()).toEqual(['tick', 3]);
});
