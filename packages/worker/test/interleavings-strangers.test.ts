// Other people's transactions delay the run or the id that they hold, and nobody else.
import { workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { collect, freshStage, Gate, until } from './stage.js';

const stage = await freshStage();
const { client, pool, sql } = stage;

// Guards the fence of §4: rows are locked by `skip locked`. Taken out, a whole commit waits for the stranger.
test("a stranger's lock on one run does not stall a thousand others", async () => {
  const gate = new Gate();
  const waiting = workflow('waiting', async (ctx) => ctx.step('wait', () => gate.passed));
  const began = collect('perdure:step.started');
  const settled = collect('perdure:run.settled');
  await stage.work([waiting], { concurrency: 1_100, leaseDuration: '30 s' });
  const runs = await Promise.all(Array.from({ length: 1_001 }, () => client.start(waiting)));
  await until(() => began.length === runs.length);
  const stranger = await pool.connect();
  await stranger.query('begin');
  const [held, ...others] = runs;
  await stranger.query('select from perdure.ready where id = $1 for update', [held!.id]);
  gate.open();
  await until(() => settled.length === others.length);
  expect(settled.map(({ runId }) => runId)).not.toContain(held!.id);
  expect(await held!.status()).toBe('running');
  await stranger.query('rollback');
  stranger.release();
  await held!.result();
  expect(await sql("select from perdure.runs where workflow = 'waiting' and status = 'completed'"))
    .toHaveLength(runs.length);
});

// Guards the second lane of §4: a start waits shortly for a stranger's id, and then alone. Taken out (no lock
// timeout), the other starts of its batch wait for the stranger.
test.each([
  'commit', 'rollback',
])("a stranger's open start of an id holds up that id alone, until its %s", async (end) => {
  const order = workflow('order', async () => end);
  const id = `order-1 ${end}`;
  await stage.work([order]);
  const stranger = await pool.connect();
  await stranger.query('begin');
  await client.start(stranger, order, undefined, { id });
  let known = false;
  const wanted = client.start(order, undefined, { id }).then((handle) => {
    known = true;
    return handle;
  });
  const chosen = Array.from({ length: 50 }, (_, at) => client.start(order, undefined, { id: `${id} ${at}` }));
  const made = Array.from({ length: 50 }, () => client.start(order));
  const others = await Promise.all([...chosen, ...made]);
  await Promise.all(others.map((run) => run.result()));
  expect(known).toBe(false);
  await stranger.query(end);
  stranger.release();
  expect(await (await wanted).result()).toBe(end);
  expect(await sql('select from perdure.runs where id = $1', [id])).toHaveLength(1);
});
