// Migration 2: what a run can say to others, hear from them, and show.
//
//   M5. Texts that meet in a comparison have one collation, "C": ids, kinds, names, keys, places.
//   M6. What is looked for by existence stands in an index behind `noticed`, false first: a look passes what
//       is new and nothing else, however many rows are kept for good.
//   M7. Columns that are added to tables of migration 1 have no CHECK there that would read a large table.
import { longestValue, type Migration } from './migration.js';

// Names and keys have 191 characters, a box holds two of them. Ids are those of their makers with a prefix,
// or say a place. What is longer than an index takes is refused by the index itself.
const id = (longest: number): string =>
  `text collate "C" not null check (length(id) between 1 and ${longest})`;
const value = (column: string): string => `text check (octet_length(${column}) <= ${longestValue})`;
const place = `run_id     text collate "C" not null,
  generation integer not null,
  place      text collate "C" not null`;

// Rows that come and go: the dead ones are gone before a look would have to pass them.
const passing = 'autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0';

/** Messages, events, children, attributes, streams. */
export const wholeLanguage: Migration = {
  number: 2,
  reason: 'messages, events, children, attributes, streams, and what a call tells before its answer',
  sql: (s) => [columns, mail, events, children, shown, runStatus].map((part) => part(s)).join(''),
};

const columns = (s: string): string => `
alter table ${s}.runs
  add column timeout_ms        double precision,
  add column parent_id         text collate "C",
  add column parent_generation integer,
  add column parent_place      text collate "C";
comment on column ${s}.runs.timeout_ms is 'Longest time from the first claim to the end.';
comment on column ${s}.runs.parent_id is 'The run that started it, with generation and place of the call.';
alter table ${s}.ready add column tied boolean not null default false;
comment on column ${s}.ready.tied is 'Somebody is to hear of its end: it is watched, or has children.';
alter table ${s}.journal add column message text collate "C";
comment on column ${s}.journal.message is 'The message that it took from the inbox.';
alter table ${s}.calls
  add column progress_codec text,
  add column progress       ${value('progress')},
  add column deadline_at    timestamptz;
`;

const mail = (s: string): string => `
create table ${s}.messages (
  part    smallint not null,
  run_id  text collate "C" not null,
  id      ${id(1_000)},
  kind    text collate "C" not null check (kind in ('signal', 'event', 'callback', 'child', 'cancel')),
  name    text collate "C" not null check (length(name) <= 1000),
  codec   text not null,
  payload ${value('payload')},
  error   ${value('error')},
  outcome text check (outcome in ('completed', 'failed', 'cancelled')),
  sent_at timestamptz not null,
  primary key (run_id, id)
);
comment on table ${s}.messages is
  'Append only: one row a message, for as long as its run is kept, so that none is taken twice.';
create table ${s}.inbox (
  part    smallint not null,
  run_id  text collate "C" not null,
  kind    text collate "C" not null,
  name    text collate "C" not null,
  sent_at timestamptz not null,
  id      text collate "C" not null,
  noticed boolean not null default false,
  primary key (run_id, kind, name, sent_at, id)
) with (fillfactor = 50, ${passing});
create index inbox_noticed on ${s}.inbox (noticed, sent_at) with (fillfactor = 70);
comment on table ${s}.inbox is 'Messages that no entry has taken yet. noticed: the run was told.';
`;

const events = (s: string): string => `
create table ${s}.events (
  part       smallint not null,
  id         text collate "C" primary key check (length(id) between 1 and 191),
  name       text collate "C" not null check (length(name) between 1 and 191),
  key        text collate "C" not null check (length(key) <= 191),
  codec      text not null,
  payload    ${value('payload')},
  emitted_at timestamptz not null,
  noticed    boolean not null default false
);
create index events_noticed on ${s}.events (noticed, emitted_at);
create index events_name on ${s}.events (name, key, emitted_at);
comment on table ${s}.events is 'What happened. noticed: whoever waited for it then has a message.';
create table ${s}.subscriptions (
  part       smallint not null,
  ${place},
  name       text collate "C" not null check (length(name) between 1 and 191),
  key        text collate "C" not null check (length(key) <= 191),
  asked_at   timestamptz not null,
  primary key (run_id, generation, place)
) with (${passing});
create index subscriptions_name on ${s}.subscriptions (name, key);
comment on table ${s}.subscriptions is 'Who waits for which event, until its call is closed or the run ends.';
`;

const children = (s: string): string => `
create table ${s}.children (
  part         smallint not null,
  parent_id    text collate "C" not null,
  generation   integer not null,
  place        text collate "C" not null,
  child_id     text collate "C" not null check (length(child_id) between 1 and 191),
  child_part   smallint not null,
  parent_close text not null check (parent_close in ('default', 'cancel', 'terminate', 'abandon')),
  watch        boolean not null,
  noticed      boolean not null default false,
  created_at   timestamptz not null,
  primary key (parent_id, generation, place)
) with (fillfactor = 50);
create index children_child on ${s}.children (child_id);
create index children_noticed on ${s}.children (noticed, created_at);
comment on table ${s}.children is
  'Who waits for which run, and what its own end does to that. Its part is that of the parent.';
create table ${s}.endings (
  part     smallint not null,
  run_id   text collate "C" primary key,
  ended_at timestamptz not null
) with (${passing});
create index endings_ended_at on ${s}.endings (ended_at);
comment on table ${s}.endings is 'Runs that settled and of whose end somebody is to hear.';
`;

// A text attribute stands in an index, which takes 2,700 octets a row. The id behind the value lets a search
// go on page by page, in the order of ids.
const shown = (s: string): string => `
create table ${s}.attributes (
  part         smallint not null,
  run_id       text collate "C" not null,
  name         text collate "C" not null check (length(name) between 1 and 191),
  type         text not null check (type in ('text', 'number', 'boolean', 'time')),
  text_value   text collate "C" check (octet_length(text_value) <= 1000),
  number_value double precision,
  time_value   timestamptz,
  primary key (run_id, name)
) with (fillfactor = 80);
create index attributes_text on ${s}.attributes (name, text_value, run_id);
create index attributes_number on ${s}.attributes (name, number_value, run_id);
create index attributes_time on ${s}.attributes (name, time_value, run_id);
comment on table ${s}.attributes is
  'What runs are searched by. A boolean is the text true or false; the other two values are null.';
create table ${s}.chunks (
  part       smallint not null,
  run_id     text collate "C" not null,
  generation integer not null,
  stream     text collate "C" not null check (length(stream) between 1 and 191),
  seq        bigint not null,
  source     text collate "C" not null,
  codec      text not null,
  value      ${value('value')},
  written_at timestamptz not null,
  primary key (run_id, generation, stream, seq)
);
comment on table ${s}.chunks is 'Append only: streams. source: the place of the step that wrote, or empty.';
`;

const runStatus = (s: string): string => `
create or replace view ${s}.run_status as
  select u.part, u.id, u.workflow, u.version, u.queue, u.generation, u.created_at, u.settled_at, u.parked_at,
         u.output_codec, u.output, u.error, u.reason,
         case when u.status <> 'live' then u.status
              when r.claim is not null and r.due_at > statement_timestamp() then 'running'
              when r.claim is null and not r.fresh and r.due_at > statement_timestamp() then 'waiting'
              else 'pending' end as status,
         r.due_at, u.parent_id, u.timeout_ms
    from ${s}.runs u left join ${s}.ready r on r.id = u.id and r.part = u.part and u.status = 'live';
`;
