// Brings a database to the schema of this version, whatever it holds and whoever else tries at the same time.
//
//   M3. Each migration and its number commit together, under one lock, so that two migrators are one.
//   M4. A schema that is newer than this version is refused: an older engine must not write into it.
//   M10. Nothing is found by the search_path of the session: it may name schemas that others write in.
import { WorkflowError } from '@perdure/core';
import { partCount } from '@perdure/core/engine';
import { metaSql, migrations, schemaSql, schemaVersion, type Migration } from './migrations.js';
import type { Runner } from './postgres/session.js';
import { LockTimeoutError } from './postgres/sql-error.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';

/** What `migrate` found and did. */
export interface Migrated {
  readonly from: number;
  readonly to: number;
}

const versionKey = 'schema_version';
// Whatever the defaults of the database are: with a snapshot from before the wait for the lock, the second of
// two migrators would do the work again.
const begin = 'begin isolation level read committed read write';
const partsKey = 'parts';

/** How long a migration waits for those who are at work on a table: they wait behind it. */
const patience = '3s';

/**
 * Applies what is missing. Throws SCHEMA_NEWER when the database is ahead of this version, MIGRATION_BLOCKED
 * when somebody holds a table for too long.
 */
export async function migrate(session: Runner, schema: string): Promise<Migrated> {
  const known = await installedVersion(session, schema);
  if (known === schemaVersion) return { from: known, to: known };
  const s = quoteIdentifier(schema);
  const [there] = await session.rows(
    'select pg_catalog.to_regnamespace($1::pg_catalog.text) is not null as there', [s]);
  await alone(session, schema, () => session.script(`${there?.[0] === true ? '' : schemaSql(schema)}
${metaSql(schema)}
insert into ${s}.meta values ('${partsKey}', '${partCount}') on conflict do nothing`));
  let from = 0;
  for (const migration of migrations) {
    const before = await alone(session, schema, () => step(session, schema, migration));
    if (migration.number === 1) from = before;
  }
  return { from, to: schemaVersion };
}

async function step(session: Runner, schema: string, { number, sql }: Migration): Promise<number> {
  const s = quoteIdentifier(schema);
  const before = await installedVersion(session, schema);
  if (before >= number) return before;
  await session.script(`${sql(s)}
insert into ${s}.meta values ('${versionKey}', '${number}')
  on conflict (key) do update set value = excluded.value`);
  return before;
}

// A transaction that no other migrator is beside: the second waits for the first, and finds the work done.
async function alone<Result>(
  session: Runner, schema: string, work: () => Promise<Result>,
): Promise<Result> {
  try {
    await session.script(`${begin}; set local search_path = pg_catalog;
select pg_advisory_xact_lock(hashtextextended('perdure migrate ' || ${quoteLiteral(schema)}, 0));
set local lock_timeout = '${patience}'`);
    const result = await work();
    await session.script('commit');
    return result;
  } catch (error) {
    await session.script('rollback').catch(() => undefined);
    if (!(error instanceof LockTimeoutError)) throw error;
    throw new WorkflowError('MIGRATION_BLOCKED', `A migration of schema ${schema} waited for ${patience} ` +
      'for a table that somebody holds, and has changed nothing. Connect again when that has ended.',
    { cause: error });
  }
}

/** The number of the schema in the database; 0 if there is none. Throws SCHEMA_NEWER and PARTS_DIFFER. */
export async function installedVersion(session: Runner, schema: string): Promise<number> {
  const s = quoteIdentifier(schema);
  const [there] = await session.rows(
    'select pg_catalog.to_regclass($1::pg_catalog.text) is not null as there', [`${s}.meta`]);
  if (there?.[0] !== true) return 0;
  const rows = await session.rows(`select key, value from ${s}.meta`);
  const facts = new Map(rows.map(([key, value]) => [String(key), Number(value)]));
  const version = facts.get(versionKey) ?? 0;
  if (version > schemaVersion) {
    throw new WorkflowError('SCHEMA_NEWER', `Schema ${schema} is at version ${version}, and this version ` +
      `of perdure knows ${schemaVersion}. Update perdure in this process before it touches the database.`);
  }
  const parts = facts.get(partsKey) ?? partCount;
  if (parts !== partCount) {
    throw new WorkflowError('PARTS_DIFFER', `Schema ${schema} was installed with ${parts} parts, and this ` +
      `version of perdure computes ${partCount}. They are fixed at install: use the version that did it.`);
  }
  return version;
}

/** The SQL of every migration after `from`, to read or to run by another tool. */
export function migrationSql(schema: string, from = 0): string {
  const s = quoteIdentifier(schema);
  const missing = migrations.filter((migration) => migration.number > from);
  const steps = missing.map(({ number, reason, sql }) => `-- migration ${number}: ${reason}
begin;
set local search_path = pg_catalog;
${sql(s).trim()}
insert into ${s}.meta values ('${versionKey}', '${number}')
  on conflict (key) do update set value = excluded.value;
commit;
`);
  const head = `begin;
set local search_path = pg_catalog;
${schemaSql(schema)}
${metaSql(schema)}
insert into ${s}.meta values ('${partsKey}', '${partCount}') on conflict do nothing;
commit;
`;
  return [head, ...steps].join('\n');
}
