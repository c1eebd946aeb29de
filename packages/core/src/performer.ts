// Performs what a run asked for: step bodies, waits between attempts, sleeps, errands, waits for mail. It
// knows nothing of replay: it is handed calls that have no recorded answer, and reports each answer once.
//
//   W4. What is doomed is answered as soon as it can be: a body is told to stop and its end is its answer, a
//       pause between attempts ends at once, a child is cancelled and waited for; one that was found
//       is somebody else's, and is left alone.
//   W5. Waits are over in the order of their instants. While the run waits for mail as well, nothing is over
//       before everything that was sent until then has been read: what came in time is not too late.
import { answerOf, failureOf, faultIn, readLetter, type CallAnswer } from './answers.js';
import type { Call } from './call.js';
import { encodeError } from './codec.js';
import type { Env } from './env.js';
import { cancelChild, childIdOf, hasErrand, runErrand, type ErrandEnd } from './errands.js';
import { StepTimeoutError } from './errors.js';
import * as faults from './faults.js';
import { describeCall } from './journal.js';
import type { Logger } from './logger.js';
import type { Letter, Mailbox } from './mailbox.js';
import { micros } from './micros.js';
import type { Outbox } from './outbox.js';
import type { Outside } from './outside.js';
import type { ChildRequest, StepRequest, TransactionRequest } from './requests.js';
import { decideRetry, type RetryDecision } from './retry.js';
import { Sleepers } from './sleepers.js';
import { beginAttempt } from './step.js';
import {
  BodyInfo, type AttemptEnd, type AttemptHost, type AttemptWatch, type StepFacts,
} from './step-info.js';
import type { Instant, RecordedCall, TurnEnd, TurnWrite } from './store.js';

/** When a wait is over: after a duration, or at an instant of the caller's; never, if both are null. */
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
  park(fault: faults.Fault): void;
  /** A wait seems to be over: ask the database what time it is. */
  askTime(): void;
  /** The lease was found to be gone. */
  lose(): void;
  /** The run has passed its timeout. */
  late(): void;
  /** Asks for the inbox to be read. */
  lookForMail(): void;
  /** A call has begun to wait for mail. */
  mailAwaited(): void;
}

/** Heartbeats are recorded at most this often. */
const progressEveryMs = 1_000;

/** What a step fails with that is not tried again because its time is up; `error` is its last attempt's. */
function outOfTime({ name, request }: Call, error: unknown): unknown {
  const totalMs = request.kind === 'step' ? request.totalTimeoutMs : null;
  const known = error instanceof StepTimeoutError && error.limit === 'total';
  return known ? error : new StepTimeoutError(name, totalMs ?? 0, 'total', { cause: error });
}

/** The performing side of one run. */
export class Performer implements AttemptHost {
  readonly #host: PerformerHost;
  readonly #outbox: Outbox;
  readonly #mailbox: Mailbox;
  readonly #outside: Outside;
  readonly #running = new Set<Call>();
  /** Cancels of children that are on their way: a run that rested would send them in vain. */
  #cancels = 0;
  readonly #sleepers: Sleepers;
  /** Everything that was sent until then has been read; and will have been, by the look under way. */
  #mailRead: Instant = -Infinity;
  #mailAsked: Instant = -Infinity;

  constructor(
    host: PerformerHost, parts: { outbox: Outbox; mailbox: Mailbox; outside: Outside }, now: Instant,
  ) {
    this.#host = host;
    this.#outbox = parts.outbox;
    this.#mailbox = parts.mailbox;
    this.#outside = parts.outside;
    this.#sleepers = new Sleepers(host.env, now);
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

  watch(step: StepFacts): AttemptWatch | null {
    return this.#outside.watch(step);
  }

  /** Names of the steps whose bodies run. */
  get runningSteps(): readonly string[] {
    return [...this.#running].map((call) => call.name);
  }

  get running(): boolean {
    return this.#running.size > 0 || this.#cancels > 0;
  }

  get waiting(): boolean {
    return this.#sleepers.any;
  }

  /** When the whole run is late. */
  set deadlineAt(at: Instant) {
    this.#sleepers.deadlineAt = at;
  }

  /** Begins a call, or continues the wait that was recorded for it. */
  begin(call: Call, recorded: RecordedCall | undefined): void {
    if (recorded !== undefined) {
      call.attempt = recorded.attempt;
      this.#sleepers.due(call, recorded.dueAt);
      call.deadlineAt = recorded.deadlineAt;
      call.progress = recorded.progress;
      call.kept = true;
      const unopened = recorded.progress?.unopened;
      if (unopened !== undefined) {
        this.#host.park(faults.unreadable(`the progress of ${describeCall(call)}`, unopened));
        return;
      }
      this.#sleepOn(call);
      if (call.doom !== null) this.doom(call);
      return;
    }
    const { request } = call;
    if (request.kind === 'step') this.#beginStep(call, request);
    else if (request.kind === 'transaction') void this.#transact(call, request);
    else if (request.kind === 'sleep') this.#keep(call, request, null);
    else if (request.kind === 'token') this.#host.record(call, answerOf(call, this.env.newToken()));
    else if (request.kind === 'set') this.#set(call);
    else if (hasErrand(call)) void this.#errand(call);
    else this.#awaitMail(call);
  }

  // ---- steps ---------------------------------------------------------------------------------------------

  #beginStep(call: Call, request: StepRequest): void {
    const { totalTimeoutMs } = request;
    if (totalTimeoutMs !== null) {
      call.deadlineAt = this.#sleepers.now + micros(totalTimeoutMs);
      this.#write(call, { due: { delayMs: 0, atMs: null }, error: null, deadlineMs: totalTimeoutMs });
    }
    this.#attempt(call, request);
  }

  #attempt(call: Call, request: StepRequest): void {
    const { now } = this.#sleepers;
    const leftMs = call.deadlineAt === null ? null : Math.max(0, (call.deadlineAt - now) / 1_000);
    this.#running.add(call);
    call.begunAt = now;
    beginAttempt(this, call, { request, leftMs });
    if (call.doom !== null) call.tellToStop(call.doom.reason);
  }

  async #transact(call: Call, request: TransactionRequest): Promise<void> {
    this.#running.add(call);
    call.state = 'running';
    const began = this.env.monotonic();
    const info = new BodyInfo(this, call);
    if (call.doom !== null) call.tellToStop(call.doom.reason);
    const outcome = await this.#outside.transact(call, { request, info });
    const tookMs = this.env.monotonic() - began;
    if (outcome.kind === 'lost') this.#host.lose();
    else if (!this.#running.has(call)) return;
    else if (outcome.kind === 'failed') this.#attemptFailed(call, outcome, tookMs);
    else this.#running.delete(call);
    this.#host.changed();
  }

  /** A step body ended; called at most once for each attempt. */
  attemptEnded(call: Call, end: AttemptEnd, tookMs: number): void {
    if (!end.ok) {
      this.#attemptFailed(call, { error: end.error, final: false }, tookMs);
      return;
    }
    this.#running.delete(call);
    this.#host.record(call, answerOf(call, end.value, { runId: this.runId, tookMs }));
  }

  #attemptFailed(call: Call, { error, final }: { error: unknown; final: boolean }, tookMs: number): void {
    this.#running.delete(call);
    const due = final ? null : this.#retryOf(call, error);
    if (due === null) {
      this.#fail(call, error, tookMs);
    } else if (this.#isPastTotal(call, due, tookMs)) {
      this.#fail(call, outOfTime(call, error), tookMs);
    } else {
      call.attempt++;
      this.#keep(call, due, encodeError(error));
      this.#host.changed();
    }
  }

  #fail(call: Call, error: unknown, tookMs: number): void {
    const { request } = call;
    if (request.kind === 'step' && request.rollback !== null && call.doom === null) {
      this.#host.park(faults.rollbackFailed(call.name, error, request.rollback));
    } else {
      this.#host.record(call, failureOf(error, tookMs));
    }
  }

  #retryOf({ request, attempt, doom }: Call, error: unknown): Due | null {
    if (!('retry' in request) || doom !== null) return null;
    let decision: RetryDecision;
    try {
      decision = decideRetry(request.retry, { attempt: attempt + 1, error }, this.env.random());
    } catch (nonsense) {
      this.log.error(`A RetryAfterError cannot be used: ${String(nonsense)}`);
      return null;
    }
    if (decision.kind === 'give-up') return null;
    return decision.kind === 'at'
      ? { delayMs: null, atMs: Math.max(0, decision.atMs) } : { delayMs: decision.delayMs, atMs: null };
  }

  // An attempt that could only begin when the time for all of them is up is none.
  #isPastTotal({ deadlineAt, begunAt }: Call, { delayMs, atMs }: Due, tookMs: number): boolean {
    if (deadlineAt === null) return false;
    const now = Math.max(this.#sleepers.now, begunAt + micros(tookMs));
    return (atMs === null ? now + micros(delayMs ?? 0) : micros(atMs)) >= deadlineAt;
  }

  mistake(fault: faults.Fault): void {
    this.#host.park(fault);
  }

  publishFrom(call: Call, stream: string, chunk: unknown): void {
    this.#outside.publishFrom(call, stream, chunk);
  }

  /** A body told of its progress: recorded soon, and again at most once a second. */
  progressed(call: Call): void {
    const now = this.env.monotonic();
    if (call.progress === null || now - call.progressAt < progressEveryMs) return;
    call.progressAt = now;
    this.#write(call, { due: { delayMs: 0, atMs: null }, error: null, deadlineMs: null });
    this.#host.changed();
  }

  #set(call: Call): void {
    if (call.request.kind === 'set') this.#outbox.attributes(call.request.attributes);
    this.#host.record(call, answerOf(call, undefined));
  }

  // ---- waits ---------------------------------------------------------------------------------------------

  #sleepOn(call: Call): void {
    this.#sleepers.add(call);
    const letter = this.#mailbox.wait(call);
    if (letter !== null) {
      this.#read(call, letter);
    } else if (call.kind !== 'sleep' && !('retry' in call.request)) {
      // What was read before was not read for this wait.
      this.#mailRead = -Infinity;
      this.#mailAsked = -Infinity;
    }
  }

  #keep(call: Call, due: Due, error: string | null): void {
    call.dueAt = null;
    this.#write(call, { due, error, deadlineMs: null });
    this.#sleepOn(call);
  }

  #write(
    call: Call, { due, error, deadlineMs }: { due: Due; error: string | null; deadlineMs: number | null },
  ): void {
    const { place, kind, name, attempt, progress } = call;
    const { delayMs, atMs } = due;
    this.#sleepers.rowSent(call);
    this.#outbox.call({ place, kind, name, attempt, error, progress, delayMs, atMs, deadlineMs });
  }

  #awaitMail(call: Call): void {
    const { request } = call;
    const delayMs = 'timeoutMs' in request && 'box' in request ? request.timeoutMs : null;
    this.#keep(call, { delayMs, atMs: null }, null);
  }

  async #errand(call: Call): Promise<void> {
    this.#running.add(call);
    this.#errandEnded(call, await runErrand(this.#outside, call));
  }

  #errandEnded(call: Call, end: ErrandEnd): void {
    if (!this.#running.delete(call)) return;
    if (end.kind === 'lost') {
      this.#host.lose();
    } else if (call.state === 'withdrawn') {
      // What the errand has left behind goes with the row that the call never had.
      this.#outbox.close([call.place]);
      this.#host.changed();
    } else if (end.kind === 'answered') {
      this.#host.record(call, { value: end.value, error: end.error, tookMs: 0, message: null });
    } else {
      this.#awaitMail(call);
      if (call.doom !== null) this.doom(call);
      // A subscription has brought what had happened before it.
      if (call.kind === 'event') this.#host.lookForMail();
      else this.#host.mailAwaited();
      this.#host.changed();
    }
  }

  /** Mail that answers a call; an asynchronous schema may stand between. */
  deliver(call: Call, letter: Letter): void {
    this.#read(call, letter);
  }

  #read(call: Call, letter: Letter): void {
    const { lease } = this.#outside;
    const childId = 'parentClose' in call.request ? childIdOf(lease, call.place, call.request) : null;
    const fault = faultIn(call, letter, childId);
    if (fault !== null) {
      this.#host.park(fault);
      return;
    }
    const answer = readLetter(call, letter, childId);
    this.#sleepers.wake(call);
    if (!(answer instanceof Promise)) {
      this.#recordRead(call, answer);
      return;
    }
    this.#mailbox.took(call, letter);
    this.#running.add(call);
    void answer.then((read) => {
      if (this.#running.delete(call)) this.#recordRead(call, read);
    });
  }

  #recordRead(call: Call, answer: CallAnswer): void {
    const { message, value, error } = answer;
    this.#mailbox.took(call, { id: message, payload: value, error, outcome: null, read: true });
    this.#host.record(call, answer);
  }

  /** A write of the run is durable. */
  written(write: TurnWrite, at: Instant): void {
    this.#sleepers.written(write, at);
  }

  /** Serves every wait that is over at the database time `at`. */
  serveDue(at: Instant = this.#sleepers.now): void {
    this.#sleepers.timeIs(at);
    this.#serveUntil(this.#sleepers.now);
  }

  /** A message was sent at that instant, and all that were sent before it have been read. */
  serveBefore(sentAt: Instant): void {
    this.#sleepers.timeIs(sentAt);
    this.#mailRead = Math.max(this.#mailRead, sentAt);
    this.#serveUntil(sentAt - 1);
  }

  /** The inbox is being read. */
  mailAsked(): void {
    this.#mailAsked = this.#sleepers.now;
  }

  /** All that the look has found was dealt with. */
  mailRead(): void {
    this.#mailRead = Math.max(this.#mailRead, this.#mailAsked);
    this.serveDue();
  }

  #serveUntil(limit: Instant): void {
    let held = false;
    for (const call of this.#sleepers.dueUntil(limit)) {
      const { dueAt, request } = call;
      if (dueAt === null || !this.#sleepers.has(call)) continue;
      if ('retry' in request) this.#tryAgain(call, request);
      else if (held || this.#mayBeLate(dueAt)) held = true;
      else this.#answerDue(call, dueAt);
    }
    const { deadlineAt } = this.#sleepers;
    if (!held && deadlineAt <= limit && !this.#mayBeLate(deadlineAt)) this.#host.late();
  }

  #tryAgain(call: Call, request: StepRequest | TransactionRequest): void {
    this.#sleepers.wake(call);
    if (request.kind === 'step') this.#attempt(call, request);
    else void this.#transact(call, request);
  }

  #answerDue(call: Call, dueAt: Instant): void {
    if (this.#sleepers.deadlineAt < dueAt) this.#host.late();
    this.#sleepers.wake(call);
    this.#mailbox.forget(call);
    if (call.kind === 'sleep') this.#host.record(call, answerOf(call, undefined));
    else this.#host.record(call, { ...answerOf(call, null), timedOut: true });
  }

  // Whether something that came before this instant may not have been read (W5): then it is now.
  #mayBeLate(instant: Instant): boolean {
    if (!this.#mailbox.waits || instant <= this.#mailRead) return false;
    this.#host.lookForMail();
    return true;
  }

  // ---- unwinding -----------------------------------------------------------------------------------------

  /** A call is not waited for any more. */
  withdraw(call: Call): void {
    this.#sleepers.wake(call);
    // A schema that still reads what came reads it again for whoever has it next.
    if (this.#mailbox.withdraw(call)) this.#running.delete(call);
    call.state = 'withdrawn';
    if (call.kept) this.#outbox.close([call.place]);
  }

  /** A call is to be answered as soon as it can be (W4). */
  doom(call: Call): void {
    const { doom, request } = call;
    if (doom === null) return;
    if (request.kind === 'child') {
      void this.#cancelChild(call, request);
    } else if (this.#running.has(call)) {
      call.tellToStop(doom.reason);
    } else if (this.#sleepers.wake(call)) {
      this.#host.record(call, failureOf(doom.reason, 0));
    }
  }

  async #cancelChild(call: Call, request: ChildRequest): Promise<void> {
    // While it is being tied it is not known whose it is; it is doomed again when that is done.
    if (!this.#sleepers.has(call)) return;
    this.#cancels++;
    const end = await cancelChild(this.#outside, call, request);
    this.#cancels--;
    if (end === 'lost') {
      this.#host.lose();
    } else if (end === 'found' && this.#sleepers.wake(call)) {
      this.#mailbox.forget(call);
      this.#host.record(call, failureOf(call.doom?.reason, 0));
    }
    this.#host.changed();
  }

  // ---- rests ---------------------------------------------------------------------------------------------

  /** How the run rests on its waits. */
  restEnd(): TurnEnd {
    return { kind: 'rest', ...this.#sleepers.wakeTimes(this.#outbox.waitingCalls) };
  }

  /** The run stays leased while it waits. */
  arm(): void {
    this.#sleepers.arm(() => this.#host.askTime());
  }

  /** It does so no more. */
  disarm(): void {
    this.#sleepers.disarm();
  }

  /** Tells running bodies to stop and forgets them; waits are forgotten as well. */
  drop(reason: () => Error): void {
    for (const call of this.#running) call.abort(reason());
    this.#running.clear();
    this.#sleepers.clear();
  }
}
