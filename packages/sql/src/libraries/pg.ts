// `pg`: a client on which BEGIN was run; and transactions on a pool, whose clients the function gets.
import { WorkflowError, type Transactor } from '@perdure/core';
import { BodyGate } from './body-gate.js';
import type { PgClientPool } from './instances.js';
import { borrow, type PgPoolClient } from './lent-client.js';
import { instance, onPostgres, refusal, type Recognise, type Row } from './tx-handle.js';

type Query = (query: unknown, values?: unknown[]) => Promise<{ rows: Row[] }>;

interface Shape {
  readonly query: Query;
  readonly totalCount?: unknown;
  getTransactionStatus(): string | null;
}

/** Since 8.21 a client says whether a transaction is open; older ones are probed, as any other client. */
export const recognisePg: Recognise = (given, { names }) => {
  if ('totalCount' in given && 'query' in given) throw instance('a pool');
  if (!('query' in given && 'getTransactionStatus' in given)) return null;
  const client = given as Shape;
  if (client.getTransactionStatus() === 'I') throw refusal('no BEGIN was run on this client');
  return onPostgres(async ({ name, text }, values) => (
    await client.query({ ...(names ? { name } : {}), text, values: [...values] })).rows);
};

/**
 * Opens the transactions of `ctx.transaction` on a `pg` pool: `createWorker({ transactor: pgTransactor(pool)
 * })`. The function gets a client of it, for as long as the transaction is open. Make the pool as large as
 * the number of transactional steps that are to run at the same time: further ones wait.
 */
export function pgTransactor<Client extends PgPoolClient>(pool: PgClientPool<Client>): Transactor<Client> {
  return {
    transaction: async ({ isolationLevel, abandoned }, body) => {
      const client = await pool.connect();
      const end = borrow(client, abandoned);
      const gate = new BodyGate();
      try {
        await client.query(`begin isolation level ${isolationLevel}`);
        const result = await gate.run(body, gate.guarded(client),
          async (text, values) => (await client.query(text, values)).rows);
        const { command } = await client.query('commit') as { readonly command?: string };
        if (command === 'ROLLBACK') throw rolledBack();
        end(false);
        return result;
      } catch (error) {
        await client.query('rollback').then(() => end(false), () => end(true));
        throw error;
      }
    },
  };
}

function rolledBack(): WorkflowError {
  return new WorkflowError('TRANSACTION_FAILED', 'COMMIT was answered by a rollback: a statement had ' +
    'failed and nobody awaited it.');
}
