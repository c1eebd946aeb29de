// Runs that go on as new, on PostgreSQL: what stands in the tables, and which code takes the next generation.
import { type, workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshEngine, until } from '../../testing/test/engine.js';

const engine = await freshEngine();

const counter = workflow('counter', async (ctx, n: number): Promise<number> => {
  await ctx.step('count', () => n);
  return n < 200 ? ctx.continueAsNew(n + 1) : ctx.attempt;
});

test('two hundred generations leave the rows of two', async () => {
  const worker = await engine.work([counter]);
  const run = await engine.client.start(counter, 1);
  expect(await run.result()).toBe(200);
  const rows = await engine.sql(
    'select generation, place from perdure.journal where run_id = $1 order by 1', [run.id]);
  expect(rows).toEqual([199, 200].map((generation) => ({ generation, place: '1' })));
  expect(await engine.sql('select 1 from perdure.calls')).toEqual([]);
  await worker.stop();
});

const watched = (version: string) => (
  workflow({ name: 'watched', version, signals: { note: type<string>() } }, async (ctx, said: string[]) => {
    const note = await ctx.waitFor('note');
    if (note === 'end') return said;
    return ctx.continueAsNew([...said, `${note} by ${version}`]);
  }));
const [v1, v2] = [watched('1'), watched('2')];

test('the next generation is taken by the newest code, and has the signals of the last', async () => {
  const first = await engine.work([v1]);
  const run = await engine.client.start(v1, []);
  await until(async () => await run.status() === 'waiting');
  await first.stop();
  for (const note of ['a', 'b', 'end']) await run.signal('note', note);
  await engine.work([v2, v1]);
  expect(await run.result()).toEqual(['a by 1', 'b by 2']);
});
