// A user's side of the keeper: joins one that runs, or starts one.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Env, Timer } from '@perdure/core/engine';
import { embeddedUnavailable } from './embedded-error.js';
import { firstLine } from './first-line.js';
import type { KeeperOrders, KeeperReport, KeeperState, KeeperWelcome } from './keeper-protocol.js';
import { isAlive } from './server-process.js';

const answerDeadlineMs = 30_000;

/** A place among the users of a running server. */
export interface KeeperLink {
  readonly welcome: KeeperWelcome;
  /**
   * Gives the place up; resolves when the keeper has noted it and, after the last user, the server has ended.
   */
  leave(): Promise<void>;
}

function leaveBy(socket: Socket): () => Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return () => {
    // From here on the answer is worth waiting for, so it holds the process.
    socket.ref();
    socket.end();
    return closed;
  };
}

async function answerOf(socket: Socket, env: Env): Promise<string | undefined> {
  let timer: Timer | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = env.after(answerDeadlineMs, () => resolve(undefined));
  });
  const line = await Promise.race([firstLine(socket), tooLate]);
  timer?.cancel();
  return line;
}

async function readState(stateFile: string): Promise<KeeperState | undefined> {
  const text = await readFile(stateFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw embeddedUnavailable(`${stateFile} cannot be read; does another account run the server?`, error);
  });
  return text === undefined ? undefined : (JSON.parse(text) as KeeperState);
}

/**
 * Becomes a user of the server whose keeper wrote `stateFile`. Undefined where no such keeper lives; a keeper
 * that lives but does not answer is an error, since its server must not be taken from its other users.
 */
export async function joinKeeper(stateFile: string, env: Env): Promise<KeeperLink | undefined> {
  const state = await readState(stateFile);
  if (state === undefined || !isAlive(state.pid)) return undefined;
  const socket = connect({ host: '127.0.0.1', port: state.port, allowHalfOpen: false });
  socket.on('error', () => socket.destroy());
  const leave = leaveBy(socket);
  socket.write(`${state.token}\n`);
  const line = await answerOf(socket, env);
  if (line !== undefined) {
    socket.unref();
    return { welcome: JSON.parse(line) as KeeperWelcome, leave };
  }
  if (socket.destroyed) return undefined;
  socket.destroy();
  throw embeddedUnavailable(`process ${state.pid}, which keeps the server of this directory, is silent`);
}

/** Starts a keeper and joins it. Call it only with the start turn, and where `joinKeeper` found nobody. */
export async function startKeeper(orders: KeeperOrders, env: Env): Promise<KeeperLink> {
  const program = fileURLToPath(new URL('./keeper.js', import.meta.url));
  // A group of its own, so that a Ctrl-C in the terminal reaches the users and not the server under them.
  const child = spawn(process.execPath, [program], {
    detached: true, stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true, cwd: orders.place,
  });
  const answer = new Promise<KeeperReport>((resolve) => {
    void firstLine(child.stdout).then((line) => {
      if (line !== undefined) resolve(JSON.parse(line) as KeeperReport);
    });
    child.once('error', (error) => resolve({ failure: String(error) }));
    child.once('exit', (code, signal) => resolve({ failure: `its keeper ended with ${code ?? signal}` }));
  });
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${JSON.stringify(orders)}\n`);
  try {
    const result = await answer;
    const link = 'failure' in result ? undefined : await joinKeeper(orders.stateFile, env);
    if (link !== undefined) return link;
    const reason = 'failure' in result ? result.failure : 'it ended at once';
    throw embeddedUnavailable(`the server did not start: ${reason}`);
  } finally {
    child.stdin.end();
    child.stdout.destroy();
    child.unref();
  }
}
