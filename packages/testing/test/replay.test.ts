// Histories: what is recorded of a run, through JSON, replayed by the code of today.
import { setTimeout as pause } from 'node:timers/promises';
import { type, workflow, type Workflow } from '@perdure/core';
import {
  createTestEnv, readHistory, replay, ReplayError, type History, type TestEnv,
} from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure, silent } from './engine.js';

const startAt = new Date('2030-01-01T00:00:00Z');

type Way = 'old' | 'renamed' | 'added' | 'added at the end' | 'dropped' | 'returns early' | 'throws'
  | 'awaits' | 'patched' | 'another result';
const code: { way: Way; bodies: number } = { way: 'old', bodies: 0 };

const order = workflow({ name: 'order', signals: { packed: type<string>() } }, async (ctx, item: string) => {
  const { way } = code;
  const act = (name: string): Promise<string> => ctx.step(name, () => {
    code.bodies++;
    return `${name} ${item}`;
  });
  if (way === 'added' || (way === 'patched' && await ctx.patched('reserve'))) await act('reserve');
  if (way !== 'dropped') await act(way === 'renamed' ? 'debit' : 'charge');
  if (way === 'throws') throw new Error('not today');
  if (way === 'awaits') await pause(1);
  if (way === 'returns early') return 'early';
  const by = await ctx.waitFor('packed');
  const shipped = await act('ship');
  if (way === 'added at the end') await act('thank');
  return way === 'another result' ? 'another' : `${shipped} by ${by}`;
});

const made = { workflows: [order], startAt, logger: silent };

async function begun(env: TestEnv): Promise<History> {
  code.way = 'old';
  const run = await env.start(order, 'lamp', { id: 'order-1' });
  await env.untilIdle();
  return env.history(run);
}

async function ended(env: TestEnv): Promise<History> {
  const run = env.client.get(order, (await begun(env)).runId);
  await run.signal('packed', 'Ada');
  await env.untilIdle();
  expect(await run.result()).toBe('ship lamp by Ada');
  return env.history(run);
}

/** A history as it comes back from a file. */
function kept(history: History): History {
  return JSON.parse(JSON.stringify(history)) as History;
}

/** What a replay of today says. */
async function replayed(history: History, way: Way): Promise<unknown> {
  code.way = way;
  const { bodies } = code;
  const error = await failure(replay(history, { workflows: [order] }).then(() => {
    throw new Error('fits');
  }));
  expect(code.bodies).toBe(bodies);
  if (!(error instanceof ReplayError)) return error.message === 'fits' ? 'fits' : error;
  const { code: reason, place, expected, got } = error;
  return [reason, place, expected, got];
}

describe('a history of a run that waits', () => {
  test('is a value that JSON carries', async () => {
    await using env = await createTestEnv(made);
    const history = await begun(env);
    expect(kept(history)).toEqual(history);
    expect(history).toMatchObject({
      format: 1, runId: 'order-1', workflow: 'order', status: 'waiting',
      answers: [{ place: '1', kind: 'step', name: 'charge' }],
      calls: [{ place: '2', kind: 'signal', name: 'packed', dueAt: null }],
    });
  });

  const verdicts: ReadonlyArray<readonly [Way, unknown]> = [
    ['old', 'fits'],
    ['added at the end', 'fits'],
    ['patched', 'fits'],
    ['throws', ['NONDETERMINISM', '2', "signal 2 'packed'", 'no such call']],
    ['renamed', ['NONDETERMINISM', '1', "step 1 'charge'", "step 1 'debit'"]],
    ['added', ['NONDETERMINISM', '1', "step 1 'charge'", "step 1 'reserve'"]],
    ['dropped', ['NONDETERMINISM', '1', "step 1 'charge'", "signal 1 'packed'"]],
    ['returns early', ['NONDETERMINISM', '2', "signal 2 'packed'", 'no such call']],
    ['awaits', ['FOREIGN_AWAIT', null, null, expect.stringContaining('not a call on ctx')]],
  ];

  test.each(verdicts)('with code that is %s', async (way, verdict) => {
    await using env = await createTestEnv(made);
    expect(await replayed(kept(await begun(env)), way)).toEqual(verdict);
  });

  test('says what a worker says that takes the run', async () => {
    await using env = await createTestEnv(made);
    const run = env.client.get(order, (await begun(env)).runId);
    const history = await env.history(run);
    code.way = 'renamed';
    const told = await failure(env.replay(history));
    expect(told.message).toContain("its code does not fit its record. recorded: step 1 'charge'; the code " +
      "now calls step 1 'debit'. Restore the old calls");
    await (await env.start(order, 'lamp')).status();
    env.crashAfter(order, 'debit');
    await env.untilIdle();
    await run.signal('packed', 'Ada');
    await env.untilIdle();
    expect((await failure(run.result())).message).toContain("recorded: step 1 'charge'; the code now calls");
  });
});

describe('a history of a run that has ended', () => {
  test.each<readonly [Way, unknown]>([
    ['old', 'fits'],
    ['another result', 'fits'],
    ['added at the end', ['NONDETERMINISM', '4', 'the end of the run (completed)', "step 4 'thank'"]],
    ['renamed', ['NONDETERMINISM', '1', "step 1 'charge'", "step 1 'debit'"]],
    ['throws', ['NONDETERMINISM', '2', "signal 2 'packed'", 'no such call']],
  ])('with code that is %s', async (way, verdict) => {
    await using env = await createTestEnv(made);
    expect(await replayed(kept(await ended(env)), way)).toEqual(verdict);
  });

  test('by somebody else than its code fits any code; by its code, the same', async () => {
    code.way = 'old';
    await using env = await createTestEnv(made);
    const [terminated, cancelled] = [await env.start(order, 'a'), await env.start(order, 'b')];
    await env.untilIdle();
    await terminated.terminate('enough');
    await cancelled.cancel();
    await env.untilIdle();
    expect([await terminated.status(), await cancelled.status()]).toEqual(['failed', 'cancelled']);
    for (const run of [terminated, cancelled]) {
      expect(await replayed(await env.history(run), 'old')).toBe('fits');
    }
    const renamed = await replayed(await env.history(cancelled), 'renamed');
    expect(renamed).toMatchObject({ 0: 'NONDETERMINISM', 1: '1' });
  });
});

test('the whole language, with branches, children and a rollback, fits itself at every length', async () => {
  const child = workflow('child', async (ctx, n: number) => ctx.step('double', () => 2 * n));
  const whole = workflow({ name: 'whole', signals: { go: type<number>() } }, async (ctx) => {
    ctx.onRollback('undo', () => 'undone');
    const both = await ctx.all({
      one: (s) => s.execute(child, 1), two: async (s) => s.step('two', () => ctx.now()),
    });
    const raced = await ctx.race({ nap: (s) => s.sleep('1 hour'), wait: (s) => s.waitFor('go') });
    await ctx.map('each', [1, 2, 3], { key: String }, async (n) => n);
    await ctx.transaction('book', async () => 'booked');
    if (raced.winner === 'wait') throw new Error('too early');
    return [both, raced, ctx.random(), ctx.uuid()];
  });
  await using env = await createTestEnv({ ...made, workflows: [whole, child] });
  const seen: History[] = [];
  const run = await env.start(whole);
  await env.untilIdle();
  seen.push(await env.history(run));
  await run.signal('go', 1);
  await env.untilIdle();
  seen.push(await env.history(run));
  const other = await env.start(whole);
  await env.advance('1 hour');
  seen.push(await env.history(other));
  expect(seen.map(({ status }) => status)).toEqual(['waiting', 'failed', 'completed']);
  for (const history of seen) await env.replay(kept(history));
});

describe('what cannot be judged', () => {
  test('is told apart from what does not fit', async () => {
    await using env = await createTestEnv(made);
    const history = await begun(env);
    const other = workflow('other', async () => 1);
    expect(await failure(replay(history, { workflows: [other] }))).toMatchObject({ code: 'NOT_SERVED' });
    const slow: Workflow = workflow({
      name: 'order',
      input: { '~standard': { version: 1, vendor: 'test', validate: () => new Promise<never>(() => 0) } },
    }, async () => 1);
    expect(await failure(replay(history, { workflows: [slow] }))).toMatchObject({ code: 'REPLAY_STALLED' });
    expect(await failure(replay(history, { workflows: [] }))).toMatchObject({ code: 'NO_WORKFLOWS' });
    expect(await failure(env.history({ id: 'nobody' }))).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('nonsense is no history', async () => {
    await using env = await createTestEnv(made);
    const history = await begun(env);
    const wrong: unknown[] = [
      null, [], 'history', {}, { ...history, format: 2 }, { ...history, runId: 7 },
      { ...history, answers: null }, { ...history, input: 'lamp' }, { ...history, answers: [{ place: '1' }] },
      { ...history, calls: [null] }, { ...history, generation: '1' }, { ...history, headers: [] },
      { ...history, streams: [1] },
    ];
    for (const each of wrong) {
      expect(await failure(env.replay(each as History))).toMatchObject({ code: 'HISTORY_INVALID' });
    }
  });

  test('a version has its own code', async () => {
    const make = (version: string, step: string): Workflow<void, void, number> => (
      workflow({ name: 'versioned', version }, async (ctx) => {
        await ctx.step(step, () => 1);
        await ctx.sleep('1 day');
        return 1;
      }));
    const [one, two] = [make('1', 'a'), make('2', 'b')];
    await using env = await createTestEnv({ ...made, workflows: [one] });
    const run = await env.start(one);
    await env.untilIdle();
    const history = await readHistory({ store: (env as unknown as { store: never }).store }, run.id);
    await replay(history, { workflows: [two, one] });
    expect(await failure(replay(history, { workflows: [two] }))).toMatchObject({ code: 'NOT_SERVED' });
  });
});
