// The keeper: a small process of its own that runs one server for as long as anybody uses it.
//
//   K1. A user is a connection. The kernel closes it however its process ends, kill -9 included.
//   K2. Until its orders are carried out the starter counts as a user: its stdin.
//   K3. When the last user has left, the server is shut down fast and the keeper ends.
//   K4. From the moment the shutdown begins nobody can join: the state file goes first, then the listening
//       port.
import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync, fstatSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { systemEnv } from '@perdure/core/engine';
import { firstLine } from './first-line.js';
import type { KeeperOrders, KeeperReport, KeeperState, KeeperWelcome } from './keeper-protocol.js';
import { endServer, programOptions, readPostmaster } from './server-process.js';

const env = systemEnv;
const largestLogBytes = 1024 * 1024;
const startDeadlineMs = 120_000;
// A killed server's children hold its memory for a moment, and a port that was free can be taken: both pass.
const passing = /already exists|pre-existing shared memory|could not (bind|create any TCP\/IP sockets)/;

interface RunningServer {
  readonly child: ChildProcess;
  readonly port: number;
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function freePort(wanted: number): Promise<number> {
  const probe = createServer();
  const port = await listenOn(probe, wanted).catch(() => listenOn(probe, 0));
  await new Promise((closed) => probe.close(closed));
  return port;
}

/**
 * The port of the server before this one: its keeper ended well (`.last`) or was killed. 0 where there is
 * none.
 */
function previousPort(stateFile: string): number {
  for (const file of [stateFile, `${stateFile}.last`]) {
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as KeeperState).serverPort;
    } catch {
      // Not there, or cut short: any port will do.
    }
  }
  return 0;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function spawnServer(orders: KeeperOrders, port: number, log: number): ChildProcess {
  const settings = Object.entries(orders.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', orders.data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1',
    '-c', 'unix_socket_directories=', ...settings];
  return spawn(join(orders.server, 'bin', 'postgres'), args, {
    ...programOptions(orders.place, orders.account), stdio: ['ignore', log, log],
  });
}

/** Starts the server once. Returns it when it accepts connections, or what it said instead. */
async function tryServer(orders: KeeperOrders, port: number, end: number): Promise<RunningServer | string> {
  const log = openSync(orders.logFile, 'a', 0o600);
  if (fstatSync(log).size > largestLogBytes) ftruncateSync(log, 0);
  const from = fstatSync(log).size;
  const child = spawnServer(orders, port, log);
  closeSync(log);
  const failed = new Promise<string>((resolve) => child.once('error', (error) => resolve(String(error))));
  while (!hasEnded(child) && child.pid !== undefined && env.monotonic() < end) {
    const found = await readPostmaster(orders.data);
    if (found?.pid === child.pid && found.ready) return { child, port };
    await env.sleep(10);
  }
  if (child.pid === undefined) return failed;
  if (!hasEnded(child)) await endServer(child.pid, env, () => hasEnded(child));
  return readFileSync(orders.logFile).subarray(from).toString().trim();
}

async function startServer(orders: KeeperOrders): Promise<RunningServer> {
  const end = env.monotonic() + startDeadlineMs;
  let wanted = previousPort(orders.stateFile);
  for (;;) {
    const result = await tryServer(orders, await freePort(wanted), end);
    if (typeof result !== 'string') return result;
    if (!passing.test(result) || env.monotonic() > end) throw new Error(result);
    wanted = 0;
    await env.sleep(100);
  }
}

/** Counts the users of a running server and ends it after the last one. */
class Keeper {
  readonly #orders: KeeperOrders;
  readonly #server: RunningServer;
  readonly #users = new Set<Socket>();
  readonly #listener = createServer({ allowHalfOpen: true }, (socket) => this.#admit(socket));
  #starterHere = true;
  #ending = false;

  constructor(orders: KeeperOrders, server: RunningServer) {
    this.#orders = orders;
    this.#server = server;
    server.child.once('exit', () => this.#serverGone());
    process.on('SIGTERM', () => void this.#end());
  }

  async open(): Promise<void> {
    const { token, stateFile } = this.#orders;
    const port = await listenOn(this.#listener, 0);
    const state: KeeperState = { pid: process.pid, port, token, serverPort: this.#server.port };
    writeFileSync(`${stateFile}.${token}`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${stateFile}.${token}`, stateFile);
  }

  starterLeft(): void {
    this.#starterHere = false;
    this.#endIfUnused();
  }

  #admit(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#leave(socket));
    socket.on('end', () => this.#leave(socket));
    void firstLine(socket).then((line) => {
      if (line !== this.#orders.token || this.#ending) {
        socket.destroy();
        return;
      }
      this.#users.add(socket);
      const { version, data } = this.#orders;
      const welcome: KeeperWelcome = { port: this.#server.port, version, data };
      socket.write(`${JSON.stringify(welcome)}\n`);
    });
  }

  #leave(socket: Socket): void {
    const wasUser = this.#users.delete(socket);
    this.#endIfUnused();
    // Whoever left last is let go when the server has ended, so that its stop() means what it says.
    if (wasUser && this.#ending) this.#server.child.once('exit', () => socket.end());
    else socket.end();
  }

  #endIfUnused(): void {
    if (this.#users.size === 0 && !this.#starterHere) void this.#end();
  }

  async #end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#forget();
    this.#listener.close();
    const { child } = this.#server;
    if (child.pid !== undefined) await endServer(child.pid, env, () => hasEnded(child));
  }

  #forget(): void {
    try {
      renameSync(this.#orders.stateFile, `${this.#orders.stateFile}.last`);
    } catch {
      // The whole directory may be gone already: a test that cleans up does not wait for us.
      rmSync(this.#orders.stateFile, { force: true });
    }
  }

  #serverGone(): void {
    if (!this.#ending) this.#forget();
    // One turn for the goodbyes that wait for the same event.
    env.nextTurn(() => process.exit(0));
  }
}

function report(answer: KeeperReport): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function main(text: string): Promise<void> {
  const orders = JSON.parse(text) as KeeperOrders;
  let starterLeft = false;
  let keeper: Keeper | undefined;
  process.stdin.on('close', () => {
    starterLeft = true;
    keeper?.starterLeft();
  });
  const server = await startServer(orders);
  keeper = new Keeper(orders, server);
  await keeper.open();
  report({ ready: true });
  if (starterLeft) keeper.starterLeft();
}

// The terminal's Ctrl-C and its closing are for the users; the server goes when they have gone.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
// The starter may be dead: an answer to nobody is no reason to leave the server without a keeper.
process.stdout.on('error', () => undefined);
const orders = await firstLine(process.stdin);
if (orders !== undefined) {
  await main(orders).catch((error: unknown) => {
    report({ failure: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
    process.stdin.destroy();
  });
}
