// The schema, as numbered migrations. Forward only, additive within a major version; each says why it exists.
//
//   M1. A migration that was released never changes; a database that applied it is at its number.
//   M2. Each is plain SQL that people can read, print and run by their own tool.
import { longestValue, type Migration } from './migrations/migration.js';
import { limitsAndRights } from './migrations/limits-and-rights.js';
import { operations } from './migrations/operations.js';
import { sqlFunctions } from './migrations/sql-functions.js';
import { wholeLanguage } from './migrations/whole-language.js';
import { quoteIdentifier } from './quote.js';

export type { Migration } from './migrations/migration.js';

const firstLight: Migration = {
  number: 1,
  reason: 'runs, what is ready, what was answered, and what outlives a turn',
  sql: (s) => [runs, ready, journal, calls, runStatus].map((part) => part(s)).join(''),
};

// What a settlement changes stands last and finds room on its page: the log then carries the change alone,
// and no index is touched. Together with the room in `ready` that is 300 bytes of log a run.
const runs = (s: string): string => `
create table ${s}.runs (
  part          smallint not null,
  id            text collate "C" primary key check (length(id) between 1 and 191),
  workflow      text not null,
  queue         text not null,
  generation    integer not null default 1,
  codec         text not null,
  input         text check (octet_length(input) <= ${longestValue}),
  created_at    timestamptz not null,
  status        text not null default 'live'
                check (status in ('live', 'parked', 'completed', 'failed', 'cancelled')),
  version       text,
  output_codec  text,
  output        text check (octet_length(output) <= ${longestValue}),
  error         text,
  reason        text,
  started_at    timestamptz,
  settled_at    timestamptz,
  parked_at     timestamptz,
  settled_epoch bigint,
  check ((settled_at is null) = (status in ('live', 'parked'))),
  check ((parked_at is null) = (status <> 'parked'))
) with (fillfactor = 50);
comment on table ${s}.runs is 'One row a run. The id is its idempotency key. Claims never touch it.';
`;

const ready = (s: string): string => `
create table ${s}.ready (
  part             smallint not null,
  id               text collate "C" primary key,
  lane             integer not null,
  home_lane        integer not null,
  queue            text not null,
  workflow         text not null,
  version          text,
  due_at           timestamptz not null,
  epoch            bigint not null,
  claim            uuid,
  fresh            boolean not null default true,
  wake             boolean not null default false,
  strikes          smallint not null default 0,
  solo_strikes     smallint not null default 0,
  rested_from      bigint,
  first_claimed_at timestamptz
) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create index ready_due on ${s}.ready (lane, due_at) with (fillfactor = 70);
comment on table ${s}.ready is
  'One narrow row a live run. due_at: ready time, earliest timer, retry time, or lease end.';
`;

const journal = (s: string): string => `
create table ${s}.journal (
  part       smallint not null,
  run_id     text collate "C" not null,
  generation integer not null,
  place      text collate "C" not null,
  position   integer not null,
  kind       text not null,
  name       text not null,
  codec      text not null,
  value      text check (octet_length(value) <= ${longestValue}),
  error      text,
  attempt    integer not null,
  started_at timestamptz not null,
  ended_at   timestamptz not null,
  primary key (run_id, generation, place)
);
comment on table ${s}.journal is 'Append only: one row an answer. position: the order of delivery.';
`;

const calls = (s: string): string => `
create table ${s}.calls (
  part       smallint not null,
  run_id     text collate "C" not null,
  generation integer not null,
  place      text collate "C" not null,
  kind       text not null,
  name       text not null,
  due_at     timestamptz not null,
  attempt    integer not null default 0,
  error      text,
  primary key (run_id, generation, place)
);
comment on table ${s}.calls is 'Calls that outlive their turn: sleeps, and retries between attempts.';
`;

const runStatus = (s: string): string => `
create view ${s}.run_status as
  select u.part, u.id, u.workflow, u.version, u.queue, u.generation, u.created_at, u.settled_at, u.parked_at,
         u.output_codec, u.output, u.error, u.reason,
         case when u.status <> 'live' then u.status
              when r.claim is not null and r.due_at > statement_timestamp() then 'running'
              when r.claim is null and not r.fresh and r.due_at > statement_timestamp() then 'waiting'
              else 'pending' end as status,
         r.due_at
    from ${s}.runs u left join ${s}.ready r on r.id = u.id and r.part = u.part and u.status = 'live';
comment on view ${s}.run_status is 'Where each run stands, in the words of the API.';
`;

/** All migrations, in order. */
export const migrations: readonly Migration[] = [
  firstLight, wholeLanguage, operations, sqlFunctions, limitsAndRights,
];

/** The number of the newest migration that this version knows. */
export const schemaVersion: number = migrations.at(-1)?.number ?? 0;

/** The schema itself. Who may make tables in one that is there may still not be allowed to make one. */
export function schemaSql(schema: string): string {
  return `create schema if not exists ${quoteIdentifier(schema)};`;
}

/** The table of facts about the installation, made before the first migration. */
export function metaSql(schema: string): string {
  const s = quoteIdentifier(schema);
  return `create table if not exists ${s}.meta (key text primary key, value text not null);`;
}
