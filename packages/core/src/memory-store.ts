// The memory store: what every Store does, said in plain data. The store cases hold this one and every other
// to the same words. Each promise is a small protected method here or in the floors below, so that a test
// can break it alone.
import { callKey } from './memory-mail-tables.js';
import { MemoryOperations } from './memory-operations.js';
import type { ReadyRow } from './memory-tables.js';
import { micros } from './micros.js';
import type {
  Entry, History, Instant, Lease, RecordedEntry, RunRecord, Store, TurnAnswer, TurnEnd, TurnWrite,
} from './store.js';

type Rest = Extract<TurnEnd, { kind: 'rest' }>;
type Renewal = Extract<TurnEnd, { kind: 'renew' }>;

/**
 * A Store without a database: for tests, for simulation, and as the specification of the others. It is gone
 * with the process and serves one process only.
 */
export class MemoryStore extends MemoryOperations implements Store {
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
      streams: this.headsOf(this.tables.chunks(runId, generation).values()),
    }));
  }

  // ---- fences --------------------------------------------------------------------------------------------

  /** One item: all of it or nothing. */
  protected commitOne(write: TurnWrite, now: Instant): TurnAnswer {
    const { lease } = write;
    const why = this.refusal(textsOf(write));
    if (why !== null) return { kind: 'refused', why };
    const row = this.tables.ready.get(lease.runId);
    if (row === undefined) return this.closedBy(lease) ? this.again(write, now) : { kind: 'lost' };
    if (this.isLocked(lease.runId, changesRow(write))) return { kind: 'busy' };
    if (!this.owns(row, lease)) {
      return this.restedBy(row, write) ? this.again(write, now) : { kind: 'lost' };
    }
    return this.write(row, write, now);
  }

  /** Whether it was this lease that settled or parked the run (P3). */
  protected closedBy({ runId, epoch }: Lease): boolean {
    return this.tables.runs.get(runId)?.settledEpoch === epoch;
  }

  /** Whether this item already gave the run back (P3). What happened to the run since then stands. */
  protected restedBy(row: ReadyRow, { lease, end }: TurnWrite): boolean {
    return (end?.kind === 'rest' || end?.kind === 'continue') && row.restedFrom === lease.epoch;
  }

  /** The answer to an item that was written by an earlier sending. */
  protected again(write: TurnWrite, now: Instant): TurnAnswer {
    return { kind: 'already-done', at: this.recordedAt(write) ?? now, epoch: null, wake: false };
  }

  // ---- writes --------------------------------------------------------------------------------------------

  /** Writes an item whose lease holds. Its instant is the first sending's, as its entries' is. */
  protected write(row: ReadyRow, write: TurnWrite, now: Instant): TurnAnswer {
    const { wake } = row;
    const recordedAt = this.recordedAt(write);
    const at = recordedAt ?? now;
    const { runId, generation } = write.lease;
    const journal = this.tables.journal(runId, generation);
    for (const entry of write.entries) this.keep(journal, entry, at);
    this.takeMail(write);
    this.keepCalls(write, at);
    this.endSubscriptions(write);
    this.show(write, at, recordedAt !== null);
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

  /** What an entry took is out of the inbox (mail.ts, L2). */
  protected takeMail({ lease, entries }: TurnWrite): void {
    for (const { message } of entries) {
      if (message !== null) this.tables.mail.takeMessage(lease.runId, message);
    }
  }

  /** A call that is answered or withdrawn waits for no event. */
  protected endSubscriptions({ lease: { runId, generation }, closed }: TurnWrite): void {
    const { mail } = this.tables;
    for (const place of closed) {
      mail.deleteSubscription(mail.subscriptions.get(callKey({ id: runId, generation, place })));
    }
  }

  /** Pending calls: the last write of a place wins, and one that is closed in the same item is gone. */
  protected keepCalls({ lease, calls, closed }: TurnWrite, at: Instant): void {
    const pending = this.tables.calls(lease.runId, lease.generation);
    for (const { delayMs, atMs, deadlineMs, ...call } of calls) {
      const dueAt = atMs === null ? at + micros(delayMs ?? Infinity) : micros(atMs);
      const deadlineAt = deadlineMs === null
        ? pending.get(call.place)?.deadlineAt ?? null : at + micros(deadlineMs);
      pending.set(call.place, { ...call, dueAt, deadlineAt });
    }
    for (const place of closed) pending.delete(place);
  }

  /** What an item does to the run; the new epoch, if that is for its owner to know. */
  protected end(row: ReadyRow, end: TurnEnd, now: Instant): number | null {
    if (end.kind === 'rest') return this.rest(row, end, now);
    if (end.kind === 'renew') {
      this.renew(row, end, now);
    } else if (end.kind === 'continue') {
      this.goOn(row, end, now);
      this.absolve(row);
    } else {
      this.close(row, end, now);
    }
    return null;
  }

  /** Gives the run back to the line. */
  protected rest(row: ReadyRow, end: Rest, now: Instant): number {
    row.dueAt = this.restDue(row, end, now);
    row.restedFrom = row.epoch;
    row.epoch = this.nextEpoch(row.epoch, now);
    row.claim = null;
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
}

/** Entries alone leave the run where it is. */
function changesRow({ calls, closed, end }: TurnWrite): boolean {
  return end !== null || calls.length + closed.length > 0;
}

function* textsOf({ entries, calls, end, more }: TurnWrite): Iterable<string | null> {
  for (const { value, error } of entries) yield* [value.text, error];
  for (const { error, progress } of calls) yield* [error, progress?.text ?? null];
  for (const { name, value } of more?.attributes ?? []) {
    yield name;
    if (typeof value === 'string') yield value;
  }
  for (const { value } of more?.chunks ?? []) yield value.text;
  if (end?.kind === 'settle') yield* [end.output.text, end.error];
  if (end?.kind === 'park') yield* [end.reason, end.error];
  if (end?.kind === 'continue') yield end.input.text;
}
