// Timers in the order in which they fire: by their moment, then by when they were set. A binary heap, because
// a thousand runs may set one each.
import type { Timer } from '@perdure/core/engine';

interface Entry {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | null;
}

/** The timers of a virtual clock. */
export class TimerQueue {
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Sets a timer for the moment `at`. */
  set(at: number, fire: () => void): Timer {
    const entry: Entry = { at, order: this.#order++, fire };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return { cancel: () => void (entry.fire = null) };
  }

  /** The moment of the first timer; null when there is none. */
  get next(): number | null {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.fire !== null) return first.at;
      this.#removeFirst();
    }
    return null;
  }

  /** Takes the first timer that is due at `now`: what it fires, or null. */
  take(now: number): (() => void) | null {
    const { next } = this;
    if (next === null || next > now) return null;
    const fire = this.#heap[0]?.fire ?? null;
    this.#removeFirst();
    return fire;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  #sink(from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#earlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  #earlier(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return false;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swapIfEarlier(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined || !this.#earlier(one, other)) return false;
    this.#heap[one] = b;
    this.#heap[other] = a;
    return true;
  }
}
