// What is explained of runs on PostgreSQL, where clocks run by themselves.
import { workflow, type Ctx } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshEngine, Gate, until } from '../../testing/test/engine.js';
import { declined, hourly } from './explained-runs.js';

const { client, sql, work } = await freshEngine();

const at = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z';

/** Waits until a run is explained like this; `<in>` and `<ago>` stand for any instant ahead and past. */
async function explained(id: string, sentence: string): Promise<void> {
  const text = sentence.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('<in>', `${at} \\(in [^)]+\\)`).replaceAll('<ago>', `${at} \\([^)]+ ago\\)`);
  const wanted = new RegExp(`^Run '${id}' of workflow '${text}\\.$`);
  let last = '';
  const found = async (): Promise<boolean> => {
    last = await client.get({ id, workflow: 'any' }).explain();
    return wanted.test(last);
  };
  const end = Date.now() + 15_000;
  await until(async () => await found() || Date.now() > end);
  expect(last).toMatch(wanted);
}

/** Runs some code under a name of its own, which is the id of its run as well. */
async function run(name: string, code: (ctx: Ctx) => Promise<unknown>): Promise<void> {
  await work([workflow(name, code)]);
  await client.start(workflow(name, code), undefined, { id: name });
}

test('an unknown id', async () => {
  const nobody = client.get({ id: 'nobody', workflow: 'x' });
  expect(await nobody.explain()).toContain("There is no run 'nobody' in ");
});

test('waits', async () => {
  await run('nap', (ctx) => ctx.sleep('1 hour'));
  await explained('nap', "nap' sleeps until <in>");
  await run('mail', (ctx) => ctx.waitFor('paid' as never));
  await explained('mail', "mail' waits for signal 'paid' without a limit");
  await run('both', (ctx) => ctx.all({
    charge: (branch) => branch.step('charge', { retry: hourly }, declined),
    event: (branch) => branch.waitForEvent('shipped', { timeout: '1 day' }),
  }));
  await explained('both', "both' has 2 waits open: it tries step 'charge' again at <in>, which failed 1 " +
    "time so " +
    "far, the last time with CardError: declined; it waits for event 'shipped' until <in>");
});

test('a chain of children', async () => {
  const pay = workflow('pay', async (ctx) => ctx.waitFor('paid' as never));
  await work([pay]);
  await run('parent', (ctx) => ctx.execute(pay));
  await explained('parent', "parent' waits for child 'parent/1/1' of workflow 'pay', which waits for " +
    "signal " +
    "'paid' without a limit");
  await run('named', (ctx) => ctx.execute(pay, undefined, { id: 'my-pay' }));
  await explained('named', "named' waits for a child of workflow 'pay'; its only unfinished one, " +
    "'my-pay', waits " +
    "for signal 'paid' without a limit");
});

test('nobody serves it, somebody does, and it is done', async () => {
  const hello = workflow({ name: 'hello', version: '2' }, async (ctx) => ctx.step('s', () => 1));
  await work([workflow({ name: 'other', version: '1' }, async () => 1)]);
  await client.start(hello, undefined, { id: 'hello' });
  await explained('hello', "hello' is due since <ago> and was never claimed; no worker that serves " +
    "workflow " +
    "'hello', in queue 'default' is online (none is known; the 1 that is online serves 'other' version '1')");
  await work([hello]);
  await explained('hello', "hello' (version '2') completed at <ago>");
});

test('a worker that has stopped is not online', async () => {
  const wf = workflow('stopped', async () => 1);
  const worker = await work([wf]);
  await until(async () => (await sql('select 1 from perdure.workers')).length === 1);
  await worker.stop();
  await client.start(wf, undefined, { id: 'stopped' });
  await explained('stopped', "stopped' is due since <ago> and was never claimed; no worker that serves " +
    "workflow " +
    "'stopped', in queue 'default' is online (none is known; nor is any other)");
});

test('slots, a lease, and its end', async () => {
  const gate = new Gate();
  const slow = workflow('slow', async (ctx) => {
    await ctx.step('first', () => 1);
    await ctx.step('second', () => gate.passed);
  });
  const worker = await work([slow], { concurrency: 1, leaseDuration: '1 hour' });
  await client.start(slow, undefined, { id: 'one' });
  await explained('one', "slow' is running; it began at <ago>; its last answer, step 'first', is of " +
    "<ago>; its " +
    'lease ends at <in> unless it is renewed');
  await client.start(slow, undefined, { id: 'two' });
  await explained('two', "slow' is due since <ago> and was never claimed; it waits for a free one: the 1 " +
    "worker " +
    'that serves it has 1 slot, with 1 run running');
  // Full, the worker looks for nothing: the lease ends, and nobody moves the run.
  await sql("update perdure.ready set due_at = clock_timestamp() - interval '1 s' where id = 'one'");
  await explained('one', "slow' lost its worker, which stopped answering: its lease ended at <ago>; " +
    "another " +
    'worker takes it over at its next look');
  gate.open();
  await worker.stop();
});

test('a cancel, and a mistake', async () => {
  await run('cancelled', async (ctx) => {
    try {
      await ctx.waitFor('never' as never);
    } finally {
      await ctx.sleep('1 hour');
    }
  });
  await explained('cancelled', "cancelled' waits for signal 'never' without a limit");
  await client.get({ id: 'cancelled', workflow: 'cancelled' }).cancel('sold out');
  await explained('cancelled', "cancelled' was cancelled at <ago> (sold out) and cleans up: it sleeps " +
    "until <in>");
  await run('parked', async (ctx) => {
    void ctx.sleep('1 day');
  });
  await explained('parked', "parked' was parked at <ago> as UNAWAITED_CALL: nobody awaited sleep 1 " +
    "'sleep', and " +
    'the workflow function has returned. Await it, or await a Promise.all that contains it; deploy ' +
    'corrected code and resume it, or retry it, or terminate it');
});
