// Kysely: the transaction that `db.transaction()` or `db.startTransaction()` gives; and transactions of an
// instance.
import type { KyselyTransaction, Transactor } from '@perdure/core';
import { CompiledQuery, type KyselyPlugin } from 'kysely';
import { BodyGate } from './body-gate.js';
import type { KyselyDatabase, KyselyTrx } from './instances.js';
import { instance, onPostgres, type Recognise, type Row } from './tx-handle.js';

type Shape = Omit<KyselyTransaction, 'isTransaction'> & { readonly isTransaction: boolean };

async function run(trx: Pick<Shape, 'executeQuery'>, text: string, values: unknown[]): Promise<Row[]> {
  return (await trx.executeQuery(CompiledQuery.raw(text, values))).rows as Row[];
}

/** A transaction that has ended refuses each statement by itself. */
export const recogniseKysely: Recognise = (given) => {
  if (!('executeQuery' in given && 'isTransaction' in given)) return null;
  const transaction = given as Shape;
  if (!transaction.isTransaction) throw instance('a Kysely instance');
  return onPostgres(({ text }, values) => run(transaction, text, [...values]));
};

/**
 * Opens the transactions of `ctx.transaction` with Kysely: `createWorker({ transactor: kyselyTransactor(db)
 * })`. The function gets the `Transaction<Database>`. Kysely keeps its connections to itself, so give every
 * client of the pool under it an 'error' listener: a connection that the server ends would end the process
 * otherwise.
 */
export function kyselyTransactor<Trx extends KyselyTrx<Trx>>(db: KyselyDatabase<Trx>): Transactor<Trx> {
  return {
    transaction: ({ isolationLevel }, body) => (
      db.transaction().setIsolationLevel(isolationLevel).execute((trx) => {
        const gate = new BodyGate();
        // A query that was built while the transaction was open is compiled when it is run.
        const late: KyselyPlugin = {
          transformQuery: ({ node }) => {
            gate.pass();
            return node;
          },
          transformResult: ({ result }) => Promise.resolve(result),
        };
        return gate.run(body, gate.guarded(trx.withPlugin(late)),
          (text, values) => run(trx, text, values));
      })),
  };
}
