// Time that moves only when it is told to, and that knows when nothing moves any more.
//
//   T1. The clock counts whole milliseconds. What is done between two of its moves takes no time.
//   T2. Timers fire one at a time, by their moments, then in the order in which they were set; before the
//       next one everything that can run has run.
//   T3. It is quiet when no turn is pending, no timer is due, and every loop that pauses has looked since the
//       last change. Nothing is guessed: turns are counted.
//   T4. Pauses of loops that only look are no moments of virtual time. They end when something changed, and
//       as a last resort in real time: what nobody told of is seen a little later.
//   T5. A step body lives in real time. Whoever asks for quiet must ask the worker whether one runs.
import { systemEnv, type Env, type Timer } from '@perdure/core/engine';
import type { Ids } from './crashes/steady-ids.js';
import { TimerQueue } from './timer-queue.js';

/** An Env whose clock is moved by hand. */
export class VirtualTime implements Env {
  readonly #timers = new TimerQueue();
  /** Ends one pause each. */
  readonly #pauses = new Set<() => void>();
  /** Called when something moves again. */
  readonly #stirred = new Set<() => void>();
  readonly #random: () => number;
  readonly #ids: Ids;
  #nowMs: number;
  #turns = 0;
  #changed = false;
  /** Pauses were ended and nothing fired since: what begins to pause has just looked. */
  #looking = false;
  #watching = false;
  #changes = 0;
  #quiet: Array<() => void> = [];

  /** `ids`: where ids come from; new ones each time by default. */
  constructor(startAtMs: number, ids: Ids = systemEnv) {
    this.#nowMs = startAtMs;
    this.#ids = ids;
    this.#random = dice(1);
  }

  /** Milliseconds since 1970 by this clock. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The moment of the next timer; null when none is set. */
  get nextTimer(): number | null {
    return this.#timers.next;
  }

  /** Moves the clock; what is due then fires in order (T2). */
  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
    this.change();
  }

  /** How often something has changed, or time has moved. */
  get changes(): number {
    return this.#changes;
  }

  /** Something changed that a loop may find when it looks. */
  change(): void {
    this.#changes++;
    this.#lookAgain();
  }

  /** Resolves when it is quiet (T3), after a turn of the event loop at least. */
  quiet(): Promise<void> {
    this.#stir();
    return new Promise((resolve) => void this.#quiet.push(resolve));
  }

  /** Waits until something moves, at most so many milliseconds of real time; whether something did. */
  async moved(realMs: number): Promise<boolean> {
    if (this.#watching) return true;
    const enough = new AbortController();
    const end = (): void => enough.abort();
    this.#stirred.add(end);
    await systemEnv.sleep(realMs, enough.signal);
    this.#stirred.delete(end);
    return enough.signal.aborted;
  }

  // ---- the Env -------------------------------------------------------------------------------------------

  wallTime(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(ms: number, fire: () => void): Timer {
    // Never before its time: a part of a millisecond is a whole one (T1).
    const at = this.#nowMs + Math.ceil(Math.max(0, ms));
    if (at === this.#nowMs) this.#stir();
    return this.#timers.set(at, fire);
  }

  sleep(ms: number, abortSignal?: AbortSignal): Promise<void> {
    return this.#endable(abortSignal, (end) => {
      const timer = this.after(ms, end);
      return () => timer.cancel();
    });
  }

  idle(ms: number, abortSignal?: AbortSignal): Promise<void> {
    return this.#endable(abortSignal, (end) => {
      const timer = systemEnv.after(ms, () => {
        // It keeps its own pace: what begins to pause next has nothing new to wait for.
        this.#looking = true;
        this.#stir();
        end();
      });
      this.#pauses.add(end);
      // It may have begun to wait for something that has happened already.
      if (!this.#looking) this.#lookAgain();
      return () => {
        timer.cancel();
        this.#pauses.delete(end);
      };
    });
  }

  nextTurn(next: () => void): void {
    this.#pending(next, systemEnv.nextTurn);
  }

  afterDrain(next: () => void): void {
    this.#pending(next, systemEnv.afterDrain);
  }

  random(): number {
    return this.#random();
  }

  spread(): number {
    return 1;
  }

  newId(): string {
    return this.#ids.newId();
  }

  newToken(): string {
    return this.#ids.newToken();
  }

  newUuid(): string {
    return this.#ids.newUuid();
  }

  // ---- quiet ---------------------------------------------------------------------------------------------

  #pending(next: () => void, schedule: (run: () => void) => void): void {
    this.#turns++;
    schedule(() => {
      this.#turns--;
      next();
    });
    this.#stir();
  }

  #endable(abortSignal: AbortSignal | undefined, begin: (end: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      if (abortSignal?.aborted === true) {
        resolve();
        return;
      }
      const end = (): void => {
        abortSignal?.removeEventListener('abort', end);
        undo();
        resolve();
      };
      const undo = begin(end);
      abortSignal?.addEventListener('abort', end, { once: true });
    });
  }

  #lookAgain(): void {
    this.#changed = true;
    this.#stir();
  }

  #stir(): void {
    if (this.#watching) return;
    this.#watching = true;
    for (const end of [...this.#stirred]) end();
    systemEnv.nextTurn(() => this.#watch());
  }

  // One turn of the event loop each time: promise reactions of all callbacks before it have run.
  #watch(): void {
    if (this.#turns === 0 && !this.#goOn()) {
      this.#watching = false;
      this.#looking = false;
      const quiet = this.#quiet;
      this.#quiet = [];
      for (const resolve of quiet) resolve();
      return;
    }
    systemEnv.nextTurn(() => this.#watch());
  }

  /** Fires what is due next, or lets everybody look; false when there is nothing to do. */
  #goOn(): boolean {
    const fire = this.#timers.take(this.#nowMs);
    if (fire !== null) {
      this.#looking = false;
      this.nextTurn(fire);
      return true;
    }
    if (!this.#changed) return false;
    this.#changed = false;
    this.#looking = true;
    for (const end of [...this.#pauses]) end();
    return true;
  }
}

/** A generator of chance that begins the same in every test (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
