// What a run in memory and the worker that drives it say to each other.
import type { Env } from './env.js';
import type { Harness } from './harness.js';
import type { Logger } from './logger.js';
import type {
  ChildAnswer, NewChild, NewMessage, NewSubscription, SendAnswer, SubscribeAnswer,
} from './mail.js';
import type { ClaimedRun, History, Instant, Lease, TurnWrite } from './store.js';
import type { Transactions } from './transaction-attempt.js';
import type { WorkflowDefinition } from './workflow.js';

/**
 * How a run left the hands of its worker. `restart`: its memory is spoilt; read the journal and begin anew.
 * `continued`: its next generation is due.
 */
export type TurnEnded = 'settled' | 'parked' | 'rested' | 'handed-back' | 'lost' | 'restart' | 'continued';

/** What a run needs of the worker that drives it. */
export interface TurnHost<Run> {
  readonly env: Env;
  readonly log: Logger;
  readonly leaseMs: number;
  /** Null but in tests. */
  readonly harness: Harness | null;
  /** Performs transactional steps; left out where none can be. */
  readonly transactions?: Transactions | undefined;
  /** Asks for `deliver` and `close` at the next drain. */
  deliver(run: Run): void;
  /** Asks for `takeWrite` at the next flush. */
  submit(run: Run): void;
  /** Asks for the inbox of the run to be read: what it holds goes to `inbox.receive`. */
  readMail(run: Run): void;
  /** The ways out of a run; each answers for good, and never rejects. */
  tie(child: NewChild): Promise<ChildAnswer>;
  send(lease: Lease, message: NewMessage): Promise<SendAnswer>;
  subscribe(subscription: NewSubscription): Promise<SubscribeAnswer>;
  /** The run is over for this turn; `write` is what ended it, null if the lease was lost. */
  ended(run: Run, how: TurnEnded, write: TurnWrite | null): void;
}

/** A claimed run, its code, and what it recorded. */
export interface TurnStart {
  readonly definition: WorkflowDefinition;
  readonly claimed: ClaimedRun;
  readonly history: History;
  /** The database time at which it was claimed or read. */
  readonly at: Instant;
}
