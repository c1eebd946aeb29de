// Whether what happens to a simulated process reaches it: while it is shut everything waits before it, and
// once it is gone nothing comes in any more.

/** The way into one thread of a simulated process. */
export class Gate {
  #state: 'open' | 'shut' | 'gone' = 'open';
  #held: Array<() => void> = [];

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isGone(): boolean {
    return this.#state === 'gone';
  }

  /** Something came while the gate was not open: `admit` lets it in. */
  hold(admit: () => void): void {
    if (this.#state === 'shut') this.#held.push(admit);
  }

  shut(): void {
    if (this.#state === 'open') this.#state = 'shut';
  }

  /** Opens it; what waited comes in as it came. */
  open(): void {
    if (this.#state !== 'shut') return;
    this.#state = 'open';
    const held = this.#held;
    this.#held = [];
    for (const admit of held) admit();
  }

  /** For good. */
  end(): void {
    this.#state = 'gone';
    this.#held = [];
  }
}
