// Drizzle on PostgreSQL, whatever driver is under it: the tx of `db.transaction(async (tx) => …)`.
import type { Transactor } from '@perdure/core';
import { BodyGate, oneClient } from './body-gate.js';
import type { DrizzleDatabase } from './instances.js';
import { demandOpen, instance, onPostgres, refusal, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  execute(query: unknown): PromiseLike<Row[] | { readonly rows: Row[] }>;
  /** Inside of Drizzle: where the driver's own client is, or a pool of them. */
  readonly session: {
    readonly client?: { getTransactionStatus?(): string | null };
    prepareQuery(query: { readonly sql: string }, ...rest: unknown[]): unknown;
  };
}

// All that Drizzle asks of a query is its SQL, and of that its text and parameters.
async function run(tx: Shape, sql: string, params: unknown[]): Promise<Row[]> {
  const built = { toQuery: () => ({ sql, params, typings: [] }), getSQL: (): unknown => built };
  const result = await tx.execute(built);
  return Array.isArray(result) ? result : result.rows;
}

/** Only a transaction has `rollback`. Where `pg` is the driver it knows whether it is open. */
export const recogniseDrizzle: Recognise = async (given) => {
  if (!('execute' in given && 'session' in given && 'dialect' in given)) return null;
  if (!('rollback' in given)) throw instance('a Drizzle database');
  const tx = given as unknown as Shape;
  const status = tx.session.client?.getTransactionStatus?.();
  if (status === 'I') throw refusal('this transaction of Drizzle has ended');
  if (status === undefined) await demandOpen((text) => run(tx, text, []));
  return onPostgres(({ text }, values) => run(tx, text, [...values]));
};

/**
 * Opens the transactions of `ctx.transaction` with Drizzle: `createWorker({ transactor: drizzleTransactor(db)
 * })`, for a database on a `pg` pool or on postgres.js. The function gets the `tx` of `db.transaction`.
 * Throws INVALID_OPTION for a database on one client.
 */
export function drizzleTransactor<Tx extends object>(db: DrizzleDatabase<Tx>): Transactor<Tx> {
  if ((db as Partial<Shape>).session?.client?.getTransactionStatus !== undefined) throw oneClient();
  return {
    transaction: ({ isolationLevel }, body) => {
      const gate = new BodyGate();
      return gate.until(db.transaction((tx) => {
        // Whatever is run in this transaction, however it was built, is prepared there when it is run.
        const { session } = tx as unknown as Shape;
        const prepare = session.prepareQuery;
        session.prepareQuery = (query, ...rest) => {
          gate.pass(query.sql);
          return prepare.call(session, query, ...rest);
        };
        return gate.run(body, gate.guarded(tx), (text, values) => {
          gate.allow(text);
          return run(tx as unknown as Shape, text, values);
        });
      }, { isolationLevel }));
    },
  };
}
