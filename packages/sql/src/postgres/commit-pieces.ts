// The pieces of a commit statement: each a list of CTEs for what some batches have and others have not. Their
// rules are those of commit-statement.ts.
import type { Group } from './commit-columns.js';
import type { CommitText } from './commit-text.js';
import { instantOf, micros } from './sql-time.js';

const ms = (value: string): string => `${value} * interval '1 millisecond'`;

/** The CTEs of a statement. */
export function pieces(text: CommitText): readonly string[] {
  const made = [fence(text)];
  const optional: readonly (readonly [Group, (text: CommitText) => string])[] = [
    ['entries', text.again ? repeatedEntries : firstEntries], ['taken', taken], ['calls', calls],
    ['settling', settled], ['closed', closed], ['settle', settle], ['move', move], ['next', next],
    ['attributes', attributes], ['chunks', chunks],
  ];
  for (const [group, piece] of optional) if (text.has(group)) made.push(piece(text));
  return made;
}

/** The instant; and the items, with what was locked of them. */
function fence(text: CommitText): string {
  const { s } = text;
  const columns = (['items', 'settle', 'move', 'next'] as const).filter((group) => text.has(group));
  const lock = (group: 'change' | 'share', strength: string): string => text.has(group)
    ? `select id, epoch, wake, rested_from from ${s}.ready where id = any(${text.locked(group)})
        and part = any(${text.array('parts.part')}) order by id for ${strength} skip locked` : '';
  const locks = [lock('change', 'no key update'), lock('share', 'share')].filter((each) => each !== '');
  return `
t as materialized (select clock_timestamp() as now),
ok as materialized (
  select i.*, (select now from t) as now, x.id as locked, x.epoch = i.epoch as mine, x.wake, x.rested_from
    from (${text.rows(...text.all(...columns))}, generate_subscripts(${text.ids()}, 1) as ord) i
    left join (${locks.length === 1 ? locks.join('')
      : `select * from (${locks.join(') change union all select * from (')}) share`}) x on x.id = i.id)`;
}

function entries(text: CommitText): string {
  const takes = text.has('taken');
  return `
  insert into ${text.s}.journal (part, run_id, generation, place, position, kind, name, codec, value, error,
                            attempt, started_at, ended_at${takes ? ', message' : ''})
  select ok.part, ok.id, ok.generation, e.place, e.position, e.kind, e.name, e.codec, e.value, e.error,
         e.attempt, ok.now - ${ms('e.took_ms')}, ok.now${takes ? ', e.message' : ''}
    from (${text.rows(...text.all('entries', ...takes ? ['taken'] as const : []))}) e
    join ok on ok.ord = e.ord and ok.mine`;
}

function firstEntries(text: CommitText): string {
  return `
j as (${entries(text)})`;
}

/** First write wins: an entry that is there is an earlier sending of the same. */
function repeatedEntries(text: CommitText): string {
  return `
j as (${entries(text)}
  on conflict (run_id, generation, place) do nothing
  returning run_id, place),
old as (
  select e.ord, max(k.ended_at) as at, bool_and(k.place is not null or j.place is not null) as whole
    from (${text.rows('entries.ord', 'entries.place')}) e
    join ok on ok.ord = e.ord
    left join ${text.s}.journal k on k.run_id = any(${text.ids()})
     and k.run_id = ok.id and k.generation = ok.generation and k.place = e.place
    left join j on j.run_id = ok.id and j.place = e.place
   where (select count(*) from j) < (select count(*) from (${text.rows('entries.ord')}) e)
   group by e.ord)`;
}

/** What entries took leaves the inbox. The message says where a lone one lies there. */
function taken(text: CommitText): string {
  const { s } = text;
  if (text.has('letter')) {
    const [id, message] = [text.only('letter.id'), text.only('letter.message')];
    const of = (column: string): string => `(select k.${column} from ${s}.messages k
                      where k.run_id = ${id} and k.id = ${message})`;
    return `
taken as (
  delete from ${s}.inbox b using ok
   where ok.id = ${id} and ok.mine and b.run_id = ${id} and b.id = ${message}
     and b.kind = ${of('kind')} and b.name = ${of('name')} and b.sent_at = ${of('sent_at')})`;
  }
  return `
taken as (
  delete from ${s}.inbox b using ok, (${text.rows('entries.ord', 'taken.message')}) e
   where b.run_id = any(${text.ids()}) and ok.ord = e.ord and ok.mine
     and b.run_id = ok.id and b.id = e.message)`;
}

/** Calls that outlive their turn are written and changed. Sent again, they are due as they were at first. */
function calls(text: CommitText): string {
  const now = text.again ? 'coalesce((select old.at from old where old.ord = ok.ord), ok.now)' : 'ok.now';
  return `
c as (
  insert into ${text.s}.calls as k (part, run_id, generation, place, kind, name, due_at, attempt, error,
                               progress_codec, progress, deadline_at)
  select ok.part, ok.id, ok.generation, c.place, c.kind, c.name,
         coalesce(${now} + ${ms('c.delay_ms')}, ${instantOf('c.at_us')}, 'infinity'), c.attempt, c.error,
         c.progress_codec, c.progress, ${now} + ${ms('c.deadline_ms')}
    from (${text.rows(...text.all('calls'))}) c
    join ok on ok.ord = c.ord and ok.mine
  on conflict (run_id, generation, place)
  do update set due_at = excluded.due_at, attempt = excluded.attempt, error = excluded.error,
                progress_codec = excluded.progress_codec, progress = excluded.progress,
                deadline_at = coalesce(excluded.deadline_at, k.deadline_at))`;
}

/** What belongs to open calls, and goes with them. */
const ofCalls = ['calls', 'subscriptions'] as const;

function settled(text: CommitText): string {
  const isMixed = text.has('move') || text.has('next');
  const ids = isMixed ? text.array('settling.id') : text.locked('change');
  const ends = isMixed ? '' : " and ok.status <> 'parked'";
  return ofCalls.map((table) => `
ended_${table} as (
  delete from ${text.s}.${table} k using ok
   where k.run_id = any(${ids}) and k.run_id = ok.id and ok.mine${ends})`).join(',');
}

/** Calls that were answered or withdrawn. */
function closed(text: CommitText): string {
  const edge = (of: string): string =>
    `(select ${of}(place collate "C") from (${text.rows('closed.place')}) e)`;
  const which = !text.has('closer') ? `k.run_id = any(${text.array('closing.id')})`
    : `k.run_id = ${text.only('closer.id')} and k.generation = ${text.only('closer.generation')}
     and k.place >= ${edge('min')} and k.place <= ${edge('max')}`;
  return ofCalls.map((table) => `
closed_${table} as (
  delete from ${text.s}.${table} k using ok
   where ${which}
     and k.run_id = ok.id and k.generation = ok.generation and ok.mine
     and (ok.ord, k.place) in (${text.rows(...text.all('closed'))}))`).join(',');
}

/** Settlements and parks: the row goes, and with it every claim on the run. */
function settle(text: CommitText): string {
  const { s } = text;
  return `
del as (
  delete from ${s}.ready r using ok
   where r.id = any(${text.locked('change')}) and r.id = ok.id and r.part = ok.part
     and ok.mine and ok.status is not null
  returning r.id, r.part, r.version, r.first_claimed_at, r.tied or ok.told as told, ok.now, ok.epoch,
            ok.status, ok.codec, ok.output, ok.error, ok.reason),
fin as (
  update ${s}.runs u
     set status = del.status, output_codec = del.codec, output = del.output, error = del.error,
         reason = del.reason, version = del.version, started_at = del.first_claimed_at,
         settled_at = case when del.status <> 'parked' then del.now end,
         parked_at = case when del.status = 'parked' then del.now end, settled_epoch = del.epoch
    from del
   where u.id = any(${text.locked('change')}) and u.id = del.id and u.part = del.part),
hear as (
  insert into ${s}.endings (part, run_id, ended_at)
  select del.part, del.id, del.now from del where del.told and del.status <> 'parked'
  on conflict (run_id) do nothing)`;
}

/** Rests and renewals. A rest is a change of ownership and writes a new epoch; a renewal is none. */
function move(text: CommitText): string {
  return `
upd as (
  update ${text.s}.ready r set
         due_at = case when ok.act = 'renew' then ok.now + ${ms('ok.in_ms')}
                       when r.wake then ok.now
                       else greatest(ok.now, coalesce(least(ok.now + ${ms('ok.in_ms')},
                                                          ${instantOf('ok.at_us')}),
                                                    'infinity')) end,
         epoch = case when ok.act = 'renew' then r.epoch else greatest(r.epoch + 1, ${micros('ok.now')}) end,
         rested_from = case when ok.act = 'renew' then r.rested_from else r.epoch end,
         claim = case when ok.act = 'renew' then r.claim end,
         wake = case when ok.act = 'renew' then r.wake else false end,
         lane = case when ok.quarantine = 'keep' then r.lane else r.home_lane end,
         strikes = case when ok.quarantine = 'absolve' then 0 else r.strikes end,
         solo_strikes = case when ok.quarantine = 'absolve' then 0 else r.solo_strikes end
    from ok
   where r.id = any(${text.locked('change')}) and r.id = ok.id and r.part = ok.part
     and ok.mine and ok.act is not null
  returning ok.ord, case when ok.act = 'rest' then r.epoch end as epoch)`;
}

/**
 * Runs that go on as new. The row is made anew: a claim that found the old one in an earlier snapshot, where
 * the generation and the input are the old ones as well, does not get the new one with these. Its children
 * are still to hear of its end, though its next owner knows nothing of them. What it gives back is noticed:
 * its next owner reads. The generation that has ended stays, to be looked at; those before it go.
 */
function next(text: CommitText): string {
  const { s } = text;
  const ids = text.array('settling.id');
  return `
returned as (
  insert into ${s}.inbox (part, run_id, kind, name, sent_at, id, noticed)
  select m.part, m.run_id, m.kind, m.name, m.sent_at, m.id, true
    from (${text.rows('returned.ord', 'returned.message')}) e
    join ok on ok.ord = e.ord and ok.mine and ok.next_lane is not null
   cross join lateral (
     select m.* from ${s}.messages m
      where m.run_id = ok.id and m.id = e.message and m.part = ok.part and m.kind in ('signal', 'cancel')
      limit 1) m
  on conflict (run_id, kind, name, sent_at, id) do nothing),
gone as (
  delete from ${s}.ready r using ok
   where r.id = any(${ids}) and r.id = ok.id and r.part = ok.part and ok.mine and ok.next_lane is not null
  returning ok.now, ok.next_lane, ok.next_codec, ok.next_input, r.id, r.part, r.queue, r.workflow,
            r.tied, r.epoch as before, greatest(r.epoch + 1, ${micros('ok.now')}) as epoch),
again as (
  update ${s}.runs u set generation = u.generation + 1, codec = gone.next_codec, input = gone.next_input
    from gone where u.id = any(${ids}) and u.id = gone.id and u.part = gone.part),
anew as (
  insert into ${s}.ready (part, id, lane, home_lane, queue, workflow, due_at, epoch, fresh, tied, rested_from)
  select g.part, g.id, g.next_lane, g.next_lane, g.queue, g.workflow, g.now, g.epoch, false,
         g.tied or (select true from ${s}.children c
                     where c.parent_id = g.id and c.part = g.part limit 1) is not null, g.before from gone g),
${['journal', 'chunks'].map((table) => `old_${table} as (
  delete from ${s}.${table} k using ok
   where k.run_id = any(${ids}) and k.run_id = ok.id and ok.mine and ok.next_lane is not null
     and k.generation < ok.generation)`).join(',\n')}`;
}

/**
 * What a run is searched by. A sending of entries that are there sets nothing: it may have been set anew
 * since.
 */
function attributes(text: CommitText): string {
  const { s } = text;
  // In the statement for what was sent before, `j` has what was not there.
  const isNew = text.again ? 'and ok.ord not in (select ord from was)' : '';
  const was = text.again ? `
was as materialized (
  select e.ord from (${text.rows('entries.ord', 'entries.place')}) e join ok on ok.ord = e.ord
   where (ok.id, e.place) not in (select run_id, place from j)),` : '';
  return `${was}
a as (
  insert into ${s}.attributes (part, run_id, name, type, text_value, number_value, time_value)
  select ok.part, ok.id, a.name, a.type, a.text_value, a.number_value, ${instantOf('a.time_us')}
    from (${text.rows(...text.all('attributes'))}) a
    join ok on ok.ord = a.ord and ok.mine
   where a.type is not null ${isNew}
  on conflict (run_id, name) do update set type = excluded.type, text_value = excluded.text_value,
    number_value = excluded.number_value, time_value = excluded.time_value),
unset as (
  delete from ${s}.attributes k
   using ok, (${text.rows('attributes.ord', 'attributes.name', 'attributes.type')}) a
   where k.run_id = any(${text.ids()}) and k.run_id = ok.id and k.name = a.name and a.type is null
     and a.ord = ok.ord and ok.mine ${isNew})`;
}

/** A chunk that is there is an earlier sending of the same. */
function chunks(text: CommitText): string {
  return `
p as (
  insert into ${text.s}.chunks (part, run_id, generation, stream, seq, source, codec, value, written_at)
  select ok.part, ok.id, ok.generation, p.stream, p.seq, p.source, p.codec, p.value, ok.now
    from (${text.rows(...text.all('chunks'))}) p
    join ok on ok.ord = p.ord and ok.mine
  on conflict (run_id, generation, stream, seq) do nothing)`;
}
