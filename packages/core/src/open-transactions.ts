// The transactional steps of one run that are open, and what has to wait for them.
//
//   R2. An answer whose COMMIT is undecided has its position: until that is decided nothing of the run is
//       written, and no answer after it is shown.
//   Z5. A transaction holds the run's row, together with those who only add entries. What changes the row
//       waits for its end here, where it costs nothing. Nor can anybody tell the run that something came: it
//       looks.
import type { AnswerQueue } from './answer-queue.js';
import type { Call } from './call.js';
import type { BodyInfo } from './step-info.js';
import type { Fault } from './faults.js';
import type { Outbox } from './outbox.js';
import type { TransactionRequest } from './requests.js';
import type { Lease } from './store.js';
import type { TransactionOutcome, Transactions } from './transaction-attempt.js';

/** One attempt: what was asked for, and what its function is given. */
export interface Attempted {
  readonly request: TransactionRequest;
  readonly info: BodyInfo;
}

/** What they need of their run. */
export interface TransactionHost {
  readonly lease: Lease;
  readonly answers: AnswerQueue;
  readonly outbox: Outbox;
  /** In quarantine. */
  suspect: boolean;
  /** Asks for its write to be taken. */
  submit(): void;
  park(fault: Fault): void;
  renew(quarantine: Quarantine): void;
}

/** What a renewal does to a suspect. */
type Quarantine = 'keep' | 'leave' | 'absolve';

/** The open transactions of one run. */
export class OpenTransactions {
  readonly #host: TransactionHost;
  /** How many of them hold the run's row, or are about to. */
  #open = 0;
  readonly #undecided = new Map<Call, number>();
  #postponed: Quarantine | null = null;

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** The first position whose answer is not decided; Infinity if there is none. */
  get undecided(): number {
    return this.#undecided.size === 0 ? Infinity : Math.min(...this.#undecided.values());
  }

  /** Whether the row is held, or about to be. */
  get holdRow(): boolean {
    return this.#open > 0;
  }

  /** Whether what waits to be written has to wait longer. */
  get holdsBack(): boolean {
    return this.#undecided.size > 0 || (this.#open > 0 && this.#host.outbox.changesRow);
  }

  /**
   * Whether a renewal has to wait: it is asked for again when the row is free, and the lease lasts until
   * then.
   */
  postpones(quarantine: Quarantine): boolean {
    if (this.#open === 0) return false;
    if (this.#postponed === null || quarantine !== 'keep') this.#postponed = quarantine;
    return true;
  }

  /** Performs one. */
  async perform(
    transactions: Transactions, call: Call, { request, info }: Attempted,
  ): Promise<TransactionOutcome> {
    const watch = info.watched();
    let returned: unknown;
    let absolved = false;
    const body: TransactionRequest['body'] = async (tx, step) => {
      returned = await (watch === null ? request.body(tx, step) : watch.run(() => request.body(tx, step)));
      return returned;
    };
    const outcome = await transactions.perform({
      lease: this.#host.lease, place: call.place, request: { ...request, body }, step: info,
      abandoned: info.abandoned,
      rowHeld: () => void this.#open++,
      rowFree: () => {
        this.#open--;
        this.#unblocked();
      },
      nextPosition: () => {
        const position = this.#host.answers.take();
        this.#undecided.set(call, position);
        return position;
      },
      undone: () => this.#decided(call),
      stop: (reason) => call.tellToStop(reason),
      absolves: () => (absolved = this.#open === 0 && this.#host.suspect),
      mistake: (fault) => this.#host.park(fault),
    });
    if (outcome.kind === 'committed') {
      watch?.ended({ ok: true, value: returned });
      if (absolved) this.#host.suspect = false;
      call.state = 'answered';
      if (call.kept) this.#host.outbox.close([call.place]);
      this.#host.answers.hold(outcome);
    } else if (outcome.kind === 'failed') {
      watch?.ended({ ok: false, error: outcome.error });
    }
    this.#decided(call);
    return outcome;
  }

  #unblocked(): void {
    if (this.#open === 0 && this.#postponed !== null) {
      this.#host.renew(this.#postponed);
      this.#postponed = null;
    }
    if (this.#host.outbox.waiting) this.#host.submit();
  }

  #decided(call: Call): void {
    if (this.#undecided.delete(call)) this.#unblocked();
  }
}
