// A caller's transaction on the memory store: what is written in it is seen at its commit, or never.
import { WorkflowError } from './errors.js';
import type { EmitAnswer, NewEvent, NewMessage, SendAnswer } from './mail.js';
import type { Uncommitted } from './memory-tables.js';
import type { Entry, Instant, Lease, NewRun, StartAnswer, StartStore } from './store.js';

/** The store refuses a value. */
export class ValueRefusedError extends Error {
  override readonly name = 'ValueRefusedError';
}

/**
 * What answers a statement of a transaction, from the instant at which it came. Null: a stranger's
 * transaction holds an item, and it is to be asked again.
 */
type Served<Answer> = () => Answer | null;

/** What the store does for a transaction; `pending` holds what it has inserted so far. */
export interface TransactionHost {
  readonly store: StartStore;
  /** The way to the database. */
  roundTrip(): Promise<void>;
  start(runs: readonly NewRun[], pending: Uncommitted): Served<readonly StartAnswer[]>;
  send(messages: readonly NewMessage[], pending: Uncommitted): Served<readonly SendAnswer[]>;
  emit(events: readonly NewEvent[], pending: Uncommitted): Served<readonly EmitAnswer[]>;
  fence(lease: Lease, pending: Uncommitted): Served<'held' | 'busy' | 'lost'>;
  record(lease: Lease, entry: Entry, pending: Uncommitted): Served<{ readonly at: Instant | null }>;
  end(pending: Uncommitted, how: 'commit' | 'rollback'): void;
}

/** Made by `MemoryStore.begin()`. Its ids are busy for everybody else until it ends. */
export class MemoryTransaction implements StartStore {
  readonly #host: TransactionHost;
  readonly #pending: Uncommitted = {
    runs: new Map(), messages: new Map(), events: new Map(), fenced: [], answers: new Map(),
  };
  #open = true;

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** The store that it writes to. */
  get store(): StartStore {
    return this.#host.store;
  }

  /** Whether it can still be written in. */
  get open(): boolean {
    return this.#open;
  }

  startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    return this.#serve((pending) => this.#host.start(runs, pending));
  }

  sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return this.#serve((pending) => this.#host.send(messages, pending));
  }

  emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return this.#serve((pending) => this.#host.emit(events, pending));
  }

  /** For a transactional step: keeps the run with its owner until this transaction ends. */
  fence(lease: Lease): Promise<'held' | 'busy' | 'lost'> {
    return this.#serve((pending) => this.#host.fence(lease, pending));
  }

  /** Records the answer of the step; null if there is one. Throws ValueRefusedError. */
  async record(lease: Lease, entry: Entry): Promise<Instant | null> {
    return (await this.#serve((pending) => this.#host.record(lease, entry, pending))).at;
  }

  async #serve<Answer>(come: (pending: Uncommitted) => Served<Answer>): Promise<Answer> {
    this.#demandOpen();
    let serve: Served<Answer> | null = null;
    for (;;) {
      await this.#host.roundTrip();
      // What comes to the database after the end of its transaction has no effect, and holds nothing.
      this.#demandOpen();
      serve ??= come(this.#pending);
      const answer = serve();
      if (answer !== null) return answer;
    }
  }

  /** Makes what it wrote visible. Throws NOT_A_TRANSACTION when it has ended. */
  commit(): void {
    this.#end('commit');
  }

  /** Undoes what it wrote. Throws NOT_A_TRANSACTION when it has ended. */
  rollback(): void {
    this.#end('rollback');
  }

  #end(how: 'commit' | 'rollback'): void {
    this.#demandOpen();
    this.#open = false;
    this.#host.end(this.#pending, how);
  }

  #demandOpen(): void {
    if (this.#open) return;
    throw new WorkflowError('NOT_A_TRANSACTION', 'This transaction of the memory store has ended. Begin ' +
      'another.');
  }
}
