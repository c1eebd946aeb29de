// A stage for races between statements: several Connections to one database, each with its own name, and
// gates that hold a statement of one of them at a point that the test chooses.
import { connect } from '@perdure/sql';
import type { Connection } from '@perdure/core';
import pg from 'pg';
import { afterAll } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

/** A statement that is held. */
export interface Held {
  /** Resolves when the statement has come to the gate. */
  readonly there: Promise<void>;
  /** Lets it go on. */
  open(): Promise<void>;
}

/** The stage of one test file. */
export interface RaceStage {
  readonly url: string;
  /** Rows of a query, as a superuser. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** A Connection of this name; closed at the end of the file. */
  connection(name: string): Promise<Connection>;
  /** A Connection whose looks at rows of `ready` pass a gate: its snapshot is older than what it finds. */
  looker(name: string): Promise<Connection>;
  /** A client of the application's own. */
  client(): Promise<pg.Client>;
  /** Closes the gate for statements of this name that come to change rows of a table, or look at `ready`. */
  hold(name: string, at: `${'insert' | 'update' | 'delete'} ${string}` | 'look'): Promise<Held>;
}

const gateText = `
create function public.gate(who text, what text) returns boolean language plpgsql volatile as $$
begin
  if current_setting('application_name') = who then
    while exists (
      select from pg_locks where locktype = 'advisory' and granted and classid = 4711
         and objid = hashtext(who || what)::bigint & 4294967295) loop
      perform pg_sleep(0.002);
    end loop;
  end if;
  return true;
end $$;
create function public.gate_row() returns trigger language plpgsql as $$
begin
  perform public.gate(tg_argv[0], tg_argv[1]);
  return coalesce(new, old);
end $$;`;

/** Sets a stage on an empty database. Call it at the top level of a test file. */
export async function raceStage(): Promise<RaceStage> {
  const url = await freshDatabase();
  const closing: Array<() => Promise<void>> = [];
  // The last made is the first to go: the hands that clean up go last.
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });
  const client = async (): Promise<pg.Client> => {
    const made = new pg.Client({ connectionString: url });
    await made.connect();
    closing.push(() => made.end());
    return made;
  };
  const hands = await client();
  const sql = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => (
    (await hands.query<Record<string, unknown>>(text, values)).rows);
  await (await connect(url)).close();
  await sql(gateText);
  const role = `looker_${new URL(url).pathname.slice(1)}`;
  const open = async (name: string, user?: string): Promise<Connection> => {
    const target = new URL(url);
    target.searchParams.set('application_name', name);
    if (user !== undefined) Object.assign(target, { username: user, password: 'slow' });
    const connection = await connect(target.href, { migrate: user === undefined });
    closing.push(() => connection.close());
    return connection;
  };
  const looker = async (name: string): Promise<Connection> => {
    const [known] = await sql('select from pg_roles where rolname = $1', [role]);
    if (known === undefined) {
      await sql(`create role ${role} login password 'slow'; grant usage on schema perdure to ${role};
        grant all on all tables in schema perdure to ${role};
        alter table perdure.ready enable row level security;
        create policy all_rows on perdure.ready using (public.gate('${name}', 'look'))`);
      closing.push(() => sql(`drop owned by ${role}; drop role ${role}`).then(() => undefined));
    }
    return open(name, role);
  };
  return { url, sql, client, connection: open, looker, hold: (name, at) => hold({ sql, client }, name, at) };
}

async function hold(
  { sql, client }: Pick<RaceStage, 'sql' | 'client'>, name: string, at: string,
): Promise<Held> {
  const [event, table] = at.split(' ');
  if (table !== undefined) {
    await sql(`create or replace trigger gate_${name} before ${event} on perdure.${table}
      for each row execute function public.gate_row('${name}', '${at}')`);
  }
  const keeper = await client();
  await keeper.query('select pg_advisory_lock(4711, hashtext($1))', [name + at]);
  const waiting = "select from pg_stat_activity where application_name = $1 and wait_event = 'PgSleep'";
  const there = (async () => {
    while ((await sql(waiting, [name])).length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  })();
  const openGate = async (): Promise<void> => {
    await keeper.query('select pg_advisory_unlock_all()');
  };
  return { there, open: openGate };
}
