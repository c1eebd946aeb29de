// Everything outside of a run that its calls reach: children, other runs, events, progress streams. Each way
// is fenced by the lease of the run.
import type { Call } from './call.js';
import type { ErrandHost } from './errands.js';
import { invariant } from './errors.js';
import type {
  ChildAnswer, NewChild, NewMessage, NewSubscription, SendAnswer, SubscribeAnswer,
} from './mail.js';
import { checkName } from './names.js';
import { OpenTransactions, type Attempted, type TransactionHost } from './open-transactions.js';
import type { AttemptWatch, StepFacts } from './step-info.js';
import type { Lease } from './store.js';
import type { Streams } from './streams.js';
import type { TransactionOutcome } from './transaction-attempt.js';
import type { TurnHost } from './turn-host.js';

/** Whose ways they are. */
export interface Insider extends TransactionHost {
  readonly workflow: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The ways out of one run. */
export class Outside implements ErrandHost {
  /** Whether the run started or watched children: they, or it, are to hear of its end. */
  tied: boolean;
  /** Its transactional steps. */
  readonly transactions: OpenTransactions;
  readonly #run: Insider;
  readonly #host: TurnHost<never>;
  readonly #streams: Streams;

  constructor(run: Insider, host: TurnHost<never>, { streams, tied }: { streams: Streams; tied: boolean }) {
    this.#run = run;
    this.#host = host;
    this.#streams = streams;
    this.tied = tied;
    this.transactions = new OpenTransactions(run);
  }

  get lease(): Lease {
    return this.#run.lease;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#run.headers;
  }

  tie(child: NewChild): Promise<ChildAnswer> {
    this.tied = true;
    return this.#host.tie(child);
  }

  send(message: NewMessage): Promise<SendAnswer> {
    return this.#host.send(this.lease, message);
  }

  subscribe(subscription: NewSubscription): Promise<SubscribeAnswer> {
    return this.#host.subscribe(subscription);
  }

  /** Performs a transactional step: answers how it ended, once its answer, if it has one, is recorded. */
  transact(call: Call, attempt: Attempted): Promise<TransactionOutcome> {
    const { transactions } = this.#host;
    invariant(transactions !== undefined, 'this worker performs no transactional steps');
    return this.transactions.perform(transactions, call, attempt);
  }

  /** Null unless a test harness watches. */
  watch(step: StepFacts): AttemptWatch | null {
    const { lease: { runId }, workflow } = this.#run;
    return this.#host.harness?.watch?.({
      runId, workflow, step: step.name, attempt: step.attempt, idempotencyKey: step.idempotencyKey,
    }) ?? null;
  }

  /** A chunk from the workflow function: it rides with whatever the window leads to. */
  publish(stream: string, chunk: unknown): void {
    this.#streams.publish(stream, chunk, '');
  }

  /** A chunk from the body of a step. */
  publishFrom({ place }: Call, stream: string, chunk: unknown): void {
    checkName(stream, 'the name of a stream');
    if (this.#streams.publish(stream, chunk, place)) this.#run.submit();
  }
}
