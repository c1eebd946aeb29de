// Two workers and one run: whoever writes last under an old lease writes nothing.
import { workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { collect, committing, freshStage, Gate, named, until } from './stage.js';

const stage = await freshStage();
const { client, sql } = stage;
const lease = '30 s';
const commitOf = (runId: string) =>
  named('perdure_commit', (values) => values.some((value) => value?.includes(runId)));

async function settledEpoch(runId: string): Promise<number> {
  const [row] = await sql('select settled_epoch from perdure.runs where id = $1', [runId]);
  return Number(row?.['settled_epoch']);
}

// Guards P2 and G2: a settlement is fenced by its epoch. Taken out (no comparison), the old owner settles the
// run while the new one runs it.
test('a settlement that meets a claim at the end of its lease is refused', async () => {
  const steps = new Map([['old', new Gate()], ['new', new Gate()]]);
  const owned = (who: string) => workflow('owned', async (ctx) => ctx.step('work', async () => {
    await steps.get(who)!.passed;
    return who;
  }));
  const claims = collect('perdure:run.claimed');
  const lost = collect('perdure:run.lost');
  const settled = collect('perdure:run.settled');
  const { proxy, connection } = await stage.behindProxy();
  const old = await stage.work([owned('old')], { connection, leaseDuration: lease });
  const run = await client.start(owned('old'));
  await until(() => claims.length === 1);
  const looks = proxy.hold(named('perdure_claim'), 'request');
  const held = proxy.hold(commitOf(run.id), 'request');
  steps.get('old')!.open();
  await held.reached;
  await stage.endLease(run.id);
  await stage.work([owned('new')], { leaseDuration: lease });
  await until(() => claims.length === 2);
  held.release();
  await until(() => lost.length === 1);
  expect(await run.status()).toBe('running');
  steps.get('new')!.open();
  expect(await run.result()).toBe('new');
  expect(settled).toHaveLength(1);
  expect(lost[0]!.epoch).toBe(claims[0]!.epoch);
  expect(await settledEpoch(run.id)).toBe(claims[1]!.epoch);
  looks.release();
  await old.stop();
});

// Guards P2 and K2 under real concurrency: forty runs are settled by their owner while another worker claims
// them. Each ends once, and none comes back to life. Taken out (no comparison of epochs), both
// settle some: by chance, but nearly always.
test('of settlements and claims that race, each run has one winner', async () => {
  const gate = new Gate();
  const racing = (who: string) => workflow('racing', async (ctx) => ctx.step('work', async () => {
    await gate.passed;
    return who;
  }));
  const settled = collect('perdure:run.settled');
  const { connection } = await stage.behindProxy();
  const old = await stage.work([racing('old')], { connection, leaseDuration: lease });
  const runs = await Promise.all(Array.from({ length: 40 }, () => client.start(racing('old'))));
  const running = "select from perdure.ready where workflow = 'racing' and claim is not null";
  await until(async () => (await sql(running)).length === runs.length);
  await stage.work([racing('new')], { leaseDuration: lease });
  await sql("update perdure.ready set due_at = clock_timestamp() where workflow = 'racing'");
  gate.open();
  const results = await Promise.all(runs.map((run) => run.result()));
  await until(() => settled.length >= runs.length);
  expect(new Set(settled.map(({ runId }) => runId)).size).toBe(runs.length);
  expect(settled).toHaveLength(runs.length);
  const recorded = await sql(`select id, output from perdure.runs
    where workflow = 'racing' and status = 'completed'`);
  expect(recorded).toHaveLength(runs.length);
  for (const [at, run] of runs.entries()) {
    expect(recorded.find(({ id }) => id === run.id)!['output']).toBe(JSON.stringify(results[at]));
  }
  expect(await sql("select from perdure.ready where workflow = 'racing'")).toEqual([]);
  await old.stop();
});

// Guards P2 for entries: the old owner's step is on its way while another worker claims the run. Taken out,
// the record has the old answer and the new owner's code has seen its own.
test('a step committed while another worker claims the run is recorded by one of them', async () => {
  const steps = new Map([['old', new Gate()], ['new', new Gate()], ['second', new Gate()]]);
  const two = (who: string) => workflow('two', async (ctx) => {
    const first = await ctx.step('first', async () => {
      await steps.get(who)!.passed;
      return who;
    });
    return ctx.step('second', async () => {
      await steps.get('second')!.passed;
      return `${first}, ${who}`;
    });
  });
  const claims = collect('perdure:run.claimed');
  const lost = collect('perdure:run.lost');
  const { proxy, connection } = await stage.behindProxy();
  const old = await stage.work([two('old')], { connection, leaseDuration: lease });
  const run = await client.start(two('old'));
  await until(() => claims.length === 1);
  const looks = proxy.hold(named('perdure_claim'), 'request');
  const held = proxy.hold(commitOf(run.id), 'request');
  steps.get('old')!.open();
  await held.reached;
  await stage.endLease(run.id);
  await stage.work([two('new')], { leaseDuration: lease });
  await until(() => claims.length === 2);
  held.release();
  await until(() => lost.length === 1);
  expect(await stage.journal(run.id)).toEqual([]);
  steps.get('new')!.open();
  steps.get('second')!.open();
  expect(await run.result()).toBe('new, new');
  const recorded = (await stage.journal(run.id)).map(({ value }) => value);
  expect(recorded).toEqual(['"new"', '"new, new"']);
  looks.release();
  await old.stop();
});

// Guards P3 for rests: a rest whose reply was lost is sent again after the run was woken. Taken out (no
// comparison of epochs), the second sending undoes the wake, and the run sleeps for an hour; or (no
// `already`) the worker believes the run lost.
test('a rest that is sent again does not undo a wake', async () => {
  const sleeper = workflow('sleeper', async (ctx) => ctx.sleep('1 hour'));
  const claims = collect('perdure:run.claimed');
  const lost = collect('perdure:run.lost');
  const { proxy, connection } = await stage.behindProxy();
  const rests = committing('rest');
  const cut = proxy.cutAfter(rests);
  const worker = await stage.work([sleeper], { connection, leaseDuration: lease });
  const run = await client.start(sleeper);
  await cut.happened;
  const again = proxy.hold(rests, 'request');
  const looks = proxy.hold(named('perdure_claim'), 'request');
  await again.reached;
  const [rested] = await sql('select epoch, due_at from perdure.ready where id = $1', [run.id]);
  await stage.connection.store.wake([run.id]);
  again.release();
  // The answer to the second sending ends the turn: the worker holds no run any more.
  await until(() => worker.health().activeRuns === 0);
  const [woken] = await sql(`select epoch, due_at <= clock_timestamp() as due from perdure.ready
    where id = $1`, [run.id]);
  expect(woken).toEqual({ epoch: rested!['epoch'], due: true });
  expect(lost).toEqual([]);
  looks.release();
  await until(() => claims.length === 2);
  expect(claims[1]).toMatchObject({ runId: run.id, strikes: 0 });
  await worker.stop();
});

// Guards the epochs of §3: they never repeat, not even where an id is deleted and used again. Taken out
// (epochs that count from 1), the frozen worker's answer goes into the record of the new run.
test('a frozen worker cannot write into a run that has taken its id', async () => {
  const steps = new Map([['old', new Gate()], ['new', new Gate()]]);
  const order = (who: string) => workflow('order', async (ctx) => {
    const packed = await ctx.step('pack', async () => {
      await steps.get(who)!.passed;
      return who;
    });
    await ctx.step('ship', () => packed);
    return packed;
  });
  const claims = collect('perdure:run.claimed');
  const lost = collect('perdure:run.lost');
  const { proxy, connection } = await stage.behindProxy();
  const old = await stage.work([order('old')], { connection, leaseDuration: lease });
  await client.start(order('old'), undefined, { id: 'order-1' });
  await until(() => claims.length === 1);
  const held = proxy.hold(commitOf('order-1'), 'request');
  const looks = proxy.hold(named('perdure_claim'), 'request');
  steps.get('old')!.open();
  await held.reached;
  for (const table of ['runs where id', 'ready where id', 'journal where run_id', 'calls where run_id']) {
    await sql(`delete from perdure.${table} = 'order-1'`);
  }
  // On a Connection of its own, so that the run is claimed and not born leased.
  await stage.work([order('new')], { connection: await stage.connect(), leaseDuration: lease });
  const run = await client.start(order('new'), undefined, { id: 'order-1' });
  await until(() => claims.length === 2);
  held.release();
  await until(() => lost.length === 1);
  expect(await stage.journal('order-1')).toEqual([]);
  steps.get('new')!.open();
  expect(await run.result()).toBe('new');
  expect((await stage.journal('order-1')).map(({ value }) => value)).toEqual(['"new"', '"new"']);
  expect(claims[1]!.epoch).toBeGreaterThan(claims[0]!.epoch);
  looks.release();
  await old.stop();
});
