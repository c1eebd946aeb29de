// From where in its record a run begins anew: what of the record it keeps.
//
//   F1. What is kept is a beginning of the record in the order of its positions: the code sees what it saw,
//       up to the call that it is to make again.
//   F2. A name that stands for several calls is refused; nothing is guessed.
//   F3. A call that failed and whose failure the code has dealt with is not made again by itself: what the
//       code did since then may be what nobody wants to have done twice.
import { WorkflowError } from '@perdure/core';
import { decodeError, type RecordedCall, type RecordedEntry } from '@perdure/core/engine';

/** A record, as far as it is looked at: the answers of a generation, and the calls without one. */
export interface Recorded<Entry extends RecordedEntry = RecordedEntry> {
  readonly runId: string;
  /** The encoded error that the run ended with, or null. */
  readonly error: string | null;
  readonly entries: readonly Entry[];
  readonly calls: readonly Pick<RecordedCall, 'place' | 'name'>[];
}

/**
 * The answers that a run keeps when it begins anew from `from`. 'start': none. 'failure': those before the
 * first that is a cancel, a timeout, or the error that the run ended with (F3); none, if anything was rolled
 * back. Else those before a call, by its place or by its name; a place under which calls were made side by
 * side stands for the first of them. Throws FORK_UNKNOWN and FORK_AMBIGUOUS.
 */
export function keptBefore<Entry extends RecordedEntry>(
  record: Recorded<Entry>, from: string,
): readonly Entry[] {
  if (from === 'start') return [];
  const position = from === 'failure' ? failureIn(record) : positionOf(record, from);
  // A mark has the position of the answer that it follows.
  return record.entries.filter((entry) => entry.position < position);
}

function failureIn({ entries, error: end }: Recorded): number {
  // What was done before has been undone.
  if (entries.some(({ place }) => place.startsWith('rollback/'))) return 0;
  const reasons = end === null ? new Set<string>() : reasonsIn(read(end));
  return firstOf(entries.filter(({ kind, error }) => (
    kind === 'cancel' || kind === 'timeout' || (error !== null && reasons.has(said(read(error)))))));
}

const deepest = 20;

/** An error, what caused it, and what it is made of, as texts that can be compared. */
function reasonsIn(error: unknown, found = new Set<string>(), depth = 0): Set<string> {
  if (error === null || error === undefined || depth > deepest) return found;
  found.add(said(error));
  if (!(error instanceof Error)) return found;
  reasonsIn(error.cause, found, depth + 1);
  if (error instanceof AggregateError) for (const each of error.errors) reasonsIn(each, found, depth + 1);
  return found;
}

function said(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

// What cannot be read is the reason of nothing.
function read(error: string): unknown {
  try {
    return decodeError(error);
  } catch {
    return null;
  }
}

/** Where the first of them was answered; later than everything, if there is none. */
function firstOf(entries: readonly RecordedEntry[]): number {
  return entries.reduce((first, { position }) => Math.min(first, position), Infinity);
}

/** What befell the run, and marks of changed code, are no calls. */
const noCalls: ReadonlySet<string> = new Set(['cancel', 'timeout', 'patch']);

function positionOf({ runId, entries, ...record }: Recorded, from: string): number {
  const answered = entries.filter(({ kind }) => !noCalls.has(kind));
  // The row of a call may outlive its answer.
  const places = new Set(answered.map(({ place }) => place));
  const calls = record.calls.filter(({ place }) => !places.has(place));
  const under = answered.filter(({ place }) => place === from || place.startsWith(`${from}/`));
  if (under.length > 0) return firstOf(under);
  // A call without an answer comes after all that have one.
  if (calls.some(({ place }) => place === from || place.startsWith(`${from}/`))) return Infinity;
  const named = [...answered, ...calls.map((call) => ({ ...call, position: Infinity }))]
    .filter(({ name }) => name === from);
  const [only, other] = named;
  if (only === undefined) throw unknown(runId, from);
  if (other !== undefined) throw ambiguous(runId, from, named.map(({ place }) => place));
  return only.position;
}

function unknown(runId: string, from: string): WorkflowError {
  return new WorkflowError('FORK_UNKNOWN', `The record of run '${runId}' has no place or call '${from}'. ` +
    "Give 'failure', 'start', a place such as '2' or '3/a/1', or the name of a call that stands there " +
    'once: handle.history() has them.', { runId });
}

const mostShown = 20;

function ambiguous(runId: string, from: string, places: readonly string[]): WorkflowError {
  const shown = places.slice(0, mostShown).map((place) => `'${place}'`).join(', ');
  const more = places.length > mostShown ? ` and ${places.length - mostShown} more` : '';
  return new WorkflowError('FORK_AMBIGUOUS', `In the record of run '${runId}', '${from}' is the name of ` +
    `${places.length} calls: at ${shown}${more}. Give one of these places.`, { runId });
}
