// Who may do what: the roles of `grantsSql` against statements, and the whole engine run by them. The owner
// is no superuser and may not create schemas; defaults of his would give everything to everybody.
import { createClient } from '@perdure/client';
import { connect, grantsSql, migrationSql } from '@perdure/sql';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { failure } from '../../testing/test/engine.js';
import { grantedColumns } from '../dist/grants.js';
import { tour } from './security/tour.js';

const url = await freshDatabase();
const root = new pg.Client({ connectionString: url });
await root.connect();
const suffix = new URL(url).pathname.slice(6);
const schema = 'the "engine"';
const s = pg.escapeIdentifier(schema);

const kinds = ['owner', 'worker', 'client', 'viewer', 'stranger'] as const;
type Kind = typeof kinds[number];
const roleOf = (kind: Kind): string => `${kind} ${suffix}`;
const quoted = (kind: Kind): string => pg.escapeIdentifier(roleOf(kind));

function urlOf(kind: Kind): string {
  const target = new URL(url);
  target.username = encodeURIComponent(roleOf(kind));
  target.password = 'secret';
  return target.href;
}

for (const kind of kinds) await root.query(`create role ${quoted(kind)} login password 'secret'`);
await root.query(`create schema ${s} authorization ${quoted('owner')};
  alter default privileges for role ${quoted('owner')} grant all on tables to public;
  alter default privileges for role ${quoted('owner')} grant all on functions to public;
  revoke create on schema public from public`);
const owner = await connect(urlOf('owner'), { schema });
const hands = new pg.Client({ connectionString: urlOf('owner') });
await hands.connect();
const granting = grantsSql({
  schema, worker: roleOf('worker'), client: roleOf('client'), viewer: roleOf('viewer') });
await hands.query(granting);
await owner.store.startRuns([{ id: 'seen', workflow: 'w', queue: 'q', input: { codec: 'json', text: '1' } }]);

afterAll(async () => {
  await owner.close();
  await hands.end();
  for (const kind of kinds) await root.query(`drop owned by ${quoted(kind)} cascade`);
  for (const kind of kinds) await root.query(`drop role ${quoted(kind)}`);
  await root.end();
});

const connectAs = (kind: Kind) => connect(urlOf(kind), { schema, migrate: false });

/** 'yes', or the SQLSTATE that a statement of a role is refused with. Nothing of it stays. */
async function may(kind: Kind, text: string): Promise<string> {
  await root.query(`begin; set local role ${quoted(kind)}; set local search_path = ''`);
  try {
    await root.query(text);
    return 'yes';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await root.query('rollback');
  }
}

const tables = Object.entries(grantedColumns());
const names = tables.map(([table]) => table);
const all: readonly Kind[] = ['owner', 'worker', 'client', 'viewer'];
const engine: readonly Kind[] = ['owner', 'worker'];
const sends: readonly Kind[] = ['owner', 'worker', 'client'];
type Line = readonly [text: string, who: readonly Kind[]];

/** Statements, and who may run them; nobody else. */
const matrix: readonly Line[] = [
  ...tables.map(([table, { facts }]): Line => [`select ${facts.join(', ')} from ${s}.${table}`, all]),
  ...tables.flatMap(([table, { values }]) => values.map((value): Line => (
    [`select ${value} from ${s}.${table}`, ['messages', 'events'].includes(table) ? engine : sends]))),
  ...names.filter((table) => table !== 'run_status')
    .map((table): Line => [`truncate ${s}.${table}`, ['owner']]),
  ...['runs', 'ready', 'messages', 'events', 'calls', 'chunks', 'children', 'inbox', 'workers']
    .map((table): Line => [`delete from ${s}.${table}`, engine]),
  [`delete from ${s}.journal`, engine],
  [`update ${s}.journal set value = null`, ['owner']],
  [`update ${s}.journal set place = place`, ['owner']],
  [`insert into ${s}.journal (part, run_id, generation, place, position, kind, name, codec, attempt,
    started_at, ended_at) values (0, 'seen', 1, '9', 9, 'step', 's', 'json', 1, now(), now())`, engine],
  [`update ${s}.runs set output = '2'`, engine],
  [`update ${s}.runs set input = '2'`, engine],
  [`update ${s}.ready set due_at = now()`, engine],
  [`update ${s}.messages set payload = ''`, engine],
  [`update ${s}.meta set value = '1'`, ['owner']],
  [`insert into ${s}.meta values ('a', 'b')`, ['owner']],
  [`insert into ${s}.runs (part, id, workflow, queue, codec, created_at) values (0, 'n', 'w', 'q', 'json',
    now())`, sends],
  [`insert into ${s}.runs (part, id, workflow, queue, codec, created_at, status, output, settled_at)
    values (0, 'n', 'w', 'q', 'json', now(), 'completed', '1', now())`, engine],
  [`update ${s}.attributes set text_value = 'x'`, sends],
  [`update ${s}.attributes set run_id = 'x'`, engine],
  [`select ${s}.start('w')`, sends], [`select ${s}.signal('seen', 's')`, sends],
  [`select ${s}.cancel('seen')`, sends], [`select ${s}.emit('e')`, sends],
  [`select ${s}.part_of('a'), ${s}.new_id(), ${s}.lane_of('q', 'w'), ${s}.hash32('a')`, all],
  [`create table ${s}.more (a int)`, ['owner']], [`drop table ${s}.calls cascade`, ['owner']],
  [`alter table ${s}.runs add column more text`, ['owner']],
  [`create index on ${s}.runs (workflow)`, ['owner']], [`drop schema ${s} cascade`, ['owner']],
  [`create or replace function ${s}.new_id() returns text language sql as 'select ''x'''`, ['owner']],
  [`create trigger t before insert on ${s}.runs for each row execute function
    pg_catalog.suppress_redundant_updates_trigger()`, ['owner']],
];

describe('the matrix of roles and statements', () => {
  test.each(matrix)('%s', async (text, who) => {
    const found: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const kind of kinds) {
      found[kind] = await may(kind, text);
      expected[kind] = who.includes(kind) ? 'yes' : '42501';
    }
    expect(found).toEqual(expected);
  });

  test('knows every table, view and column that there is', async () => {
    const { rows } = await root.query<{ relname: string; columns: string[] }>(`
      select c.relname::text, array_agg(a.attname::text order by a.attname) as columns
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'v', 'p', 'm') group by 1`, [s]);
    const there = Object.fromEntries(rows.map(({ relname, columns }) => [relname, columns]));
    expect(Object.fromEntries(tables.map(([table, { facts, values }]) => (
      [table, [...facts, ...values].sort()])))).toEqual(there);
  });
});

describe('nothing is for everybody', () => {
  const given = `
    select 'schema' as what, nspname::text as name from pg_namespace, aclexplode(nspacl)
     where oid = $1::text::regnamespace and grantee = 0
     union all
    select 'function', proname::text from pg_proc p,
           aclexplode(coalesce(proacl, acldefault('f', proowner)))
     where pronamespace = $1::text::regnamespace and grantee = 0
     union all
    select relkind::text, relname::text from pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
     where relnamespace = $1::text::regnamespace and relkind <> 'i' and grantee = 0
     union all
    select 'column', attname::text from pg_attribute join pg_class c on c.oid = attrelid, aclexplode(attacl)
     where c.relnamespace = $1::text::regnamespace and grantee = 0`;

  test('in the catalogue, whatever the defaults of the owner are', async () => {
    expect((await root.query(given, [s])).rows).toEqual([]);
    // The defaults are what they were made: this test would see if they had not been taken back.
    await root.query(`begin; set local role ${quoted('owner')}; create table ${s}.later (a int)`);
    expect((await root.query(given, [s])).rows).toContainEqual({ what: 'r', name: 'later' });
    await root.query('rollback');
  });

  test('also where the migrations are printed', async () => {
    await root.query(migrationSql('printed'));
    expect((await root.query(given, ['printed'])).rows).toEqual([]);
  });

  test('functions that write run as their owner, with a search_path of their own', async () => {
    const { rows } = await root.query<{ name: string; definer: boolean; config: string[] }>(`
      select proname::text as name, prosecdef as definer, proconfig as config
        from pg_proc where pronamespace = $1::text::regnamespace order by 1`, [s]);
    expect(rows.filter(({ definer }) => definer).map(({ name }) => name))
      .toEqual(['cancel', 'emit', 'signal', 'start']);
    for (const { config } of rows) expect(config).toEqual(['search_path=pg_catalog, pg_temp']);
  });
});

test('the whole engine works by these roles', async () => {
  await using worker = await connectAs('worker');
  await using client = await connectAs('client');
  const [pool, stepPool] = (['client', 'worker'] as const).map((kind) => (
    new pg.Pool({ connectionString: urlOf(kind) })));
  await tour({ worker, client, operator: worker, pool: pool!, stepPool: stepPool! });
  await Promise.all([pool!.end(), stepPool!.end()]);
});

test('a viewer lists and counts, and reads no value', async () => {
  await using connection = await connectAs('viewer');
  const client = createClient({ connection });
  expect((await client.query({ workflow: 'w' })).runs.map(({ id }) => id)).toContain('seen');
  expect(await client.select({ workflow: 'w' }).count()).toBe(1);
  expect(await failure(connection.store.readRuns(['seen']))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
});

test.each(['viewer', 'client'] as const)('a %s does not migrate', async (kind) => {
  expect(await failure(connect(urlOf(kind), { schema: 'another' })))
    .toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: /lacks a permission/ });
});

describe('what is printed', () => {
  test('takes back what a role had, and may be run again', async () => {
    await hands.query(`grant all on all tables in schema ${s} to ${quoted('viewer')}`);
    expect(await may('viewer', `select input from ${s}.runs`)).toBe('yes');
    await hands.query(granting);
    expect(await may('viewer', `select input from ${s}.runs`)).toBe('42501');
    expect(await may('viewer', `select id from ${s}.runs`)).toBe('yes');
  });

  test('is what docs/security.md shows', () => {
    const console = { log: (text: string) => void lines.push(...text.split('\n')) };
    const lines: string[] = [];
    console.log(grantsSql({ worker: 'perdure_worker', client: 'perdure_client', viewer: 'perdure_viewer' }));
    for (const role of ['worker', 'client', 'viewer']) {
      expect(lines).toContain(`grant usage on schema "perdure" to "perdure_${role}";`);
    }
  });

  test.each(['public', 'none', '', 'x'.repeat(64), 'a\0b', '\uDC00'])('refuses %j', (worker) => {
    expect(() => grantsSql({ worker })).toThrow(expect.objectContaining({ code: 'INVALID_ROLE' }) as Error);
  });

  test('quotes what it is given', () => {
    expect(grantsSql({ viewer: 'a"; drop schema perdure; --' })).toContain('"a""; drop schema perdure; --"');
    expect(() => grantsSql({ schema: '' }))
      .toThrow(expect.objectContaining({ code: 'INVALID_SCHEMA' }) as Error);
  });
});
