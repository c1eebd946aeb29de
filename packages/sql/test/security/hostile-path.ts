// A database in which somebody else may write to a schema of the search_path: what he makes there has the
// names of what the engine calls, and refuses to be called.
//
//   'first'     his schema stands before pg_catalog: his functions, operators and types of the very same
//               signature are found. Only what a session sets for itself helps.
//   'behind'    pg_catalog is searched first, as by default: of his functions those are found whose arguments
//               fit better than those of the built-in of that name.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** Where the hostile schema stands. */
export type Place = 'first' | 'behind';

/** The address, with a hostile search_path for every session that does not set its own. */
export function hostileUrl(url: string, place: Place): string {
  const target = new URL(url);
  target.searchParams.set('options', `-c search_path=${searchPath(place)}`);
  return target.href;
}

/** The search_path itself. */
export function searchPath(place: Place): string {
  return place === 'first' ? 'hostile_first,pg_catalog' : 'hostile_behind';
}

/** What a call of a hostile function says. */
export const caught = /hostile function was called/;

/** How many functions stand at each place. */
export type Planted = Readonly<Record<Place, number>>;

/** Makes both schemas. */
export async function plantHostility(url: string): Promise<Planted> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const words = [...new Set(wordsOf(fileURLToPath(new URL('../../src', import.meta.url))))];
    await client.query(`set client_min_messages = error; create schema hostile_first;
      create schema hostile_behind`);
    await client.query(`select set_config('hostile.words', $1, false)`, [words.join(' ')]);
    await client.query(sameSignatures);
    await client.query(nearSignatures);
    await client.query(operators);
    await client.query(nearOperators);
    await client.query(tablesAndTypes);
    const { rows: [made] } = await client.query<Planted>(`
      select count(*) filter (where n.nspname = 'hostile_first')::integer as first,
             count(*) filter (where n.nspname = 'hostile_behind')::integer as behind
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'hostile%'`);
    return made!;
  } finally {
    await client.end();
  }
}

/** Every word of the sources: the names of functions that they call are among them. */
function* wordsOf(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* wordsOf(path);
    else yield* readFileSync(path, 'utf8').match(/[a-z_0-9]+/g) ?? [];
  }
}

const refuses = `refuses text :=
    $r$ language plpgsql as $f$ begin raise exception 'a hostile function was called'; end $f$ $r$;`;

const sameSignatures = `do $do$
declare
  f record;
  ${refuses}
begin
  for f in select p.oid, p.proname, pg_get_function_identity_arguments(p.oid) as takes,
                  pg_get_function_result(p.oid) as gives
             from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a', 'w')
              and p.proname = any(string_to_array(current_setting('hostile.words'), ' '))
  loop
    begin
      execute format('create function hostile_first.%I(%s) returns %s', f.proname, f.takes, f.gives)
        || refuses;
    exception when others then
      null; -- not every signature can be had in PL/pgSQL
    end;
  end loop;
end $do$`;

// For each function and aggregate: all of one type, of one of those that stand close to each other.
const nearSignatures = `do $do$
declare
  f record;
  near text;
  signature text;
  ${refuses}
begin
  for f in select distinct p.proname, n from pg_proc p, generate_series(1, 4) n
            where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a', 'w')
              and (n = p.pronargs or p.provariadic <> 0)
              and p.proname = any(string_to_array(current_setting('hostile.words'), ' '))
  loop
    foreach near in array '{text,varchar,name,smallint,integer,bigint,numeric,float8,timestamptz,
      interval,boolean,uuid,jsonb,text[],smallint[],integer[],bigint[],float8[],uuid[]}'::text[]
    loop
      begin
        signature := format('%I(%s)', f.proname, rtrim(repeat(near || ',', f.n), ','));
        if to_regprocedure('pg_catalog.' || signature) is null then
          execute 'create function hostile_behind.' || signature || ' returns text' || refuses;
        end if;
      exception when others then
        null;
      end;
    end loop;
  end loop;
end $do$`;

const operators = `do $do$
declare
  o record;
  ${refuses}
begin
  for o in select oprname, oprleft::regtype::text as l, oprright::regtype::text as r,
                  oprresult::regtype::text as gives
             from pg_operator where oprnamespace = 'pg_catalog'::regnamespace and oprleft <> 0
              and oprname = any('{=,<>,<,<=,>,>=,+,-,*,/,%,||,&&,->,->>}'::name[])
              and oprleft::regtype::text = any('{text,integer,bigint,smallint,double precision,interval,
                timestamp with time zone,uuid,boolean,anyarray,anycompatiblearray,jsonb,numeric}'::text[])
  loop
    begin
      execute format('create function hostile_first.operate(%s, %s) returns %s', o.l, o.r, o.gives)
        || refuses;
    exception when duplicate_function then
      null;
    end;
    begin
      execute format('create operator hostile_first.%s (function = hostile_first.operate, leftarg = %s,
                      rightarg = %s)', o.oprname, o.l, o.r);
    exception when others then
      null;
    end;
  end loop;
end $do$`;

// Where the built-in operators take what is near to the operands, and not the operands themselves.
const nearOperators = `do $do$
declare
  o record;
  ${refuses}
begin
  for o in select sign, l, r
             from unnest('{=,<>,<,<=,>,>=,+,-,*,/,||,&&}'::text[]) as sign,
                  unnest('{smallint,integer,bigint,numeric,float8,text,interval,timestamptz,uuid,boolean,
                    text[],smallint[]}'::text[]) as l,
                  unnest('{smallint,integer,bigint,numeric,float8,text,interval,timestamptz,uuid,boolean,
                    text[],smallint[]}'::text[]) as r
            where to_regoperator(format('pg_catalog.%s(%s,%s)', sign, l, r)) is null
  loop
    begin
      execute format('create function hostile_behind.operate(%s, %s) returns boolean', o.l, o.r) || refuses;
    exception when duplicate_function then
      null;
    end;
    execute format('create operator hostile_behind.%s (function = hostile_behind.operate, leftarg = %s,
                    rightarg = %s)', o.sign, o.l, o.r);
  end loop;
end $do$`;

const tablesAndTypes = ['hostile_first', 'hostile_behind'].map((schema) => `
  create domain ${schema}.text as pg_catalog.int4; create domain ${schema}.int8 as pg_catalog.bool;
  create domain ${schema}.timestamptz as pg_catalog.int4; create domain ${schema}.int2 as pg_catalog.bool;
  ${['runs', 'ready', 'journal', 'calls', 'messages', 'inbox', 'events', 'meta', 'run_status', 'definitions']
    .map((table) => `create table ${schema}.${table} (hostile pg_catalog.bool);`).join('\n')}`).join('\n');
