// Starts inside the caller's own transaction: what we take for one, and how a statement is run on it.
//
//   J1. What does not commit as one with the caller's writes is refused: a pool, an instance, a client
//       outside of a transaction.
//   J2. Errors of the database pass through unchanged: the caller's own retry loop must recognise them.
//   J3. Inserts only. Nothing is locked that others wait for, no setting is touched, no notification is sent.
import { WorkflowError, type KyselyTransaction, type PgTransaction } from '@perdure/core';
import { partOf, type NewRun, type StartAnswer, type StartStore } from '@perdure/core/engine';
import { CompiledQuery } from 'kysely';
import { startStatements, startValues, startColumns, type StartStatements } from './start-statements.js';
import type { Statement } from './statement.js';

/**
 * The least that is needed of a transaction, in any library: `$1 … $n`, rows as arrays of columns or objects.
 */
export interface TxHandle {
  query(statement: Statement, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** Makes a handle of the caller's transaction. Throws NOT_A_TRANSACTION for anything that is none (J1). */
export async function handleOf(transaction: unknown, names: boolean): Promise<TxHandle> {
  if (isKysely(transaction)) return kyselyHandle(transaction);
  if (isPg(transaction)) return pgHandle(transaction, names);
  throw refusal('what was passed is no transaction that perdure knows');
}

function refusal(why: string): WorkflowError {
  return new WorkflowError('NOT_A_TRANSACTION', `client.start was not given a transaction: ${why}. Pass ` +
    'the client on which you ran BEGIN, or the tx of db.transaction().execute(async (tx) => …). To start ' +
    'a run outside of a transaction leave the argument out.');
}

type KyselyShape = Omit<KyselyTransaction, 'isTransaction'> & { readonly isTransaction: boolean };

function isKysely(given: unknown): given is KyselyShape {
  return typeof given === 'object' && given !== null && 'executeQuery' in given && 'isTransaction' in given;
}

function kyselyHandle(transaction: KyselyShape): TxHandle {
  if (!transaction.isTransaction) throw refusal('it is a Kysely instance, and takes any connection a query');
  return {
    query: async ({ text }, values) => {
      const result = await transaction.executeQuery(CompiledQuery.raw(text, [...values]));
      return result.rows as Record<string, unknown>[];
    },
  };
}

type PgShape = PgTransaction & {
  readonly totalCount?: unknown;
  getTransactionStatus?(): string | null;
};

function isPg(given: unknown): given is PgShape {
  return typeof given === 'object' && given !== null && 'query' in given && typeof given.query === 'function';
}

async function pgHandle(client: PgShape, names: boolean): Promise<TxHandle> {
  if (client.totalCount !== undefined) throw refusal('it is a pool, and takes any connection a query');
  const status = client.getTransactionStatus === undefined
    ? await probe(client) : client.getTransactionStatus();
  if (status === 'I') throw refusal('no BEGIN was run on this client');
  return {
    query: async ({ name, text }, values) => {
      // The driver takes a named statement as an object; its port here knows the plain call alone.
      const run = client.query as (query: unknown, values?: unknown[]) => Promise<{ rows: unknown[] }>;
      const named = names && client.getTransactionStatus !== undefined;
      const result = named
        ? await run.call(client, { name, text, values: [...values] })
        : await run.call(client, text, [...values]);
      return result.rows as Record<string, unknown>[];
    },
  };
}

// Drivers before 8.21 do not say whether a transaction is open; a savepoint fails outside of one.
async function probe(client: PgShape): Promise<string> {
  try {
    await client.query('savepoint perdure_probe');
    await client.query('release savepoint perdure_probe');
    return 'T';
  } catch (error) {
    if ((error as { code?: unknown }).code === '25P01') return 'I';
    throw error;
  }
}

/** The starting verbs on a caller's transaction. */
export class TransactionStore implements StartStore {
  readonly #handle: TxHandle;
  readonly #statements: StartStatements;

  /** `schema` is the quoted name. */
  constructor(handle: TxHandle, schema: string) {
    this.#handle = handle;
    this.#statements = startStatements(schema, 'caller');
  }

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    const [only] = runs;
    const rows = runs.length === 1 && only !== undefined
      ? await this.#handle.query(this.#statements.one, startValues(only))
      : await this.#handle.query(this.#statements.many, startColumns(runs));
    const created = new Map(rows.map((row) => [row['id'], Number(row['epoch'])]));
    const standing = await this.#standing(runs.filter((run) => !created.has(run.id)));
    return runs.map((run) => {
      const epoch = created.get(run.id);
      if (epoch !== undefined) return { kind: 'created', epoch, at: epoch };
      const workflow = standing.get(run.id);
      return workflow === undefined ? { kind: 'busy' } : { kind: 'exists', workflow };
    });
  }

  async #standing(runs: readonly NewRun[]): Promise<Map<unknown, string>> {
    if (runs.length === 0) return new Map();
    const ids = runs.map((run) => run.id);
    const rows = await this.#handle.query(this.#statements.standing, [ids, ids.map(partOf)]);
    return new Map(rows.map((row) => [row['id'], String(row['workflow'])]));
  }
}
