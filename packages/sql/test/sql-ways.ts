// The ways in which programs that are not this one reach a database: what they have in common with a run's id
// is all that the tests ask of them.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { raw, run } from '../../testing/test/raw-client.js';

/** Starts a run of workflow 'echo' with an id, and an input that names the way. */
export type Way = (id: string) => Promise<void>;

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What psql is called with, or null where there is none. */
export const psql: ((url: string, script: string) => Promise<string>) | null = !hasPsql() ? null
  : async (url, script) => (await promisify(execFile)('psql',
    ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', script, url])).stdout;

const call = (id: string, way: string): string => `select perdure.start('echo', '"${way}"', id => '${id}')`;

/** All ways but TypeScript. Makes tables of their own in the database of `client`. */
export async function waysOf(url: string, client: pg.Client): Promise<Record<string, Way>> {
  await client.query(`
    create table orders (id text);
    create function start_order() returns trigger language plpgsql as $$
    begin
      perform perdure.start('echo', '"a trigger"', id => new.id);
      return new;
    end $$;
    create trigger start_order after insert on orders for each row execute function start_order();
    create table imports (id text);
    create function start_imports() returns trigger language plpgsql as $$
    begin
      perform perdure.start('echo', '"a trigger of a statement"', id => i.id) from new_rows i order by i.id;
      return null;
    end $$;
    create trigger start_imports after insert on imports referencing new table as new_rows
      for each statement execute function start_imports()`);
  return {
    'the simple protocol': async (id) => {
      await raw(client, (wire) => wire.query(call(id, 'the simple protocol')));
    },
    'the extended protocol, untyped': async (id) => {
      await raw(client, (wire) => {
        run(wire, 'select perdure.start($1, $2, id => $3)', ['echo', '"the extended protocol, untyped"', id]);
        wire.sync();
      });
    },
    'a prepared statement': async (id) => {
      await client.query({
        name: 'start_echo', text: 'select perdure.start($1, $2::jsonb, id => $3::text)',
        values: ['echo', '"a prepared statement"', id],
      });
    },
    'a trigger': async (id) => void await client.query('insert into orders values ($1)', [id]),
    'a trigger of a statement': async (id) => {
      await client.query('insert into imports values ($1)', [id]);
    },
    'a DO block': async (id) => {
      await client.query(`do $$ begin perform perdure.start('echo', '"a DO block"', id => '${id}'); end $$`);
    },
    ...psql === null ? {} : { psql: async (id) => void await psql?.(url, call(id, 'psql')) },
  };
}
