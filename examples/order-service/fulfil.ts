// The workflow of an order: four steps, each of which does something to the world outside.
import { setTimeout as delay } from 'node:timers/promises';
import { workflow, type StepInfo, type Workflow } from 'perdure';
import type { OrderDatabase } from './order-database.js';

/** What `fulfil` is started with. */
export interface Order {
  orderId: number;
}

/** What `fulfil` returns. */
export interface Shipment {
  tracking: string;
}

/** The steps of `fulfil`, in order. */
export const fulfilSteps = ['reserve stock', 'charge card', 'book courier', 'send receipt'] as const;

/** What `fulfil` needs of its process. */
export interface FulfilWorld {
  readonly db: OrderDatabase;
  /** How long each step takes, in ms. */
  readonly stepMs: number;
  /** Called in the middle of each step: its effect is done, its result is not recorded. */
  afterEffect?(run: string, step: StepInfo): Promise<void> | void;
}

/** Makes the workflow `fulfil`. */
export function makeFulfil(world: FulfilWorld): Workflow<Order, Order, Shipment> {
  return workflow('fulfil', async (ctx, order: Order): Promise<Shipment> => {
    const [reserve, charge, book, receipt] = fulfilSteps;
    await ctx.step(reserve, (step) => act(world, ctx.runId, step));
    await ctx.step(charge, (step) => act(world, ctx.runId, step));
    const tracking = await ctx.step(book, async (step) => {
      await act(world, ctx.runId, step);
      return `courier-${order.orderId}`;
    });
    await ctx.step(receipt, (step) => act(world, ctx.runId, step));
    return { tracking };
  });
}

// Stands for a call to somebody else's service. Such a service would be handed `step.idempotencyKey`, and act
// once however often it is called with it; this one writes down every call.
async function act({ db, stepMs, afterEffect }: FulfilWorld, run: string, step: StepInfo): Promise<void> {
  const { name, attempt, idempotencyKey: key } = step;
  await db.insertInto('effects').values({ run, step: name, attempt, key, pid: process.pid }).execute();
  await afterEffect?.(run, step);
  await delay(stepMs, undefined, { signal: step.abortSignal });
}
