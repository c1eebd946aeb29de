import { postgresJsTransactor } from '@perdure/sql';
import postgres, { type TransactionSql } from 'postgres';
import type { OpenLibrary } from './library-case.js';

/** With columns renamed, and numbers beyond 32 bits as bigint. */
export const openPostgresJs: OpenLibrary = async (url) => {
  const root = postgres(url, {
    onnotice: () => undefined, transform: postgres.camel, types: { bigint: postgres.BigInt },
  });
  const reserved = await root.reserve();
  return {
    name: 'postgres.js', from: 'postgres',
    within: async (body, level = 'read committed') => (
      await root.begin(`isolation level ${level}`, body) as Awaited<ReturnType<typeof body>>),
    savepoint: (tx: TransactionSql, body) => tx.savepoint(body),
    insert: async (tx: TransactionSql, id, total = 1) => tx`insert into orders values (${id}, ${total})`,
    update: async (tx: TransactionSql, id) => tx`update orders set total = 7 where id = ${id}`,
    sql: async (tx: TransactionSql, text) => [...await tx.unsafe(text)],
    wrong: [
      { what: 'the root', given: root, why: /it is the root of postgres\.js/ },
      { what: 'a reserved connection', given: reserved, why: /it is the root of postgres\.js/ },
    ],
    transactor: postgresJsTransactor(root),
    close: async () => {
      reserved.release();
      // Without a limit it waits for ever once a connection was cut.
      await root.end({ timeout: 0 });
    },
  };
};
