// Every library of the matrix.
import { openDrizzle, openDrizzleOnPostgresJs } from './drizzle-cases.js';
import { openKnex } from './knex-case.js';
import { openKysely } from './kysely-case.js';
import type { OpenLibrary } from './library-case.js';
import { openPg } from './pg-case.js';
import { openPglite } from './pglite-case.js';
import { openPostgresJs } from './postgres-js-case.js';
import { openPrisma } from './prisma-case.js';
import { openTypeOrm, openTypeOrmRunner } from './typeorm-cases.js';

/** In the order of the table. */
export const openLibraries: readonly OpenLibrary[] = [
  openPg, openKysely, openDrizzle, openDrizzleOnPostgresJs, openPrisma, openKnex, openTypeOrm,
  openTypeOrmRunner, openPostgresJs, openPglite,
];
