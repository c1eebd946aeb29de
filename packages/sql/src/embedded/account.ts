// Who runs the server, and where its files can lie.
//
// PostgreSQL refuses to run as root. Started by root, it runs as an account that exists and owns nothing;
// where that account cannot reach the project, binaries and data lie in a temporary folder of its own, and
// the project keeps a pointer to it.
import { chown, mkdtemp, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { embeddedUnavailable } from './embedded-error.js';

/** An account of this machine that the server runs as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

// `postgres` comes late: where it exists it owns somebody's real data.
const preferred = ['nobody', 'daemon', 'postgres'];

/** The account for the server, or undefined to run it as whoever we are. Throws EMBEDDED_UNAVAILABLE. */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.split(':'));
  for (const name of preferred) {
    const [, , uid, gid] = lines.find((line) => line[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined && Number(uid) !== 0) {
      return { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
    }
  }
  const accounts = preferred.join(', ');
  throw embeddedUnavailable(`PostgreSQL does not run as root, and there is no account ${accounts}`);
}

/** Whether `account` may pass through every folder down to `path`, by their modes. */
async function canReach(path: string, account: Account): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  return dirname(path) === path || canReach(dirname(path), account);
}

async function ownTemporaryFolder(account: Account): Promise<string> {
  for (const parent of new Set([tmpdir(), '/var/tmp', '/tmp'])) {
    const real = await realpath(parent).catch(() => undefined);
    if (real === undefined || !(await canReach(real, account))) continue;
    const folder = await mkdtemp(join(real, 'perdure-'));
    await chown(folder, account.uid, account.gid);
    return folder;
  }
  const reason = `the account ${account.name} can reach neither the project nor a temporary folder`;
  throw embeddedUnavailable(reason);
}

/**
 * The folder that holds binaries and data: `directory` itself where the account can reach it, else a
 * temporary folder that `directory/place` points to. A pointer to what is gone or belongs to somebody else
 * counts as none.
 */
export async function choosePlace(directory: string, account: Account | undefined): Promise<string> {
  if (account === undefined) return directory;
  const pointer = join(directory, 'place');
  const pointed = (await readFile(pointer, 'utf8').catch(() => '')).trim();
  if (pointed !== '') {
    const owner = await stat(pointed).then((found) => found.uid, () => undefined);
    if (owner === account.uid) return pointed;
  }
  if (await canReach(directory, account)) return directory;
  const folder = await ownTemporaryFolder(account);
  await writeFile(pointer, `${folder}\n`);
  return folder;
}
