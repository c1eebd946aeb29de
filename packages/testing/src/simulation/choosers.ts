// Who goes first of those that are ready: by chance, always the oldest, or by a list that an explorer made.
import type { Chance } from './chance.js';
import type { Chooser } from './sim-loop.js';

/** By chance; mostly the oldest, so that a seed has stretches of order as well. */
export function byChance(chance: Chance): Chooser {
  return (ready) => (chance.odds(0.5) ? 0 : chance.below(ready.length));
}

/** Always the oldest. */
export const oldestFirst: Chooser = () => 0;
