// The part of the Store port by which runs, and those outside, reach a run: messages, events, children. Who
// sends inserts, and touches nothing else; workers carry.
//
//   L1. A message has an id that is unique in its run: sent again, it is the same message. Its row stays for
//       as long as the run does, so that it is never taken twice.
//   L2. A message lies in the inbox of its run until an entry of the run takes it, in the same write (P4).
//       Within a box (a kind and a name) the order is that of `sentAt`, then of the id.
//   L3. Carrying tells a run that something came: a resting one is due, a leased or fresh one gets its wake
//       flag. What is carried twice is told twice, and nothing else.
//   L4. What a worker sends in the name of a run names the lease it relies on, as its writes do (P2).
import { encodeError, type Encoded } from './codec.js';
import { WorkflowError } from './errors.js';
import type { Instant, Lease, NewRun } from './lease.js';

/** Who a message is for: a wait for a signal, an event, a callback, a child; or the run itself. */
export type MessageKind = 'signal' | 'event' | 'callback' | 'child' | 'cancel';

/** A message to a run. */
export interface NewMessage {
  readonly runId: string;
  /** Unique in the run; the caller's own or made by the engine. */
  readonly id: string;
  readonly kind: MessageKind;
  /** The box in which it waits, together with its kind. */
  readonly name: string;
  readonly payload: Encoded;
  /** Encoded: the wait is answered with a failure. */
  readonly error: string | null;
}

/** Answer to one NewMessage. */
export type SendAnswer =
  /** It lies in the inbox, or did before (L1). */
  | { readonly kind: 'sent' }
  /** No run of this id exists, or it has settled: nothing was written. */
  | { readonly kind: 'no-run' }
  | { readonly kind: 'settled' }
  /** A stranger's open transaction holds the same id; ask again. */
  | { readonly kind: 'busy' }
  /** The sender's lease is gone (L4). */
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused'; readonly why: string };

/** A message as it is read from an inbox. */
export interface Message {
  readonly id: string;
  readonly kind: MessageKind;
  readonly name: string;
  readonly payload: Encoded;
  readonly error: string | null;
  /** How the child ended, for one of kind 'child'; null for the others. */
  readonly outcome: 'completed' | 'failed' | 'cancelled' | null;
  readonly sentAt: Instant;
  /** The run whose outcome it is, where a sealed text says so. */
  readonly from?: string | undefined;
}

/** What a run would take from its inbox now. A message that cancels it is always among the answer. */
export interface MailWant {
  readonly lease: Lease;
  /** Boxes that are waited for; `name` null: every box of the kind. */
  readonly boxes: ReadonlyArray<{ readonly kind: MessageKind; readonly name: string | null }>;
}

/** Answer to one MailWant. */
export interface Mail {
  /** The oldest of each box first, at most a hundred of a box (a thousand where the name is null). */
  readonly messages: readonly Message[];
  /** Whether anything else lies in the inbox. */
  readonly more: boolean;
}

/** What closing the parent does to a child; 'default': nothing if it completed, else cancel. */
export type ParentClose = 'default' | 'cancel' | 'terminate' | 'abandon';

/**
 * A run that another run starts, or watches: with `run` null the child is only watched, whoever started it.
 * The tie is known by parent, generation and place: made again, it is the same.
 */
export interface NewChild {
  /** Of the parent (L4). */
  readonly lease: Lease;
  /** Of the parent's call. */
  readonly place: string;
  readonly childId: string;
  readonly run: NewRun | null;
  /** Holds where this call created the run, not where it found it. */
  readonly parentClose: ParentClose;
  /**
   * Whether the parent waits: when the child settles, or has, a message of kind 'child' and name
   * `<generation>:<place>` comes, once; a child that does not exist answers as failed, CHILD_NOT_FOUND.
   */
  readonly watch: boolean;
}

/** Answer to one NewChild. */
export type ChildAnswer =
  /** `found`: the run is not of this call's making; who made it says what becomes of it. */
  | { readonly kind: 'tied'; readonly found?: true }
  /** A run of this id exists and is of another workflow: nothing was written. */
  | { readonly kind: 'taken'; readonly workflow: string }
  | { readonly kind: 'busy' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused'; readonly why: string };

/** Something that happened, told to whoever waits for it. */
export interface NewEvent {
  readonly id: string;
  readonly name: string;
  /** '' where none was given. */
  readonly key: string;
  readonly payload: Encoded;
}

/** Answer to one NewEvent. */
export type EmitAnswer =
  /** It is recorded, or was before (L1). */
  | { readonly kind: 'emitted' }
  /** A stranger's open transaction holds the same id; ask again. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly why: string };

/** A wish for events. It holds until the run takes one, withdraws it, or settles. */
export interface NewSubscription {
  readonly lease: Lease;
  readonly place: string;
  readonly name: string;
  readonly key: string;
  /** Events emitted this long before are brought as well. */
  readonly lookBackMs: number;
}

/** Answer to one NewSubscription. */
export type SubscribeAnswer =
  { readonly kind: 'done' } | { readonly kind: 'busy' } | { readonly kind: 'lost' };

/** What a carrier did. */
export interface CarryAnswer {
  /** Runs that were told. */
  readonly told: readonly string[];
  /** Whether there is more to carry at once. */
  readonly more: boolean;
}

/** The verbs of mail that also work inside a caller's transaction. */
export interface SendStore {
  /**
   * Puts messages into inboxes; one answer each, in order. Inside a caller's transaction errors of the
   * database pass through unchanged, and 'busy' is not answered: the caller waits.
   */
  sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]>;
  /** Records events, one answer each, in order; one that exists is left as it is (L1). */
  emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]>;
}

/** Mail as workers handle it. */
export interface MailStore extends SendStore {
  /** The same as `sendMessages`, in the name of a run: fenced by its lease (L4). */
  sendFrom(lease: Lease, messages: readonly NewMessage[]): Promise<readonly SendAnswer[]>;
  /** Starts and watches children, fenced by the leases of the parents. */
  tieChildren(children: readonly NewChild[]): Promise<readonly ChildAnswer[]>;
  /** Waits for events, fenced. Events within the look-back become messages before it answers. */
  subscribe(subscriptions: readonly NewSubscription[]): Promise<readonly SubscribeAnswer[]>;
  /** What the inboxes of runs hold for them; same order. */
  readMail(wants: readonly MailWant[]): Promise<readonly Mail[]>;
  /**
   * Carries at most `limit` pieces of each kind of mail. `terminated` is what a terminated child fails with.
   */
  carry(request: { readonly limit: number; readonly terminated: string }): Promise<CarryAnswer>;
}

/** The name of the box in which the answer of a child comes. */
export function childBox(generation: number, place: string): string {
  return `${generation}:${place}`;
}

/** The name of the box of an event: a line feed ends its name, and is escaped in it. */
export function eventBox(name: string, key: string): string {
  return `${name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n${key}`;
}

/** The id of the message that carries a signal: ids that callers choose never meet those of the engine. */
export function signalId(chosen: string): string {
  return `signal:${chosen}`;
}

/** The id and the box of the message that cancels a run: there is one at most. */
export const cancelId = 'cancel';

/** What a watch of a run that does not exist is answered with, encoded. */
export const childNotFound: string = encodeError(withoutStack(new WorkflowError('CHILD_NOT_FOUND',
  'No run of this id exists: it was never started, or its rows are deleted. Start it first, or check ' +
  'the id.')));

// The stack would say where this file is.
function withoutStack(error: Error): Error {
  error.stack = '';
  return error;
}
