// Every sample in SQL of docs/sql.md runs as it stands there.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { freshEngine } from '../../testing/test/engine.js';

const engine = await freshEngine();
const hands = new pg.Client({ connectionString: engine.url });
await hands.connect();
await hands.query('create role web');
afterAll(async () => {
  await hands.query('rollback; drop owned by web; drop role web');
  await hands.end();
});

const page = readFileSync(fileURLToPath(new URL('../../../docs/sql.md', import.meta.url)), 'utf8');
const samples = [...page.matchAll(/^```sql\n([\s\S]*?)\n```$/gm)].map(([, sample]) => sample ?? '');

test('there are samples', () => {
  expect(samples.length).toBeGreaterThanOrEqual(5);
});

test.each(samples)('%s', async (sample) => {
  await hands.query(`begin; create temporary table orders (id integer, item text);
    create temporary table users (id integer, active boolean); insert into users values (1, true);
    create temporary table new_rows (like orders); insert into new_rows values (8, 'lamp')`);
  // What stands in the body of a function is run in one.
  await hands.query(sample.startsWith('perform') ? `do $$ begin ${sample} end $$` : sample);
  if (sample.includes('create trigger')) await hands.query(`insert into orders values (7, 'lamp')`);
  const { rows } = await hands.query(`select count(*)::integer as runs from perdure.run_status
    where id in ('order-7', 'order-8', 'remind-1-2026-11')`);
  expect(rows).toEqual([{ runs: sample.includes('.start(\'') ? 1 : 0 }]);
  await hands.query('rollback');
});
