// What people and clients do to runs of the memory store.
import { MemoryDetails } from './memory-details.js';
import type { NewRows, ReadyRow, RunRow } from './memory-tables.js';
import type { Fork, OperatorStore, Resumption, Revival, VerbAnswer } from './operations.js';
import { nothing, type Entry, type Instant, type RecordedEntry, type StartAnswer } from './store.js';

/** The verbs of operators. Use it as `MemoryStore`. */
export class MemoryOperations extends MemoryDetails implements OperatorStore {
  async resumeRuns(resumptions: readonly Resumption[]): Promise<readonly VerbAnswer[]> {
    await this.roundTrip();
    return this.inBatch(resumptions, (resumption) => this.resumeOne(resumption, this.now()));
  }

  async reviveRuns(revivals: readonly Revival[]): Promise<readonly VerbAnswer[]> {
    await this.roundTrip();
    return this.inBatch(revivals, (revival) => this.reviveOne(revival, this.now()));
  }

  async forkRun(fork: Fork): Promise<StartAnswer> {
    await this.roundTrip();
    return this.fork(fork, this.now());
  }

  async terminateRuns(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]> {
    await this.roundTrip();
    return this.inBatch(ids, (id) => this.terminateOne(id, error, this.now()));
  }

  async deleteRuns(ids: readonly string[]): Promise<readonly VerbAnswer[]> {
    await this.roundTrip();
    return this.inBatch(ids, (id) => this.deleteOne(id, this.now()));
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** Why a verb changes nothing of a run, or null (D1). */
  protected hindrance(id: string, isFit: (run: RunRow) => boolean, now: Instant): VerbAnswer | null {
    const run = this.tables.runs.get(id);
    if (run === undefined) return { kind: 'no-run' };
    if (!isFit(run)) return { kind: 'unfit', status: this.statusOf(run, now) };
    return this.isLocked(id) || this.isHeld(id) ? { kind: 'busy' } : null;
  }

  protected isResumable({ status }: RunRow): boolean {
    return status === 'parked';
  }

  /** Whether a run has ended, in the generation that is spoken of. */
  protected isRevivable({ status, generation }: RunRow, revival: Revival): boolean {
    return status !== 'live' && generation === revival.generation;
  }

  protected isTerminable({ status }: RunRow): boolean {
    return status === 'live' || status === 'parked';
  }

  protected isDeletable(run: RunRow): boolean {
    return this.resultOf(run) !== null;
  }

  /** Goes on where it stood: only what it was parked for is forgotten. */
  protected resumeOne({ runId, version }: Resumption, now: Instant): VerbAnswer {
    const hindrance = this.hindrance(runId, (run) => this.isResumable(run), now);
    if (hindrance !== null) return hindrance;
    const run = this.tables.runOf(runId);
    this.open(run, version === undefined ? run.version : version, now);
    return { kind: 'done' };
  }

  /** Begins anew with what is given of the record. */
  protected reviveOne(revival: Revival, now: Instant): VerbAnswer {
    const { runId, entries, input, version } = revival;
    const why = this.refusal([...textsIn(entries), input?.text ?? null]);
    if (why !== null && this.tables.runs.has(runId)) return { kind: 'refused', why };
    const hindrance = this.hindrance(runId, (run) => this.isRevivable(run, revival), now);
    if (hindrance !== null) return hindrance;
    const run = this.tables.runOf(runId);
    this.leave(run);
    this.putBack(run, entries);
    run.generation++;
    run.startedAt = null;
    if (input !== null) run.input = input;
    this.copyRecord(run, entries);
    this.open(run, version, now);
    return { kind: 'done' };
  }

  /** A run that is settled or parked is live again, and due. */
  protected open(run: RunRow, version: string | null, now: Instant): void {
    const epoch = this.nextEpoch(run.settledEpoch ?? 0, now);
    this.tables.ready.set(run.id, this.opened(run, { version, epoch, now }));
    Object.assign(run, { status: 'live', version: null, output: nothing, error: null, reason: null });
    Object.assign(run, { settledAt: null, parkedAt: null });
  }

  /** The place in line of a run that is live again. */
  protected opened(
    { id, queue, workflow, priority, startedAt }: RunRow,
    { version, epoch, now }: { version: string | null; epoch: number; now: Instant },
  ): ReadyRow {
    return {
      id, queue, workflow, priority, version, lane: 'normal', dueAt: now, epoch, restedFrom: null,
      claim: null, fresh: false, wake: false, tied: this.isTiedToAny(id), strikes: 0, soloStrikes: 0,
      firstClaimedAt: startedAt,
    };
  }

  /** What a generation begins with: values, and the instants at which they were recorded (D3). */
  protected copyRecord({ id, generation }: RunRow, entries: readonly RecordedEntry[]): void {
    const journal = this.tables.journal(id, generation);
    for (const entry of entries) journal.set(entry.place, { ...entry });
  }

  /** A new run, and what it begins with. */
  protected fork(fork: Fork, now: Instant): StartAnswer {
    const { run, entries } = fork;
    const why = this.refusal([...this.textsOf(run), ...textsIn(entries)]);
    if (why !== null) return { kind: 'refused', why };
    if (this.isHeld(run.id)) return { kind: 'busy' };
    const existing = this.existing(run.id, null);
    if (existing !== undefined) return { kind: 'exists', workflow: existing.workflow };
    const rows = this.forkedRows(this.newRows(run, now), fork);
    this.enter(rows);
    this.copyRecord(rows.run, entries);
    return { kind: 'created', epoch: rows.ready.epoch, at: now };
  }

  /** The rows of a fork. It has a record: what is fresh and was woken is looked at closely. */
  protected forkedRows(rows: NewRows, { generation, version }: Fork): NewRows {
    return { ...rows, run: { ...rows.run, generation }, ready: { ...rows.ready, version, wake: true } };
  }

  protected terminateOne(id: string, error: string, now: Instant): VerbAnswer {
    const hindrance = this.hindrance(id, (run) => this.isTerminable(run), now);
    if (hindrance !== null) return hindrance;
    const why = this.refusal([error]);
    if (why !== null) return { kind: 'refused', why };
    this.terminate(id, error, now);
    return { kind: 'done' };
  }

  /** What others are still to hear of an end is told before the run is gone. */
  protected deleteOne(id: string, now: Instant): VerbAnswer {
    const hindrance = this.hindrance(id, (run) => this.isDeletable(run), now);
    if (hindrance !== null) return hindrance;
    if (this.tables.mail.endings.has(id) && this.isAwaited(id)) return { kind: 'busy' };
    this.orphan(id);
    this.forget(id);
    return { kind: 'done' };
  }

  /** Whether somebody is to hear of the end of a run, or children are to be closed by it. */
  protected isAwaited(id: string): boolean {
    const { tiesOf, tiesTo } = this.tables.mail;
    return [...tiesOf.get(id) ?? []].some(({ parentClose }) => parentClose !== 'abandon') ||
      [...tiesTo.get(id) ?? []].some(({ watch }) => watch);
  }

  /** Its children are nobody's: the next run of its id has not started them. */
  protected orphan(id: string): void {
    for (const tie of this.tables.mail.tiesOf.get(id) ?? []) {
      if (this.isParent(tie)) this.tables.runOf(tie.childId).parent = null;
    }
  }
}

function* textsIn(entries: readonly Entry[]): Iterable<string | null> {
  for (const { value, error } of entries) yield* [value.text, error];
}
