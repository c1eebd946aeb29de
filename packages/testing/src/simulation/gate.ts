// Whether what happens to a simulated process reaches it: while it is shut everything waits before it, and
// once it is gone nothing comes in any more.
import type { SimEvent } from './sim-loop.js';

/** The way into one thread of a simulated process. */
export class Gate {
  #state: 'open' | 'shut' | 'gone' = 'open';
  #held: SimEvent[] = [];

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isGone(): boolean {
    return this.#state === 'gone';
  }

  /** An event that came while the gate was not open. */
  hold(event: SimEvent): void {
    if (this.#state === 'shut') this.#held.push(event);
  }

  shut(): void {
    if (this.#state === 'open') this.#state = 'shut';
  }

  /** Opens it; what waited comes in as it came. */
  open(admit: (event: SimEvent) => void): void {
    if (this.#state !== 'shut') return;
    this.#state = 'open';
    const held = this.#held;
    this.#held = [];
    for (const event of held) admit(event);
  }

  /** For good. */
  end(): void {
    this.#state = 'gone';
    this.#held = [];
  }
}
