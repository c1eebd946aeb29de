// docs/architecture.md maps the engine file by file: what is there is named, and what is named is there.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from './tidy/source.js';

const page = readFileSync(join(repository, 'docs/architecture.md'), 'utf8');
const packages = join(repository, 'packages');

/** Files below a folder, by path from it. */
function filesIn(folder: string): readonly string[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return all.filter((path) => path.endsWith('.ts') && !/(^|\/)(node_modules|dist[\w-]*)\//.test(path));
}

test('every file of the engine is named', () => {
  const mapped = filesIn(packages).filter((path) => /^[^/]+\/src\//.test(path));
  // Folders that the page names as a whole, and doors.
  const asOne = /\/(store-cases|embedded|migrations)\/|\/index\.ts$/;
  expect(mapped.length).toBeGreaterThan(100);
  expect(mapped.filter((path) => !asOne.test(path) && !page.includes(basename(path)))).toEqual([]);
});

test('every file that is named is there', () => {
  const names = new Set(filesIn(packages).map((path) => basename(path)));
  const named = [...page.matchAll(/(?<![*\w.-])[\w-]+(?:\.test)?\.ts\b/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});
