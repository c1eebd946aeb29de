// The contract of the Store port as code: one case a promise, free of any test framework. Every store runs
// all of them; where the prose of the port and a case differ, the case is right.
import { claimCases } from './store-cases/claim-cases.js';
import { entryCases } from './store-cases/entry-cases.js';
import { fenceCases } from './store-cases/fence-cases.js';
import { lockCases } from './store-cases/lock-cases.js';
import { quarantineCases } from './store-cases/quarantine-cases.js';
import { readCases } from './store-cases/read-cases.js';
import { reissueCases } from './store-cases/reissue-cases.js';
import { restCases } from './store-cases/rest-cases.js';
import { startCases } from './store-cases/start-cases.js';
import type { StoreCase } from './store-cases/store-world.js';

export type { StoreCase, StoreWorld } from './store-cases/store-world.js';

/** Every case. Give each a world of its own: `for (const { name, run } of storeCases) test(name, …)`. */
export const storeCases: readonly StoreCase[] = [
  ...startCases, ...claimCases, ...fenceCases, ...entryCases, ...restCases, ...quarantineCases,
  ...reissueCases, ...lockCases, ...readCases,
];
