// When the inbox of a run is read, and what becomes of what was found: its cancel befalls it, what a wait is
// open for answers that, the rest stays.
//
//   L7. A run never rests on news: what it was told of is read before, also while its steps run. It is read
//       again for each new wait, unless a look has found it empty and nothing was told since.
//   L8. Messages, and the moments at which waits are over, fall on the code in the order of their times,
//       however late the run gets to them.
import { reasonIn } from './answers.js';
import type { Call } from './call.js';
import type { Mail, MailWant, Message } from './mail.js';
import { Mailbox, type Letter } from './mailbox.js';
import { micros } from './micros.js';
import type { Instant, Lease } from './store.js';

/** What an inbox needs of its run. */
export interface InboxHost {
  readonly lease: Lease;
  readonly stage: 'unbegun' | 'begun' | 'over';
  readonly claimed: { readonly first: boolean };
  /** Asks for the mail; it comes back through `receive`. */
  askMail(): void;
  /** The code may begin. */
  begins(): void;
  /** The run ends before its code began. */
  cancelUnbegun(reason: string): void;
  cancel(message: Message): void;
  answer(call: Call, letter: Letter): void;
  /** What is over before this instant is served: at that instant a message was sent. */
  serveBefore(sentAt: Instant): void;
  /** Everything that had been sent when the mail was asked for has been dealt with. */
  readThrough(): void;
  /** What was read has been dealt with. */
  changed(): void;
}

/** A flag that stays up is looked into this often. */
const flagEveryMs = 1_000;

/** The inbox of one run. */
export class Inbox {
  readonly mailbox: Mailbox;
  /** Something may have come since it was last read. */
  news: boolean;
  readonly #host: InboxHost;
  /** False only after a look that found nothing, while nothing was told. */
  #mayHold: boolean;
  #reading = false;
  #serving = false;
  /** When the flag was last news. */
  #flaggedAt: Instant = -Infinity;
  /** A wait was opened while it was read. */
  #again = false;

  constructor(host: InboxHost, mayHold: boolean) {
    this.#host = host;
    this.mailbox = new Mailbox(host.lease.generation);
    this.news = mayHold;
    this.#mayHold = mayHold;
  }

  /** Whether a look is under way, or what it found is dealt with. */
  get reading(): boolean {
    return this.#reading || this.#serving;
  }

  /** What the run would take from it. */
  get want(): MailWant {
    return this.mailbox.want(this.#host.lease);
  }

  /** Something came. */
  hear(): void {
    this.news = true;
    if (this.#host.stage === 'begun' && !this.#reading) this.look();
  }

  /**
   * A write has shown that the wake flag of the run is up. It stays up until the next claim, so it is no news
   * at every write.
   */
  flagged(at: Instant): void {
    if (at < this.#flaggedAt + micros(flagEveryMs)) return;
    this.#flaggedAt = at;
    this.hear();
  }

  /** Whether the code must not begin before a first look, which is then under way. */
  holdsBack(): boolean {
    if (this.news && !this.#reading) this.look();
    return this.#reading;
  }

  /** What withdrawn waits had taken goes to those that are open, before others are opened. */
  giveOn(): void {
    for (const [call, letter] of this.mailbox.givenOn()) this.#host.answer(call, letter);
  }

  /** Calls wait for mail now: some may wait for what lies there. */
  began(): void {
    if (this.#reading) this.#again = true;
    else if (this.news || (this.#mayHold && this.mailbox.waits)) this.look();
  }

  /** Reads it; once more, if that is under way. */
  look(): void {
    if (this.#host.stage === 'over') return;
    if (this.#reading) {
      this.news = true;
      return;
    }
    this.#reading = true;
    this.news = false;
    this.#host.askMail();
  }

  /** What it holds. */
  receive({ messages, more }: Mail): void {
    this.#reading = false;
    const { stage } = this.#host;
    if (stage === 'over') return;
    this.#mayHold = more || messages.length > 0;
    if (stage === 'unbegun') {
      this.#begin(messages.find(({ kind }) => kind === 'cancel'));
      return;
    }
    if (this.#again && this.#mayHold && this.mailbox.waits) {
      // A wait was opened since this look was asked for. What is for it may have been sent before what was
      // found: in the order of their times nothing of it can be served yet (L8).
      this.#again = false;
      this.look();
      return;
    }
    this.#again = false;
    this.#serving = true;
    for (const message of [...messages].sort((one, other) => one.sentAt - other.sentAt)) this.#serve(message);
    this.#host.readThrough();
    this.#serving = false;
    if (this.news) this.look();
    this.#host.changed();
  }

  // A generation that is not the first may have something to clean up of those before it: its code begins,
  // and is cancelled at what it calls first.
  #begin(cancel: Message | undefined): void {
    if (cancel !== undefined && this.#host.claimed.first) {
      this.#host.cancelUnbegun(reasonIn(cancel.payload));
      return;
    }
    if (cancel !== undefined) {
      this.mailbox.take(cancel);
      this.#host.cancel(cancel);
    }
    this.#host.begins();
  }

  #serve(message: Message): void {
    this.#host.serveBefore(message.sentAt);
    if (message.kind === 'cancel') {
      if (this.mailbox.isTaken(message)) return;
      this.mailbox.take(message);
      this.#host.cancel(message);
      return;
    }
    const call = this.mailbox.match(message);
    if (call !== null) this.#host.answer(call, { ...message, read: false });
  }
}
