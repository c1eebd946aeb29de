// How runs begin anew, with a worker that runs them: retry, resume and fork, from each state.
import { type, workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { failure, until } from '../../testing/test/engine.js';
import { fresh, shaky, stages, waiting, waits } from './operated-stage.js';

describe.each(await stages())('on %s', (_name, { client, failed, parked, work }) => {
  describe('retry', () => {
    test('goes on from what failed, with everything recorded before it', async () => {
      const { flow, facts } = shaky();
      await work(flow);
      const run = await failed(flow);
      facts.broken = false;
      await run.retry();
      expect(await run.result()).toBe('a-1-2-3');
      expect(facts.calls).toEqual(['first', 'second', 'second', 'third']);
      expect(await run.detail()).toMatchObject({ status: 'completed', generation: 2, error: null });
    });

    test('goes on from the start, from a place, from a name, with another input', async () => {
      const { flow, facts } = shaky();
      await work(flow);
      const run = await failed(flow);
      facts.broken = false;
      const told: string[] = [];
      const ways = [{ from: 'start', input: 'b' }, { from: '3' }, { from: 'second' }, { from: 'first' }];
      for (const options of ways) {
        facts.calls.length = 0;
        await run.retry(options);
        told.push(`${await run.result()}: ${facts.calls.join(' ')}`);
      }
      expect(told).toEqual([
        'b-1-2-3: first second third', 'b-1-2-3: third', 'b-1-2-3: second third',
        'b-1-2-3: first second third',
      ]);
      expect(await run.detail()).toMatchObject({ input: 'b', generation: 5 });
    });

    test('from what failed, where the code itself threw, runs better code on the whole record', async () => {
      const facts = { broken: true, steps: 0 };
      const flow = workflow(fresh(), async (ctx) => {
        await ctx.step('once', () => ++facts.steps);
        if (facts.broken) throw new Error('a bug');
        return 'mended';
      });
      await work(flow);
      const run = await client.start(flow);
      await failure(run.result());
      facts.broken = false;
      await run.retry();
      expect(await run.result()).toBe('mended');
      expect(facts.steps).toBe(1);
    });

    test('after a rollback goes on from the start: what was done has been undone', async () => {
      const facts = { broken: true, calls: [] as string[] };
      const flow = workflow({ name: fresh(), retry: 1 }, async (ctx) => {
        await ctx.step('book', () => facts.calls.push('book'));
        ctx.onRollback('unbook', async () => void facts.calls.push('unbook'));
        await ctx.step('pay', () => {
          if (facts.broken) throw new Error('no money');
        });
        return 'paid';
      });
      await work(flow);
      const run = await client.start(flow);
      await failure(run.result());
      facts.broken = false;
      await run.retry();
      expect(await run.result()).toBe('paid');
      expect(facts.calls).toEqual(['book', 'unbook', 'book']);
    });

    test('of a run that was cancelled forgets the cancel, and it can be cancelled again', async () => {
      const flow = waiting();
      await work(flow);
      const run = await client.start(flow);
      await run.cancel('first');
      expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'first' });
      await run.retry();
      await until(async () => await run.status() === 'waiting');
      await run.cancel('second');
      expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'second' });
      await run.retry();
      await run.signal('go', 'now');
      expect(await run.result()).toBe('now');
    });

    test('gives signals back that are to be taken again', async () => {
      const facts = { broken: true };
      const flow = workflow({ name: fresh(), retry: 1, signals: { word: type<string>() } }, async (ctx) => {
        const words = [await ctx.waitFor('word'), await ctx.waitFor('word')];
        await ctx.step('speak', () => {
          if (facts.broken) throw new Error('mute');
        });
        return words.join(' ');
      });
      await work(flow);
      const run = await client.start(flow);
      await run.signal('word', 'hello');
      await run.signal('word', 'world');
      await failure(run.result());
      facts.broken = false;
      await run.retry({ from: 'start' });
      expect(await run.result()).toBe('hello world');
    });

    test('is refused for runs that go on, and for a completed one unless it is said from where', async () => {
      const flow = waiting();
      const run = await client.start(flow);
      expect(await failure(run.retry())).toMatchObject({ code: 'RUN_LIVE', runId: run.id });
      await work(flow);
      await until(async () => await run.status() === 'waiting');
      expect((await failure(run.retry())).message).toContain('is waiting');
      await run.signal('go', 'x');
      await run.result();
      expect(await failure(run.retry())).toMatchObject({ code: 'RUN_COMPLETED', runId: run.id });
      await run.retry({ from: 'start' });
      await run.signal('go', 'x');
      expect(await run.result()).toBe('x');
      expect(await failure(client.get(flow, 'nobody').retry())).toMatchObject({ code: 'RUN_NOT_FOUND' });
    });

    test('names what is wrong with from, with the input, and with the options', async () => {
      const { flow } = shaky();
      await work(flow);
      const run = await failed(flow);
      expect(await failure(run.retry({ from: 'fourth' })))
        .toMatchObject({ code: 'FORK_UNKNOWN', runId: run.id });
      for (const [options, code] of [
        [null, 'INVALID_OPTION'], [5, 'INVALID_OPTION'], [{ from: 2 }, 'INVALID_OPTION'],
        [{ from: null }, 'INVALID_OPTION'], [{ version: '' }, 'INVALID_NAME'],
        [{ version: 1 }, 'INVALID_NAME'], [{ input: () => 1 }, 'VALUE_NOT_STORABLE'],
      ] as const) {
        expect([options, await failure(run.retry(options as never))]).toMatchObject([options, { code }]);
      }
      const strict = workflow({ name: flow.name, input: number }, async () => 'x');
      expect(await failure(client.get(strict, run.id).retry({ input: 'no' })))
        .toMatchObject({ code: 'INPUT_INVALID' });
      expect(await run.detail()).toMatchObject({ status: 'failed', generation: 1 });
    });

    test('asked for many times at once, the run begins anew once', async () => {
      const { flow } = shaky();
      const worker = await work(flow);
      const run = await failed(flow);
      await worker.stop({ timeout: 0 });
      const ends = await Promise.allSettled(Array.from({ length: 8 }, () => run.retry()));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const end of ends) {
        if (end.status === 'fulfilled') continue;
        expect(['RUN_LIVE', 'RUN_CHANGED']).toContain((end.reason as { code: string }).code);
      }
      expect((await run.detail()).generation).toBe(2);
    });
  });

  describe('resume', () => {
    test('opens a parked run again: it goes on in its generation, with its record and its mail', async () => {
      const { facts, flow, run, worker } = await parked();
      await run.signal('go', 'on');
      await worker.stop({ timeout: 0 });
      facts.broken = false;
      await run.resume();
      await work(flow);
      expect(await run.result()).toBe('1 on');
      expect(await run.detail()).toMatchObject({ generation: 1, reason: null, parkedAt: null });
    });

    test('is refused for what is not parked', async () => {
      const run = await client.start(waits);
      expect(await failure(run.resume())).toMatchObject({ code: 'RUN_LIVE', runId: run.id });
      await work(waits);
      await run.signal('go', 'x');
      await run.result();
      expect(await failure(run.resume())).toMatchObject({ code: 'RUN_SETTLED', runId: run.id });
      expect(await failure(client.get(waits, 'nobody').resume())).toMatchObject({ code: 'RUN_NOT_FOUND' });
      expect(await failure(run.resume(null as never))).toMatchObject({ code: 'INVALID_OPTION' });
      expect(await failure(run.resume({ version: '' }))).toMatchObject({ code: 'INVALID_NAME' });
    });
  });

  describe('fork', () => {
    test('makes another run with the record up to a call; the first is left as it is', async () => {
      const { flow, facts } = shaky();
      await work(flow);
      const headers = { trace: 't-1' };
      const run = await client.start(flow, 'a', { headers, priority: 1, attributes: { customer: 'Ada' } });
      await failure(run.result());
      facts.broken = false;
      facts.calls.length = 0;
      const fork = await run.fork({ from: 'failure', id: `${run.id}-again` });
      expect(await fork.result()).toBe('a-1-2-3');
      expect(facts.calls).toEqual(['second', 'third']);
      expect(await fork.detail()).toMatchObject({
        id: `${run.id}-again`, workflow: flow.name, generation: 2, headers, priority: 1, input: 'a',
        parent: null, attributes: { customer: 'Ada' },
      });
      expect(await run.detail()).toMatchObject({ status: 'failed', generation: 1 });
      expect((await run.history()).map(({ name }) => name)).toEqual(['first', 'second']);
    });

    test('takes another input, queue, priority and version', async () => {
      const { flow } = shaky();
      await work(flow);
      const run = await failed(flow);
      const fork = await run.fork(
        { from: 'second', input: 'b', queue: 'apart', priority: -2, version: 'v9' });
      expect(await fork.detail()).toMatchObject({
        status: 'pending', input: 'b', queue: 'apart', priority: -2, version: 'v9',
      });
      expect((await fork.history()).map(({ name, value }) => [name, value])).toEqual([['first', 'a-1']]);
    });

    test('of a run that waits, before the wait', async () => {
      await work(waits);
      const run = await client.start(waits);
      await until(async () => await run.status() === 'waiting');
      const fork = await run.fork({ from: 'go' });
      await fork.signal('go', 'other');
      await run.signal('go', 'first');
      expect([await run.result(), await fork.result()]).toEqual(['first', 'other']);
    });

    test('under an id that exists, gives that run back, or throws', async () => {
      const { flow } = shaky();
      await work(flow, waits);
      const run = await failed(flow);
      const id = `${run.id}-twice`;
      await run.fork({ from: 'start', id });
      expect((await run.fork({ from: 'start', id })).id).toBe(id);
      const other = await client.start(waits);
      expect(await failure(run.fork({ from: 'start', id: other.id })))
        .toMatchObject({ code: 'RUN_ID_TAKEN' });
      for (const [options, code] of [
        [undefined, 'INVALID_OPTION'], [null, 'INVALID_OPTION'], [{}, 'INVALID_OPTION'],
        [{ from: 'start', id: run.id }, 'INVALID_OPTION'], [{ from: 'start', priority: 7 }, 'INVALID_OPTION'],
        [{ from: 'start', id: '' }, 'INVALID_NAME'], [{ from: 'start', queue: 5 }, 'INVALID_NAME'],
        [{ from: 'nowhere' }, 'FORK_UNKNOWN'],
      ] as const) {
        expect([options, await failure(run.fork(options as never))]).toMatchObject([options, { code }]);
      }
      expect(await failure(client.get(flow, 'nobody').fork({ from: 'start' })))
        .toMatchObject({ code: 'RUN_NOT_FOUND' });
    });
  });
});

const number = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => (
  typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }) } } as const;
