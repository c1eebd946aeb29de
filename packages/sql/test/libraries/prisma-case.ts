import { PrismaPg } from '@prisma/adapter-pg';
import { prismaTransactor } from '@perdure/sql';
import { PrismaClient, type Prisma } from '../../dist-prisma/client.js';
import type { OpenLibrary } from './library-case.js';

const levels = {
  'read committed': 'ReadCommitted', 'repeatable read': 'RepeatableRead', serializable: 'Serializable',
} as const;

/** With the driver adapter for `pg`, and a client that `prisma generate` made of schema.prisma. */
export const openPrisma: OpenLibrary = async (url) => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  return {
    name: 'Prisma', from: '@prisma/client',
    within: (body, level = 'read committed') => prisma.$transaction(body, { isolationLevel: levels[level] }),
    savepoint: async (tx: Prisma.TransactionClient, body) => {
      await tx.$executeRaw`savepoint mine`;
      try {
        await body(tx);
      } catch (error) {
        await tx.$executeRaw`rollback to mine`;
        throw error;
      }
    },
    insert: (tx: Prisma.TransactionClient, id, total = 1) => tx.orders.create({ data: { id, total } }),
    update: (tx: Prisma.TransactionClient, id) => tx.orders.update({ where: { id }, data: { total: 7 } }),
    sql: (tx: Prisma.TransactionClient, text) => tx.$queryRawUnsafe(text),
    wrong: [{ what: 'a PrismaClient', given: prisma, why: /it is a PrismaClient/ }],
    transactor: prismaTransactor(prisma),
    close: () => prisma.$disconnect(),
  };
};
