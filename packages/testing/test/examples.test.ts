// Every example prints what its last comment says it prints, in each of the modes of behaviour-world.ts: in
// those that are not normal it is given stand-ins for the packages of the engine.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { mode } from './behaviour-world.js';
import { freshDatabase } from './database.js';
import { repository } from './tidy/source.js';

const folder = join(repository, 'examples');
const examples = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));
const standIns = join(repository, 'packages/dist-test/testing/test/stand-ins/register-stand-ins.js');
const preloaded = mode === 'normal' ? [] : ['--import', pathToFileURL(standIns).href];
const url = await freshDatabase();

function promisedOutput(name: string): string {
  const [, promised] = readFileSync(join(folder, name), 'utf8').split('// Output:\n');
  if (promised === undefined) throw new Error(`examples/${name} does not say what it prints.`);
  return promised.replaceAll(/^\/\/ ?/gm, '');
}

test('there are examples', () => {
  expect(examples.length).toBeGreaterThanOrEqual(3);
});

/** Runs an example as a process of its own, in this mode. */
async function run(name: string, ...more: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const program = join(folder, 'dist', name.replace(/\.ts$/, '.js'));
  const env = { ...process.env, DATABASE_URL: url };
  return promisify(execFile)(process.execPath, [...preloaded, ...more, program], { env });
}

test.concurrent.each(examples)('%s', { timeout: 60_000 }, async (name) => {
  const { stdout, stderr } = await run(name);
  expect(stdout, stderr).toBe(promisedOutput(name));
});

// Preloaded into a program: when it ends, it says what its engine published.
const published = `data:text/javascript,${encodeURIComponent(`
  import { subscribe } from 'node:diagnostics_channel';
  const seen = new Set();
  for (const name of ['step.started', 'step.replayed', 'run.lost']) {
    subscribe('perdure:' + name, () => seen.add(name));
  }
  process.on('exit', () => console.log([...seen].sort().join(' ')));
`)}`;
const expected = {
  normal: 'step.started', evict: 'step.replayed step.started', poll: 'step.started',
  crash: 'run.lost step.replayed step.started',
};

// Guards the stand-ins: an example that does not get them passes in every mode.
test('examples run in this mode', { timeout: 60_000 }, async () => {
  const { stdout } = await run('07-agent.ts', '--import', published);
  expect(stdout.trim().split('\n').at(-1)).toBe(expected[mode]);
});

test.each(examples)('%s is short enough to be read at one go', (name) => {
  expect(readFileSync(join(folder, name), 'utf8').split('\n').length).toBeLessThanOrEqual(81);
});
