// A world of its own for a store case, on PostgreSQL: a schema that is new, and the hands of a test by SQL.
import { connect, type ConnectOptions } from '@perdure/sql';
import type { StoreWorld } from '@perdure/core/engine';
import pg from 'pg';

/** A store case's world, and its end. */
export interface PostgresWorld extends AsyncDisposable {
  readonly world: StoreWorld;
}

/** The tables in which a run has rows, by the column that names it. */
const rowsOfRun = {
  id: ['runs', 'ready'],
  run_id: [
    'journal', 'calls', 'messages', 'inbox', 'endings', 'subscriptions', 'attributes', 'chunks',
  ],
  parent_id: ['children'],
} as const;

let schemas = 0;
/** Schemas that a world has left empty, by address: making one takes longer than most cases. */
const left = new Map<string, string[]>();

/** How the engine connects in a world, and where: as the hands of the test do, unless it is said. */
export interface WorldOptions extends ConnectOptions {
  readonly engineUrl?: string;
}

/**
 * Makes a world in the database at `url`, in a schema of a name that has to be quoted; dispose of it when the
 * case is over.
 */
export async function postgresWorld(url: string, options: WorldOptions = {}): Promise<PostgresWorld> {
  const { engineUrl = url, ...connecting } = options;
  const schema = left.get(url)?.pop() ?? `we"ird – sch.ema $1? ${++schemas}`;
  const strangers: pg.Client[] = [];
  const stranger = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    strangers.push(client);
    await client.query(`set search_path = ${pg.escapeIdentifier(schema)}`);
    return client;
  };
  const connection = await connect(engineUrl, { ...connecting, schema });
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
      for (const [column, tables] of Object.entries(rowsOfRun)) {
        for (const table of tables) await hands.query(`delete from ${table} where ${column} = $1`, [id]);
      }
    },
  };
  return {
    world,
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      const [, ...others] = strangers;
      await Promise.all(others.map((client) => client.end()));
      await emptied(hands, schema);
      await hands.end();
      left.set(url, [...left.get(url) ?? [], schema]);
    },
  };
}

async function emptied(hands: pg.Client, schema: string): Promise<void> {
  const tables = `select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname = $1 and tablename <> 'meta'`;
  const { rows } = await hands.query<{ name: string }>(tables, [schema]);
  await hands.query(`truncate ${rows.map(({ name }) => name).join(', ')}`);
}
