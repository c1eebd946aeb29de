// Whether the data is as it always is: every invariant that the database can be asked for, part by part.
import { WorkflowError } from '@perdure/core';
import { checkWatched, givenOptions } from './given.js';
import type { Opening } from './parts.js';
import { patiently } from './verbs.js';

const defaultLimit = 1_000;

/** Mail is carried within a second or two; a caller's transaction may have been open for longer. */
const lateMs = 60_000;

/** How far a check goes. */
export interface CheckOptions {
  /** It ends after so many findings. Default 1,000. */
  limit?: number | undefined;
  /** Ends it before the next part, with the reason. */
  abortSignal?: AbortSignal | undefined;
}

/** Something that is not as it always is. */
export interface Finding {
  /** The code of what does not hold; it never changes its meaning. docs/operating.md lists them. */
  readonly invariant: string;
  /** Null where it belongs to no run. */
  readonly runId: string | null;
  /** The facts, in a sentence. No value of the application is in it but ids and names. */
  readonly what: string;
  /** When that was written which is not as it should be, where it says so. */
  readonly since?: Date;
}

/** Looks through the whole database. Throws INVALID_OPTION before the first finding. */
export async function* checkDatabase(
  opening: Opening, given: CheckOptions | undefined,
): AsyncGenerator<Finding, void> {
  const { limit = defaultLimit, abortSignal } = givenOptions(given, 'check');
  checkWatched({ abortSignal });
  if (!Number.isInteger(limit) || limit < 1) {
    throw new WorkflowError('INVALID_OPTION', `limit is ${String(limit)}; give a whole number from 1 up.`);
  }
  const { connection: { store } } = await opening.open();
  let left = limit;
  let after: string | null = null;
  do {
    abortSignal?.throwIfAborted();
    const range: { after: string | null; lateMs: number; limit: number } = { after, lateMs, limit: left };
    const { broken, next } = await patiently(opening, () => store.check(range));
    for (const { since, ...facts } of broken) {
      yield since === null ? facts : { ...facts, since: new Date(since / 1_000) };
      if (--left === 0) return;
    }
    after = next;
  } while (after !== null);
}
