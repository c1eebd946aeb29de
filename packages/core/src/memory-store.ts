// The memory store: what every Store does, said in plain data. The store cases hold this one and every other
// to the same words. Each promise is a small protected method here or in the floors below, so that a test
// can break it alone.
import { MemoryClaims } from './memory-claims.js';
import type { ReadyRow, RunRow } from './memory-tables.js';
import { micros } from './micros.js';
import type {
  Entry, History, Instant, Lease, RecordedEntry, RunRecord, RunStatus, Store, TurnAnswer, TurnEnd, TurnWrite,
} from './store.js';

type Rest = Extract<TurnEnd, { kind: 'rest' }>;
type Renewal = Extract<TurnEnd, { kind: 'renew' }>;
type Closing = Extract<TurnEnd, { kind: 'settle' | 'park' }>;

/**
 * A Store without a database: for tests, for simulation, and as the specification of the others. It is gone
 * with the process and serves one process only.
 */
export class MemoryStore extends MemoryClaims implements Store {
  async commit(writes: readonly TurnWrite[]): Promise<readonly TurnAnswer[]> {
    await this.roundTrip();
    return this.inBatch(writes, (write) => this.commitOne(write, this.now()));
  }

  async readRuns(ids: readonly string[]): Promise<readonly RunRecord[]> {
    await this.roundTrip();
    const now = this.now();
    return [...new Set(ids)].flatMap((id) => {
      const run = this.tables.runs.get(id);
      return run === undefined ? [] : [this.record(run, now)];
    });
  }

  async readHistories(leases: readonly Lease[]): Promise<readonly History[]> {
    await this.roundTrip();
    return leases.map(({ runId, generation }) => ({
      entries: this.inPlay([...this.tables.journal(runId, generation).values()]),
      calls: [...this.tables.calls(runId, generation).values()],
    }));
  }

  // ---- fences --------------------------------------------------------------------------------------------

  /** One item: all of it or nothing. */
  protected commitOne(write: TurnWrite, now: Instant): TurnAnswer {
    const { lease } = write;
    const row = this.tables.ready.get(lease.runId);
    if (row === undefined) return this.closedBy(lease) ? this.again(write, now) : { kind: 'lost' };
    if (this.isLocked(lease.runId)) return { kind: 'busy' };
    if (!this.owns(row, lease)) {
      return this.restedBy(row, write) ? this.again(write, now) : { kind: 'lost' };
    }
    const why = this.refusal(textsOf(write));
    return why === null ? this.write(row, write, now) : { kind: 'refused', why };
  }

  /** Whether a lease still owns its run (P2). */
  protected owns(row: ReadyRow, lease: Lease): boolean {
    return row.epoch === lease.epoch;
  }

  /** Whether it was this lease that settled or parked the run (P3). */
  protected closedBy({ runId, epoch }: Lease): boolean {
    return this.tables.runs.get(runId)?.settledEpoch === epoch;
  }

  /** Whether this item already gave the run back (P3). What happened to the run since then stands. */
  protected restedBy(row: ReadyRow, { lease, end }: TurnWrite): boolean {
    return end?.kind === 'rest' && row.restedFrom === lease.epoch;
  }

  /** The answer to an item that was written by an earlier sending. */
  protected again(write: TurnWrite, now: Instant): TurnAnswer {
    return { kind: 'already-done', at: this.recordedAt(write) ?? now, epoch: null, wake: false };
  }

  // ---- writes --------------------------------------------------------------------------------------------

  /** Writes an item whose lease holds. Its instant is the first sending's, as its entries' is. */
  protected write(row: ReadyRow, write: TurnWrite, now: Instant): TurnAnswer {
    const { wake } = row;
    const at = this.recordedAt(write) ?? now;
    const { runId, generation } = write.lease;
    const journal = this.tables.journal(runId, generation);
    for (const entry of write.entries) this.keep(journal, entry, at);
    this.keepCalls(write, at);
    const epoch = write.end === null ? null : this.end(row, write.end, now);
    return { kind: 'done', at, epoch, wake };
  }

  /** When an earlier sending recorded the entries of this item: what code was shown is what replay shows. */
  protected recordedAt({ lease, entries }: TurnWrite): Instant | null {
    const journal = this.tables.journal(lease.runId, lease.generation);
    for (const { place } of entries) {
      const recorded = journal.get(place);
      if (recorded !== undefined) return recorded.at;
    }
    return null;
  }

  /** The first write of an entry wins (P3). */
  protected keep(journal: Map<string, RecordedEntry>, entry: Entry, at: Instant): void {
    if (!journal.has(entry.place)) journal.set(entry.place, { ...entry, at });
  }

  /** Pending calls: the last write of a place wins, and one that is closed in the same item is gone. */
  protected keepCalls({ lease, calls, closed }: TurnWrite, at: Instant): void {
    const pending = this.tables.calls(lease.runId, lease.generation);
    for (const { delayMs, atMs, ...call } of calls) {
      pending.set(call.place, { ...call, dueAt: atMs === null ? at + micros(delayMs ?? 0) : micros(atMs) });
    }
    for (const place of closed) pending.delete(place);
  }

  /** What an item does to the run; the new epoch, if that is for its owner to know. */
  protected end(row: ReadyRow, end: TurnEnd, now: Instant): number | null {
    if (end.kind === 'rest') return this.rest(row, end, now);
    if (end.kind === 'renew') this.renew(row, end, now);
    else this.close(row, end, now);
    return null;
  }

  /** Settles or parks: the run leaves the line. */
  protected close(row: ReadyRow, end: Closing, now: Instant): void {
    const run = this.tables.runOf(row.id);
    run.version = row.version;
    run.error = end.error;
    run.settledEpoch = row.epoch;
    if (end.kind === 'park') {
      run.status = 'parked';
      run.reason = end.reason;
    } else {
      run.status = end.status;
      run.output = end.output;
      run.settledAt = now;
      this.tables.calls(run.id, run.generation).clear();
    }
    this.tables.ready.delete(row.id);
  }

  /** Gives the run back to the line. */
  protected rest(row: ReadyRow, end: Rest, now: Instant): number {
    row.dueAt = this.restDue(row, end, now);
    row.restedFrom = row.epoch;
    row.epoch = this.nextEpoch(row.epoch, now);
    row.claim = null;
    row.wake = false;
    this.absolve(row);
    return row.epoch;
  }

  /** When a run that rests is due again: a wake that met its lease is honoured now. */
  protected restDue({ wake }: ReadyRow, { wakeInMs, wakeAt }: Rest, now: Instant): Instant {
    if (wake) return now;
    const inMs = wakeInMs === null ? Infinity : now + micros(wakeInMs);
    // Never before now: an instant long past would put the run before all others.
    return Math.max(now, Math.min(inMs, wakeAt ?? Infinity));
  }

  /** Extends a lease. The epoch stays: the owner does. */
  protected renew(row: ReadyRow, { leaseMs, quarantine }: Renewal, now: Instant): void {
    row.dueAt = now + micros(leaseMs);
    if (quarantine === 'leave') row.lane = 'normal';
    else if (quarantine === 'absolve') this.absolve(row);
  }

  /** The run has shown that it does not kill its process. */
  protected absolve(row: ReadyRow): void {
    row.lane = 'normal';
    row.strikes = 0;
    row.soloStrikes = 0;
  }

  // ---- reads ---------------------------------------------------------------------------------------------

  /** Answers in the order in which they are delivered. */
  protected inPlay(entries: RecordedEntry[]): RecordedEntry[] {
    return entries.sort((one, other) => one.position - other.position);
  }

  protected record(run: RunRow, now: Instant): RunRecord {
    const { id, workflow, generation, output, error, reason } = run;
    return { id, workflow, status: this.statusOf(run, now), generation, output, error, reason };
  }

  /** Where a run stands, as shown to people: what is due is pending, whoever had it before. */
  protected statusOf({ id, status }: RunRow, now: Instant): RunStatus {
    if (status !== 'live') return status;
    const row = this.tables.ready.get(id);
    if (row === undefined || row.dueAt <= now) return 'pending';
    if (row.claim !== null) return 'running';
    return row.fresh ? 'pending' : 'waiting';
  }
}

function* textsOf({ entries, calls, end }: TurnWrite): Iterable<string | null> {
  for (const { value, error } of entries) yield* [value.text, error];
  for (const { error } of calls) yield error;
  if (end?.kind === 'settle') yield* [end.output.text, end.error];
  if (end?.kind === 'park') yield* [end.reason, end.error];
}
