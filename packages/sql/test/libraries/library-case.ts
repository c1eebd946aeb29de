// One library as the matrix asks it: its own words for a transaction, a savepoint, and a write.
import type { IsolationLevel, Transactor } from '@perdure/core';

/** What a case hands on without looking into it: each library has its own type. */
export type Tx = any;

/** What was passed instead of a transaction. */
export interface Wrong {
  readonly what: string;
  readonly given: unknown;
  readonly why: RegExp;
}

/** A library on one database, which has `create table public.orders (id text primary key, total bigint)`. */
export interface LibraryCase {
  /** The row of the table in docs/libraries.md. */
  readonly name: string;
  /** The package on npm. */
  readonly from: string;
  /** Runs `body` in a transaction of the library: commits when it returns, rolls back when it throws. */
  within<T>(body: (tx: Tx) => Promise<T>, level?: IsolationLevel): Promise<T>;
  /** Runs `body` in a savepoint; rolls back to it, and throws, when it throws. */
  savepoint(tx: Tx, body: (tx: Tx) => Promise<void>): Promise<void>;
  /** Writes an order in the library's own words. */
  insert(tx: Tx, id: string, total?: number): Promise<unknown>;
  /** Changes an order in the library's own words. */
  update(tx: Tx, id: string): Promise<unknown>;
  /** Runs SQL without parameters. */
  sql(tx: Tx, text: string): Promise<readonly Record<string, unknown>[]>;
  readonly wrong: readonly Wrong[];
  /** The transactor of `ctx.transaction`; left out where there is none. */
  readonly transactor?: Transactor<Tx>;
  /** Whether only one transaction can be open at a time, so that nothing conflicts. */
  readonly oneAtATime?: boolean;
  /** Rows of the database that it leads to; left out for that of the suite. */
  readonly rows?: (text: string) => Promise<readonly Record<string, unknown>[]>;
  close(): Promise<unknown>;
}

/** Opens a library on the database at `url`. */
export type OpenLibrary = (url: string) => Promise<LibraryCase>;
