// The calls of one run that sleep: until an instant, or for ever as far as the clock goes.
//
//   W1. A wait becomes durable with the next write of the run, whether the run rests on it or not. Its
//       instant is the database's, known when its row is durable; of two rows of a call the later one counts.
//   W2. Whether a wait is over is judged by an instant of the database, never by a timer of this process: a
//       timer only asks for a newer instant.
import type { Call } from './call.js';
import type { Env, Timer } from './env.js';
import { micros } from './micros.js';
import type { Instant, NewPendingCall, TurnWrite } from './store.js';

/** In so many milliseconds, or at that instant: whichever is first. */
interface WakeTimes {
  readonly wakeInMs: number | null;
  readonly wakeAt: Instant | null;
}

/** The sleeping calls of one run. */
export class Sleepers {
  /** When the whole run is late. */
  deadlineAt: Instant = Infinity;
  readonly #env: Env;
  readonly #asleep = new Set<Call>();
  /** Calls whose rows are on their way to the database, by place. */
  readonly #rows = new Map<string, Call>();
  #now: Instant;
  /** No call is due before. */
  #soonest: Instant = Infinity;
  #timer: Timer | null = null;

  constructor(env: Env, now: Instant) {
    this.#env = env;
    this.#now = now;
  }

  /** The database's time, as far as it is known. */
  get now(): Instant {
    return this.#now;
  }

  /** The database's time is at least this. */
  timeIs(at: Instant): void {
    this.#now = Math.max(this.#now, at);
  }

  get any(): boolean {
    return this.#asleep.size > 0;
  }

  has(call: Call): boolean {
    return this.#asleep.has(call);
  }

  add(call: Call): void {
    call.state = 'asleep';
    this.#asleep.add(call);
  }

  /** It sleeps no more; false if it did not. */
  wake(call: Call): boolean {
    return this.#asleep.delete(call);
  }

  /** A row of a call is sent. */
  rowSent(call: Call): void {
    call.kept = true;
    call.rows++;
    this.#rows.set(call.place, call);
  }

  /** A call is due at an instant of the database. */
  due(call: Call, dueAt: Instant): void {
    call.dueAt = dueAt;
    this.#soonest = Math.min(this.#soonest, dueAt);
  }

  /** A write of the run is durable: the waits in it are due at instants now. */
  written(write: TurnWrite, at: Instant): void {
    this.timeIs(at);
    for (const { place, delayMs, atMs } of write.calls) {
      const call = this.#rows.get(place);
      if (call === undefined || --call.rows > 0) continue;
      this.#rows.delete(place);
      const dueAt = atMs === null ? at + micros(delayMs ?? Infinity) : micros(atMs);
      if (this.#asleep.has(call)) this.due(call, dueAt);
    }
  }

  /** Those that are due until then, in the order of their instants. */
  dueUntil(limit: Instant): Call[] {
    const due: Call[] = [];
    if (limit < this.#soonest) return due;
    this.#soonest = Infinity;
    for (const call of this.#asleep) {
      if (call.dueAt === null) continue;
      this.#soonest = Math.min(this.#soonest, call.dueAt);
      if (call.dueAt <= limit) due.push(call);
    }
    return due.length < 2 ? due : due.sort((one, other) => (one.dueAt ?? 0) - (other.dueAt ?? 0));
  }

  /** When a run that rests with these rows is due. */
  wakeTimes(rows: readonly NewPendingCall[]): WakeTimes {
    let earliest = this.deadlineAt;
    for (const { dueAt } of this.#asleep) if (dueAt !== null) earliest = Math.min(earliest, dueAt);
    let wakeInMs: number | null = null;
    for (const { delayMs, atMs } of rows) {
      if (delayMs !== null) wakeInMs = Math.min(wakeInMs ?? Infinity, delayMs);
      if (atMs !== null) earliest = Math.min(earliest, micros(atMs));
    }
    return { wakeInMs, wakeAt: earliest === Infinity ? null : earliest };
  }

  /** Sets a timer to the moment at which the next of them may be over (W2). */
  arm(fire: () => void): void {
    this.disarm();
    const now = this.#now;
    // What is over already waits for the inbox, not for time.
    let earliest = this.deadlineAt > now ? this.deadlineAt : Infinity;
    for (const { dueAt } of this.#asleep) {
      if (dueAt !== null && dueAt > now) earliest = Math.min(earliest, dueAt);
    }
    if (earliest === Infinity) return;
    this.#timer = this.#env.after(Math.max(1, (earliest - now) / 1_000), fire);
  }

  /** Stops the timer of `arm`. */
  disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Forgets them. */
  clear(): void {
    this.disarm();
    this.#asleep.clear();
  }
}
