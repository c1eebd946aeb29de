// Knex: the trx of `knex.transaction(async (trx) => …)`, which is a function with properties.
import type { Transactor } from '@perdure/core';
import { BodyGate } from './body-gate.js';
import type { KnexInstance } from './instances.js';
import { questionMarks } from './placeholders.js';
import { instance, onPostgres, refusal, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  readonly isTransaction?: boolean;
  isCompleted(): boolean;
  raw(text: string, values: unknown[]): PromiseLike<{ rows: Row[] }>;
  /** A client of this transaction alone; what it is asked is a query, or the text that ends it. */
  readonly client: { query(connection: unknown, query: string | { readonly sql: string }): Promise<unknown> };
}

// Knex numbers parameters by itself.
async function run(trx: Shape, marked: readonly [string, unknown[]]): Promise<Row[]> {
  return (await trx.raw(...marked)).rows;
}

/** A transaction knows whether it has ended. */
export const recogniseKnex: Recognise = (given) => {
  if (!('raw' in given && 'transactionProvider' in given)) return null;
  const trx = given as unknown as Shape;
  if (trx.isTransaction !== true) throw instance('a Knex instance');
  if (trx.isCompleted()) throw refusal('this transaction of Knex has ended');
  return onPostgres(({ text }, values) => run(trx, questionMarks(text, values)));
};

/**
 * Opens the transactions of `ctx.transaction` with Knex: `createWorker({ transactor: knexTransactor(knex)
 * })`. The function gets the `Knex.Transaction`.
 */
export function knexTransactor<Trx extends object>(knex: KnexInstance<Trx>): Transactor<Trx> {
  return {
    transaction: ({ isolationLevel }, body) => knex.transaction((trx) => {
      const gate = new BodyGate();
      const shape = trx as unknown as Shape;
      const { query } = shape.client;
      shape.client.query = async (connection, asked) => {
        gate.pass(typeof asked === 'string' ? asked : asked.sql);
        return query.call(shape.client, connection, asked);
      };
      return gate.run(body, gate.guarded(trx), (text, values) => {
        const marked = questionMarks(text, values);
        gate.allow(marked[0]);
        return run(shape, marked);
      });
    }, { isolationLevel }),
  };
}
