// One verb of a schedule, as data: what is asked of both stores, by which session, in words that each store
// fills with what it knows itself.

/** Who asks: each has a connection of its own, and at most one transaction of a caller. */
export type Session = 'a' | 'b';

/** Both of them. */
export const sessions: readonly Session[] = ['a', 'b'];

/** The lease of a run that was handed out last, or so many before it; with `nth` by its number from 0 up. */
export interface LeaseRef {
  readonly $lease: string;
  readonly back: number;
  readonly nth?: number | undefined;
}

/** An instant of the caller's: so many hours from half an hour before the schedule, in this unit. */
export interface InstantRef {
  readonly $hours: number;
  readonly unit: 'ms' | 'us';
}

/** The first entries of a record. */
export interface RecordRef {
  readonly $record: string;
  readonly generation: number;
  readonly count: number;
}

/** One verb. `verb` is one of the port, one of a transaction (`tx.…`), or one of a hand on the rows. */
export interface Op {
  readonly session: Session;
  readonly verb: string;
  /** What the verb is given; anywhere in it there may be a `LeaseRef`, `InstantRef` or `RecordRef`. */
  readonly args: readonly unknown[];
}

/** Verbs that only look. They are compared together, after every few others. */
export const observe = 'observe';

/** A lease, by reference. */
export const leaseOf = (run: string, back = 0): LeaseRef => ({ $lease: run, back });

/** A caller's instant, by reference. */
export const hours = (count: number, unit: 'ms' | 'us' = 'ms'): InstantRef => ({ $hours: count, unit });

/** An op on one line. */
export function told({ session, verb, args }: Op): string {
  return `${session}: ${verb} ${args.map((arg) => JSON.stringify(arg)).join(', ')}`;
}
