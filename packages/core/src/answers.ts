// How a call is answered, as it will be recorded: results, failures, and letters that came for it.
import type { Call } from './call.js';
import { decode, decodeError, encode, encodeError, type Encoded } from './codec.js';
import { RunCancelledError, RunFailedError, WorkflowError } from './errors.js';
import { unreadable, type Fault } from './faults.js';
import { describeCall } from './journal.js';
import { toldIfLarge } from './large-values.js';
import type { Letter } from './mailbox.js';
import { check, type Checked } from './schema.js';
import { nothing } from './store.js';

/** The answer to a call, as it will be recorded. */
export interface CallAnswer {
  readonly value: Encoded;
  readonly error: string | null;
  readonly tookMs: number;
  /** The message that it takes from the inbox. */
  readonly message: string | null;
  /** A wait whose time was up. */
  readonly timedOut?: true;
}

/** The answer of a call that returned `value`; what cannot be stored is a failure. */
export function answerOf(
  call: Call, value: unknown, { runId, tookMs }: { runId: string; tookMs: number } = { runId: '', tookMs: 0 },
): CallAnswer {
  if (value === undefined) return { value: nothing, error: null, tookMs, message: null };
  try {
    const encoded = encode(value, `the result of ${call.kind} '${call.name}'`);
    // What came in a letter was told of when it was sent.
    if (runId !== '') toldIfLarge(encoded, runId, `${call.kind} '${call.name}'`);
    return { value: encoded, error: null, tookMs, message: null };
  } catch (error) {
    // The work is done: another attempt could only repeat its effect. So this is the call's answer.
    return failureOf(error, tookMs);
  }
}

/** The answer of a call that threw. */
export function failureOf(error: unknown, tookMs: number): CallAnswer {
  return { value: nothing, error: encodeError(error), tookMs, message: null };
}

/** Why a letter cannot be taken: it cannot be opened, or holds the outcome of another run than `childId`. */
export function faultIn(call: Call, { payload, from }: Letter, childId: string | null): Fault | null {
  const what = `what came for ${describeCall(call)}`;
  if (childId !== null && from !== undefined && from !== childId) {
    return unreadable(what, new Error(`it is the outcome of run '${from}', not of '${childId}'`));
  }
  if (payload.unopened === undefined) return null;
  try {
    decode(payload);
    return null;
  } catch (error) {
    return unreadable(what, error);
  }
}

/** The answer that a letter gives to a call. A letter that was given back was read before. */
export function readLetter(
  call: Call, letter: Letter, childId: string | null,
): CallAnswer | Promise<CallAnswer> {
  const { id, payload, error, outcome } = letter;
  const answer: CallAnswer = { value: payload, error, tookMs: 0, message: id };
  const { request } = call;
  if (childId !== null && outcome !== null && outcome !== 'completed') {
    const cause = decodeError(error ?? '');
    const told = outcome === 'cancelled'
      ? new RunCancelledError(childId, reasonOf(cause)) : new RunFailedError(childId, call.name, cause);
    return { ...answer, value: nothing, error: encodeError(told) };
  }
  if (!('schema' in request) || request.schema === null || error !== null || letter.read) return answer;
  const checked = checkSignal(request.schema, call.name, payload);
  return checked instanceof Promise ? checked.then(recorded) : recorded(checked);

  function recorded(end: Awaited<Checked>): CallAnswer {
    const told = end.ok ? answerOf(call, end.value) : failureOf(end.error, 0);
    return { ...told, message: id };
  }
}

function checkSignal(schema: Parameters<typeof check>[0], name: string, payload: Encoded): Checked {
  try {
    const what = `The payload of signal '${name}'`;
    return check(schema, decode(payload), { code: 'SIGNAL_INVALID', what });
  } catch (error) {
    return { ok: false, error };
  }
}

/** Why a run was cancelled, from the error that says so. */
export function reasonOf(error: Error): string {
  const { reason } = error as Partial<RunCancelledError>;
  return typeof reason === 'string' ? reason : error.message;
}

/** A cancel's reason, from its message. */
export function reasonIn(payload: Encoded): string {
  // Carriers close the children of a run that has ended, and know no other reason.
  if (payload.text === null) return 'its parent has ended';
  try {
    const reason = decode(payload);
    return typeof reason === 'string' ? reason : 'no reason was given';
  } catch (error) {
    return error instanceof WorkflowError ? error.message : String(error);
  }
}
