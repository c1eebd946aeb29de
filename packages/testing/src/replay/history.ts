// What is recorded of a run, as a value that JSON carries: to be kept beside the tests that replay it.
import { PayloadError, WorkflowError, type RunStatus } from '@perdure/core';
import type {
  CallKind, Encoded, RecordedCall, RecordedEntry, StreamHead,
} from '@perdure/core/engine';
import type { Recorded } from './rehearsal.js';

/** A value as it is stored: the tag of its codec, and its text; null stands for undefined. */
export interface StoredValue {
  readonly codec: string;
  readonly text: string | null;
}

/** One recorded answer. */
export interface HistoryAnswer {
  readonly place: string;
  readonly position: number;
  readonly kind: CallKind;
  readonly name: string;
  readonly value: StoredValue;
  readonly error: string | null;
  readonly attempt: number;
  readonly tookMs: number;
  readonly message: string | null;
  /** Microseconds since 1970. */
  readonly at: number;
}

/** A call that was open. */
export interface HistoryCall {
  readonly place: string;
  readonly kind: CallKind;
  readonly name: string;
  readonly attempt: number;
  readonly error: string | null;
  readonly progress: StoredValue | null;
  /** Microseconds since 1970; null if no clock goes on with it. */
  readonly dueAt: number | null;
  readonly deadlineAt: number | null;
}

/**
 * Everything that a replay of a run depends on. `JSON.stringify` and `JSON.parse` give it back as it was.
 * Made by `readHistory` and `env.history`; of one generation of a run. It holds the values of the run in the
 * clear, whatever seals them in the database.
 */
export interface History {
  /** Of this format; 1. */
  readonly format: 1;
  readonly runId: string;
  readonly workflow: string;
  readonly version: string | null;
  readonly queue: string;
  readonly generation: number;
  readonly status: RunStatus;
  readonly input: StoredValue;
  readonly output: StoredValue;
  readonly error: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number | null;
  /** Microseconds since 1970, as all instants here. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly answers: readonly HistoryAnswer[];
  readonly calls: readonly HistoryCall[];
  readonly streams: readonly StreamHead[];
}

/** A history of what was read. Throws VALUE_UNREADABLE for a value that could not be opened. */
export function historyOf({ detail, history }: Recorded): History {
  const {
    id: runId, workflow, version, queue, generation, status, error, headers, timeoutMs, createdAt, startedAt,
  } = detail;
  const stored = (value: Encoded): StoredValue => storedValue(runId, value);
  return {
    format: 1, runId, workflow, version, queue, generation, status, input: stored(detail.input),
    output: stored(detail.output), error, headers: { ...headers }, timeoutMs, createdAt, startedAt,
    answers: history.entries.map(({ value, ...entry }) => ({ ...entry, value: stored(value) })),
    calls: history.calls.map(({ dueAt, progress, ...call }) => ({
      ...call, dueAt: dueAt === Infinity ? null : dueAt,
      progress: progress === null ? null : stored(progress),
    })),
    streams: history.streams.map((stream) => ({ ...stream })),
  };
}

function storedValue(runId: string, { codec, text, unopened }: Encoded): StoredValue {
  if (unopened === undefined) return { codec, text };
  throw new PayloadError('VALUE_UNREADABLE', `Run '${runId}' has a stored value that cannot be opened ` +
    `here: ${unopened.message}`, '', { runId, cause: unopened });
}

/** What a history was made of. Throws HISTORY_INVALID for anything that is none. */
export function recordedOf(given: unknown): Recorded {
  demand(isObject(given), 'it is no object');
  demand(given['format'] === 1, `its format is ${String(given['format'])}, and this version reads format 1`);
  for (const name of ['runId', 'workflow', 'queue', 'status'] as const) {
    demand(typeof given[name] === 'string', `its ${name} is no text`);
  }
  for (const name of ['generation', 'createdAt'] as const) {
    demand(typeof given[name] === 'number', `its ${name} is no number`);
  }
  demand(isValue(given['input']) && isValue(given['output']), 'its input or output is no stored value');
  demand(isObject(given['headers']), 'its headers are no object');
  for (const name of ['answers', 'calls', 'streams'] as const) {
    demand(Array.isArray(given[name]), `its ${name} are no array`);
  }
  const { answers, calls, streams } = given as unknown as History;
  demand(answers.every(isAnswer), 'one of its answers lacks a place, a position, a kind, a name or a value');
  demand(calls.every(isIdentity), 'one of its calls lacks a place, a kind or a name');
  demand(streams.every((stream) => isObject(stream)), 'one of its streams is no object');
  return recorded(given as unknown as History);
}

function recorded({ runId, answers, calls, streams, ...run }: History): Recorded {
  const entries: readonly RecordedEntry[] = answers;
  const open: readonly RecordedCall[] = calls.map((call) => ({ ...call, dueAt: call.dueAt ?? Infinity }));
  return { detail: { ...run, id: runId }, history: { entries, calls: open, streams } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isValue(value: unknown): boolean {
  return isObject(value) && typeof value['codec'] === 'string' &&
    (value['text'] === null || typeof value['text'] === 'string');
}

function isIdentity(value: unknown): value is Record<string, unknown> {
  return isObject(value) && ['place', 'kind', 'name'].every((name) => typeof value[name] === 'string');
}

function isAnswer(value: unknown): boolean {
  return isIdentity(value) && typeof value['position'] === 'number' && isValue(value['value']);
}

function demand(holds: boolean, why: string): asserts holds {
  if (holds) return;
  throw new WorkflowError('HISTORY_INVALID', `This is no history of a run: ${why}. Take what readHistory ` +
    'or env.history gives, as it is or through JSON.');
}
