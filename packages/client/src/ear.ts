// Listens for what a run does, on behalf of one reader: when to look again, and when there will be no more.
//
//   S1. Polling is the truth: 50 ms after something was found, growing to 1 s while nothing comes. What this
//       process wrote, and the end of the run, are hinted at and only make it sooner.
//   S3. A reader holds nothing in the database. Thousands of them share the one query for the end of runs.
import type { Env, RunRecord } from '@perdure/core/engine';
import { runNotFound } from './mail.js';
import type { Parts } from './parts.js';
import { clientClosed, isOver, patienceForUnknownMs } from './result.js';

const firstPauseMs = 50;
const longestPauseMs = 1_000;
// At least this long between two reads, whatever is hinted.
const shortestPauseMs = 5;

/** Hears that there may be more, and that there will be no more. */
export class Ear {
  readonly #env: Env;
  readonly #abortSignal: AbortSignal | undefined;
  readonly #undo: Array<() => void>;
  readonly #hint = (): void => {
    this.#hinted = true;
    this.#wake?.abort();
  };

  /** The run, once it has settled or is parked, or why none can be expected; null while something can. */
  end: RunRecord | Error | null = null;
  /** Its generation, as far as that was heard of. */
  generation: number | null = null;
  #closed: Error | null = null;
  #hinted = false;
  #wake: AbortController | null = null;
  #pauseMs = firstPauseMs;

  constructor(
    env: Env, { connection, watcher }: Parts, of: { runId: string; abortSignal: AbortSignal | undefined },
  ) {
    const { runId, abortSignal } = of;
    const began = env.monotonic();
    this.#env = env;
    this.#abortSignal = abortSignal;
    abortSignal?.addEventListener('abort', this.#hint, { once: true });
    this.#undo = [
      connection.hints.onPublished((runIds) => {
        if (runIds.has(runId)) this.#hint();
      }),
      watcher.watch(runId, (run) => {
        if (run === 'closed') this.#closed = clientClosed(runId);
        else if (run !== null) {
          if (!this.#isNews(run)) return;
        } else if (env.monotonic() - began > patienceForUnknownMs) this.end = runNotFound(runId);
        else return;
        this.#hint();
      }, false),
    ];
  }

  #isNews(run: RunRecord): boolean {
    // What was read earlier may be told later.
    if (this.generation !== null && run.generation < this.generation) return false;
    const isNew = run.generation !== this.generation || (this.end === null) === isOver(run);
    this.generation = run.generation;
    this.end = isOver(run) ? run : null;
    return isNew;
  }

  /** Throws the reason of the abort signal, or that the client was closed. */
  throwIfOver(): void {
    this.#abortSignal?.throwIfAborted();
    if (this.#closed !== null) throw this.#closed;
  }

  /** Waits until there may be more. */
  async pause(found: boolean): Promise<void> {
    if (found) this.#pauseMs = firstPauseMs;
    await this.#env.idle(shortestPauseMs);
    if (!this.#hinted) {
      this.#wake = new AbortController();
      await this.#env.idle(this.#pauseMs, this.#wake.signal);
      this.#wake = null;
      this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    }
    this.#hinted = false;
  }

  close(): void {
    for (const undo of this.#undo) undo();
    this.#abortSignal?.removeEventListener('abort', this.#hint);
  }
}
