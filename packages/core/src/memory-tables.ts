// The tables of the memory store: what a database would hold, as maps of plain rows.
import type { Encoded } from './codec.js';
import { InvariantError } from './errors.js';
import type { LaneKind } from './part.js';
import type { Instant, RecordedCall, RecordedEntry, StoredStatus } from './store.js';

/** One run for as long as it is kept. */
export interface RunRow {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly input: Encoded;
  readonly createdAt: Instant;
  readonly generation: number;
  version: string | null;
  status: StoredStatus;
  output: Encoded;
  error: string | null;
  reason: string | null;
  settledAt: Instant | null;
  /** The epoch under which it was settled or parked. */
  settledEpoch: number | null;
}

/** Where a live run stands in line; a run without this row is claimed by nobody. */
export interface ReadyRow {
  readonly id: string;
  readonly queue: string;
  readonly workflow: string;
  version: string | null;
  lane: LaneKind;
  /** Ready time, earliest wait and lease end in one; `Infinity` for what no clock can wake. */
  dueAt: Instant;
  epoch: number;
  /** The epoch that the last rest ended. */
  restedFrom: number | null;
  claim: string | null;
  fresh: boolean;
  wake: boolean;
  strikes: number;
  soloStrikes: number;
  firstClaimedAt: Instant | null;
}

/** What a start inserts. */
export interface NewRows {
  readonly run: RunRow;
  readonly ready: ReadyRow;
}

/** All rows, and the locks that strangers hold on them. */
export class MemoryTables {
  readonly runs: Map<string, RunRow> = new Map();
  readonly ready: Map<string, ReadyRow> = new Map();
  /** Runs whose row a stranger locked. */
  readonly locked: Set<string> = new Set();
  /** Ids that an uncommitted start holds. */
  readonly held: Set<string> = new Set();
  readonly #journal = new Map<string, Map<string, RecordedEntry>>();
  readonly #calls = new Map<string, Map<string, RecordedCall>>();

  insert({ run, ready }: NewRows): void {
    this.runs.set(run.id, run);
    this.ready.set(run.id, ready);
  }

  /** The row of a run that has a `ready` row. */
  runOf(id: string): RunRow {
    const run = this.runs.get(id);
    if (run === undefined) throw new InvariantError(`run ${id} is in line but does not exist`);
    return run;
  }

  /** Recorded answers of one generation of a run, by place. */
  journal(runId: string, generation: number): Map<string, RecordedEntry> {
    return under(this.#journal, key(runId, generation));
  }

  /** Pending calls of one generation of a run, by place. */
  calls(runId: string, generation: number): Map<string, RecordedCall> {
    return under(this.#calls, key(runId, generation));
  }

  /** Deletes everything that belongs to a run, as retention does. */
  forget(runId: string): void {
    this.runs.delete(runId);
    this.ready.delete(runId);
    for (const table of [this.#journal, this.#calls]) {
      for (const rows of table.keys()) {
        if (rows.slice(rows.indexOf(' ') + 1) === runId) table.delete(rows);
      }
    }
  }
}

// The generation comes first: an id may hold blanks, a number does not.
function key(runId: string, generation: number): string {
  return `${generation} ${runId}`;
}

function under<Row>(table: Map<string, Map<string, Row>>, where: string): Map<string, Row> {
  let rows = table.get(where);
  if (rows === undefined) table.set(where, rows = new Map());
  return rows;
}
