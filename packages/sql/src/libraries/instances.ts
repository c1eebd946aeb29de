// What transactors use of the pools and instances of each library: their types, by shape, and the type of the
// transaction that they hand out.
import type { IsolationLevel, KyselyTransaction } from '@perdure/core';
import type { KyselyPlugin } from 'kysely';
import type { PgPoolClient } from './lent-client.js';

/** What is used of a `pg` pool: it lends clients of its own type. */
export interface PgClientPool<Client extends PgPoolClient> {
  connect: { (): Promise<Client>; (callback: never): void };
}

/** What is used of a Kysely transaction. */
export interface KyselyTrx<Trx> extends KyselyTransaction {
  withPlugin(plugin: KyselyPlugin): Trx;
}

/** What is used of the builder that `db.transaction()` gives. */
export interface KyselyTransactionBuilder<Trx> {
  setIsolationLevel(level: IsolationLevel): KyselyTransactionBuilder<Trx>;
  execute<T>(body: (trx: Trx) => Promise<T>): Promise<T>;
}

/** What is used of a Kysely instance. */
export interface KyselyDatabase<Trx> {
  transaction(): KyselyTransactionBuilder<Trx>;
}

/** What is used of a Drizzle database. */
export interface DrizzleDatabase<Tx> {
  transaction<T>(
    body: (tx: Tx) => Promise<T>, config?: { isolationLevel?: IsolationLevel }): Promise<T>;
}

/** What is used of a Knex instance. */
export interface KnexInstance<Trx> {
  transaction<T>(
    body: (trx: Trx) => Promise<T>, config?: { isolationLevel?: IsolationLevel }): Promise<T>;
}

/** What is used of a PrismaClient; a transaction of it is `Tx`. */
export interface PrismaInstance<Tx> {
  $transaction<T>(body: (tx: Tx) => Promise<T>, options?: object): Promise<T>;
}

/** What is used of a QueryRunner of TypeORM. */
export interface TypeOrmRunner<Manager> {
  readonly manager: Manager;
  readonly isTransactionActive: boolean;
  query(text: string, values?: unknown[]): Promise<unknown>;
  startTransaction(level: Uppercase<IsolationLevel>): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
  release(): Promise<void>;
}

/** What is used of a DataSource of TypeORM. */
export interface TypeOrmDataSource<Manager> {
  createQueryRunner(): TypeOrmRunner<Manager>;
}

/** What is used of the root of postgres.js. */
export interface PostgresJsRoot<Sql> {
  begin<T>(options: string, body: (sql: Sql) => Promise<T>): Promise<unknown>;
}
