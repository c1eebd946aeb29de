// The cases are not blind: for each promise there is a store that breaks it, and its cases notice. The
// healthy store passes all of them in memory-store.test.ts.
import { storeCases } from '@perdure/core/engine';
import { afterAll, describe, expect, test } from 'vitest';
import { brokenClaims } from './broken-claims.js';
import { brokenCommits } from './broken-commits.js';
import { brokenReads } from './broken-reads.js';
import { brokenRests } from './broken-rests.js';
import { brokenStarts } from './broken-starts.js';
import { memoryWorld, type StoreClass } from './memory-world.js';

const brokenStores = [...brokenStarts, ...brokenClaims, ...brokenCommits, ...brokenRests, ...brokenReads];

/** Names of the cases that fail on a store. */
async function failing(Store: StoreClass): Promise<string[]> {
  const names = await Promise.all(storeCases.map(async ({ name, run }) => {
    try {
      await run(memoryWorld(Store));
      return [];
    } catch {
      return [name];
    }
  }));
  return names.flat();
}

describe('a store that breaks a promise is noticed', () => {
  const noticed = new Set<string>();

  const named = brokenStores.map((broken) => [broken.breaks, broken] as const);

  test.each(named)('%s', async (_breaks, broken) => {
    const found = await failing(broken.Store);
    for (const name of found) noticed.add(name);
    const missed = broken.noticed.filter((start) => !found.some((name) => name.startsWith(start)));
    expect(missed, `noticed only by: ${found.join('; ')}`).toEqual([]);
  });

  afterAll(() => {
    const blind = storeCases.filter(({ name }) => !noticed.has(name));
    expect(blind.map(({ name }) => name), 'cases that notice nothing').toEqual([]);
  });
});

test('every promise is broken once', () => {
  const promised = brokenStores.flatMap((broken) => broken.noticed);
  const unbroken = storeCases.filter(({ name }) => !promised.some((start) => name.startsWith(start)));
  expect(unbroken.map(({ name }) => name)).toEqual([]);
});
