// One simulated process: the `Env` of a real client or worker, whose clocks, timers, chance and ids are those
// of the simulation. Killed, it is garbage: nothing happens to it any more, and nothing it asked for answers.
import { systemEnv, type Env, type Timer } from '@perdure/core/engine';
import type { Chance } from './chance.js';
import { Gate } from './gate.js';
import type { SimLoop } from './sim-loop.js';

/** How one simulated process differs from the next. */
export interface SimProcessOptions {
  readonly name: string;
  readonly loop: SimLoop;
  readonly chance: Chance;
  /** By how much its wall clock is wrong. */
  readonly skewMs?: number | undefined;
  /** How fast its clocks go; 1 by default. */
  readonly rate?: number | undefined;
  /** Everything it does may be late by up to this. */
  readonly lagMs?: number | undefined;
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The surroundings of one simulated process. */
export class SimProcess implements Env {
  readonly name: string;
  readonly loop: SimLoop;
  readonly chance: Chance;
  /** The main loop, and the thread that keeps leases while that is blocked. */
  readonly main: Gate = new Gate();
  readonly thread: Gate = new Gate();
  readonly #mark: string;
  readonly #rate: number;
  readonly #lagMs: number;
  readonly #bornAt: number;
  readonly #mourners: Array<() => void> = [];
  #skewMs: number;
  #lastIdMs = 0;
  #ids = 0;

  constructor({ name, loop, chance, skewMs = 0, rate = 1, lagMs = 0 }: SimProcessOptions) {
    this.name = name;
    this.loop = loop;
    this.chance = chance;
    this.#skewMs = skewMs;
    this.#mark = base32(chance.fork('mark').below(32 ** 8), 10);
    this.#rate = rate;
    this.#lagMs = lagMs;
    this.#bornAt = loop.now;
  }

  // ---- what befalls it -----------------------------------------------------------------------------------

  get isAlive(): boolean {
    return !this.main.isGone;
  }

  /** It runs: neither dead nor stopped nor blocked. */
  get isRunning(): boolean {
    return this.main.isOpen;
  }

  /** It dies where it stands. */
  kill(): void {
    if (!this.isAlive) return;
    this.main.end();
    this.thread.end();
    for (const mourn of this.#mourners) mourn();
  }

  /** Calls this at its death. */
  onDeath(mourn: () => void): void {
    this.#mourners.push(mourn);
  }

  /** It stops where it stands, with all its threads; everything that happens to it waits. */
  freeze(): void {
    this.main.shut();
    this.thread.shut();
  }

  /** Its main loop is blocked; its threads go on. */
  block(): void {
    this.main.shut();
  }

  /** It goes on: whatever waited happens now. */
  thaw(): void {
    for (const gate of [this.thread, this.main]) gate.open();
  }

  /** Its wall clock is set. */
  jumpWall(ms: number): void {
    this.#skewMs += ms;
  }

  // ---- the Env -------------------------------------------------------------------------------------------

  wallTime(): number {
    return Math.floor(this.loop.now + this.#skewMs);
  }

  monotonic(): number {
    return (this.loop.now - this.#bornAt) * this.#rate;
  }

  after(ms: number, fire: () => void): Timer {
    // Never before its time, by its own clock.
    return this.#happen('timer', Math.ceil(Math.max(0, ms)) / this.#rate, fire);
  }

  sleep(ms: number, abortSignal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (abortSignal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        timer.cancel();
        resolve();
      };
      const timer = this.after(ms, () => {
        abortSignal?.removeEventListener('abort', wake);
        resolve();
      });
      abortSignal?.addEventListener('abort', wake, { once: true });
    });
  }

  idle(ms: number, abortSignal?: AbortSignal): Promise<void> {
    return this.sleep(ms, abortSignal);
  }

  nextTurn(next: () => void): void {
    this.#happen('turn', 0, next);
  }

  afterDrain(next: () => void): void {
    systemEnv.afterDrain(() => {
      if (this.isAlive) next();
    });
  }

  random(): number {
    return this.chance.next();
  }

  spread(): number {
    return 0.9 + this.chance.next() / 10;
  }

  newId(): string {
    // As an ULID: the time, chance that is the same within a process, and a number that grows.
    this.#lastIdMs = Math.max(this.#lastIdMs, this.wallTime());
    return base32(this.#lastIdMs, 10) + this.#mark + base32(this.#ids++, 6);
  }

  newToken(): string {
    return this.chance.hex(32);
  }

  newUuid(): string {
    const hex = this.chance.hex(31);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-8${hex.slice(15, 18)}-` +
      `${hex.slice(18, 30)}`;
  }

  #happen(label: string, inMs: number, run: () => void): Timer {
    const lag = this.#lagMs > 0 ? this.chance.between(0, this.#lagMs) : 0;
    return this.loop.add({
      at: this.loop.now + inMs + lag, actor: this.name, label, lane: this.name, gate: this.main, run,
    });
  }
}

function base32(value: number, digits: number): string {
  let text = '';
  for (let left = value; text.length < digits; left = Math.floor(left / 32)) {
    text = `${alphabet[left % 32]}${text}`;
  }
  return text;
}
