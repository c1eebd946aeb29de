// Processes of PostgreSQL: how its programs are called, and who holds a data directory.
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Env } from '@perdure/core/engine';
import type { Account } from './account.js';

/**
 * What every PostgreSQL program is started with: its account, a folder it may stand in, and no PG* variables.
 */
export function programOptions(place: string, account: Account | undefined): {
  cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number; windowsHide: true;
} {
  const { PATH, SystemRoot } = process.env;
  const env: NodeJS.ProcessEnv = { PATH, SystemRoot, LC_ALL: 'C' };
  const options = { cwd: place, env, windowsHide: true as const };
  return account === undefined ? options : { ...options, uid: account.uid, gid: account.gid };
}

/** What a running server wrote into its data directory. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** Reads `postmaster.pid`; undefined where there is none, or only the beginning of one. */
export async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isInteger(pid) || pid === 0) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/** Whether a process with this id exists, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
  if (process.platform === 'win32') return '';
  const ps = promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]);
  return ps.then((result) => result.stdout, () => '');
}

/**
 * Sends the signals of a fast, an immediate and a forced shutdown, each after the one before had its time.
 */
export async function endServer(pid: number, env: Env, hasEnded: () => boolean): Promise<void> {
  for (const [signal, ms] of [['SIGINT', 30_000], ['SIGQUIT', 10_000], ['SIGKILL', 10_000]] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const end = env.monotonic() + ms;
    while (!hasEnded() && env.monotonic() < end) await env.sleep(10);
    if (hasEnded()) return;
  }
}

/**
 * Makes `data` free for a new server: ends one whose keeper was killed, and removes a pid file whose process
 * is gone or is some other program that got the number since. Call it only where no live keeper can be.
 */
export async function clearOrphan(data: string, env: Env): Promise<void> {
  const found = await readPostmaster(data);
  if (found === undefined) return;
  if (isAlive(found.pid) && (await commandLine(found.pid)).includes(data)) {
    await endServer(found.pid, env, () => !isAlive(found.pid));
  }
  await rm(join(data, 'postmaster.pid'), { force: true });
}
