// Gathers what the runs of a worker ask of the database beside their writes: mail to read, children to start,
// messages to send. What is asked for in one turn of the loop rides together.
//
//   N1. Everything is answered for good: an outage is waited for, and what a stranger holds up is asked for
//       again, apart from the others. Only what was asked for before a restore is never answered: its run is
//       not held any more, and the database that is there now must not be asked in its name.
import type { Continuity, Env } from '@perdure/core/engine';
import { largestBatch } from './defaults.js';
import type { Outage } from './outage.js';

/** How one kind of thing is asked for. */
export interface LaneOptions<Item, Answer> {
  readonly env: Env;
  readonly outage: Outage;
  readonly continuity: Continuity;
  /** Names it among what an outage affects. */
  readonly what: string;
  /** One answer each, in order. */
  ask(items: readonly Item[]): Promise<readonly Answer[]>;
  /** Whether a stranger holds it up. */
  isBusy?(answer: Answer): boolean;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly era: number;
  readonly resolve: (answer: Answer) => void;
}

const firstBusyPauseMs = 5;
const longestBusyPauseMs = 500;

/** One lane of a worker. */
export class Lane<Item, Answer> {
  readonly #options: LaneOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #scheduled = false;

  constructor(options: LaneOptions<Item, Answer>) {
    this.#options = options;
  }

  /** Resolves with the answer; never rejects (N1). */
  add(item: Item): Promise<Answer> {
    const { era } = this.#options.continuity;
    return new Promise((resolve) => {
      this.#waiting.push({ item, era, resolve });
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#options.env.nextTurn(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const busy = await this.#serve(this.#waiting.splice(0, largestBatch));
      if (busy.length > 0) void this.#insist(busy);
    }
    this.#scheduled = false;
  }

  async #insist(held: Waiting<Item, Answer>[]): Promise<void> {
    let busy = held;
    let pauseMs = firstBusyPauseMs;
    while (busy.length > 0) {
      await this.#options.env.sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestBusyPauseMs);
      busy = await this.#serve(busy);
    }
  }

  /** Asks once, however long it takes; what is held up comes back. */
  async #serve(all: Waiting<Item, Answer>[]): Promise<Waiting<Item, Answer>[]> {
    const { continuity } = this.#options;
    const batch = all.filter(({ era }) => era === continuity.era);
    const answers = batch.length === 0 ? null : await this.#ask(batch.map(({ item }) => item));
    if (answers === null) return [];
    return batch.filter(({ resolve }, index) => {
      const answer = answers[index];
      if (answer === undefined || this.#options.isBusy?.(answer) === true) return true;
      resolve(answer);
      return false;
    });
  }

  /** Null after a restore. */
  async #ask(items: readonly Item[]): Promise<readonly Answer[] | null> {
    const { outage, what, continuity } = this.#options;
    const { era } = continuity;
    while (continuity.era === era) {
      try {
        const answers = await this.#options.ask(items);
        outage.over(what);
        return answers;
      } catch (error) {
        await outage.pause(what, error);
      }
    }
    outage.over(what);
    return null;
  }
}
