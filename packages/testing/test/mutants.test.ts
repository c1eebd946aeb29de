// Mutants, small: all of them still apply, and three of them die. `pnpm mutants` tries every one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mutants } from '../mutants/mutants.js';

// As the compiler left it: it starts processes, and finds its files beside itself.
type Campaign = typeof import('../mutants/campaign.js');
type EditedSource = typeof import('../mutants/edited-source.js');
const built = (file: string): string => new URL(`../dist-mutants/${file}.js`, import.meta.url).href;
const { campaign } = await import(built('campaign')) as Campaign;
const { editedText, loadedFor } = await import(built('edited-source')) as EditedSource;

const folder = await mkdtemp(join(tmpdir(), 'perdure-mutants-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

test('each has a name of its own, and names what kills it', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(40);
  const idle = mutants.filter(({ killers, breaks }) => breaks === '' || killers.length === 0 ||
    killers.some(({ tests }) => tests.length === 0));
  expect(idle.map(({ name }) => name)).toEqual([]);
});

test('each still applies', () => {
  const stale = mutants.flatMap((mutant) => {
    try {
      return editedText(mutant) === '' ? [mutant.name] : [];
    } catch (error) {
      return [String(error)];
    }
  });
  expect(stale).toEqual([]);
});

test('one that does not apply is told', () => {
  const [first] = mutants;
  expect(() => loadedFor({ ...first!, find: 'stands nowhere' })).toThrow(/is stale: its text stands 0 times/);
  expect(() => loadedFor({ ...first!, find: '\n' })).toThrow(/is stale/);
});

describe('a campaign', { timeout: 120_000 }, () => {
  const url = process.env['PERDURE_TEST_URL'] ?? '';
  const named = (...names: readonly string[]) => mutants.filter(({ name }) => names.includes(name));
  const around = { folder, url, told: () => undefined };

  test('kills what its checks notice', async () => {
    const some = named('epoch-not-compared', 'key-depends-on-the-attempt', 'recorded-call-begun-again');
    const { outcomes, troubles } = await campaign(some, around);
    expect(troubles).toEqual([]);
    expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['killed', 'killed', 'killed']);
  });

  test('says what survives, and which check is of no use', async () => {
    const [some] = named('epoch-not-compared');
    const harmless = { ...some!, name: 'harmless', replace: some!.find };
    const [killer] = some!.killers;
    const unknown = { ...some!, name: 'unknown', killers: [{ ...killer!, tests: ['no such test'] }] };
    const { outcomes, troubles } = await campaign([harmless, unknown], around);
    expect(Object.fromEntries(outcomes.map(({ mutant, verdict }) => [mutant.name, verdict.kind])))
      .toEqual({ harmless: 'survived', unknown: 'void' });
    expect(troubles).toEqual([expect.stringContaining("has no test 'no such test'")]);
  });
});
