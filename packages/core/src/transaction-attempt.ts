// One attempt of a transactional step, as its run asks for it, and how it can end.
import type { StepInfo } from './context.js';
import type { Fault } from './faults.js';
import type { TransactionRequest } from './requests.js';
import type { Entry, Instant, Lease } from './store.js';

/** One attempt of a transactional step. */
export interface TransactionAttempt {
  readonly lease: Lease;
  readonly place: string;
  readonly request: TransactionRequest;
  readonly step: StepInfo;
  /**
   * Fires when nobody waits for the attempt any more: its transaction is rolled back unless it commits now.
   */
  readonly abandoned: AbortSignal;
  /** The transaction is about to hold the run's row: what changes that has to wait. */
  rowHeld(): void;
  /** It has let go of it, or never got it. */
  rowFree(): void;
  /**
   * The position of the answer. From this call until the attempt has ended, or `undone` is called, no other
   * answer of the run is shown to its code. It waits for nothing: the transaction holds the run's row.
   */
  nextPosition(): number;
  /** The transaction that had that position is undone; another try will ask again. */
  undone(): void;
  /** Tells the function to stop: the step's `abortSignal`. */
  stop(reason: Error): void;
  /** Whether the run is a suspect that its answer absolves: asked when that is durable. */
  absolves(): boolean;
  /** The function made a mistake that parks the run. */
  mistake(fault: Fault): void;
}

/** How an attempt ended. */
export type TransactionOutcome =
  /** The answer is durable, with everything the function wrote. */
  | { readonly kind: 'committed'; readonly entry: Entry; readonly at: Instant }
  /** Nothing is written. `final`: another attempt would fail in the same way. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly final: boolean }
  /** The run has another owner: the turn is over. */
  | { readonly kind: 'lost' }
  /** Nobody waits for it. A COMMIT that was under way may still have taken effect. */
  | { readonly kind: 'abandoned' };

/** Performs transactional steps; made by a worker. */
export interface Transactions {
  /** Never rejects. Publishes `perdure:step.started` and `perdure:step.ended`. */
  perform(attempt: TransactionAttempt): Promise<TransactionOutcome>;
}

/** An attempt that has failed. */
export function failed(error: unknown, final: boolean): TransactionOutcome & { kind: 'failed' } {
  return { kind: 'failed', error, final };
}
