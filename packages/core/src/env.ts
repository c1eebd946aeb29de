// The one door to clock, timers, chance and ids. Everything the engine may not compute from its inputs comes
// through an `Env`, so that a test can own time and a simulation can own order.
//
//   E1. `wallTime` is for ids and log lines only. No decision compares it with a time of the database.
//   E2. Durations are measured by `monotonic`, which never jumps.
//   E3. Nothing else in the repository touches a timer, a clock, chance, or the loop; the tidy test holds
//       that.
import { randomBytes, randomUUID } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** A timer that was set; `cancel` is safe to call at any time, also after it fired. */
export interface Timer {
  cancel(): void;
}

/** What the engine takes from its surroundings. Use `systemEnv` unless a test owns time. */
export interface Env {
  /** Milliseconds since 1970 by this machine's clock: for ids and log lines, never for decisions (E1). */
  wallTime(): number;
  /** Milliseconds since some fixed moment, never going back: for deadlines and measuring. */
  monotonic(): number;
  /**
   * Calls `fire` once after `ms` milliseconds; any length works, also beyond 2^31 ms. Does not hold the
   * process.
   */
  after(ms: number, fire: () => void): Timer;
  /**
   * Resolves after `ms` milliseconds, or at once when `abortSignal` fires. Never rejects. Holds the process.
   */
  sleep(ms: number, abortSignal?: AbortSignal): Promise<void>;
  /**
   * The pause of a loop between two looks at what others may have changed: as `sleep`, but no moment of the
   * world depends on its end. Who owns time may end it whenever there may be something to see, and need not
   * count it as a reason for time to go on.
   */
  idle(ms: number, abortSignal?: AbortSignal): Promise<void>;
  /** Calls `next` in the next turn of the event loop, after I/O had its chance. */
  nextTurn(next: () => void): void;
  /**
   * Calls `next` once all code that can already run has run: the queue of promise reactions is empty and no
   * I/O or timer has been served in between.
   */
  afterDrain(next: () => void): void;
  /** A number from 0 up to 1, for jitter and for choosing an order. */
  random(): number;
  /**
   * From 0.9 up to 1: by how much a loop that only looks shortens its pause, so that not all processes look
   * at the same moment. Apart from `random`: how often a loop looks decides nothing in the world.
   */
  spread(): number;
  /** A new run id: a ULID, monotonic within this process. */
  newId(): string;
  /** A new unguessable 128-bit token in hexadecimal: claim ids, worker ids. */
  newToken(): string;
  /** A new random UUID. */
  newUuid(): string;
}

// A timer of Node fires at once when asked for more than 2^31 - 1 ms, so long waits are made of shorter ones.
const longestTimerMs = 2 ** 31 - 1;

function startTimer(ms: number, fire: () => void, hold: boolean): Timer {
  let handle: NodeJS.Timeout;
  const end = performance.now() + ms;
  const arm = (): void => {
    const left = end - performance.now();
    if (left > longestTimerMs) handle = setTimeout(arm, longestTimerMs);
    // Timers of Node count whole milliseconds, and cut off what is more: never before its time.
    else handle = setTimeout(fire, Math.max(0, Math.ceil(left)));
    if (!hold) handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

function sleep(ms: number, abortSignal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abortSignal?.aborted === true) {
      resolve();
      return;
    }
    const timer = startTimer(ms, () => {
      abortSignal?.removeEventListener('abort', wake);
      resolve();
    }, true);
    const wake = (): void => {
      timer.cancel();
      resolve();
    };
    abortSignal?.addEventListener('abort', wake, { once: true });
  });
}

const ulid = monotonicFactory();

/** The real surroundings: this machine's clock, Node's timers and loop, the system's chance. */
export const systemEnv: Env = {
  wallTime: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, fire) => startTimer(ms, fire, false),
  sleep,
  idle: sleep,
  nextTurn: (next) => void setImmediate(next),
  // A tick asked for from inside a promise reaction is served only when no reaction is left, and before any
  // I/O.
  afterDrain: (next) => queueMicrotask(() => process.nextTick(next)),
  random: () => Math.random(),
  spread: () => 0.9 + Math.random() / 10,
  newId: () => ulid(),
  newToken: () => randomBytes(16).toString('hex'),
  newUuid: () => randomUUID(),
};
