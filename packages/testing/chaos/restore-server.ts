// PostgreSQL servers that can be copied, archived, followed and restored, by files and SQL alone: the
// binaries that npm brings have initdb and postgres, and nothing to make a backup with.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import { serverAccount, type Account } from '../../sql/dist/embedded/account.js';
import { findBinaries, layOut } from '../../sql/dist/embedded/binaries.js';
import { ensureCluster, readPassword, superuser } from '../../sql/dist/embedded/cluster.js';
import { programOptions } from '../../sql/dist/embedded/server-process.js';

const run = promisify(execFile);
const startLimitMs = 60_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

/** A folder of servers, and what they are made of. */
export class ServerRoom {
  readonly place: string;
  readonly account: Account | undefined;
  readonly major: number;
  readonly #tree: string;
  readonly #servers: RealServer[] = [];

  private constructor(place: string, [tree, major, account]: [string, number, Account | undefined]) {
    this.place = place;
    this.#tree = tree;
    this.major = major;
    this.account = account;
  }

  /** Makes a room in a new temporary folder, and an empty server in it. */
  static async open(major: number = 18): Promise<ServerRoom> {
    const account = await serverAccount();
    const place = await mkdtemp(join(tmpdir(), 'perdure-restore-'));
    // As root the servers run as another account, which must be able to pass and to write.
    await chmod(place, 0o755);
    if (account !== undefined) await chown(place, account.uid, account.gid);
    const tree = await layOut(await findBinaries(major), place, systemEnv);
    return new ServerRoom(place, [tree, major, account]);
  }

  /** A server with an empty cluster of its own. */
  async create(name: string, within: string = this.place): Promise<RealServer> {
    const place = join(within, name);
    await this.makeFolder(place);
    const data = await ensureCluster(
      { place, server: this.#tree, major: this.major, account: this.account }, systemEnv);
    return this.#add(data);
  }

  /** A server on files that were copied. */
  async adopt(data: string): Promise<RealServer> {
    await rm(join(data, 'postmaster.pid'), { force: true });
    return this.#add(data);
  }

  async #add(data: string): Promise<RealServer> {
    const server = new RealServer(this, { data, program: join(this.#tree, 'bin', 'postgres') });
    this.#servers.push(server);
    return server;
  }

  /** A folder that the servers can write into. */
  async makeFolder(path: string): Promise<string> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (this.account !== undefined) await chown(path, this.account.uid, this.account.gid);
    return path;
  }

  /** Copies files as they are, owners and all. */
  async copy(from: string, to: string): Promise<string> {
    await run('cp', ['-a', from, to]);
    return to;
  }

  /** Ends everything, and removes it. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop('SIGKILL')));
    await rm(this.place, { recursive: true, force: true });
  }
}

/** Settings of a server, such as `{ archive_mode: 'on' }`. */
export type Settings = Readonly<Record<string, string>>;

const usual: Settings = {
  listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '200', wal_level: 'replica',
  max_wal_senders: '5', shared_buffers: '64MB', hot_standby: 'on', min_wal_size: '32MB',
  max_wal_size: '128MB',
};

/** A server, running or not. */
export class RealServer {
  readonly data: string;
  readonly room: ServerRoom;
  /** On 127.0.0.1; the same for as long as this object lives. */
  port = 0;
  url = '';
  readonly #program: string;
  #process: ChildProcess | null = null;
  #settings: Settings = {};

  constructor(room: ServerRoom, { data, program }: { data: string; program: string }) {
    this.room = room;
    this.data = data;
    this.#program = program;
  }

  /** Whether its process lives. */
  get alive(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Starts it, and waits until it lets somebody in. */
  async start(settings: Settings = this.#settings): Promise<this> {
    this.#settings = settings;
    if (this.port === 0) await this.takePort(await freePort());
    const all = { ...usual, ...settings, port: String(this.port) };
    const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = await open(`${this.data}.log`, 'a', 0o644);
    const options = programOptions(this.room.place, this.room.account);
    const child = spawn(this.#program, ['-D', this.data, ...args], {
      ...options, stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    this.#process = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    await this.#ready();
    return this;
  }

  /** Listens there from its next start on: where another one stood. */
  async takePort(port: number): Promise<void> {
    this.port = port;
    this.url = `postgres://${superuser}:${await readPassword(this.data)}@127.0.0.1:${port}/postgres`;
  }

  async #ready(): Promise<void> {
    const until = systemEnv.monotonic() + startLimitMs;
    for (;;) {
      try {
        await this.sql('select 1');
        return;
      } catch (error) {
        if (!this.alive) throw new Error(`The server ended as it started; see ${this.data}.log.`);
        if (systemEnv.monotonic() > until) throw error;
      }
      await systemEnv.sleep(20);
    }
  }

  /** One statement on a connection of its own. */
  async sql<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string): Promise<Row[]> {
    return this.session(async (client) => (await client.query<Row>(text)).rows);
  }

  /** Several statements on one connection. */
  async session<Answer>(deed: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await deed(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** SIGINT: fast. SIGQUIT: at once, as in a crash. SIGKILL: without a word. */
  async stop(how: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGQUIT'): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(how);
    await gone;
  }

  /** A base backup into a new folder, while everybody works. */
  async backUp(to: string): Promise<string> {
    return this.session(async (client) => {
      const [begin, end] = this.room.major < 15
        ? ["pg_start_backup('restore', true, false)", 'pg_stop_backup(false, true)']
        : ["pg_backup_start('restore', true)", 'pg_backup_stop(true)'];
      await client.query(`select ${begin}`);
      await this.room.copy(this.data, to);
      const { rows: [made] } = await client.query<{ labelfile: string }>(`select * from ${end}`);
      await rm(join(to, 'postmaster.pid'), { force: true });
      await rm(join(to, 'backup_label'), { force: true });
      await this.#write(join(to, 'backup_label'), made?.labelfile ?? '');
      return to;
    });
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFile(path, text, { mode: 0o600 });
    const { account } = this.room;
    if (account !== undefined) await chown(path, account.uid, account.gid);
  }

  /** A standby of this server, on a base backup of it; not started. */
  async follower(name: string): Promise<RealServer> {
    const data = await this.backUp(join(this.room.place, name));
    const standby = await this.room.adopt(data);
    const { hostname, port, username, password } = new URL(this.url);
    const to = `host=${hostname} port=${port} user=${username} password=${password} application_name=${name}`;
    await appendFile(join(data, 'postgresql.auto.conf'), `\nprimary_conninfo = '${to}'\n`);
    await standby.#write(join(data, 'standby.signal'), '');
    return standby;
  }

  /** Makes the files of a base backup recover from an archive, up to a named restore point. */
  async recoverTo(point: string, archive: string): Promise<void> {
    await appendFile(join(this.data, 'postgresql.auto.conf'), `
restore_command = 'cp "${archive}/%f" "%p"'
recovery_target_name = '${point}'
recovery_target_action = 'promote'
`);
    await this.#write(join(this.data, 'recovery.signal'), '');
  }

  /** Waits until it has left recovery. */
  async leads(): Promise<void> {
    const until = systemEnv.monotonic() + startLimitMs;
    for (;;) {
      const [row] = await this.sql<{ follows: boolean }>('select pg_is_in_recovery() as follows');
      if (row?.follows === false) return;
      if (systemEnv.monotonic() > until) throw new Error('The server does not leave recovery.');
      await systemEnv.sleep(20);
    }
  }
}

/** Puts files in the place of others, which are gone then. */
export async function putInPlace(files: string, place: string): Promise<void> {
  await rm(place, { recursive: true });
  await rename(files, place);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
