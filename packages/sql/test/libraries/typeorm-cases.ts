import { typeOrmTransactor } from '@perdure/sql';
import { DataSource, EntitySchema, type EntityManager, type QueryRunner } from 'typeorm';
import type { LibraryCase, OpenLibrary } from './library-case.js';

const Order = new EntitySchema<{ id: string; total: string }>({
  name: 'orders', columns: { id: { type: 'text', primary: true }, total: { type: 'bigint' } },
});
const levels = {
  'read committed': 'READ COMMITTED', 'repeatable read': 'REPEATABLE READ', serializable: 'SERIALIZABLE',
} as const;

async function open(url: string): Promise<DataSource> {
  return new DataSource({ type: 'postgres', url, entities: [Order] }).initialize();
}

/** The manager of `dataSource.transaction`. */
export const openTypeOrm: OpenLibrary = async (url) => {
  const source = await open(url);
  return {
    name: 'TypeORM', from: 'typeorm',
    within: (body, level = 'read committed') => source.transaction(levels[level], body),
    savepoint: (tx: EntityManager, body) => tx.transaction(body),
    insert: (tx: EntityManager, id, total = 1) => (
      tx.getRepository(Order).insert({ id, total: String(total) })),
    update: (tx: EntityManager, id) => tx.getRepository(Order).update({ id }, { total: '7' }),
    sql: (tx: EntityManager, text) => tx.query(text),
    wrong: [
      { what: 'a DataSource', given: source, why: /it is a TypeORM DataSource/ },
      { what: 'its manager', given: source.manager, why: /EntityManager of a TypeORM DataSource/ },
    ],
    transactor: typeOrmTransactor(source),
    close: () => source.destroy(),
  };
};

/** A QueryRunner with a transaction of the caller's own. */
export const openTypeOrmRunner: OpenLibrary = async (url) => {
  const source = await open(url);
  const idle = source.createQueryRunner();
  const savepoint: LibraryCase['savepoint'] = async (tx: QueryRunner, body) => {
    await tx.startTransaction();
    try {
      await body(tx);
      await tx.commitTransaction();
    } catch (error) {
      await tx.rollbackTransaction();
      throw error;
    }
  };
  return {
    name: 'TypeORM, QueryRunner', from: 'typeorm',
    within: async (body, level = 'read committed') => {
      const runner = source.createQueryRunner();
      try {
        await runner.startTransaction(levels[level]);
        const result = await body(runner);
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    },
    savepoint,
    insert: (tx: QueryRunner, id, total = 1) => tx.manager.insert(Order, { id, total: String(total) }),
    update: (tx: QueryRunner, id) => tx.manager.update(Order, { id }, { total: '7' }),
    sql: (tx: QueryRunner, text) => tx.query(text),
    wrong: [{
      what: 'a runner without a transaction', given: idle, why: /no transaction is open on this QueryRunner/,
    }],
    close: async () => {
      await idle.release();
      await source.destroy();
    },
  };
};
