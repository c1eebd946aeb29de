// What clients ask about runs, and the wake that deliveries and operators use.
import { named, type Statement } from './statement.js';

/** The statements of clients, for one schema. */
export interface ReadStatements {
  readonly runs: Statement;
  /** $1 ids, $2 parts. Columns: id, queue, workflow, priority, version, epoch of its last end. */
  readonly kinds: Statement;
  readonly wake: Statement;
}

/** Builds the read statements. `s` is the quoted schema. */
export function readStatements(s: string): ReadStatements {
  return {
    runs: named('read_runs', `
select id, workflow, generation, output_codec, output, error, reason, status
  from ${s}.run_status where id = any($1::text[]) and part = any($2::smallint[])`),
    kinds: named('read_kinds', `
select id, queue, workflow, priority, version, settled_epoch from ${s}.runs
 where id = any($1::text[]) and part = any($2::smallint[])`),
    // A resting run becomes due; a leased one gets its flag, which its rest honours, and one that was never
    // claimed, so that its first owner reads. No epoch moves: waking is no change of ownership.
    wake: named('wake', `
update ${s}.ready r
   set due_at = case when claim is null and not fresh then least(due_at, clock_timestamp()) else due_at end,
       wake = claim is not null or fresh
 where r.id = any($1::text[]) and r.part = any($2::smallint[])`),
  };
}
