// The cases are not blind: for each promise there is a store that breaks it, and its cases notice. The
// healthy store passes all of them in memory-store.test.ts.
import { storeCases, type StoreCase } from '@perdure/core/engine';
import { afterAll, describe, expect, test } from 'vitest';
import { brokenAgreements } from './broken-agreements.js';
import { brokenCarries } from './broken-carries.js';
import { brokenClaims } from './broken-claims.js';
import { brokenClosings } from './broken-closings.js';
import { brokenCommits } from './broken-commits.js';
import { brokenDetails } from './broken-details.js';
import { brokenEvents } from './broken-events.js';
import { brokenGenerations } from './broken-generations.js';
import { brokenMail } from './broken-mail.js';
import { brokenPriorities } from './broken-priorities.js';
import { brokenReads } from './broken-reads.js';
import { brokenRemovals } from './broken-removals.js';
import { brokenRests } from './broken-rests.js';
import { brokenShown } from './broken-shown.js';
import { brokenStarts } from './broken-starts.js';
import type { BrokenStore } from './broken-store.js';
import { brokenTies } from './broken-ties.js';
import { brokenVerbs } from './broken-verbs.js';
import { memoryWorld, type StoreClass } from './memory-world.js';

const brokenStores = [
  ...brokenStarts, ...brokenClaims, ...brokenCommits, ...brokenRests, ...brokenReads, ...brokenMail,
  ...brokenCarries, ...brokenTies, ...brokenClosings, ...brokenEvents, ...brokenShown, ...brokenPriorities,
  ...brokenGenerations, ...brokenVerbs, ...brokenRemovals, ...brokenDetails,
  ...brokenAgreements,
];

/** The cases that a store must fail by what it breaks. */
function promisedBy({ noticed }: BrokenStore): StoreCase[] {
  return storeCases.filter(({ name }) => noticed.some((start) => name.startsWith(start)));
}

/** Names of those of the cases that fail on a store. */
async function failing(Store: StoreClass, cases: readonly StoreCase[]): Promise<string[]> {
  const names = await Promise.all(cases.map(async ({ name, run }) => {
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
    const found = await failing(broken.Store, promisedBy(broken));
    for (const name of found) noticed.add(name);
    const missed = broken.noticed.filter((start) => !found.some((name) => name.startsWith(start)));
    const others = missed.length === 0 ? [] : await failing(broken.Store, storeCases);
    expect(missed, `noticed only by: ${others.join('; ')}`).toEqual([]);
  });

  afterAll(() => {
    const blind = storeCases.filter(({ name }) => !noticed.has(name));
    expect(blind.map(({ name }) => name), 'cases that notice nothing').toEqual([]);
  });
});

test('every promise is broken once', () => {
  const promised = new Set(brokenStores.flatMap(promisedBy));
  const unbroken = storeCases.filter((each) => !promised.has(each));
  expect(unbroken.map(({ name }) => name)).toEqual([]);
});
