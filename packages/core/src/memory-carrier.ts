// How the memory store carries mail: what senders inserted reaches the runs that it is for.
//
//   M5. A piece is carried whole or not at all, and may be carried again. What a stranger holds is left for
//       later and is no reason to come back at once. Of an end, a child whose cancel a stranger holds is left
//       alone; the others are seen to.
import { cancelId, childNotFound, eventBox, type CarryAnswer } from './mail.js';
import {
  messageKey, type EventRow, type MessageRow, type SubscriptionRow, type TieRow,
} from './memory-mail-tables.js';
import { MemoryTies } from './memory-ties.js';
import { nothing } from './store.js';

/** Carriers. Use it as `MemoryStore`. */
export class MemoryCarrier extends MemoryTies {
  async carry(request: { readonly limit: number; readonly terminated: string }): Promise<CarryAnswer> {
    await this.roundTrip();
    const { limit, terminated } = request;
    const told = new Set<string>();
    // What is told last came from what is carried before it.
    this.inBatch(this.endings().slice(0, limit), (runId) => this.carryEnding(runId, terminated));
    this.inBatch(this.watches().slice(0, limit), (tie) => this.carryWatch(tie));
    this.inBatch(this.events().slice(0, limit), (event) => this.carryEvent(event));
    this.inBatch(this.inboxes().slice(0, limit), (row) => {
      if (this.tell(row)) told.add(row.runId);
    });
    return { told: [...told], more: this.hasMore() };
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** Ends that nobody has heard of, and that can be told now: not those that a stranger is about to undo. */
  protected endings(): string[] {
    return [...this.tables.mail.endings].filter((runId) => (
      !this.isHeld(runId) && !this.isStuck(runId) &&
      !this.toTerminate(runId).some((childId) => this.isLocked(childId))));
  }

  /** Watches that their child does not know of. */
  protected watches(): TieRow[] {
    return [...this.tables.mail.unknown].filter(({ childId }) => !this.isLocked(childId));
  }

  /** Events that were not given to those who waited for them. */
  protected events(): EventRow[] {
    return [...this.tables.mail.ungiven];
  }

  /** Messages whose runs have not been told. */
  protected inboxes(): MessageRow[] {
    return [...this.tables.mail.untold].filter(({ runId }) => !this.isLocked(runId));
  }

  /** Whether anything can be carried at once. */
  protected hasMore(): boolean {
    const pieces = [this.endings(), this.watches(), this.events(), this.inboxes()];
    return pieces.some(({ length }) => length > 0);
  }

  /** Tells a run that something came; says whether there was anybody to tell. */
  protected tell(message: MessageRow): boolean {
    this.tables.mail.untold.delete(message);
    const row = this.tables.ready.get(message.runId);
    if (row === undefined) return false;
    this.wakeRow(row, this.now());
    return true;
  }

  /** Gives an event to all who wait for it. */
  protected carryEvent(event: EventRow): void {
    for (const { runId } of this.waitingFor(event)) this.give(event, runId);
    event.noticed = true;
    this.tables.mail.ungiven.delete(event);
  }

  /** Who waits for an event. */
  protected waitingFor({ name, key }: EventRow): { readonly runId: string }[] {
    return [...this.tables.mail.subscriptionsIn.get(eventBox(name, key)) ?? []]
      .filter((wish) => this.isAsked(wish));
  }

  /** Whether a run is still in the generation that asked. */
  protected isAsked({ runId, generation }: SubscriptionRow): boolean {
    return this.tables.runs.get(runId)?.generation === generation;
  }

  /** Lets a child know that it is watched, or answers at once where there is nothing to wait for. */
  protected carryWatch(tie: TieRow): void {
    const run = this.tables.runs.get(tie.childId);
    const row = this.tables.ready.get(tie.childId);
    if (row !== undefined) row.tied = true;
    const result = run === undefined
      ? { outcome: 'failed', output: nothing, error: childNotFound } as const : this.resultOf(run);
    if (result !== null) this.answer(tie, result, this.now());
    tie.noticed = true;
    this.tables.mail.unknown.delete(tie);
  }

  /** Tells of the end of a run: those who watch it, and its children. */
  protected carryEnding(runId: string, terminated: string): void {
    const { endings, stuck } = this.tables.mail;
    endings.delete(runId);
    stuck.delete(runId);
    const run = this.tables.runs.get(runId);
    const result = run === undefined ? null : this.resultOf(run);
    if (result === null) return;
    for (const tie of this.tables.mail.tiesTo.get(runId) ?? []) {
      if (tie.watch) this.answer(tie, result, this.now());
    }
    for (const tie of this.tables.mail.tiesOf.get(runId) ?? []) {
      const effect = this.isParent(tie) ? this.onParentEnd(tie, result.outcome) : 'nothing';
      if (effect === 'cancel' && this.isCancelHeld(tie.childId)) stuck.add(runId);
      else if (effect === 'cancel') this.cancel(tie.childId, this.now());
      if (effect === 'terminate') this.terminate(tie.childId, terminated, this.now());
    }
    // What was seen to is not changed by being seen to again.
    if (stuck.has(runId)) endings.add(runId);
  }

  /** Whether all is told of an end but what a stranger's transaction holds. */
  protected isStuck(runId: string): boolean {
    if (!this.tables.mail.stuck.has(runId)) return false;
    return [...this.tables.mail.tiesOf.get(runId) ?? []].some(({ childId }) => this.isCancelHeld(childId));
  }

  /** Whether a stranger's transaction cancels a run, and is still open. */
  protected isCancelHeld(runId: string): boolean {
    const run = this.tables.runs.get(runId);
    return run !== undefined && this.takesMail(run) &&
      this.tables.mail.heldMessages.has(messageKey({ runId, id: cancelId }));
  }

  /** Runs that are terminated when the end of this one is told. */
  protected toTerminate(runId: string): string[] {
    const run = this.tables.runs.get(runId);
    const result = run === undefined ? null : this.resultOf(run);
    if (result === null) return [];
    return [...this.tables.mail.tiesOf.get(runId) ?? []]
      .filter((tie) => this.isParent(tie) && this.onParentEnd(tie, result.outcome) === 'terminate')
      .map(({ childId }) => childId);
  }
}
