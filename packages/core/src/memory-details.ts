// What people and clients look at closely in the memory store: all of a run, its record, and the workers.
import { brokenIn } from './memory-check.js';
import { MemoryShown } from './memory-shown.js';
import type { ReadyRow, RunRow } from './memory-tables.js';
import { micros } from './micros.js';
import type {
  CheckAnswer, CheckRange, EntryRange, InboxCount, LineFacts, RunDetail, WorkerFacts, WorkerListed,
} from './operations.js';
import type { Instant, RecordedEntry } from './store.js';

/** A worker that was not seen for so long is forgotten. */
const forgottenAfterMs = 60 * 60 * 1_000;

/** Looks at runs, and the registry of workers. Use it as `MemoryStore`. */
export class MemoryDetails extends MemoryShown {
  async readDetails(ids: readonly string[]): Promise<readonly RunDetail[]> {
    await this.roundTrip();
    const now = this.now();
    return [...new Set(ids)].flatMap((id) => {
      const run = this.tables.runs.get(id);
      return run === undefined ? [] : [this.detail(run, now)];
    });
  }

  async readEntries(range: EntryRange): Promise<readonly RecordedEntry[]> {
    await this.roundTrip();
    const entries = this.inPlay([...this.tables.journal(range.runId, range.generation).values()]);
    return this.page(entries, range);
  }

  async registerWorker({ id, host, pid, concurrency, serves }: WorkerFacts): Promise<void> {
    await this.roundTrip();
    const now = this.now();
    this.tables.workers.set(id, { id, host, pid, concurrency, serves, startedAt: now, seenAt: now });
  }

  async seeWorker(id: string): Promise<boolean> {
    await this.roundTrip();
    this.forgetWorkers();
    const worker = this.tables.workers.get(id);
    if (worker === undefined) return false;
    this.tables.workers.set(id, { ...worker, seenAt: this.now() });
    return true;
  }

  async forgetWorker(id: string): Promise<void> {
    await this.roundTrip();
    this.tables.workers.delete(id);
  }

  async readWorkers(): Promise<readonly WorkerListed[]> {
    await this.roundTrip();
    this.forgetWorkers();
    const now = this.now();
    return [...this.tables.workers.values()].map((worker) => ({ ...worker, now }));
  }

  async check({ limit }: CheckRange): Promise<CheckAnswer> {
    await this.roundTrip();
    return { broken: brokenIn(this.tables, this.now()).slice(0, limit), next: null };
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** Workers that vanished without a word. */
  protected forgetWorkers(): void {
    const latest = this.now() - micros(forgottenAfterMs);
    for (const { id, seenAt } of [...this.tables.workers.values()]) {
      if (seenAt < latest) this.tables.workers.delete(id);
    }
  }

  /** A part of a record; entries of one position are not parted, since a page begins after one. */
  protected page(entries: readonly RecordedEntry[], { after, limit }: EntryRange): RecordedEntry[] {
    const wanted = entries.filter(({ position }) => position > after);
    const last = wanted[limit - 1]?.position ?? Infinity;
    return wanted.filter(({ position }) => position <= last);
  }

  /** Everything of a run but its entries. */
  protected detail(run: RunRow, now: Instant): RunDetail {
    const { id, queue, priority, input, headers, timeoutMs, createdAt, settledAt, parkedAt } = run;
    const row = this.tables.ready.get(id);
    return {
      ...this.record(run, now), queue, version: this.versionOf(run), priority, input, headers,
      parentId: run.parent?.id ?? null, timeoutMs, createdAt,
      startedAt: row === undefined ? run.startedAt : row.firstClaimedAt, settledAt, parkedAt,
      line: row === undefined ? null : this.lineOf(row),
      calls: [...this.tables.calls(id, run.generation).values()],
      inbox: this.countInbox(id),
      now,
    };
  }

  /** Where a live run stands in line. */
  protected lineOf({ dueAt, claim, fresh, lane, strikes }: ReadyRow): LineFacts {
    return { dueAt, leased: claim !== null, fresh, quarantined: lane === 'quarantine', strikes };
  }

  /** How many messages lie in each box of a run. */
  protected countInbox(runId: string): InboxCount[] {
    const counts = new Map<string, InboxCount>();
    for (const { kind, name } of this.tables.mail.inbox.get(runId)?.values() ?? []) {
      const box = `${kind}\n${name}`;
      counts.set(box, { kind, name, count: (counts.get(box)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }
}
