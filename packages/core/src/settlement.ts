// How a run ends in the database, once its code has: and what takes the place of a value that is refused
// there.
import { encode, encodeError, type Encoded } from './codec.js';
import { PayloadError } from './errors.js';
import type { AttemptEnd } from './step.js';
import { nothing, type TurnEnd, type TurnWrite } from './store.js';

/** The settlement that an outcome of the workflow function leads to. */
export function settlement(outcome: AttemptEnd): TurnEnd {
  if (!outcome.ok) return failure(encodeError(outcome.error));
  let output: Encoded;
  try {
    output = encode(outcome.value, 'the result of the workflow');
  } catch (error) {
    return failure(encodeError(error));
  }
  return { kind: 'settle', status: 'completed', output, error: null };
}

function failure(error: string): TurnEnd {
  return { kind: 'settle', status: 'failed', output: nothing, error };
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
    return { ...write, end: { kind: 'settle', status: 'failed', output: replaced, error: refusal(why) } };
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
