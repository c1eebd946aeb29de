// Prisma 7 with a driver adapter: the tx of `prisma.$transaction(async (tx) => …)`.
import type { IsolationLevel, Transactor } from '@perdure/core';
import { BodyGate } from './body-gate.js';
import type { PrismaInstance } from './instances.js';
import { asConflict } from './prisma-errors.js';
import { instance, onPostgres, type Recognise, type Row } from './tx-handle.js';

interface Shape {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<Row[]>;
  readonly $connect?: unknown;
}

const run = async (tx: Shape, text: string, values: readonly unknown[]): Promise<Row[]> => (
  tx.$queryRawUnsafe(text, ...values));

/** Only an instance connects. A transaction that has ended refuses each statement by itself. */
export const recognisePrisma: Recognise = (given) => {
  const tx = given as unknown as Shape;
  if (typeof tx.$queryRawUnsafe !== 'function') return null;
  if (tx.$connect !== undefined) throw instance('a PrismaClient');
  return onPostgres(({ text }, values) => run(tx, text, values).catch((error: unknown) => {
    throw asConflict(error);
  }));
};

interface Extensible<Tx> extends PrismaInstance<Tx> {
  $extends(extension: object): this;
}

type Operation = { readonly args: unknown; query(args: unknown): Promise<unknown> };

const levels: Readonly<Record<IsolationLevel, string>> = {
  'read committed': 'ReadCommitted', 'repeatable read': 'RepeatableRead', serializable: 'Serializable',
};
/** The engine limits transactions by itself, in the database. */
const longestMs = 2 ** 31 - 1;

/**
 * Opens the transactions of `ctx.transaction` with Prisma: `createWorker({ transactor:
 * prismaTransactor(prisma) })`. The function gets the `Prisma.TransactionClient`. `maxWait` and `timeout` of
 * the instance are not used: the limit is the step's.
 */
export function prismaTransactor<Tx extends object>(prisma: PrismaInstance<Tx>): Transactor<Tx> {
  return {
    transaction: ({ isolationLevel }, body) => {
      const gate = new BodyGate();
      const $allOperations = async ({ args, query }: Operation): Promise<unknown> => {
        gate.pass(Array.isArray(args) ? String(args[0]) : undefined);
        return query(args);
      };
      return (prisma as Extensible<Tx>).$extends({ query: { $allOperations } }).$transaction(
        (tx) => gate.run(body, tx, (text, values) => {
          gate.allow(text);
          return run(tx as Shape, text, values);
        }),
        { isolationLevel: levels[isolationLevel], maxWait: longestMs, timeout: longestMs });
    },
  };
}
