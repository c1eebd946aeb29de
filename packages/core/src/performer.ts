// Performs what a run asked for: step bodies, waits between attempts, sleeps. It knows nothing of replay: it
// is handed calls that have no recorded answer, and reports each answer once.
//
//   W1. A wait becomes durable with the next write of the run, whether the run rests on it or not.
//   W2. Whether a wait is over is judged by an instant of the database, never by a timer of this process: a
//       timer only asks for a newer instant.
import type { Call } from './call.js';
import { encode, encodeError, exceedsBytes, byteLengthOf, type Encoded } from './codec.js';
import type { CallRequest, StepRequest } from './context.js';
import type { Env, Timer } from './env.js';
import { publish } from './events.js';
import type { Fault } from './faults.js';
import type { Logger } from './logger.js';
import { micros } from './micros.js';
import type { Outbox } from './outbox.js';
import { decideRetry, type RetryDecision } from './retry.js';
import { beginAttempt, type AttemptEnd, type AttemptHost } from './step.js';
import { nothing, type Instant, type RecordedCall, type TurnEnd, type TurnWrite } from './store.js';

/** The answer to a call, as it will be recorded. */
export interface CallAnswer {
  readonly value: Encoded;
  readonly error: string | null;
  readonly tookMs: number;
}

/** When a wait is over: after a duration, or at an instant of the caller's. */
interface Due {
  readonly delayMs: number | null;
  readonly atMs: number | null;
}

/** What the performer needs of its run. */
export interface PerformerHost {
  readonly runId: string;
  readonly generation: number;
  readonly env: Env;
  readonly log: Logger;
  /** A call has its answer. */
  record(call: Call, answer: CallAnswer): void;
  /** Something is to be written, or nothing runs any more. */
  changed(): void;
  /** The body of a step made a mistake that parks the run. */
  park(fault: Fault): void;
  /** A wait seems to be over: ask the database what time it is. */
  askTime(): void;
}

/** Encoded values larger than this are told on `perdure:value.large`. */
const largeValueBytes = 256 * 1024;

/** The performing side of one run. */
export class Performer implements AttemptHost {
  readonly #host: PerformerHost;
  readonly #outbox: Outbox;
  readonly #running = new Set<Call>();
  readonly #asleep = new Set<Call>();
  #timer: Timer | null = null;
  #now: Instant;

  constructor(host: PerformerHost, outbox: Outbox, now: Instant) {
    this.#host = host;
    this.#outbox = outbox;
    this.#now = now;
  }

  get runId(): string {
    return this.#host.runId;
  }

  get generation(): number {
    return this.#host.generation;
  }

  get env(): Env {
    return this.#host.env;
  }

  get log(): Logger {
    return this.#host.log;
  }

  /** Names of the steps whose bodies run. */
  get runningSteps(): readonly string[] {
    return [...this.#running].map((call) => call.name);
  }

  get running(): boolean {
    return this.#running.size > 0;
  }

  get waiting(): boolean {
    return this.#asleep.size > 0;
  }

  /** Begins a call, or continues the wait that was recorded for it. */
  begin(call: Call, recorded: RecordedCall | undefined): void {
    if (recorded !== undefined) {
      call.attempt = recorded.attempt;
      call.dueAt = recorded.dueAt;
      call.kept = true;
      call.state = 'asleep';
      this.#asleep.add(call);
    } else if (call.request.kind === 'sleep') {
      this.#keep(call, call.request, null);
    } else {
      this.#attempt(call, call.request);
    }
  }

  #attempt(call: Call, request: StepRequest): void {
    this.#running.add(call);
    beginAttempt(this, call, request);
  }

  /** A step body ended; called at most once for each attempt. */
  attemptEnded(call: Call, end: AttemptEnd, tookMs: number): void {
    this.#running.delete(call);
    if (end.ok) {
      this.#host.record(call, this.#encodeResult(call, end.value, tookMs));
      return;
    }
    const error = encodeError(end.error);
    const decision = this.#decide(call.request, call.attempt + 1, end.error);
    if (decision === null) {
      this.#host.record(call, { value: nothing, error, tookMs });
      return;
    }
    call.attempt++;
    this.#keep(call, decision, error);
    this.#host.changed();
  }

  mistake(fault: Fault): void {
    this.#host.park(fault);
  }

  #encodeResult(call: Call, result: unknown, tookMs: number): CallAnswer {
    try {
      const value = encode(result, `the result of step '${call.name}'`);
      if (exceedsBytes(value, largeValueBytes)) {
        const bytes = byteLengthOf(value);
        publish('perdure:value.large', () => ({ runId: this.runId, what: `step '${call.name}'`, bytes }));
      }
      return { value, error: null, tookMs };
    } catch (error) {
      // The work is done: another attempt could only repeat its effect. So this is the step's answer.
      return { value: nothing, error: encodeError(error), tookMs };
    }
  }

  #decide(request: CallRequest, attempt: number, error: unknown): Due | null {
    if (request.kind !== 'step') return null;
    let decision: RetryDecision;
    try {
      decision = decideRetry(request.retry, { attempt, error }, this.env.random());
    } catch (nonsense) {
      this.log.error(`A RetryAfterError cannot be used: ${String(nonsense)}`);
      return null;
    }
    if (decision.kind === 'give-up') return null;
    return decision.kind === 'at'
      ? { delayMs: null, atMs: Math.max(0, decision.atMs) } : { delayMs: decision.delayMs, atMs: null };
  }

  #keep(call: Call, due: Due, error: string | null): void {
    const { place, kind, name, attempt } = call;
    const { delayMs, atMs } = due;
    call.dueAt = null;
    call.kept = true;
    call.state = 'asleep';
    this.#asleep.add(call);
    this.#outbox.call({ place, kind, name, attempt, error, delayMs, atMs });
  }

  /** A write of the run is durable: the waits in it are due at instants now. */
  written(write: TurnWrite, at: Instant): void {
    this.#now = at;
    if (write.calls.length === 0) return;
    const asleep = new Map([...this.#asleep].map((call) => [call.place, call]));
    for (const { place, delayMs, atMs } of write.calls) {
      const call = asleep.get(place);
      if (call !== undefined) call.dueAt = atMs === null ? at + micros(delayMs ?? 0) : micros(atMs);
    }
  }

  /** Serves every wait that is over at the database time `at`. */
  serveDue(at: Instant = this.#now): void {
    this.#now = Math.max(this.#now, at);
    for (const call of [...this.#asleep]) {
      if (call.dueAt === null || call.dueAt > this.#now) continue;
      this.#asleep.delete(call);
      if (call.request.kind === 'step') this.#attempt(call, call.request);
      else this.#host.record(call, { value: nothing, error: null, tookMs: 0 });
    }
  }

  /** How the run rests on its waits: the earliest of them, by duration and by instant. */
  restEnd(): TurnEnd {
    let wakeAt: Instant | null = null;
    for (const { dueAt } of this.#asleep) {
      if (dueAt !== null) wakeAt = Math.min(wakeAt ?? Infinity, dueAt);
    }
    let wakeInMs: number | null = null;
    for (const { delayMs, atMs } of this.#outbox.waitingCalls) {
      if (delayMs !== null) wakeInMs = Math.min(wakeInMs ?? Infinity, delayMs);
      if (atMs !== null) wakeAt = Math.min(wakeAt ?? Infinity, micros(atMs));
    }
    return { kind: 'rest', wakeInMs, wakeAt };
  }

  /**
   * The run stays leased while it waits: a timer asks for the time when the earliest wait may be over (W2).
   */
  arm(): void {
    this.disarm();
    let earliest = Infinity;
    for (const { dueAt } of this.#asleep) earliest = Math.min(earliest, dueAt ?? Infinity);
    if (earliest === Infinity) return;
    const waitMs = Math.max(1, (earliest - this.#now) / 1_000);
    this.#timer = this.env.after(waitMs, () => this.#host.askTime());
  }

  /** Stops the timer of `arm`. */
  disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Tells running bodies to stop and forgets them; waits are forgotten as well. */
  drop(reason: () => Error): void {
    this.disarm();
    for (const call of this.#running) call.abort(reason());
    this.#running.clear();
    this.#asleep.clear();
  }
}
