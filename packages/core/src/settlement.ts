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

/**
 * A refused write that stood alone: its value gives way to an error that says so. Anything else is left
 * whole.
 */
export function replaceRefused(write: TurnWrite, why: string): TurnWrite {
  const [entry, ...others] = write.entries;
  const error = encodeError(
    new PayloadError('VALUE_REFUSED', `The database refuses to store this value: ${why}`, ''));
  if (entry !== undefined && others.length === 0 && write.end === null) {
    return { ...write, entries: [{ ...entry, value: nothing, error }] };
  }
  if (entry === undefined && write.end?.kind === 'settle') return { ...write, end: failure(error) };
  return write;
}
