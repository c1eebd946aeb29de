// The schema gets into a database by any road, and always arrives as the same.
import { connect, migrationSql, schemaVersion } from '@perdure/sql';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import type { StoredStatus } from '@perdure/core/engine';
import { freshDatabase } from '../../testing/test/database.js';

const url = await freshDatabase();
const hands = new pg.Client({ connectionString: url });
await hands.connect();
afterAll(() => hands.end());

/** What a schema consists of, as text that does not name it. */
async function shape(schema: string): Promise<string> {
  const columns = await hands.query(`select c.relkind, c.relname, a.attname, a.attnotnull, c.reloptions,
      format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where n.nspname = $1`, [schema]);
  const rules = await hands.query(`select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      from pg_constraint where connamespace = $1::text::regnamespace and contype <> 'n'
    union all select tablename, indexname, indexdef from pg_indexes where schemaname = $1
    union all select viewname, '', definition from pg_views where schemaname = $1
    union all
    select proname, prosecdef::text || coalesce(proconfig::text, ''), replace(prosrc, '"' || $1 || '"', 's')
      from pg_proc where pronamespace = $1::text::regnamespace`, [schema]);
  const facts = await hands.query(`select key, value from ${schema}.meta`);
  const lines = [columns.rows, rules.rows, facts.rows].flat().map((row) => JSON.stringify(row));
  return lines.map((line) => line.replaceAll(`${schema}.`, '<schema>.')).sort().join('\n');
}

async function thereIs(table: string): Promise<boolean> {
  const { rows } = await hands.query('select to_regclass($1) as there', [table]);
  return rows[0].there !== null;
}

const install = async (schema: string): Promise<void> => {
  await using connection = await connect(url, { schema });
  expect(await connection.store.readRuns(['x'])).toEqual([]);
};

test('two migrators at once are one', async () => {
  const schemas = Array.from({ length: 5 }, (_, index) => `race_${index}`);
  await Promise.all(schemas.flatMap((schema) => Array.from({ length: 4 }, () => install(schema))));
  await install('alone');
  const alone = await shape('alone');
  for (const schema of schemas) expect(await shape(schema)).toBe(alone);
});

test('a migrator waits for another one whose migration is under way', async () => {
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  await other.query('begin');
  await other.query("select pg_advisory_xact_lock(hashtextextended('perdure migrate held', 0))");
  const installed = install('held');
  const waits = (): Promise<boolean> => hands
    .query("select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
    .then(({ rowCount }) => rowCount === 1);
  await expect.poll(waits).toBe(true);
  expect(await thereIs('held.runs')).toBe(false);
  await other.query('rollback');
  await other.end();
  await installed;
});

test('a second migration finds nothing to do', async () => {
  await install('twice');
  const before = await shape('twice');
  await hands.query('insert into twice.meta values ($1, $2)', ['note', 'still here']);
  await install('twice');
  await hands.query("delete from twice.meta where key = 'note'");
  expect(await shape('twice')).toBe(before);
});

test('a migration that fails leaves nothing of itself', async () => {
  await hands.query('create schema broken; create view broken.run_status as select 1 as one');
  await expect(install('broken')).rejects.toThrow(/run_status/);
  expect(await thereIs('broken.runs')).toBe(false);
  await hands.query('drop view broken.run_status');
  await install('broken');
});

describe('a schema that this version does not fit', () => {
  test('is refused when it is newer', async () => {
    await install('newer');
    const next = schemaVersion + 1;
    await hands.query("update newer.meta set value = $1 where key = 'schema_version'", [next]);
    for (const migrate of [true, false]) {
      await expect(connect(url, { schema: 'newer', migrate }))
        .rejects.toMatchObject({ code: 'SCHEMA_NEWER' });
    }
  });
  test('is refused when it has other parts', async () => {
    await install('parts');
    await hands.query("update parts.meta set value = '32' where key = 'parts'");
    await expect(connect(url, { schema: 'parts' })).rejects.toMatchObject({ code: 'PARTS_DIFFER' });
  });
  test('is refused when it is missing and may not be made', async () => {
    await expect(connect(url, { schema: 'missing', migrate: false }))
      .rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
    expect(await thereIs('missing.meta')).toBe(false);
  });
});

describe('the printed migrations', () => {
  test('give the same schema', async () => {
    await hands.query(migrationSql('printed'));
    await install('direct');
    expect(await shape('printed')).toBe(await shape('direct'));
    await using connection = await connect(url, { schema: 'printed', migrate: false });
    expect(await connection.store.readRuns(['x'])).toEqual([]);
  });
  test('are empty of migrations after the newest', () => {
    expect(migrationSql('printed', schemaVersion)).not.toContain('create table "printed".runs');
  });
});

describe.each([
  ['quotes', `it's "so" \\ odd`],
  ['upper case', 'Perdure'],
  ['a keyword', 'select'],
  ['a dollar and a space', 'a $1 b'],
  ['63 bytes', 'ü'.repeat(31) + 'x'],
])('a schema whose name has %s', (_what, schema) => {
  test('works without a search path', async () => {
    const target = new URL(url);
    target.searchParams.set('options', '-c search_path=');
    await using connection = await connect(target.href, { schema });
    await using again = await connect(target.href, { schema, transactionPooler: true });
    const { store } = again;
    const run = { id: 'a', workflow: 'w', queue: 'q', input: { codec: 'json', text: '1' } } as const;
    expect(await store.startRuns([run])).toMatchObject([{ kind: 'created' }]);
    const served = [{ queue: 'q', workflow: 'w', version: null, stamp: null }];
    const wish = { claimId: 'c'.repeat(32), served, limit: 1, suspects: true, leaseMs: 60_000, sweep: true };
    const [claimed] = (await connection.store.claim(wish)).runs;
    const lease = claimed!.lease;
    const output = { codec: 'json', text: '2' } as const;
    const end = { kind: 'settle', status: 'completed', output, error: null, tied: false } as const;
    const answers = await store.commit([{ lease, entries: [], calls: [], closed: [], end, more: null }]);
    expect(answers).toMatchObject([{ kind: 'done' }]);
    expect(await connection.store.readRuns(['a'])).toMatchObject([{ status: 'completed', output }]);
  });
});

test.each(['', 'x'.repeat(64), 'ü'.repeat(32), 'a\0b'])('%j is no name of a schema', async (schema) => {
  await expect(connect(url, { schema })).rejects.toMatchObject({ code: 'INVALID_SCHEMA' });
});

test('the database knows exactly the statuses that the engine stores', async () => {
  await install('statuses');
  // Checked by the compiler: a status that is added to the type or taken away breaks this line.
  const stored: Record<StoredStatus, true> = {
    live: true, parked: true, completed: true, failed: true, cancelled: true,
  };
  const { rows } = await hands.query<{ rule: string }>(`select pg_get_constraintdef(oid) as rule
    from pg_constraint where conrelid = 'statuses.runs'::regclass and conname = 'runs_status_check'`);
  const allowed = [...rows[0]!.rule.matchAll(/'(\w+)'::text/g)].map(([, status]) => status);
  expect(new Set(allowed)).toEqual(new Set(Object.keys(stored)));
});
