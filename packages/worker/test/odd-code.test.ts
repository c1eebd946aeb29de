// Code that answers in odd ways, at odd moments: thenables of other makes, schemas that take their time,
// waits beside a step that runs on.
import { workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { failure, freshEngine, Gate, until } from '../../testing/test/engine.js';

const { client, sql, work } = await freshEngine();

/** A schema that answers with whatever `validate` gives. */
function schema(validate: (value: unknown) => unknown): never {
  return { '~standard': { version: 1, vendor: 'test', validate } } as never;
}

describe('a step that returns a thenable', () => {
  const thenables: [string, () => unknown][] = [
    ['whose then throws', () => ({ then: () => { throw new Error('no promise'); } })],
    ['whose then cannot be read', () => ({ get then(): never { throw new Error('no promise'); } })],
  ];
  test.each(thenables)('%s fails', async (what, body) => {
    const odd = workflow(`odd ${what}`, async (ctx) => ctx.step('odd', { retry: 1 }, body));
    await work([odd]);
    expect((await failure(client.execute(odd))).message).toMatch(/no promise/);
  });

  test('that answers twice is answered once', async () => {
    const twice = { then: (done: (value: number) => void) => [1, 2].forEach(done) } as PromiseLike<number>;
    const odd = workflow('twice', async (ctx) => [
      await ctx.step('twice', () => twice as Promise<number>), await ctx.step('after', () => 3),
    ]);
    await work([odd]);
    expect(await client.execute(odd)).toEqual([1, 3]);
  });
});

describe('a schema', () => {
  test('that answers nothing fails the run', async () => {
    const odd = workflow({ name: 'no answer', output: schema(async () => null) }, async () => 1);
    await work([odd]);
    expect((await failure(client.execute(odd))).message).toMatch(/issues/);
  });

  test('that answers by a promise of another make is waited for', async () => {
    const answer = { then: (done: (result: unknown) => void) => setTimeout(() => done({ value: 'parsed' })) };
    const odd = workflow({ name: 'other make', output: schema(() => answer) }, async () => 'raw');
    await work([odd]);
    expect(await client.execute(odd)).toBe('parsed');
  });

  test('that takes its time over a result does not let the run rest on a wait that was lost', async () => {
    const gate = new Gate();
    const output = schema(async (value) => gate.passed.then(() => ({ value })));
    const race = workflow({ name: 'judged late', output }, async (ctx) =>
      Promise.race([ctx.step('fast', () => 'fast'), ctx.sleep('1 day')]));
    await work([race], { leaseDuration: 300 });
    const run = await client.start(race);
    const due = async (): Promise<unknown> =>
      (await sql(`select due_at::text as due from perdure.ready where id = $1`, [run.id]))[0]?.['due'];
    const recorded = 'select from perdure.journal where run_id = $1';
    await until(async () => (await sql(recorded, [run.id])).length > 0);
    const lease = await due();
    await until(async () => await due() !== lease);
    gate.open();
    expect(await run.result()).toBe('fast');
  });

  test('that never answers keeps no lease past the stop of its worker', async () => {
    let calls = 0;
    const input = schema((value) => (calls++ === 0 ? { value } : new Promise(() => undefined)));
    const stuck = workflow({ name: 'stuck', input }, async () => 1);
    const worker = await work([stuck]);
    const run = await client.start(stuck);
    await until(() => calls === 2);
    await worker.stop({ timeout: 50 });
    expect(await sql('select claim, strikes from perdure.ready where id = $1', [run.id]))
      .toEqual([{ claim: null, strikes: 0 }]);
  });
});

test('a sleep beside another attempt of a step is over in time', async () => {
  let attempts = 0;
  const gate = new Gate();
  const race = workflow('beside', async (ctx) => Promise.race([
    ctx.step('twice', { retry: { initialInterval: 20, jitter: false } }, async () => {
      if (++attempts === 1) throw new Error('once more');
      await gate.passed;
    }),
    ctx.sleep(200).then(() => 'slept'),
  ]));
  // Without a timer of its own the sleep would be seen by the next renewal of the lease.
  await work([race], { leaseDuration: '10 minutes' });
  expect(await client.execute(race)).toBe('slept');
  expect(attempts).toBe(2);
  gate.open();
});
