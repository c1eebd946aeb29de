// The rules of replay, R1 to R7, on the memory store: real client, real worker, no server.
import { createClient, type Client } from '@perdure/client';
import { NonRetryableError, workflow, type Ctx, type Logger, type Workflow } from '@perdure/core';
import { MemoryStore, type TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { afterEach, describe, expect, test } from 'vitest';

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ends: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface House {
  readonly store: MemoryStore;
  readonly client: Client;
  /** Stops all workers, forgetting everything in memory, and starts one that serves `workflows`. */
  work(...workflows: Workflow[]): Promise<void>;
}

function house(store = new MemoryStore({})): House {
  const client = createClient({ connection: memoryConnection({ store }) });
  ends.push(() => client.close());
  let stop = (): Promise<void> => Promise.resolve();
  return {
    store,
    client,
    work: async (...workflows) => {
      await stop();
      const worker = createWorker({ connection: memoryConnection({ store }), workflows, logger: silent });
      await worker.start();
      stop = () => worker.stop({ timeout: 50 });
      ends.push(stop);
    },
  };
}

/** Lets a workflow reach a point, and holds it there until it is let go. */
function gate(): { reached: Promise<void>; pass: Promise<void>; arrive(): void; open(): void } {
  let arrive = (): void => {};
  let open = (): void => {};
  const reached = new Promise<void>((resolve) => void (arrive = resolve));
  const pass = new Promise<void>((resolve) => void (open = resolve));
  return { reached, pass, arrive, open };
}

describe('R1: the only way out is the journal', () => {
  test('no body begins before every answer that led to it is durable', async () => {
    const commits: TurnWrite[] = [];
    class Watched extends MemoryStore {
      override async commit(writes: readonly TurnWrite[]): ReturnType<MemoryStore['commit']> {
        const answers = await super.commit(writes);
        commits.push(...writes);
        return answers;
      }
    }
    const { client, work } = house(new Watched({}));
    const seen: number[] = [];
    const durable = (): number => commits.flatMap((write) => write.entries).length;
    const chain = workflow('chain', async (ctx) => {
      for (let n = 0; n < 5; n++) await ctx.step(`s${n}`, () => void seen.push(durable()));
    });
    await work(chain);
    await client.execute(chain);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  test('the last answer and the settlement it leads to ride in one write', async () => {
    const writes: TurnWrite[] = [];
    class Watched extends MemoryStore {
      override async commit(batch: readonly TurnWrite[]): ReturnType<MemoryStore['commit']> {
        writes.push(...batch);
        return super.commit(batch);
      }
    }
    const { client, work } = house(new Watched({}));
    const one = workflow('one', async (ctx) => ctx.step('only', () => 7));
    await work(one);
    expect(await client.execute(one)).toBe(7);
    expect(writes.map((write) => [write.entries.length, write.end?.kind])).toEqual([[1, 'settle']]);
  });
});

describe('R2: answers are delivered one at a time, in the order they were recorded', () => {
  const branches = (order: string[], hold: () => Promise<void>): Workflow<void, void, string> =>
    workflow('branches', async (ctx) => {
      const branch = async (name: string, ms: number): Promise<string> => {
        const a = await ctx.step('a', async () => {
          await new Promise((resolve) => setTimeout(resolve, ms));
          return `${name}-a`;
        });
        order.push(a);
        const b = await ctx.step('b', () => `${name}-b`);
        order.push(b);
        return `${a} ${b}`;
      };
      const both = await Promise.all([branch('slow', 30), branch('fast', 5)]);
      await ctx.step('hold', hold);
      return both.join(', ');
    });

  test('two branches that reuse step names see the same after a replay', async () => {
    const { client, work } = house();
    const first: string[] = [];
    const held = gate();
    await work(branches(first, async () => {
      held.arrive();
      await held.pass;
    }));
    const run = await client.start(branches([], async () => {}), undefined, { id: 'swap' });
    await held.reached;
    const second: string[] = [];
    await work(branches(second, async () => {}));
    expect(await run.result()).toBe('slow-a slow-b, fast-a fast-b');
    expect(second).toEqual(first);
    held.open();
  });

  const kinds = ['all', 'allSettled', 'race', 'any'] as const;
  test.each(kinds)('Promise.%s gives the same on replay', async (kind) => {
    const { client, work } = house();
    const seen: string[] = [];
    const held = gate();
    type Combine = Workflow<void, void, string>;
    const make = (hold: () => Promise<void>): Combine => workflow('combine', async (ctx) => {
      const steps = [20, 1, 10].map((ms, index) => ctx.step(`s${index}`, { retry: 1 }, async () => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        if (kind === 'any' && index === 1) throw new Error('not this one');
        return index;
      }));
      const outcome = JSON.stringify(kind === 'all' ? await Promise.all(steps)
        : kind === 'allSettled' ? await Promise.allSettled(steps)
          : kind === 'race' ? await Promise.race(steps) : await Promise.any(steps));
      seen.push(outcome);
      await ctx.step('hold', hold);
      return outcome;
    });
    await work(make(async () => {
      held.arrive();
      await held.pass;
    }));
    const run = await client.start(make(async () => {}), undefined, { id: kind });
    await held.reached;
    await work(make(async () => {}));
    expect(await run.result()).toBe(seen[0]);
    expect(new Set(seen).size).toBe(1);
    held.open();
  });
});

describe('R4: a call is identified by its place and its name', () => {
  const evolving = (body: (ctx: Ctx) => Promise<unknown>): Workflow<void, void, unknown> =>
    workflow('evolving', body);

  async function changed(
    before: (ctx: Ctx, hold: () => Promise<void>) => Promise<unknown>, after: (ctx: Ctx) => Promise<unknown>,
  ): Promise<Error> {
    const { client, work } = house();
    const held = gate();
    await work(evolving((ctx) => before(ctx, async () => {
      held.arrive();
      await held.pass;
    })));
    const run = await client.start(evolving(after), undefined, { id: 'evolves' });
    await held.reached;
    await work(evolving(after));
    const error = await run.result().then(() => new Error('it completed'), (e: Error) => e);
    held.open();
    return error;
  }

  test('another name at a recorded place parks the run, and the message shows both', async () => {
    const error = await changed(async (ctx, hold) => {
      await ctx.step('charge card', () => 1);
      await ctx.step('hold', hold);
    }, async (ctx) => ctx.step('reserve stock', () => 1));
    expect(error).toMatchObject({ code: 'NONDETERMINISM' });
    expect(error.message).toContain(
      "recorded: step 1 'charge card'; the code now calls step 1 'reserve stock'");
  });

  test('another kind of call parks the run', async () => {
    const error = await changed(async (ctx, hold) => {
      await ctx.step('wait', () => 1);
      await ctx.step('hold', hold);
    }, async (ctx) => ctx.sleep(1));
    expect(error).toMatchObject({ code: 'NONDETERMINISM' });
  });

  test('code that returns before a recorded call parks the run', async () => {
    const error = await changed(async (ctx, hold) => {
      await ctx.step('one', () => 1);
      await ctx.step('hold', hold);
    }, async () => 'done already');
    expect(error).toMatchObject({ code: 'NONDETERMINISM' });
  });
});

describe('R6: what nobody looked at is a fact, not a crash', () => {
  test('a step that failed before anybody subscribed can still be caught', async () => {
    const { client, work } = house();
    const late = workflow('late', async (ctx) => {
      const failing = ctx.step('fails', () => {
        throw new NonRetryableError('as expected');
      });
      await ctx.step('other', () => 1);
      return failing.then(() => 'no', (error: Error) => error.message);
    });
    await work(late);
    expect(await client.execute(late)).toBe('as expected');
  });
});

describe('what code may branch on is the same at replay', () => {
  test('now, random and uuid', async () => {
    const { client, work } = house();
    const seen: string[] = [];
    const held = gate();
    type Facts = Workflow<void, void, string>;
    const make = (hold: () => Promise<void>): Facts => workflow('facts', async (ctx) => {
      const facts = [ctx.startedAt.getTime(), ctx.now().getTime(), ctx.random(), ctx.uuid()];
      await ctx.step('one', () => 1);
      facts.push(ctx.now().getTime(), ctx.random());
      await ctx.sleep(5);
      facts.push(ctx.now().getTime(), ctx.uuid());
      seen.push(JSON.stringify(facts));
      await ctx.step('hold', hold);
      return JSON.stringify(facts);
    });
    await work(make(async () => {
      held.arrive();
      await held.pass;
    }));
    const run = await client.start(make(async () => {}), undefined, { id: 'same' });
    await held.reached;
    await work(make(async () => {}));
    expect(await run.result()).toBe(seen[0]);
    expect(new Set(seen).size).toBe(1);
    held.open();
  });
});

test('R7: a long replay leaves turns of the loop to others', async () => {
  const { client, work } = house();
  const held = gate();
  const long = (hold: () => Promise<void>): Workflow<void, void, number> => workflow('long', async (ctx) => {
    await Promise.all(Array.from({ length: 20_000 }, (_, n) => ctx.step('s', () => n)));
    await ctx.step('hold', hold);
    return 20_000;
  });
  await work(long(async () => {
    held.arrive();
    await held.pass;
  }));
  const run = await client.start(long(async () => {}), undefined, { id: 'long' });
  await held.reached;
  // Counted from the start of the second worker until its code has seen every recorded answer.
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  count();
  let before = 0;
  let after = 0;
  const replayed = workflow('long', async (ctx) => {
    before = turns;
    await Promise.all(Array.from({ length: 20_000 }, (_, n) => ctx.step('s', () => n)));
    after = turns;
    await ctx.step('hold', async () => {});
    return 20_000;
  });
  await work(replayed);
  expect(await run.result()).toBe(20_000);
  counting = false;
  expect(after - before).toBeGreaterThan(3);
  held.open();
});

test('answers that are too much for one statement ride in several', async () => {
  const sizes: number[] = [];
  class Watched extends MemoryStore {
    override async commit(batch: readonly TurnWrite[]): ReturnType<MemoryStore['commit']> {
      const texts = batch.flatMap((write) => write.entries).map((entry) => entry.value.text ?? '');
      sizes.push(texts.join('').length);
      return super.commit(batch);
    }
  }
  const { client, work } = house(new Watched({}));
  const heavy = workflow('heavy', async (ctx) => {
    const all = await Promise.all(Array.from({ length: 30 }, () => ctx.step('s', () => 'x'.repeat(900_000))));
    return all.length;
  });
  await work(heavy);
  expect(await client.execute(heavy)).toBe(30);
  expect(Math.max(...sizes)).toBeLessThan(9_000_000);
});

test('a logger that throws harms nobody', async () => {
  const fail = (): never => {
    throw new Error('the disk of the logs is full');
  };
  const connection = memoryConnection();
  const client = createClient({ connection });
  const broken = workflow('broken', async (ctx) => {
    ctx.log.info('hello');
    await Promise.race([ctx.step('s', () => 1), new Promise(() => {})]);
  });
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  const worker = await createWorker({ connection, workflows: [broken], logger }).start();
  await client.execute(broken);
  const bare = workflow('bare', async () => new Promise(() => {}));
  const second = await createWorker({ connection, workflows: [bare], logger }).start();
  await expect(client.execute(bare)).rejects.toMatchObject({ code: 'FOREIGN_AWAIT' });
  await client.execute(broken);
  await worker.stop();
  await second.stop();
  await client.close();
});
