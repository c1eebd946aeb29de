// One of the two stores, and the hands that a schedule has on it beside the port.
import type { Entry, Instant, Lease, StartStore, Store } from '@perdure/core/engine';
import type { Session } from './op.js';

/** A caller's transaction, which may be that of a step. */
export interface SideTransaction extends StartStore {
  fence(lease: Lease): Promise<'held' | 'busy' | 'lost'>;
  record(lease: Lease, entry: Entry): Promise<Instant | null>;
  end(how: 'commit' | 'rollback'): Promise<void>;
}

/** A store under comparison. */
export interface Side {
  readonly name: string;
  /** The store as a session sees it. */
  store(session: Session): Store;
  /** The instant at which the next step begins: later than all before it. */
  tick(): Promise<Instant>;
  begin(session: Session): Promise<SideTransaction>;
  /** Whether the statement that a session has under way in its transaction ends, or waits for somebody. */
  settles(session: Session, statement: Promise<unknown>): Promise<boolean>;
  /** Makes a run due now; ends the lease of one that is leased. */
  makeDue(runId: string): Promise<void>;
  /** Locks the row in line of a run as a stranger does. Resolves to the release. */
  lockRow(runId: string): Promise<() => Promise<void>>;
  /** Empties the store for the next schedule. */
  clear(): Promise<void>;
}

/** Whether a value is refused by the store, which ends the transaction that it was given to. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === 'ValueRefusedError' || (typeof code === 'string' && /^(22|54)/.test(code));
}
