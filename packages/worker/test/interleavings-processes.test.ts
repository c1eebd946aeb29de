// Workers that are killed, frozen or blocked, in processes of their own.
import type { RunHandle } from '@perdure/client';
import { workflow } from '@perdure/core';
import { expect, test, vi } from 'vitest';
import { freshStage, until, type Child } from './stage.js';

// A poisoned run takes a worker down six times, and each time its lease has to end.
vi.setConfig({ testTimeout: 90_000 });

const stage = await freshStage();
const { client, sql } = stage;
const innocent = workflow<string>('innocent', async () => '');
const poison = workflow('poison', async () => undefined);
const threeSteps = workflow<number[]>('three steps', async () => []);
const blocks = workflow<number, { ms: number; pid: number }>('blocks', async () => 0);

/** What `child` published about a run. */
function told(child: Child, event: string, runId: string): readonly Record<string, unknown>[] {
  return child.events.filter((line) => line.event === event && line.runId === runId);
}

// Guards the quarantine (Q1, Q2). Taken out, the innocents are claimed beside the poison again and again,
// are parked with it, or never get done.
test('a run that kills its process takes none of a hundred innocents along', async () => {
  const runs = await Promise.all(Array.from({ length: 100 }, (_, at) =>
    at === 50 ? client.start(poison) : client.start(innocent)));
  const bad = runs[50]!;
  const parked = async (): Promise<boolean> => await bad.status() === 'parked';
  let deaths = 0;
  while (!await parked()) {
    const child = await stage.child({ lease: '500 ms' });
    await Promise.race([child.ended.then(() => deaths++), until(parked)]);
  }
  await Promise.all(runs.filter((run) => run !== bad).map((run) => run.result()));
  // One death in company, five alone; more only where a death took longer than its probation.
  expect(deaths).toBeGreaterThanOrEqual(6);
  expect(await sql("select distinct status from perdure.runs where workflow = 'innocent'"))
    .toEqual([{ status: 'completed' }]);
  await expect(bad.result()).rejects.toMatchObject({ code: 'POISONED' });
  expect(await stage.effects(bad.id)).toHaveLength(deaths);
  // What dies alone interrupts nobody twice: steps of innocents ran once, and at most once again.
  const [most] = await sql(`select max(ran) from (select count(*)::int as ran from effects
    where run <> $1 group by run, step) as each`, [bad.id]);
  expect(most!['max']).toBeLessThanOrEqual(deaths - 4);
});

// Guards P2 where a whole process sleeps through the end of its lease. Taken out (no comparison of epochs),
// its answer is recorded although another worker has run the step.
test.each(['runs', 'has finished'])('a zombie is refused while another worker %s the run', async (state) => {
  const lease = '600 ms';
  const zombie = await stage.child({ lease });
  const { pid } = zombie.process;
  const run = await client.start(threeSteps);
  await until(async () => (await stage.effects(run.id)).length === 1);
  zombie.process.kill('SIGSTOP');
  const heir = await stage.child({ lease });
  await until(() => told(heir, 'run.claimed', run.id).length === 1);
  const pass = (step: string, who?: number): Promise<void> => stage.open(`${run.id} ${step} ${who}`);
  // The zombie's body ends as soon as it is awake.
  await pass('one', pid);
  await until(async () => (await stage.effects(run.id)).length === 2);
  if (state === 'has finished') {
    for (const step of ['one', 'two', 'three']) await pass(step, heir.process.pid);
    await run.result();
  }
  zombie.process.kill('SIGCONT');
  await until(() => told(zombie, 'run.lost', run.id).length === 1);
  for (const step of ['one', 'two', 'three']) await pass(step, heir.process.pid);
  expect(await run.result()).toEqual(Array(3).fill(heir.process.pid));
  const recorded = (await stage.journal(run.id)).map(({ value }) => Number(value));
  expect(recorded).toEqual(Array(3).fill(heir.process.pid));
  expect(told(zombie, 'run.settled', run.id)).toEqual([]);
  const [epoch] = await sql('select settled_epoch from perdure.runs where id = $1', [run.id]);
  expect(Number(epoch!['settled_epoch'])).toBe(told(heir, 'run.claimed', run.id)[0]!['epoch']);
  // It is a worker like any other again.
  heir.process.kill('SIGKILL');
  expect(await client.execute(innocent)).toBe('well');
});

/** Starts a run whose step blocks the loop of a worker as soon as it is claimed, beside a second worker. */
async function block(
  lease: string, ms: number,
): Promise<{ run: RunHandle<number>; blocked: Child; other: Child }> {
  const blocked = await stage.child({ lease });
  const run = await client.start(blocks, { ms, pid: blocked.process.pid! });
  await until(async () => await run.status() === 'running');
  return { run, blocked, other: await stage.child({ lease }) };
}

// Guards T1: the lease thread renews while the main loop cannot. Taken out, the other worker claims the run
// at the end of its lease and runs the step again.
test('a step that blocks the loop for two leases keeps its run', async () => {
  const { run, blocked, other } = await block('1 s', 2_000);
  expect(await run.result()).toBe(blocked.process.pid);
  expect(told(other, 'run.claimed', run.id)).toEqual([]);
  expect(told(blocked, 'run.lost', run.id)).toEqual([]);
  expect(await stage.effects(run.id)).toHaveLength(1);
});

// Guards T2: past the main-loop limit the thread hands the run over, without a strike. Taken out (it renews
// for ever), the other worker never gets it.
test('a step that blocks the loop past its limit loses its run, and is named', async () => {
  const { run, blocked, other } = await block('700 ms', 3_500);
  expect(await run.result()).toBe(other.process.pid);
  expect(told(other, 'run.claimed', run.id)).toMatchObject([{ strikes: 0 }]);
  await until(() => told(blocked, 'run.lost', run.id).length === 1);
  expect(told(blocked, 'run.lost', run.id)).toMatchObject([{ blockedBy: ['busy'] }]);
  expect(told(blocked, 'run.settled', run.id)).toEqual([]);
});
