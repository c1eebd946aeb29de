// Gathers what the runs of a worker ask of the database beside their writes: mail to read, children to start,
// messages to send. What is asked for in one turn of the loop rides together.
//
//   N1. Everything is answered for good: an outage is waited for, and what a stranger holds up is asked for
//       again, apart from the others.
import type { Env } from '@perdure/core/engine';
import { largestBatch } from './defaults.js';
import type { Outage } from './outage.js';

/** How one kind of thing is asked for. */
export interface LaneOptions<Item, Answer> {
  readonly env: Env;
  readonly outage: Outage;
  /** Names it among what an outage affects. */
  readonly what: string;
  /** One answer each, in order. */
  ask(items: readonly Item[]): Promise<readonly Answer[]>;
  /** Whether a stranger holds it up. */
  isBusy?(answer: Answer): boolean;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
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
    return new Promise((resolve) => {
      this.#waiting.push({ item, resolve });
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
  async #serve(batch: Waiting<Item, Answer>[]): Promise<Waiting<Item, Answer>[]> {
    const answers = await this.#ask(batch.map(({ item }) => item));
    return batch.filter(({ resolve }, index) => {
      const answer = answers[index];
      if (answer === undefined || this.#options.isBusy?.(answer) === true) return true;
      resolve(answer);
      return false;
    });
  }

  async #ask(items: readonly Item[]): Promise<readonly Answer[]> {
    const { outage, what } = this.#options;
    for (;;) {
      try {
        const answers = await this.#options.ask(items);
        outage.over(what);
        return answers;
      } catch (error) {
        await outage.pause(what, error);
      }
    }
  }
}
