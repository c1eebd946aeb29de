// Replies that are lost after the server was done, and a database that is away for a while.
import { createClient, type RunHandle } from '@perdure/client';
import { workflow, type EngineEvents, type Workflow } from '@perdure/core';
import { beforeEach, expect, test } from 'vitest';
import { collect, committing, freshStage, Gate, named, until } from './stage.js';

const stage = await freshStage();
const { client, sql } = stage;

/** A workflow of three steps and a short sleep, that counts how often each body ran. */
function counting(name: string, bodies: Map<string, number>): Workflow<void, void, string> {
  return workflow(name, async (ctx) => {
    for (const step of ['one', 'two', 'three']) {
      await ctx.step(step, async () => {
        const key = `${ctx.runId} ${step}`;
        bodies.set(key, (bodies.get(key) ?? 0) + 1);
      });
      if (step === 'two') await ctx.sleep('20 ms');
    }
    return 'done';
  });
}

/** What must be true of runs of `workflow` however often anything was sent. */
async function expectOnce(runs: readonly RunHandle[], bodies: Map<string, number>): Promise<void> {
  const { workflow: name } = runs[0]!;
  await Promise.all(runs.map((run) => run.result()));
  expect([...bodies.values()]).toEqual(Array(3 * runs.length).fill(1));
  const stored = await sql('select status from perdure.runs where workflow = $1', [name]);
  expect(stored).toEqual(runs.map(() => ({ status: 'completed' })));
  expect(await sql('select from perdure.ready where workflow = $1', [name])).toEqual([]);
  await until(() => settled.length >= runs.length);
  expect(settled).toHaveLength(runs.length);
  expect(claims.filter(({ strikes }) => strikes > 0)).toEqual([]);
  // Where the answer to a rest was lost, the run may be due, and ours again, before the rest is sent again.
  if (name !== 'commit rest') expect(lost).toEqual([]);
}

let claims: EngineEvents['perdure:run.claimed'][];
let lost: EngineEvents['perdure:run.lost'][];
let settled: EngineEvents['perdure:run.settled'][];
beforeEach(() => {
  claims = collect('perdure:run.claimed');
  lost = collect('perdure:run.lost');
  settled = collect('perdure:run.settled');
});

// Guards P3 of commits: entries by place, rests and settlements by epoch. Taken out (no `already`), runs
// whose settlement or rest stood are given up as lost.
const acts = ['settle', 'rest', 'entries'] as const;
test.each(acts)('a lost reply to a commit with %s doubles nothing', async (act) => {
  const bodies = new Map<string, number>();
  const { proxy, connection } = await stage.behindProxy();
  const flow = counting(`commit ${act}`, bodies);
  const worker = await stage.work([flow], { connection, leaseDuration: '20 s' });
  const cut = proxy.cutAfter(committing(act), 2);
  const runs = await Promise.all(Array.from({ length: 20 }, () => client.start(flow)));
  await cut.happened;
  await expectOnce(runs, bodies);
  await worker.stop();
});

// Guards L2: a claim whose answer was lost is recalled under its id. Taken out, its runs wait for the end of
// their lease and come back with a strike.
test('a lost reply to a claim doubles nothing, and its runs are not given up', async () => {
  const bodies = new Map<string, number>();
  const { proxy, connection } = await stage.behindProxy();
  const flow = counting('claim', bodies);
  const looks = proxy.hold(named('perdure_claim'), 'request');
  const worker = await stage.work([flow], { connection, leaseDuration: '20 s' });
  await looks.reached;
  const runs = await Promise.all(Array.from({ length: 20 }, () => client.start(flow)));
  // The look for suspects asks for one run; the one in line for as many as there are slots.
  const cut = proxy.cutAfter(named('perdure_claim', (values) => values[9] !== '1'));
  looks.release();
  await cut.happened;
  expect(claims).toEqual([]);
  const taken = "select from perdure.ready where workflow = 'claim' and claim is not null";
  expect(await sql(taken)).toHaveLength(20);
  await expectOnce(runs, bodies);
  await worker.stop();
});

// Guards P3 of starts, and A3: a run born leased is recalled where nobody knows whether it was. Taken out,
// the caller gets an error although its run exists, or the run waits for the end of its lease.
test.each([
  ['many starts', 20, 'with a worker'], ['one start', 1, 'with a worker'],
  ['many starts', 20, 'alone'], ['one start', 1, 'alone'],
])('a lost reply to %s (%i) of a process %s doubles nothing', async (what, count, company) => {
  const bodies = new Map<string, number>();
  const { proxy, connection } = await stage.behindProxy();
  const flow = counting(`${what} ${company}`, bodies);
  const worker = await stage.work([flow],
    { connection: company === 'alone' ? stage.connection : connection, leaseDuration: '20 s' });
  await until(() => worker.health().lastPollAt !== null);
  const cut = proxy.cutAfter(named(count === 1 ? 'perdure_start_one' : 'perdure_start_many'));
  const starter = createClient({ connection });
  const runs = await Promise.all(Array.from({ length: count }, (_, at) =>
    starter.start(flow, undefined, { id: `${flow.name} ${at}` })));
  expect(cut.count).toBe(1);
  await expectOnce(runs, bodies);
  await worker.stop();
});

// Guards the instant of an answer (§4, time): sent again it keeps the time it first had. Taken out, now()
// after a lost reply is not the now() of a replay.
test('the time of an answer is the same before and after a lost reply', async () => {
  const { proxy, connection } = await stage.behindProxy();
  const clock = workflow('clock', async (ctx) => {
    await ctx.step('tick', () => 'tock');
    return ctx.now().getTime();
  });
  const worker = await stage.work([clock], { connection, leaseDuration: '20 s' });
  // From its first run the engine learns that this code asks for the time, and shows it no answer too soon.
  await client.execute(clock);
  const cut = proxy.cutAfter(committing('entries'));
  const run = await client.start(clock);
  await cut.happened;
  const seen = await run.result();
  const recorded = await sql(`select round(extract(epoch from ended_at) * 1000000)::text as at
    from perdure.journal where run_id = $1 and name = 'tick'`, [run.id]);
  expect(seen).toBe(Math.trunc(Number(recorded[0]!['at']) / 1_000));
  await worker.stop();
});

// Guards C2 and the outage of §6: workers wait without limit, say so once, and lose nothing.
test.each(['refuses', 'swallows everything'])('a database that %s for a while loses nothing', async (how) => {
  const bodies = new Map<string, number>();
  const away = collect('perdure:database.unavailable');
  const back = collect('perdure:database.back');
  const { proxy, connection } = await stage.behindProxy({ deadlineMs: 400 });
  const gate = new Gate();
  const began = collect('perdure:step.started');
  const flow = workflow(how, async (ctx) => {
    await ctx.step('before', () => void bodies.set(ctx.runId, (bodies.get(ctx.runId) ?? 0) + 1));
    await ctx.step('during', () => gate.passed);
    return ctx.step('after', () => void bodies.set(ctx.runId, (bodies.get(ctx.runId) ?? 0) + 1));
  });
  const worker = await stage.work([flow], { connection, leaseDuration: '20 s' });
  const runs = await Promise.all(Array.from({ length: 20 }, () => client.start(flow)));
  await until(() => began.filter(({ step }) => step === 'during').length === runs.length);
  const down = async (on: boolean): Promise<void> => (
    how === 'refuses' ? proxy.refuse(on) : proxy.blackhole(on));
  await down(true);
  gate.open();
  await until(() => away.length === 1 && !worker.health().ok);
  // Long enough for several tries of everything.
  await sql('select pg_sleep(1.5)');
  const done = "select from perdure.runs where workflow = $1 and status = 'completed'";
  expect(await sql(done, [how])).toEqual([]);
  await down(false);
  await Promise.all(runs.map((run) => run.result()));
  await until(() => worker.health().ok);
  expect([away.length, back.length]).toEqual([1, 1]);
  expect([...bodies.values()]).toEqual(runs.map(() => 2));
  await worker.stop();
});
