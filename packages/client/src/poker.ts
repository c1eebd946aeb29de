// After a write in a caller's transaction nobody tells us of its commit: the client hints after 5, 25, 125 ms
// and 1 s.
import type { Env } from '@perdure/core/engine';

const pausesMs = [5, 25, 125, 1_000];

/** Hints that there may be something to do, some time after each write; many writes share their hints. */
export class Poker {
  readonly #hint: () => void;
  readonly #env: Env;
  readonly #armed = pausesMs.map(() => ({ pending: false, again: false }));

  constructor(hint: () => void, env: Env) {
    this.#hint = hint;
    this.#env = env;
  }

  /** Something was written in a transaction that has yet to commit. */
  wrote(): void {
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
      this.#hint();
      if (state.again) this.#arm(index);
    });
  }
}
