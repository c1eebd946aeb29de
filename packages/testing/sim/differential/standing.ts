// How a schedule stands on one side: what is open, and who waits for whom.
import type { Lease } from '@perdure/core/engine';
import type { Op, Session } from './op.js';
import type { Side, SideTransaction } from './side.js';
import type { StepClock } from './step-clock.js';

/** A statement that was asked and is not answered yet. */
export interface Waiting {
  readonly of: string;
  readonly answer: Promise<unknown>;
  readonly op: Op;
  readonly step: number;
}

/** A caller's transaction that is open. */
export interface OpenTransaction {
  readonly made: SideTransaction;
  /** The statement that waits for somebody. */
  waiting: Waiting | null;
  /** Runs that it shares. */
  readonly fenced: Set<string>;
}

/** A side, as the rules and the draws see it. */
export interface Standing {
  readonly side: Side;
  readonly clock: StepClock;
  /** Leases that were handed out, by run, in their order. */
  readonly leases: ReadonlyMap<string, readonly Lease[]>;
  readonly transactions: ReadonlyMap<Session, OpenTransaction>;
  /** Rows that a stranger locks. */
  readonly locks: ReadonlyMap<string, unknown>;
  /** Runs whose row somebody shares or holds. */
  readonly heldRuns: ReadonlySet<string>;
}
