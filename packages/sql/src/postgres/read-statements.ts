// What clients ask about runs, and the wake that deliveries and operators use.
import type { Statement } from './statement.js';

/** The statements of clients, for one schema. */
export interface ReadStatements {
  readonly runs: Statement;
  readonly wake: Statement;
}

/** Builds the read statements. `s` is the quoted schema. */
export function readStatements(s: string): ReadStatements {
  return {
    runs: {
      name: 'perdure_read_runs',
      text: `
select u.id, u.workflow, u.generation, u.output_codec, u.output, u.error, u.reason,
       case when u.status <> 'live' then u.status
            when r.claim is not null and r.due_at > statement_timestamp() then 'running'
            when r.claim is null and not r.fresh and r.due_at > statement_timestamp() then 'waiting'
            else 'pending' end as shown
  from ${s}.runs u left join ${s}.ready r on r.id = u.id and r.part = u.part and u.status = 'live'
 where u.id = any($1::text[]) and u.part = any($2::smallint[])`,
    },
    // A resting run becomes due; a leased one gets its flag, which its rest honours. No epoch moves: waking
    // is no change of ownership.
    wake: {
      name: 'perdure_wake',
      text: `
update ${s}.ready r
   set due_at = case when claim is null and not fresh then least(due_at, clock_timestamp()) else due_at end,
       wake = claim is not null
 where r.id = any($1::text[]) and r.part = any($2::smallint[])`,
    },
  };
}
