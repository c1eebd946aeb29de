// The words in which cases of mail are written: messages, children, events, and carriers.
import assert from 'node:assert/strict';
import type {
  Mail, MailWant, Message, NewChild, NewEvent, NewMessage, NewSubscription,
} from '../mail.js';
import type { ClaimedRun, Entry, Lease, TurnEnd } from '../store.js';
import { entry, json, newRun, nothing, only, type Scene } from './scene.js';

/** How a run can settle. */
export type Outcome = 'completed' | 'failed' | 'cancelled';

/** What a terminated child fails with, in every case. */
export const terminated = '{"message":"terminated"}';

/** A signal. */
export function signal(runId: string, id: string, more: Partial<NewMessage> = {}): NewMessage {
  return { runId, id, kind: 'signal', name: 'go', payload: json(`"${id}"`), error: null, ...more };
}

/** A child that is started and watched. */
export function child(parent: ClaimedRun, childId: string, more: Partial<NewChild> = {}): NewChild {
  return {
    lease: parent.lease, place: childId, childId, run: newRun(childId), parentClose: 'default', watch: true,
    ...more,
  };
}

/** Something that happened. */
export function event(id: string, more: Partial<NewEvent> = {}): NewEvent {
  return { id, name: 'paid', key: '', payload: json(`"${id}"`), ...more };
}

/** A wish for events that does not look back. */
export function waitFor(run: ClaimedRun, more: Partial<NewSubscription> = {}): NewSubscription {
  return { lease: run.lease, place: '1', name: 'paid', key: '', lookBackMs: 0, ...more };
}

/** An entry that takes a message. */
export function taking(message: string, place: string, more: Partial<Entry> = {}): Entry {
  return entry(place, Number(place), { kind: 'signal', message, ...more });
}

/** A settlement of this outcome. */
export function settled(status: Outcome, tied: boolean): TurnEnd {
  const isCompleted = status === 'completed';
  const output = isCompleted ? json('"result"') : nothing;
  return { kind: 'settle', status, output, error: isCompleted ? null : `{"message":"${status}"}`, tied };
}

/** Sends, and must be told this of each. */
export async function sent(scene: Scene, messages: readonly NewMessage[], kinds?: string[]): Promise<void> {
  const answers = await scene.store.sendMessages(messages);
  assert.deepEqual(answers.map(({ kind }) => kind), kinds ?? messages.map(() => 'sent'));
}

/** Emits, and must be told this of each. */
export async function emitted(scene: Scene, events: readonly NewEvent[], kinds?: string[]): Promise<void> {
  const answers = await scene.store.emitEvents(events);
  assert.deepEqual(answers.map(({ kind }) => kind), kinds ?? events.map(() => 'emitted'));
}

/** Ties, and must be told this of each. */
export async function tied(scene: Scene, children: readonly NewChild[], kinds?: string[]): Promise<void> {
  const answers = await scene.store.tieChildren(children);
  assert.deepEqual(answers.map(({ kind }) => kind), kinds ?? children.map(() => 'tied'));
}

/** Waits for events, and must be told this of each. */
export async function subscribed(
  scene: Scene, wishes: readonly NewSubscription[], kinds?: string[],
): Promise<void> {
  const answers = await scene.store.subscribe(wishes);
  assert.deepEqual(answers.map(({ kind }) => kind), kinds ?? wishes.map(() => 'done'));
}

/** Carries until nothing is left; which runs were told, each once, in the order of their ids. */
export async function carried(scene: Scene, limit = 100): Promise<string[]> {
  const told = new Set<string>();
  for (let round = 0; round < 1_000; round++) {
    const answer = await scene.store.carry({ limit, terminated });
    for (const id of answer.told) told.add(id);
    if (!answer.more) return [...told].sort();
  }
  throw assert.fail('there is always more to carry');
}

/** What a run would take from these boxes; from every box of every kind if none is named. */
export async function mailOf(
  scene: Scene, run: ClaimedRun | Lease, boxes?: MailWant['boxes'],
): Promise<Mail> {
  const lease = 'lease' in run ? run.lease : run;
  const kinds = ['signal', 'event', 'callback', 'child'] as const;
  const everything = kinds.map((kind) => ({ kind, name: null }));
  return only(await scene.store.readMail([{ lease, boxes: boxes ?? everything }]));
}

/** Ids of the messages that lie in a run's inbox, in their order. */
export async function inboxOf(scene: Scene, run: ClaimedRun | Lease): Promise<string[]> {
  const { messages, more } = await mailOf(scene, run);
  assert.equal(more, false, 'everything was asked for');
  return messages.map(({ id }) => id);
}

/** A message without what the store decides. */
export function withoutInstant({ sentAt, ...message }: Message): Omit<Message, 'sentAt'> {
  assert.ok(Number.isSafeInteger(sentAt) && sentAt > 1e15, 'microseconds since 1970');
  return message;
}
