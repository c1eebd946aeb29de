// How runs of the memory store begin anew: what an ended generation takes with it, and what it leaves to the
// next one.
import { cancelId } from './mail.js';
import { MemoryStarts } from './memory-starts.js';
import type { NewRows, ReadyRow, RunRow } from './memory-tables.js';
import type { Entry, Instant, TurnEnd } from './store.js';

type Continuation = Extract<TurnEnd, { kind: 'continue' }>;

/** Generations. Use it as `MemoryStore`. */
export class MemoryGenerations extends MemoryStarts {
  /** A start is there; that of a run that exists takes the place of its last generation. */
  protected override enter(rows: NewRows): void {
    const { id } = rows.run;
    const last = this.tables.runs.get(id);
    if (last !== undefined) {
      this.leave(last);
      this.putBack(last, []);
      this.tables.attributes(id).clear();
      rows.ready.tied = this.isTiedToAny(id);
    }
    super.enter(rows);
  }

  /** Begins the next generation of a leased run, with its mail and another input. */
  protected goOn(row: ReadyRow, { input, returned = [] }: Continuation, now: Instant): void {
    const run = this.tables.runOf(row.id);
    for (const id of returned) this.tables.mail.putBack(row.id, id);
    this.forgetEarlier(run);
    this.leave(run);
    run.generation++;
    run.input = input;
    row.restedFrom = row.epoch;
    row.epoch = this.nextEpoch(row.epoch, now);
    row.claim = null;
    row.version = null;
    row.firstClaimedAt = null;
    row.dueAt = now;
    // Who watches it is known of its row.
    row.tied ||= this.hasChildren(run.id);
  }

  /** Of the generations of a run the last one can be looked at. */
  protected forgetEarlier({ id, generation }: RunRow): void {
    this.tables.forgetBefore(id, generation);
  }

  /** What waits in a generation that ends waits no more. */
  protected leave({ id, generation }: RunRow): void {
    this.tables.calls(id, generation).clear();
    for (const row of [...this.tables.mail.subscriptionsOf.get(id) ?? []]) {
      this.tables.mail.deleteSubscription(row);
    }
  }

  /** Gives back what entries of an ended generation took that the next one does not keep (D4). */
  protected putBack({ id, generation }: RunRow, kept: readonly Entry[]): void {
    const keptMessages = new Set(kept.map(({ message }) => message));
    for (const { message } of this.tables.journal(id, generation).values()) {
      if (message !== null && !keptMessages.has(message)) this.tables.mail.putBack(id, message);
    }
    this.forgetCancel(id);
  }

  /** A run that begins anew may be cancelled again (D4). */
  protected forgetCancel(id: string): void {
    this.tables.mail.deleteMessage(id, cancelId);
  }

  /** Whether a run has children of any generation, or is watched: they are to hear of its end. */
  protected isTiedToAny(id: string): boolean {
    return this.hasChildren(id) || [...this.tables.mail.tiesTo.get(id) ?? []].some(({ watch }) => watch);
  }

  /** Whether a run has children, or watches runs, in any generation. */
  protected hasChildren(id: string): boolean {
    return (this.tables.mail.tiesOf.get(id)?.size ?? 0) > 0;
  }
}
