// THE LOOP. One run in memory: shows answers to its code until that settles or rests, and says what to write.
// It is driven by `deliver` and `close` around each window of the code, and by `written` after each write.
//
//   R1. The only way out is the journal: nothing the code asked for begins before every answer it was shown
//       is durable. An answer may be shown ahead of its commit only when no other call is open; should the
//       journal refuse it, this memory is thrown away and nothing has come of it.
//   R2. Answers, fresh or recorded, are delivered one at a time in order of position, and the code runs to
//       rest between two.
//   R3-R5 and R8 are kept in code.ts, R6 in call-promise.ts, R7 in pump.ts.
import { reasonIn, type CallAnswer } from './answers.js';
import type { Call } from './call.js';
import type { Encoded } from './codec.js';
import { conclusionOf } from './conclusion.js';
import { invariant, RunCancelledError } from './errors.js';
import { publish } from './events.js';
import * as faults from './faults.js';
import type { Message } from './mail.js';
import { micros } from './micros.js';
import { isAnswer } from './outbox.js';
import { RunParts } from './run-parts.js';
import { checkOutput } from './schema.js';
import { parking, replaceRefused, settlement } from './settlement.js';
import type { AttemptEnd } from './step-info.js';
import {
  nothing, type ClaimedRun, type Entry, type Instant, type TurnAnswer, type TurnEnd, type TurnWrite,
} from './store.js';
import type { TurnEnded, TurnHost, TurnStart } from './turn-host.js';

/** Calls that begin without any effect outside: the rest that they lead to may ride with an answer (R1). */
const restful: ReadonlySet<string> = new Set(['sleep', 'signal', 'callback']);

/** One run in the memory of a worker, from a claim until it settles, is evicted, or is lost. */
export class LiveRun extends RunParts {
  /** The epoch that its last rest wrote; null if that is not known. */
  restedEpoch: number | null = null;
  /** When its worker last asked for a renewal, by the worker's own clock. */
  renewedAt = 0;
  readonly #host: TurnHost<LiveRun>;
  #phase: 'live' | 'resting' | 'ended' = 'live';
  /** The position of the answer that was shown ahead of its commit, until that is durable. */
  #ahead: number | null = null;
  #spoilt = false;
  #stopping = false;
  #caughtUp = false;
  #performing = false;
  /** The code has something to do that needs a window, and no answer. */
  #resuming = false;
  /** What the code did outside of its window while the run was at rest. */
  #strayed: string | null = null;
  /** Why it is cancelled, if that came before the code of this generation began. */
  #cancelledFirst: string | null = null;
  #clock: Instant;

  constructor(host: TurnHost<LiveRun>, start: TurnStart) {
    super(host, start);
    this.#host = host;
    this.#clock = start.claimed.firstClaimedAt;
  }

  // ---- windows -------------------------------------------------------------------------------------------

  /**
   * Opens the window: begins the code, or shows it the next answer. `close` follows when the code is at rest.
   */
  deliver(): void {
    if (this.#phase !== 'live' || this.outbox.ending || this.code.fault !== null) return;
    if (!this.code.begun) {
      this.#begin();
      return;
    }
    if (this.#resuming) {
      this.#resuming = false;
      this.code.resume();
      return;
    }
    const recorded = this.journal.next;
    if (recorded !== undefined) {
      this.journal.advance();
      this.#clock = recorded.at;
      publish('perdure:step.replayed', () => ({ runId: this.runId, step: recorded.name }));
      this.code.deliver(recorded);
      return;
    }
    if (this.#answered && this.#forgets) {
      this.#finish('restart', null);
      return;
    }
    const answer = this.#answered ? this.answers.shift() : undefined;
    if (answer === undefined) return;
    if (answer.at !== null) this.#clock = answer.at;
    this.code.deliver(answer.entry);
  }

  #begin(): void {
    const begins = this.claimed.first || (this.generation > 1 && this.journal.isBlank);
    if (begins && this.inbox.holdsBack()) return;
    this.code.begin(this.claimed.input);
  }

  /** Ends the window, once all code that could run has run, and decides what follows. */
  close(): void {
    if (!this.code.begun) return;
    this.code.close();
    if (this.#phase !== 'live' || this.outbox.ending) return;
    const { fault, outcome } = this.code;
    if (this.#spoilt) this.#host.submit(this);
    else if (fault !== null) this.park(fault);
    else if (this.#resuming) this.#host.deliver(this);
    else if (outcome !== null) this.#conclude(outcome);
    else this.#advance();
  }

  /** The code has more to do before it sees another answer. */
  resumes(): void {
    this.#resuming = true;
  }

  /** Code went on outside of its window. A memory that rests is not used again before that has been said. */
  strayed(what: string): void {
    if (this.#phase !== 'live' || this.outbox.ending) this.#strayed ??= what;
    else this.park(this.code.fault ?? faults.foreignAwait(what));
  }

  /** The code is at rest: show what is recorded, begin what was asked for, or rest. */
  #advance(): void {
    const next = this.journal.next;
    if (next !== undefined) {
      if (this.code.expects(next)) this.#host.deliver(this);
      else this.park(faults.callIsGone(next));
    } else if (this.#answered) {
      this.#host.deliver(this);
    } else if (this.#ahead !== null && this.#fresh(({ kind }) => !restful.has(kind))) {
      this.#host.submit(this);
    } else if (!this.#stopping && this.outbox.hasMarks && this.#fresh(({ kind }) => kind === 'transaction')) {
      this.outbox.wantMarks();
      this.#host.submit(this);
    } else {
      if (!this.#stopping) this.#beginFresh();
      this.changed();
    }
  }

  #fresh(is: (call: Call) => boolean): boolean {
    return [...this.code.fresh].some(is);
  }

  #beginFresh(): void {
    const first = !this.#caughtUp;
    if (first) {
      this.#caughtUp = true;
      const gone = this.journal.pending.find((kept) => !this.code.expects(kept));
      if (gone !== undefined) {
        this.park(faults.callIsGone(gone));
        return;
      }
      // Withdrawn or answered, and its worker vanished before that was written.
      this.outbox.close(this.journal.leftOver);
      this.outbox.close(this.journal.pending.map(({ place }) => place)
        .filter((place) => !this.code.open.has(place)));
      this.#beginTime();
    }
    this.inbox.giveOn();
    this.#perform(() => {
      for (const call of this.code.takeFresh()) this.performer.begin(call, this.journal.call(call.place));
      this.performer.serveDue();
    });
    if (first) this.performer.arm();
    this.inbox.began();
  }

  // Before its record is used up it is not known what came before the timeout, nor whether that has come.
  #beginTime(): void {
    const { timeoutMs, claimed: { firstClaimedAt } } = this;
    if (timeoutMs === null || this.code.befell !== null) return;
    this.performer.deadlineAt = firstClaimedAt + micros(timeoutMs);
  }

  // Bodies may end as they begin: what follows is decided when all that can begin has begun.
  #perform(begin: () => void): void {
    this.#performing = true;
    begin();
    this.#performing = false;
  }

  /** A call has its answer: it gets the next position, and goes through the journal. */
  record(call: Call, answer: CallAnswer): void {
    const { place, kind, name } = call;
    const { value, error, tookMs, message, timedOut } = answer;
    const attempt = timedOut === true ? 0 : call.attempt + 1;
    call.state = 'answered';
    const entry: Entry = {
      place, position: this.answers.take(), kind, name, attempt, value, error, tookMs, message,
    };
    if (call.kept) this.outbox.close([place]);
    this.#add(entry, this.#mayShowAhead());
  }

  #add(entry: Entry, ahead: boolean): void {
    this.outbox.entry(entry);
    if (ahead) {
      this.#ahead = entry.position;
      this.answers.hold({ entry, at: null });
      this.#host.deliver(this);
    } else {
      this.answers.unwritten++;
      this.#host.submit(this);
    }
  }

  // With no other call open, nothing but this answer can come next: the code may see it ahead of its commit,
  // so that the settlement or rest it leads to rides in the same one (R1).
  #mayShowAhead(): boolean {
    if (this.#host.harness?.forgetful === true) return false;
    return this.code.open.size === 1 && this.#ahead === null && !this.definition.asksClock.yes &&
      !this.#stopping && this.outbox.underWay === null && this.answers.unwritten === 0 && this.answers.empty;
  }

  /** Milliseconds since 1970 of the last delivered answer. Ahead of its commit an answer has no time yet. */
  now(): number {
    if (this.#ahead !== null && this.code.window) {
      this.definition.asksClock.yes = true;
      this.#spoilt = true;
      this.code.deafen();
    }
    return this.#clock / 1_000;
  }

  // ---- mail ----------------------------------------------------------------------------------------------

  /** Whether its inbox may be looked into, and how: `unbegun` before its code has run. */
  get stage(): 'unbegun' | 'begun' | 'over' {
    if (this.#phase !== 'live' || this.outbox.ending) return 'over';
    return this.code.begun ? 'begun' : 'unbegun';
  }

  /** A run whose cancel came before it began has nothing to clean up: its code is not run at all. */
  cancelUnbegun(reason: string): void {
    this.#settleAs({ ok: false, error: new RunCancelledError(this.runId, reason) }, true);
  }

  cancel({ payload, id }: Message): void {
    if (!this.code.begun) this.#cancelledFirst = reasonIn(payload);
    this.#recordEnd('cancel', payload, id);
  }

  /** The run has passed its timeout. */
  late(): void {
    this.performer.deadlineAt = Infinity;
    this.#recordEnd('timeout', nothing, null);
  }

  // It has a position like any answer: at replay it falls on the code at the same point.
  #recordEnd(kind: 'cancel' | 'timeout', value: Entry['value'], message: string | null): void {
    if (this.code.outcome !== null) return;
    const position = this.answers.take();
    this.#add({
      place: kind, position, kind, name: kind, attempt: 1, value, error: null, tookMs: 0, message,
    }, false);
  }

  /** Whether the next answer can be shown. */
  get #answered(): boolean {
    return this.answers.isReady(Math.min(this.outbox.firstPosition, this.outside.transactions.undecided));
  }

  // ---- ends ----------------------------------------------------------------------------------------------

  #conclude(outcome: AttemptEnd): void {
    const { runId, code, journal } = this;
    const end = conclusionOf({ runId, code, journal, replayed: !this.#caughtUp }, outcome);
    if (end.kind === 'park') this.park(end.fault);
    else if (end.kind === 'continue') this.#goOn(end.input);
    else if (!end.outcome.ok || this.definition.output === null) this.#settleAs(end.outcome, end.cancelled);
    else void checkOutput(this.definition, end.outcome.value).then((it) => this.#settleAs(it, false));
  }

  // A cancel that came while the code made way is told to that of the next generation. But one that was there
  // before this began, whose code has made no call, would be passed on for ever.
  #goOn(input: Encoded): void {
    const { next } = this.journal;
    const recordedFirst = next?.kind === 'cancel' && next.position === 1;
    const reason = recordedFirst ? reasonIn(next.value) : this.#cancelledFirst;
    if (reason !== null) this.cancelUnbegun(reason);
    else this.#end({ kind: 'continue', input, returned: this.outbox.leave(this.untaken) });
  }

  #settleAs(outcome: AttemptEnd, cancelled: boolean): void {
    const { runId } = this;
    this.#end(settlement(outcome, { runId, cancelled, tied: this.outside.tied }));
  }

  /** Parks the run: a person must look at it. */
  park(fault: faults.Fault): void {
    this.#end(parking(fault, this.runId, this.workflow));
  }

  #end(end: TurnEnd): void {
    if (this.#phase !== 'live' || this.outbox.ending) return;
    if (end.kind === 'rest') {
      this.performer.disarm();
    } else {
      // A parked run keeps its waits for the day it is opened again; a settled one has no use for them.
      if (end.kind === 'settle') this.outbox.close(this.keptPlaces);
      this.performer.drop(() => this.gone('has ended'));
    }
    this.outbox.end(end);
    this.#host.submit(this);
  }

  /** Decides whether the run rests, is handed back, or stays: something ran, was written, or ended. */
  changed(): void {
    if (this.#phase !== 'live' || this.outbox.ending || this.code.window || !this.code.begun) return;
    // The code has ended, and a schema looks at its result: the settlement follows, and no rest. Or it is not
    // listened to any more, and begins anew when its answers are written.
    if (this.code.outcome !== null || this.#spoilt) return;
    if (this.#answered && !this.#stopping) {
      this.#host.deliver(this);
    } else if (this.#busy) {
      if (this.outbox.waiting) this.#host.submit(this);
    } else if (this.#stopping && this.#unfinished) {
      this.#end({ kind: 'rest', wakeInMs: 0, wakeAt: null });
    } else if (this.#resuming || this.#answered || this.journal.next !== undefined) {
      this.#host.deliver(this);
    } else if (this.inbox.news) {
      this.inbox.look();
    } else if (this.performer.waiting) {
      this.#end(this.performer.restEnd());
    } else {
      this.park(faults.foreignRest);
    }
  }

  // Something is under way whose end brings it back here.
  get #busy(): boolean {
    return this.#performing || this.performer.running || this.inbox.reading || this.answers.unwritten > 0 ||
      this.outbox.underWay !== null ||
      ((this.#ahead !== null || this.outbox.marksWanted) && this.code.fresh.size > 0);
  }

  // More could be done at once: whoever takes the run over should not wait.
  get #unfinished(): boolean {
    return this.#resuming || this.code.fresh.size > 0 || !this.answers.empty ||
      this.journal.next !== undefined;
  }

  /** A wait may be over: a renewal brings the database's time. */
  askTime(): void {
    this.renew('keep');
  }

  /** Extends the lease with the next write. */
  renew(quarantine: 'keep' | 'leave' | 'absolve'): void {
    if (this.#phase !== 'live' || this.outbox.ending) return;
    if (this.outside.transactions.postpones(quarantine)) return;
    this.outbox.end({ kind: 'renew', leaseMs: this.#host.leaseMs, quarantine });
    this.#host.submit(this);
  }

  /** Continues a resting run that was claimed again, without reading its journal. */
  resume(claimed: ClaimedRun, at: Instant): void {
    invariant(this.#phase === 'resting', `run ${this.runId} is continued but does not rest`);
    this.claimed = claimed;
    this.knownAt = at;
    this.suspect = claimed.strikes > 0;
    this.#phase = 'live';
    // What made it due may have come for it.
    this.inbox.news = true;
    if (this.#strayed !== null) {
      this.strayed(this.#strayed);
      return;
    }
    this.#perform(() => this.performer.serveDue(at));
    // A wait that goes on beside a step has no write that would arm its timer.
    this.performer.arm();
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
    if (this.#phase !== 'live' || this.outbox.ending) return;
    this.performer.drop(() => reason);
    this.#end({ kind: 'rest', wakeInMs: 0, wakeAt: null });
  }

  /** The lease is gone. Nothing of this memory may be written any more. */
  lose(): void {
    if (this.#phase === 'ended') return;
    this.lostSteps = this.openSteps;
    this.#finish('lost', null);
  }

  // ---- writes --------------------------------------------------------------------------------------------

  /** What to write, or null. Called by the committer when it gathers a batch. */
  takeWrite(): TurnWrite | null {
    if (this.#phase !== 'live' || this.outside.transactions.holdsBack) return null;
    if (this.suspect && this.outbox.hasEntries && !this.outside.transactions.postpones('absolve')) {
      this.outbox.end({ kind: 'renew', leaseMs: this.#host.leaseMs, quarantine: 'absolve' });
    }
    return this.outbox.take(this.lease);
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
    const write = this.outbox.answered();
    if (write === null) return;
    this.knownAt = answer.at;
    this.performer.written(write, answer.at);
    const answers = write.entries.filter(isAnswer);
    const unseen = answers.filter(({ position }) => position !== this.#ahead);
    // Only now does an answer that was shown ahead have a time, and may what it led to begin.
    if (unseen.length < answers.length) {
      this.#clock = answer.at;
      this.#ahead = null;
    }
    const end = write.end;
    if (end !== null && end.kind !== 'renew') {
      this.restedEpoch = answer.epoch;
      this.#leave(end, write);
      return;
    }
    if (end !== null && end.quarantine !== 'keep') this.suspect = false;
    if (this.#spoilt) {
      if (this.outbox.waiting) this.#host.submit(this);
      else this.#finish('restart', write);
      return;
    }
    this.answers.unwritten -= unseen.length;
    for (const entry of unseen) this.answers.hold({ entry, at: answer.at });
    if (answer.wake) this.inbox.flagged(answer.at);
    this.#perform(() => this.performer.serveDue(answer.at));
    const { begun, window, outcome } = this.code;
    if (begun && !window && outcome === null && !this.outbox.ending) this.#advance();
    if (!this.outbox.ending) this.performer.arm();
  }

  // Under a forgetful harness each answer begins the code anew, as soon as that takes nothing from a body.
  get #forgets(): boolean {
    return this.#host.harness?.forgetful === true && this.outbox.idle && this.answers.unwritten === 0 &&
      !this.performer.running;
  }

  #leave(end: TurnEnd, write: TurnWrite): void {
    if (end.kind === 'settle') {
      this.#finish('settled', write);
    } else if (end.kind === 'continue') {
      this.#finish('continued', write);
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
    this.code.deafen();
    this.performer.drop(() => this.gone('has left this worker'));
    this.outbox.drop();
    this.#host.ended(this, how, write);
  }

  #refused(why: string): void {
    // What the code was shown ahead may be what is refused: it must not go on from there.
    if (this.#ahead !== null) this.#spoilt = true;
    const hopeless = this.outbox.retakeOneByOne((write) => replaceRefused(write, why), this.#spoilt);
    // Not even the reason can be stored: nothing is left to say in this database. The lease ends by itself.
    if (hopeless?.end?.kind === 'park') {
      this.lose();
      return;
    }
    if (hopeless !== null) this.park(faults.refused(why));
    this.#host.submit(this);
  }
}
