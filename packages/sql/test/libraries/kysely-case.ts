import { kyselyTransactor } from '@perdure/sql';
import { CamelCasePlugin, Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { quietPool } from './pg-case.js';
import type { OpenLibrary } from './library-case.js';

interface Database {
  orders: { id: string; total: number };
}

/** With the plugin that renames columns; savepoints are there with transactions that the caller controls. */
export const openKysely: OpenLibrary = async (url) => {
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: quietPool(url) }), plugins: [new CamelCasePlugin()],
  });
  return {
    name: 'Kysely', from: 'kysely',
    within: (body, level = 'read committed') => db.transaction().setIsolationLevel(level).execute(body),
    savepoint: async (tx: Transaction<Database>, body) => {
      await sql`savepoint mine`.execute(tx);
      try {
        await body(tx);
      } catch (error) {
        await sql`rollback to mine`.execute(tx);
        throw error;
      }
    },
    insert: (tx: Transaction<Database>, id, total = 1) => (
      tx.insertInto('orders').values({ id, total }).execute()),
    update: (tx: Transaction<Database>, id) => (
      tx.updateTable('orders').set({ total: 7 }).where('id', '=', id).execute()),
    sql: async (tx: Transaction<Database>, text) => (
      await sql.raw<Record<string, unknown>>(text).execute(tx)).rows,
    wrong: [{ what: 'a Kysely instance', given: db, why: /it is a Kysely instance/ }],
    transactor: kyselyTransactor(db),
    close: () => db.destroy(),
  };
};
