// tidy: any — the structural ports and type arguments of the public types. `any` stands here, and nowhere
// else, because these types must accept whatever a user's workflow or driver declares, in both directions of
// variance.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Duration } from './duration-type.js';
import type { RetryPolicy } from './retry.js';
import type { AttributeValue } from './store.js';

declare const types: unique symbol;

/** The signals of a workflow that declares none. */
export type NoSignals = Record<never, never>;

/**
 * A workflow as clients and workers see it: a name, and four types that exist at compile time only. `In` is
 * what callers pass, `Arg` what the code gets (after parsing), `Out` what it returns, `Sig` the payloads of
 * its signals by name. Make one with `workflow()`.
 */
export interface Workflow<In = any, Arg = any, Out = any, Sig = any> {
  readonly name: string;
  readonly [types]?: { in: In; arg: Arg; out: Out; sig: Sig };
}

/** The input type that callers of a workflow pass. */
export type InputOf<W> = W extends Workflow<infer I, any, any, any> ? I : never;

/** The type that a workflow returns. */
export type OutputOf<W> = W extends Workflow<any, any, infer O, any> ? O : never;

/** What can be said of a workflow beside its code. Only `name` is needed. */
export interface WorkflowSpec<In, Arg, Sig = NoSignals> {
  /** Identifies the workflow in the database; at most 191 characters; never change it while runs exist. */
  name: string;
  /**
   * A Standard Schema (zod, valibot, arktype …): checked when a run is started, and parsed before the code
   * runs.
   */
  input?: StandardSchemaV1<In, Arg> | undefined;
  /** The signals it takes, by name: a schema, or `type<T>()` for a type alone. */
  signals?: { [K in keyof Sig]: StandardSchemaV1<any, Sig[K]> } | undefined;
  /** Runs of a versioned workflow stay with workers that serve that version. Default: none. */
  version?: string | undefined;
  /** Where its runs stand in line. Default 'default'. */
  queue?: string | undefined;
  /** Longest time from the first claim of a run to its end; then it fails with RUN_TIMEOUT. Default: none. */
  timeout?: Duration | undefined;
  /** Default retry policy of its steps. A run is not retried as a whole. */
  retry?: number | RetryPolicy | undefined;
  /**
   * What its runs can be searched by from the beginning, made of their parsed input when they are started.
   */
  attributes?: ((input: Arg) => Readonly<Record<string, AttributeValue>>) | undefined;
}

/** The arguments after a workflow: an input, unless it takes none, and options. */
export type StartArgs<In, Options> =
  [In] extends [void] ? [input?: undefined, options?: Options] : [input: In, options?: Options];

/** The payload of a signal, which is left out where there is none to give. */
export type PayloadArgs<Payload> = [Payload] extends [void] ? [payload?: Payload] : [payload: Payload];

/**
 * What `query` of a client in a transaction looks like: of `pg`, of PGlite. A pool is told apart by its
 * `totalCount`, an instance by the `transaction` that it opens.
 */
export interface PgTransaction {
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
  totalCount?: never;
  transaction?: never;
}

/** A Kysely transaction. A Kysely instance is told apart: its `isTransaction` is not literally true. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: any): Promise<{ rows: any[] }>;
}

/** A Drizzle transaction on PostgreSQL. A database has no `rollback`. */
export interface DrizzleTransaction {
  execute(query: any): any;
  rollback(): never;
  setTransaction(config: any): any;
}

/** A Knex transaction. An instance has no `isCompleted`. */
export interface KnexTransaction {
  raw(text: string, values: any): any;
  isCompleted(): boolean;
}

/** A transaction of postgres.js. Its root has no `savepoint`. */
export interface PostgresJsTransaction {
  unsafe(text: string, values?: any[]): any;
  savepoint(body: any): any;
}

/** What Prisma hands to the function of `$transaction`. A PrismaClient is told apart: it connects. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: any[]): any;
  $connect?: never;
}

/** An EntityManager of TypeORM. Whether it is that of a transaction shows at run time alone. */
export interface TypeOrmManager {
  readonly queryRunner?: any;
  query(text: string, values?: any[]): Promise<any>;
  save(entity: any): Promise<any>;
  /** A DataSource has it. */
  initialize?: never;
}

/** A QueryRunner of TypeORM. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean;
  query(text: string, values?: any[]): Promise<any>;
}

/**
 * What a start can join: the caller's own open transaction, in any of these libraries, or in one whose
 * clients have the same `query`.
 */
export type AnyTransaction =
  | PgTransaction | KyselyTransaction | DrizzleTransaction | KnexTransaction | PostgresJsTransaction
  | PrismaTransaction | TypeOrmManager | TypeOrmQueryRunner;

/** A `pg` pool, by its shape. */
export interface PgPool {
  readonly totalCount: number;
  readonly options: object;
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
}

/** A Kysely instance, by its shape. */
export interface KyselyInstance {
  readonly isTransaction: boolean;
  executeQuery(query: any): Promise<{ rows: any[] }>;
  /** Lends one connection for the length of `body`. */
  connection(): { execute<T>(body: (pinned: any) => Promise<T>): Promise<T> };
}

/** A client in a transaction as `ctx.transaction` hands it out where no library was named. */
export interface SqlRunner {
  query(text: string, values?: unknown[]): Promise<{ rows: any[] }>;
}

/**
 * The application names its transaction type once, and nothing of it exists at run time: `declare module
 * '@perdure/core' { interface Register { tx: Transaction<Database> } }`.
 */
export interface Register {}

/** What `ctx.transaction` hands to its function. */
export type Tx = Register extends { tx: infer Named } ? Named : SqlRunner;
