// PGlite, PostgreSQL inside the process: the tx of `db.transaction(async (tx) => …)`. It has no
// transactor: it has one connection, and the engine extends the lease of a run while that is taken.
import { instance, onPostgres, refusal, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  query(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
  readonly closed?: boolean;
}

/** A transaction knows whether it has ended. */
export const recognisePglite: Recognise = (given) => {
  if (!('exec' in given && 'closed' in given && 'query' in given)) return null;
  if ('transaction' in given) throw instance('a PGlite instance');
  const tx = given as Shape;
  if (tx.closed === true) throw refusal('this transaction of PGlite has ended');
  return onPostgres(async ({ text }, values) => (await tx.query(text, [...values])).rows);
};
