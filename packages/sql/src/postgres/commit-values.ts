// The parameters of the commit statement: a batch of writes, column by column.
import type { NewPendingCall, TurnWrite } from '@perdure/core/engine';

/** The parameters of a batch, in the order of the statement. */
export function commitValues(writes: readonly TurnWrite[]): readonly unknown[] {
  const items = newColumns(13);
  const entries = newColumns(10);
  const calls = newColumns(8);
  const closed = newColumns(2);
  const closing: string[] = [];
  const change: string[] = [];
  const share: string[] = [];
  const parts = new Set<number>();
  for (const [index, write] of writes.entries()) {
    const { runId, part, generation, epoch } = write.lease;
    (write.end === null && write.calls.length + write.closed.length === 0 ? share : change).push(runId);
    parts.add(part);
    push(items, [runId, part, generation, epoch, ...endColumns(write)]);
    const ord = index + 1;
    for (const e of write.entries) {
      const { codec, text } = e.value;
      push(entries, [ord, e.place, e.position, e.kind, e.name, codec, text, e.error, e.attempt, e.tookMs]);
    }
    for (const c of keptCalls(write)) {
      const atMicros = c.atMs === null ? null : c.atMs * 1_000;
      push(calls, [ord, c.place, c.kind, c.name, c.attempt, c.error, c.delayMs, atMicros]);
    }
    for (const place of write.closed) push(closed, [ord, place]);
    if (write.closed.length > 0 || write.end?.kind === 'settle') closing.push(runId);
  }
  return [change, share, [...parts], ...items, ...entries, ...calls, ...closed, closing];
}

// One statement cannot write a row twice: of two writes of a place the last holds, and a close ends both.
function keptCalls({ calls, closed, end }: TurnWrite): Iterable<NewPendingCall> {
  if (calls.length === 0 || end?.kind === 'settle') return [];
  const kept = new Map(calls.map((call) => [call.place, call]));
  for (const place of closed) kept.delete(place);
  return kept.values();
}

/** act, status, codec, output, error, reason, in_ms, at_us, quarantine */
function endColumns({ end }: TurnWrite): readonly unknown[] {
  if (end === null) return ['entries', null, null, null, null, null, null, null, null];
  switch (end.kind) {
    case 'settle':
      return ['settle', end.status, end.output.codec, end.output.text, end.error, null, null, null, null];
    case 'park':
      return ['park', 'parked', null, null, end.error, end.reason, null, null, null];
    case 'rest':
      return ['rest', null, null, null, null, null, end.wakeInMs, end.wakeAt, 'absolve'];
    case 'renew':
      return ['renew', null, null, null, null, null, end.leaseMs, null, end.quarantine];
  }
}

function newColumns(count: number): unknown[][] {
  return Array.from({ length: count }, () => []);
}

function push(columns: unknown[][], row: readonly unknown[]): void {
  for (const [index, value] of row.entries()) columns[index]?.push(value);
}
