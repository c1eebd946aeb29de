// A client on a store that the test drives by hand, in memory and on PostgreSQL: what lies in inboxes, what a
// run writes, and what a transaction keeps to itself.
import { createClient, type Client, type ClientOptions } from '@perdure/client';
import type { Connection } from '@perdure/core';
import {
  nothing, systemEnv, type ClaimedRun, type Encoded, type Message, type MessageKind, type TurnEnd,
  type TurnExtras,
} from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { expect } from 'vitest';
import { freshEngine } from '../../testing/test/engine.js';

/** A transaction of any kind; the types of `Client` name those of applications only. */
export type AnyTx = never;

/** A database, a client on it, and hands on its runs. */
export interface World {
  readonly connection: Connection;
  readonly client: Client;
  /** Another client on this Connection. */
  clientWith(options: Partial<ClientOptions>): Client;
  /** Runs `body` in a transaction of the application's. */
  within(end: 'commit' | 'rollback', body: (tx: AnyTx) => Promise<void>): Promise<void>;
  /** Makes a run of this workflow ours. */
  claim(workflow: string): Promise<ClaimedRun>;
  /** What lies in the inbox of a run, in order. */
  inbox(run: ClaimedRun, kind?: MessageKind): Promise<readonly Message[]>;
  /** Writes what a turn of the run would. */
  write(run: ClaimedRun, more: Partial<TurnExtras> & { end?: TurnEnd }): Promise<void>;
}

/** How a run completes, as a turn says it. */
export const completes: TurnEnd = {
  kind: 'settle', status: 'completed', output: { codec: 'json', text: '"done"' }, error: null, tied: false,
};

/** A text as a stored value. */
export function json(value: unknown): Encoded {
  return { codec: 'json', text: JSON.stringify(value) };
}

/** A world on each store. Call it at the top level of a test file. */
export async function worlds(): Promise<ReadonlyArray<readonly [name: string, world: World]>> {
  const memory = memoryConnection();
  const engine = await freshEngine();
  return [
    ['memory', worldOf(memory, async (end, body) => {
      const tx = memory.store.begin();
      await body(tx as never);
      if (end === 'commit') tx.commit();
      else tx.rollback();
    })],
    ['postgres', worldOf(engine.connection, async (end, body) => {
      const tx = await engine.pool.connect();
      try {
        await tx.query('begin');
        await body(tx as never);
      } finally {
        await tx.query(end);
        tx.release();
      }
    })],
  ];
}

function worldOf(connection: Connection, within: World['within']): World {
  const { store } = connection;
  return {
    connection,
    client: createClient({ connection }),
    clientWith: (options) => createClient({ connection, ...options }),
    within,
    claim: async (workflow) => {
      const served = [{ queue: 'default', workflow, version: null, stamp: null }];
      const { runs } = await store.claim({
        claimId: systemEnv.newToken(), served, limit: 1, suspects: false, leaseMs: 600_000, sweep: true,
      });
      expect(runs.length).toBe(1);
      return runs[0]!;
    },
    inbox: async ({ lease }, kind = 'signal') => {
      const [mail] = await store.readMail([{ lease, boxes: [{ kind, name: null }] }]);
      return mail!.messages.filter((message) => message.kind === kind);
    },
    write: async ({ lease }, { attributes = [], chunks = [], end = null }) => {
      const more = { attributes, chunks };
      const [answer] = await store.commit([{ lease, entries: [], calls: [], closed: [], end, more }]);
      expect(answer).toMatchObject({ kind: 'done' });
    },
  };
}

/** How a run ends with an error. */
export function endsWith(status: 'failed' | 'cancelled', error: string): TurnEnd {
  return { kind: 'settle', status, output: nothing, error, tied: false };
}
