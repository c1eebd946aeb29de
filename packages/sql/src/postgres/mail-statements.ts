// Messages and events: put down by senders, read by the runs that they are for.
//
//   V1. Senders only insert: into `messages`, and from there into `inbox`. No row of a run is locked; what
//       stands there is asked of the snapshot, row by row through the primary key.
//   V2. A message that exists is left as it is, whoever sends it again (L1), and so is an event.
//   V3. Messages of one batch are stamped a microsecond apart, in the order in which they were given. Their
//       insertion takes longer than that, so that what is sent after the answer is stamped later.
//   V4. Lookups are scalar sub-selects and laterals with a limit: no plan but the one by key can do them,
//       whatever the statistics say. `exists` in a select list is none of these: it may hash a whole table.
import type { MailWant, MessageKind, NewEvent, NewMessage } from '@perdure/core/engine';
import { partOf } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { impatient, type Numbered } from './second-lane.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/**
 * Who sends: anybody on a connection of the engine, a caller in his own transaction, where no setting is
 * touched, or a run, which names its lease.
 */
export type Sender = 'own' | 'caller' | 'run';

/** The instant of a statement; on connections of the engine it also limits the wait for strangers. */
export const instant = (on: Sender): string =>
  `select clock_timestamp() as now${on === 'caller' ? '' : `, ${impatient}`}`;

/** A run that still takes mail. */
export const takesMail = "in ('live', 'parked')";

/** From rows of `m`, which were just inserted into `messages`. */
export const intoInbox = (s: string): string => `
  insert into ${s}.inbox (part, run_id, kind, name, sent_at, id)
  select m.part, m.run_id, m.kind, m.name, m.sent_at, m.id from m`;

/** The end of an insert into `messages` that `intoInbox` takes over from. */
export const keptApart = `
  on conflict (run_id, id) do nothing
  returning part, run_id, kind, name, sent_at, id`;

/**
 * Sends messages: $1 … $9 by `messageColumns`; of a run also $10 its id, $11 its part, $12 its epoch. Columns
 * of the answer: ord, answer.
 */
export function sendStatement(s: string, on: Sender): Statement {
  const fence = on !== 'run' ? '' : `
x as materialized (
  select epoch from ${s}.ready where id = $10::text and part = $11::smallint for share skip locked),`;
  const held = on !== 'run' ? '' : ' and (select epoch from x) = $12::bigint';
  const lost = on !== 'run' ? '' : `
            when (select epoch from x) is distinct from $12::bigint then
              case when (select epoch from x) is null and (select true from ${s}.ready r
                          where r.id = $10::text and r.part = $11::smallint) then 'busy' else 'lost' end`;
  return named(on === 'run' ? 'send_from' : 'send', `
with t as materialized (${instant(on)}),${fence}
n as materialized (
  select n.*, (select u.status from ${s}.runs u where u.id = n.run_id and u.part = n.part) as status
    from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::integer[])
         as n(part, run_id, id, kind, name, codec, payload, error, ord)),
m as (
  insert into ${s}.messages (part, run_id, id, kind, name, codec, payload, error, sent_at)
  select n.part, n.run_id, n.id, n.kind, n.name, n.codec, n.payload, n.error,
         t.now + n.ord::float8 * interval '1 microsecond'
    from n, t where n.status ${takesMail}${held}${keptApart}),
b as (${intoInbox(s)})
select n.ord as ord,
       case${lost}
            when n.status ${takesMail} then 'sent'
            when (select true from ${s}.messages k
                   where k.run_id = n.run_id and k.id = n.id and k.part = n.part) then 'sent'
            when n.status is null then 'no-run'
            else 'settled' end as answer
  from n`);
}

/** The parameters of `sendStatement`, column by column. */
export function messageColumns(messages: readonly Numbered<NewMessage>[]): readonly string[] {
  return columnLiterals(9, messages.map(({ item, ord }) => [
    partOf(item.runId), item.runId, item.id, item.kind, item.name, item.payload.codec, item.payload.text,
    item.error, ord,
  ]));
}

/** Records events: $1 … $7 by `eventColumns`. */
export function emitStatement(s: string, on: 'own' | 'caller'): Statement {
  return named('emit', `
with t as materialized (${instant(on)})
insert into ${s}.events (part, id, name, key, codec, payload, emitted_at)
select n.part, n.id, n.name, n.key, n.codec, n.payload, t.now + n.ord::float8 * interval '1 microsecond'
  from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[])
       as n(part, id, name, key, codec, payload, ord), t
    on conflict (id) do nothing`);
}

/** The parameters of `emitStatement`, column by column. */
export function eventColumns(events: readonly Numbered<NewEvent>[]): readonly string[] {
  return columnLiterals(7, events.map(({ item, ord }) => [
    partOf(item.id), item.id, item.name, item.key, item.payload.codec, item.payload.text, ord,
  ]));
}

const mostOfBox = 100;
const mostOfKind = 1_000;

/**
 * Reads inboxes: $1 … $5 by `wantColumns`. Columns of the answer: ord, id, kind, name, codec, payload, error,
 * outcome, sent_at, held; a row with `held` says how many rows the inbox has, as far as it was counted.
 */
export function readMailStatement(s: string): Statement {
  const box = (which: string, order: string, limit: number): string => `
  select b.ord, b.part, b.run_id, i.id
    from b cross join lateral (
      select i.id from ${s}.inbox i
       where i.run_id = b.run_id and i.part = b.part and i.kind = b.kind${which}
       order by ${order} limit ${limit}) i`;
  return named('read_mail', `
with b as materialized (
  select * from unnest($1::integer[], $2::smallint[], $3::text[], $4::text[], $5::text[])
    as b(ord, part, run_id, kind, name)),
k as materialized (${box(' and i.name = b.name', 'i.sent_at, i.id', mostOfBox)}
   where b.name is not null
   union${box('', 'i.sent_at, i.id', mostOfKind)}
   where b.name is null),
g as materialized (
  select ord, part, run_id, count(id) as found
    from (select * from k union all select distinct ord, part, run_id, null from b) each
   group by ord, part, run_id)
select k.ord as ord, m.id as id, m.kind as kind, m.name as name, m.codec as codec, m.payload as payload,
       m.error as error, m.outcome as outcome, ${micros('m.sent_at')} as sent_at, null::bigint as held
  from k cross join lateral (
    select * from ${s}.messages m where m.run_id = k.run_id and m.id = k.id and m.part = k.part limit 1) m
 union all
select g.ord, null, null, null, null, null, null, null, null, h.held
  from g cross join lateral (
    select count(*) as held from (
      select from ${s}.inbox i where i.run_id = g.run_id and i.part = g.part limit g.found + 1) i) h
 where h.held > 0`);
}

/** The parameters of `readMailStatement`: one row a box. A message that cancels is always wanted. */
export function wantColumns(wants: readonly MailWant[]): readonly string[] {
  const cancel: { kind: MessageKind; name: string | null } = { kind: 'cancel', name: null };
  return columnLiterals(5, wants.flatMap(({ lease: { runId, part }, boxes }, ord) =>
    [...boxes, cancel].map(({ kind, name }) => [ord, part, runId, kind, name])));
}
