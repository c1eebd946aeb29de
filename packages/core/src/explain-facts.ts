// What an explanation of a run is made of: rows of the database, as they were read, and nothing else.
import type { RunDetail, WorkerListed } from './operations.js';
import type { RecordedEntry, RunListed } from './store.js';

/** One run, as far as its explanation looks. */
export interface ExplainedRun {
  readonly id: string;
  /** Null: there is no run of this id. */
  readonly run: RunDetail | null;
  /** Its last answers, in their order. */
  readonly last: readonly RecordedEntry[];
  /** Of the children that it waits for, the one that is followed. */
  readonly child: ExplainedChild | null;
  readonly around: Surroundings;
}

/** A child that a run waits for. */
export interface ExplainedChild {
  /** Of the call that waits. */
  readonly place: string;
  readonly id: string;
  /** Whether this call waits for it; otherwise it is the only unfinished child of that workflow. */
  readonly sure: boolean;
  /** 'again': the chain has come back to a run in it; 'further': it is longer than what is followed. */
  readonly run: ExplainedRun | 'again' | 'further';
}

/** What runs have around them. */
export interface Surroundings {
  readonly workers: readonly WorkerListed[];
  /** All runs that have not settled, or null: there are many, or nobody asked. */
  readonly live: readonly RunListed[] | null;
}
