// Carries mail between runs: tells those that something came for, answers who waits for a child, brings
// events to who subscribed. Any worker of a database carries for all of its runs.
//
//   N2. Polling is the truth; hints only shorten the wait. What is carried twice is told twice, and no more.
import { RunCancelledError } from '@perdure/core';
import { encodeError, type Env, type Hints, type Store } from '@perdure/core/engine';
import { idlePollMs, largestCarry } from './defaults.js';
import type { Outage } from './outage.js';

/** What a carrier works with. */
export interface CarrierOptions {
  readonly env: Env;
  readonly store: Store;
  readonly hints: Hints;
  readonly outage: Outage;
  /** These runs were told that something came. */
  told(runIds: readonly string[]): void;
}

const terminated = encodeError(new RunCancelledError('', 'it was terminated with its parent'));

/** The carrier of one worker. */
export class Carrier {
  readonly #options: CarrierOptions;
  #wanted = true;
  #wake: AbortController | null = null;
  #stopped = false;
  #running: Promise<void> | null = null;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.poke();
    await this.#running;
  }

  /** There may be something to carry. */
  poke(): void {
    this.#wanted = true;
    const wake = this.#wake;
    this.#wake = null;
    wake?.abort();
  }

  async #loop(): Promise<void> {
    const { env, outage } = this.#options;
    while (!this.#stopped) {
      this.#wanted = false;
      try {
        await this.#carry();
        outage.over('carry');
      } catch (error) {
        await outage.pause('carry', error);
        continue;
      }
      if (this.#wanted || this.#stopped) continue;
      this.#wake = new AbortController();
      await env.idle(idlePollMs * env.spread(), this.#wake.signal);
      this.#wake = null;
    }
  }

  async #carry(): Promise<void> {
    const { store, hints } = this.#options;
    const { told, more } = await store.carry({ limit: largestCarry, terminated });
    if (more) this.#wanted = true;
    this.#options.told(told);
    if (told.length > 0) hints.due();
  }
}
