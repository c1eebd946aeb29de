// Moves virtual time from one moment at which something is due to the next, and waits in between until
// nothing moves.
//
//   V1. Time goes on only when everything that can move without it has moved. Step bodies have real time for
//       that: so much of it, counted from when one of them last began or ended.
//   V2. No moment is passed by: every timer and every run is served at its own moment, in order.
//   V3. One at a time moves time; others wait for their turn.
import { WorkflowError } from '@perdure/core';
import { systemEnv, type DrivenRun } from '@perdure/core/engine';
import type { VirtualTime } from './virtual-time.js';

/** What a conductor works with. */
export interface ConductorParts {
  readonly time: VirtualTime;
  /** When a run is due next in the store, in milliseconds since 1970; null when no clock makes one due. */
  nextRun(): number | null;
  /** The runs of which something runs. When nothing else moves, these are step bodies, or schemas. */
  driven(): readonly DrivenRun[];
  /** How many steps have begun in a run. */
  begun(runId: string): number;
  /** Real milliseconds for step bodies before time goes on beside them. */
  readonly patienceMs: number;
  /** Real milliseconds without any movement before it is an error. */
  readonly limitMs: number;
}

/** The mover of one test's time. */
export class Conductor {
  readonly #parts: ConductorParts;
  readonly #time: VirtualTime;
  /** The bodies beside which time goes on. */
  #left = '';
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: ConductorParts) {
    this.#parts = parts;
    this.#time = parts.time;
  }

  /** Moves time by `ms`, through every moment on the way (V2). */
  advance(ms: number): Promise<void> {
    return this.#alone(async () => {
      const target = this.#time.nowMs + ms;
      for (;;) {
        await this.#patiently();
        const next = this.#next;
        if (next === null || next > target) break;
        this.#time.moveTo(next);
      }
      this.#time.moveTo(target);
      await this.#patiently();
    });
  }

  /** Waits until nothing moves and no body runs; time stands. Throws STEPS_STILL_RUNNING. */
  untilIdle(): Promise<void> {
    return this.#alone(async () => {
      const running = await this.#still(this.#parts.limitMs);
      if (running.length > 0) throw this.#stillRunning(running);
    });
  }

  /**
   * Moves time from moment to moment until `done`. Where no moment is left it waits for real time, and throws
   * STEPS_STILL_RUNNING or what `stuck` makes when that is in vain.
   */
  async until(done: () => boolean, stuck: () => Promise<Error>): Promise<void> {
    let changes = -1;
    let until = 0;
    while (!await this.#alone(() => this.#stepTo(done))) {
      const now = systemEnv.monotonic();
      if (this.#time.changes !== changes) until = now + this.#parts.limitMs;
      changes = this.#time.changes;
      if (now >= until) {
        const running = this.#parts.driven();
        throw running.length > 0 ? this.#stillRunning(running) : await stuck();
      }
      await this.#time.moved(until - now);
    }
  }

  /** Lets everything end that can end by itself, moving time for it: for the end of a test. */
  async unwind(over: () => boolean): Promise<void> {
    for (;;) {
      await this.#time.quiet();
      if (over()) return;
      const next = this.#time.nextTimer;
      if (next !== null) this.#time.moveTo(next);
      else if (!await this.#time.moved(this.#parts.limitMs)) return;
    }
  }

  /** Moves on as long as there is a next moment. */
  async #stepTo(done: () => boolean): Promise<boolean> {
    for (;;) {
      await this.#patiently();
      if (done()) return true;
      const next = this.#next;
      if (next === null) return false;
      this.#time.moveTo(next);
    }
  }

  /** The next moment at which something is due. */
  get #next(): number | null {
    const timer = this.#time.nextTimer ?? Infinity;
    const run = this.#parts.nextRun() ?? Infinity;
    const next = Math.min(timer, run);
    return next === Infinity ? null : next;
  }

  async #patiently(): Promise<void> {
    this.#left = this.#signature(await this.#still(this.#parts.patienceMs, this.#left));
  }

  /** Waits until no body runs, or nothing has moved for so long; returns what still runs. */
  async #still(realMs: number, left?: string): Promise<readonly DrivenRun[]> {
    let seen: string | null = null;
    let until = 0;
    for (;;) {
      await this.#time.quiet();
      const running = this.#parts.driven();
      const signature = this.#signature(running);
      if (running.length === 0 || signature === left) return running;
      const now = systemEnv.monotonic();
      if (signature !== seen) until = now + realMs;
      seen = signature;
      if (now >= until) return running;
      await this.#time.moved(until - now);
    }
  }

  /** Changes whenever a step begins or ends. */
  #signature(running: readonly DrivenRun[]): string {
    return JSON.stringify(running.map(({ runId, steps }) => [runId, steps, this.#parts.begun(runId)]));
  }

  #stillRunning(running: readonly DrivenRun[]): WorkflowError {
    const what = running.map(({ runId, workflow, steps }) => {
      const names = steps.map((step) => `step '${step}'`).join(', ');
      return `${names === '' ? 'a schema' : names} of run '${runId}' (${workflow})`;
    }).join('; ');
    return new WorkflowError('STEPS_STILL_RUNNING', `After ${this.#parts.limitMs} ms of real time there ` +
      `still runs ${what}. A body must end by itself, or be replaced: env.mockStep(workflow, step, fn). ` +
      'To let virtual time pass while it runs, use env.advance.');
  }

  #alone<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(body);
    this.#turn = mine.then(() => undefined, () => undefined);
    return mine;
  }
}
