// What a server says of itself: enough to tell whether its data is what it was at an earlier look. Every
// ordinary role may ask all of it on PostgreSQL 14 to 18; where a host forbids some, the rest is asked.
import { sqlStateOf } from './sql-error.js';

/** A look at a server. Null: nobody may ask. */
export interface ServerLook {
  /** When its process started. */
  readonly server: string | null;
  /** The system identifier: initdb makes one, and copies of its files keep it. */
  readonly cluster: string | null;
  /** A new one begins with each promotion, and with each recovery to a point in time. */
  readonly timeline: string | null;
  /** How far its log is on disk, in bytes. */
  readonly position: bigint | null;
  /** It follows another server: it takes no writes, and what it is going to be is not known. */
  readonly standby: boolean;
  /** Whether what it said was committed outlives a crash of the server. */
  readonly durable: boolean;
}

/** Runs a text without values on the connection that is looked at; rows are arrays. */
export type Ask = (text: string) => Promise<readonly (readonly unknown[])[]>;

/** When the process of a server started, as text. */
export const serverStart = 'extract(epoch from pg_catalog.pg_postmaster_start_time())::text';

const cluster = '(select system_identifier::text from pg_catalog.pg_control_system())';
// The control file knows a new timeline only after the next checkpoint; the log itself knows at once.
const log = (what: string): string => `case when pg_catalog.pg_is_in_recovery() then null else ${what} end`;
const timeline = log('pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8)');
const position = log("pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), '0/0')::text");
const rest = `pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('fsync'),
  pg_catalog.current_setting('synchronous_commit')`;

/** From the one that tells most to the one that tells least. */
const texts: readonly string[] = [
  `select ${serverStart}, ${cluster}, ${timeline}, ${position}, ${rest}`,
  `select ${serverStart}, null, ${timeline}, ${position}, ${rest}`,
  `select ${serverStart}, ${cluster}, null, null, ${rest}`,
  `select ${serverStart}, null, null, null, false, 'on', 'on'`,
];

const nothing: ServerLook = {
  server: null, cluster: null, timeline: null, position: null, standby: false, durable: true,
};

/** Looks at servers of one address; remembers what may be asked there. */
export class Looker {
  #variant = 0;

  /** Looks. Throws what is no refusal of the server. */
  async look(ask: Ask): Promise<ServerLook> {
    for (;;) {
      const text = texts[this.#variant];
      if (text === undefined) return nothing;
      try {
        return readLook(await ask(text));
      } catch (error) {
        if (!isForbidden(sqlStateOf(error))) throw error;
        this.#variant++;
      }
    }
  }
}

// A missing right, function or feature. A server that starts, ends or is overloaded says something else.
function isForbidden(state: string | null): boolean {
  return state !== null && /^(42|0A|55000)/.test(state);
}

function readLook([row = []]: readonly (readonly unknown[])[]): ServerLook {
  const [server, found, line, at, standby, fsync, commit] = row;
  const text = (value: unknown): string | null => (value === null ? null : String(value));
  return {
    server: text(server), cluster: text(found), timeline: text(line),
    position: at === null || at === undefined ? null : BigInt(String(at)),
    standby: standby === true,
    durable: fsync !== 'off' && commit !== 'off',
  };
}
