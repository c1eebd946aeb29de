// tidy: any — the structural ports and type arguments of the public types. `any` stands here, and nowhere
// else, because these types must accept whatever a user's workflow or driver declares, in both directions of
// variance.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Ctx } from './context.js';
import type { RetryPolicy } from './retry.js';

declare const types: unique symbol;

/**
 * A workflow as clients and workers see it: a name, and three types that exist at compile time only. `In` is
 * what callers pass, `Arg` what the code gets (after parsing), `Out` what it returns. Make one with
 * `workflow()`.
 */
export interface Workflow<In = any, Arg = any, Out = any> {
  readonly name: string;
  readonly [types]?: { in: In; arg: Arg; out: Out };
}

/** The input type that callers of a workflow pass. */
export type InputOf<W> = W extends Workflow<infer I, any, any> ? I : never;

/** The type that a workflow returns. */
export type OutputOf<W> = W extends Workflow<any, any, infer O> ? O : never;

/** What can be said of a workflow beside its code. Only `name` is needed. */
export interface WorkflowSpec<In, Arg> {
  /** Identifies the workflow in the database; at most 191 characters; never change it while runs exist. */
  name: string;
  /**
   * A Standard Schema (zod, valibot, arktype …): checked when a run is started, and parsed before the code
   * runs.
   */
  input?: StandardSchemaV1<In, Arg> | undefined;
  /** Runs of a versioned workflow stay with workers that serve that version. Default: none. */
  version?: string | undefined;
  /** Where its runs stand in line. Default 'default'. */
  queue?: string | undefined;
  /** Default retry policy of its steps. A run is not retried as a whole. */
  retry?: number | RetryPolicy | undefined;
}

/** The code of a workflow. */
export type Handler<Arg, Out> = (ctx: Ctx, input: Arg) => Promise<Out>;

/** What `query` of a `pg` client in a transaction looks like. A pool is told apart by its `totalCount`. */
export interface PgTransaction {
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
  totalCount?: never;
}

/** A Kysely transaction. A Kysely instance is told apart: its `isTransaction` is not literally true. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: any): Promise<{ rows: any[] }>;
}

/** What a start can join: the caller's own open transaction. */
export type AnyTransaction = PgTransaction | KyselyTransaction;

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
