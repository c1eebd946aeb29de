// The tables of the memory store that hold mail: messages, ties between runs, events. Plain rows, found by
// what they are asked for.
import { eventBox, type Message, type NewEvent, type ParentClose } from './mail.js';
import type { Instant } from './store.js';

/** A message, for as long as its run is kept. */
export interface MessageRow extends Message {
  readonly runId: string;
}

/** Who a run belongs to: the call that started it. */
export interface ParentRow {
  readonly id: string;
  readonly generation: number;
  readonly place: string;
}

/** A call that started a run, or watches one. */
export interface TieRow {
  readonly parent: ParentRow;
  readonly childId: string;
  readonly parentClose: ParentClose;
  readonly watch: boolean;
  /** Whether the child knows that it is watched, or has answered. */
  noticed: boolean;
}

/** Something that happened. */
export interface EventRow extends NewEvent {
  readonly emittedAt: Instant;
  /** Whether it was given to those who waited for it. */
  noticed: boolean;
}

/** A wish for events. */
export interface SubscriptionRow {
  readonly runId: string;
  readonly generation: number;
  readonly place: string;
  /** What it waits for, as `eventBox` names it. */
  readonly box: string;
  readonly askedAt: Instant;
}

/** Rows of mail, and what strangers hold of them. */
export class MailTables {
  /** Every message, by run and id: tombstones as well. */
  readonly messages: Map<string, Map<string, MessageRow>> = new Map();
  /** What no entry has taken yet, by run and id. */
  readonly inbox: Map<string, Map<string, MessageRow>> = new Map();
  /** What lies in an inbox and whose run has not been told. */
  readonly untold: Set<MessageRow> = new Set();
  /** Ties by the call that made them, by parent and by child. */
  readonly ties: Map<string, TieRow> = new Map();
  readonly tiesOf: Map<string, Set<TieRow>> = new Map();
  readonly tiesTo: Map<string, Set<TieRow>> = new Map();
  /** Watches that their child does not know of. */
  readonly unknown: Set<TieRow> = new Set();
  /** Runs that settled and of whose end somebody is to hear. */
  readonly endings: Set<string> = new Set();
  /** Those of them of which all is told but what an open transaction held. */
  readonly stuck: Set<string> = new Set();
  readonly events: Map<string, EventRow> = new Map();
  readonly eventsIn: Map<string, Set<EventRow>> = new Map();
  /** Events that were not given to those who waited for them. */
  readonly ungiven: Set<EventRow> = new Set();
  /** Subscriptions by the call that made them, by run and by box. */
  readonly subscriptions: Map<string, SubscriptionRow> = new Map();
  readonly subscriptionsOf: Map<string, Set<SubscriptionRow>> = new Map();
  readonly subscriptionsIn: Map<string, Set<SubscriptionRow>> = new Map();
  /** Keys of messages and ids of events that an open transaction inserted. */
  readonly heldMessages: Set<string> = new Set();
  readonly heldEvents: Set<string> = new Set();

  insertMessage(row: MessageRow): void {
    rowsIn(this.messages, row.runId).set(row.id, row);
    rowsIn(this.inbox, row.runId).set(row.id, row);
    this.untold.add(row);
  }

  /** Takes a message out of its inbox. */
  takeMessage(runId: string, id: string): void {
    const row = this.inbox.get(runId)?.get(id);
    if (row === undefined) return;
    this.inbox.get(runId)?.delete(id);
    this.untold.delete(row);
  }

  /** Puts a signal, or a cancel, that was taken into its inbox again, where it stood. */
  putBack(runId: string, id: string): void {
    const row = this.messages.get(runId)?.get(id);
    if (row?.kind === 'signal' || row?.kind === 'cancel') rowsIn(this.inbox, runId).set(id, row);
  }

  /** Deletes a message, taken or not, as if it had never been sent. */
  deleteMessage(runId: string, id: string): void {
    this.takeMessage(runId, id);
    this.messages.get(runId)?.delete(id);
  }

  insertTie(tie: TieRow): void {
    this.ties.set(callKey(tie.parent), tie);
    setIn(this.tiesOf, tie.parent.id).add(tie);
    setIn(this.tiesTo, tie.childId).add(tie);
    if (tie.watch && !tie.noticed) this.unknown.add(tie);
  }

  insertEvent(event: EventRow): void {
    this.events.set(event.id, event);
    setIn(this.eventsIn, eventBox(event.name, event.key)).add(event);
    this.ungiven.add(event);
  }

  insertSubscription(row: SubscriptionRow): void {
    this.subscriptions.set(callKey({ id: row.runId, ...row }), row);
    setIn(this.subscriptionsOf, row.runId).add(row);
    setIn(this.subscriptionsIn, row.box).add(row);
  }

  deleteSubscription(row: SubscriptionRow | undefined): void {
    if (row === undefined) return;
    this.subscriptions.delete(callKey({ id: row.runId, ...row }));
    this.subscriptionsOf.get(row.runId)?.delete(row);
    this.subscriptionsIn.get(row.box)?.delete(row);
  }

  /** Deletes what belongs to a run. What others wait for of it stays theirs. */
  forget(runId: string): void {
    for (const row of this.inbox.get(runId)?.values() ?? []) this.untold.delete(row);
    this.inbox.delete(runId);
    this.messages.delete(runId);
    for (const tie of this.tiesOf.get(runId) ?? []) {
      this.ties.delete(callKey(tie.parent));
      this.tiesTo.get(tie.childId)?.delete(tie);
      this.unknown.delete(tie);
    }
    this.tiesOf.delete(runId);
    this.endings.delete(runId);
    this.stuck.delete(runId);
    for (const row of [...this.subscriptionsOf.get(runId) ?? []]) this.deleteSubscription(row);
  }
}

/** The key of what a call of a run made. */
export function callKey({ id, generation, place }: ParentRow): string {
  return JSON.stringify([id, generation, place]);
}

/** The key of a message among those of all runs. */
export function messageKey({ runId, id }: { readonly runId: string; readonly id: string }): string {
  return JSON.stringify([runId, id]);
}

/** The rows under a key, made when they are first asked for. */
export function rowsIn<Row>(table: Map<string, Map<string, Row>>, key: string): Map<string, Row> {
  let rows = table.get(key);
  if (rows === undefined) table.set(key, rows = new Map());
  return rows;
}

function setIn<Row>(table: Map<string, Set<Row>>, key: string): Set<Row> {
  let rows = table.get(key);
  if (rows === undefined) table.set(key, rows = new Set());
  return rows;
}
