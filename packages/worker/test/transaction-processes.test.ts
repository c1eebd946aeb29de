// Processes that are killed or frozen inside a transactional step, at each point where it matters. Whatever
// happens, what the function wrote is there once, with the record of the step.
import { workflow } from '@perdure/core';
import type { RunHandle } from '@perdure/client';
import { expect, test, vi } from 'vitest';
import type { ProxiedStatement } from '../../testing/dist/pg-messages.js';
import { freshStage, until, type Child } from './stage.js';

// Each of these waits for the end of a lease, which lies behind the longest time of a transaction.
vi.setConfig({ testTimeout: 90_000 });

const stage = await freshStage();
const { client, sql } = stage;
await sql('create table sold (run text, pid int)');
const sell = workflow<number, string>('sell', async () => 0);
const lease = '600 ms';

const sellers = async (runId: string): Promise<unknown[]> => (
  (await sql('select pid from sold where run = $1', [runId])).map(({ pid }) => pid));
const begun = (run: RunHandle, times = 1) => until(async () => (
  (await stage.effects(run.id)).length === times));
const told = (child: Child, event: string, run: RunHandle) => (
  child.events.filter((line) => line.event === event && line.runId === run.id));

async function expectOnceBy(run: RunHandle<number>, pid: number | undefined): Promise<void> {
  expect(await run.result()).toBe(pid);
  expect(await sellers(run.id)).toEqual([pid]);
  expect(await stage.journal(run.id)).toMatchObject([{ place: '1', value: String(pid) }]);
  expect(await sql('select status from perdure.runs where id = $1', [run.id]))
    .toEqual([{ status: 'completed' }]);
}

/** A child whose database lies behind a proxy, and the gate of its step open. */
async function proxied(): Promise<{ child: Child; hold: (where: 'request' | 'reply') => Held }> {
  const { proxy } = await stage.behindProxy();
  const child = await stage.child({ lease, url: proxy.url(stage.url) });
  const isCommit = ({ text }: ProxiedStatement): boolean => text === 'commit';
  return { child, hold: (where) => proxy.hold(isCommit, where) };
}

interface Held {
  readonly reached: Promise<void>;
  release(): void;
}

// Guards Z1: killed before COMMIT, nothing of the step has happened. Taken out (the record is not written in
// the same transaction), it is sold twice, or never.
test('a process that is killed after the write of its function has written nothing', async () => {
  const victim = await stage.child({ lease });
  const run = await client.start(sell, '3 s');
  await begun(run);
  victim.process.kill('SIGKILL');
  await victim.ended;
  const heir = await stage.child({ lease });
  await stage.open(`${run.id} ${heir.process.pid}`);
  await expectOnceBy(run, heir.process.pid);
});

test('a process that is killed before its COMMIT arrives has written nothing', async () => {
  const { child, hold } = await proxied();
  const commit = hold('request');
  const run = await client.start(sell, '3 s');
  await stage.open(`${run.id} ${child.process.pid}`);
  await commit.reached;
  expect(await sellers(run.id)).toEqual([]);
  child.process.kill('SIGKILL');
  await child.ended;
  const heir = await stage.child({ lease });
  await stage.open(`${run.id} ${heir.process.pid}`);
  await expectOnceBy(run, heir.process.pid);
});

// Guards Z1: killed after COMMIT, all of it has happened. Taken out, it is sold again.
test('a process that is killed before it hears of its COMMIT has done its step', async () => {
  const { child, hold } = await proxied();
  const commit = hold('reply');
  const run = await client.start(sell, '3 s');
  await stage.open(`${run.id} ${child.process.pid}`);
  await commit.reached;
  child.process.kill('SIGKILL');
  await child.ended;
  await stage.child({ lease });
  await expectOnceBy(run, child.process.pid);
  expect(await stage.effects(run.id)).toHaveLength(1);
});

// Guards F2 and Z1. Taken out (no limits in the transaction), the frozen process holds its run for ever;
// taken out (no fence), it sells as well when it wakes up.
test.each(['while another runs the step', 'when another has finished the run'])(
  'a process that is frozen inside its transaction writes nothing, and wakes up %s', async (when) => {
    const zombie = await stage.child({ lease });
    const run = await client.start(sell, '2 s');
    await begun(run);
    zombie.process.kill('SIGSTOP');
    const heir = await stage.child({ lease });
    await begun(run, 2);
    // The function of the zombie ends as soon as it is awake.
    await stage.open(`${run.id} ${zombie.process.pid}`);
    if (when === 'when another has finished the run') {
      await stage.open(`${run.id} ${heir.process.pid}`);
      await run.result();
    }
    zombie.process.kill('SIGCONT');
    await until(() => told(zombie, 'run.lost', run).length === 1);
    await stage.open(`${run.id} ${heir.process.pid}`);
    // The zombie may hear of its loss only when the time of the heir is up as well. Then the next attempt is
    // anybody's, also the zombie's, but under a claim of its own.
    const seller = await run.result();
    await expectOnceBy(run, seller);
    const claims = seller === zombie.process.pid ? 2 : 1;
    expect([zombie.process.pid, heir.process.pid]).toContain(seller);
    expect(told(zombie, 'run.settled', run)).toHaveLength(claims - 1);
    expect(told(zombie, 'run.claimed', run).length).toBeGreaterThanOrEqual(claims);
    // It is a worker like any other again.
    heir.process.kill('SIGKILL');
    await heir.ended;
    const next = await client.start(sell, '2 s');
    await stage.open(`${next.id} ${zombie.process.pid}`);
    await expectOnceBy(next, zombie.process.pid);
  });

// Guards Z1: the lease is extended, and the fence holds. Taken out, another process takes the run while its
// transaction is open, and both sell.
test('a process that is frozen for less than the limit of its transaction goes on', async () => {
  const sleeper = await stage.child({ lease });
  const run = await client.start(sell, '20 s');
  await begun(run);
  sleeper.process.kill('SIGSTOP');
  const other = await stage.child({ lease });
  await sql('select pg_sleep(1.5)');
  sleeper.process.kill('SIGCONT');
  await stage.open(`${run.id} ${sleeper.process.pid}`);
  await expectOnceBy(run, sleeper.process.pid);
  expect(told(other, 'run.claimed', run)).toEqual([]);
});

// Guards the lease thread (T1). Taken out (it waits for the row that the transaction holds), the leases of
// all other runs end while it waits.
test('a blocked loop keeps its other runs while one is in a transaction', async () => {
  const blocks = workflow<number, { ms: number; pid: number }>('blocks', async () => 0);
  const busy = await stage.child({ lease: '1 s' });
  const run = await client.start(sell, '20 s');
  await begun(run);
  const blocked = await client.start(blocks, { ms: 2_000, pid: busy.process.pid! });
  await until(() => told(busy, 'run.claimed', blocked).length === 1);
  const other = await stage.child({ lease: '1 s' });
  expect(await blocked.result()).toBe(busy.process.pid);
  expect(told(other, 'run.claimed', blocked)).toEqual([]);
  await stage.open(`${run.id} ${busy.process.pid}`);
  await expectOnceBy(run, busy.process.pid);
});
