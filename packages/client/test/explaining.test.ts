// What is explained of runs that were really run, in each state that they can be in until they end.
import { workflow, type Ctx } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { Gate } from '../../testing/test/engine.js';
import {
  type Code, minute, hour, day, iso, world, said, ran, hourly, declined, deaf,
} from './explained-runs.js';

describe('before it begins', () => {
  const order = workflow('order', async (ctx) => ctx.step('s', () => 1));

  test('an unknown id', async () => {
    await using env = world();
    expect(await env.client.get(order, 'nobody').explain()).toBe("There is no run 'nobody' in this " +
      "database; " +
      'the transaction that starts it may not have committed yet.');
  });

  test('a start time ahead', async () => {
    await using env = world();
    await env.serve(order);
    await env.start(order, undefined, { id: 'r', delay: '2 hours' });
    expect(await said(env)).toBe(`is to start at ${iso(2 * hour)} (in 2 h)`);
  });

  test('a workflow that nobody serves', async () => {
    await using env = world();
    await env.serve(workflow({ name: 'other', version: '3' }, async () => 1));
    await env.client.start(order, undefined, { id: 'r' });
    await env.advance('4 minutes');
    expect(await said(env)).toBe(`is due since ${iso(0)} (4 min ago) and was never claimed; no worker ` +
      `that serves ` +
      "workflow 'order', in queue 'default' is online (none is known; the 1 that is online serves 'other' " +
      "version '3')");
  });

  test('a worker that was seen, and is not any more', async () => {
    await using env = world();
    await env.serve(order);
    await env.untilIdle();
    env.store.seeWorker = () => Promise.reject(new Error('away'));
    deaf(env);
    // With a start time ahead no run is born leased.
    await env.start(order, undefined, { id: 'r', delay: '10 minutes' });
    await env.advance('10 minutes');
    expect(await said(env)).toBe(`is due since ${iso(10 * minute)} (less than 1 s ago) and was never ` +
      `claimed; no ` +
      "worker that serves workflow 'order', in queue 'default' is online (one was last seen at " +
      `${iso(0)} (10 min ago); nor is any other)`);
  });

  test('a slot is free, and none is', async () => {
    await using env = world();
    const gate = new Gate();
    const slow = workflow('order', async (ctx) => ctx.step('slow', () => gate.passed));
    await env.work([slow], { concurrency: 2 });
    const { claim } = env.store;
    deaf(env);
    const first = await env.client.start(slow);
    const runs = [first, await env.client.start(slow, undefined, { id: 'r', delay: '1 s' })];
    await env.advance('1 s');
    const since = `is due since ${iso(1)} (less than 1 s ago) and was never claimed; `;
    expect(await said(env)).toBe(`${since}a worker takes it at its next look: the 1 worker that serves it ` +
      `has 2 slots, with 1 run running`);
    runs.push(await env.client.start(slow));
    expect(await said(env)).toBe(`${since}it waits for a free one: the 1 worker that serves it has 2 ` +
      'slots, with 2 runs running');
    env.store.claim = claim;
    gate.open();
    await env.untilIdle();
    for (const run of runs) expect(await run.status()).toBe('completed');
  });
});

describe('while it rests', () => {
  test.each<[string, Code, string]>([
    ['a sleep', (ctx) => ctx.sleep('51 hours'), `sleeps until ${iso(51 * hour)} (in 2 d 3 h)`],
    ['a signal', (ctx) => ctx.waitFor('paid' as never), "waits for signal 'paid' without a limit"],
    ['a signal with a timeout', (ctx) => ctx.waitFor('paid' as never, { timeout: '3 days' }),
      `waits for signal 'paid' until ${iso(3 * day)} (in 3 d)`],
    ['an event', (ctx) => ctx.waitForEvent('shipped', { key: 'k', timeout: '90 s' }),
      `waits for event 'shipped' until ${iso(90)} (in 1 min 30 s)`],
    ['a callback', async (ctx) => (await ctx.callback()).result({ timeout: '1 hour' }),
      `waits for the answer of a callback until ${iso(hour)} (in 1 h)`],
    ['a step that failed', (ctx) => ctx.step('charge card', declined),
      `tries step 'charge card' again at ${iso(40)} (in 40 s), which failed 1 time so far, the last time ` +
      `with ` +
      'CardError: declined'],
    ['a step whose attempts have a limit', (ctx) => ctx.step('charge', { totalTimeout: '1 hour' }, declined),
      `tries step 'charge' again at ${iso(40)} (in 40 s), which failed 1 time so far, the last time with ` +
      `CardError: declined (its time for all attempts ends at ${iso(hour)} (in 1 h))`],
    ['several at once', (ctx) => ctx.race({
      paid: (branch) => branch.waitFor('paid' as never),
      late: (branch) => branch.sleep('1 day'),
      charged: (branch) => branch.step('charge', declined),
    }), `has 3 waits open: it tries step 'charge' again at ${iso(40)} (in 40 s), which failed 1 time so ` +
      `far, the ` +
      `last time with CardError: declined; it sleeps until ${iso(day)} (in 1 d); it waits for signal ` +
      `'paid' ` +
      'without a limit'],
    ['very many', (ctx) => ctx.all(Object.fromEntries([1, 2, 3, 4, 5].map((days) => (
      [`nap ${days}`, (branch: Ctx) => branch.sleep(`${days} days`)])))),
      `has 5 waits open: it sleeps until ${iso(day)} (in 1 d); it sleeps until ${iso(2 * day)} (in 2 d); ` +
      `it sleeps until ${iso(3 * day)} (in 3 d); and it has 2 more open`],
  ])('%s', async (_what, code, sentence) => {
    await using env = world();
    expect(await ran(env, code)).toBe(sentence);
  });

  test('a step that failed three times', async () => {
    await using env = world();
    await ran(env, (ctx) => ctx.step('charge card', declined));
    await env.advance('90 s');
    expect(await said(env)).toBe(`tries step 'charge card' again at ${iso(120)} (in 30 s), which failed 3 ` +
      `times so ` +
      'far, the last time with CardError: declined');
  });

  test('its own time limit', async () => {
    await using env = world();
    expect(await ran(env, (ctx) => ctx.waitFor('paid' as never), { timeout: '1 hour' }))
      .toBe(`waits for signal 'paid' without a limit; its time limit ends at ${iso(hour)} (in 1 h)`);
  });

  test('its version, and its generation', async () => {
    await using env = world();
    const order = workflow({ name: 'order', version: '7' }, async (ctx) => {
      if (env.calls(order, 'try').length < 1) await ctx.step('try', { retry: 1 }, declined);
      await ctx.sleep('1 day');
    });
    await env.serve(order);
    const run = await env.start(order, undefined, { id: 'r' });
    await env.untilIdle();
    expect(await run.explain()).toBe(`Run 'r' of workflow 'order' (version '7') failed at ${iso(0)} (less ` +
      `than 1 s ` +
      'ago) with CardError: declined.');
    await env.store.reviveRuns([{ runId: 'r', generation: 1, entries: [], input: null, version: null }]);
    await env.advance('1 hour');
    expect(await run.explain()).toContain("'order' (version '7', generation 2) sleeps until ");
  });
});

describe('while it waits for a child', () => {
  test('follows the chain', async () => {
    await using env = world();
    const pay = workflow('pay', async (ctx) => ctx.waitFor('paid' as never));
    const book = workflow('book', async (ctx) => ctx.execute(pay));
    await env.serve(pay, book);
    expect(await ran(env, (ctx) => ctx.execute(book))).toBe("waits for child 'r/1/1' of workflow 'book', " +
      "which " +
      "waits for child 'r/1/1/1/1' of workflow 'pay', which waits for signal 'paid' without a limit");
  });

  test('to the fifth', async () => {
    await using env = world();
    const down = workflow('down', async (ctx, level: number): Promise<unknown> => (
      level === 0 ? ctx.sleep('1 day') : ctx.execute(down, level - 1)));
    await env.serve(down);
    const last = async (depth: number): Promise<string> => {
      const run = await env.start(down, depth);
      await env.untilIdle();
      return run.explain();
    };
    expect((await last(5)).match(/waits for child/g)).toHaveLength(5);
    expect(await last(5)).toMatch(/ which sleeps until [^;]*\.$/);
    expect((await last(9)).match(/waits for child/g)).toHaveLength(6);
    expect(await last(9)).toMatch(/, which waits for child '\S+', and the chain goes on from there\.$/);
  });

  test('of a chosen id', async () => {
    await using env = world();
    const nap = workflow('nap', async (ctx) => ctx.sleep('1 day'));
    await env.serve(nap);
    const sleeps = `'my-nap', sleeps until ${iso(day)} (in 1 d)`;
    expect(await ran(env, (ctx) => ctx.execute(nap, undefined, { id: 'my-nap' })))
      .toBe(`waits for a child of workflow 'nap'; its only unfinished one, ${sleeps}`);
  });

  test('that it started before', async () => {
    await using env = world();
    const nap = workflow('nap', async (ctx) => ctx.sleep('1 day'));
    await env.serve(nap);
    expect(await ran(env, async (ctx) => {
      const child = await ctx.start(nap);
      await ctx.step('between', () => 1);
      await child.result();
    })).toBe("waits for a child of workflow 'nap'; its only unfinished one, 'r/1/1', sleeps until " +
      `${iso(day)} (in 1 d)`);
  });

  test('of which there are several: one that has not ended tells most', async () => {
    await using env = world();
    const nap = workflow('nap', async (ctx, days: number) => ctx.sleep(`${days} days`));
    await env.serve(nap);
    await ran(env, (ctx) => ctx.all({
      one: (branch) => branch.execute(nap, 1), two: (branch) => branch.execute(nap, 2),
    }));
    env.store.carry = () => new Promise(() => undefined);
    await env.advance('1 day');
    expect(await said(env)).toBe("has 2 waits open: it waits for a child of workflow 'nap'; it waits for " +
      "child " +
      `'r/1/1/two/1' of workflow 'nap', which sleeps until ${iso(2 * day)} (in 1 d)`);
  });

  test('that has ended, and it does not know', async () => {
    await using env = world();
    const nap = workflow('nap', async (ctx) => ctx.sleep('1 day'));
    await env.serve(nap);
    await ran(env, (ctx) => ctx.execute(nap));
    env.store.carry = () => new Promise(() => undefined);
    await env.advance('1 day');
    expect(await said(env)).toBe("waits for child 'r/1/1' of workflow 'nap', which completed at " +
      `${iso(day)} (less than 1 s ago), and has not been told of that yet`);
  });
});

describe('what is due and not served is not called waiting', () => {
  const soon = 'a worker takes it at its next look: the 1 worker that serves it has 100 slots, with ' +
    '0 runs running';

  test.each<[string, Code, string]>([
    ['a sleep', (ctx) => ctx.sleep('1 hour'), `it was to sleep until ${iso(hour)}`],
    ['a timeout', (ctx) => ctx.waitFor('paid' as never, { timeout: '1 hour' }),
      `it was to wait for signal 'paid' until ${iso(hour)}`],
    ['another attempt', (ctx) => ctx.step('charge', { retry: hourly }, declined),
      `it was to try step 'charge' again at ${iso(hour)}`],
  ])('%s', async (_what, code, sentence) => {
    await using env = world();
    await ran(env, code);
    deaf(env);
    await env.advance(hour * 1_000 + 2_000);
    expect(await env.client.get({ id: 'r', workflow: 'order' }).status()).toBe('pending');
    const words = await said(env);
    expect(words).toContain(`is due since ${iso(hour)} (2 s ago): ${sentence} (2 s ago)`);
    expect(words).toContain(`; ${soon}`);
    expect(words).not.toContain('waits');
    await env.advance('1 minute');
    expect(await said(env)).toContain('so that one should have taken it in 1 min 2 s: an open transaction');
  });

  test('a signal that has come', async () => {
    await using env = world();
    await ran(env, (ctx) => ctx.waitFor('paid' as never));
    deaf(env, { also: 'mail' });
    await env.client.get({ id: 'r', workflow: 'order' }).signal('paid' as never, undefined as never);
    expect(await said(env)).toBe("has yet to hear that signal 'paid' has come");
  });

  test('an end of a child that has come', async () => {
    await using env = world();
    const absent = workflow('absent', async () => 1);
    await ran(env, (ctx) => ctx.execute(absent, undefined, { timeout: '1 h' }));
    deaf(env, { also: 'mail' });
    const payload = { codec: 'json', text: null };
    await env.store.sendMessages([{ runId: 'r', id: 'x', kind: 'child', name: '1:1', payload, error: null }]);
    expect(await said(env)).toBe("has yet to hear that the end of its child of workflow 'absent' has come");
  });

  test('an event that was given', async () => {
    await using env = world();
    await ran(env, (ctx) => ctx.waitForEvent('shipped', { key: 'k', timeout: '1 day' }));
    deaf(env);
    await env.client.emit('shipped', 1, { key: 'k' });
    await env.untilIdle();
    expect(await said(env)).toBe(`is due since ${iso(0)} (less than 1 s ago): it has yet to hear that ` +
      `event 'shipped' has come; ${soon}`);
  });

  test('an answer of a callback may be that of another one', async () => {
    await using env = world();
    let token = '';
    await ran(env, async (ctx) => {
      const { token: given, result } = await ctx.callback();
      token = given;
      return result();
    });
    deaf(env, { also: 'mail' });
    await env.client.complete(token, 1);
    expect(await said(env)).toBe('waits for the answer of a callback without a limit (an answer of one of ' +
      'its callbacks lies in its inbox)');
  });
});

describe('while it runs', () => {
  const lease = 36_525 * day;

  test('since when, and until when its lease holds', async () => {
    await using env = world();
    const gate = new Gate();
    await ran(env, async (ctx) => {
      await ctx.step('first', () => 1);
      await ctx.sleep('1 hour');
      await ctx.step('second', () => gate.passed);
    });
    await env.advance('61 minutes');
    expect(await said(env)).toBe(`is running; it began at ${iso(0)} (1 h 1 min ago); its last answer, the ` +
      `end of a ` +
      `sleep, is of ${iso(hour)} (1 min ago); its lease ends at ${iso(hour + lease)} (in 36524 d 23 h) ` +
      `unless it ` +
      'is renewed');
    gate.open();
  });

  test('which steps failed, and what it waits for beside', async () => {
    await using env = world();
    const gate = new Gate();
    let attempts = 0;
    await ran(env, (ctx) => ctx.all({
      hold: (branch) => branch.step('hold', () => gate.passed),
      fail: (branch) => branch.step('charge card', () => attempts++ < 3 ? declined() : gate.passed),
      nap: (branch) => branch.sleep('1 day'),
    }));
    await env.advance('90 s');
    expect(await said(env)).toContain(`; beside that it tries step 'charge card' again at ${iso(120)} (in ` +
      `30 s), ` +
      `which failed 3 times so far, the last time with CardError: declined; it sleeps until ${iso(day)} ` +
      `(in 23 h ` +
      '58 min); its lease');
    await env.advance('40 s');
    expect(await said(env)).toContain("beside that it tries step 'charge card' again, which failed 3 " +
      "times so far");
    gate.open();
  });

  test('its last answer, of very many', async () => {
    await using env = world();
    const gate = new Gate();
    await ran(env, async (ctx) => {
      for (let at = 0; at < 333; at++) await ctx.step(`step ${at}`, () => at);
      await ctx.step('last', () => gate.passed);
    });
    expect(await said(env)).toContain("its last answer, step 'step 332', is of");
    gate.open();
  });
});

describe('when its worker vanished', () => {
  test('another one takes over', async () => {
    await using env = world();
    await ran(env, (ctx) => ctx.step('never', () => new Promise(() => undefined)));
    deaf(env);
    env.store.endLease('r');
    await env.advance('3 s');
    const words = await said(env);
    expect(words).toMatch(/^lost its worker, which stopped answering: its lease ended at \S+ \(3 s ago\);/);
    expect(words).toMatch(/; another worker takes it over at its next look$/);
  });

  test('it stands in quarantine, and is tried alone', async () => {
    await using env = world();
    const stuck = workflow('order', async (ctx) => ctx.step('never', () => new Promise(() => undefined)));
    await env.serve(stuck);
    const runs = await Promise.all(['r1', 'r2'].map((id) => env.start(stuck, undefined, { id })));
    await env.advance(0);
    env.vanish();
    await env.advance(0);
    const sentences = await Promise.all(runs.map((run) => run.explain()));
    expect(sentences.map((sentence) => sentence.replace(/^.*?'order' /, '')).sort()).toEqual([
      `is due since ${iso(0)} (less than 1 s ago); it stands in quarantine, since its worker vanished: ` +
      `each worker ` +
        'that serves it tries one such run at a time.',
      `is running in quarantine, since its worker vanished; it began at ${iso(0)} (less than 1 s ago); ` +
      `its lease ends at ${iso(36_525 * day)} (in 36525 d) unless it is renewed.`,
    ]);
  });
});
