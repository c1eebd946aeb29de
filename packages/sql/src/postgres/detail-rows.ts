// From rows of what is read closely back to runs, and to workers.
import {
  nothing, type CallKind, type Encoded, type InboxCount, type LineFacts, type MessageKind, type RecordedCall,
  type RunDetail, type RunRecord, type RunStatus, type WorkerListed,
} from '@perdure/core/engine';
import type { Row } from './session.js';
import { readHeaders } from './start-statements.js';

/** A run as clients see it. */
export function readRun(row: Row): RunRecord {
  const [id, workflow, generation, codec, output, error, reason, status] = row;
  return {
    id: String(id),
    workflow: String(workflow),
    generation: Number(generation),
    output: codec === null ? nothing : encoded(codec, output),
    error: error as string | null,
    reason: reason as string | null,
    status: status as RunStatus,
  };
}

const ofRecord = 8;

/** A row of `details`: first what `readRun` reads. */
export function readDetail(row: Row): RunDetail {
  const [queue, version, priority, codec, input, headers, parentId, timeoutMs, createdAt, startedAt,
    settledAt, parkedAt, ...rest] = row.slice(ofRecord);
  const [inLine, dueAt, leased, fresh, quarantined, strikes, calls, boxes, now] = rest;
  return {
    ...readRun(row),
    queue: String(queue),
    version: version as string | null,
    priority: Number(priority),
    input: encoded(codec, input),
    headers: readHeaders(headers),
    parentId: parentId as string | null,
    timeoutMs: numberOf(timeoutMs),
    createdAt: Number(createdAt),
    startedAt: numberOf(startedAt),
    settledAt: numberOf(settledAt),
    parkedAt: numberOf(parkedAt),
    line: inLine === true ? readLine([dueAt, leased, fresh, quarantined, strikes]) : null,
    calls: rowsOf(calls).map(readCall),
    inbox: rowsOf(boxes).map(readBox),
    now: Number(now),
  };
}

function readLine([dueAt, leased, fresh, quarantined, strikes]: Row): LineFacts {
  return {
    dueAt: numberOf(dueAt) ?? Infinity, leased: leased === true, fresh: fresh === true,
    quarantined: quarantined === true, strikes: Number(strikes),
  };
}

function readCall(row: Row): RecordedCall {
  const [place, kind, name, attempt, error, codec, progress, dueAt, deadlineAt] = row;
  return {
    place: String(place), kind: kind as CallKind, name: String(name), attempt: Number(attempt),
    error: error as string | null, progress: codec === null ? null : encoded(codec, progress),
    dueAt: numberOf(dueAt) ?? Infinity, deadlineAt: numberOf(deadlineAt),
  };
}

function readBox([kind, name, count]: Row): InboxCount {
  return { kind: kind as MessageKind, name: String(name), count: Number(count) };
}

/** A row of `workers`. */
export function readWorker([id, host, pid, concurrency, serves, startedAt, seenAt, now]: Row): WorkerListed {
  return {
    id: String(id),
    host: String(host),
    pid: Number(pid),
    concurrency: Number(concurrency),
    serves: rowsOf(serves).map(([queue, workflow, version]) => (
      { queue: String(queue), workflow: String(workflow), version: version as string | null })),
    startedAt: Number(startedAt),
    seenAt: Number(seenAt),
    now: Number(now),
  };
}

/** Rows that the database gave as JSON; it gives null for none. */
function rowsOf(text: unknown): readonly Row[] {
  return text === null ? [] : JSON.parse(String(text)) as Row[];
}

function numberOf(value: unknown): number | null {
  return value === null ? null : Number(value);
}

function encoded(codec: unknown, text: unknown): Encoded {
  return { codec: String(codec), text: text as string | null };
}
