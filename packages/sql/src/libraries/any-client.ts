// Whatever has `query(text, values)`: older clients of `pg`, and libraries that nobody has named here.
import { WorkflowError } from '@perdure/core';
import { demandOpen, onPostgres, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  query(text: string, values?: unknown[]): PromiseLike<unknown>;
}

/** It is probed whether a transaction is open: a savepoint fails outside of one. */
export const recogniseClient: Recognise = async (given) => {
  if (!('query' in given && typeof given.query === 'function')) return null;
  const client = given as Shape;
  await demandOpen((text) => client.query(text));
  return onPostgres(async ({ text }, values) => rowsOf(await client.query(text, [...values])));
};

function rowsOf(answer: unknown): readonly Row[] {
  const rows = Array.isArray(answer) ? answer : (answer as { rows?: unknown } | null)?.rows;
  if (Array.isArray(rows)) return rows as Row[];
  throw new WorkflowError('NOT_A_TRANSACTION', 'The client was given a transaction whose `query` resolves ' +
    'neither to an array of rows nor to { rows }. Roll it back, and pass the client of the driver instead.');
}
