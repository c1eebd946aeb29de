// One call of a workflow that is not answered yet: its promise, and what is being done about it.
import { openPromise, type OpenPromise } from './call-promise.js';
import type { Branch } from './branch.js';
import type { CallRequest } from './requests.js';
import type { CallIdentity } from './journal.js';
import type { Encoded } from './codec.js';
import type { CallKind, Instant } from './store.js';

/**
 * `new`: not begun. `running`: its body runs. `asleep`: due at `dueAt`. `answered`: its answer is on its way
 * through the journal. `withdrawn`: nobody waits for it. What happens to a call is decided by `LiveRun`
 * alone.
 */
export type CallState = 'new' | 'running' | 'asleep' | 'answered' | 'withdrawn';

/** Tells one attempt to stop. Its signal is made when a body looks at it: most never do, and it is dear. */
export class Stop {
  #controller: AbortController | null = null;
  #left: AbortController | null = null;
  #given: { readonly reason: unknown } | null = null;

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#given !== null) this.#controller.abort(this.#given.reason);
    }
    return this.#controller.signal;
  }

  now(reason: unknown): void {
    this.#given = { reason };
    this.#controller?.abort(reason);
  }

  /** Fires when nobody waits for the attempt any more. */
  get abandoned(): AbortSignal {
    this.#left ??= new AbortController();
    return this.#left.signal;
  }

  leave(): void {
    this.#left?.abort();
  }
}

/** Why the answer of a call only ends what it belongs to: its branch is being unwound. */
export interface Doom {
  readonly scope: Branch;
  readonly reason: Error;
}

/** A call that was made and not delivered yet. */
export class Call implements CallIdentity {
  state: CallState = 'new';
  /** Attempts that failed so far. */
  attempt = 0;
  /** When it is due; null while the database has not been asked to keep it. */
  dueAt: Instant | null = null;
  /** Whether the database holds a row for it. */
  kept = false;
  /** How many rows of it are on their way to the database. */
  rows = 0;
  /** Counts up when a running attempt is given up, so that its late end is ignored. */
  tries = 0;
  readonly #opened: OpenPromise<unknown> = openPromise();
  #stop: Stop | null = null;

  /** Its last chance, if it has one; null while that is not known. */
  deadlineAt: Instant | null = null;
  /** The database's time when its attempt began, as far as that is known. */
  begunAt: Instant = 0;
  /** What the last attempt told of its progress. */
  progress: Encoded | null = null;
  /** When that was last recorded, by the clock of this process. */
  progressAt: number = -Infinity;
  /** Set when its branch is unwound before it is answered. */
  doom: Doom | null = null;

  readonly place: string;

  /** At the next place of its branch. `window`: the number of the window in which the code made it. */
  constructor(readonly branch: Branch, readonly request: CallRequest, readonly window: number) {
    this.place = branch.nextPlace;
  }

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

  /** Begins another attempt, with a stop of its own. */
  nextStop(): Stop {
    this.tries++;
    this.#stop = new Stop();
    return this.#stop;
  }

  /** Tells a running body to stop; what it returns is still its answer. */
  tellToStop(reason: unknown): void {
    this.#stop?.now(reason);
  }

  /** Tells a running body to stop; what it returns after that is ignored. */
  abort(reason: unknown): void {
    this.tries++;
    this.#stop?.now(reason);
    this.#stop?.leave();
    this.#stop = null;
  }
}
