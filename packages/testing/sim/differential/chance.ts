// The chance of schedules: that of the simulation, and what draws from lists that may be empty.
import { Chance } from '../../dist/simulation/chance.js';

/** Chance with a seed: the same seed draws the same ops on every machine. */
export class DrawChance extends Chance {
  /** One of them, or undefined if there is none. */
  any<Item>(from: readonly Item[]): Item | undefined {
    return from.length === 0 ? undefined : this.pick(from);
  }

  /** Some of them, each once, in a random order. */
  some<Item>(from: readonly Item[], count: number): Item[] {
    return this.shuffled(from).slice(0, count);
  }
}
