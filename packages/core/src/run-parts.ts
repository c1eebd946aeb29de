// The parts of a run in memory, put together; and what they tell each other where nothing is to be decided.
// Decisions are the loop's: live-run.ts.
import { AnswerQueue } from './answer-queue.js';
import type { CallAnswer } from './answers.js';
import type { Call } from './call.js';
import { Code } from './code.js';
import type { CodeHost } from './code-host.js';
import { WorkflowError } from './errors.js';
import type { Fault } from './faults.js';
import { Inbox, type InboxHost } from './inbox.js';
import { cancelId, type Message } from './mail.js';
import type { Letter } from './mailbox.js';
import { Outbox } from './outbox.js';
import { Outside, type Insider } from './outside.js';
import { Performer, type PerformerHost } from './performer.js';
import { RunFacts } from './run-facts.js';
import type { Entry, Instant } from './store.js';
import { Streams } from './streams.js';
import type { TurnHost, TurnStart } from './turn-host.js';

/** The middle floor of `LiveRun`. */
export abstract class RunParts extends RunFacts implements CodeHost, PerformerHost, InboxHost, Insider {
  readonly outbox: Outbox = new Outbox();
  readonly answers: AnswerQueue;
  readonly inbox: Inbox;
  readonly outside: Outside;
  protected readonly code: Code;
  protected readonly performer: Performer;
  /** Names of the steps that a lost lease took. */
  protected lostSteps: readonly string[] | null = null;
  /** The last instant of the database that it was told of, by its record as well. */
  knownAt: Instant;
  readonly #turns: TurnHost<this>;

  constructor(host: TurnHost<never>, start: TurnStart) {
    super(host, start);
    // The run that the worker is handed is always the whole of this.
    this.#turns = host as TurnHost<unknown> as TurnHost<this>;
    this.answers = new AnswerQueue(this.journal.lastPosition);
    this.code = new Code(this);
    this.inbox = new Inbox(this, !start.claimed.fresh);
    const streams = new Streams(start.history.streams, this.outbox);
    this.outside = new Outside(this, host, { streams, tied: this.journal.hasTies });
    const { outbox, outside, inbox: { mailbox } } = this;
    this.knownAt = Math.max(start.at, this.journal.lastAt);
    this.performer = new Performer(this, { outbox, mailbox, outside }, this.knownAt);
  }

  // ---- decisions -----------------------------------------------------------------------------------------

  abstract readonly stage: 'unbegun' | 'begun' | 'over';
  abstract resumes(): void;
  abstract strayed(what: string): void;
  abstract record(call: Call, answer: CallAnswer): void;
  abstract now(): number;
  abstract cancelUnbegun(reason: string): void;
  abstract cancel(message: Message): void;
  abstract late(): void;
  abstract park(fault: Fault): void;
  abstract changed(): void;
  abstract askTime(): void;
  abstract lose(): void;
  abstract renew(quarantine: 'keep' | 'leave' | 'absolve'): void;

  // ---- from part to part ---------------------------------------------------------------------------------

  /** Names of the steps that run, or whose answers are not durable; after a loss, of those it took. */
  get openSteps(): readonly string[] {
    return this.lostSteps ?? [...this.performer.runningSteps, ...this.outbox.entryNames];
  }

  /** Whether nobody can tell it that something came: a transaction of its own holds its row. */
  get untold(): boolean {
    return this.outside.transactions.holdRow;
  }

  /** Whether a write waits to be taken. */
  get hasWrites(): boolean {
    return this.outbox.waiting;
  }

  /** Asks for the write to be taken. */
  submit(): void {
    if (this.stage !== 'over') this.#turns.submit(this);
  }

  askMail(): void {
    this.performer.mailAsked();
    this.#turns.readMail(this);
  }

  lookForMail(): void {
    this.inbox.look();
  }

  mailAwaited(): void {
    this.inbox.began();
  }

  serveBefore(sentAt: Instant): void {
    this.performer.serveBefore(sentAt);
  }

  readThrough(): void {
    this.performer.mailRead();
  }

  begins(): void {
    this.#turns.deliver(this);
  }

  parsed(): void {
    this.#turns.deliver(this);
  }

  /** There is one end of a run: what comes after a cancel, or its timeout, finds everything ended. */
  befallen(): void {
    this.performer.deadlineAt = Infinity;
  }

  shown(entry: Entry, call: Call, how: 'answered' | 'passed-over'): void {
    if (how === 'answered') this.inbox.mailbox.answered(entry, call);
    else this.inbox.mailbox.passedOver(entry, call);
  }

  marked(mark: Entry): void {
    this.outbox.mark(mark);
  }

  withdrawn(call: Call): void {
    this.performer.withdraw(call);
  }

  /** A call that was not begun is answered by its record, or begins doomed. */
  doomed(call: Call): void {
    if (call.state !== 'new' && call.state !== 'answered') this.performer.doom(call);
  }

  answer(call: Call, letter: Letter): void {
    this.performer.deliver(call, letter);
  }

  /** Places of the calls that the database keeps a row of. */
  protected get keptPlaces(): Set<string> {
    const kept = [...this.code.open.values()].filter((call) => call.kept);
    return new Set([...kept, ...this.journal.pending].map((call) => call.place));
  }

  /**
   * Messages that entries have taken and the code has not seen: signals of waits which then lost, that no
   * other wait has had, and a cancel. They are for the next generation.
   */
  protected get untaken(): readonly string[] {
    const { mailbox } = this.inbox;
    const unseen = this.journal.undelivered().filter(({ kind }) => kind === 'signal' || kind === 'cancel');
    const cancel = mailbox.isTaken({ id: cancelId }) ? [cancelId] : [];
    return [...mailbox.returnedSignals, ...unseen.flatMap(({ message }) => message ?? []), ...cancel];
  }

  protected gone(what: string): Error {
    return new WorkflowError('RUN_ENDED', `Run '${this.runId}' ${what}.`, { runId: this.runId });
  }
}
