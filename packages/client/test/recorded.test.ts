// What is recorded of runs: their details, their history, and what happens to them as it happens.
import type { RunEvent } from '@perdure/client';
import { type, workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { failure, Gate, until } from '../../testing/test/engine.js';
import { fresh, shaky, stages, waits } from './operated-stage.js';

describe.each(await stages())('on %s', (_name, { client, failed, parked, work }) => {
  test('is told by detail and history', async () => {
    const signals = { go: type<Date>() };
    const flow = workflow({ name: fresh(), retry: 1, signals }, async (ctx, input: Date) => {
      await ctx.step('keep', () => ({ input }));
      await ctx.step('fail', () => {
        throw new TypeError('wrong');
      }).catch(() => undefined);
      await ctx.set({ at: input });
      await ctx.waitFor('go');
      return new Set([1]);
    });
    await work(flow);
    const date = new Date(86_400_000);
    const run = await client.start(flow, date, { headers: { a: 'b' }, priority: -1 });
    await until(async () => await run.status() === 'waiting');
    await run.signal('other' as never, 1 as never).catch(() => undefined);
    expect(await run.detail()).toMatchObject({
      id: run.id, workflow: flow.name, status: 'waiting', generation: 1, queue: 'default', version: null,
      priority: -1, input: date, output: undefined, error: null, reason: null, headers: { a: 'b' },
      attributes: { at: date }, parent: null, timeoutMs: null, settledAt: null, parkedAt: null,
      line: { dueAt: null, leased: false, fresh: false, quarantined: false, strikes: 0 },
      calls: [{
        place: '4', kind: 'signal', name: 'go', failedAttempts: 0, error: null, dueAt: null, deadlineAt: null,
      }],
      inbox: [],
    });
    const history = await run.history();
    expect(history.map(({ place, kind, name, position }) => [place, kind, name, position])).toEqual([
      ['1', 'step', 'keep', 1], ['2', 'step', 'fail', 2], ['3', 'set', expect.any(String), 3],
    ]);
    expect(history[0]).toMatchObject({ value: { input: date }, error: null, attempt: 1 });
    expect(history[0]?.at).toBeInstanceOf(Date);
    expect(history[1]?.error).toBeInstanceOf(TypeError);
    await run.signal('go', date);
    await run.result();
    const { output, settledAt, line, calls } = await run.detail();
    expect([output, line, calls]).toEqual([new Set([1]), null, []]);
    expect(settledAt).toBeInstanceOf(Date);
    const nobody = client.get(flow, 'nobody');
    expect(await failure(nobody.detail())).toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await failure(nobody.history())).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('of a long run is read whole', async () => {
    const flow = workflow(fresh(), async (ctx) => {
      for (let n = 0; n < 1_250; n++) await ctx.set({ n });
    });
    await work(flow);
    const run = await client.start(flow);
    await run.result();
    expect((await run.history()).map(({ position }) => position))
      .toEqual(Array.from({ length: 1_250 }, (_, at) => at + 1));
    const events = await all(run.events());
    expect(events.filter(({ type }) => type === 'set')).toHaveLength(1_250);
  });

  test('is told as it happens, until the run has settled', async () => {
    const { flow, facts } = shaky();
    const later = workflow({ name: fresh(), signals: { go: type<string>() } }, async (ctx) => {
      await ctx.step('before', () => 1);
      await ctx.waitFor('go');
      await ctx.step('after', () => 2);
    });
    const run = await client.start(later);
    const seen: RunEvent[] = [];
    const reading = (async () => {
      for await (const event of run.events()) {
        seen.push(event);
        if (event.type === 'step' && event.step === 'before') await run.signal('go', 'x');
      }
    })();
    await until(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ type: 'created', generation: 1 });
    await work(later, flow);
    await reading;
    expect(seen.map(({ type, step }) => [type, step])).toEqual([
      ['created', undefined], ['started', undefined], ['step', 'before'], ['signal', 'go'], ['step', 'after'],
      ['completed', undefined],
    ]);
    expect(seen[2]).toMatchObject({ place: '1', attempt: 1, tookMs: expect.any(Number) as number });
    const times = seen.map(({ at }) => at.getTime());
    expect([...times].sort((a, b) => a - b)).toEqual(times);

    const broken = await failed(flow);
    expect((await all(broken.events())).map(({ type, error }) => [type, error?.message])).toEqual([
      ['created', undefined], ['started', undefined], ['step', undefined], ['step', 'it is broken'],
      ['failed', 'it is broken'],
    ]);
    facts.broken = false;
    await broken.retry();
    await broken.result();
    expect((await all(broken.events())).map(({ type, generation }) => `${type} ${generation}`)).toEqual([
      'created 2', 'started 2', 'step 2', 'step 2', 'step 2', 'completed 2',
    ]);
  });

  test('goes over from one generation to the next', async () => {
    const gate = new Gate();
    const loop = workflow(fresh(), async (ctx, n: number): Promise<number> => {
      await ctx.step(`round ${n}`, () => (n === 2 ? gate.passed : undefined));
      return n === 3 ? n : ctx.continueAsNew(n + 1);
    });
    await work(loop);
    const run = await client.start(loop, 1);
    const seen: string[] = [];
    for await (const { type, step, generation } of run.events()) {
      seen.push(`${generation} ${step ?? type}`);
      if (seen.length === 2) gate.open();
    }
    expect(seen.at(-1)).toBe('3 completed');
    expect(seen).toContain('3 round 3');
    // Generations that came and went between two looks are not told.
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('ends with the parked run, an abort, a closed client, and where there is none', async () => {
    const { run } = await parked();
    const last = (await all(run.events())).at(-1);
    expect(last).toMatchObject({ type: 'parked', error: { name: 'RunParkedError' } });
    const waiting = await client.start(waits);
    const aborting = new AbortController();
    const events = all(waiting.events({ abortSignal: aborting.signal }));
    aborting.abort(new Error('enough'));
    expect(await failure(events)).toMatchObject({ message: 'enough' });
    expect(() => run.events(null as never)).toThrow(/options of events/);
    expect(() => run.events({ abortSignal: 'x' as never })).toThrow(/abortSignal/);
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
