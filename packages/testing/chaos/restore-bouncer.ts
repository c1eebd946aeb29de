// PgBouncer in transaction mode, where the machine has it: clients keep their connections while the server
// behind them is another one.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, chown, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import type { ServerRoom } from './restore-server.js';

const places = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer',
  '/opt/homebrew/bin/pgbouncer'];
const startLimitMs = 20_000;

async function findBouncer(): Promise<string | null> {
  for (const path of places) {
    if (await access(path).then(() => true, () => false)) return path;
  }
  return null;
}

/** Why there is no PgBouncer to be had, or null. */
export async function noBouncer(): Promise<string | null> {
  const found = await findBouncer();
  return found === null ? 'PgBouncer is not installed (Debian: apt-get install pgbouncer)' : null;
}

/** A running PgBouncer. */
export class Bouncer {
  /** The way through it, to the database of the server. */
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Starts one before a server. */
  static async start(room: ServerRoom, server: string): Promise<Bouncer> {
    const program = await findBouncer();
    if (program === null) throw new Error('There is no PgBouncer.');
    const { port, username, password, pathname } = new URL(server);
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const own = (probe.address() as AddressInfo).port;
    probe.close();
    await once(probe, 'close');
    const file = join(room.place, 'pgbouncer.ini');
    await writeFile(file, `
[databases]
${pathname.slice(1)} = host=127.0.0.1 port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 300
server_login_retry = 0.1
logfile = ${join(room.place, 'pgbouncer.log')}
`, { mode: 0o600 });
    const { account } = room;
    if (account !== undefined) await chown(file, account.uid, account.gid);
    const child = spawn(program, [file], { stdio: 'ignore', cwd: room.place,
      ...account === undefined ? {} : { uid: account.uid, gid: account.gid } });
    process.once('exit', () => child.kill('SIGKILL'));
    const bouncer = new Bouncer(`postgres://${username}@127.0.0.1:${own}${pathname}`, child);
    await bouncer.#ready();
    return bouncer;
  }

  async #ready(): Promise<void> {
    const until = systemEnv.monotonic() + startLimitMs;
    for (;;) {
      const client = new pg.Client({ connectionString: this.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('select 1');
        return;
      } catch (error) {
        if (systemEnv.monotonic() > until || this.#process.exitCode !== null) throw error;
      } finally {
        await client.end().catch(() => undefined);
      }
      await systemEnv.sleep(50);
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}
