// What a client writes outside of a transaction: gathered, so that a thousand concurrent calls cost few
// commits.
//
//   A1. An id that the engine made can meet no stranger's; an id that the caller chose can wait for one. The
//       two ride in separate batches, and what is held up rides alone.
//   A2. What has no answer is sent again, with the same id, until its deadline.
import { DatabaseUnavailableError } from '@perdure/core';
import type { Env } from '@perdure/core/engine';

/** Items that share a statement, at most. */
export const largestBatch = 1_000;
/** Characters of their values, about. */
export const largestBatchLength = 8_000_000;
const busyPauseMs = 50;
const retryPauseMs = 100;

/** Something to be written, checked and encoded: nothing about it can fail any more but the database. */
export interface Gathered {
  /** Whether its id can meet a stranger's. */
  readonly chosen: boolean;
  /** Characters of its values, about. */
  readonly length: number;
}

/** How one kind of thing is written, and what its answers mean. */
export interface Errand<Item, Answer> {
  /** Writes a batch; one answer each, in order. `isFirst` unless any of it may have been sent before. */
  send(items: readonly Item[], isFirst: boolean): Promise<readonly Answer[]>;
  /** Whether the item is written ('done'), is held up by a stranger, or never will be. */
  judge(item: Item, answer: Answer): 'done' | 'busy' | Error;
  /** The error of an item that was held up until its deadline. */
  blocked(item: Item): Error;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly until: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers what one client writes of one kind. */
export class Gatherer<Item extends Gathered, Answer> {
  readonly #errand: Errand<Item, Answer>;
  readonly #env: Env;
  readonly #deadlineMs: number;
  readonly #lanes = { made: new Lane<Item, Answer>(), chosen: new Lane<Item, Answer>() };

  constructor(errand: Errand<Item, Answer>, env: Env, deadlineMs: number) {
    this.#errand = errand;
    this.#env = env;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Resolves when the item is durable, with its answer: where that was lost, it is the one that the item had
   * when it was sent again.
   */
  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const until = this.#env.monotonic() + this.#deadlineMs;
      const lane = item.chosen ? this.#lanes.chosen : this.#lanes.made;
      lane.waiting.push({ item, until, resolve, reject });
      if (lane.scheduled) return;
      lane.scheduled = true;
      this.#env.nextTurn(() => void this.#drain(lane));
    });
  }

  async #drain(lane: Lane<Item, Answer>): Promise<void> {
    while (lane.waiting.length > 0) await this.#send(lane.next(), true);
    lane.scheduled = false;
  }

  async #send(batch: readonly Waiting<Item, Answer>[], isFirst: boolean): Promise<void> {
    let answers: readonly Answer[];
    try {
      answers = await this.#errand.send(batch.map(({ item }) => item), isFirst);
    } catch (error) {
      await this.#again(batch, error);
      return;
    }
    for (const [index, waiting] of batch.entries()) {
      const answer = answers[index];
      const verdict = answer === undefined ? 'busy' : this.#errand.judge(waiting.item, answer);
      if (verdict instanceof Error) waiting.reject(verdict);
      else if (verdict === 'done' && answer !== undefined) waiting.resolve(answer);
      else void this.#later(waiting);
    }
  }

  // A stranger's open transaction holds the id: asked again alone, so that nobody else waits for it.
  async #later(waiting: Waiting<Item, Answer>): Promise<void> {
    await this.#env.sleep(busyPauseMs);
    if (this.#env.monotonic() < waiting.until) await this.#send([waiting], false);
    else waiting.reject(this.#errand.blocked(waiting.item));
  }

  async #again(batch: readonly Waiting<Item, Answer>[], error: unknown): Promise<void> {
    const now = this.#env.monotonic();
    const mayRetry = error instanceof DatabaseUnavailableError;
    const patient = batch.filter(({ until }) => mayRetry && now < until);
    for (const waiting of batch) if (!mayRetry || now >= waiting.until) waiting.reject(error);
    if (patient.length === 0) return;
    await this.#env.sleep(retryPauseMs);
    await this.#send(patient, false);
  }
}

class Lane<Item extends Gathered, Answer> {
  waiting: Waiting<Item, Answer>[] = [];
  scheduled = false;

  /** Takes the next batch out: at least one item, within the bounds. */
  next(): Waiting<Item, Answer>[] {
    let size = 0;
    let length = 0;
    for (const { item } of this.waiting) {
      if (size === largestBatch || length > largestBatchLength) break;
      size++;
      length += item.length;
    }
    return this.waiting.splice(0, size);
  }
}
