// What the code side of a run needs of the rest of it.
import type { BranchHost } from './branch-host.js';
import type { Call } from './call.js';
import type { Journal } from './journal.js';
import type { Entry } from './store.js';

/** The run of some code. */
export interface CodeHost extends Pick<
  BranchHost, 'runId' | 'generation' | 'startedAtMs' | 'headers' | 'definition' | 'log' | 'chance' | 'now'
> {
  readonly journal: Journal;
  readonly timeoutMs: number | null;
  readonly outside: { publish(stream: string, chunk: unknown): void };
  /** An asynchronous schema has parsed the input: the code can begin at the next delivery. */
  parsed(): void;
  /** The code has more to do that needs a window, and no answer. */
  resumes(): void;
  /** Code went on outside of its window; `what` says how. */
  strayed(what: string): void;
  /** A cancel, or its timeout, has reached the run. */
  befallen(): void;
  /** An answer was given to its call, or passed over because that was withdrawn. */
  shown(entry: Entry, call: Call, how: 'answered' | 'passed-over'): void;
  /** A call is not waited for any more. */
  withdrawn(call: Call): void;
  /** A call is to end as soon as it can. */
  doomed(call: Call): void;
  /** New code was taken: what it records is not to be durable without this mark. */
  marked(mark: Entry): void;
}
