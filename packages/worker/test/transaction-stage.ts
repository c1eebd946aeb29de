// One transactional step at a time, on a lease that the test claimed by hand.
import {
  workflow, type IsolationLevel, type SqlRunner, type Transactor,
} from '@perdure/core';
import {
  systemEnv, TransactionalSteps, type Lease, type TransactionAttempt, type TransactionOutcome,
  type TurnAnswer,
} from '@perdure/core/engine';
import pg from 'pg';
import { afterAll, beforeEach, expect } from 'vitest';
import { freshStage, until, type Stage } from './stage.js';

export const leaseMs = 5_000;

/** How a step is performed; everything has a default. */
export interface Performing {
  readonly of: Lease;
  readonly place?: string;
  readonly by?: TransactionalSteps;
  readonly timeoutMs?: number;
  readonly isolationLevel?: IsolationLevel;
  readonly abandoned?: AbortSignal;
  /** Collects what is asked of the run: positions, what was undone, and why the body was stopped. */
  readonly told?: unknown[];
}

/** A stage with wares to sell, and what a test does with a step. */
export interface Shop extends Stage {
  sell(tx: SqlRunner, run: string): Promise<void>;
  /** How often a run has sold. */
  sales(run: string): Promise<number>;
  take(tx: SqlRunner, sku: string): Promise<void>;
  /** A pool of its own, which says nothing when a connection breaks. */
  poolOn(url: string, max?: number): pg.Pool;
  /** Waits until nobody holds the row of a run. */
  free(run: string): Promise<unknown>;
  /** Starts a run and claims it. */
  lease(id: string): Promise<Lease>;
  /** One item of a commit that extends the lease, sent once. */
  renew(of: Lease, ms?: number): Promise<TurnAnswer>;
  /** Steps of a worker; `extended` counts its extensions, which wait for `back`. */
  steps(
    transactor?: Transactor<unknown> | null, back?: Promise<void>): TransactionalSteps & { extended: number };
  perform(options: Performing, body: (tx: SqlRunner) => unknown): Promise<TransactionOutcome>;
}

type Steps = Pick<Shop, 'lease' | 'renew' | 'steps' | 'perform'>;

/** Makes a shop on an empty database. Call it at the top level of a test file. */
export async function freshShop(): Promise<Shop> {
  const stage = await freshStage();
  const { sql } = stage;
  await sql(`create table wares (sku text primary key, stock int);
    create table sold (run text, what text)`);
  const pools: pg.Pool[] = [];
  beforeEach(async () => {
    await sql("delete from sold; delete from wares; insert into wares values ('tea', 10), ('mug', 10)");
  });
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));
  return {
    ...stage,
    ...stepsOn(stage),
    sell: async (tx, run) => void await tx.query("insert into sold values ($1, 'tea')", [run]),
    sales: async (run) => (await sql('select from sold where run = $1', [run])).length,
    take: async (tx, sku) => void await tx.query('update wares set stock = stock - 1 where sku = $1', [sku]),
    poolOn: (url, max = 10) => {
      const pool = new pg.Pool({ connectionString: url, max });
      pool.on('error', () => undefined);
      pool.on('connect', (each) => each.on('error', () => undefined));
      pools.push(pool);
      return pool;
    },
    free: (run) => until(async () => (await sql(
      'select from perdure.ready where id = $1 for update skip locked', [run])).length === 1),
  };
}

function stepsOn({ client, connection }: Stage): Steps {
  const { store } = connection;
  const renew = async (of: Lease, ms = leaseMs): Promise<TurnAnswer> => {
    const [answer] = await store.commit([{
      lease: of, entries: [], calls: [], closed: [],
      end: { kind: 'renew', leaseMs: ms, quarantine: 'keep' }, more: null,
    }]);
    return answer!;
  };
  const steps: Steps['steps'] = (transactor = connection.transactor, back) => {
    const made: TransactionalSteps = new TransactionalSteps({
      env: systemEnv, leaseMs, transactor, sql: connection.stepTransactions,
      extend: async (of, ms) => {
        counted.extended++;
        await back;
        for (;;) {
          const { kind } = await renew(of, ms);
          if (kind !== 'busy') return kind === 'lost' ? 'lost' : 'held';
          await systemEnv.sleep(5);
        }
      },
      read: async (of) => (await store.readHistories([of]))[0]!,
    });
    const counted = Object.assign(made, { extended: 0 });
    return counted;
  };
  return {
    steps,
    renew,
    lease: async (id) => {
      // A workflow of its own: nothing else is due in its line.
      await client.start(workflow(id, async () => undefined), undefined, { id });
      const { runs } = await store.claim({
        claimId: systemEnv.newUuid(), limit: 1, suspects: false, leaseMs, sweep: true,
        served: [{ queue: 'default', workflow: id, version: null, stamp: null }],
      });
      expect(runs.map((run) => run.lease.runId)).toEqual([id]);
      return runs[0]!.lease;
    },
    perform: ({ of, by = steps(), place = '1', told = [], ...options }, body) => {
      const { timeoutMs = null, isolationLevel = 'read committed' } = options;
      let position = 0;
      const attempt: TransactionAttempt = {
        lease: of, place,
        request: {
          kind: 'transaction', name: 'sell', retry: null as never, timeoutMs, isolationLevel,
          body: body as never,
        },
        step: { name: 'sell', attempt: 1 } as never,
        abandoned: options.abandoned ?? new AbortController().signal,
        rowHeld: () => undefined,
        rowFree: () => undefined,
        nextPosition: () => {
          told.push(`position ${++position}`);
          return position;
        },
        undone: () => void told.push('undone'),
        stop: (reason) => void told.push(reason),
        absolves: () => false,
    mistake: (fault) => void told.push(fault),
      };
      return by.perform(attempt);
    },
  };
}
