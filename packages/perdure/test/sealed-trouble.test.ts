// What becomes of a run when its stored values were changed, moved, or cannot be opened or sealed at present.
import { randomBytes } from 'node:crypto';
import type { Entry, History, Mail, Store } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import {
  DatabaseUnavailableError, PayloadError, RunParkedError, type, workflow, type Connection, type ValueSeal,
  type Workflow,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { World } from '../../testing/dist/world.js';
import { failure, silent } from '../../testing/test/engine.js';

interface Example {
  aesGcm(keys: Readonly<Record<string, Uint8Array>>, current: string): ValueSeal;
}

const example = new URL('../../../examples/dist/aes-gcm.js', import.meta.url).href;
const { aesGcm } = await import(example) as Example;
const keys = { one: randomBytes(32), two: randomBytes(32) };

type Tamper = { [Verb in keyof Store]?: (answer: Awaited<ReturnType<Store[Verb]>>) => unknown };

/** A store whose answers somebody changed. */
function tampered(store: Store, tamper: Tamper): Store {
  return new Proxy(store, {
    get: (_, name) => async (...given: unknown[]): Promise<unknown> => {
      const answer = await (Reflect.get(store, name) as (...given: unknown[]) => Promise<unknown>)(...given);
      const change = tamper[name as keyof Store] as ((answer: unknown) => unknown) | undefined;
      return change === undefined ? answer : change(answer);
    },
  });
}

/** A world in which every worker reads everything again, behind `values` and somebody who tampers. */
async function worldOf(
  workflows: readonly Workflow[], values: ValueSeal, tamper: Tamper = {},
): Promise<World> {
  let connection: Connection | null = null;
  const connect = (store: Store): Connection => {
    connection ??= memoryConnection({ store: tampered(store, tamper), values });
    return connection;
  };
  const world = new World({ workflows, logger: silent }, { forgetful: true, connect });
  await world.work(workflows);
  return world;
}

async function parked(run: Promise<unknown>): Promise<string> {
  const error = await failure<RunParkedError>(run);
  expect(error).toBeInstanceOf(RunParkedError);
  expect(error.code).toBe('VALUE_UNREADABLE');
  return error.message;
}

const two = workflow('two', async (ctx) => {
  const one = await ctx.step('one', () => ({ number: 1 }));
  const other = await ctx.step('other', () => ({ number: 2 })).catch(() => ({ number: 0 }));
  await ctx.sleep('1 hour');
  return [one.number, other.number];
});

const both = workflow('both', async (ctx) => {
  const results: number[] = [];
  await Promise.all([1, 2].map(async (number) => {
    results.push(await ctx.step(`step ${number}`, () => number));
  }));
  await ctx.sleep('1 hour');
  return results;
});

type Change = (entries: Entry[]) => unknown[];

const entriesOf = (change: Change) => (
  (histories: readonly History[]): History[] => histories.map((history) => (
    { ...history, entries: change([...history.entries]) as never })));

/** Changes the first two entries, once there are two. */
const pair = (change: (one: Entry, other: Entry) => unknown[]): Change => ([one, other, ...more]) => (
  one !== undefined && other !== undefined ? [...change(one, other), ...more]
    : [one].filter((each) => each !== undefined));

describe('a run whose record was changed is parked', () => {
  const changed = (change: (text: string) => string): Change => (entries) => entries.map((entry) => (
    { ...entry, value: { ...entry.value, text: change(entry.value.text ?? '') } }));
  const changes: Array<[string, Change]> = [
    ['values of two steps exchanged', pair((one, other) => (
      [{ ...one, value: other.value }, { ...other, value: one.value }]))],
    ['the order of two steps exchanged', pair((one, other) => (
      [{ ...other, position: one.position }, { ...one, position: other.position }]))],
    ['a value changed by one character', changed((text) => (
      text.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))))],
    ['a value cut', changed((text) => text.slice(0, 20))],
    ['a failure put in place of a value', (entries) => entries.map((entry) => (
      { ...entry, error: entry.value.text }))],
  ];
  test.each(changes)('%s', async (_how, change) => {
    await using world = await worldOf([both], aesGcm(keys, 'one'), { readHistories: entriesOf(change) });
    expect(await parked(world.execute(both))).toMatch(/cannot be read: PayloadError.*could not be opened/);
  });

  test('and one whose record was not completes', async () => {
    const untouched = { readHistories: entriesOf((all) => all) };
    await using world = await worldOf([both], aesGcm(keys, 'one'), untouched);
    expect(await world.execute(both)).toEqual([1, 2]);
  });

  test('the progress of an attempt was changed', async () => {
    const beating = workflow('beating', async (ctx) => (
      ctx.step('beat', { retry: { initialInterval: '1 hour' } }, (step) => {
        if (step.attempt > 1) return step.progress;
        step.heartbeat('half');
        throw new Error('not yet');
      })));
    const cut = (text: string | null | undefined): string => text?.slice(0, 30) ?? '';
    const calls = (histories: readonly History[]): History[] => histories.map((history) => ({
      ...history, calls: history.calls.map((call) => (
        { ...call, progress: { codec: 'sealed', text: cut(call.progress?.text) } })),
    }));
    await using world = await worldOf([beating], aesGcm(keys, 'one'), { readHistories: calls });
    expect(await parked(world.execute(beating))).toMatch(/the progress of step 1 'beat' cannot be read/);
    await using other = await worldOf([beating], aesGcm(keys, 'one'));
    expect(await other.execute(beating)).toBe('half');
  });

  test('its input was exchanged', async () => {
    const input = workflow('input', async (_ctx, given: string) => given);
    const others: unknown[] = [];
    await using world = await worldOf([input], aesGcm(keys, 'one'), { claim: (answer) => (
      { ...answer, runs: answer.runs.map((run) => {
        others.push(run.input);
        return { ...run, input: others[0] as never };
      }) }) });
    const options = { delay: '1 minute' } as const;
    const runs = [await world.start(input, 'a', options), await world.start(input, 'b', options)];
    await world.advance('2 minutes');
    const ends = await Promise.allSettled(runs.map((run) => run.result()));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('what came for a run and cannot be opened parks it', () => {
  const child = workflow('child', async (_ctx, given: string) => given);
  const parent = workflow({ name: 'parent', signals: { note: type<string>() } }, async (ctx) => {
    const children = await ctx.all({
      a: (scope) => scope.execute(child, 'a', { id: 'child-a' }),
      b: (scope) => scope.execute(child, 'b', { id: 'child-b' }),
    });
    return [children, await ctx.waitFor('note')];
  });
  const messages = (change: (mail: Mail['messages']) => unknown[]) => ((mails: readonly Mail[]): Mail[] => (
    mails.map((mail) => ({ ...mail, messages: change(mail.messages) as never }))));

  test('unless nobody touched it', async () => {
    await using world = await worldOf([parent, child], aesGcm(keys, 'one'));
    const run = await world.start(parent);
    await run.signal('note', 'hello');
    await world.advance('1 minute');
    expect(await run.result()).toEqual([{ a: 'a', b: 'b' }, 'hello']);
  });

  test('outcomes of two children, exchanged', async () => {
    let a: Mail['messages'][number] | undefined;
    await using world = await worldOf([parent, child], aesGcm(keys, 'one'), { readMail: messages((all) => {
      a ??= all.find((each) => each.kind === 'child');
      return all.map((each) => (
        a === undefined || each.kind !== 'child' ? each : { ...each, payload: a.payload }));
    }) });
    const run = await world.start(parent);
    await world.advance('1 minute');
    expect(await parked(run.result())).toMatch(/it is the outcome of run 'child-[ab]', not of 'child-[ab]'/);
  });

  test('a signal', async () => {
    await using world = await worldOf([parent, child], aesGcm(keys, 'one'), { readMail: messages((all) => (
      all.map((each) => (each.kind !== 'signal' ? each : { ...each, id: `${each.id}-other` })))) });
    const run = await world.start(parent);
    await run.signal('note', 'hello');
    await world.advance('1 minute');
    expect(await parked(run.result())).toMatch(/what came for signal 2 'note' .*could not be opened/);
  });
});

test('a run whose key is lost is parked, and says which', async () => {
  let lost = false;
  const [before, after] = [aesGcm(keys, 'one'), aesGcm({ two: keys.two }, 'two')];
  await using world = await worldOf([two], {
    seal: (text, place) => (lost ? after : before).seal(text, place),
    open: (text, place) => (lost ? after : before).open(text, place),
  });
  const run = await world.start(two);
  await world.untilIdle();
  lost = true;
  await world.advance('2 hours');
  expect(await parked(run.result())).toContain("There is no key 'one' here");
});

describe('a run whose keys are away for a while goes on when they are back', () => {
  test.each(['seal', 'open'] as const)('to %s', async (verb) => {
    const values = aesGcm(keys, 'one');
    let failures = 0;
    const away = (): void => {
      failures += 1;
      if (failures <= 5) throw new DatabaseUnavailableError('the key service does not answer');
    };
    await using world = await worldOf([two], {
      seal: (text, place) => {
        // A start is tried again by the client.
        if (verb === 'seal' && place.kind !== 'input') away();
        return values.seal(text, place);
      },
      open: (text, place) => {
        if (verb === 'open') away();
        return values.open(text, place);
      },
    });
    expect(await world.execute(two)).toEqual([1, 2]);
    expect(failures).toBeGreaterThan(5);
  });
});

test('a value that the seal refuses is an error of its step', async () => {
  const values = aesGcm(keys, 'one');
  await using world = await worldOf([two], { ...values, seal: (text, place) => {
    if (text.includes('"number":2')) throw new PayloadError('NO_CONSENT', 'there is no consent', '');
    return values.seal(text, place);
  } });
  expect(await world.execute(two)).toEqual([1, 0]);
});
