// The workflows of the business: between them they say everything that a workflow can say. Each has a twin, a
// plain function of its input, that says what it must return.
//
//   W1. What a step does outside is a row in `effects`, what a transaction does one in `payments`.
//   W2. Nothing fails for good but what is meant to: policies outlast every outage of the chaos.
import {
  type, workflow, type Client, type Ctx, type RetryPolicy, type StepInfo, type Tx, type Workflow,
} from 'perdure';

/** A run, in one of its generations: what every context is. */
export type Generation = Pick<Ctx, 'runId' | 'attempt'>;

/** What the workflows need of their process. */
export interface BusinessWorld {
  /** Writes down that a step body runs; how many rows of this step there were before. */
  act(run: Generation, step: StepInfo): Promise<number>;
  /** Pays, on the transaction of the step. */
  pay(tx: Tx, run: Generation, payment: { readonly step: StepInfo; readonly amount: number }): Promise<void>;
  /** Called in the midst of a transaction, with everything written and nothing committed. */
  inTransaction(runId: string): Promise<void>;
  /** Waits a moment, as a call to somebody else's service does. */
  pause(ms: number): Promise<void>;
  /** Keeps the event loop busy. */
  block(runId: string): void;
  /** Takes memory until there is none left. */
  leak(): Promise<never>;
  client(): Client;
}

/** What a run is about: a number, and how often its flaky step fails. */
export interface Item {
  readonly n: number;
  readonly failures: number;
}

/** One generation of a count. */
export interface Count {
  readonly left: number;
  readonly sum: number;
}

/** A note of a sender; the last one says so. */
export interface Note {
  readonly seq: number;
  readonly last: boolean;
}

/** What an approval returns: the notes in the order in which they came. */
export interface Notes {
  readonly seqs: readonly number[];
  readonly closed: boolean;
}

const patient: RetryPolicy = {
  initialInterval: 30, backoffCoefficient: 1.5, maximumInterval: 400, maximumAttempts: 1_000,
};
const transactionLimit = { timeout: '3 seconds', retry: patient } as const;
const naps = [20, 120, 350] as const;
const quietMs = 1_500;
const patience = 4;

/** The workflows, on one world. */
export interface Business {
  readonly order: Workflow<Item, Item, { readonly n: number; readonly early: boolean }>;
  readonly audit: Workflow<Item, Item, number>;
  readonly ship: Workflow<Item, Item, string>;
  readonly fan: Workflow<Item, Item, readonly number[]>;
  readonly count: Workflow<Count, Count, number>;
  readonly saga: Workflow<Item, Item, string>;
  readonly approval: Workflow<Item, Item, Notes, { note: Note }>;
  readonly block: Workflow<Item, Item, string>;
  readonly leak: Workflow<Item, Item, never>;
}

/** What each workflow that always completes returns for its input. */
export const expected: Readonly<Record<string, (input: never) => unknown>> = {
  order: ({ n }: Item) => ({ n, early: false }),
  audit: ({ n }: Item) => n + 1,
  ship: ({ n }: Item) => `shipped ${n}`,
  fan: ({ n }: Item) => [n, n + 1, n + 2, n + 3, n + 4, 100 + n, 200 + n, 300 + n],
  block: ({ n }: Item) => `blocked ${n}`,
};

/** Makes them. */
export function makeBusiness(world: BusinessWorld): Business {
  const audit = workflow({ name: 'audit', retry: patient }, async (ctx, { n }: Item) => (
    ctx.step('look', (step) => world.act(ctx, step).then(() => n + 1))));
  const ship = workflow({ name: 'ship', retry: patient }, async (ctx, { n }: Item) => {
    await ctx.sleep(naps[n % naps.length] ?? 0);
    return ctx.step('ship', (step) => world.act(ctx, step).then(() => `shipped ${n}`));
  });
  return {
    audit, ship, order: makeOrder(world, { audit, ship }), fan: makeFan(world, ship),
    count: makeCount(world), saga: makeSaga(world), approval: makeApproval(),
    block: workflow({ name: 'block', retry: patient }, async (ctx, { n }: Item) => (
      ctx.step('block', async (step) => {
        // Only once: whoever comes after a lost lease must not lose the next one the same way.
        if (await world.act(ctx, step) === 0) world.block(ctx.runId);
        return `blocked ${n}`;
      }))),
    leak: workflow({ name: 'leak', retry: patient }, async (ctx, _item: Item) => (
      ctx.step('leak', async (step) => {
        await world.act(ctx, step);
        return world.leak();
      }))),
  };
}

function makeOrder(
  world: BusinessWorld, { audit, ship }: Pick<Business, 'audit' | 'ship'>,
): Business['order'] {
  return workflow({ name: 'order', retry: patient }, async (ctx, item: Item) => {
    const { n, failures } = item;
    await ctx.step('reserve', async (step) => {
      await world.act(ctx, step);
      await world.pause(20);
    });
    await ctx.transaction('charge', transactionLimit, async (tx, step) => {
      await world.pay(tx, ctx, { step, amount: n });
      await world.client().start(tx, audit, item, { id: `${ctx.runId}-audit` });
      await world.inTransaction(ctx.runId);
    });
    await ctx.step('flaky', async (step) => {
      await world.act(ctx, step);
      if (step.attempt <= failures) throw new Error('not yet');
    });
    const asked = ctx.now().getTime();
    const nap = naps[n % naps.length] ?? 0;
    await ctx.sleep(nap);
    const early = ctx.now().getTime() - asked < nap;
    const shipped = await ctx.execute(ship, item);
    await ctx.transaction('settle', transactionLimit, (tx, step) =>
      world.pay(tx, ctx, { step, amount: 1 }));
    return { n, early: early || shipped !== `shipped ${n}` };
  });
}

function makeFan(world: BusinessWorld, ship: Business['ship']): Business['fan'] {
  return workflow({ name: 'fan', retry: patient }, async (ctx, { n }: Item) => {
    const items = await ctx.map('item', [0, 1, 2, 3, 4], { concurrency: 3 }, async (at, step) => {
      await world.act(ctx, step);
      return n + at;
    });
    const { value } = await ctx.race({
      fast: (scope) => scope.step('fast', async (step) => {
        await world.act(ctx, step);
        return 100 + n;
      }),
      slow: async (scope) => {
        await scope.sleep('1 hour');
        return -1;
      },
    });
    const [one, two] = await Promise.all([
      ctx.execute(ship, { n, failures: 0 }).then((shipped) => shipped === `shipped ${n}` ? 200 + n : -2),
      ctx.transaction('pay', transactionLimit, async (tx, step) => {
        await world.pay(tx, ctx, { step, amount: 2 });
        return 300 + n;
      }),
    ]);
    return [...items, value, one, two];
  });
}

function makeCount(world: BusinessWorld): Business['count'] {
  return workflow({ name: 'count', retry: patient }, async (ctx, { left, sum }: Count): Promise<number> => {
    const more = await ctx.transaction('add', transactionLimit, async (tx, step) => {
      await world.pay(tx, ctx, { step, amount: 3 });
      return left;
    });
    await ctx.step('seen', (step) => world.act(ctx, step).then(() => undefined));
    if (left > 0) return ctx.continueAsNew({ left: left - 1, sum: sum + more });
    return sum + more;
  });
}

function makeSaga(world: BusinessWorld): Business['saga'] {
  return workflow({ name: 'saga', retry: patient }, async (ctx, { n, failures }: Item) => {
    for (const part of ['flight', 'hotel']) {
      await ctx.step(part, (step) => world.act(ctx, step).then(() => undefined));
      ctx.onRollback(`undo ${part}`, (step) => world.act(ctx, step).then(() => undefined));
    }
    await ctx.sleep(600);
    if (failures > 0) throw new Error('no seats');
    return `booked ${n}`;
  });
}

function makeApproval(): Business['approval'] {
  const spec = { name: 'approval', retry: patient, signals: { note: type<Note>() } } as const;
  return workflow(spec, async (ctx, _item: Item): Promise<Notes> => {
    const seqs: number[] = [];
    for (let quiet = 0; quiet < patience;) {
      const note = await ctx.waitFor('note', { timeout: quietMs });
      quiet = note === null ? quiet + 1 : 0;
      if (note === null) continue;
      seqs.push(note.seq);
      if (note.last) return { seqs, closed: true };
    }
    return { seqs, closed: false };
  });
}
