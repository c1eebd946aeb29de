// One starter at a time in a directory, without a lock that a killed process would leave closed.
//
//   T1. A claim is a file that names its process; whoever finds no live claim beside its own has the turn.
//   T2. A claim is made before the others are looked at, so of two starters at least one sees the other.
//   T3. Of two that wait, the one with the larger name withdraws; so somebody always gets the turn.
//
// A process id can be used again, so a claim also ends by age. Should a starter really take longer than that,
// PostgreSQL's own lock on its data directory still keeps a second server out.
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@perdure/core/engine';
import { embeddedUnavailable } from './embedded-error.js';
import { isAlive } from './server-process.js';

const longestTurnMs = 120_000;

async function isLive(path: string, env: Env): Promise<boolean> {
  const made = await stat(path).then((found) => found.mtimeMs, () => undefined);
  if (made === undefined) return false;
  const pid = Number(path.split('/').at(-1)?.split('-')[0]);
  if (isAlive(pid) && env.wallTime() - made < longestTurnMs) return true;
  await rm(path, { force: true });
  return false;
}

async function liveRivals(folder: string, own: string, env: Env): Promise<string[]> {
  const rivals: string[] = [];
  for (const name of await readdir(folder)) {
    if (name !== own && (await isLive(`${folder}/${name}`, env))) rivals.push(name);
  }
  return rivals;
}

/** Waits until this process is the only starter in `directory`. Call the result to let the next one in. */
export async function takeStartTurn(directory: string, env: Env): Promise<() => Promise<void>> {
  const folder = join(directory, 'starting');
  await mkdir(folder, { recursive: true });
  const own = `${process.pid}-${env.newToken()}`;
  const path = join(folder, own);
  const end = env.monotonic() + 2 * longestTurnMs;
  let claimed = false;
  while (env.monotonic() < end) {
    if (!claimed) await writeFile(path, '');
    const rivals = await liveRivals(folder, own, env);
    if (rivals.length === 0) return () => rm(path, { force: true });
    claimed = rivals.every((name) => own < name);
    if (!claimed) await rm(path, { force: true });
    await env.sleep(20 + 30 * env.random());
  }
  await rm(path, { force: true });
  throw embeddedUnavailable(`another process has been starting the server in ${directory} for minutes`);
}
