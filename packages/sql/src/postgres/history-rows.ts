// From the rows of the history statement back to what runs recorded.
import type {
  CallKind, Encoded, History, Lease, RecordedCall, RecordedEntry, StreamHead,
} from '@perdure/core/engine';
import type { Row } from './session.js';

/** Reads the rows of all runs; one history a lease, in order. */
export function readHistories(rows: readonly Row[], leases: readonly Lease[]): readonly History[] {
  const histories = new Map(leases.map(({ runId }) => [runId, empty()]));
  for (const row of rows) {
    const history = histories.get(String(row[0]));
    if (row[1] === 'entry') history?.entries.push(readEntry(row));
    else if (row[1] === 'call') history?.calls.push(readCall(row));
    else history?.streams.push(readHead(row));
  }
  for (const { entries } of histories.values()) entries.sort((a, b) => a.position - b.position);
  return leases.map(({ runId }) => histories.get(runId) ?? empty());
}

function empty(): { entries: RecordedEntry[]; calls: RecordedCall[]; streams: StreamHead[] } {
  return { entries: [], calls: [], streams: [] };
}

function encoded(codec: unknown, text: unknown): Encoded {
  return { codec: String(codec), text: text as string | null };
}

/** A recorded answer. The engine alone writes these columns: kinds are its own. */
export function readEntry(row: Row): RecordedEntry {
  const [, , place, position, kind, name, codec, value, error, attempt, tookMs, at, , message] = row;
  return {
    place: String(place),
    position: Number(position),
    kind: kind as CallKind,
    name: String(name),
    value: encoded(codec, value),
    error: error as string | null,
    attempt: Number(attempt),
    tookMs: Number(tookMs),
    at: Number(at),
    message: message as string | null,
  };
}

function readCall(row: Row): RecordedCall {
  const [, , place, , kind, name, codec, progress, error, attempt, , dueAt, deadlineAt] = row;
  return {
    place: String(place),
    kind: kind as CallKind,
    name: String(name),
    attempt: Number(attempt),
    error: error as string | null,
    progress: codec === null ? null : encoded(codec, progress),
    dueAt: dueAt === null ? Infinity : Number(dueAt),
    deadlineAt: deadlineAt === null ? null : Number(deadlineAt),
  };
}

function readHead(row: Row): StreamHead {
  const [, , stream, , , , , , , , , count, fromWorkflow] = row;
  return { stream: String(stream), count: Number(count), fromWorkflow: Number(fromWorkflow) };
}
