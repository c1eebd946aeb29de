// Every library whose transactions are known, in the order in which they are asked: a shape that another one
// shares in part comes before it.
import { noStoreThere, recogniseMysql2 } from './mysql2.js';
import { recogniseClient } from './any-client.js';
import { recogniseDrizzle } from './drizzle.js';
import { recogniseKnex } from './knex.js';
import { recogniseKysely } from './kysely.js';
import { recognisePg } from './pg.js';
import { recognisePglite } from './pglite.js';
import { recognisePostgresJs } from './postgres-js.js';
import { recognisePrisma } from './prisma.js';
import { refusal, type Joining, type Recognise, type TxHandle } from './tx-handle.js';
import { recogniseTypeOrm } from './typeorm.js';

const known: readonly Recognise[] = [
  recognisePg, recogniseKysely, recogniseKnex, recognisePostgresJs, recognisePrisma, recogniseDrizzle,
  recogniseTypeOrm, recognisePglite, recogniseMysql2, recogniseClient,
];

/**
 * Makes a handle of the caller's transaction. Throws NOT_A_TRANSACTION for anything that is none, and
 * WRONG_DATABASE for one that is not on PostgreSQL.
 */
export async function handleOf(transaction: unknown, joining: Joining): Promise<TxHandle> {
  if (typeof transaction !== 'function' && (typeof transaction !== 'object' || transaction === null)) {
    throw unknownThing();
  }
  for (const recognise of known) {
    const handle = await recognise(transaction, joining);
    if (handle === null) continue;
    if (handle.database !== 'postgres') throw noStoreThere('MySQL');
    return handle;
  }
  throw unknownThing();
}

function unknownThing(): Error {
  return refusal('what was passed is no transaction that perdure knows');
}
