// Drives the windows of all runs of a worker: opens them together, waits for one drain, closes them together.
//
//   R7. Deliveries come in slices of at most 5 ms; after a slice the event loop has one turn for everybody
//       else.
import type { Env } from './env.js';
import type { LiveRun } from './live-run.js';

const sliceMs = 5;

/** Shares drains between runs. One for each worker. */
export class Pump {
  readonly #env: Env;
  #due = new Set<LiveRun>();
  #scheduled = false;
  #sliceBegan = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Asks for one delivery to `run`; asking twice before it happens is asking once. */
  deliver(run: LiveRun): void {
    this.#due.add(run);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#env.nextTurn(() => {
      this.#sliceBegan = this.#env.monotonic();
      this.#round();
    });
  }

  #round(): void {
    const runs = this.#due;
    this.#due = new Set();
    for (const run of runs) run.deliver();
    this.#env.afterDrain(() => {
      for (const run of runs) run.close();
      if (this.#due.size === 0) {
        this.#scheduled = false;
      } else if (this.#env.monotonic() - this.#sliceBegan < sliceMs) {
        this.#round();
      } else {
        this.#env.nextTurn(() => {
          this.#sliceBegan = this.#env.monotonic();
          this.#round();
        });
      }
    });
  }
}
