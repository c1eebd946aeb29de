// The database of a simulation: the memory store, whose verbs take effect whole in the event in which they
// arrive. Only what waits for a stranger's transaction takes events of its own.
import { MemoryStore } from '@perdure/core/engine';
import type { Chance } from './chance.js';
import type { SimLoop } from './sim-loop.js';
import { SimProcess } from './sim-process.js';

/** How long a statement waits between two looks at who holds what it needs. */
const lookMs = 1;

class DatabaseEnv extends SimProcess {
  arriving = false;

  override nextTurn(next: () => void): void {
    if (this.arriving) next();
    else this.after(lookMs, next);
  }
}

/** The database of one simulation. */
export class ModelStore extends MemoryStore {
  readonly #env: DatabaseEnv;
  readonly #broken: { failures: number };

  constructor(loop: SimLoop, chance: Chance) {
    const env = new DatabaseEnv({ name: 'database', loop, chance });
    const broken = { failures: 0 };
    super({ env, now: () => Math.floor(loop.now * 1_000), shuffle: broken });
    this.#env = env;
    this.#broken = broken;
  }

  /** Lets a verb take effect in this event; `breaksOff`: not all items of its batch. */
  arrive<Answer>(verb: () => Promise<Answer>, breaksOff = false): Promise<Answer> {
    this.#env.arriving = true;
    try {
      const answer = verb();
      // Batches are served in the reaction to this one's arrival, before anybody else's.
      this.#broken.failures = breaksOff ? 0.5 : 0;
      return answer;
    } finally {
      this.#env.arriving = false;
    }
  }
}
