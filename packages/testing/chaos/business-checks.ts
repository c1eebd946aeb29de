// What must be true of the business when everything has settled. Each rule is one statement of SQL that lists
// what breaks it; what clients know and what processes lost is laid beside it as tables first.
import type pg from 'pg';
import type { Book } from './book.js';
import { expected, type Item, type Notes } from './business.js';

const rules: Readonly<Record<string, string>> = {
  // 1, 6: a start in a transaction is there with the order, or neither is.
  'an order without a run, or a run without an order': `
    select o.id as "order", r.id as run from orders o full outer join
           (select id from perdure.runs where id like 'tx-%' and parent_id is null and workflow <> 'audit') r
           on r.id = o.id
     where o.id is null or r.id is null`,
  'a deed that a client knows was done, and was not': `
    select k.* from known k where k.known = 'ok' and k.what like 'start%'
       and not exists (select from perdure.runs r where r.id = k.run)
    union all
    select k.* from known k where k.known = 'ok' and k.what = 'note' and not exists (
      select from perdure.messages m where m.run_id = k.run and m.id = 'signal:note-' || k.seq)
    union all
    select k.* from known k where k.known = 'ok' and k.what = 'cancel' and not exists (
      select from perdure.messages m where m.run_id = k.run and m.kind = 'cancel')`,
  'a deed that a client knows was not done, and was': `
    select k.* from known k join perdure.runs r on r.id = k.run
     where k.known = 'failed' and k.what like 'start%'`,
  // 10, 13, 8: what triggers saw.
  'a row that changed although it never does': 'select what, run, facts from broken limit 5',
  // 11
  'a row that outlived its run': `
    select id as run, 'ready' as what from perdure.ready union all select run_id, 'calls' from perdure.calls
    union all select run_id, 'subscriptions' from perdure.subscriptions`,
  // 17
  'a result that a client heard, and the run does not have': `
    select h.run, h.result, r.output from heard h join perdure.runs r on r.id = h.run
     where r.codec = 'json' and r.output_codec = 'json' and r.output::jsonb is distinct from h.result::jsonb`,
  // 19
  'a transaction that was not exactly once': `
    select j.run_id, j.generation, j.name, count(p.run) as payments from perdure.journal j
      left join payments p on (p.run, p.generation, p.step) = (j.run_id, j.generation, j.name)
     where j.kind = 'transaction' and j.error is null
     group by 1, 2, 3 having count(p.run) <> 1`,
  'a payment without an answer': `
    select p.* from payments p where not exists (
      select from perdure.journal j where (j.run_id, j.generation, j.name) = (p.run, p.generation, p.step)
         and j.kind = 'transaction')
       and exists (select from perdure.runs r where r.id = p.run and r.generation = p.generation)`,
  'money that came from nowhere': `
    select a.id, a.balance, coalesce(sum(p.amount), 0) as paid from accounts a
      left join payments p on p.account = a.id group by 1, 2 having a.balance <> coalesce(sum(p.amount), 0)`,
  'a run started in a step without its answer, or an answer without the run': `
    select p.run, r.id from (select * from payments where step = 'charge') p full outer join
           (select * from perdure.runs where workflow = 'audit') r on r.id = p.run || '-audit'
     where p.run is null or r.id is null`,
  // 20
  'a step with an answer and no effect': `
    select j.run_id, j.generation, j.name from perdure.journal j join perdure.runs r on r.id = j.run_id
     where j.kind = 'step' and j.error is null and not exists (
       select from effects e where e.run = j.run_id and e.generation = j.generation and e.step = j.name)`,
  'an attempt that ran twice in one claim': `
    select run, key, attempt, pid, claim, count(*) from effects
     group by 1, 2, 3, 4, 5 having count(*) > 1`,
  // One of the two is a worker that the lease went away from: the one before, or one that did not know yet.
  'a body that ran again although no worker of it died or lost the run': `
    select e.run, e.step, e.attempt, e.pid, e.at, l.pid as later, l.at as later_at from effects e
      join effects l on (l.run, l.key, l.attempt) = (e.run, e.key, e.attempt) and l.at > e.at
     where e.pid not in (select pid from dead) and l.pid not in (select pid from dead)
       and not exists (select from lost x where x.pid in (e.pid, l.pid) and x.run = e.run)`,
  // 22
  'a key that is not that of its step alone': `
    select key, count(distinct (run, generation, step)) as steps from effects group by key
    having count(distinct (run, generation, step)) > 1
    union all
    select min(run || ' ' || step), count(distinct key) from effects
     where step <> 'item' group by run, generation, step having count(distinct key) > 1`,
  // 23
  'an effect after the end of its run': `
    select e.run, e.step, e.at, r.settled_at from effects e join perdure.runs r on r.id = e.run
     where r.generation = e.generation and r.status = 'completed' and e.at > r.settled_at
       and not exists (select from lost x where x.pid = e.pid and x.run = e.run)`,
  // 31, 33
  'a signal that was taken twice, or not kept': `
    select m.run_id, m.id, count(j.run_id) as taken, count(b.id) as kept from perdure.messages m
      left join perdure.journal j on j.run_id = m.run_id and j.message = m.id
      left join perdure.inbox b on b.run_id = m.run_id and b.id = m.id
     where m.kind = 'signal' group by 1, 2 having count(j.run_id) > 1 or count(j.run_id) + count(b.id) <> 1`,
  // 34, 35
  'a child that nobody is tied to, or a parent that heard otherwise than its child says': `
    select k.parent_id, k.place, k.child_id, j.value, c.output from perdure.children k
      left join perdure.runs c on c.id = k.child_id
      left join perdure.journal j on (j.run_id, j.generation, j.place) = (k.parent_id, k.generation, k.place)
     where c.id is null
        or (j.value is not null and j.codec = c.output_codec and j.kind = 'result' and j.value <> c.output)`,
  'a place with two children': `
    select parent_id, parent_generation, parent_place, count(*) from perdure.runs
     where parent_place is not null group by 1, 2, 3 having count(*) > 1`,
  // Sagas: what was done and not brought to its end was undone.
  'a saga that was not undone': `
    select r.id, r.status, array_agg(j.name order by j.position) as steps
      from perdure.runs r join perdure.journal j on j.run_id = r.id and j.generation = r.generation
     where r.workflow = 'saga' and r.status in ('failed', 'cancelled') and j.error is null
     group by 1, 2
    having count(*) filter (where j.name = 'undo flight') <> count(*) filter (where j.name = 'flight')
        or count(*) filter (where j.name = 'undo hotel') <> count(*) filter (where j.name = 'hotel')`,
  'a run that ended otherwise than its code says': `
    select id, workflow, status, reason, error from perdure.runs
     where not case workflow when 'leak' then status = 'parked' and reason = 'POISONED'
                 when 'saga' then status in ('completed', 'failed', 'cancelled')
                 else status = 'completed' end`,
};

/** Lays what was heard beside the tables, and says what is wrong, one line each; nothing if all is well. */
export async function checkBusiness(db: pg.ClientBase, book: Book): Promise<string[]> {
  await layBeside(db, book);
  const wrong: string[] = [];
  for (const [what, query] of Object.entries(rules)) {
    const { rows } = await db.query<Record<string, unknown>>(query);
    wrong.push(...rows.slice(0, 4).map((row) => `${what}: ${JSON.stringify(row)}${storyOf(book, row)}`));
    if (rows.length > 4) wrong.push(`${what}: and ${rows.length - 4} more`);
  }
  return [...wrong, ...await checkOutcomes(db)];
}

/** What was heard of the run that a rule found. */
function storyOf({ stories }: Book, row: Readonly<Record<string, unknown>>): string {
  const story = stories.get(String(row['run'] ?? row['run_id'] ?? row['id']));
  return story === undefined ? '' : ` (heard: ${story.join(', ')})`;
}

async function layBeside(db: pg.ClientBase, book: Book): Promise<void> {
  await db.query(`
    create temp table known (what text, run text, seq integer, known text, why text);
    create temp table heard (run text, result text);
    create temp table dead (pid integer);
    create temp table lost (pid integer, run text)`);
  const known = [...book.knowledge.values()].map(({ deed, known: state, why }) => ({
    what: deed.what, run: deed.runId, seq: 'seq' in deed ? deed.seq : null, known: state, why: why ?? null,
  }));
  const into = (table: string, rows: readonly unknown[]): Promise<unknown> => db.query(
    `insert into ${table} select * from json_populate_recordset(null::${table}, $1::json)`,
    [JSON.stringify(rows)]);
  await into('known', known);
  await into('heard', book.results.map(({ runId, result }) => ({ run: runId, result })));
  await into('dead', [...book.dead].map((pid) => ({ pid })));
  await into('lost', [...book.lost].map((line) => {
    const [pid, run] = line.split(' ');
    return { pid: Number(pid), run };
  }));
}

interface Outcome {
  readonly id: string;
  readonly workflow: string;
  readonly input: string;
  readonly output: string;
}

/** What runs returned, against what the same code returns without an engine. */
async function checkOutcomes(db: pg.ClientBase): Promise<string[]> {
  const { rows } = await db.query<Outcome>(
    "select id, workflow, input, output from perdure.runs where status = 'completed' and codec = 'json'");
  return rows.flatMap(({ id, workflow, input, output }) => {
    const found: unknown = JSON.parse(output);
    const wanted = workflow === 'approval' ? inOrder(found as Notes)
      : workflow === 'saga' ? `booked ${(JSON.parse(input) as Item).n}`
        // It counts 3 + 2 + 1 + 0 through its generations.
        : workflow === 'count' ? 6 : expected[workflow]?.(JSON.parse(input) as never);
    if (JSON.stringify(found) === JSON.stringify(wanted)) return [];
    return [`run ${id} of ${workflow} returned ${output}, not ${JSON.stringify(wanted)}`];
  });
}

// 32: the notes of one sender come in the order in which they were sent, none twice, and none is left out
// before one that came.
function inOrder({ seqs, closed }: Notes): Notes {
  return { seqs: seqs.map((_seq, at) => at + 1), closed };
}
