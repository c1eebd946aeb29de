// The tools work where a user has them: in a test file of node:test, and in one of vitest.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(
  new URL('../../dist-test/testing/test/test-env-runner-program.js', import.meta.url));
const runners = fileURLToPath(new URL('./runners', import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

/** What a process says, and how it ends. */
async function said(...args: readonly string[]): Promise<{ code: unknown; text: string }> {
  // A test process of a user knows nothing of the one that it is started by.
  const { VITEST: _a, VITEST_WORKER_ID: _b, VITEST_POOL_ID: _c, NODE_OPTIONS: _d, ...env } = process.env;
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()));
  const [code] = await once(child, 'close') as [unknown];
  return { code, text };
}

test('under node:test', { timeout: 60_000 }, async () => {
  const { code, text } = await said('--test', '--test-reporter=tap', program);
  expect([code, text]).toEqual([0, expect.stringMatching(/# pass 2\n[\s\S]*# fail 0/)]);
});

test('under vitest', { timeout: 60_000 }, async () => {
  const { code, text } = await said(vitest, 'run', '--root', runners, '--no-color');
  expect([code, text]).toEqual([0, expect.stringMatching(/Tests +2 passed/)]);
});
