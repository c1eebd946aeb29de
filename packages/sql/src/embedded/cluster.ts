// The data directory: made once, whole or not at all, and never mistaken for another version's.
//
//   C1. `data` appears by one rename after initdb has ended well.
//   C2. Nothing that might be data is deleted: what is incomplete is set aside.
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Env } from '@perdure/core/engine';
import type { Account } from './account.js';
import { embeddedUnavailable, embeddedWrongVersion } from './embedded-error.js';
import { programOptions } from './server-process.js';

/** The superuser of an embedded server. */
export const superuser = 'perdure';

/** Where a data directory is to be, and what makes it. */
export interface ClusterPlan {
  /** The folder that holds `data`. */
  readonly place: string;
  /** The tree of binaries. */
  readonly server: string;
  readonly major: number;
  readonly account: Account | undefined;
}

// The password lies inside the data directory, so the two appear, move and vanish together.
const passwordFile = 'perdure-password';

/** The superuser's password. Only root and the account of the server can read it. */
export async function readPassword(data: string): Promise<string> {
  return (await readFile(join(data, passwordFile), 'utf8')).trim();
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

async function own(path: string, account: Account | undefined): Promise<void> {
  if (account !== undefined) await chown(path, account.uid, account.gid);
}

async function writePassword(path: string, account: Account | undefined, env: Env): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${env.newToken()}\n`);
    // initdb flushes what it writes; a password lost to a power cut would lock everybody out of the rest.
    await file.sync();
  } finally {
    await file.close();
  }
  await own(path, account);
}

async function initialise(plan: ClusterPlan, env: Env): Promise<void> {
  const draft = join(plan.place, `data.${env.newToken()}.new`);
  const password = `${draft}.password`;
  const program = join(plan.server, 'bin', 'initdb');
  try {
    await mkdir(draft, { mode: 0o700 });
    await chmod(draft, 0o700);
    await own(draft, plan.account);
    await writePassword(password, plan.account, env);
    const args = ['-D', draft, '-U', superuser, '-A', 'scram-sha-256', `--pwfile=${password}`,
      '--encoding=UTF8', '--locale=C', '--data-checksums'];
    await promisify(execFile)(program, args, programOptions(plan.place, plan.account));
    await rename(password, join(draft, passwordFile));
    await rename(draft, join(plan.place, 'data'));
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').slice(-3).join(' ');
    throw embeddedUnavailable(`initdb failed: ${said || String(error)}`, error);
  } finally {
    await rm(password, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function sweepDrafts(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (!/^data\..*\.new(\.password)?$/.test(name)) continue;
    await rm(join(place, name), { recursive: true, force: true });
  }
}

async function majorOf(data: string): Promise<number | undefined> {
  const major = Number(await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => ''));
  const whole = await exists(join(data, 'global', 'pg_control')) && await exists(join(data, passwordFile));
  return whole && major > 0 ? major : undefined;
}

/**
 * Returns the data directory, made now if there is none. Call it while nobody else can start a server here.
 * Throws EMBEDDED_WRONG_VERSION for data of another major version, EMBEDDED_UNAVAILABLE where initdb fails.
 */
export async function ensureCluster(plan: ClusterPlan, env: Env): Promise<string> {
  const data = join(plan.place, 'data');
  await sweepDrafts(plan.place);
  if (await exists(data)) {
    const found = await majorOf(data);
    if (found === plan.major) return data;
    if (found !== undefined) throw embeddedWrongVersion(plan.place, found, plan.major);
    const aside = join(plan.place, `data.incomplete.${env.newToken()}`);
    await rename(data, aside);
  }
  await initialise(plan, env);
  return data;
}
