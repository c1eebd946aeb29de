// Migration 3: what starts carry, in which order runs are claimed, and who works.
//
//   M8. Columns that are added have no default that is computed and no CHECK: no table is read through or
//       written anew.
import type { Migration } from './migration.js';

// Octets of what workers say of themselves.
const longestFacts = 1_000_000;

/** Headers, priorities, workers, definitions. */
export const operations: Migration = {
  number: 3,
  reason: 'headers and priorities of runs, what workers serve, and what workflows say of their runs',
  sql: (s) => [columns, workers, definitions, runStatus].map((part) => part(s)).join(''),
};

const columns = (s: string): string => `
alter table ${s}.runs
  add column headers  text,
  add column priority smallint not null default 0;
comment on column ${s}.runs.headers is 'An object of texts as JSON, or null where there are none.';
comment on column ${s}.runs.priority is 'From -2 to 2: due runs of a higher one are claimed first.';
`;

// A worker is seen every few seconds, and its row is small: it finds room on its page for that.
const workers = (s: string): string => `
create table ${s}.workers (
  id          text collate "C" primary key check (length(id) between 1 and 191),
  host        text not null check (length(host) <= 1000),
  pid         integer not null,
  concurrency integer not null,
  serves      text not null check (octet_length(serves) <= ${longestFacts}),
  started_at  timestamptz not null,
  seen_at     timestamptz not null
) with (fillfactor = 50);
create index workers_seen_at on ${s}.workers (seen_at);
comment on table ${s}.workers is 'Workers that were seen within the last hour.';
comment on column ${s}.workers.serves is 'JSON: an array of [queue, workflow, version or null].';
`;

const definitions = (s: string): string => `
create table ${s}.definitions (
  workflow   text collate "C" primary key check (length(workflow) between 1 and 191),
  queue      text not null check (length(queue) between 1 and 191),
  timeout_ms double precision check (timeout_ms >= 0),
  told_at    timestamptz not null
) with (fillfactor = 80);
comment on table ${s}.definitions is
  'What the last worker of a workflow told of it, for those who start runs without its code.';
`;

// The version of a live run stands in its row in line, where claims stamp it.
const runStatus = (s: string): string => `
create or replace view ${s}.run_status as
  select u.part, u.id, u.workflow, case when u.status = 'live' then r.version else u.version end as version,
         u.queue, u.generation, u.created_at, u.settled_at, u.parked_at,
         u.output_codec, u.output, u.error, u.reason,
         case when u.status <> 'live' then u.status
              when r.claim is not null and r.due_at > statement_timestamp() then 'running'
              when r.claim is null and not r.fresh and r.due_at > statement_timestamp() then 'waiting'
              else 'pending' end as status,
         r.due_at, u.parent_id, u.timeout_ms, u.priority, u.headers,
         case when u.status = 'live' then r.first_claimed_at else u.started_at end as started_at
    from ${s}.runs u left join ${s}.ready r on r.id = u.id and r.part = u.part and u.status = 'live';
`;
