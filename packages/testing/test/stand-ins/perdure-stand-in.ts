// What examples import in place of `perdure`: the same, but the workers and clients that it makes are those
// of the mode; see modes.ts.
import type { Connection } from '@perdure/core';
import type { HeldRuns, Store } from '@perdure/core/engine';
import {
  connect as connectTo, createClient as clientOn, createWorker as workerOn, type AddressedClientOptions,
  type AddressedWorkerOptions, type Client, type ConnectOptions, type ConnectTarget, type Transactor, type Tx,
  type Worker,
} from 'perdure';
import pg from 'pg';
import { alone, isProgress, mode } from '../modes.js';

export * from 'perdure';

const schemas = new WeakMap<Connection, string>();

/** As `connect` of the package. */
export async function connect(to?: ConnectTarget, options: ConnectOptions = {}): Promise<Connection> {
  const connection = await connectTo(to, options);
  schemas.set(connection, options.schema ?? 'perdure');
  return connection;
}

/** As `createClient` of the package. */
export function createClient(options: AddressedClientOptions = {}): Client {
  if (mode !== 'poll') return clientOn(options);
  return clientOn({ ...options, connection: alone(opened(options.connection)) });
}

/** As `createWorker` of the package. */
export function createWorker(options: AddressedWorkerOptions): Worker {
  if (mode === 'poll') return workerOn({ ...options, connection: alone(opened(options.connection)) });
  if (mode === 'crash') return workerOn(doomed(options));
  return workerOn({ ...options, harness: { forgetful: mode === 'evict' } });
}

function opened(connection: AddressedWorkerOptions['connection']): Connection {
  if (typeof connection === 'object' && 'store' in connection) return connection;
  throw new Error('In this mode an example gives its workers and clients what connect() gave.');
}

// ---- crashes ---------------------------------------------------------------------------------------------

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 1, allowExitOnIdle: true });

/** A worker that dies after whatever it recorded, and comes back with nothing. */
function doomed(options: AddressedWorkerOptions): AddressedWorkerOptions {
  const connection = opened(options.connection);
  const { store, transactor: own } = connection;
  const claims = new Claims(store);
  let held: HeldRuns | null = null;
  const die = (): Promise<void> => claims.without(async () => {
    await endLeases(schemas.get(connection), held?.vanish() ?? []);
    connection.hints.due();
  });
  // The connection's own has an SqlRunner, which is what examples expect that bring none.
  const transactor = options.transactor ?? own as Transactor<Tx> | null;
  return {
    ...options,
    connection: { ...connection, store: dyingAfter(store, { claim: (given) => claims.claim(given), die }) },
    transactor: transactor === null ? undefined : dyingAfterEach(transactor, die),
    harness: { probationMs: 0, attach: (runs) => void (held = runs) },
  };
}

/** Claims of a worker, none of which is under way while it dies: it would lose what it claims that moment. */
class Claims {
  readonly #store: Store;
  readonly #underWay = new Set<Promise<unknown>>();
  #dead: Promise<void> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  async claim(given: Parameters<Store['claim']>[0]): ReturnType<Store['claim']> {
    await this.#dead;
    const claim = this.#store.claim(given);
    this.#underWay.add(claim);
    return claim.finally(() => this.#underWay.delete(claim));
  }

  async without(deed: () => Promise<void>): Promise<void> {
    const before = this.#dead;
    this.#dead = (async () => {
      await before;
      await Promise.allSettled(this.#underWay);
      // What was claimed has reached the worker then.
      await new Promise((resolve) => setImmediate(resolve));
      await deed();
    })();
    await this.#dead;
  }
}

/** The verbs of a store; `die` ends before a caller learns that something was recorded. */
function dyingAfter(
  store: Store, { claim, die }: { claim: Store['claim']; die: () => Promise<void> },
): Store {
  type AnyVerb = (...given: unknown[]) => Promise<unknown>;
  return new Proxy({ claim } as Store, {
    get: (own, name) => async (...given: unknown[]): Promise<unknown> => {
      const verb = (Reflect.get(own, name) ?? Reflect.get(store, name)) as AnyVerb;
      const answer = await verb.apply(store, given);
      if (isProgress(String(name), given)) await die();
      return answer;
    },
  });
}

function dyingAfterEach(transactor: Transactor<Tx>, die: () => Promise<void>): Transactor<Tx> {
  return {
    ...transactor,
    transaction: async (options, body) => {
      const result = await transactor.transaction(options, body);
      await die();
      return result;
    },
  };
}

/** For the database the time of these leases is over. */
async function endLeases(schema = 'perdure', runIds: readonly string[]): Promise<void> {
  await pool.query(`update "${schema}".ready set due_at = clock_timestamp() - interval '1 ms'
    where id = any($1) and claim is not null`, [runIds]);
}
