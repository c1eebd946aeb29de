// Every example prints what its last comment says it prints.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freshDatabase } from './database.js';
import { repository } from './tidy/source.js';

const folder = join(repository, 'examples');
const examples = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));
const url = await freshDatabase();

function promisedOutput(name: string): string {
  const [, promised] = readFileSync(join(folder, name), 'utf8').split('// Output:\n');
  if (promised === undefined) throw new Error(`examples/${name} does not say what it prints.`);
  return promised.replaceAll(/^\/\/ ?/gm, '');
}

test('there are examples', () => {
  expect(examples.length).toBeGreaterThanOrEqual(3);
});

test.concurrent.each(examples)('%s', { timeout: 60_000 }, async (name) => {
  const program = join(folder, 'dist', name.replace(/\.ts$/, '.js'));
  const env = { ...process.env, DATABASE_URL: url };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { env });
  expect(stdout, stderr).toBe(promisedOutput(name));
});

test.each(examples)('%s is short enough to be read at one go', (name) => {
  expect(readFileSync(join(folder, name), 'utf8').split('\n').length).toBeLessThanOrEqual(81);
});
