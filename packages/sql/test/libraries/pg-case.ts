import { pgTransactor } from '@perdure/sql';
import pg from 'pg';
import type { OpenLibrary } from './library-case.js';

/** A pool that does not end the process when the server ends a lent connection. */
export function quietPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** BEGIN, COMMIT and ROLLBACK are the caller's. */
export const openPg: OpenLibrary = async (url) => {
  const pool = quietPool(url);
  const idle = await pool.connect();
  return {
    name: 'pg', from: 'pg',
    within: async (body, level = 'read committed') => {
      const client = await pool.connect();
      try {
        await client.query(`begin isolation level ${level}`);
        const result = await body(client);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    savepoint: async (tx: pg.PoolClient, body) => {
      await tx.query('savepoint mine');
      try {
        await body(tx);
      } catch (error) {
        await tx.query('rollback to mine');
        throw error;
      }
    },
    insert: (tx: pg.PoolClient, id, total = 1) => tx.query('insert into orders values ($1, $2)', [id, total]),
    update: (tx: pg.PoolClient, id) => tx.query('update orders set total = 7 where id = $1', [id]),
    sql: async (tx: pg.PoolClient, text) => (await tx.query<Record<string, unknown>>(text)).rows,
    wrong: [
      { what: 'a Pool', given: pool, why: /it is a pool/ },
      { what: 'a client without BEGIN', given: idle, why: /no BEGIN was run on this client/ },
    ],
    transactor: pgTransactor(pool),
    close: async () => {
      idle.release();
      await pool.end();
    },
  };
};
