// How a run ends in the database, once its code has: and what takes the place of a value that is refused
// there.
import { encode, encodeError, type Encoded } from './codec.js';
import { PayloadError, RunParkedError } from './errors.js';
import type { Fault } from './faults.js';
import { toldIfLarge } from './large-values.js';
import type { AttemptEnd } from './step-info.js';
import { nothing, type TurnEnd, type TurnWrite } from './store.js';

/** How a run is parked for a mistake. */
export function parking({ code, message, cause }: Fault, runId: string, workflow: string): TurnEnd {
  const parked = new RunParkedError(code, `Run '${runId}' of workflow '${workflow}' is parked: ${message}.`,
    { runId, cause });
  return { kind: 'park', reason: code, error: encodeError(parked) };
}

/** What a settlement says beside the outcome. */
export interface Settling {
  readonly runId: string;
  /** The code gave way to a cancel. */
  readonly cancelled: boolean;
  /** Children, or a parent, are to hear of it. */
  readonly tied: boolean;
}

/** The settlement that an outcome of the workflow function leads to. */
export function settlement(outcome: AttemptEnd, { runId, cancelled, tied }: Settling): TurnEnd {
  const failure = (error: unknown): TurnEnd => ({
    kind: 'settle', status: cancelled ? 'cancelled' : 'failed', output: nothing, error: encodeError(error),
    tied,
  });
  if (!outcome.ok) return failure(outcome.error);
  let output: Encoded;
  try {
    const what = 'the result of the workflow';
    output = toldIfLarge(encode(outcome.value, what), runId, what);
  } catch (error) {
    return failure(error);
  }
  return { kind: 'settle', status: 'completed', output, error: null, tied };
}

/** Stands where a refused value stood. Known by identity, so that nothing is replaced twice. */
const replaced: Encoded = { codec: 'json', text: null };

/**
 * What is sent instead of a refused write: the same, to be taken in pieces; or, if it stood alone, with what
 * can be left out of it replaced. Null when nothing is left to replace: then even its names are refused.
 */
export function replaceRefused(write: TurnWrite, why: string): TurnWrite | null {
  const { calls, closed, end } = write;
  const [entry, ...others] = write.entries;
  if (entry !== undefined) {
    if (others.length + calls.length + closed.length > 0 || end !== null) return write;
    if (entry.value === replaced) return null;
    return { ...write, entries: [{ ...entry, value: replaced, error: refusal(why) }] };
  }
  if (calls.some((call) => call.error !== null)) {
    return { ...write, calls: calls.map((call) => ({ ...call, error: null })) };
  }
  if (end?.kind === 'settle' && end.output !== replaced) {
    const { tied } = end;
    const error = refusal(why);
    return { ...write, end: { kind: 'settle', status: 'failed', output: replaced, error, tied } };
  }
  if (end?.kind === 'continue') {
    // What ties it has is known to the store; to say that it has some costs a look.
    const error = refusal(why);
    return { ...write, end: { kind: 'settle', status: 'failed', output: replaced, error, tied: true } };
  }
  if (end?.kind === 'park' && end.error !== plainPark) return { ...write, end: { ...end, error: plainPark } };
  return null;
}

function refusal(why: string): string {
  return encodeError(
    new PayloadError('VALUE_REFUSED', `The database refuses to store this value: ${why}`, ''));
}

// Without a stack, in which paths of any characters stand.
const plainPark = encodeError(Object.assign(new Error(
  'The database refuses to store why this run is parked. Its reason code says what kind of mistake it is.',
), { stack: undefined }));
