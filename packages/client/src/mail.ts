// What can be sent: signals, cancels, answers of callbacks, events; checked and encoded.
import { PayloadError, WorkflowError } from '@perdure/core';
import {
  callbackMessageId, cancelId, checkName, checkSignal, encode, encodeError, nothing, parseToken, signalId,
  toldIfLarge,
  type EmitAnswer, type Encoded, type NewEvent, type NewMessage, type SendAnswer,
} from '@perdure/core/engine';
import type { Gathered } from './gatherer.js';
import { checkObject } from './given.js';
import { KnownRun, type AnyRef } from './run-ref.js';

/** How a signal is sent. */
export interface SendOptions {
  /**
   * Idempotency: a signal of this id that the run was sent before is not sent again, whatever else it says.
   * Default: a new ULID. At most 191 characters.
   */
  id?: string | undefined;
}

/** How an event is emitted. */
export interface EmitOptions {
  /** What it is about, such as the id of an order: only who waits for this key hears of it. */
  key?: string | undefined;
  /** Idempotency: an event of this id that was emitted before is not emitted again. Default: a new ULID. */
  id?: string | undefined;
}

/** A message that was checked and encoded. `what` names it in errors. */
export interface PreparedMessage extends Gathered {
  readonly message: NewMessage;
  readonly what: string;
}

/** An event that was checked and encoded. */
export interface PreparedEvent extends Gathered {
  readonly event: NewEvent;
}

/** A signal as it was given. `newId` makes the id where the caller gave none. */
export interface GivenSignal {
  readonly name: string;
  readonly payload: unknown;
  readonly id: string | undefined;
  readonly newId: () => string;
}

/**
 * A signal to a run. Where the workflow's definition is known, its schema is asked. Throws SIGNAL_UNKNOWN,
 * SIGNAL_INVALID, INVALID_NAME, VALUE_NOT_STORABLE, VALUE_TOO_LARGE.
 */
export async function signalTo(run: AnyRef, signal: GivenSignal): Promise<PreparedMessage> {
  const { name, payload, id, newId } = signal;
  checkObject(run, 'The run of a signal');
  checkName(run.id, 'the id of a run');
  checkName(name, 'the name of a signal');
  if (id !== undefined) checkName(id, 'the id of a signal');
  const definition = KnownRun.definitionOf(run);
  if (definition !== null) {
    const checked = await checkSignal(definition, name, payload);
    if (!checked.ok) throw checked.error;
  }
  const what = `signal '${name}'`;
  const encoded = toldIfLarge(encode(payload, `the payload of ${what}`), run.id, what);
  const message: NewMessage = {
    runId: run.id, id: signalId(id ?? newId()), kind: 'signal', name, payload: encoded, error: null,
  };
  return { message, what, chosen: id !== undefined, length: lengthOf(encoded) };
}

/** The wish that a run ends: one a run, so a second one changes nothing. Throws INVALID_OPTION. */
export function cancelOf(run: AnyRef, reason: string): PreparedMessage {
  checkObject(run, 'The run of a cancel');
  checkName(run.id, 'the id of a run');
  if (typeof reason !== 'string') {
    throw new WorkflowError('INVALID_OPTION', `The reason of a cancel is of type ${typeof reason}; give a ` +
      'text, or leave it out.');
  }
  const payload = encode(reason, 'the reason of a cancel');
  const message: NewMessage = { runId: run.id, id: cancelId, kind: 'cancel', name: '', payload, error: null };
  return { message, what: 'a cancel', chosen: true, length: lengthOf(payload) };
}

/** The answer of a callback: a value, or what it failed with. */
export type CallbackAnswer = { readonly value: unknown } | { readonly error: unknown };

/** Answers a callback by its token. Throws INVALID_TOKEN, VALUE_NOT_STORABLE, VALUE_TOO_LARGE. */
export function answerTo(token: string, answer: CallbackAnswer): PreparedMessage {
  const { runId, key } = parseToken(token);
  const what = 'the answer of a callback';
  const payload = 'value' in answer ? toldIfLarge(encode(answer.value, what), runId, what) : nothing;
  const error = 'error' in answer ? encodeError(answer.error) : null;
  const message: NewMessage = {
    runId, id: callbackMessageId(key), kind: 'callback', name: key, payload, error,
  };
  return { message, what, chosen: true, length: lengthOf(payload) };
}

/** An event. Throws INVALID_NAME, VALUE_NOT_STORABLE, VALUE_TOO_LARGE. */
export function eventOf(
  name: string, payload: unknown, { key, id, newId }: EmitOptions & { newId: () => string },
): PreparedEvent {
  checkName(name, 'the name of an event');
  if (key !== undefined) checkName(key, `the key of event '${name}'`);
  if (id !== undefined) checkName(id, 'the id of an event');
  const what = `event '${name}'`;
  const encoded = toldIfLarge(encode(payload, `the payload of ${what}`), '', what);
  const event: NewEvent = { id: id ?? newId(), name, key: key ?? '', payload: encoded };
  return { event, chosen: id !== undefined, length: lengthOf(encoded) };
}

function lengthOf({ text }: Encoded): number {
  return text?.length ?? 0;
}

/** The error that an answer means; null when the message is there. */
export function sendFailure({ message, what }: PreparedMessage, answer: SendAnswer): Error | null {
  const { runId } = message;
  switch (answer.kind) {
    case 'sent':
      return null;
    case 'no-run':
      return runNotFound(runId);
    case 'settled':
      return new WorkflowError('RUN_SETTLED', `Run '${runId}' has settled: ${what} cannot reach it any more.`,
        { runId });
    case 'refused':
      return new PayloadError('VALUE_REFUSED', `The database refuses to store ${what}: ${answer.why}`, '',
        { runId });
    default:
      return sendBlocked({ message, what });
  }
}

/** The error of a message that another transaction keeps from its id. */
export function sendBlocked({ message, what }: Pick<PreparedMessage, 'message' | 'what'>): Error {
  const { runId, id } = message;
  return new WorkflowError('SEND_BLOCKED', `Run '${runId}' was not sent ${what}: another open transaction ` +
    `holds the same id '${id}'. Try again when it has ended.`, { runId });
}

/** The error that an answer means; null when the event is recorded. */
export function emitFailure(prepared: PreparedEvent, answer: EmitAnswer): Error | null {
  if (answer.kind === 'emitted') return null;
  if (answer.kind === 'busy') return emitBlocked(prepared);
  const message = `The database refuses to store event '${prepared.event.name}': ${answer.why}`;
  return new PayloadError('VALUE_REFUSED', message, '');
}

/** The error of an event that another transaction keeps from its id. */
export function emitBlocked({ event: { id, name } }: PreparedEvent): Error {
  return new WorkflowError('SEND_BLOCKED', `Event '${name}' was not emitted: another open transaction ` +
    `holds the same id '${id}'. Try again when it has ended.`);
}

/** The error of a run that is not there. */
export function runNotFound(runId: string): WorkflowError {
  return new WorkflowError('RUN_NOT_FOUND', `There is no run '${runId}'. Was the transaction that started ` +
    'it committed?', { runId });
}
