// The PostgreSQL of the chaos: one of our own, which can be stopped hard and started again, or one that was
// given by its URL and is only used.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemEnv } from '@perdure/core/engine';
import { startEmbedded, type EmbeddedServer } from '@perdure/sql';
import pg from 'pg';

/** A server that the business has its database on. */
export interface ChaosServer {
  /** Connection string of a superuser, past every proxy. */
  readonly url: string;
  /** Null where it is not ours to stop. Resolves, when it accepts connections again, with when it did. */
  readonly restart: ((mode: 'fast' | 'immediate') => Promise<void>) | null;
  /** How often its log says it; null where we cannot read that. */
  logged(what: RegExp): Promise<number | null>;
  close(): Promise<void>;
}

const settings = {
  max_connections: '90', shared_buffers: '64MB', deadlock_timeout: '100ms',
  log_min_messages: 'warning', log_min_error_statement: 'panic',
};
const longestStopMs = 60_000;
const signals = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** Uses the server at `url`. */
export function givenServer(url: string): ChaosServer {
  return { url, restart: null, logged: () => Promise.resolve(null), close: () => Promise.resolve() };
}

/** Starts a server of our own, in a folder that goes with it. */
export async function ownServer(): Promise<ChaosServer> {
  const directory = await mkdtemp(join(tmpdir(), 'perdure-chaos-'));
  // As root the server runs as another account, which must be able to pass.
  await chmod(directory, 0o755);
  let server = await startEmbedded({ directory, settings });
  const restart = async (mode: 'fast' | 'immediate'): Promise<void> => {
    const pid = await postmasterOf(server);
    process.kill(pid, signals[mode]);
    // Its keeper ends with it, and the next one asks for the same port.
    const until = systemEnv.monotonic() + longestStopMs;
    while (isAlive(pid) && systemEnv.monotonic() < until) await systemEnv.sleep(5);
    await server.stop();
    server = await startEmbedded({ directory, settings });
  };
  return {
    get url() {
      return server.url;
    },
    restart,
    logged: async (what) => (await logOf(directory)).split('\n').filter((line) => what.test(line)).length,
    close: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function postmasterOf({ url }: EmbeddedServer): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: [row] } = await client.query<{ data_directory: string }>('show data_directory');
    const text = await readFile(join(row?.data_directory ?? '', 'postmaster.pid'), 'utf8');
    return Number(text.split('\n')[0]);
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function logOf(directory: string): Promise<string> {
  return readFile(join(directory, 'server.log'), 'utf8');
}
