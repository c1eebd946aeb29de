// `connect()`: from a URL, a pg pool, a Kysely instance, or an embedded server to a Connection.
import {
  WorkflowError, type Connection, type KyselyInstance, type PgPool, type ValueSeal,
} from '@perdure/core';
import { sealing, unbroken, type Adopter, type LeaseKeeperOptions } from '@perdure/core/engine';
import pg from 'pg';
import { checkAddress } from './address.js';
import { startEmbedded } from './embedded.js';
import type { KyselyDatabase, KyselyTrx } from './libraries/instances.js';
import { handleOf } from './libraries/known-libraries.js';
import { kyselyTransactor } from './libraries/kysely.js';
import { pgTransactor } from './libraries/pg.js';
import { installedVersion, migrate } from './migrate.js';
import { schemaVersion } from './migrations.js';
import { TransactionStore } from './postgres/caller-transaction.js';
import { ContinuousStore, type EraPools } from './postgres/continuous-store.js';
import { KyselyRunner } from './postgres/kysely-runner.js';
import type { Gate } from './postgres/lineage.js';
import { startLeaseKeeper } from './postgres/lease-keeper.js';
import { Notices } from './postgres/notices.js';
import { PostgresStore } from './postgres/postgres-store.js';
import { Session, type Runner, type SessionOptions } from './postgres/session.js';
import { SessionPool } from './postgres/session-pool.js';
import { claimSettings, commitSettings, plannerSettings } from './postgres/session-settings.js';
import { stepTransactions } from './postgres/step-transaction.js';
import { quoteIdentifier } from './quote.js';

/** An embedded server instead of an address: see `startEmbedded`. */
export interface EmbeddedTarget {
  readonly embedded: true | { version?: number | undefined; directory?: string | undefined };
}

/** What `connect` can be given. */
export type ConnectTarget = string | PgPool | KyselyInstance | EmbeddedTarget;

/** How a Connection behaves. */
export interface ConnectOptions {
  /** Schema of the engine's tables. Default 'perdure'. */
  schema?: string | undefined;
  /**
   * Whether the schema is brought up to date on connecting. Default true; off for roles without that right.
   */
  migrate?: boolean | undefined;
  /** Longest wait for an answer of the database, in milliseconds. Default 10,000. */
  deadlineMs?: number | undefined;
  /**
   * Set to true behind a transaction pooler such as PgBouncer: statements are sent without names, nothing is
   * set on a session, hints to other processes are off, so that they poll, and each write begins with a look
   * whether the server behind the pooler still is the same.
   */
  transactionPooler?: boolean | undefined;
  /** What is done to every stored value, such as encryption; the same in all processes. Default: nothing. */
  values?: ValueSeal | undefined;
}

const defaultDeadlineMs = 10_000;
/** Connections for `ctx.transaction` where a worker was given no transactor; opened when needed. */
const transactorConnections = 10;

/**
 * Connects to the database that holds the runs. Give a URL (or set DATABASE_URL and give nothing), a `pg`
 * pool, whose options are used for connections of the engine's own, a Kysely instance, or `{ embedded: true
 * }`. Brings the engine's schema up to date. Throws NO_DATABASE without an address, DATABASE_UNAVAILABLE when
 * there is no answer, SCHEMA_NEWER when the schema is ahead of this version, and INVALID_OPTION for `values`
 * that are none. Close it when nothing uses it any more.
 */
export async function connect(to?: ConnectTarget, options: ConnectOptions = {}): Promise<Connection> {
  const sealed = sealing(options.values);
  return sealed(await connectTo(to, options));
}

async function connectTo(to: ConnectTarget | undefined, options: ConnectOptions): Promise<Connection> {
  const target = to ?? process.env['DATABASE_URL'];
  if (target === undefined || target === '') {
    throw new WorkflowError('NO_DATABASE', 'No database was named. Set DATABASE_URL, pass a URL such as ' +
      "'postgres://user:secret@localhost/app', a pg pool or a Kysely instance, or { embedded: true } for a " +
      'server of your own during development.');
  }
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  if (typeof target === 'string') {
    checkAddress(target);
    return open({ config: { connectionString: target }, deadlineMs }, options);
  }
  if (typeof target !== 'object') throw noTarget();
  if ('embedded' in target) {
    const server = await startEmbedded(target.embedded === true ? {} : target.embedded);
    return open({ config: { connectionString: server.url }, deadlineMs }, options, () => server.stop());
  }
  if ('totalCount' in target) return open({ config: configOf(target), deadlineMs }, options);
  if ('executeQuery' in target) return openKysely(target, options, deadlineMs);
  throw noTarget();
}

// A pool hides its secrets from loggers by making them non-enumerable, and so from copies as well.
function configOf(pool: PgPool): pg.ClientConfig {
  const options = pool.options as pg.ClientConfig;
  const { password, ssl } = options;
  const secrets: pg.ClientConfig = {};
  if (password !== undefined) secrets.password = password;
  if (typeof ssl === 'object' && ssl.key !== undefined) secrets.ssl = { ...ssl, key: ssl.key };
  return { ...options, ...secrets };
}

function noTarget(): WorkflowError {
  return new WorkflowError('NO_DATABASE', 'connect() was given no URL, pool or Kysely instance.');
}

type Target = Pick<SessionOptions, 'config' | 'deadlineMs'>;

async function open(
  target: Target, options: ConnectOptions, after?: () => Promise<void>,
): Promise<Connection> {
  const schemaName = options.schema ?? 'perdure';
  const schema = quoteIdentifier(schemaName);
  const names = options.transactionPooler !== true;
  const session = (settings: string): SessionOptions => ({ ...target, names, settings });
  const engine = new ContinuousStore((gate) => poolsOf(session, gate), schema);
  const { store, lineage } = engine;
  const first = new Session({ ...session(plannerSettings), gate: lineage.gate() });
  try {
    await prepare(first, schemaName, options.migrate ?? true);
  } catch (error) {
    await after?.();
    throw error;
  } finally {
    await first.close();
  }
  const notices = new Notices(names ? session(plannerSettings) : null, schemaName);
  const transactions = poolFor(target.config);
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    closing ??= (async () => {
      await Promise.all([engine.close(), notices.close(), transactions.end()]);
      await after?.();
    })();
    return closing;
  };
  return {
    store,
    continuity: lineage,
    hints: notices,
    adopters: new Set<Adopter>(),
    within: async (transaction) => new TransactionStore(await handleOf(transaction, { names }), schema),
    transactor: pgTransactor(transactions),
    stepTransactions: stepTransactions(schema, lineage),
    keepLeases: (keeper: LeaseKeeperOptions) =>
      startLeaseKeeper(keeper, { config: target.config, schema, names }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function poolsOf(session: (settings: string) => SessionOptions, gate: Gate): EraPools {
  const reading = (settings: string): SessionOptions => ({ ...session(settings), gate });
  const writing = (settings: string): SessionOptions => {
    const options = reading(settings);
    return { ...options, looksFirst: !options.names };
  };
  return {
    starts: new SessionPool(writing(plannerSettings), 2),
    reads: new SessionPool(reading(plannerSettings), 1),
    claims: new SessionPool(reading(claimSettings), 1),
    commits: new SessionPool(writing(commitSettings), 2),
  };
}

// The transactions belong to the application: its types are read as it wants them, its statements are
// planned as on any connection.
function poolFor(config: pg.ClientConfig): pg.Pool {
  const pool = new pg.Pool({
    ...config, max: transactorConnections, keepAlive: true, allowExitOnIdle: true,
  });
  // Without a listener an 'error' of an idle connection would end the process.
  pool.on('error', () => undefined);
  return pool;
}

interface AnyTrx extends KyselyTrx<AnyTrx> {}

/**
 * Clients on a Kysely instance: no connection of the engine's own, so no hints to others and no lease thread.
 */
async function openKysely(
  kysely: KyselyInstance, options: ConnectOptions, deadlineMs: number,
): Promise<Connection> {
  if (kysely.isTransaction) {
    throw new WorkflowError('NO_DATABASE', 'connect() was given a Kysely transaction. Pass its instance.');
  }
  const schemaName = options.schema ?? 'perdure';
  const schema = quoteIdentifier(schemaName);
  await kysely.connection().execute((pinned) =>
    prepare(new KyselyRunner(pinned, deadlineMs), schemaName, options.migrate ?? true));
  const runner = new KyselyRunner(kysely, deadlineMs);
  return {
    store: new PostgresStore({ starts: runner, reads: runner, claims: runner, commits: runner }, schema),
    // No worker, so nothing is remembered.
    continuity: unbroken,
    hints: new Notices(null, schemaName),
    adopters: new Set<Adopter>(),
    within: async (transaction) => (
      new TransactionStore(await handleOf(transaction, { names: false }), schema)),
    transactor: kyselyTransactor(kysely as KyselyInstance & KyselyDatabase<AnyTrx>),
    stepTransactions: stepTransactions(schema),
    keepLeases: () => {
      throw new WorkflowError('WORKER_NEEDS_URL', 'A worker renews its leases from a thread with a ' +
        'connection of its own, which a Kysely instance cannot make. Connect it with a URL or a pg pool; ' +
        'clients may keep the instance.');
    },
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function prepare(session: Runner, schema: string, mayMigrate: boolean): Promise<void> {
  if (mayMigrate) {
    await migrate(session, schema);
    return;
  }
  const version = await installedVersion(session, schema);
  if (version === schemaVersion) return;
  throw new WorkflowError('SCHEMA_MISSING', `Schema ${schema} is at version ${version}; this version of ` +
    `perdure needs ${schemaVersion}. Run the migrations (printed by migrationSql), or connect with ` +
    '{ migrate: true }.');
}
