// The order service's own tables. They know nothing of the engine, and the engine knows nothing of them.
import { Kysely, PostgresDialect, sql, type Generated } from 'kysely';
import pg from 'pg';

/** The tables of the order service. */
export interface OrderTables {
  orders: { id: Generated<number>; item: string; price: number; at: Generated<Date> };
  /**
   * What step bodies did to the world: one row each time one ran. Rows are only ever added, so that nothing
   * that ran twice can hide.
   */
  effects: {
    run: string; step: string; attempt: number; key: string; pid: number; at: Generated<Date>;
  };
}

/** The order service's database. */
export type OrderDatabase = Kysely<OrderTables>;

/** Opens the order service's database. Destroy it when done. */
export function openOrderDatabase(url: string): OrderDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  return new Kysely<OrderTables>({ dialect: new PostgresDialect({ pool }) });
}

/** Creates the tables where they are missing. */
export async function createOrderTables(db: OrderDatabase): Promise<void> {
  await sql`
    create table if not exists orders (
      id integer generated always as identity primary key,
      item text not null,
      price integer not null,
      at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table if not exists effects (
      run text not null,
      step text not null,
      attempt integer not null,
      key text not null,
      pid integer not null,
      at timestamptz not null default clock_timestamp()
    )`.execute(db);
}
