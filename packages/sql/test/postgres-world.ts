// A world of its own for a store case, on PostgreSQL: a schema that is new, and the hands of a test by SQL.
import { connect, type ConnectOptions } from '@perdure/sql';
import type { StoreWorld } from '@perdure/core/engine';
import pg from 'pg';

/** A store case's world, and its end. */
export interface PostgresWorld extends AsyncDisposable {
  readonly world: StoreWorld;
}

let schemas = 0;

/** Makes a world in the database at `url`; dispose of it when the case is over. */
export async function postgresWorld(url: string, options: ConnectOptions = {}): Promise<PostgresWorld> {
  const schema = `world_${++schemas}`;
  const strangers: pg.Client[] = [];
  const stranger = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    strangers.push(client);
    await client.query(`set search_path = ${schema}`);
    return client;
  };
  const connection = await connect(url, { ...options, schema });
  const hands = await stranger();
  const holding = async (sql: string, values: unknown[]): Promise<() => Promise<void>> => {
    const client = await stranger();
    await client.query('begin');
    await client.query(sql, values);
    return async () => {
      await client.query('rollback');
    };
  };
  const world: StoreWorld = {
    store: connection.store,
    advance: async (ms) => void await hands.query('select pg_sleep($1)', [ms / 1_000]),
    expireLease: async (id) => {
      await hands.query(`update ready set due_at = clock_timestamp() - interval '1 ms' where id = $1`, [id]);
    },
    makeDue: async (id) => {
      await hands.query('update ready set due_at = clock_timestamp() where id = $1', [id]);
    },
    lockRow: (id) => holding('select from ready where id = $1 for update', [id]),
    holdId: (id) => holding(`insert into runs (part, id, workflow, queue, codec, created_at)
      values (0, $1, 'greet', 'default', 'json', clock_timestamp())`, [id]),
    within: async (body, end) => {
      const client = await stranger();
      await client.query('begin');
      await body(await connection.within(client));
      await client.query(end);
    },
    forget: async (id) => {
      await hands.query(`with a as (delete from runs where id = $1), b as (delete from ready where id = $1),
        c as (delete from journal where run_id = $1) delete from calls where run_id = $1`, [id]);
    },
  };
  return {
    world,
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      await Promise.all(strangers.map((client) => client.end()));
    },
  };
}
