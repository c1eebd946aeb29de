// How runs end by the hand of an operator: terminate and delete, from each state; and what verbs do while the
// database is in trouble.
import { createClient, type Client } from '@perdure/client';
import { DatabaseUnavailableError, workflow } from '@perdure/core';
import { MemoryStore, systemEnv, type Revival, type VerbAnswer } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure, Gate, until } from '../../testing/test/engine.js';
import { fresh, shaky, stages, waiting, waits } from './operated-stage.js';

describe.each(await stages())('on %s', (_name, { client, failed, parked, work }) => {
  describe('terminate', () => {
    test('ends a run without its code, whatever it does', async () => {
      const gate = new Gate();
      const undone: string[] = [];
      const busy = workflow({ name: fresh(), retry: 1 }, async (ctx) => {
        ctx.onRollback('undo', async () => void undone.push('undone'));
        await ctx.step('hang', () => gate.passed);
      });
      await work(busy, waits);
      const [hangs, rests] = [await client.start(busy), await client.start(waits)];
      const later = await client.start(waits, undefined, { delay: '1 hour' });
      const { run: parkedRun } = await parked();
      await until(async () => await rests.status() === 'waiting' && await hangs.status() === 'running');
      for (const run of [hangs, rests, later, parkedRun]) {
        await run.terminate('out of time');
        expect(await run.status()).toBe('failed');
        expect(await failure(run.result())).toMatchObject({
          code: 'RUN_FAILED', cause: { code: 'RUN_TERMINATED', message: 'It was terminated: out of time' },
        });
        // Asked for again it is the same wish.
        await run.terminate('again');
      }
      gate.open();
      expect(undone).toEqual([]);
    });

    test('closes the children, as the end of their parent does', async () => {
      const child = waiting();
      const parent = workflow(fresh(), async (ctx) => ctx.execute(child));
      await work(parent, child);
      const run = await client.start(parent);
      const [found] = await until(async () => {
        const { runs } = await client.query({ parent: run, status: 'waiting' });
        return runs.length === 1 ? runs : undefined;
      }) ?? [];
      await run.terminate('enough');
      expect(await failure(client.get(found!).result())).toMatchObject({ code: 'RUN_CANCELLED' });
    });

    test('is refused for what has ended, and without a reason', async () => {
      await work(waits);
      const run = await client.start(waits);
      await run.signal('go', 'x');
      await run.result();
      expect(await failure(run.terminate('x'))).toMatchObject({ code: 'RUN_SETTLED', runId: run.id });
      const nobody = client.get(waits, 'nobody');
      expect(await failure(nobody.terminate('x'))).toMatchObject({ code: 'RUN_NOT_FOUND' });
      for (const reason of [undefined, null, 5]) {
        expect(await failure(run.terminate(reason as never))).toMatchObject({ code: 'INVALID_OPTION' });
      }
    });
  });

  describe('delete', () => {
    test('forgets a run that has settled; its id is free again', async () => {
      const { flow, facts } = shaky();
      await work(flow);
      const id = fresh();
      const run = await failed(flow, id);
      await run.delete();
      expect(await failure(run.status())).toMatchObject({ code: 'RUN_NOT_FOUND' });
      expect(await failure(run.history())).toMatchObject({ code: 'RUN_NOT_FOUND' });
      expect(await failure(run.delete())).toMatchObject({ code: 'RUN_NOT_FOUND' });
      facts.broken = false;
      const again = await client.start(flow, 'b', { id });
      expect(await again.result()).toBe('b-1-2-3');
    });

    test('leaves children, and none of them to the next run of its id', async () => {
      const child = workflow(fresh(), (ctx, day: string) => ctx.step('work', () => day));
      const parent = workflow(fresh(), (ctx, day: string) => ctx.execute(child, day));
      await work(parent, child);
      const id = fresh();
      const run = await client.start(parent, 'monday', { id });
      expect(await run.result()).toBe('monday');
      const left = client.get(child, `${id}/1/1`);
      await run.delete();
      expect(await left.detail()).toMatchObject({ output: 'monday', parent: null });
      const again = await client.start(parent, 'tuesday', { id });
      expect(await failure(again.result())).toMatchObject({
        cause: { code: 'RUN_ID_TAKEN', message: expect.stringContaining(`'${left.id}' exists, and run`) },
      });
      await left.delete();
      await again.retry();
      expect(await again.result()).toBe('tuesday');
    });

    test('is refused for what has not settled', async () => {
      const run = await client.start(waits, undefined, { delay: '1 hour' });
      expect(await failure(run.delete())).toMatchObject({ code: 'RUN_LIVE', runId: run.id });
      const { run: other } = await parked();
      expect((await failure(other.delete())).message).toMatch(/is parked: only runs that have settled/);
      await other.terminate('x');
      await other.delete();
    });
  });

  test('code of a workflow that uses a verb parks its run; a step may use what can be repeated', async () => {
    const target = await client.start(waits);
    const { flow } = shaky();
    await work(flow);
    const broken = await failed(flow);
    const verbs: Record<string, () => Promise<unknown>> = {
      retry: () => broken.retry(),
      'fork without an id': () => broken.fork({ from: 'start' }),
      startMany: () => client.startMany(flow, [{ input: 'x', id: 'a' }, { input: 'y' }]),
      'bulk retry': () => client.select({ ids: [broken.id] }).retry(),
    };
    const free: Record<string, () => Promise<unknown>> = {
      'fork with an id': () => broken.fork({ from: 'start', id: `${broken.id}-f` }),
      terminate: () => target.terminate('x'),
      'bulk cancel': () => client.select({ ids: ['nobody'] }).cancel(),
      'startMany with ids': () => client.startMany(flow, [{ input: 'x', id: `${broken.id}-m` }]),
      'bulk delete': () => client.select({ ids: ['nobody'] }).delete(),
    };
    const every = { ...verbs, ...free };
    const inStep = workflow(fresh(), async (ctx, verb: string) => (
      ctx.step('do', { retry: 1 }, async () => void await every[verb]?.())));
    const inCode = workflow(fresh(), async (_ctx, verb: string) => void await every[verb]?.());
    await work(inStep, inCode);
    for (const verb of Object.keys(verbs)) {
      const { cause } = await failure((await client.start(inStep, verb)).result());
      const code = verb.includes('retry') ? 'VERB_IN_STEP' : 'START_NEEDS_ID';
      expect([verb, cause]).toMatchObject([verb, { code }]);
    }
    for (const verb of Object.keys(free)) await (await client.start(inStep, verb)).result();
    for (const verb of Object.keys(every)) {
      const run = await client.start(inCode, verb);
      expect([verb, await failure(run.result())]).toMatchObject([verb, { code: 'CLIENT_IN_WORKFLOW' }]);
    }
  });
});

describe('while the database is in trouble', () => {
  /** Loses replies of verbs after they took effect, or answers that rows are held. */
  class Troubled extends MemoryStore {
    lost = 0;

    override async terminateRuns(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]> {
      return this.#lose(await super.terminateRuns(ids, error));
    }

    override async deleteRuns(ids: readonly string[]): Promise<readonly VerbAnswer[]> {
      return this.#lose(await super.deleteRuns(ids));
    }

    override async reviveRuns(revivals: readonly Revival[]): Promise<readonly VerbAnswer[]> {
      return this.#lose(await super.reviveRuns(revivals));
    }

    #lose<Answer>(answer: Answer): Answer {
      if (this.lost-- > 0) throw new DatabaseUnavailableError('no answer');
      return answer;
    }
  }

  const hasty = { ...systemEnv, sleep: (ms: number) => systemEnv.sleep(ms / 100) };
  const flow = workflow('troubled', async () => 'done');

  function troubled(deadlineMs = 10_000): { store: Troubled; client: Client } {
    const store = new Troubled();
    const connection = memoryConnection({ store });
    return { store, client: createClient({ connection, env: hasty, deadlineMs }) };
  }

  test('a verb whose reply was lost is sent again, and has done what it did', async () => {
    const { store, client } = troubled();
    const run = await client.start(flow);
    store.lost = 2;
    await run.terminate('x');
    store.lost = 1;
    await run.retry({ from: 'start' });
    expect((await run.detail()).generation).toBe(2);
    await run.terminate('x');
    // No worker is there to carry what others are to hear of its end.
    await store.carry({ limit: 10, terminated: '' });
    store.lost = 1;
    await run.delete();
    expect(await failure(run.status())).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('when no reply comes until the deadline, DATABASE_UNAVAILABLE', async () => {
    const { store, client } = troubled(30);
    const run = await client.start(flow);
    store.lost = Infinity;
    expect(await failure(run.terminate('x'))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('a row that somebody holds is waited for, until the deadline', async () => {
    const { store, client } = troubled(200);
    const run = await client.start(flow);
    const release = store.lockRow(run.id);
    expect(await failure(run.terminate('x'))).toMatchObject({ code: 'RUN_BLOCKED', runId: run.id });
    const ending = run.terminate('x');
    release();
    await ending;
    expect(await run.status()).toBe('failed');
  });
});
