// Releases of one application, as a worker process of each has them. Whatever a step does to the world is a
// row in the table `effects`, with the release that did it.
import { contract, type, workflow, type Ctx, type Workflow } from '@perdure/core';
import type pg from 'pg';

/** What is ordered. The card of a gated order is refused for as long as its gate is closed. */
export interface Order {
  readonly item: string;
  readonly nap?: '2 s';
  readonly gated?: true;
}

interface OrderSignals {
  readonly approved: undefined;
  readonly packed: string;
}

const spec = {
  input: type<Order>(), output: type<readonly string[]>(),
  signals: { approved: type<undefined>(), packed: type<string>() },
};

/** An order whose workflow has no version. */
export const order = contract({ ...spec, name: 'order' });

/** The same with versions. */
export const versioned = contract({ ...spec, name: 'versioned order' });

/** Goes on as new each month, until the third has ended. */
export const subscription = contract({
  name: 'subscription', input: type<number>(), output: type<number>(), signals: { over: type<undefined>() },
});

/** Only one release has its code. */
export const legacy = contract({
  name: 'legacy import', input: type<undefined>(), output: type<undefined>(),
});

const legacyPart = workflow({ name: 'legacy part', signals: { go: type<undefined>() } }, async (ctx) => {
  await ctx.waitFor('go');
});

const imported = async (ctx: Ctx): Promise<undefined> => {
  await ctx.execute(legacyPart);
  return undefined;
};

type OrderCtx = Ctx<OrderSignals>;
type Body = (ctx: OrderCtx, given: Order) => Promise<readonly string[]>;

const retry = { initialInterval: '200 ms', maximumInterval: '200 ms', maximumAttempts: 1_000 } as const;
const insert = 'insert into effects (run, what, release) values ($1, $2, $3)';

class Release {
  readonly #name: string;
  readonly #pool: pg.Pool;

  constructor(name: string, pool: pg.Pool) {
    this.#name = name;
    this.#pool = pool;
  }

  async #did(ctx: OrderCtx, what: string): Promise<string> {
    await this.#pool.query(insert, [ctx.runId, what, this.#name]);
    return what;
  }

  #reserve(ctx: OrderCtx, { item }: Order): Promise<string> {
    return ctx.step('reserve stock', () => this.#did(ctx, `${item} reserved`));
  }

  async #charge(ctx: OrderCtx, { item, gated }: Order): Promise<string> {
    return ctx.step('charge card', { retry }, async (step) => {
      const { rowCount } = await this.#pool.query('select from gates where name = $1', [ctx.runId]);
      if (gated === true && rowCount === 0) throw new Error(`The card is refused, time ${step.attempt}`);
      return this.#did(ctx, `${item} charged`);
    });
  }

  async #ship(ctx: OrderCtx, { item, nap }: Order): Promise<string> {
    await ctx.sleep(nap ?? '1 ms');
    const by = await ctx.waitFor('packed');
    return ctx.transaction('ship', async (tx) => {
      await tx.query(insert, [ctx.runId, `${item} shipped`, this.#name]);
      return `${item} packed by ${by}`;
    });
  }

  /** The order as it always was. */
  readonly old: Body = async (ctx, given) => {
    await ctx.waitFor('approved');
    return [await this.#charge(ctx, given), await this.#ship(ctx, given)];
  };

  /** A month of a subscription: the step is named after its version. */
  month(version: string): (ctx: Ctx<{ over: undefined }>, month: number) => Promise<number> {
    return async (ctx, month) => {
      await ctx.step(`bill, version ${version}`, async () => {
        await this.#pool.query(insert, [ctx.runId, `month ${month}, version ${version}`, this.#name]);
      });
      await ctx.waitFor('over');
      return month === 3 ? month : ctx.continueAsNew(month + 1);
    };
  }

  /** What is ordered is reserved first; nobody thought of the orders that are under way. */
  readonly changed: Body = async (ctx, given) => {
    await ctx.waitFor('approved');
    return [await this.#reserve(ctx, given), await this.#charge(ctx, given), await this.#ship(ctx, given)];
  };

  /** It is reserved first in orders that have not come so far. */
  readonly patched: Body = async (ctx, given) => {
    await ctx.waitFor('approved');
    const reserved = await ctx.patched('reserve stock') ? [await this.#reserve(ctx, given)] : [];
    return [...reserved, await this.#charge(ctx, given), await this.#ship(ctx, given)];
  };
}

/** The workflows of a release. */
export function workflowsOf(name: string, pool: pg.Pool): readonly Workflow[] {
  const release = new Release(name, pool);
  const { old, changed, patched } = release;
  const months = (version: string): Workflow => subscription.implement(release.month(version), { version });
  const releases: Record<string, readonly Workflow[]> = {
    'old': [order.implement(old)],
    'changed': [order.implement(changed)],
    'patched': [order.implement(patched)],
    'legacy': [legacy.implement(imported), legacyPart],
    'version 1': [versioned.implement(old, { version: '1' })],
    'subscription 1': [months('1')],
    'subscriptions 2 and 1': [months('2'), months('1')],
    'version 1, changed': [versioned.implement(changed, { version: '1' })],
    'version 2': [versioned.implement(changed, { version: '2' })],
    'version 2, patched': [versioned.implement(patched, { version: '2' })],
    'versions 2 and 1': [
      versioned.implement(changed, { version: '2' }), versioned.implement(old, { version: '1' }),
    ],
  };
  const found = releases[name];
  if (found === undefined) throw new Error(`There is no release '${name}'.`);
  return found;
}
