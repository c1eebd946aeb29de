// What the compiler takes for a transaction, library by library. Never called: it is compiled, and that is
// the test. What must not compile is marked; the compiler fails where a mark is not needed.
import type { PGlite, Transaction as PgliteTransaction } from '@electric-sql/pglite';
import type { AnyTransaction, Transactor } from '@perdure/core';
import {
  drizzleTransactor, knexTransactor, kyselyTransactor, pgTransactor, postgresJsTransactor, prismaTransactor,
  typeOrmTransactor,
} from '@perdure/sql';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Knex } from 'knex';
import type { Kysely, Transaction as KyselyTransaction } from 'kysely';
import type { Pool as MysqlPool, PoolConnection as MysqlConnection } from 'mysql2/promise';
import type { Pool, PoolClient } from 'pg';
import type { ReservedSql, Sql, TransactionSql } from 'postgres';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { Prisma, PrismaClient } from '../../dist-prisma/client.js';

interface Database {
  orders: { id: string };
}
const schema = {};
type NodePgTx = Parameters<Parameters<NodePgDatabase<typeof schema>['transaction']>[0]>[0];
type PostgresJsTx = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const ok = <T extends true>(): T | undefined => undefined;
const take = (tx: AnyTransaction): unknown => tx;

/** A pool or an instance of each library. */
export interface Instances {
  pool: Pool;
  kysely: Kysely<Database>;
  nodePg: NodePgDatabase<typeof schema>;
  postgresJsDrizzle: PostgresJsDatabase;
  prisma: PrismaClient;
  knex: Knex;
  source: DataSource;
  sql: Sql;
  pglite: PGlite;
  mysql: MysqlPool;
}

/** What can be joined. */
export function transactions(given: {
  pg: PoolClient; kysely: KyselyTransaction<Database>; nodePg: NodePgTx; postgresJsDrizzle: PostgresJsTx;
  prisma: Prisma.TransactionClient; knex: Knex.Transaction; manager: EntityManager; runner: QueryRunner;
  sql: TransactionSql; pglite: PgliteTransaction;
}): void {
  take(given.pg);
  take(given.kysely);
  take(given.nodePg);
  take(given.postgresJsDrizzle);
  take(given.prisma);
  take(given.knex);
  take(given.manager);
  take(given.runner);
  take(given.sql);
  take(given.pglite);
}

/** What cannot. */
export function instances(given: Instances, reserved: ReservedSql, mysql: MysqlConnection): void {
  // @ts-expect-error a pool of pg
  take(given.pool);
  // @ts-expect-error an instance of Kysely
  take(given.kysely);
  // @ts-expect-error a database of Drizzle
  take(given.nodePg);
  // @ts-expect-error a database of Drizzle
  take(given.postgresJsDrizzle);
  // @ts-expect-error a PrismaClient
  take(given.prisma);
  // @ts-expect-error an instance of Knex
  take(given.knex);
  // @ts-expect-error a DataSource of TypeORM
  take(given.source);
  // @ts-expect-error the root of postgres.js
  take(given.sql);
  // @ts-expect-error a connection of postgres.js
  take(reserved);
  // @ts-expect-error an instance of PGlite
  take(given.pglite);
  // @ts-expect-error a pool of mysql2
  take(given.mysql);
  // @ts-expect-error a connection of mysql2: there is no store on MySQL
  take(mysql);
  // Its manager is an EntityManager like any other: refused at run time.
  take(given.source.manager);
}

/** What transactors hand out. */
export function transactors(given: Instances): void {
  const pg = pgTransactor(given.pool);
  ok<Eq<typeof pg, Transactor<PoolClient>>>();
  const kysely = kyselyTransactor(given.kysely);
  ok<Eq<typeof kysely, Transactor<KyselyTransaction<Database>>>>();
  const nodePg = drizzleTransactor(given.nodePg);
  ok<Eq<typeof nodePg, Transactor<NodePgTx>>>();
  const postgresJsDrizzle = drizzleTransactor(given.postgresJsDrizzle);
  ok<Eq<typeof postgresJsDrizzle, Transactor<PostgresJsTx>>>();
  const prisma: Transactor<Prisma.TransactionClient> = prismaTransactor(given.prisma);
  const knex = knexTransactor(given.knex);
  ok<Eq<typeof knex, Transactor<Knex.Transaction>>>();
  const manager = typeOrmTransactor(given.source);
  ok<Eq<typeof manager, Transactor<EntityManager>>>();
  const sql = postgresJsTransactor(given.sql);
  ok<Eq<typeof sql, Transactor<TransactionSql>>>();
  void prisma;
}
