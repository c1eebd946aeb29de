// All mutants.
import { clientMutants } from './client-mutants.js';
import { memoryMutants } from './memory-mutants.js';
import type { Mutant } from './mutant.js';
import { performingMutants } from './performing-mutants.js';
import { replayMutants } from './replay-mutants.js';
import { sqlMutants } from './sql-mutants.js';
import { transactionMutants } from './transaction-mutants.js';
import { workerMutants } from './worker-mutants.js';

/** Every mistake that must be noticed. */
export const mutants: readonly Mutant[] = [
  ...replayMutants, ...performingMutants, ...workerMutants, ...transactionMutants, ...clientMutants,
  ...memoryMutants, ...sqlMutants,
];
