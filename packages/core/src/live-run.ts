// THE LOOP. One run in memory: shows answers to its code until that settles or rests, and says what to write.
// It is driven by `deliver` and `close` around each window of the code, and by `written` after each write.
//
//   R1. The only way out is the journal: nothing the code asked for begins before every answer it was shown
//       is durable. An answer may be shown ahead of its commit only when no other call is open; should the
//       journal refuse it, this memory is thrown away and nothing has come of it.
//   R2. Answers, fresh or recorded, are delivered one at a time in order of position, and the code runs to
//       rest between two.
//   R3-R5 are kept in code.ts, R6 in call-promise.ts, R7 in pump.ts.
import { Call } from './call.js';
import { Code, type CodeHost } from './code.js';
import { encodeError } from './codec.js';
import type { Env } from './env.js';
import { invariant, RunParkedError, WorkflowError } from './errors.js';
import { publish } from './events.js';
import * as faults from './faults.js';
import { journalOf, type Journal } from './journal.js';
import { scopedLogger, type Logger } from './logger.js';
import { Outbox } from './outbox.js';
import { Performer, type CallAnswer, type PerformerHost } from './performer.js';
import type { ResolvedRetry } from './retry.js';
import { checkOutput } from './schema.js';
import { replaceRefused, settlement } from './settlement.js';
import type { AttemptEnd } from './step.js';
import type { ClaimedRun, Entry, History, Instant, Lease, TurnAnswer, TurnEnd, TurnWrite } from './store.js';
import type { WorkflowDefinition } from './workflow.js';

/**
 * How a run left the hands of its worker. `restart`: its memory is spoilt; read the journal and begin anew.
 */
export type TurnEnded = 'settled' | 'parked' | 'rested' | 'handed-back' | 'lost' | 'restart';

/** What a run needs of the worker that drives it. */
export interface TurnHost {
  readonly env: Env;
  readonly log: Logger;
  readonly leaseMs: number;
  /** Asks for `deliver` and `close` at the next drain. */
  deliver(run: LiveRun): void;
  /** Asks for `takeWrite` at the next flush. */
  submit(run: LiveRun): void;
  /** The run is over for this turn; `write` is what ended it, null if the lease was lost. */
  ended(run: LiveRun, how: TurnEnded, write: TurnWrite | null): void;
}

/** A claimed run, its code, and what it recorded. */
export interface TurnStart {
  readonly definition: WorkflowDefinition;
  readonly claimed: ClaimedRun;
  readonly history: History;
  /** The database time at which it was claimed or read. */
  readonly at: Instant;
}

/** An answer to be shown; `at` is null when it is shown ahead of its commit. */
interface Answer {
  readonly entry: Entry;
  readonly at: Instant | null;
}

/** One run in the memory of a worker, from a claim until it settles, is evicted, or is lost. */
export class LiveRun implements CodeHost, PerformerHost {
  readonly definition: WorkflowDefinition;
  readonly journal: Journal;
  claimed: ClaimedRun;
  /** The epoch that its last rest wrote; null if that is not known. */
  restedEpoch: number | null = null;
  /** When its worker last asked for a renewal, by the worker's own clock. */
  renewedAt = 0;
  /** In quarantine: its next recorded progress absolves it. */
  suspect: boolean;
  readonly #host: TurnHost;
  readonly #code: Code;
  readonly #outbox = new Outbox();
  readonly #performer: Performer;
  #phase: 'live' | 'resting' | 'ended' = 'live';
  /** Answers to be shown, in order. */
  #answers: Answer[] = [];
  /** How many answers are on their way through the journal. */
  #unwritten = 0;
  #position: number;
  #ahead = false;
  #spoilt = false;
  #stopping = false;
  #caughtUp = false;
  /** What the code did outside of its window while the run was at rest. */
  #strayed: string | null = null;
  #log: Logger | null = null;
  #lostSteps: readonly string[] | null = null;
  #clock: Instant;

  constructor(host: TurnHost, start: TurnStart) {
    this.#host = host;
    this.definition = start.definition;
    this.claimed = start.claimed;
    this.suspect = start.claimed.strikes > 0;
    this.journal = journalOf(start.history);
    this.#position = this.journal.lastPosition;
    this.#clock = start.claimed.firstClaimedAt;
    this.#code = new Code(this);
    this.#performer = new Performer(this, this.#outbox, start.at);
  }

  get lease(): Lease {
    return this.claimed.lease;
  }

  get runId(): string {
    return this.lease.runId;
  }

  get generation(): number {
    return this.lease.generation;
  }

  get startedAtMs(): number {
    return this.claimed.firstClaimedAt / 1_000;
  }

  get defaultRetry(): ResolvedRetry {
    return this.definition.retry;
  }

  get log(): Logger {
    this.#log ??= scopedLogger(this.#host.log, { runId: this.runId, workflow: this.definition.name },
      () => this.journal.next === undefined);
    return this.#log;
  }

  get env(): Env {
    return this.#host.env;
  }

  /** Names of the steps that run, or whose answers are not durable; after a loss, of those it took. */
  get openSteps(): readonly string[] {
    return this.#lostSteps ?? [...this.#performer.runningSteps, ...this.#outbox.entryNames];
  }

  /** Whether a write waits to be taken. */
  get hasWrites(): boolean {
    return this.#outbox.waiting;
  }

  // ---- windows -------------------------------------------------------------------------------------------

  /**
   * Opens the window: begins the code, or shows it the next answer. `close` follows when the code is at rest.
   */
  deliver(): void {
    if (this.#phase !== 'live' || this.#outbox.ending || this.#code.fault !== null) return;
    if (!this.#code.begun) {
      this.#code.begin(this.claimed.input);
      return;
    }
    const recorded = this.journal.next;
    if (recorded !== undefined) {
      this.journal.advance();
      this.#clock = recorded.at;
      publish('perdure:step.replayed', () => ({ runId: this.runId, step: recorded.name }));
      this.#code.show(recorded);
      return;
    }
    const answer = this.#answers.shift();
    if (answer === undefined) return;
    if (answer.at !== null) this.#clock = answer.at;
    this.#code.show(answer.entry);
  }

  /** Ends the window, once all code that could run has run, and decides what follows. */
  close(): void {
    if (!this.#code.begun) return;
    this.#code.close();
    if (this.#phase !== 'live' || this.#outbox.ending) return;
    const { fault, outcome } = this.#code;
    if (this.#spoilt) this.#host.submit(this);
    else if (fault !== null) this.park(fault);
    else if (outcome !== null) this.#conclude(outcome);
    else this.#advance();
  }

  /** An asynchronous schema has parsed the input. */
  parsed(): void {
    this.#host.deliver(this);
  }

  /** Code went on outside of its window. A memory that rests is not used again before that has been said. */
  strayed(what: string): void {
    if (this.#phase !== 'live' || this.#outbox.ending) this.#strayed ??= what;
    else this.park(this.#code.fault ?? faults.foreignAwait(what));
  }

  /** The code is at rest: show what is recorded, begin what was asked for, or rest. */
  #advance(): void {
    const next = this.journal.next;
    if (next !== undefined) {
      if (this.#code.open.has(next.place)) this.#host.deliver(this);
      else this.park(faults.callIsGone(next));
    } else if (this.#answers.length > 0) {
      this.#host.deliver(this);
    } else if (this.#ahead && this.#code.fresh.some((call) => call.kind === 'step')) {
      this.#host.submit(this);
    } else {
      if (!this.#stopping) this.#beginFresh();
      this.changed();
    }
  }

  #beginFresh(): void {
    const first = !this.#caughtUp;
    if (first) {
      this.#caughtUp = true;
      const gone = this.journal.pending.find((kept) => !this.#code.open.has(kept.place));
      if (gone !== undefined) {
        this.park(faults.callIsGone(gone));
        return;
      }
    }
    for (const call of this.#code.takeFresh()) this.#performer.begin(call, this.journal.call(call.place));
    this.#performer.serveDue();
    if (first) this.#performer.arm();
  }

  /** A call has its answer: it gets the next position, and goes through the journal. */
  record(call: Call, answer: CallAnswer): void {
    const { place, kind, name, attempt } = call;
    const entry: Entry = { place, position: ++this.#position, kind, name, attempt: attempt + 1, ...answer };
    this.#outbox.entry(entry);
    if (call.kept) this.#outbox.close([place]);
    if (this.#mayShowAhead()) {
      this.#ahead = true;
      this.#answers.push({ entry, at: null });
      this.#host.deliver(this);
    } else {
      this.#unwritten++;
      this.#host.submit(this);
    }
  }

  // With no other call open, nothing but this answer can come next: the code may see it ahead of its commit,
  // so that the settlement or rest it leads to rides in the same one (R1).
  #mayShowAhead(): boolean {
    return this.#code.open.size === 1 && !this.definition.asksClock.yes && !this.#stopping &&
      this.#outbox.underWay === null && this.#unwritten === 0 && this.#answers.length === 0;
  }

  /** Milliseconds since 1970 of the last delivered answer. Ahead of its commit an answer has no time yet. */
  now(): number {
    if (this.#ahead && this.#code.window) {
      this.definition.asksClock.yes = true;
      this.#spoilt = true;
      this.#code.deafen();
    }
    return this.#clock / 1_000;
  }

  // ---- ends ----------------------------------------------------------------------------------------------

  #conclude(outcome: AttemptEnd): void {
    const lost = this.journal.undelivered().find((entry) => !this.#code.open.has(entry.place));
    const unawaited = this.#code.unawaited;
    if (lost !== undefined) this.park(faults.callIsGone(lost));
    else if (outcome.ok && unawaited !== undefined) this.park(faults.unawaitedCall(unawaited));
    else if (!outcome.ok || this.definition.output === null) this.#end(settlement(outcome));
    else void checkOutput(this.definition, outcome.value).then((checked) => this.#end(settlement(checked)));
  }

  /** Parks the run: a person must look at it. */
  park({ code, message }: faults.Fault): void {
    const parked = new RunParkedError(code, `Run '${this.runId}' of workflow '${this.definition.name}' is ` +
      `parked: ${message}.`, { runId: this.runId });
    this.#end({ kind: 'park', reason: code, error: encodeError(parked) });
  }

  #end(end: TurnEnd): void {
    if (this.#phase !== 'live' || this.#outbox.ending) return;
    if (end.kind === 'rest') {
      this.#performer.disarm();
    } else {
      // A parked run keeps its waits for the day it is opened again; a settled one has no use for them.
      if (end.kind === 'settle') this.#outbox.close(this.#keptPlaces());
      this.#performer.drop(() => this.#gone('has ended'));
    }
    this.#outbox.end(end);
    this.#host.submit(this);
  }

  #keptPlaces(): Set<string> {
    const kept = [...this.#code.open.values()].filter((call) => call.kept);
    return new Set([...kept, ...this.journal.pending].map((call) => call.place));
  }

  #gone(what: string): Error {
    return new WorkflowError('RUN_ENDED', `Run '${this.runId}' ${what}.`, { runId: this.runId });
  }

  /** Decides whether the run rests, is handed back, or stays: something ran, was written, or ended. */
  changed(): void {
    if (this.#phase !== 'live' || this.#outbox.ending || this.#code.window || !this.#code.begun) return;
    // The code has ended, and a schema looks at its result: the settlement follows, and no rest.
    if (this.#code.outcome !== null) return;
    if (this.#performer.running || this.#unwritten > 0 || this.#outbox.underWay !== null) {
      if (this.#outbox.waiting) this.#host.submit(this);
    } else if (this.#stopping && this.#unfinished) {
      this.#end({ kind: 'rest', wakeInMs: 0, wakeAt: null });
    } else if (this.#answers.length > 0 || this.journal.next !== undefined) {
      this.#host.deliver(this);
    } else if (this.#performer.waiting) {
      this.#end(this.#performer.restEnd());
    } else {
      this.park(faults.foreignRest);
    }
  }

  // More could be done at once: whoever takes the run over should not wait.
  get #unfinished(): boolean {
    return this.#code.fresh.length > 0 || this.#answers.length > 0 || this.journal.next !== undefined;
  }

  /** A wait may be over: a renewal brings the database's time. */
  askTime(): void {
    this.renew('keep');
  }

  /** Extends the lease with the next write. */
  renew(quarantine: 'keep' | 'leave' | 'absolve'): void {
    if (this.#phase !== 'live' || this.#outbox.ending) return;
    this.#outbox.end({ kind: 'renew', leaseMs: this.#host.leaseMs, quarantine });
    this.#host.submit(this);
  }

  /** Continues a resting run that was claimed again, without reading its journal. */
  resume(claimed: ClaimedRun, at: Instant): void {
    invariant(this.#phase === 'resting', `run ${this.runId} is continued but does not rest`);
    this.claimed = claimed;
    this.suspect = claimed.strikes > 0;
    this.#phase = 'live';
    if (this.#strayed !== null) {
      this.strayed(this.#strayed);
      return;
    }
    this.#performer.serveDue(at);
    // A wait that goes on beside a step has no write that would arm its timer.
    this.#performer.arm();
    this.changed();
  }

  /** The worker stops: no further step begins, and the run is given back as soon as nothing runs. */
  stop(): void {
    this.#stopping = true;
    this.changed();
  }

  /**
   * The worker's patience is over: bodies are told to stop, and their steps will run again elsewhere. Schemas
   * that are still at work are not waited for either.
   */
  abandonSteps(reason: Error): void {
    if (this.#phase !== 'live' || this.#outbox.ending) return;
    this.#performer.drop(() => reason);
    this.#end({ kind: 'rest', wakeInMs: 0, wakeAt: null });
  }

  /** The lease is gone. Nothing of this memory may be written any more. */
  lose(): void {
    if (this.#phase === 'ended') return;
    this.#lostSteps = this.openSteps;
    this.#finish('lost', null);
  }

  // ---- writes --------------------------------------------------------------------------------------------

  /** What to write, or null. Called by the committer when it gathers a batch. */
  takeWrite(): TurnWrite | null {
    if (this.#phase !== 'live') return null;
    if (this.suspect && this.#outbox.hasEntries) {
      this.#outbox.end({ kind: 'renew', leaseMs: this.#host.leaseMs, quarantine: 'absolve' });
    }
    return this.#outbox.take(this.lease);
  }

  /**
   * The write under way has its final answer; a busy one is sent again by the committer and never comes here.
   */
  written(answer: TurnAnswer): void {
    if (this.#phase !== 'live') return;
    if (answer.kind === 'lost') this.lose();
    else if (answer.kind === 'refused') this.#refused(answer.why);
    else if (answer.kind !== 'busy') this.#done(answer);
  }

  #done(answer: Extract<TurnAnswer, { kind: 'done' | 'already-done' }>): void {
    const write = this.#outbox.answered();
    if (write === null) return;
    this.#performer.written(write, answer.at);
    const shown = this.#ahead && write.entries.length > 0;
    // Only now does an answer that was shown ahead have a time, and may what it led to begin.
    if (shown) {
      this.#clock = answer.at;
      this.#ahead = false;
    }
    const end = write.end;
    if (end !== null && end.kind !== 'renew') {
      this.restedEpoch = answer.epoch;
      this.#leave(end, write);
      return;
    }
    if (end !== null && end.quarantine !== 'keep') this.suspect = false;
    if (this.#spoilt) {
      if (this.#outbox.waiting) this.#host.submit(this);
      else this.#finish('restart', write);
      return;
    }
    if (!shown) {
      this.#unwritten -= write.entries.length;
      for (const entry of write.entries) this.#answers.push({ entry, at: answer.at });
    }
    this.#performer.serveDue(answer.at);
    const { begun, window, outcome } = this.#code;
    if (begun && !window && outcome === null && !this.#outbox.ending) this.#advance();
    if (!this.#outbox.ending) this.#performer.arm();
  }

  #leave(end: TurnEnd, write: TurnWrite): void {
    if (end.kind === 'settle') {
      this.#finish('settled', write);
    } else if (end.kind === 'park') {
      this.#finish('parked', write);
    } else if (this.#stopping || this.#unfinished) {
      this.#finish('handed-back', write);
    } else {
      this.#phase = 'resting';
      this.#host.ended(this, 'rested', write);
    }
  }

  #finish(how: TurnEnded, write: TurnWrite | null): void {
    this.#phase = 'ended';
    this.#code.deafen();
    this.#performer.drop(() => this.#gone('has left this worker'));
    this.#outbox.drop();
    this.#host.ended(this, how, write);
  }

  #refused(why: string): void {
    // What the code was shown ahead may be what is refused: it must not go on from there.
    if (this.#ahead) this.#spoilt = true;
    const hopeless = this.#outbox.retakeOneByOne((write) => replaceRefused(write, why), this.#spoilt);
    // Not even the reason can be stored: nothing is left to say in this database. The lease ends by itself.
    if (hopeless?.end?.kind === 'park') {
      this.lose();
      return;
    }
    if (hopeless !== null) this.park(faults.refused(why));
    this.#host.submit(this);
  }
}
