// What the tour counts, by SQL, in the order service's own tables and in the engine's.
import { sql } from 'kysely';
import { fulfilSteps } from '../order-service/fulfil.js';
import type { OrderDatabase } from '../order-service/order-database.js';
import { screen } from './screen.js';

/** A count is not what the tour says it is. */
export class WrongCount extends Error {}

/** Holds a count against what it should be, and shows it. Throws WrongCount. */
export function expectCount(what: string, found: unknown, wanted: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new WrongCount(`Wrong count: ${what}: ${is}, and should be ${should}.`);
  screen.right(`${what}: ${is}`);
}

/** Holds something that was counted to be true. Throws WrongCount. */
export function expectTrue(what: string, found: boolean): void {
  if (!found) throw new WrongCount(`This does not hold: ${what}.`);
}

/** How many orders and how many runs there are. */
export async function countOrders(db: OrderDatabase): Promise<{ orders: number; runs: number }> {
  const { rows } = await sql<{ orders: number; runs: number }>`
    select (select count(*)::integer from orders) as orders,
           (select count(*)::integer from perdure.run_status) as runs`.execute(db);
  return rows[0] ?? { orders: 0, runs: 0 };
}

/** Orders and runs that do not belong to each other. */
export interface Unmatched {
  readonly ordersWithoutRun: number;
  readonly runsWithoutOrder: number;
}

/** How many orders have no run, and how many runs no order. */
export async function countUnmatched(db: OrderDatabase): Promise<Unmatched> {
  const { rows } = await sql<Unmatched>`
    select count(*) filter (where run.id is null)::integer as "ordersWithoutRun",
           count(*) filter (where orders.id is null)::integer as "runsWithoutOrder"
      from orders full join perdure.run_status run on run.id = 'order-' || orders.id`.execute(db);
  return rows[0] ?? { ordersWithoutRun: 0, runsWithoutOrder: 0 };
}

/** What is known of one step of one run: the process of each time its body ran, and the keys it was given. */
export interface StepEffects {
  readonly step: string;
  readonly pids: readonly number[];
  readonly keys: readonly string[];
}

/** Reads the effects of a run, step by step. */
export async function readEffects(db: OrderDatabase, run: string): Promise<StepEffects[]> {
  const rows = await db.selectFrom('effects')
    .select(['step', 'pid', 'key'])
    .where('run', '=', run)
    .orderBy('at')
    .execute();
  return fulfilSteps.map((step) => {
    const mine = rows.filter((row) => row.step === step);
    return { step, pids: mine.map((row) => row.pid), keys: [...new Set(mine.map((row) => row.key))] };
  });
}
