import { PGlite, type Transaction } from '@electric-sql/pglite';
import { migrationSql } from '@perdure/sql';
import type { OpenLibrary } from './library-case.js';

/** PostgreSQL inside this process, with a database of its own, so the url is not asked. */
export const openPglite: OpenLibrary = async () => {
  const db = await PGlite.create();
  await db.exec(migrationSql('perdure'));
  await db.exec('create table public.orders (id text primary key, total bigint)');
  return {
    name: 'PGlite', oneAtATime: true, from: '@electric-sql/pglite',
    within: (body, level = 'read committed') => db.transaction(async (tx) => {
      await tx.exec(`set transaction isolation level ${level}`);
      return body(tx);
    }),
    savepoint: async (tx: Transaction, body) => {
      await tx.exec('savepoint mine');
      try {
        await body(tx);
      } catch (error) {
        await tx.exec('rollback to mine');
        throw error;
      }
    },
    insert: (tx: Transaction, id, total = 1) => tx.query('insert into orders values ($1, $2)', [id, total]),
    update: (tx: Transaction, id) => tx.query('update orders set total = 7 where id = $1', [id]),
    sql: async (tx: Transaction, text) => (await tx.query<Record<string, unknown>>(text)).rows,
    wrong: [{ what: 'a PGlite instance', given: db, why: /it is a PGlite instance/ }],
    rows: async (text) => (await db.exec(text)).at(-1)?.rows as Record<string, unknown>[],
    close: () => db.close(),
  };
};
