// A share of `pnpm sim`: some seeds under faults, each of which ends as the reference says, and is the same
// story when it is told again. That violations are found at all is shown on databases that are broken on
// purpose. In processes of their own: there a simulation costs a tenth.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../dist-sim/main.js', import.meta.url));
const patienceMs = 120_000;

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

function sim(...options: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (text) => void (said += String(text)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, lines: said.split('\n') }));
  });
}

describe('generated workflows under faults', () => {
  test('keep every promise, and every kind of fault is suffered', async () => {
    const { code, lines } = await sim('--single', '--seeds=100');
    expect([code, lines.filter((line) => line.startsWith('VIOLATION'))]).toEqual([0, []]);
    expect(lines[0]).toMatch(/^100 seeds, \d{3,} runs, \d{5,} events, \d{3,} faults$/);
    expect(lines.filter((line) => /^ {2}[a-z-]+ +\d+ +[\d.]+ %$/.test(line)).length).toBe(10);
  }, patienceMs);

  test('are the same again by the same seed, and others by another', async () => {
    const tell = async (seed: number): Promise<string | undefined> => (await sim(`--seed=${seed}`)).lines[0];
    expect(await tell(1)).toMatch(/^seed 1: trace [0-9a-f]{16}, /);
    expect(await tell(1)).toBe(await tell(1));
    expect((await tell(1))?.slice(14)).not.toBe((await tell(2))?.slice(14));
  }, patienceMs);
});

describe('a database that is broken is found out', () => {
  test.each([
    ['stale-writes'], ['last-entry'], ['mail-stays'], ['waits-lost'], ['wake-ignored'], ['no-time'],
  ])('%s', async (broken) => {
    const { code, lines } = await sim('--single', '--seeds=100', `--broken=${broken}`);
    expect(lines.filter((line) => line.startsWith('VIOLATION')).length).toBe(1);
    expect(code).toBe(1);
  }, patienceMs);

  test('and the command that a smaller story is given with shows the same', async () => {
    const { lines } = await sim('--single', '--shrink', '--seeds=50', '--broken=mail-stays');
    const [, first] = /VIOLATION in seed \d+: ([a-z-]+):/.exec(lines.join('\n')) ?? [];
    const [, options] = /see it again with: pnpm sim (.*)$/.exec(lines.join('\n').trimEnd()) ?? [];
    const again = await sim(...options?.split(' ') ?? []);
    expect(options).toContain('--faults=');
    expect(again.code).toBe(1);
    expect(again.lines.join('\n')).toContain(`VIOLATION ${first}`);
  }, patienceMs);
});
