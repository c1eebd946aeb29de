// What a worker does while its database does not answer: it waits without limit, and says so once.
import { publish, type Env } from '@perdure/core/engine';
import type { Logger } from '@perdure/core';

const firstPauseMs = 50;
const longestPauseMs = 1_000;

/** The outage of one worker, if there is one. */
export class Outage {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #affected = new Set<string>();
  #since = 0;
  #pauseMs = firstPauseMs;
  #left = false;

  constructor(env: Env, log: Logger) {
    this.#env = env;
    this.#log = log;
  }

  get on(): boolean {
    return this.#affected.size > 0;
  }

  /** Whether statements of `what` wait for their answers. */
  affects(what: string): boolean {
    return this.#affected.has(what);
  }

  /** Whether the worker has gone: nothing is sent again. */
  get left(): boolean {
    return this.#left;
  }

  /** The worker goes although its database does not answer: who pauses never goes on, and holds nothing. */
  leave(): void {
    this.#left = true;
  }

  /** A statement of `what` had no answer: says so if that is new, and pauses before the next try. */
  async pause(what: string, error: unknown): Promise<void> {
    const known = this.on;
    this.#affected.add(what);
    if (!known) {
      this.#since = this.#env.monotonic();
      publish('perdure:database.unavailable', () => ({ error }));
      this.#log.warn('The database does not answer; waiting for it.', { error: String(error) });
    }
    const jitter = 0.5 + this.#env.random() / 2;
    if (!this.#left) await this.#env.sleep(this.#pauseMs * jitter);
    if (this.#left) await new Promise(() => undefined);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  /** A statement of `what` had its answer: the outage is over when everything has. */
  over(what: string): void {
    if (!this.#affected.delete(what) || this.on) return;
    const afterMs = this.#env.monotonic() - this.#since;
    this.#pauseMs = firstPauseMs;
    publish('perdure:database.back', () => ({ afterMs }));
    this.#log.info('The database answers again.', { afterMs: Math.round(afterMs) });
  }
}
