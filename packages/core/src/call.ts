// One call of a workflow that is not answered yet: its promise, and what is being done about it.
import { openPromise, type OpenPromise } from './call-promise.js';
import type { CallRequest } from './context.js';
import type { CallIdentity } from './journal.js';
import type { CallKind, Instant } from './store.js';

/**
 * `new`: not begun. `running`: its body runs. `asleep`: due at `dueAt`. `answered`: its answer is on its way
 * through the journal. What happens to a call is decided by `LiveRun` alone.
 */
export type CallState = 'new' | 'running' | 'asleep' | 'answered';

/** A call that was made and not delivered yet. */
export class Call implements CallIdentity {
  state: CallState = 'new';
  /** Attempts that failed so far. */
  attempt = 0;
  /** When it is due; null while the database has not been asked to keep it. */
  dueAt: Instant | null = null;
  /** Whether the database holds a row for it. */
  kept = false;
  /** Counts up when a running attempt is given up, so that its late end is ignored. */
  tries = 0;
  readonly #opened: OpenPromise<unknown> = openPromise();
  #controller: AbortController | null = null;

  constructor(readonly place: string, readonly request: CallRequest) {}

  get kind(): CallKind {
    return this.request.kind;
  }

  get name(): string {
    return this.request.name;
  }

  get promise(): Promise<unknown> {
    return this.#opened.promise;
  }

  get subscribed(): boolean {
    return this.#opened.promise.subscribed;
  }

  resolve(value: unknown): void {
    this.#opened.resolve(value);
  }

  reject(error: unknown): void {
    this.#opened.reject(error);
  }

  // Made only when a body looks at it: most never do, and it costs as much as the rest of a step.
  get abortSignal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Tells a running body to stop; what it returns after that is ignored. */
  abort(reason: unknown): void {
    this.tries++;
    this.#controller?.abort(reason);
    this.#controller = null;
  }
}
