// What holds of the rows that belong to runs: whose they are, in which generation, and in which order.
import { atRest, runOf, within, type Invariant } from './invariant.js';

/** Tables with rows of runs, by the column with the id. */
const ofRuns: readonly (readonly [table: string, id: string])[] = [
  ['ready', 'id'], ['journal', 'run_id'], ['calls', 'run_id'], ['messages', 'run_id'], ['inbox', 'run_id'],
  ['subscriptions', 'run_id'], ['attributes', 'run_id'], ['chunks', 'run_id'], ['endings', 'run_id'],
  ['children', 'parent_id'],
];

const ofAll = (select: (table: string, id: string) => string): string =>
  ofRuns.map(([table, id]) => select(table, id)).join('\n union all');

/** Whose rows they are. */
const belonging: readonly Invariant[] = [
  {
    code: 'row-without-run',
    holds: 'Every row of a run has its run.',
    broken: (s) => ofAll((table, id) => `
select k.${id} as run_id, 'There are rows of it in ${table}, and no run of this id.' as what,
       null::timestamptz as since
  from (select distinct ${id} from ${s}.${table} where ${within(id)}) k
 where (select true from ${s}.runs u where u.id = k.${id}) is null`),
  },
  {
    code: 'part-wrong',
    holds: 'Every row carries the part of its run, which is a hash of the id.',
    broken: (s) => `
select u.id as run_id, format('Its part is %s, and its id gives %s.', u.part, ${s}.part_of(u.id)) as what,
       null::timestamptz as since
  from ${s}.runs u where ${within('u.id')} and u.part <> ${s}.part_of(u.id)
 union all${ofAll((table, id) => `
select k.${id}, format('Its part is %s, and that of rows in ${table} is %s.', u.part, k.part), null
  from (select distinct ${id}, part from ${s}.${table} where ${within(id)}) k
 cross join lateral ${runOf(`k.${id}`, s)}
 where k.part <> u.part`)}
 union all
select c.parent_id, format('At %s it has child %s in part %s, and the id gives %s.', c.place, c.child_id,
         c.child_part, ${s}.part_of(c.child_id)), c.created_at
  from ${s}.children c where ${within('c.parent_id')} and c.child_part <> ${s}.part_of(c.child_id)`,
  },
  {
    code: 'generation-ahead',
    holds: 'No row is of a later generation than its run.',
    broken: (s) => ['journal run_id', 'chunks run_id', 'calls run_id', 'subscriptions run_id',
      'children parent_id'].map((each) => each.split(' ')).map(([table, id]) => `
select k.${id} as run_id, format('It is in generation %s, and has rows of %s in ${table}.', u.generation,
         k.generation) as what, null::timestamptz as since
  from (select distinct ${id}, generation from ${s}.${table} where ${within(id ?? '')}) k
 cross join lateral ${runOf(`k.${id}`, s)}
 where k.generation > u.generation`).join('\n union all'),
  },
  {
    code: 'generation-left',
    holds: 'No call is open, and no event waited for, in a generation that has ended.',
    broken: (s) => ['calls', 'subscriptions'].map((table) => `
select k.run_id as run_id, format('It is in generation %s, and has a row of %s in ${table}, at %s.',
         u.generation, k.generation, k.place) as what, null::timestamptz as since
  from ${s}.${table} k cross join lateral ${runOf('k.run_id', s)}
 where ${within('k.run_id')} and k.generation < u.generation`).join('\n union all'),
  },
];

/** What is recorded, and what is shown. */
const recorded: readonly Invariant[] = [
  {
    code: 'position-twice',
    holds: 'Two answers of a generation never have one position.',
    broken: (s) => `
select k.run_id as run_id, format('Answers of generation %s share position %s: those at %s.', k.generation,
         k.position, left(string_agg(k.place, ', ' order by k.place), 500)) as what, max(k.ended_at) as since
  from ${s}.journal k where ${within('k.run_id')} and k.kind <> 'patch'
 group by k.run_id, k.generation, k.position having count(*) > 1`,
  },
  {
    // A transaction that was undone leaves a gap, and so does what is kept for another generation.
    code: 'position-missing',
    holds: 'A completed run without transactions has an answer at each position.',
    broken: (s) => `
select u.id as run_id, format('It has %s answers, and the last one is at position %s.', j.answers, j.last)
         as what, u.settled_at as since
  from ${s}.runs u cross join lateral (
    select count(distinct k.position) as answers, max(k.position) as last,
           bool_or(k.kind = 'transaction') as undone
      from ${s}.journal k where k.run_id = u.id and k.generation = 1 and k.kind <> 'patch') j
 where ${within('u.id')} and u.status = 'completed' and u.generation = 1
   and not j.undone and j.answers < j.last`,
  },
  {
    code: 'call-answered',
    holds: 'A run at rest has no open call beside the answer to it.',
    broken: (s) => `
select c.run_id as run_id, format('Its call at %s is open, and has an answer.', c.place) as what,
       j.ended_at as since
  from ${s}.calls c cross join lateral (
    select j.ended_at from ${s}.journal j
     where j.run_id = c.run_id and j.generation = c.generation and j.place = c.place limit 1) j
 where ${within('c.run_id')}
   and (select true from ${s}.ready r where r.id = c.run_id and ${atRest})`,
  },
  {
    code: 'chunk-missing',
    holds: 'The chunks of a stream are numbered from 0 without a hole.',
    broken: (s) => `
select k.run_id as run_id, format('Stream %s of generation %s has %s chunks, numbered from %s to %s.',
         k.stream, k.generation, count(*), min(k.seq), max(k.seq)) as what, max(k.written_at) as since
  from ${s}.chunks k where ${within('k.run_id')}
 group by k.run_id, k.generation, k.stream having min(k.seq) <> 0 or max(k.seq) <> count(*) - 1`,
  },
  {
    code: 'attribute-type',
    holds: 'An attribute has one value, in the column of its type.',
    broken: (s) => `
select k.run_id as run_id, format('Its attribute %s is a %s, and has no such value, or another.', k.name,
         k.type) as what, null::timestamptz as since
  from ${s}.attributes k
 where ${within('k.run_id')}
   and (num_nonnulls(k.text_value, k.number_value, k.time_value) <> 1
     or case k.type when 'number' then k.number_value is null when 'time' then k.time_value is null
                    when 'boolean' then k.text_value is null or k.text_value not in ('true', 'false')
                    else k.text_value is null end)`,
  },
];

/** Invariants of the rows that belong to runs. */
export const recordInvariants: readonly Invariant[] = [...belonging, ...recorded];
