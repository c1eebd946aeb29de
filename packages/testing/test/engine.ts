// The engine on an empty database of the suite's server, for one test file: connections, workers that end
// with their test, and what stands in the tables.
import { createClient, type Client } from '@perdure/client';
import type { Connection, Logger, Workflow } from '@perdure/core';
import { connect } from '@perdure/sql';
import { createWorker, type Worker, type WorkerOptions } from '@perdure/worker';
import pg from 'pg';
import { afterAll, afterEach, expect } from 'vitest';
import { freshDatabase } from './database.js';

/** Says nothing: for workers whose warnings are expected. */
export const silent: Logger = {
  debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined,
};

/** A row, by column. */
export type SqlRow = Record<string, unknown>;

/** The engine of one test file. */
export interface Engine {
  readonly url: string;
  readonly connection: Connection;
  readonly client: Client;
  /** A pool of the application's own on the same database. */
  readonly pool: pg.Pool;
  sql(text: string, values?: unknown[]): Promise<SqlRow[]>;
  /** A further Connection to the same database, or to `url`; closed at the end of the file. */
  connect(url?: string): Promise<Connection>;
  /** Starts a worker; it is stopped when the test has ended, if it still runs. */
  work(workflows: readonly Workflow[], options?: Partial<WorkerOptions>): Promise<Worker>;
  /** Expects no row of any run. */
  expectNothing(): Promise<void>;
  /** Expects that the run left no row anywhere. */
  expectNoTrace(runId: string): Promise<void>;
}

const tables = [['runs', 'id'], ['ready', 'id'], ['journal', 'run_id'], ['calls', 'run_id']] as const;

/** Makes an empty database with the engine's schema. Call it at the top level of a test file. */
export async function freshEngine(): Promise<Engine> {
  const url = await freshDatabase();
  const opened: Connection[] = [];
  const workers: Worker[] = [];
  const open = async (to = url): Promise<Connection> => {
    const connection = await connect(to);
    opened.push(connection);
    return connection;
  };
  const connection = await open();
  const pool = new pg.Pool({ connectionString: url, statement_timeout: 20_000 });
  pool.on('error', () => undefined);
  const sql = async (text: string, values: unknown[] = []): Promise<SqlRow[]> => (
    (await pool.query<SqlRow>(text, values)).rows);
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ timeout: 0 })));
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await pool.end();
  });
  return {
    url,
    connection,
    client: createClient({ connection }),
    pool,
    sql,
    connect: open,
    work: async (workflows, options = {}) => {
      const worker = createWorker({ connection, logger: silent, ...options, workflows });
      workers.push(worker);
      return worker.start();
    },
    expectNothing: async () => {
      for (const [table] of tables) {
        expect([table, await sql(`select * from perdure.${table}`)]).toEqual([table, []]);
      }
    },
    expectNoTrace: async (runId) => {
      for (const [table, column] of tables) {
        expect([table, await sql(`select * from perdure.${table} where ${column} = $1`, [runId])])
          .toEqual([table, []]);
      }
    },
  };
}

/** An instant that a row holds, in milliseconds since 1970. */
export function time(row: SqlRow | undefined, column: string): number {
  const found = row?.[column];
  if (!(found instanceof Date)) throw new Error(`There is no ${column} in ${JSON.stringify(row)}.`);
  return found.getTime();
}

/** Resolves when `fact` gives something true. The suite's time limit ends a wait that is in vain. */
export async function until<T>(fact: () => T | Promise<T>): Promise<T> {
  for (;;) {
    const found = await fact();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What a promise rejects with; fails if it resolves. */
export async function failure<E = Error & { code?: string }>(promise: Promise<unknown>): Promise<E> {
  const outcome = await promise.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ('value' in outcome) throw new Error(`It resolved, with ${JSON.stringify(outcome.value)}.`);
  return outcome.error as E;
}

/** A gate for step bodies: `open` lets everybody through who waits at `passed`. */
export class Gate {
  open: () => void = () => undefined;
  readonly passed: Promise<void> = new Promise((resolve) => {
    this.open = () => resolve();
  });
}
