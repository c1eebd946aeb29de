// What a transactor hands out, for as long as its transaction is open to the function of the step.
//
//   G1. The function has `tx` from the engine's first statement, the fence, to its second, the record. What
//       comes later is refused with TRANSACTION_ENDED: it would run between the record and COMMIT, where its
//       failure would undo the record unseen, or in whatever the connection does next.
//   G2. What was let through stands before the record in the connection's line: a library may think for some
//       microtasks before it sends, so the record waits for the next turn of the loop. If such a statement
//       fails, so does the record, and nobody has to look at the answer to COMMIT.
//   G3. A library that gives a transaction up while its function still runs has lost the connection. It hears
//       no more of it: postgres.js would send ROLLBACK to a socket that is gone, which ends the process.
import { WorkflowError, type TransactionHandle } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';
import type { Row } from './tx-handle.js';

const endings = /^(commit|rollback)( transaction)?;?$/i;

/** Between the function of one step and its transaction. */
export class BodyGate {
  #statements = 0;
  #open = true;
  /** What the library gave the transaction up with. */
  #lost: { readonly error: unknown } | null = null;
  #running: Promise<unknown> = Promise.resolve();
  /** The engine's own statement, where those pass the gate as well. */
  #own: string | null = null;

  /**
   * Throws TRANSACTION_ENDED for a statement of the function that comes too late. `text` is what it is, where
   * that is known: the end of the transaction passes, which the library sends, and what was allowed last.
   */
  pass(text?: string): void {
    if (this.#lost !== null) throw this.#lost.error;
    if (!this.#open && (text === undefined || text !== this.#own && !endings.test(text))) throw ended();
  }

  /** The statement that the engine is about to send. */
  allow(text: string): void {
    this.#own = text;
  }

  /** Runs the function of a step on a transaction that a library has just opened. */
  async run<Tx, T>(
    body: (tx: Tx, handle: TransactionHandle) => Promise<T>, tx: Tx,
    query: (text: string, values: unknown[]) => Promise<readonly Row[]>,
  ): Promise<T> {
    const running = body(tx, {
      query: async (text, values) => {
        if (++this.#statements > 1) await this.#close();
        if (this.#lost !== null) throw this.#lost.error;
        return query(text, [...values]);
      },
    });
    this.#running = running.catch(() => undefined);
    try {
      return await running;
    } finally {
      this.#open = false;
      this.#own = null;
      if (this.#lost !== null) await new Promise<never>(() => undefined);
    }
  }

  /** The transaction that the library runs the function in: it ends when both have ended (G3). */
  async until<T>(opened: Promise<T>): Promise<T> {
    try {
      return await opened;
    } catch (error) {
      this.#lost = { error };
      await this.#running;
      throw error;
    }
  }

  async #close(): Promise<void> {
    this.#open = false;
    await new Promise<void>((resolve) => systemEnv.nextTurn(resolve));
  }

  /** The same object, or function, which refuses to be called too late. */
  guarded<Tx extends object>(tx: Tx): Tx {
    return new Proxy(tx, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return new Proxy(value, {
          apply: (method, _self, args: unknown[]) => {
            this.pass();
            return Reflect.apply(method, target, args) as unknown;
          },
        });
      },
      apply: (target, self, args: unknown[]) => {
        this.pass();
        return Reflect.apply(target as () => unknown, self, args);
      },
    });
  }
}

/** The transaction that code still uses is over. */
function ended(): WorkflowError {
  return new WorkflowError('TRANSACTION_ENDED', 'The transaction of this step has ended. Await everything ' +
    'that uses it before the function of ctx.transaction returns.');
}

/** What a transactor was given to open transactions on. */
export function oneClient(): WorkflowError {
  return new WorkflowError('INVALID_OPTION', 'The transactor was given a database on one client, on which ' +
    'the transactions of two steps would be one. Give it a database on a pool.');
}
