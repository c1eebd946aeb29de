// One connection of the engine's own: connects when it is first needed, and again after it broke.
//
//   S1. Every query has a deadline on this side. When it passes, the socket is destroyed: a server that does
//       not answer must not be waited for, and a half-open connection never says so itself.
//   S2. A query that failed without an SQLSTATE, or ran into its deadline, may have been executed.
//   S3. One query at a time; who shares sessions does so through a SessionPool.
//   S4. A connection that the driver and the server see differently is given up: when the driver has thrown
//       in the midst of a query, or a statement is not prepared that it takes for prepared.
//   S5. Behind a gate nothing is sent to a server, and nothing that one answered is believed, before it is
//       known to have the past that this session was made for (lineage.ts).
import type { Env } from '@perdure/core/engine';
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import type { Gate } from './lineage.js';
import { sqlStateOf, unavailable } from './sql-error.js';
import type { Statement } from './statement.js';

/** A row as the driver reads it: columns in the order of the statement. */
export type Row = readonly unknown[];

/** What statements are run on: a session, a pool of them, or a caller's Kysely instance. */
export interface StatementRunner {
  /** Runs a hot statement. */
  run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>;
}

/** One connection that also runs other text: what migrations need. */
export interface Runner extends StatementRunner {
  /** Runs any text once. */
  rows(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs several commands without values. */
  script(text: string): Promise<void>;
}

/** How sessions connect and behave. */
export interface SessionOptions {
  readonly config: pg.ClientConfig;
  readonly env?: Env | undefined;
  /** Deadline of each query, in milliseconds. */
  readonly deadlineMs: number;
  /** Whether statements are sent under their names. Off behind transaction poolers. */
  readonly names: boolean;
  /** Settings made once a session, as `set` commands; left out behind transaction poolers. */
  readonly settings?: string | undefined;
  /** Who says whether a server is the one that is meant; left out where nothing is remembered. */
  readonly gate?: Gate | undefined;
  /**
   * Whether each statement rides in a transaction that begins with a look at the server: behind a pooler,
   * where a connection outlives the server behind it.
   */
  readonly looksFirst?: boolean | undefined;
}

// 64-bit integers of the engine are microseconds and epochs: exact as numbers until the year 2255.
const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (
    oid === int8 ? (text: string) => Number(text) : pg.types.getTypeParser(oid, format)
  ) as never,
};

/** A connection that heals itself. */
export class Session implements Runner {
  readonly #options: SessionOptions;
  readonly #env: Env;
  #client: Promise<pg.Client> | null = null;
  /** The client that is, or will be, in `#client`. */
  #current: pg.Client | null = null;
  #closed = false;
  /** The server of the present client followed another one when it was looked at. */
  #follows = false;
  /** Called with every notification; set it before listening. */
  onNotification: ((channel: string, payload: string) => void) | null = null;
  /** Called when the connection broke; the next query connects anew. */
  onBroken: (() => void) | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#env = options.env ?? systemEnv;
  }

  async run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    const named = this.#options.names ? { name: statement.name } : {};
    return this.#query({ ...named, text: statement.text, values: [...values], rowMode: 'array' });
  }

  async rows(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#query({ text, values: [...values], rowMode: 'array' });
  }

  async script(text: string): Promise<void> {
    await this.#query({ text, rowMode: 'array' });
  }

  /** Looks at the server once more. */
  async look(): Promise<void> {
    await this.#on((client) => this.#admit(client));
  }

  #query(query: pg.QueryArrayConfig): Promise<readonly Row[]> {
    return this.#on((client) => this.#send(client, query));
  }

  async #send(client: pg.Client, query: pg.QueryArrayConfig): Promise<readonly Row[]> {
    if (this.#options.looksFirst === true) return this.#sendLooking(client, query);
    if (this.#follows) await this.#admit(client);
    return (await client.query<unknown[]>(query)).rows;
  }

  async #sendLooking(client: pg.Client, query: pg.QueryArrayConfig): Promise<readonly Row[]> {
    await client.query('begin');
    try {
      await this.#admit(client);
      const { rows } = await client.query<unknown[]>(query);
      await client.query('commit');
      return rows;
    } catch (error) {
      // What has no state is given up with its connection (S4).
      if (sqlStateOf(error) !== null) await client.query('rollback');
      throw error;
    }
  }

  async #admit(client: pg.Client): Promise<void> {
    const { gate } = this.#options;
    if (gate === undefined) return;
    const ask = async (text: string): Promise<readonly Row[]> => (
      (await client.query<unknown[]>({ text, rowMode: 'array' })).rows);
    this.#follows = await gate.admit(ask) === 'follows';
  }

  async #on<Answer>(deed: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
    const { gate, deadlineMs } = this.#options;
    gate?.demand();
    const client = await this.#connected();
    // A connection holds the process only while somebody waits for its answer.
    holding(client).ref();
    const timer = this.#env.after(deadlineMs, () => destroy(client));
    try {
      gate?.demand();
      const answer = await deed(client);
      gate?.demand();
      return answer;
    } catch (error) {
      if (isSpoilt(error)) this.#giveUp(client);
      // Whatever it said, and whoever cut it off: it was of a past that does not count any more.
      gate?.demand();
      throw unavailable(error, deadlineMs);
    } finally {
      timer.cancel();
      holding(client).unref();
    }
  }

  #connected(): Promise<pg.Client> {
    if (this.#closed) return Promise.reject(unavailable(new Error('the connection was closed'), 0));
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#options.config, types, keepAlive: true });
    this.#current = client;
    const timer = this.#env.after(this.#options.deadlineMs, () => destroy(client));
    const broken = (): void => this.#broke(client);
    // Without a listener an 'error' of an idle connection would end the process.
    client.on('error', broken);
    client.on('end', broken);
    client.on('notification', ({ channel, payload }) => this.onNotification?.(channel, payload ?? ''));
    try {
      await client.connect();
      const { names, settings } = this.#options;
      if (names && settings !== undefined) await client.query(settings);
      await this.#admit(client);
      return client;
    } catch (error) {
      this.#client = null;
      this.#current = null;
      destroy(client);
      throw unavailable(error, this.#options.deadlineMs);
    } finally {
      timer.cancel();
    }
  }

  #broke(client: pg.Client): void {
    // An 'end' may come late, when the next client is already there.
    if (this.#current !== client) return;
    this.#current = null;
    this.#client = null;
    this.onBroken?.();
  }

  #giveUp(client: pg.Client): void {
    this.#broke(client);
    destroy(client);
  }

  /** Ends the connection; queries after this fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    this.#client = null;
    if (client === undefined) return;
    holding(client).ref();
    await client.end().catch(() => undefined);
  }
}

const otherStatements: ReadonlySet<string | null> = new Set([null, '26000', '42P05']);

function isSpoilt(error: unknown): boolean {
  return otherStatements.has(sqlStateOf(error));
}

// Methods of the driver's Client that its type declarations leave out.
interface Holding {
  ref(): void;
  unref(): void;
}

function holding(client: pg.Client): Holding {
  return client as unknown as Holding;
}

interface Destroyable {
  readonly connection?: { readonly stream?: { destroy(): void } };
}

function destroy(client: pg.Client): void {
  // The driver's own `end` says goodbye and waits; a peer that does not answer needs the socket closed (S1).
  (client as unknown as Destroyable).connection?.stream?.destroy();
}
