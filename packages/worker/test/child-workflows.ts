// What child workers run. Steps leave an effect in the database and wait there for the test to open a gate.
import { NonRetryableError, workflow, type Ctx, type StepInfo, type Workflow } from '@perdure/core';
import type pg from 'pg';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Blocks the event loop. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The workflows of a child worker; names are what tests start them by. */
export function childWorkflows(pool: pg.Pool): readonly Workflow[] {
  const effect = async (run: string, step: Pick<StepInfo, 'name' | 'attempt'>): Promise<void> => {
    await pool.query('insert into effects (run, step, attempt, pid) values ($1, $2, $3, $4)',
      [run, step.name, step.attempt, process.pid]);
  };
  const passed = async (gate: string): Promise<void> => {
    while ((await pool.query('select from gates where name = $1', [gate])).rowCount === 0) await pause(10);
  };
  const load = (ctx: Ctx, what: string): Promise<string> => ctx.step('load', async () => {
    await effect(ctx.runId, { name: what, attempt: 1 });
    await passed(what);
    return what;
  });
  const branch = async (ctx: Ctx, which: string): Promise<string[]> => (
    [await load(ctx, `${which} 1`), await load(ctx, `${which} 2`)]);
  return [
    workflow('swap', async (ctx) => Promise.all([branch(ctx, 'left'), branch(ctx, 'right')])),
    workflow('three steps', async (ctx) => {
      const pids: number[] = [];
      for (const name of ['one', 'two', 'three']) {
        pids.push(await ctx.step(name, async (step) => {
          await effect(ctx.runId, step);
          await passed(`${ctx.runId} ${name} ${process.pid}`);
          return process.pid;
        }));
      }
      return pids;
    }),
    workflow('innocent', async (ctx) => {
      await ctx.step('one', (step) => effect(ctx.runId, step));
      await ctx.step('two', (step) => effect(ctx.runId, step));
      return 'well';
    }),
    workflow('poison', async (ctx) => ctx.step('kill', async (step) => {
      await effect(ctx.runId, step);
      process.kill(process.pid, 'SIGKILL');
      await passed('never');
    })),
    workflow('early', async (ctx) => {
      const failing = ctx.step('fails', () => {
        throw new NonRetryableError('as told');
      });
      await ctx.step('other', () => passed(`${ctx.runId} other`));
      return failing.catch((error: Error) => error.message);
    }),
    workflow('never awaited', async (ctx) => {
      void ctx.step('fails', () => {
        throw new NonRetryableError('as told');
      });
      await ctx.step('other', () => passed(`${ctx.runId} other`));
    }),
    workflow('sell', async (ctx, timeout: '2 s') => ctx.transaction('sell', { timeout }, async (tx, step) => {
      await tx.query('insert into sold values ($1, $2)', [ctx.runId, process.pid]);
      await effect(ctx.runId, step);
      await passed(`${ctx.runId} ${process.pid}`);
      return process.pid;
    })),
    workflow('blocks', async (ctx, input: { ms: number; pid: number }) => ctx.step('busy', async (step) => {
      if (process.pid === input.pid) block(input.ms);
      await effect(ctx.runId, step);
      return process.pid;
    })),
  ];
}
