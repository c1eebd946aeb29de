// The server that everything is measured on, and the connection that looks at it from outside.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, startEmbedded, type EmbeddedServer } from '@perdure/sql';
import pg from 'pg';

/** What is set on the server, and checked before anything is measured. */
const settings: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
};

const directory = fileURLToPath(new URL('../../../.perdure/bench', import.meta.url));

/** What a phase cost the server. */
export interface Cost {
  readonly walBytes: number;
  readonly transactions: number;
}

/** A server with durable settings. */
export class Database {
  readonly #server: EmbeddedServer;
  readonly #admin: pg.Client;

  private constructor(server: EmbeddedServer, admin: pg.Client) {
    this.#server = server;
    this.#admin = admin;
  }

  /** Starts the server. Throws when it does not have the settings it was given. */
  static async start(): Promise<Database> {
    const server = await startEmbedded({ directory: join(directory, 'pg18'), settings: { ...settings } });
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    const database = new Database(server, admin);
    const found = await database.settings();
    for (const [name, value] of Object.entries(settings)) {
      if (found[name] !== value) throw new Error(`the server has ${name} = ${found[name]}, not ${value}`);
    }
    return database;
  }

  get url(): string {
    return this.#server.url;
  }

  get version(): string {
    return this.#server.version;
  }

  /** The settings that the figures depend on. */
  async settings(): Promise<Record<string, string>> {
    const names = [...Object.keys(settings), 'max_wal_size', 'wal_sync_method', 'autovacuum'];
    const found: Record<string, string> = {};
    for (const name of names) {
      const [row] = await this.rows('select current_setting($1)', [name]);
      found[name] = String(row?.[0]);
    }
    return found;
  }

  /** Runs a statement of the bench's own. */
  async rows(text: string, values: readonly unknown[] = []): Promise<unknown[][]> {
    return (await this.#admin.query<unknown[]>({ text, values: [...values], rowMode: 'array' })).rows;
  }

  /** An engine schema without a row in it, and a checkpoint behind it: every phase begins alike. */
  async fresh(): Promise<void> {
    await this.rows('drop schema if exists perdure cascade');
    await (await connect(this.url)).close();
    await this.rows('checkpoint');
  }

  /** Does `work`, whose connections must be closed when it ends, and says what it cost the server. */
  async costOf<T>(work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
    const before = await this.#counters();
    const result = await work();
    const after = await this.#counters();
    const walBytes = after.walBytes - before.walBytes;
    const transactions = after.transactions - before.transactions;
    return { result, cost: { walBytes, transactions } };
  }

  async #counters(): Promise<Cost> {
    const [row] = await this.rows(`select pg_current_wal_lsn() - '0/0'::pg_lsn, xact_commit
      from pg_stat_database where datname = current_database()`);
    return { walBytes: Number(row?.[0]), transactions: Number(row?.[1]) };
  }

  /** Ends the connection and leaves the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.end();
    await this.#server.stop();
  }
}
