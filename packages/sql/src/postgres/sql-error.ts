// What an error of the driver means to the engine: a value at fault, a lock not had in time, or no answer.
import { DatabaseUnavailableError, WorkflowError } from '@perdure/core';

/** The SQLSTATE of a driver's error, or null when the server did not send one. */
export function sqlStateOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** The database refuses a value of a statement: classes 22, 23 and 54. */
export class DataRefusedError extends Error {
  override readonly name: string = 'DataRefusedError';
}

/** A row of the same key is there. */
export class DuplicateKeyError extends DataRefusedError {}

/** A lock was not had within `lock_timeout`. */
export class LockTimeoutError extends Error {
  override readonly name = 'LockTimeoutError';
}

const explained: Readonly<Record<string, string>> = {
  '28P01': 'The user name or password is wrong.',
  '28000': 'The server does not let this user in.',
  '3D000': 'There is no such database.',
  '42P01': 'The tables of perdure are missing: run its migrations, or connect with a role that may.',
  '42501': 'The role lacks a permission.',
};

/** Turns what the driver threw into what the engine acts on. */
export function unavailable(error: unknown, deadlineMs: number): Error {
  if (error instanceof WorkflowError) return error;
  const state = sqlStateOf(error);
  const said = error instanceof Error ? error.message || error.name : String(error);
  if (state === '23505') return new DuplicateKeyError(said, { cause: error });
  if (state !== null && /^(22|23|54)/.test(state)) return new DataRefusedError(said, { cause: error });
  if (state === '55P03') return new LockTimeoutError(said, { cause: error });
  const known = state === null ? undefined : explained[state];
  const advice = known ?? `It did not answer within ${deadlineMs} ms, or the connection failed; whether ` +
    'the last statement took effect is not known.';
  return new DatabaseUnavailableError(`The database cannot be used: ${said}. ${advice}`, { cause: error });
}
