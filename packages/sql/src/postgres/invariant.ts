// What an invariant of the data is, and the words in which the queries that look for broken ones are written.
//
//   C1. Each query judges in one snapshot. What is being carried or written just then breaks none: a run is
//       looked at closely only while it rests, and mail only when it is late.
//   C2. A query reads a window of ids of each table, and finds everything else row by row, by key: a lateral
//       with a limit or a scalar sub-select, whatever the statistics say.

/** Something that always holds. */
export interface Invariant {
  /** Stable: people and programs look for it. */
  readonly code: string;
  /** What holds, as a sentence. */
  readonly holds: string;
  /** Whether it is asked once, and not for each window of ids. */
  readonly once?: true;
  /**
   * Finds where it is broken, in a window: ids after $1 up to $2; $3 milliseconds after which mail is late.
   * Columns: run_id, what, since.
   */
  readonly broken: (s: string) => string;
}

/** That a column with the id of a run is in the window. */
export const within = (column: string): string => `${column} > $1::text and ${column} <= $2::text`;

/** That a row `r` in line rests: nobody has it, and it is not due. */
export const atRest = 'r.claim is null and not r.fresh and r.due_at > statement_timestamp()';

/** Milliseconds, the parameter, as an interval. */
const graceTime = "$3::float8 * interval '1 millisecond'";

/** That something is late, which is carried within a second, and that somebody is there to carry. */
export const late = (column: string, s: string): string =>
  `${column} < statement_timestamp() - ${graceTime}
   and (select true from ${s}.workers w
         where w.seen_at > statement_timestamp() - interval '45 seconds'
           and w.started_at < statement_timestamp() - ${graceTime} limit 1)`;

/** That nobody holds the run of this id: a lease may be a transaction of its own, which carriers pass by. */
export const isFree = (id: string, s: string): string =>
  `(select true from ${s}.ready h where h.id = ${id} and h.claim is not null) is null`;

/** Columns of the run of this id, as a lateral `u`. */
export const runOf = (id: string, s: string): string =>
  `(select u.* from ${s}.runs u where u.id = ${id} limit 1) u`;
