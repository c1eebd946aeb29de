// All kinds of faults, and which of them a round gets.
//
//   C1. Every kind gets its turn: rounds are dealt kinds from a pack that is shuffled by the seed, and is
//       shuffled again when it is used up.
import type { ChaosServer } from './chaos-server.js';
import { databaseFaults } from './database-faults.js';
import type { Dice } from './dice.js';
import type { FaultKind } from './faults.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';

/** All of them. */
export const faultKinds: readonly FaultKind[] = [...processFaults, ...networkFaults, ...databaseFaults];

/** The kinds of these names, all for none. Throws for a name that there is not. */
export function kindsNamed(names: readonly string[]): readonly FaultKind[] {
  const unknown = names.find((name) => faultKinds.every((kind) => kind.name !== name));
  if (unknown !== undefined) {
    const all = faultKinds.map(({ name }) => name).join(', ');
    throw new Error(`There is no fault '${unknown}'; there are ${all}.`);
  }
  return names.length === 0 ? faultKinds : faultKinds.filter(({ name }) => names.includes(name));
}

/** Why a kind cannot be injected here; null if it can. */
export function lacking({ ownServer }: FaultKind, server: ChaosServer): string | null {
  return ownServer === true && server.restart === null ? 'the server is not ours to stop' : null;
}

/** Deals kinds to rounds, so many each (C1). */
export class Pack {
  readonly #kinds: readonly FaultKind[];
  readonly #dice: Dice;
  #left: FaultKind[] = [];

  constructor(kinds: readonly FaultKind[], dice: Dice) {
    this.#kinds = kinds;
    this.#dice = dice;
  }

  deal(count: number): readonly FaultKind[] {
    const dealt: FaultKind[] = [];
    while (dealt.length < Math.min(count, this.#kinds.length)) {
      if (this.#left.length === 0) this.#left = this.#kinds.filter((kind) => !dealt.includes(kind));
      const kind = this.#dice.pick(this.#left);
      if (kind === undefined) break;
      this.#left = this.#left.filter((each) => each !== kind);
      dealt.push(kind);
    }
    return dealt;
  }
}
