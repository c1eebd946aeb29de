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
 * Called with the run when it has settled or is parked, with null when it does not exist, or with an error.
 */
export type Watch = (run: RunRecord | null) => void;

/** Watches runs for one client. */
export class ResultWatcher {
  readonly #connection: Connection;
  readonly #env: Env;
  readonly #watched = new Map<string, Set<Watch>>();
  #undo: Array<() => void> = [];
  #wake: AbortController | null = null;
  #looking = false;
  #hinted = false;
  #pauseMs = firstPauseMs;
  #closed = false;

  constructor(connection: Connection, env: Env) {
    this.#connection = connection;
    this.#env = env;
  }

  /** Calls `watch` each time something can be said of the run; the returned function ends that. */
  watch(id: string, watch: Watch): () => void {
    const watches = this.#watched.get(id) ?? new Set();
    watches.add(watch);
    this.#watched.set(id, watches);
    this.#pauseMs = firstPauseMs;
    if (!this.#looking && !this.#closed) void this.#look();
    else this.#wake?.abort();
    return () => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watched.get(id) === watches) this.#watched.delete(id);
      if (this.#watched.size === 0) this.#wake?.abort();
    };
  }

  #tell(run: RunRecord): void {
    if (run.status === 'pending' || run.status === 'running' || run.status === 'waiting') return;
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
    this.#hinted = true;
    this.#wake?.abort();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#listen();
    while (this.#watched.size > 0 && !this.#closed) {
      this.#hinted = false;
      await this.#query();
      await this.#pause();
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

  async #pause(): Promise<void> {
    // At least this long between two queries, whatever is hinted (V2).
    await this.#sleep(Math.max(2, this.#watched.size * pausePerWaiterMs));
    if (this.#hinted || this.#watched.size === 0) return;
    await this.#sleep(this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  async #sleep(ms: number): Promise<void> {
    this.#wake = new AbortController();
    await this.#env.sleep(ms, this.#wake.signal);
    this.#wake = null;
  }

  /** Ends all watching. */
  close(): void {
    this.#closed = true;
    this.#watched.clear();
    this.#wake?.abort();
  }
}
