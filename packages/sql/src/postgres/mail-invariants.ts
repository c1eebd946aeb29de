// What holds of mail: what was sent is there until it is taken, and who waits for it hears of it.
import { eventBoxOf, settled } from './carry-statements.js';
import { atRest, isFree, late, runOf, within, type Invariant } from './invariant.js';
import { takesMail } from './mail-statements.js';

const wait = (alias: string, of: string): string =>
  `${alias}.generation = ${of}.generation and ${alias}.place = ${of}.place`;

/** Messages and those who wait for them. */
const messages: readonly Invariant[] = [
  {
    code: 'inbox-without-message',
    holds: 'What lies in an inbox is a message of that run, and lies where the message says.',
    broken: (s) => `
select b.run_id as run_id, format('Message %s lies in its inbox, and there is no such message.', b.id)
         as what, b.sent_at as since
  from ${s}.inbox b
 where ${within('b.run_id')}
   and (select true from ${s}.messages m where m.run_id = b.run_id and m.id = b.id
           and m.kind = b.kind and m.name = b.name and m.sent_at = b.sent_at) is null`,
  },
  {
    code: 'taken-in-inbox',
    holds: 'What an answer took does not lie in the inbox.',
    broken: (s) => `
select j.run_id as run_id, format('Message %s was taken by the answer at %s, and lies in the inbox.',
         j.message, j.place) as what, j.ended_at as since
  from ${s}.journal j cross join lateral ${runOf('j.run_id', s)}
 cross join lateral (
   select m.kind, m.name, m.sent_at from ${s}.messages m
    where m.run_id = j.run_id and m.id = j.message limit 1) m
 where ${within('j.run_id')} and j.message is not null and j.generation = u.generation
   and (select true from ${s}.inbox b where b.run_id = j.run_id and b.kind = m.kind and b.name = m.name
           and b.sent_at = m.sent_at and b.id = j.message)`,
  },
  {
    code: 'rests-on-news',
    holds: 'A run never rests on news that one of its calls waits for.',
    broken: (s) => `
select r.id as run_id, format('It rests until %s; its call at %s waits for message %s, which it was told of.',
         r.due_at, c.place, b.id) as what, b.sent_at as since
  from ${s}.ready r
 cross join lateral (
   select c.* from ${s}.calls c
    where c.run_id = r.id and c.kind in ('signal', 'event', 'child', 'result') offset 0) c
 cross join lateral (
   select b.id, b.sent_at from ${s}.inbox b
    where b.run_id = r.id and b.noticed
      and b.kind = case when c.kind in ('child', 'result') then 'child' else c.kind end
      and b.name = case c.kind when 'signal' then c.name
                     when 'event' then (select ${eventBoxOf('w')} from ${s}.subscriptions w
                                         where w.run_id = r.id and ${wait('w', 'c')})
                     else c.generation::text || ':' || c.place end
    order by b.sent_at limit 1) b
 where ${within('r.id')} and ${atRest}`,
  },
  {
    code: 'event-not-asked-for',
    holds: 'A run at rest that waits for an event has asked for it.',
    broken: (s) => `
select c.run_id as run_id, format('Its call at %s waits for event %s, and nobody will bring it: there is no '
         'row of it in subscriptions.', c.place, c.name) as what, null::timestamptz as since
  from ${s}.calls c
 where ${within('c.run_id')} and c.kind = 'event'
   and (select true from ${s}.ready r where r.id = c.run_id and ${atRest})
   and (select true from ${s}.subscriptions w where w.run_id = c.run_id and ${wait('w', 'c')}) is null`,
  },
  {
    code: 'mail-late',
    holds: 'A run that nobody has is told within a minute of what came for it.',
    broken: (s) => `
select b.run_id as run_id, format('Message %s came at %s, and no carrier has told of it.', b.id, b.sent_at)
         as what, b.sent_at as since
  from ${s}.inbox b
 where ${within('b.run_id')} and not b.noticed and ${late('b.sent_at', s)} and ${isFree('b.run_id', s)}`,
  },
  {
    code: 'event-late',
    once: true,
    holds: 'An event is given within a minute to those who wait for it.',
    broken: (s) => `
select null::text as run_id, format('Event %s, named %s, came at %s, and no carrier has given it to anybody.',
         e.id, e.name, e.emitted_at) as what, e.emitted_at as since
  from ${s}.events e
 where e.noticed = false and ${late('e.emitted_at', s)} and $1::text <= $2::text`,
  },
];

/** Runs that start or watch others. */
const ties: readonly Invariant[] = [
  {
    code: 'child-not-tied',
    holds: 'A run at rest that waits for another is tied to it.',
    broken: (s) => `
select c.run_id as run_id, format('Its call at %s waits for a run of %s, and there is no row of it in '
         'children.', c.place, c.name) as what, null::timestamptz as since
  from ${s}.calls c
 where ${within('c.run_id')} and c.kind in ('child', 'result')
   and (select true from ${s}.ready r where r.id = c.run_id and ${atRest})
   and (select true from ${s}.children k where k.parent_id = c.run_id and ${wait('k', 'c')}) is null`,
  },
  {
    // A run that stood under the id of the parent before has taken its rows with it.
    code: 'parent-not-tied',
    holds: 'A run that another one started is tied to it, while both are kept.',
    broken: (s) => `
select u.id as run_id, format('It was started by run %s at %s, and there is no row of it in children.',
         u.parent_id, u.parent_place) as what, u.created_at as since
  from ${s}.runs u cross join lateral (
    select p.* from ${s}.runs p where p.id = u.parent_id limit 1) p
 where ${within('u.id')} and p.created_at <= u.created_at and p.generation >= u.parent_generation
   and (select true from ${s}.children k
         where k.parent_id = u.parent_id and k.generation = u.parent_generation and k.place = u.parent_place
           and k.child_id = u.id) is null`,
  },
  {
    code: 'child-unaware',
    holds: 'A live run that is watched says so in its row in line.',
    broken: (s) => `
select k.child_id as run_id, format('Run %s waits for its end at %s, and its row in line is not tied.',
         k.parent_id, k.place) as what, k.created_at as since
  from ${s}.children k cross join lateral ${runOf('k.parent_id', s)}
 where ${within('k.parent_id')} and k.watch and k.noticed and k.generation = u.generation
   and u.status ${takesMail}
   and (select true from ${s}.ready r where r.id = k.child_id and not r.tied)`,
  },
  {
    code: 'end-untold',
    holds: 'Who waits for a run that has settled has its answer, or is about to get it.',
    broken: (s) => `
select k.parent_id as run_id, format('It waits at %s for run %s, which has settled; nobody will tell it.',
         k.place, k.child_id) as what, e.settled_at as since
  from ${s}.children k cross join lateral ${runOf('k.parent_id', s)}
 cross join lateral (
   select e.settled_at from ${s}.runs e where e.id = k.child_id and e.status ${settled} limit 1) e
 where ${within('k.parent_id')} and k.watch and k.noticed and k.generation = u.generation
   and u.status ${takesMail}
   and (select true from ${s}.endings g where g.run_id = k.child_id) is null
   and (select true from ${s}.messages m
         where m.run_id = k.parent_id and m.id = 'child:' || k.generation::text || ':' || k.place) is null`,
  },
  {
    code: 'tie-late',
    holds: 'A tie to a run that was there before, and that nobody has, is seen to within a minute.',
    broken: (s) => `
select k.parent_id as run_id, format('It watches run %s from %s on, and no carrier has seen to it.',
         k.child_id, k.created_at) as what, k.created_at as since
  from ${s}.children k
 where ${within('k.parent_id')} and not k.noticed and ${late('k.created_at', s)}
   and ${isFree('k.child_id', s)}`,
  },
  {
    code: 'ending-late',
    holds: 'The end of a run is told within a minute, and its children are closed.',
    broken: (s) => `
select g.run_id as run_id, format('It ended at %s, and no carrier has told those who are to hear of it.',
         g.ended_at) as what, g.ended_at as since
  from ${s}.endings g
 where ${within('g.run_id')} and ${late('g.ended_at', s)}
   and (select true from ${s}.children k
         where k.parent_id = g.run_id and k.parent_close <> 'abandon'
           and (${isFree('k.child_id', s)}) is not true limit 1) is null`,
  },
  {
    code: 'ending-of-living',
    holds: 'Only of runs that have settled is there an ending.',
    broken: (s) => `
select g.run_id as run_id, format('It is %s, and others are to hear that it has ended.', u.status) as what,
       g.ended_at as since
  from ${s}.endings g cross join lateral ${runOf('g.run_id', s)}
 where ${within('g.run_id')} and (u.status ${settled}) is not true`,
  },
];

/** Who works. */
const workers: Invariant = {
  code: 'worker-contradicts',
  once: true,
  holds: 'A worker was seen after it started and not in the future, and says what it serves.',
  broken: (s) => `
select null::text as run_id, format('Worker %s on %s started at %s, was seen at %s, and has %s slots.', w.id,
         w.host, w.started_at, w.seen_at, w.concurrency) as what, w.started_at as since
  from ${s}.workers w
 where (w.seen_at < w.started_at or w.seen_at > statement_timestamp() + interval '1 minute'
     or w.concurrency < 1 or left(w.serves, 1) <> '[')
   and ${within('w.id')}`,
};

/** Invariants of mail, of ties, and of workers. */
export const mailInvariants: readonly Invariant[] = [...messages, ...ties, workers];
