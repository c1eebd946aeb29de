// A Connection of one simulated process to the model database.
import { WorkflowError, type Connection } from '@perdure/core';
import { unbroken, type Adopter } from '@perdure/core/engine';
import { SimHints, type HintExchange } from './sim-hints.js';
import { SimLeaseKeeper } from './sim-lease-keeper.js';
import { simStore } from './sim-store.js';
import { simStepTransactions, SimTransaction, simTransactor, type Business } from './sim-transaction.js';
import type { Wire } from './wire.js';

/** What connections of one world share. */
export interface SharedParts {
  readonly exchange: HintExchange;
  readonly business: Business;
}

/** Connects a process. */
export function simConnection(wire: Wire, { exchange, business }: SharedParts): Connection {
  const close = (): Promise<void> => Promise.resolve();
  return {
    store: simStore(wire),
    continuity: unbroken,
    hints: new SimHints(wire.parts.process, exchange),
    adopters: new Set<Adopter>(),
    within: async (transaction) => {
      if (transaction instanceof SimTransaction && transaction.open) return transaction;
      throw new WorkflowError('NOT_A_TRANSACTION', 'This is no open transaction of the simulation.');
    },
    transactor: simTransactor(wire, business),
    stepTransactions: simStepTransactions,
    keepLeases: (options) => new SimLeaseKeeper(wire, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}
