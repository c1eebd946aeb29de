// What is needed of a caller's transaction, whatever the library; and what is said of what is none.
import { WorkflowError } from '@perdure/core';
import { sqlStateOf } from '../postgres/sql-error.js';
import type { Statement } from '../postgres/statement.js';

/** A row, by column. Numbers beyond 32 bits come as text, number or bigint: the library decides. */
export type Row = Record<string, unknown>;

/** The least that is needed of a transaction, in any library. It has no transaction control. */
export interface TxHandle {
  /** Where it leads. Statements for 'postgres' have `$1 … $n`, those for 'mysql' a `?` for each value. */
  readonly database: 'postgres' | 'mysql';
  /** Runs one statement. Errors are those of the library, unchanged. */
  query(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>;
}

/** What a library is told beside the transaction. */
export interface Joining {
  /** Whether statements may be prepared under their names. */
  readonly names: boolean;
}

/**
 * Recognises what belongs to one library, by its shape; null for everything else. Throws NOT_A_TRANSACTION
 * for what belongs to it and is no open transaction.
 */
export type Recognise = (given: object, joining: Joining) => TxHandle | null | Promise<TxHandle | null>;

/** A handle on PostgreSQL. */
export function onPostgres(query: TxHandle['query']): TxHandle {
  return { database: 'postgres', query };
}

/** What was passed takes any connection for each statement, so nothing commits with anything. */
export function instance(what: string): WorkflowError {
  return refusal(`it is ${what}, and takes any connection a query`);
}

/** What was passed is no transaction. `why` follows a colon. */
export function refusal(why: string): WorkflowError {
  return new WorkflowError('NOT_A_TRANSACTION', `The client was not given a transaction: ${why}. Pass the ` +
    'client on which you ran BEGIN, or the tx that your library hands to the function of its transaction. ' +
    'To start a run outside of a transaction leave the argument out; to send to one, use ' +
    'client.get(…).signal(…).');
}

/**
 * For libraries that do not tell whether a transaction is open: a savepoint fails outside of one. What else
 * the database answers passes unchanged. `run` runs one statement; where it can, both in one round trip.
 */
export async function demandOpen(run: (text: string) => PromiseLike<unknown>): Promise<void> {
  try {
    await Promise.all([run('savepoint perdure_probe'), run('release savepoint perdure_probe')]);
  } catch (error) {
    const { cause = null } = error as { cause?: unknown };
    if (sqlStateOf(error) === '25P01' || sqlStateOf(cause) === '25P01') {
      throw refusal('no BEGIN was run on it, or its transaction has ended');
    }
    throw error;
  }
}
