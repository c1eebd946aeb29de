// `ctx.continueAsNew`: a run goes on in its next generation, with another input, its mail, and no record.
import {
  ContinuedAsNew, NonRetryableError, RunCancelledError, RunParkedError, type, workflow, type Ctx,
} from '@perdure/core';
import { expect } from 'vitest';
import { z } from 'zod';
import type { BehaviourEnv } from '../behaviour-world.js';
import { failure } from '../engine.js';
import { behaviour } from './served.js';

/** Places that a run has recorded in one of its generations. */
async function recordOf(world: BehaviourEnv, runId: string, generation: number): Promise<readonly string[]> {
  const entries = await world.store.readEntries({ runId, generation, after: -1, limit: 100 });
  return entries.map(({ place, name }) => `${place} ${name}`);
}

interface Counter {
  readonly from: number;
  readonly to: number;
}

const counter = workflow('counter', async (ctx, { from, to }: Counter) => {
  const n = await ctx.step('add', () => from + 1);
  if (n < to) await ctx.continueAsNew({ from: n, to });
  return [n, ctx.attempt];
});

behaviour('a run goes on with another input, and keeps the record of its last two generations', [counter],
  async (world) => {
    const run = await world.client.start(counter, { from: 0, to: 5 });
    await world.advance('1 minute');
    expect(await run.result()).toEqual([5, 5]);
    const records = [1, 2, 3, 4, 5].map((generation) => recordOf(world, run.id, generation));
    expect(await Promise.all(records)).toEqual([[], [], [], ['1 add'], ['1 add']]);
  });

behaviour('a thousand generations leave no more than two', [counter], async (world) => {
  const run = await world.client.start(counter, { from: 0, to: 1_000 });
  await world.advance('1 minute');
  expect(await run.result()).toEqual([1_000, 1_000]);
  const records = [1, 500, 998, 999, 1_000].map((generation) => recordOf(world, run.id, generation));
  expect((await Promise.all(records)).map((places) => places.length)).toEqual([0, 0, 0, 1, 1]);
});

const inbox = { note: type<string>(), end: type<string>() };
const talk = workflow({ name: 'talk', signals: inbox }, async (ctx, said: string[]) => {
  const note = await ctx.waitFor('note');
  if (note === 'end') return { said, rest: await ctx.waitFor('note', { timeout: '1 minute' }) };
  await ctx.sleep('10 minutes');
  return ctx.continueAsNew([...said, note]);
});

behaviour('signals that were not taken are carried over, in their order', [talk], async (world) => {
  const run = await world.client.start(talk, []);
  await run.signal('note', 'a');
  await world.advance('1 minute');
  for (const note of ['b', 'c']) await run.signal('note', note);
  await world.advance('25 minutes');
  for (const note of ['d', 'end', 'after']) await run.signal('note', note);
  await world.advance('1 hour');
  expect(await run.result()).toEqual({ said: ['a', 'b', 'c', 'd'], rest: 'after' });
});

const raced = workflow({ name: 'raced', signals: inbox }, async (ctx, turn: number) => {
  if (turn === 2) return ctx.waitFor('note', { timeout: '1 minute' });
  const first = await ctx.race({
    note: (branch) => branch.waitFor('note'),
    time: async (branch) => {
      await branch.sleep('10 minutes');
      await branch.step('at the same time', () => 1);
    },
  });
  return first.winner === 'note' ? first.value : ctx.continueAsNew(2);
});

behaviour('a signal that a lost wait had taken is carried over', [raced], async (world) => {
  const run = await world.client.start(raced, 1);
  // It comes while the step runs that makes the other branch win.
  world.mockStep(raced, 'at the same time', async () => {
    await run.signal('note', 'late', { id: 'once' });
  });
  await world.advance('20 minutes');
  expect(await run.result()).toBe('late');
});

const state = workflow({
  name: 'state', version: '1', input: z.object({ turn: z.number().max(3) }), timeout: '1 hour',
}, async (ctx, { turn }) => {
  await ctx.set({ [`turn${turn}`]: turn, last: turn });
  const began = ctx.startedAt.toISOString().slice(11, 16);
  const { uuid } = { uuid: ctx.uuid() };
  await ctx.sleep('40 minutes');
  if (turn === 3) return { began, attempt: ctx.attempt, uuid, headers: ctx.headers };
  return ctx.continueAsNew({ turn: turn + 1 });
});

behaviour('attributes and headers stay, and each generation has its own time', [state], async (world) => {
  const run = await world.client.start(state, { turn: 1 }, { headers: { trace: 'abc' } });
  await world.advance('3 hours');
  expect(await run.result()).toMatchObject({ began: '01:20', attempt: 3, headers: { trace: 'abc' } });
  expect(await run.attributes()).toEqual({ turn1: 1, turn2: 2, turn3: 3, last: 3 });
});

const misfit = workflow({ name: 'misfit', input: z.number().max(1) },
  async (ctx, n) => ctx.continueAsNew(n + 1));

behaviour('an input that does not fit fails the next generation', [misfit], async (world) => {
  const run = await world.client.start(misfit, 1);
  await world.advance('1 minute');
  expect(await failure(run.result())).toMatchObject({ cause: { code: 'INPUT_INVALID' } });
});

const unstorable = workflow('unstorable', async (ctx) => {
  try {
    return await ctx.continueAsNew({ f: () => 1 });
  } catch (error) {
    return (error as { code: string }).code;
  }
});

behaviour('an input that cannot be stored is refused at once', [unstorable], async (world) => {
  const run = await world.client.start(unstorable);
  await world.advance('1 minute');
  expect(await run.result()).toBe('VALUE_NOT_STORABLE');
});

const cleaning = workflow('cleaning', async (ctx, turn: number) => {
  ctx.onRollback('undo', () => undefined);
  try {
    await ctx.step('work', () => turn);
    if (turn < 3) await ctx.continueAsNew(turn + 1);
    return turn;
  } finally {
    await ctx.step('close', () => turn);
    await ctx.sleep('1 minute');
    await ctx.step('closed', () => turn);
  }
});

behaviour('what stands in `finally` is done before the generation ends; nothing is rolled back', [cleaning],
  async (world) => {
    const run = await world.client.start(cleaning, 1);
    await world.advance('1 hour');
    expect(await run.result()).toBe(3);
    const closed = world.calls(cleaning, 'closed').filter((call) => 'result' in call);
    expect([...new Set(closed.map(({ result }) => result))]).toEqual([1, 2, 3]);
    expect(world.calls(cleaning, 'undo')).toEqual([]);
    expect(await recordOf(world, run.id, 2)).toEqual(['1 work', '2 close', '3 sleep', '4 closed']);
  });

// ---- what keeps it from going on --------------------------------------------------------------------------

type AnyCtx = Ctx<typeof anySignals>;
const anySignals = {};

const left: Record<string, (ctx: AnyCtx) => Promise<unknown>> = {
  'a step': async (ctx) => {
    const step = ctx.step('open', () => 1);
    return ctx.continueAsNew().finally(() => step);
  },
  'a branch': (ctx) => ctx.all({ a: (branch) => branch.continueAsNew() }),
  'a branch that calls the ctx around it': (ctx) => ctx.race({ a: () => ctx.continueAsNew() }),
  'a transaction': async (ctx) => {
    const step = ctx.transaction('open', async () => 1);
    return ctx.continueAsNew().finally(() => step);
  },
};
const leaving = workflow('leaving', async (ctx, what: string) => left[what]?.(ctx));

for (const what of Object.keys(left)) {
  behaviour(`with ${what} open it is refused`, [leaving], async (world) => {
    world.mockStep(leaving, 'open', () => 1);
    const run = await world.client.start(leaving, what);
    await world.advance('1 minute');
    const { cause } = await failure<{ readonly cause?: Error }>(run.result());
    expect(cause).toMatchObject({ code: 'CALLS_OPEN' });
    expect(cause?.message).toMatch(/ 1 '(open|all|race)'/);
  });
}

const mistakes: Record<string, (ctx: AnyCtx) => Promise<unknown>> = {
  'CONTINUE_CAUGHT returned': async (ctx) => ctx.continueAsNew().catch(() => 'caught'),
  'CONTINUE_CAUGHT failed with: Error: wrapped': async (ctx) => {
    ctx.onRollback('undo', () => undefined);
    try {
      return await ctx.continueAsNew();
    } catch (cause) {
      throw new Error('wrapped', { cause });
    }
  },
  'CONTINUE_CAUGHT failed with: NonRetryableError: closing': async (ctx) => {
    try {
      return await ctx.continueAsNew();
    } finally {
      await ctx.step('close', () => {
        throw new NonRetryableError('closing');
      });
    }
  },
  "UNAWAITED_CALL continue 1 'continueAsNew'": async (ctx) => {
    void ctx.continueAsNew();
    return 'done';
  },
  "NESTED_CALL continue 2 'continueAsNew'": (ctx) => ctx.step('body', () => ctx.continueAsNew()),
};
const mistaken = workflow('mistaken', async (ctx, what: string) => mistakes[what]?.(ctx));

for (const what of Object.keys(mistakes)) {
  behaviour(`a mistake parks the run: ${what}`, [mistaken], async (world) => {
    const run = await world.client.start(mistaken, what);
    await world.advance('1 minute');
    const [code = '', ...said] = what.split(' ');
    const error = await failure(run.result());
    expect(error).toBeInstanceOf(RunParkedError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(said.join(' '));
    expect(world.calls(mistaken, 'undo')).toEqual([]);
  });
}

const careful = workflow('careful', async (ctx, turn: number) => {
  try {
    await ctx.step('work', () => turn);
    return turn < 2 ? await ctx.continueAsNew(turn + 1) : 'done';
  } catch (error) {
    if (error instanceof ContinuedAsNew) throw error;
    return 'failed';
  }
});

behaviour('code that catches everything lets it pass', [careful], async (world) => {
  const run = await world.client.start(careful, 1);
  await world.advance('1 minute');
  expect(await run.result()).toBe('done');
});

// ---- cancels and timeouts ---------------------------------------------------------------------------------

const told: string[] = [];
const tell = async (ctx: AnyCtx, error: unknown): Promise<void> => {
  const what = error instanceof RunCancelledError ? `cancelled in ${ctx.attempt}` : String(error);
  await ctx.step('tell', () => void told.push(`${ctx.runId} ${what}`));
};

const toldOf = (runId: string): ReadonlySet<string> => new Set(told.filter((line) => line.startsWith(runId)));

const stubborn = workflow('stubborn', async (ctx, turn: number) => {
  try {
    await ctx.sleep('1 hour');
  } catch (error) {
    await tell(ctx, error);
  }
  return ctx.continueAsNew(turn + 1);
});

behaviour('a run that is being cancelled does not go on, whatever it catches', [stubborn], async (world) => {
  const run = await world.client.start(stubborn, 1);
  await world.advance('90 minutes');
  await run.cancel('enough');
  await world.advance('10 hours');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'enough' });
  expect(await run.status()).toBe('cancelled');
  expect(toldOf(run.id)).toEqual(new Set([`${run.id} cancelled in 2`]));
});

const closing = workflow('closing', async (ctx, turn: number) => {
  try {
    await ctx.step('work', () => turn);
    return await ctx.continueAsNew(turn + 1);
  } finally {
    await ctx.sleep('1 hour').catch((error: unknown) => tell(ctx, error));
  }
});

behaviour('a cancel that comes while it makes way ends it', [closing], async (world) => {
  const run = await world.client.start(closing, 1);
  await world.advance('30 minutes');
  await run.cancel();
  await world.advance('10 hours');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED' });
  expect(toldOf(run.id)).toEqual(new Set([`${run.id} cancelled in 1`]));
  expect(await world.store.readRuns([run.id])).toMatchObject([{ generation: 1 }]);
});

const asking = workflow('asking', async (ctx) => {
  await ctx.sleep('1 hour').catch(() => undefined);
  return ctx.continueAsNew().catch((error: RunCancelledError) => error.reason);
});

behaviour('what refuses it says why', [asking], async (world) => {
  const run = await world.client.start(asking);
  await world.advance('1 minute');
  await run.cancel('enough');
  await world.advance('1 minute');
  expect(await run.result()).toBe('enough');
});

const restless = workflow('restless', async (ctx, n: number) => ctx.continueAsNew(n + 1));
const busy = workflow('busy', async (ctx, n: number) => {
  await ctx.step('work', () => n);
  return ctx.continueAsNew(n + 1);
});

for (const endless of [restless, busy]) {
  behaviour(`a run that only goes on can be cancelled (${endless.name})`, [endless], async (world) => {
    const run = await world.client.start(endless, 1);
    await run.cancel('at last');
    await world.advance('1 minute');
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'at last' });
  });
}

const cancelsItself = workflow('cancelsItself', async (ctx, turn: number) => {
  try {
    await ctx.step('work', () => turn);
    if (turn < 5) await ctx.continueAsNew(turn + 1);
    await ctx.sleep('1 hour');
    return 'never cancelled';
  } catch (error) {
    if (error instanceof RunCancelledError) await ctx.step('clean up', () => ctx.attempt);
    throw error;
  }
});

behaviour('a cancel that comes between two generations reaches the code of the next', [cancelsItself],
  async (world) => {
    const run = await world.client.start(cancelsItself, 1);
    let sent = false;
    world.mockStep(cancelsItself, 'work', async () => {
      if (!sent) await run.cancel('now');
      sent = true;
      return 1;
    });
    await world.advance('2 hours');
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_CANCELLED', reason: 'now' });
    expect(world.calls(cancelsItself, 'clean up').length).toBeGreaterThan(0);
  });

const late = workflow({ name: 'late', timeout: '1 hour' }, async (ctx, turn: number): Promise<string> => {
  try {
    await ctx.sleep(turn === 1 ? '50 minutes' : '2 hours');
  } catch (error) {
    await tell(ctx, error);
  }
  return ctx.continueAsNew(turn + 1);
});

behaviour('the timeout is that of a generation; a run that is late does not go on', [late], async (world) => {
  const run = await world.client.start(late, 1);
  await world.advance('100 minutes');
  expect(await run.status()).toBe('waiting');
  await world.advance('1 hour');
  expect(await failure(run.result())).toMatchObject({ cause: { code: 'RUN_TIMEOUT' } });
});

// ---- children ---------------------------------------------------------------------------------------------

const child = workflow('child', async (ctx): Promise<void> => ctx.sleep('1 day'));
const leaver = workflow('leaver', async (ctx, turn: number) => {
  if (turn === 1) {
    await ctx.start(child, undefined, { id: `${ctx.runId}-kept`, parentClose: 'cancel' });
    await ctx.start(child, undefined, { id: `${ctx.runId}-left`, parentClose: 'abandon' });
  }
  await ctx.sleep('1 hour');
  return turn < 3 ? ctx.continueAsNew(turn + 1) : 'done';
});

behaviour('children of all generations are closed by the end of the run', [leaver, child], async (world) => {
  const run = await world.client.start(leaver, 1);
  await world.advance('150 minutes');
  const kept = world.client.get(child, `${run.id}-kept`);
  const abandoned = world.client.get(child, `${run.id}-left`);
  expect(await kept.status()).toBe('waiting');
  await world.advance('1 hour');
  expect(await run.result()).toBe('done');
  expect([await kept.status(), await abandoned.status()]).toEqual(['cancelled', 'waiting']);
});

const parent = workflow('parent', async (ctx) => ctx.execute(counter, { from: 0, to: 3 }));

behaviour('who waits for a child waits for its last generation', [parent, counter], async (world) => {
  const run = await world.client.start(parent);
  await world.advance('1 minute');
  expect(await run.result()).toEqual([3, 3]);
});

const itself = workflow('itself', async (ctx) => {
  const codes: unknown[] = [];
  const options = { id: ctx.runId };
  await ctx.execute(child, undefined, options).catch((error: { code: string }) => codes.push(error.code));
  await ctx.start(child, undefined, options).catch((error: { code: string }) => codes.push(error.code));
  return codes;
});

behaviour('a run is no child of its own', [itself, child], async (world) => {
  const run = await world.client.start(itself);
  await world.advance('1 minute');
  expect(await run.result()).toEqual(['CHILD_IS_ITSELF', 'CHILD_IS_ITSELF']);
});
