// A caller's transaction on the memory store: starts in it are seen at its commit, or never.
import { WorkflowError } from './errors.js';
import type { NewRows } from './memory-tables.js';
import type { NewRun, StartAnswer, StartStore } from './store.js';

/** What the store does for a transaction; `pending` holds what it has inserted so far. */
export interface TransactionHost {
  readonly store: StartStore;
  start(runs: readonly NewRun[], pending: Map<string, NewRows>): Promise<readonly StartAnswer[]>;
  end(pending: ReadonlyMap<string, NewRows>, how: 'commit' | 'rollback'): void;
}

/** Made by `MemoryStore.begin()`. Its ids are busy for everybody else until it ends. */
export class MemoryTransaction implements StartStore {
  readonly #host: TransactionHost;
  readonly #pending = new Map<string, NewRows>();
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

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    this.#demandOpen();
    return this.#host.start(runs, this.#pending);
  }

  /** Makes its starts visible. Throws NOT_A_TRANSACTION when it has ended. */
  commit(): void {
    this.#end('commit');
  }

  /** Undoes its starts. Throws NOT_A_TRANSACTION when it has ended. */
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
