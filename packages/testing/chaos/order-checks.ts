// What must be true of orders, runs and steps when everything has settled, each as one statement of SQL.
import type pg from 'pg';

/** What was ordered and what was done to it. */
export interface Expected {
  readonly orders: number;
  /** How many kills hit each run. */
  readonly hits: ReadonlyMap<string, number>;
  /** Processes that were killed. */
  readonly killed: ReadonlySet<number>;
}

/** How often a step body ran, and where. */
interface Bodies {
  readonly run: string;
  readonly step: string;
  readonly times: number;
  readonly pids: readonly number[];
}

const rules: Record<string, string> = {
  'an order without a run, or a run without an order': `
    select o.id as order, r.id as run
      from orders o full outer join perdure.runs r on r.id = 'order-' || o.id
     where o.id is null or r.id is null`,
  'a run that did not complete':
    "select id, status, reason, error from perdure.runs where status <> 'completed'",
  'a run whose result is of another order': `
    select id, output from perdure.runs
     where output::json ->> 'tracking' is distinct from 'courier-' || substring(id from 7)`,
  'a run whose record is not its four steps in order': `
    select r.id, array_agg(j.name order by j.position) as steps
      from perdure.runs r left join perdure.journal j on j.run_id = r.id
     group by r.id
    having array_agg(j.name order by j.position) is distinct from
           array['reserve stock', 'charge card', 'book courier', 'send receipt']
        or array_agg(j.position order by j.position) is distinct from array[1, 2, 3, 4]`,
  'a step without an effect, or an effect without a step': `
    select j.run_id, j.name, e.run, e.step
      from perdure.journal j
      full outer join (select distinct run, step from effects) e on e.run = j.run_id and e.step = j.name
     where j.run_id is null or e.run is null`,
  'a step with more than one idempotency key': `
    select run, step, count(distinct key) as keys from effects group by run,
      step having count(distinct key) > 1`,
  'a step that was tried again although it never failed': 'select * from effects where attempt <> 1',
  'a row that outlived its run': `
    select id from perdure.ready union all select run_id from perdure.calls`,
};

/** Says what is wrong, one line each; nothing if all is well. */
export async function checkOrders(db: pg.ClientBase, expected: Expected): Promise<string[]> {
  const wrong: string[] = [];
  for (const [what, query] of Object.entries(rules)) {
    const { rows } = await db.query<Record<string, unknown>>(query);
    wrong.push(...rows.slice(0, 5).map((row) => `${what}: ${JSON.stringify(row)}`));
  }
  const { rows: [count] } = await db.query<{ n: number }>('select count(*)::integer as n from orders');
  if (count?.n !== expected.orders) wrong.push(`${count?.n} orders, not ${expected.orders}`);
  return [...wrong, ...await checkBodies(db, expected)];
}

// Effects are rows that are only ever added: nothing that ran twice can hide.
async function checkBodies(db: pg.ClientBase, { hits, killed }: Expected): Promise<string[]> {
  const { rows } = await db.query<Bodies>(`
    select run, step, count(*)::integer as times, array_agg(pid order by at) as pids
      from effects group by run, step having count(*) > 1`);
  return rows.flatMap(({ run, step, times, pids }) => {
    const allowed = 1 + (hits.get(run) ?? 0);
    if (times > allowed) return [`step '${step}' of ${run} ran ${times} times, at most ${allowed} allowed`];
    const survivor = pids.slice(0, -1).find((pid) => !killed.has(pid));
    if (survivor === undefined) return [];
    return [`step '${step}' of ${run} ran again although process ${survivor} was not killed`];
  });
}
