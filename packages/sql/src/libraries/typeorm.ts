// TypeORM: the EntityManager of `dataSource.transaction(async (manager) => …)`, or a QueryRunner.
import type { IsolationLevel, Transactor } from '@perdure/core';
import { BodyGate } from './body-gate.js';
import type { TypeOrmDataSource } from './instances.js';
import { instance, onPostgres, refusal, type Recognise, type Row } from './tx-handle.js';

interface Runner {
  readonly isTransactionActive: boolean;
  query(text: string, values?: unknown[]): Promise<Row[]>;
}

/** A runner knows whether its transaction is open; the manager of a DataSource has none. */
export const recogniseTypeOrm: Recognise = (given) => {
  const mark: unknown = '@instanceof' in given ? given['@instanceof'] : undefined;
  if (mark === Symbol.for('DataSource')) throw instance('a TypeORM DataSource');
  if (mark !== Symbol.for('EntityManager') && !('isTransactionActive' in given)) return null;
  const runner = ('isTransactionActive' in given ? given : (given as { queryRunner?: Runner }).queryRunner);
  if (runner === undefined) throw instance('the EntityManager of a TypeORM DataSource');
  const { isTransactionActive } = runner as Runner;
  if (!isTransactionActive) throw refusal('no transaction is open on this QueryRunner of TypeORM');
  return onPostgres(({ text }, values) => (runner as Runner).query(text, [...values]));
};

/**
 * Opens the transactions of `ctx.transaction` with TypeORM: `createWorker({ transactor:
 * typeOrmTransactor(dataSource) })`. The function gets the `EntityManager` of the transaction.
 */
export function typeOrmTransactor<Manager extends object>(
  dataSource: TypeOrmDataSource<Manager>,
): Transactor<Manager> {
  return {
    transaction: async ({ isolationLevel }, body) => {
      const gate = new BodyGate();
      const runner = dataSource.createQueryRunner();
      const query = runner.query;
      // Repositories and builders of the manager send here as well.
      runner.query = async (text, ...rest: [unknown[]?]) => {
        gate.pass(text);
        return query.call(runner, text, ...rest);
      };
      try {
        await runner.startTransaction(isolationLevel.toUpperCase() as Uppercase<IsolationLevel>);
        const result = await gate.run(body, gate.guarded(runner.manager), async (text, values) => {
          gate.allow(text);
          return await runner.query(text, values) as Row[];
        });
        await runner.commitTransaction();
        return result;
      } catch (error) {
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        throw error;
      } finally {
        await runner.release();
      }
    },
  };
}
