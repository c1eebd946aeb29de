// mysql2: a connection on which a transaction was begun, of the promise or of the callback flavour. perdure
// has no store on MySQL yet, so a start is refused there; what it will need of the library is here.
import { WorkflowError } from '@perdure/core';
import { questionMarks } from './placeholders.js';
import { instance, refusal, type Recognise, type Row } from './tx-handle.js';

interface Connection {
  query(text: string): Promise<[unknown, unknown]>;
  execute(text: string, values: unknown[]): Promise<[unknown, unknown]>;
}

/** Set in the status of an answer while a transaction is open. */
const inTransaction = 1;

/** `do nothing` is answered with a status at no cost; callbacks have a promise flavour beside. */
export const recogniseMysql2: Recognise = async (given) => {
  if (!('execute' in given && 'query' in given)) return null;
  if ('getConnection' in given) throw instance('a pool of mysql2');
  if (!('beginTransaction' in given)) return null;
  const connection = ('promise' in given
    ? (given as { promise(): unknown }).promise() : given) as Connection;
  const [{ serverStatus }] = await connection.query('do 0') as [{ serverStatus: number }, unknown];
  if ((serverStatus & inTransaction) === 0) throw refusal('no transaction was begun on this connection');
  return {
    database: 'mysql',
    query: async ({ text }, values) => {
      const [rows] = await connection.execute(...questionMarks(text, values));
      return Array.isArray(rows) ? rows as Row[] : [];
    },
  };
};

/** What a transaction on another kind of database is answered. */
export function noStoreThere(database: string): WorkflowError {
  return new WorkflowError('WRONG_DATABASE', `The client was given a transaction on ${database}, and its ` +
    'runs are in PostgreSQL: the two cannot commit as one. Pass a transaction on the database of the runs.');
}
