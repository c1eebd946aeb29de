// After a start in a caller's transaction nobody tells us of its commit: the client hints after 5, 25, 125 ms
// and 1 s.
import type { Connection } from '@perdure/core';
import type { Env } from '@perdure/core/engine';

const pausesMs = [5, 25, 125, 1_000];

/** Hints that runs may be due, some time after each start; many starts share their hints. */
export class Poker {
  readonly #connection: Connection;
  readonly #env: Env;
  readonly #armed = pausesMs.map(() => ({ pending: false, again: false }));

  constructor(connection: Connection, env: Env) {
    this.#connection = connection;
    this.#env = env;
  }

  /** A run was started in a transaction that has yet to commit. */
  started(): void {
    for (const index of pausesMs.keys()) this.#arm(index);
  }

  #arm(index: number): void {
    const state = this.#armed[index];
    const pauseMs = pausesMs[index];
    if (state === undefined || pauseMs === undefined) return;
    state.again = state.pending;
    if (state.pending) return;
    state.pending = true;
    this.#env.after(pauseMs, () => {
      state.pending = false;
      this.#connection.hints.due();
      if (state.again) this.#arm(index);
    });
  }
}
