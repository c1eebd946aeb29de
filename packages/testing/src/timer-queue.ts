// Timers in the order in which they fire: by their moment, then by when they were set. A binary heap, because
// a thousand runs may set one each.
import type { Timer } from '@perdure/core/engine';
import { Heap } from './heap.js';

interface Entry {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | null;
}

/** The timers of a virtual clock. */
export class TimerQueue {
  readonly #heap = new Heap<Entry>((one, other) => (
    one.at < other.at || (one.at === other.at && one.order < other.order)));
  #order = 0;

  /** Sets a timer for the moment `at`. */
  set(at: number, fire: () => void): Timer {
    const entry: Entry = { at, order: this.#order++, fire };
    this.#heap.add(entry);
    return { cancel: () => void (entry.fire = null) };
  }

  /** The moment of the first timer; null when there is none. */
  get next(): number | null {
    for (let { first } = this.#heap; first !== undefined; { first } = this.#heap) {
      if (first.fire !== null) return first.at;
      this.#heap.take();
    }
    return null;
  }

  /** Takes the first timer that is due at `now`: what it fires, or null. */
  take(now: number): (() => void) | null {
    const { next } = this;
    return next === null || next > now ? null : this.#heap.take()?.fire ?? null;
  }
}
