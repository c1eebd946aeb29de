// The parameters of the commit statement: a batch of writes, column by column.
import type { NewPendingCall, TurnWrite } from '@perdure/core/engine';
import { arrayLiteral } from './array-literal.js';

/** The parameters of a batch, in the order of the statement. */
export function commitValues(writes: readonly TurnWrite[]): readonly string[] {
  const items = new Columns(13);
  const entries = new Columns(10);
  const calls = new Columns(8);
  const closed = new Columns(2);
  const closing: string[] = [];
  const change: string[] = [];
  const share: string[] = [];
  const parts = new Set<number>();
  let ord = 0;
  for (const write of writes) {
    ord++;
    const { runId, part, generation, epoch } = write.lease;
    (write.end === null && write.calls.length + write.closed.length === 0 ? share : change).push(runId);
    parts.add(part);
    items.add([runId, part, generation, epoch, ...endColumns(write)]);
    for (const e of write.entries) {
      const { codec, text } = e.value;
      entries.add([ord, e.place, e.position, e.kind, e.name, codec, text, e.error, e.attempt, e.tookMs]);
    }
    for (const c of keptCalls(write)) {
      const atMicros = c.atMs === null ? null : c.atMs * 1_000;
      calls.add([ord, c.place, c.kind, c.name, c.attempt, c.error, c.delayMs, atMicros]);
    }
    for (const place of write.closed) closed.add([ord, place]);
    if (write.closed.length > 0 || write.end?.kind === 'settle') closing.push(runId);
  }
  const columns = [items, entries, calls, closed].flatMap((table) => table.columns);
  return [change, share, [...parts], ...columns, closing].map(arrayLiteral);
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

/** Rows, turned into columns. */
class Columns {
  readonly columns: readonly unknown[][];

  constructor(count: number) {
    this.columns = Array.from({ length: count }, () => []);
  }

  add(row: readonly unknown[]): void {
    for (let column = 0; column < row.length; column++) this.columns[column]?.push(row[column]);
  }
}
