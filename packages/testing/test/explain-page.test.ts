// The table of docs/explain.md, each sentence of it said of a run that is in that state; and the sample of
// the page, as it stands there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestEnv } from '@perdure/testing';
import { workflow } from 'perdure';
import { expect, test } from 'vitest';
import { declined, deaf, ran, said, world, type Code, type Env } from '../../client/test/explained-runs.js';
import { repository } from './tidy/source.js';

const page = readFileSync(join(repository, 'docs/explain.md'), 'utf8');

const pay = workflow('pay', async (ctx) => ctx.waitFor('paid' as never));
const paid: Code = (ctx) => ctx.waitFor('paid' as never, { timeout: '3 days' });
const nap: Code = (ctx) => ctx.sleep('1 hour');
const forever: Code = (ctx) => ctx.step('book courier', () => new Promise(() => undefined));
const undone: Code = async (ctx) => {
  ctx.onRollback('refund', declined);
  ctx.onRollback('release', () => undefined);
  await paid(ctx);
};

/** A run of some code, which something happens to. */
function after(code: Code, deed: (env: Env) => unknown): (env: Env) => Promise<string> {
  return async (env) => {
    await ran(env, code);
    await deed(env);
    return said(env);
  };
}

const order = { id: 'r', workflow: 'order' };
const states: ReadonlyArray<(env: Env) => Promise<string>> = [
  async (env) => {
    await env.serve(workflow('order', nap));
    await env.start(workflow('order', nap), undefined, { id: 'r', delay: '2 hours' });
    return said(env);
  },
  async (env) => {
    await env.serve(workflow({ name: 'order', version: '1' }, nap), workflow({ name: 'hello' }, nap));
    const other = workflow({ name: 'order', queue: 'emails' }, nap);
    await env.client.start(other, undefined, { id: 'r' });
    await env.advance('4 minutes');
    return said(env);
  },
  async (env) => {
    await env.work([workflow('order', forever)], { concurrency: 1 });
    await env.client.start(workflow('order', forever), undefined, { id: 'another' });
    await env.client.start(workflow('order', forever), undefined, { id: 'r' });
    await env.advance('12 s');
    return said(env);
  },
  (env) => ran(env, (ctx) => ctx.sleep('51 hours')),
  (env) => ran(env, paid),
  after((ctx) => ctx.step('charge card', declined), (env) => env.advance('80 s')),
  (env) => ran(env, (ctx) => ctx.race({ paid, late: (branch) => branch.sleep('1 day') })),
  async (env) => {
    await env.serve(pay);
    return ran(env, (ctx) => ctx.execute(pay));
  },
  after(nap, (env) => {
    deaf(env);
    return env.advance('3602 s');
  }),
  after(paid, (env) => {
    deaf(env, { also: 'mail' });
    return env.client.get(order).signal('paid' as never, undefined as never);
  }),
  after(async (ctx) => {
    await ctx.step('reserve', () => 1);
    await ctx.step('book courier', () => new Promise(() => undefined));
  }, (env) => env.advance('6 minutes')),
  after(forever, (env) => {
    deaf(env);
    env.store.endLease('r');
    return env.advance('25 s');
  }),
  after(forever, (env) => {
    env.vanish();
    return env.advance(0);
  }),
  after(undone, async (env) => {
    await env.client.get(order).cancel('sold out');
    await env.advance('10 s');
  }),
  after(paid, (env) => {
    deaf(env, { also: 'mail' });
    return env.client.get(order).cancel('sold out');
  }),
  after(async (ctx) => {
    void ctx.sleep('1 day');
  }, (env) => env.advance('2 hours')),
  after(async () => declined(), (env) => env.advance('2 hours')),
];

test('every sentence of the table is said of a run in that state', async () => {
  const table = [...page.matchAll(/^\| [^|]+ \| `([^|]+)` \|$/gm)].map(([, sentence]) => sentence);
  const sentences: string[] = [];
  for (const state of states) {
    await using env = world();
    sentences.push(await state(env));
  }
  expect(table).toEqual(sentences);
});

const expense = workflow('expense', async (ctx) => ctx.waitFor('approved' as never, { timeout: '3 days' }));

test('a handle explains its run', async () => {
  await using env = await createTestEnv({ workflows: [expense], startAt: new Date('2030-01-01T00:00:00Z') });
  const run = await env.start(expense, undefined, { id: 'expense-7' });
  await env.untilIdle();

  const sentence = await run.explain();

  expect(sentence).toBe("Run 'expense-7' of workflow 'expense' waits for signal 'approved' until " +
    '2030-01-04T00:00:00.000Z (in 3 d).');
});
