// How the memory store gives runs to workers: claims, their recall, the quarantine, and wakes.
import { MemoryGenerations } from './memory-generations.js';
import type { ReadyRow } from './memory-tables.js';
import { micros } from './micros.js';
import { partOf } from './part.js';
import type { ClaimAnswer, ClaimedRun, ClaimRequest, Instant, Lease, Served } from './store.js';

/** An epoch that no run ever had: no memory may be continued from it. */
const unknownEpoch = -1;

/** Claims. Use it as `MemoryStore`. */
export class MemoryClaims extends MemoryGenerations {
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    await this.roundTrip();
    const now = this.now();
    const runs: ClaimedRun[] = [];
    let suspects = request.suspects ? 1 : 0;
    let moved = 0;
    for (const row of this.inLine(request, now)) {
      if (runs.length >= request.limit) break;
      if (this.isLocked(row.id)) continue;
      if (row.lane === 'normal' && row.claim !== null) {
        this.quarantine(row, now);
        moved++;
      } else if (row.lane === 'normal' || suspects-- > 0) {
        runs.push(this.take(row, request, now));
      }
    }
    return { runs, moved, at: now, nextDueAt: request.sweep ? this.nextDue(request, now) : null };
  }

  async recall({ claimId }: ClaimRequest): Promise<ClaimAnswer> {
    await this.roundTrip();
    const now = this.now();
    const rows = [...this.tables.ready.values()].filter((row) => this.isOf(row, claimId, now));
    // What it recorded since is to be read, and what its last owner remembers is not to be trusted.
    const runs = rows.map((row) => this.claimed(row, { before: unknownEpoch, fresh: false, first: false }));
    return { runs, moved: 0, at: now, nextDueAt: null };
  }

  async wake(ids: readonly string[]): Promise<void> {
    await this.roundTrip();
    for (const id of ids) {
      const row = this.tables.ready.get(id);
      if (row !== undefined) this.wakeRow(row, this.now());
    }
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** Whether a worker that serves this may have the run. */
  protected serves(served: Served, row: ReadyRow): boolean {
    return served.workflow === row.workflow && served.queue === row.queue && served.version === row.version;
  }

  /** What is due and served: of the highest priority first, then the oldest. */
  protected inLine({ served }: ClaimRequest, now: Instant): ReadyRow[] {
    return [...this.tables.ready.values()]
      .filter((row) => row.dueAt <= now && served.some((kind) => this.serves(kind, row)))
      .sort((one, other) => (
        this.rank(other) - this.rank(one) || one.dueAt - other.dueAt || one.epoch - other.epoch));
  }

  /** The priority of a run in line; suspects have none. */
  protected rank({ lane, priority }: ReadyRow): number {
    return lane === 'normal' ? priority : 0;
  }

  /** When the next served run is due that is not due yet: a suspect as well, if one is looked for. */
  protected nextDue({ served, suspects }: ClaimRequest, now: Instant): Instant | null {
    let earliest = Infinity;
    for (const row of this.tables.ready.values()) {
      if (row.dueAt <= now || row.dueAt >= earliest) continue;
      if (row.lane === 'quarantine' && !suspects) continue;
      if (served.some((kind) => this.serves(kind, row))) earliest = row.dueAt;
    }
    return earliest === Infinity ? null : earliest;
  }

  /** The owner of a run let its lease end: the run is a suspect, and its neighbours are as well. */
  protected quarantine(row: ReadyRow, now: Instant): void {
    row.lane = 'quarantine';
    row.claim = null;
    row.strikes++;
    row.epoch = this.nextEpoch(row.epoch, now);
  }

  /** Makes a run the property of a claim. */
  protected take(row: ReadyRow, request: ClaimRequest, now: Instant): ClaimedRun {
    const { epoch: before } = row;
    const fresh = this.isFresh(row);
    const first = row.fresh;
    if (row.claim !== null) this.strikeAlone(row);
    row.version ??= request.served.find((kind) => this.serves(kind, row))?.stamp ?? null;
    row.epoch = this.nextEpoch(before, now);
    row.claim = request.claimId;
    row.dueAt = now + micros(request.leaseMs);
    row.fresh = false;
    this.hear(row);
    row.firstClaimedAt ??= now;
    return this.claimed(row, { before, fresh, first });
  }

  /** Whether there is nothing to read for its new owner: it never began, and nothing came for it. */
  protected isFresh({ fresh, wake }: ReadyRow): boolean {
    return fresh && !wake;
  }

  /** A new owner reads everything after its claim: what came before is no news to it. */
  protected hear(row: ReadyRow): void {
    row.wake = false;
  }

  /** A lease ended in quarantine, where no neighbour can be the reason. */
  protected strikeAlone(row: ReadyRow): void {
    row.strikes++;
    row.soloStrikes++;
  }

  /** Whether a claim of this id still owns the run. */
  protected isOf(row: ReadyRow, claimId: string, now: Instant): boolean {
    return row.claim === claimId && row.dueAt > now;
  }

  /** A run as its new owner sees it. */
  protected claimed(row: ReadyRow, history: { before: number; fresh: boolean; first: boolean }): ClaimedRun {
    const { id, workflow, version, queue, epoch, strikes, soloStrikes } = row;
    const { generation, input, createdAt, timeoutMs, headers } = this.tables.runOf(id);
    const lease = { runId: id, part: partOf(id), generation, epoch };
    const firstClaimedAt = row.firstClaimedAt ?? createdAt;
    return {
      lease, ...history, tied: row.tied, workflow, version, queue, input, createdAt, firstClaimedAt, strikes,
      soloStrikes, timeoutMs, headers,
    };
  }

  /**
   * A resting run is due now, a leased one hears of it; one that never began keeps its time, and its first
   * owner hears of it. No stranger's lock makes it be forgotten.
   */
  protected wakeRow(row: ReadyRow, now: Instant): void {
    if (row.claim !== null || row.fresh) row.wake = true;
    else row.dueAt = Math.min(row.dueAt, now);
  }

  /** Whether a lease still owns its run (P2). */
  protected owns(row: ReadyRow, lease: Lease): boolean {
    return row.epoch === lease.epoch;
  }

  /** Why nothing may be written in the name of a lease now, or null (P2). */
  protected fence(lease: Lease): 'lost' | 'busy' | null {
    const row = this.tables.ready.get(lease.runId);
    if (row === undefined) return 'lost';
    if (this.isLocked(lease.runId, false)) return 'busy';
    return this.owns(row, lease) ? null : 'lost';
  }
}
