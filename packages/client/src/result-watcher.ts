// Everybody who waits for a run to settle, behind one query.
//
//   V1. Polling is the truth. Runs that this process settled, and hints from others, only make it sooner.
//   V2. The pause between two queries grows with the number of waiters: ten thousand cost at most five
//       queries a second.
import { type Connection } from '@perdure/core';
import type { Env, RunRecord } from '@perdure/core/engine';

const firstPauseMs = 20;
const longestPauseMs = 1_000;
const pausePerWaiterMs = 0.02;

/**
 * Called with the run each time it was looked at, and when it has settled; with null when there is none; and
 * when the client is closed.
 */
export type Watch = (run: RunRecord | 'closed' | null) => void;

/** Watches runs for one client. */
export class ResultWatcher {
  readonly #connection: Connection;
  readonly #env: Env;
  readonly #watched = new Map<string, Set<Watch>>();
  #undo: Array<() => void> = [];
  #wake: AbortController | null = null;
  #looking = false;
  /** A query is due. */
  #wanted = false;
  #pauseMs = firstPauseMs;
  #closed = false;

  constructor(connection: Connection, env: Env) {
    this.#connection = connection;
    this.#env = env;
  }

  /**
   * Calls `watch` each time something can be said of the run; the returned function ends that. A run that was
   * just started is not asked about at once: it has hardly begun, and its settlement is hinted.
   */
  watch(id: string, watch: Watch, justStarted: boolean): () => void {
    if (this.#closed) {
      this.#env.nextTurn(() => watch('closed'));
      return () => undefined;
    }
    const watches = this.#watched.get(id) ?? new Set();
    watches.add(watch);
    this.#watched.set(id, watches);
    this.#pauseMs = firstPauseMs;
    if (!justStarted) this.#wanted = true;
    if (this.#looking) this.#endPause();
    else void this.#look();
    return () => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watched.get(id) === watches) this.#watched.delete(id);
      if (this.#watched.size === 0) this.#endPause();
    };
  }

  #tell(run: RunRecord): void {
    for (const watch of [...this.#watched.get(run.id) ?? []]) watch(run);
  }

  #listen(): void {
    const { hints } = this.#connection;
    this.#undo = [
      hints.onSettled((runs) => {
        if (runs !== null) for (const run of runs) this.#tell(run);
        else this.#hint();
      }),
      hints.listen(),
    ];
  }

  #hint(): void {
    this.#wanted = true;
    this.#endPause();
  }

  #endPause(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.abort();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#listen();
    while (this.#watched.size > 0 && !this.#closed) {
      if (this.#wanted) {
        this.#wanted = false;
        await this.#query();
        // At least this long between two queries, whatever is hinted (V2).
        await this.#env.idle(Math.max(2, this.#watched.size * pausePerWaiterMs));
      } else {
        // A pause that runs to its end asks by itself; one that was ended early only if somebody wants it.
        if (await this.#pause()) this.#wanted = true;
      }
    }
    for (const undo of this.#undo) undo();
    this.#looking = false;
  }

  async #query(): Promise<void> {
    const ids = [...this.#watched.keys()];
    try {
      const runs = await this.#connection.store.readRuns(ids);
      const found = new Set(runs.map((run) => run.id));
      for (const run of runs) this.#tell(run);
      for (const id of ids) {
        if (!found.has(id)) for (const watch of [...this.#watched.get(id) ?? []]) watch(null);
      }
    } catch {
      // Whoever waits has a timeout of its own; until then the run may well be settled by somebody.
      this.#pauseMs = longestPauseMs;
    }
  }

  async #pause(): Promise<boolean> {
    const wake = new AbortController();
    this.#wake = wake;
    await this.#env.idle(this.#pauseMs, wake.signal);
    this.#wake = null;
    if (wake.signal.aborted) return false;
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    return true;
  }

  /** Ends all watching, and says so to everybody who waits. */
  close(): void {
    this.#closed = true;
    for (const watches of [...this.#watched.values()]) for (const watch of [...watches]) watch('closed');
    this.#watched.clear();
    this.#endPause();
  }
}
