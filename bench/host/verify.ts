// No figure without its proof: the rows that a workload left behind are judged by SQL, not by the engine.
import type { Database } from './database.js';

/** What must be there after a workload that ran `counting`. */
export interface Expected {
  readonly runs: number;
  readonly steps: number;
}

async function expectRows(database: Database, text: string, wanted: Record<string, number>): Promise<void> {
  const [row] = await database.rows(text);
  for (const [index, [name, value]] of Object.entries(wanted).entries()) {
    const found = Number(row?.[index]);
    if (found !== value) throw new Error(`wrong result: ${name} is ${found}, not ${value}`);
  }
}

/** Every run of `counting` completed with the right output, every step recorded once with the right value. */
export async function verifyCounting(database: Database, { runs, steps }: Expected): Promise<void> {
  await expectRows(database, `
with r as (
  select id, status, output, (input::jsonb->>'n')::bigint as n, (input::jsonb->>'steps')::bigint as steps
    from perdure.runs)
select count(*), count(distinct n),
       count(*) filter (where status = 'completed' and output::bigint = steps * n + steps * (steps + 1) / 2)
  from r`, { runs, 'different inputs': runs, 'completed with the right output': runs });
  await expectRows(database, `
select count(*),
       count(*) filter (where j.value::bigint = (r.input::jsonb->>'n')::bigint + j.position
         and j.place = j.position::text and j.error is null)
  from perdure.journal j join perdure.runs r on r.id = j.run_id`,
  { 'journal entries': runs * steps, 'right entries': runs * steps });
  await verifyNothingLeft(database);
}

/** Every run of a one-step workflow completed with what its step returned. */
export async function verifyEchoes(database: Database, runs: number): Promise<void> {
  await expectRows(database, `
select count(*), count(*) filter (where r.status = 'completed' and r.output = j.value)
  from perdure.runs r join perdure.journal j on j.run_id = r.id`, { runs, 'completed runs': runs });
  await verifyNothingLeft(database);
}

async function verifyNothingLeft(database: Database): Promise<void> {
  await expectRows(database, `
select (select count(*) from perdure.ready), (select count(*) from perdure.calls)`,
    { 'rows left in ready': 0, 'rows left in calls': 0 });
}
