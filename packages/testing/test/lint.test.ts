// The linter is part of the suite: a promise that nobody awaits is an error, in tests and examples too.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from './tidy/source.js';

function lint(cwd: string): { status: number | null; output: string } {
  const program = join(repository, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    cwd, env: { ...process.env, OXLINT_TSGOLINT_PATH: join(repository, 'node_modules', '.bin', 'tsgolint') },
  });
  return { status, output: `${stdout.toString()}${stderr.toString()}` };
}

test('the linter has nothing to say', { timeout: 120_000 }, () => {
  const { status, output } = lint(repository);
  expect(status, output).toBe(0);
});

test('the linter sees a floating promise', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-lint-'));
  try {
    copyFileSync(join(repository, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "strict": true } }');
    writeFileSync(join(folder, 'sample.ts'), 'export const f = async (): Promise<void> => {};\nf();\n');
    const { status, output } = lint(folder);
    expect(output).toContain('no-floating-promises');
    expect(status).not.toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
