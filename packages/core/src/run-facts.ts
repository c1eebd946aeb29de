// What is known of a run in memory whatever it does: whose it is, what it is called, where its log goes.
import { Chance } from './chance.js';
import type { Env } from './env.js';
import { journalOf, type Journal } from './journal.js';
import { scopedLogger, type Logger } from './logger.js';
import type { ClaimedRun, Lease } from './store.js';
import type { TurnStart } from './turn-host.js';
import type { WorkflowDefinition } from './workflow.js';

/** The ground floor of `LiveRun`. */
export class RunFacts {
  readonly definition: WorkflowDefinition;
  readonly journal: Journal;
  readonly env: Env;
  claimed: ClaimedRun;
  /** In quarantine: its next recorded progress absolves it. */
  suspect: boolean;
  readonly #workersLog: Logger;
  #chance: Chance | null = null;
  #log: Logger | null = null;

  constructor({ env, log }: { readonly env: Env; readonly log: Logger }, start: TurnStart) {
    this.env = env;
    this.#workersLog = log;
    this.definition = start.definition;
    this.claimed = start.claimed;
    this.suspect = start.claimed.strikes > 0;
    this.journal = journalOf(start.history);
  }

  get lease(): Lease {
    return this.claimed.lease;
  }

  get runId(): string {
    return this.lease.runId;
  }

  get workflow(): string {
    return this.definition.name;
  }

  get generation(): number {
    return this.lease.generation;
  }

  get startedAtMs(): number {
    return this.claimed.firstClaimedAt / 1_000;
  }

  get headers(): Readonly<Record<string, string>> {
    return Object.freeze(this.claimed.headers);
  }

  /** Longest time from the first claim to the end. */
  get timeoutMs(): number | null {
    return this.claimed.timeoutMs ?? this.definition.timeoutMs;
  }

  get chance(): Chance {
    return this.#chance ??= new Chance(this.runId, this.generation);
  }

  /** Silent while recorded answers are replayed. */
  get log(): Logger {
    this.#log ??= scopedLogger(this.#workersLog, { runId: this.runId, workflow: this.workflow },
      () => this.journal.next === undefined);
    return this.#log;
  }
}
