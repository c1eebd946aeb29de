// What transactional steps need of their worker: leases extended apart from what their runs write, and
// records read back where a COMMIT had no answer. The steps themselves:
// packages/core/src/transactional-step.ts.
import type { Connection, Transactor } from '@perdure/core';
import {
  TransactionalSteps, type Env, type History, type Lease, type Transactions, type TurnAnswer, type TurnWrite,
} from '@perdure/core/engine';
import { Lane } from './lane.js';
import type { Outage } from './outage.js';

/** What they are made of. */
export interface TransactionsOptions {
  readonly env: Env;
  readonly outage: Outage;
  readonly leaseMs: number;
  readonly connection: Connection;
  /** Null: that of the connection. */
  readonly transactor: Transactor<unknown> | null;
}

interface Extension {
  readonly lease: Lease;
  readonly ms: number;
  readonly quarantine: 'keep' | 'absolve';
}

/** Makes the transactional steps of a worker. */
export function transactionsOf(
  { env, outage, leaseMs, connection, transactor }: TransactionsOptions,
): Transactions {
  const { store, continuity } = connection;
  const extensions = new Lane<Extension, TurnAnswer>({
    env, outage, continuity, what: 'leases', isBusy: ({ kind }) => kind === 'busy',
    ask: (items) => store.commit(items.map(renewal)),
  });
  const records = new Lane<Lease, History>({
    env, outage, continuity, what: 'records', ask: (leases) => store.readHistories(leases),
  });
  return new TransactionalSteps({
    env, leaseMs, transactor: transactor ?? connection.transactor, sql: connection.stepTransactions,
    extend: async (lease, ms, quarantine) => (
      (await extensions.add({ lease, ms, quarantine })).kind === 'lost' ? 'lost' : 'held'),
    read: (lease) => records.add(lease),
  });
}

function renewal({ lease, ms, quarantine }: Extension): TurnWrite {
  return {
    lease, entries: [], calls: [], closed: [],
    end: { kind: 'renew', leaseMs: ms, quarantine }, more: null,
  };
}
