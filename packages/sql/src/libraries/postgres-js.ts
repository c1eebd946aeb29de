// postgres.js: the sql of `sql.begin(async (sql) => …)`, which is a function with properties.
import type { Transactor } from '@perdure/core';
import { BodyGate } from './body-gate.js';
import type { PostgresJsRoot } from './instances.js';
import { demandOpen, instance, onPostgres, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  unsafe(text: string, values?: unknown[], options?: { readonly prepare: boolean }): PromiseLike<Row[]>;
}

/** Only a transaction has savepoints. It does not know whether it has ended. */
export const recognisePostgresJs: Recognise = async (given, { names }) => {
  if (typeof given !== 'function' || !('unsafe' in given)) return null;
  if (!('savepoint' in given)) throw instance('the root of postgres.js');
  const sql = given as unknown as Shape;
  await demandOpen((text) => sql.unsafe(text));
  return onPostgres(async ({ text }, values) => sql.unsafe(text, [...values], { prepare: names }));
};

/**
 * Opens the transactions of `ctx.transaction` with postgres.js: `createWorker({ transactor:
 * postgresJsTransactor(sql) })`. The function gets the `TransactionSql` of `sql.begin`.
 */
export function postgresJsTransactor<Sql extends object>(root: PostgresJsRoot<Sql>): Transactor<Sql> {
  return {
    transaction: async ({ isolationLevel }, body) => {
      // What a transaction resolves to, it would take for queries if it were an array.
      const kept: { result?: Awaited<ReturnType<typeof body>> } = {};
      const gate = new BodyGate();
      await gate.until(root.begin(`isolation level ${isolationLevel}`, async (sql) => {
        kept.result = await gate.run(body, gate.guarded(sql),
          async (text, values) => (sql as unknown as Shape).unsafe(text, values));
      }));
      return kept.result as Awaited<ReturnType<typeof body>>;
    },
  };
}
