import { drizzleTransactor } from '@perdure/sql';
import { drizzle as onNodePostgres, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { drizzle as onPostgresJs } from 'drizzle-orm/postgres-js';
import { eq, sql } from 'drizzle-orm';
import { bigint, pgTable, text } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import type { LibraryCase, OpenLibrary, Tx } from './library-case.js';
import { quietPool } from './pg-case.js';

const orders = pgTable('orders', { id: text().primaryKey(), total: bigint({ mode: 'bigint' }) });
type DrizzleTx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

const words: Pick<LibraryCase, 'from' | 'savepoint' | 'insert' | 'update'> = {
  from: 'drizzle-orm',
  savepoint: (tx: DrizzleTx, body) => tx.transaction(body),
  insert: async (tx: DrizzleTx, id, total = 1) => tx.insert(orders).values({ id, total: BigInt(total) }),
  update: async (tx: DrizzleTx, id) => tx.update(orders).set({ total: 7n }).where(eq(orders.id, id)),
};

/** On a `pg` pool. */
export const openDrizzle: OpenLibrary = async (url) => {
  const pool = quietPool(url);
  const db = onNodePostgres({ client: pool, casing: 'snake_case' });
  return {
    ...words, name: 'Drizzle on node-postgres',
    within: (body, isolationLevel = 'read committed') => db.transaction(body, { isolationLevel }),
    sql: async (tx: DrizzleTx, statement) => (await tx.execute(sql.raw(statement))).rows,
    wrong: [{ what: 'a Drizzle database', given: db, why: /it is a Drizzle database/ }],
    transactor: drizzleTransactor(db),
    close: () => pool.end(),
  };
};

/** On postgres.js, whose numbers beyond 32 bits Drizzle makes texts. */
export const openDrizzleOnPostgresJs: OpenLibrary = async (url) => {
  const client = postgres(url, { onnotice: () => undefined });
  const db = onPostgresJs({ client });
  return {
    ...words, name: 'Drizzle on postgres.js',
    within: (body, isolationLevel = 'read committed') => db.transaction(body, { isolationLevel }),
    sql: async (tx: Tx, statement) => [...await tx.execute(sql.raw(statement))],
    wrong: [{ what: 'a Drizzle database', given: db, why: /it is a Drizzle database/ }],
    transactor: drizzleTransactor(db),
    close: () => client.end({ timeout: 0 }),
  };
};
