// How the memory store ties runs to runs: children, watches, how a run ends, and who hears of it.
import { cancelId, childBox, type ChildAnswer, type NewChild } from './mail.js';
import type { Encoded } from './codec.js';
import { MemoryMail } from './memory-mail.js';
import { callKey, type ParentRow, type TieRow } from './memory-mail-tables.js';
import type { ReadyRow, RunRow } from './memory-tables.js';
import { nothing, type Instant, type NewRun, type TurnEnd } from './store.js';

type Closing = Extract<TurnEnd, { kind: 'settle' | 'park' }>;
type Outcome = 'completed' | 'failed' | 'cancelled';

/** What a watching parent is told. */
interface ChildResult {
  readonly outcome: Outcome;
  readonly output: Encoded;
  readonly error: string | null;
}

/** Children, and ends. Use it as `MemoryStore`. */
export class MemoryTies extends MemoryMail {
  async tieChildren(children: readonly NewChild[]): Promise<readonly ChildAnswer[]> {
    await this.roundTrip();
    return this.inBatch(children, (child) => this.tie(child));
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** One tie: the child and what binds it, or nothing. */
  protected tie(child: NewChild): ChildAnswer {
    const why = this.refusal(child.run === null ? [] : this.textsOf(child.run));
    if (why !== null) return { kind: 'refused', why };
    const fence = this.fence(child.lease);
    if (fence !== null) return { kind: fence };
    const parent = { id: child.lease.runId, generation: child.lease.generation, place: child.place };
    if (this.isTied(parent)) return this.tied(parent, child.childId);
    let isNew = false;
    if (child.run !== null) {
      const answer = this.startChild(child.run, parent, child.watch);
      if (answer !== 'created' && answer !== 'exists') return answer;
      isNew = answer === 'created';
    }
    const { childId, parentClose, watch } = child;
    this.tables.mail.insertTie({ parent, childId, parentClose, watch, noticed: isNew });
    return this.tied(parent, childId);
  }

  /** That a call is tied, and whether the child is its own. */
  protected tied(parent: ParentRow, childId: string): ChildAnswer {
    return this.isParent({ parent, childId }) ? { kind: 'tied' } : { kind: 'tied', found: true };
  }

  /** Whether this call has tied its child before. */
  protected isTied(parent: ParentRow): boolean {
    return this.tables.mail.ties.has(callKey(parent));
  }

  /** Starts a child that knows its parent, or finds a run of its workflow. */
  protected startChild(run: NewRun, parent: ParentRow, watch: boolean): 'created' | 'exists' | ChildAnswer {
    const { workflow } = this.tables.runs.get(run.id) ?? {};
    if (workflow !== undefined) return workflow === run.workflow ? 'exists' : { kind: 'taken', workflow };
    const answer = this.start(run, null);
    if (answer.kind !== 'created') return answer.kind === 'exists' ? 'exists' : answer;
    this.tables.runOf(run.id).parent = parent;
    const row = this.tables.ready.get(run.id);
    if (row !== undefined) row.tied ||= watch;
    return 'created';
  }

  /** Settles or parks: the run leaves the line. */
  protected close(row: ReadyRow, end: Closing, now: Instant): void {
    const run = this.tables.runOf(row.id);
    run.error = end.error;
    run.settledEpoch = row.epoch;
    this.leaveLine(run, row);
    if (end.kind === 'park') {
      run.status = 'parked';
      run.parkedAt = now;
      run.reason = end.reason;
    } else {
      run.output = end.output;
      this.settle(run, end.status, now);
      if (this.isHeardOf(row, end)) this.tables.mail.endings.add(run.id);
    }
  }

  /** Nobody claims the run any more; what is to be known of it stands with the run. */
  protected leaveLine(run: RunRow, row: ReadyRow): void {
    run.version = row.version;
    run.startedAt = row.firstClaimedAt;
    this.tables.ready.delete(run.id);
  }

  /** Nothing of a settled run is waited for any more. */
  protected settle(run: RunRow, outcome: Outcome, now: Instant): void {
    run.status = outcome;
    run.settledAt = now;
    this.leave(run);
  }

  /** Whether somebody is to hear of a settlement: who watches the run, or its children. */
  protected isHeardOf({ tied }: ReadyRow, end: Extract<TurnEnd, { kind: 'settle' }>): boolean {
    return tied || end.tied;
  }

  /** Tells who waits for a run how it ended: in the generation that asked, and once. */
  protected answer(tie: TieRow, { outcome, output, error }: ChildResult, sentAt: Instant): void {
    const { id: runId, generation, place } = tie.parent;
    if (!this.isPresent(tie)) return;
    const name = childBox(generation, place);
    this.post({ runId, id: `child:${name}`, kind: 'child', name, payload: output, error, outcome, sentAt });
  }

  /** Whether the parent is still in the generation that asked. */
  protected isPresent({ parent }: TieRow): boolean {
    return this.tables.runs.get(parent.id)?.generation === parent.generation;
  }

  /** How a run ended, or null while it has not. */
  protected resultOf({ status, output, error }: RunRow): ChildResult | null {
    return status === 'live' || status === 'parked' ? null : { outcome: status, output, error };
  }

  /** What the end of a parent does to one of its children. */
  protected onParentEnd({ parentClose }: TieRow, outcome: Outcome): 'cancel' | 'terminate' | 'nothing' {
    if (parentClose === 'abandon') return 'nothing';
    if (parentClose !== 'default') return parentClose;
    return outcome === 'completed' ? 'nothing' : 'cancel';
  }

  /** Whether a tie made its child, so that closing the parent closes it; a watch never does. */
  protected isParent({ parent, childId }: Pick<TieRow, 'parent' | 'childId'>): boolean {
    const made = this.tables.runs.get(childId)?.parent ?? null;
    return made !== null && callKey(made) === callKey(parent);
  }

  /** Asks a run to cancel; once, however often it is asked. */
  protected cancel(runId: string, sentAt: Instant): void {
    const box = { id: cancelId, name: cancelId, kind: 'cancel' } as const;
    this.post({ runId, ...box, payload: nothing, error: null, outcome: null, sentAt });
  }

  /** Ends a run as it stands, parked or leased: its owner loses it, its code hears nothing. */
  protected terminate(runId: string, error: string, now: Instant): void {
    const run = this.tables.runs.get(runId);
    if (run === undefined || this.resultOf(run) !== null) return;
    const row = this.tables.ready.get(runId);
    run.settledEpoch = this.nextEpoch(row?.epoch ?? run.settledEpoch ?? 0, now);
    if (row !== undefined) this.leaveLine(run, row);
    run.error = error;
    run.reason = null;
    run.parkedAt = null;
    this.settle(run, 'failed', now);
    this.tables.mail.endings.add(runId);
  }
}
