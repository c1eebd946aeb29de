// How the memory store takes messages and events, hands them out, and what a transaction does with them.
//
//   M4. Messages of one batch have instants in its order, whatever the order in which it is served. An event
//       has the instant of its emission wherever it is delivered, so that the order is that of emission.
import { eventBox, type EmitAnswer, type Mail, type MailWant, type Message, type NewEvent, type NewMessage,
  type NewSubscription, type SendAnswer, type SubscribeAnswer } from './mail.js';
import { MemoryClaims } from './memory-claims.js';
import { callKey, messageKey, type EventRow, type MessageRow } from './memory-mail-tables.js';
import type { RunRow, Uncommitted } from './memory-tables.js';
import { MemoryTransaction, ValueRefusedError } from './memory-transaction.js';
import { micros } from './micros.js';
import type { Entry, Instant, Lease, NewRun, StartStore } from './store.js';

/** How many messages of a box are read at once: of one with a name, and of every box of a kind. */
const readLimit = { named: 100, anyName: 1_000 } as const;

/** Messages and events. Use it as `MemoryStore`. */
export class MemoryMail extends MemoryClaims implements StartStore {
  async sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    await this.roundTrip();
    return this.inBatch(this.stamped(messages), ({ item, at }) => this.send(item, at, null));
  }

  async emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    await this.roundTrip();
    return this.inBatch(this.stamped(events), ({ item, at }) => this.emit(item, at, null));
  }

  async sendFrom(lease: Lease, messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    await this.roundTrip();
    return this.inBatch(this.stamped(messages), ({ item, at }): SendAnswer => {
      const why = this.refusal(textsOf(item));
      if (why !== null) return { kind: 'refused', why };
      const fence = this.fence(lease);
      return fence === null ? this.send(item, at, null) : { kind: fence };
    });
  }

  async subscribe(subscriptions: readonly NewSubscription[]): Promise<readonly SubscribeAnswer[]> {
    await this.roundTrip();
    return this.inBatch(subscriptions, (wish) => this.subscribeOne(wish, this.now()));
  }

  async readMail(wants: readonly MailWant[]): Promise<readonly Mail[]> {
    await this.roundTrip();
    return wants.map((want) => this.mailFor(want));
  }

  // ---- what a test may do from outside -------------------------------------------------------------------

  /** Begins a transaction; hand it to `Connection.within`. */
  begin(): MemoryTransaction {
    return new MemoryTransaction({
      store: this,
      roundTrip: () => this.roundTrip(),
      // What waits has the instant at which it came. A value that is refused is so before anybody waits.
      start: (runs, pending) => {
        const items = runs.map((run) => ({ run, at: this.now() }));
        const isHeld = ({ id }: NewRun): boolean => this.isHeld(id, pending);
        return () => (this.waits(runs, (run) => this.textsOf(run), isHeld) ? null
          : items.map(({ run, at }) => this.start(run, pending, at)));
      },
      send: (messages, pending) => {
        const items = this.stamped(messages);
        // A run that is started while it waits is not seen.
        const isThere = ({ runId }: NewMessage): boolean => this.existing(runId, pending) !== undefined;
        const unseen = new Set(messages.filter((message) => !isThere(message)));
        const isHeld = (message: NewMessage): boolean => this.isSendHeld(message, pending);
        return () => (this.waits(messages, textsOf, isHeld) ? null : items.map(({ item, at }): SendAnswer => (
          unseen.has(item) && isThere(item) ? { kind: 'no-run' } : this.send(item, at, pending))));
      },
      emit: (events, pending) => {
        const items = this.stamped(events);
        return () => (this.waits(events, textsOfEvent, ({ id }) => this.isEventHeld(id, pending)) ? null
          : items.map(({ item, at }) => this.emit(item, at, pending)));
      },
      fence: (lease, pending) => () => this.fenceStep(lease, pending),
      record: (lease, entry, pending) => () => (
        this.isRecordHeld(lease, entry, pending) ? null : { at: this.recordStep(lease, entry, pending) }),
      end: (pending, how) => this.endTransaction(pending, how),
    });
  }

  /** Runs `body` in a transaction: committed when it returns, rolled back when it throws. */
  async within<Result>(body: (transaction: MemoryTransaction) => Promise<Result>): Promise<Result> {
    const transaction = this.begin();
    try {
      const result = await body(transaction);
      transaction.commit();
      return result;
    } catch (error) {
      if (transaction.open) transaction.rollback();
      throw error;
    }
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** One message, in a transaction if `pending` is given. */
  protected send(message: NewMessage, at: Instant, pending: Uncommitted | null): SendAnswer {
    const { runId, id, kind, name, payload, error } = message;
    const why = this.refusal(textsOf(message));
    if (why !== null) return { kind: 'refused', why };
    if (this.isSent(message, pending)) return { kind: 'sent' };
    const run = this.existing(runId, pending);
    if (run === undefined) return { kind: 'no-run' };
    if (!this.takesMail(run)) return { kind: 'settled' };
    if (this.isMessageHeld(message, pending)) return { kind: 'busy' };
    const row = { runId, id, kind, name, payload, error, outcome: null, sentAt: at };
    if (pending === null) {
      this.tables.mail.insertMessage(row);
    } else {
      pending.messages.set(messageKey(row), row);
      this.tables.mail.heldMessages.add(messageKey(row));
    }
    return { kind: 'sent' };
  }

  /** Whether a message of this id was sent to this run before, taken or not (L1). */
  protected isSent(message: { runId: string; id: string }, pending: Uncommitted | null): boolean {
    if (pending?.messages.has(messageKey(message)) === true) return true;
    return this.tables.mail.messages.get(message.runId)?.has(message.id) === true;
  }

  /** Whether a statement of a transaction has to wait for a stranger's. */
  protected waits<Item>(
    items: readonly Item[], textsIn: (item: Item) => Iterable<string | null>,
    isHeld: (item: Item) => boolean,
  ): boolean {
    return items.every((item) => this.refusal(textsIn(item)) === null) && items.some(isHeld);
  }

  /** Whether a message has to wait for a stranger's transaction. */
  protected isSendHeld(message: NewMessage, pending: Uncommitted): boolean {
    const run = this.existing(message.runId, pending);
    return this.isMessageHeld(message, pending) && run !== undefined && this.takesMail(run);
  }

  /** Whether a stranger's transaction holds the id of this message. */
  protected isMessageHeld(message: NewMessage, pending: Uncommitted | null): boolean {
    const key = messageKey(message);
    return this.tables.mail.heldMessages.has(key) && pending?.messages.has(key) !== true;
  }

  /** A parked run keeps its mail for the day on which it goes on; a settled one takes none. */
  protected takesMail({ status }: RunRow): boolean {
    return status === 'live' || status === 'parked';
  }

  /** A message that the engine makes: delivered once, and to nobody who is gone. */
  protected post(row: MessageRow): void {
    const run = this.tables.runs.get(row.runId);
    if (run === undefined || !this.takesMail(run) || this.isSent(row, null)) return;
    this.tables.mail.insertMessage(row);
  }

  /** One event, in a transaction if `pending` is given. */
  protected emit(event: NewEvent, emittedAt: Instant, pending: Uncommitted | null): EmitAnswer {
    const { id } = event;
    const why = this.refusal(textsOfEvent(event));
    if (why !== null) return { kind: 'refused', why };
    if (this.tables.mail.events.has(id)) return { kind: 'emitted' };
    if (this.isEventHeld(id, pending)) return { kind: 'busy' };
    const row = { ...event, emittedAt, noticed: false };
    if (pending === null) {
      this.tables.mail.insertEvent(row);
    } else if (!pending.events.has(id)) {
      pending.events.set(id, row);
      this.tables.mail.heldEvents.add(id);
    }
    return { kind: 'emitted' };
  }

  /** Whether a stranger's transaction holds the id of this event. */
  protected isEventHeld(id: string, pending: Uncommitted | null): boolean {
    return this.tables.mail.heldEvents.has(id) && pending?.events.has(id) !== true;
  }

  /** Keeps a run with its owner until a transaction ends; several may. */
  protected fenceStep(lease: Lease, pending: Uncommitted): 'held' | 'busy' | 'lost' {
    const row = this.tables.ready.get(lease.runId);
    if (row === undefined) return 'lost';
    if (this.isLocked(lease.runId, false)) return 'busy';
    if (!this.owns(row, lease)) return 'lost';
    this.tables.shared.set(lease.runId, (this.tables.shared.get(lease.runId) ?? 0) + 1);
    pending.fenced.push(lease.runId);
    return 'held';
  }

  /** The answer of a step, seen with everything else that its transaction inserted. */
  protected recordStep(lease: Lease, entry: Entry, pending: Uncommitted): Instant | null {
    const why = this.refusal([entry.value.text, entry.error]);
    if (why !== null) throw new ValueRefusedError(why);
    if (this.tables.journal(lease.runId, lease.generation).has(entry.place)) return null;
    const key = callKey({ id: lease.runId, generation: lease.generation, place: entry.place });
    if (pending.answers.has(key)) return null;
    const at = this.now();
    pending.answers.set(key, { lease, entry: { ...entry, at } });
    this.tables.heldRecords.add(key);
    return at;
  }

  /** Whether another transaction has recorded the answer of this step, and is still open. */
  protected isRecordHeld({ runId, generation }: Lease, { place }: Entry, pending: Uncommitted): boolean {
    const key = callKey({ id: runId, generation, place });
    return this.tables.heldRecords.has(key) && !pending.answers.has(key);
  }

  /** All that a transaction inserted is there now, or never was. */
  protected endTransaction(pending: Uncommitted, how: 'commit' | 'rollback'): void {
    const { mail, held, heldRecords, shared } = this.tables;
    const { runs, messages, events } = pending;
    for (const id of pending.fenced) {
      const sharing = shared.get(id) ?? 0;
      if (sharing > 1) shared.set(id, sharing - 1);
      else shared.delete(id);
    }
    for (const id of runs.keys()) held.delete(id);
    for (const key of messages.keys()) mail.heldMessages.delete(key);
    for (const id of events.keys()) mail.heldEvents.delete(id);
    for (const key of pending.answers.keys()) heldRecords.delete(key);
    if (how === 'rollback') return;
    for (const rows of runs.values()) this.enter(rows);
    for (const row of messages.values()) mail.insertMessage(row);
    for (const row of events.values()) mail.insertEvent(row);
    for (const { lease: { runId, generation }, entry } of pending.answers.values()) {
      this.tables.journal(runId, generation).set(entry.place, entry);
    }
  }

  /** One wish for events; made again, it is the same. */
  protected subscribeOne(wish: NewSubscription, now: Instant): SubscribeAnswer {
    const { lease: { runId, generation }, place, name, key } = wish;
    const fence = this.fence(wish.lease);
    if (fence !== null) return { kind: fence };
    const { subscriptions, eventsIn } = this.tables.mail;
    const call = callKey({ id: runId, generation, place });
    if (!subscriptions.has(call)) {
      const box = eventBox(name, key);
      this.tables.mail.insertSubscription({ runId, generation, place, box, askedAt: now });
    }
    const { box = '', askedAt = now } = subscriptions.get(call) ?? {};
    for (const event of eventsIn.get(box) ?? []) {
      if (this.isLookedBackOn(event, wish, askedAt)) this.give(event, runId);
    }
    return { kind: 'done' };
  }

  /** Whether an event is not too old for a wish, which looks back from when it was first written. */
  protected isLookedBackOn(event: EventRow, { lookBackMs }: NewSubscription, askedAt: Instant): boolean {
    return event.emittedAt >= askedAt - micros(lookBackMs);
  }

  /** An event as a message to one run: once, whoever brings it (M4). */
  protected give({ id, name, key, payload, emittedAt }: EventRow, runId: string): void {
    this.post({
      runId, id: `event:${id}`, kind: 'event', name: eventBox(name, key), payload, error: null, outcome: null,
      sentAt: emittedAt,
    });
  }

  /** What a run would take now: the oldest of each box, and what cancels it. */
  protected mailFor({ lease, boxes }: MailWant): Mail {
    const inbox = this.inOrder([...this.tables.mail.inbox.get(lease.runId)?.values() ?? []]);
    const rows = new Map<string, MessageRow[]>();
    const add = (box: string, row: MessageRow): void => {
      const those = rows.get(box);
      if (those === undefined) rows.set(box, [row]);
      else those.push(row);
    };
    for (const row of inbox) {
      add(boxKey(row.kind, null), row);
      add(boxKey(row.kind, row.name), row);
    }
    const found = new Set<MessageRow>();
    for (const { kind, name } of [...boxes, { kind: 'cancel', name: null } as const]) {
      const limit = name === null ? readLimit.anyName : readLimit.named;
      for (const row of rows.get(boxKey(kind, name))?.slice(0, limit) ?? []) found.add(row);
    }
    return { messages: this.inOrder([...found]).map(shown), more: this.isMore(inbox.length, found.size) };
  }

  /** The order within a box (L2). */
  protected inOrder(rows: MessageRow[]): MessageRow[] {
    return rows.sort((one, other) => one.sentAt - other.sentAt || (one.id < other.id ? -1 : 1));
  }

  /** Whether the inbox holds anything beside the answer. */
  protected isMore(held: number, shownNow: number): boolean {
    return held > shownNow;
  }
}

function textsOf({ id, name, payload, error }: NewMessage): (string | null)[] {
  return [id, name, payload.text, error];
}

function textsOfEvent({ id, name, key, payload }: NewEvent): (string | null)[] {
  return [id, name, key, payload.text];
}

function boxKey(kind: Message['kind'], name: string | null): string {
  return name === null ? kind : `${kind}\n${name}`;
}

function shown({ id, kind, name, payload, error, outcome, sentAt }: MessageRow): Message {
  return { id, kind, name, payload, error, outcome, sentAt };
}
