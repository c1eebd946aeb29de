// What applications and sibling packages import.
export { connect, type ConnectOptions, type ConnectTarget, type EmbeddedTarget } from './connect.js';
export { startEmbedded, type EmbeddedOptions, type EmbeddedServer } from './embedded.js';
export { grantsSql, type GrantOptions } from './grants.js';
export { drizzleTransactor } from './libraries/drizzle.js';
export type {
  DrizzleDatabase, KnexInstance, KyselyDatabase, KyselyTransactionBuilder, KyselyTrx, PgClientPool,
  PostgresJsRoot, PrismaInstance, TypeOrmDataSource, TypeOrmRunner,
} from './libraries/instances.js';
export { knexTransactor } from './libraries/knex.js';
export { kyselyTransactor } from './libraries/kysely.js';
export type { PgPoolClient } from './libraries/lent-client.js';
export { pgTransactor } from './libraries/pg.js';
export { postgresJsTransactor } from './libraries/postgres-js.js';
export { prismaTransactor } from './libraries/prisma.js';
export { typeOrmTransactor } from './libraries/typeorm.js';
export { migrationSql } from './migrate.js';
export { schemaVersion } from './migrations.js';
