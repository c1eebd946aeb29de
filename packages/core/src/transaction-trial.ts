// One transaction of a transactional step, from BEGIN to the answer to COMMIT.
//
//   Z1. The lease is extended beyond the transaction first; the fence is its first statement, the answer its
//       last. From the fence to its end nobody can take the run, so what commits was written by the owner.
//   Z4. The position of the answer is asked for right before it is written, and told as undone when it was.
import { encode, type Encoded } from './codec.js';
import type { StepInfo } from './context.js';
import type { Env, Timer } from './env.js';
import {
  NonRetryableError, PayloadError, RetryAfterError, StepTimeoutError, WorkflowError,
} from './errors.js';
import type { Fault } from './faults.js';
import { toldIfLarge } from './large-values.js';
import { runInScope } from './scope.js';
import type { Entry, Instant } from './store.js';
import { failed, type TransactionAttempt, type TransactionOutcome } from './transaction-attempt.js';
import type { TransactionLeases } from './transaction-leases.js';
import type { StepTransaction, StepTransactions, TransactionHandle, Transactor } from './transactor.js';

/** Longest time that the transaction of a step may stay open where its options say nothing, in ms. */
export const defaultTransactionMs = 30_000;
/** The server ends what this process could not, so much later. */
const graceMs = 500;
/** Longest wait for the answer to COMMIT, in ms. */
const commitDeadlineMs = 10_000;

/** How one transaction ended. */
export type TrialEnd = TransactionOutcome
  /** Undone: tried again whole it may go well. */
  | { readonly kind: 'conflict'; readonly error: unknown }
  /** It did not begin. */
  | { readonly kind: 'unopened'; readonly error: unknown }
  | { readonly kind: 'busy' }
  /** There was no answer to COMMIT. */
  | { readonly kind: 'undecided'; readonly error: unknown };

/** What transactions of steps share. */
export interface TrialParts {
  readonly env: Env;
  readonly transactor: Transactor<unknown>;
  readonly sql: StepTransactions;
  readonly leases: TransactionLeases;
}

/** Makes the transactor roll back; why is known to the trial. */
class RolledBack extends Error {}

/** One transaction. */
export class Trial {
  /** Whether it asked for a position. */
  positioned = false;
  readonly #parts: TrialParts;
  readonly #attempt: TransactionAttempt;
  readonly #gone = new AbortController();
  readonly #began: number;
  #phase: 'opening' | 'open' | 'committing' = 'opening';
  #timer: Timer | null = null;
  /** Why the body made the transactor roll back. */
  #end: TrialEnd | null = null;
  #recorded: { readonly entry: Entry; readonly at: Instant } | null = null;
  #cut: (end: TrialEnd) => void = () => undefined;

  constructor(parts: TrialParts, attempt: TransactionAttempt) {
    this.#parts = parts;
    this.#attempt = attempt;
    this.#began = parts.env.monotonic();
  }

  async run(): Promise<TrialEnd> {
    const { abandoned } = this.#attempt;
    const cut = new Promise<TrialEnd>((resolve) => {
      this.#cut = (end) => {
        this.#gone.abort();
        resolve(end);
      };
    });
    const leave = (): void => {
      if (this.#phase !== 'committing') this.#cut({ kind: 'abandoned' });
    };
    abandoned.addEventListener('abort', leave);
    if (abandoned.aborted) leave();
    try {
      return await Promise.race([cut, this.#transact()]);
    } finally {
      abandoned.removeEventListener('abort', leave);
      this.#timer?.cancel();
      // Whatever of it still runs writes nothing more.
      this.#gone.abort();
      if (this.#phase !== 'opening') this.#attempt.rowFree();
    }
  }

  async #transact(): Promise<TrialEnd> {
    const { isolationLevel } = this.#attempt.request;
    try {
      await this.#parts.transactor.transaction(
        { isolationLevel, abandoned: this.#gone.signal }, (tx, handle) => this.#body(tx, handle));
    } catch (error) {
      return this.#end ?? this.#judge(error);
    }
    return this.#end ?? (this.#recorded === null
      ? failed(new TypeError('The transactor did not call the function that it was given.'), true)
      : { kind: 'committed', ...this.#recorded });
  }

  /** An error that is not the body's: of BEGIN, or of COMMIT. */
  #judge(error: unknown): TrialEnd {
    if (this.#phase === 'opening') return { kind: 'unopened', error };
    if (this.#phase === 'open') return { kind: 'conflict', error };
    const verdict = this.#parts.sql.judge(error);
    if (verdict === 'conflict') return { kind: 'conflict', error };
    return verdict === 'unknown' ? { kind: 'undecided', error } : failed(error, false);
  }

  async #body(tx: unknown, handle: TransactionHandle): Promise<void> {
    const gone = new Promise<never>((_, reject) => {
      this.#gone.signal.addEventListener('abort', () => reject(new RolledBack()), { once: true });
    });
    try {
      // What is cut off may never come to an end by itself.
      await Promise.race([this.#work(tx, handle), gone]);
    } catch (error) {
      this.#end ??= this.#judgeBody(error);
      throw error;
    }
  }

  /** What the function threw, or a statement of ours. */
  #judgeBody(error: unknown): TrialEnd {
    if (this.#gone.signal.aborted) return { kind: 'abandoned' };
    // Whoever says when, or whether, it is to be tried again means it.
    const said = error instanceof NonRetryableError || error instanceof RetryAfterError;
    const conflict = !said && this.#parts.sql.judge(error) === 'conflict';
    return conflict ? { kind: 'conflict', error } : failed(error, false);
  }

  async #work(tx: unknown, handle: TransactionHandle): Promise<void> {
    const { env, leases, sql } = this.#parts;
    const { lease, request, step } = this.#attempt;
    const limitMs = request.timeoutMs ?? defaultTransactionMs;
    this.#demandWanted();
    this.#phase = 'open';
    this.#attempt.rowHeld();
    if (await leases.cover(lease, limitMs) === 'lost') this.#leave({ kind: 'lost' });
    this.#demandWanted();
    this.#timer = env.after(limitMs, () => this.#timeOut(limitMs));
    const transaction = sql.on(handle, lease);
    const fence = await transaction.fence(limitMs + graceMs);
    this.#demandWanted();
    if (fence !== 'held') this.#leave({ kind: fence });
    const scope = {
      runId: lease.runId, step: request.name, transaction: tx,
      mistake: (fault: Fault) => this.#attempt.mistake(fault),
    };
    const body = request.body as (tx: unknown, step: StepInfo) => unknown;
    const value = await runInScope(scope, async () => body(tx, step));
    this.#demandWanted();
    await this.#record(transaction, this.#encode(value));
    this.#demandWanted();
    this.#phase = 'committing';
    this.#timer.cancel();
    this.#timer = env.after(commitDeadlineMs, () => this.#cut({
      kind: 'undecided', error: new Error(`COMMIT had no answer within ${commitDeadlineMs} ms.`),
    }));
  }

  #encode(value: unknown): Encoded {
    const { lease, request } = this.#attempt;
    try {
      const encoded = encode(value, `the result of step '${request.name}'`);
      return toldIfLarge(encoded, lease.runId, `step '${request.name}'`);
    } catch (error) {
      return this.#leave(failed(error, true));
    }
  }

  async #record(transaction: StepTransaction, value: Encoded): Promise<void> {
    const { place, request, step } = this.#attempt;
    this.positioned = true;
    const entry: Entry = {
      place, position: this.#attempt.nextPosition(), kind: 'transaction', name: request.name, value,
      error: null, attempt: step.attempt, tookMs: this.#parts.env.monotonic() - this.#began, message: null,
    };
    let at: Instant | null;
    try {
      at = await transaction.record(entry);
    } catch (error) {
      if (this.#parts.sql.judge(error) !== 'refused') throw error;
      const said = error instanceof Error ? error.message : String(error);
      return this.#leave(failed(new PayloadError('VALUE_REFUSED', 'The database refuses to store the ' +
        `result of step '${request.name}': ${said}`, '', { cause: error }), true));
    }
    if (at === null) {
      return this.#leave(failed(new WorkflowError('TRANSACTION_ENDED', `Step '${request.name}' ended its ` +
        'transaction itself, so its result cannot be recorded with what it wrote. Leave COMMIT and ' +
        'ROLLBACK to ctx.transaction; to undo, throw.', { runId: this.#attempt.lease.runId }), true));
    }
    this.#recorded = { entry, at };
  }

  #timeOut(limitMs: number): void {
    const late = new StepTimeoutError(this.#attempt.request.name, limitMs, 'attempt');
    this.#attempt.stop(late);
    this.#cut(failed(late, false));
  }

  /** What nobody waits for writes nothing more. */
  #demandWanted(): void {
    if (this.#gone.signal.aborted) throw new RolledBack();
  }

  /** Rolls back, for this reason. */
  #leave(end: TrialEnd): never {
    this.#end = end;
    throw new RolledBack();
  }
}
