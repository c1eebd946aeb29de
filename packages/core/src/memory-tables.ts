// The tables of the memory store: what a database would hold, as maps of plain rows.
import type { Encoded } from './codec.js';
import { InvariantError } from './errors.js';
import { MailTables, rowsIn, type EventRow, type MessageRow, type ParentRow } from './memory-mail-tables.js';
import type { WorkerListed } from './operations.js';
import type { LaneKind } from './part.js';
import type {
  Attributes, AttributeValue, Instant, Lease, RecordedCall, RecordedChunk, RecordedEntry, StoredStatus,
} from './store.js';

/** One run for as long as it is kept. */
export interface RunRow {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  input: Encoded;
  readonly createdAt: Instant;
  generation: number;
  readonly timeoutMs: number | null;
  readonly priority: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The call that started it, if a run did. */
  parent: ParentRow | null;
  version: string | null;
  status: StoredStatus;
  output: Encoded;
  error: string | null;
  reason: string | null;
  settledAt: Instant | null;
  parkedAt: Instant | null;
  /** The first claim of its generation, once it has left the line. */
  startedAt: Instant | null;
  /** The epoch under which it was settled or parked. */
  settledEpoch: number | null;
}

/** Where a live run stands in line; a run without this row is claimed by nobody. */
export interface ReadyRow {
  readonly id: string;
  readonly queue: string;
  readonly workflow: string;
  readonly priority: number;
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
  /** Somebody is to hear of its end. */
  tied: boolean;
  strikes: number;
  soloStrikes: number;
  firstClaimedAt: Instant | null;
}

/** What a start inserts. */
export interface NewRows {
  readonly run: RunRow;
  readonly ready: ReadyRow;
  readonly attributes: Attributes;
}

/** What a transaction has inserted so far. */
export interface Uncommitted {
  readonly runs: Map<string, NewRows>;
  /** By `messageKey`. */
  readonly messages: Map<string, MessageRow>;
  readonly events: Map<string, EventRow>;
  /** Runs whose row it shares. */
  readonly fenced: string[];
  /** By `callKey`. */
  readonly answers: Map<string, { readonly lease: Lease; readonly entry: RecordedEntry }>;
}

/** All rows, and the locks that strangers hold on them. */
export class MemoryTables {
  readonly runs: Map<string, RunRow> = new Map();
  readonly ready: Map<string, ReadyRow> = new Map();
  /** Runs whose row a stranger locked. */
  readonly locked: Set<string> = new Set();
  /** By how many transactions of steps the row of a run is shared. */
  readonly shared: Map<string, number> = new Map();
  /** Ids that an uncommitted start holds. */
  readonly held: Set<string> = new Set();
  /** Calls whose answer an open transaction has recorded. */
  readonly heldRecords: Set<string> = new Set();
  readonly mail: MailTables = new MailTables();
  readonly workers: Map<string, Omit<WorkerListed, 'now'>> = new Map();
  readonly #journal = new Map<string, Map<string, RecordedEntry>>();
  readonly #calls = new Map<string, Map<string, RecordedCall>>();
  readonly #chunks = new Map<string, Map<string, RecordedChunk>>();
  readonly #attributes = new Map<string, Map<string, AttributeValue>>();

  insert({ run, ready, attributes }: NewRows): void {
    this.runs.set(run.id, run);
    this.ready.set(run.id, ready);
    for (const [name, value] of Object.entries(attributes)) this.attributes(run.id).set(name, value);
  }

  /** The row of a run that has a `ready` row. */
  runOf(id: string): RunRow {
    const run = this.runs.get(id);
    if (run === undefined) throw new InvariantError(`run ${id} is in line but does not exist`);
    return run;
  }

  /** Recorded answers of one generation of a run, by place. */
  journal(runId: string, generation: number): Map<string, RecordedEntry> {
    return rowsIn(this.#journal, key(runId, generation));
  }

  /** Pending calls of one generation of a run, by place. */
  calls(runId: string, generation: number): Map<string, RecordedCall> {
    return rowsIn(this.#calls, key(runId, generation));
  }

  /** Chunks of one generation of a run, by stream and number. */
  chunks(runId: string, generation: number): Map<string, RecordedChunk> {
    return rowsIn(this.#chunks, key(runId, generation));
  }

  /** Attributes of a run, by name. */
  attributes(runId: string): Map<string, AttributeValue> {
    return rowsIn(this.#attributes, runId);
  }

  /** Deletes what earlier generations of a run than this one recorded. */
  forgetBefore(runId: string, generation: number): void {
    for (let earlier = 1; earlier < generation; earlier++) {
      for (const table of [this.#journal, this.#chunks]) table.delete(key(runId, earlier));
    }
  }

  /** Deletes everything that belongs to a run, as retention does. */
  forget(runId: string): void {
    this.runs.delete(runId);
    this.ready.delete(runId);
    this.mail.forget(runId);
    this.#attributes.delete(runId);
    for (const table of [this.#journal, this.#calls, this.#chunks]) {
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
