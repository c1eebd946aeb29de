// What a client sends: where it lies, what is refused, and what a transaction keeps to itself. Nothing runs
// here: the store is driven by hand.
import { PayloadError, workflow, type } from '@perdure/core';
import { makeToken, type ClaimedRun } from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from '../../testing/test/engine.js';
import { completes, worlds, type World } from './world.js';

let names = 0;
const ownId = /^signal:[0-9A-HJKMNP-TV-Z]{26}$/;

/** A workflow of its own for each test, so that nobody claims another's run. */
function fresh() {
  return workflow({
    name: `sends-${++names}`,
    signals: { approved: z.object({ by: z.string() }), note: type<unknown>() },
  }, async () => 'done');
}

const keyOf = (digit: string): string => digit.repeat(32);

describe.each(await worlds())('on %s', (_name, world) => {
  const { client, within } = world;

  async function started(): Promise<[ReturnType<typeof fresh>, ClaimedRun]> {
    const flow = fresh();
    await client.start(flow);
    return [flow, await world.claim(flow.name)];
  }
  const payloads = async (run: ClaimedRun): Promise<unknown[]> => (
    (await world.inbox(run)).map(({ name, payload }) => [name, payload.text]));

  describe('a signal', () => {
    test('lies in the inbox in the order in which it was sent, under an id of its own', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await handle.signal('approved', { by: 'Ada' });
      await handle.signal('note', 1);
      await Promise.all([2, 3, 4].map((n) => handle.signal('note', n)));
      expect(await payloads(run))
        .toEqual([['approved', '{"by":"Ada"}'], ...[1, 2, 3, 4].map((n) => ['note', String(n)])]);
      const ids = (await world.inbox(run)).map(({ id }) => id);
      for (const id of ids) expect(id).toMatch(ownId);
      expect(new Set(ids).size).toBe(5);
    });

    test('that is sent again with its id is the same', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await handle.signal('note', 'first', { id: 'n' });
      await Promise.all([1, 2, 3].map(() => handle.signal('note', 'again', { id: 'n' })));
      await within('commit', (tx) => client.signal(tx, handle, 'note', 'in a transaction', { id: 'n' }));
      expect(await payloads(run)).toEqual([['note', '"first"']]);
    });

    test('in a transaction comes with its commit, or never', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await within('rollback', (tx) => client.signal(tx, handle, 'note', 'never'));
      await within('commit', async (tx) => {
        await client.signal(tx, handle, 'note', 'one');
        await client.signal(tx, handle, 'note', 'two');
        expect(await payloads(run)).toEqual([]);
      });
      expect(await payloads(run)).toEqual([['note', '"one"'], ['note', '"two"']]);
    });

    test('reaches a run that the same transaction starts', async () => {
      const flow = fresh();
      await within('commit', async (tx) => {
        const ref = await client.start(tx, flow);
        expect(ref).toEqual({ id: ref.id, workflow: flow.name });
        await client.signal(tx, ref, 'approved', { by: 'Ada' });
      });
      expect(await payloads(await world.claim(flow.name))).toEqual([['approved', '{"by":"Ada"}']]);
    });

    test('carries what values carry', async () => {
      const [flow, run] = await started();
      await client.get(flow, run.lease.runId).signal('note', new Map([['at', new Date(0)]]));
      expect((await world.inbox(run))[0]?.payload.codec).toBe('superjson');
    });

    test('to nobody, or to a run that has settled, is refused, alone and in a transaction', async () => {
      const [flow, run] = await started();
      const nobody = client.get(flow, 'nobody');
      const handle = client.get(flow, run.lease.runId);
      await world.write(run, { end: completes });
      for (const [to, code] of [[nobody, 'RUN_NOT_FOUND'], [handle, 'RUN_SETTLED']] as const) {
        const error = await failure(to.signal('note', 1));
        expect(error).toMatchObject({ name: 'WorkflowError', code, runId: to.id });
        await within('commit', async (tx) => {
          expect(await failure(client.signal(tx, to, 'note', 1))).toMatchObject({ code });
        });
        expect(await failure(to.cancel())).toMatchObject({ code });
      }
    });

    test('that is sent again when the run has taken it and settled is fine', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await handle.signal('note', 1, { id: 'n' });
      await world.write(run, { end: completes });
      await handle.signal('note', 1, { id: 'n' });
    });
  });

  describe('the schema of a signal', () => {
    test.each([
      ['a wrong payload', 'approved', { by: 7 }, 'SIGNAL_INVALID', /signal 'approved' does not fit.*by: /s],
      ['an unknown name', 'aproved', { by: 'Ada' }, 'SIGNAL_UNKNOWN', /only 'approved', 'note'/],
    ])('refuses %s wherever the definition is known', async (...[, name, payload, code, message]) => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      const again = await client.start(flow, undefined, { id: run.lease.runId });
      for (const known of [handle, client.get(handle), again, client.get(again)]) {
        const error = await failure(known.signal(name as never, payload as never));
        expect(error.code).toBe(code);
        expect(error.message).toMatch(message);
      }
      await within('commit', async (tx) => {
        const ref = await client.start(tx, flow, undefined, { id: run.lease.runId });
        for (const known of [handle, ref, client.get(ref)]) {
          expect(await failure(client.signal(tx, known, name as never, payload as never)))
            .toMatchObject({ code });
        }
      });
      expect(await payloads(run)).toEqual([]);
    });

    test('is not asked where only the id is known', async () => {
      const [flow, run] = await started();
      const text = JSON.stringify(client.get(flow, run.lease.runId));
      const copy = JSON.parse(text) as { id: string; workflow: string };
      expect(copy).toEqual({ id: run.lease.runId, workflow: flow.name });
      await client.get(copy).signal('approved' as never, 'anything' as never);
      expect(await payloads(run)).toEqual([['approved', '"anything"']]);
    });

    test('may take its time, and may throw', async () => {
      const slow = z.number().refine(async (n) => Promise.resolve(n > 3), 'too small');
      const odd = { '~standard': { version: 1, vendor: 'odd', validate: () => {
        throw new TypeError('no validator today');
      } } } as const;
      const flow = workflow({ name: `slow-${++names}`, signals: { slow, odd } }, async () => 1);
      const run = await client.start(flow);
      await run.signal('slow', 4);
      expect(await failure(run.signal('slow', 3))).toMatchObject({ code: 'SIGNAL_INVALID' });
      expect(await failure(run.signal('odd', 1 as never))).toBeInstanceOf(TypeError);
    });

    test('stands in no way of a workflow that declares none', async () => {
      const flow = workflow(`plain-${++names}`, async () => 1);
      await (await client.start(flow)).signal('anything' as never, 1 as never);
      expect(await payloads(await world.claim(flow.name))).toEqual([['anything', '1']]);
    });
  });

  describe('a cancel', () => {
    test('is one a run: the first reason holds', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await Promise.all([handle.cancel('too late'), handle.cancel('again')]);
      await within('commit', (tx) => client.cancel(tx, handle, 'and again'));
      const [message, ...others] = await world.inbox(run, 'cancel');
      expect(others).toEqual([]);
      expect(message).toMatchObject({ id: 'cancel', name: '', payload: { text: '"too late"' } });
    });

    test('is not kept away by a signal of any id', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await handle.signal('note', 1, { id: 'cancel' });
      await handle.cancel('all the same');
      expect(await world.inbox(run, 'cancel')).toMatchObject([{ payload: { text: '"all the same"' } }]);
    });

    test('in a transaction comes with its commit, or never; it has a reason in any case', async () => {
      const [flow, run] = await started();
      const handle = client.get(flow, run.lease.runId);
      await within('rollback', (tx) => client.cancel(tx, handle));
      expect(await world.inbox(run, 'cancel')).toEqual([]);
      await within('commit', (tx) => client.cancel(tx, handle));
      expect((await world.inbox(run, 'cancel'))[0]?.payload.text).toBe('"a client asked for it"');
    });
  });

  describe('the answer of a callback', () => {
    test('is the first of all that are given', async () => {
      const [, run] = await started();
      const token = (digit: string): string => makeToken({ ...run.lease, key: keyOf(digit) });
      await client.complete(token('a'), { paid: true });
      await client.complete(token('a'), { paid: false });
      await client.fail(token('a'), new Error('no'));
      await client.fail(token('b'), new TypeError('card declined'));
      await client.fail(token('c'), 'just a text');
      await client.complete(token('d'));
      const messages = await world.inbox(run, 'callback');
      expect(messages.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'].map((d) => `callback:${keyOf(d)}`));
      expect(messages.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'].map(keyOf));
      const [completed, failed, text, empty] = messages;
      expect(completed).toMatchObject({ payload: { text: '{"paid":true}' }, error: null });
      expect(JSON.parse(failed?.error ?? '')).toMatchObject({ class: 'TypeError', message: 'card declined' });
      expect(JSON.parse(text?.error ?? '')).toMatchObject({ message: 'just a text' });
      expect(empty).toMatchObject({ payload: { text: null }, error: null });
    });

    test('in a transaction comes with its commit, or never', async () => {
      const [, run] = await started();
      const token = makeToken({ ...run.lease, key: keyOf('e') });
      await within('rollback', (tx) => client.complete(tx, token, 1));
      await within('rollback', (tx) => client.fail(tx, token, 'no'));
      expect(await world.inbox(run, 'callback')).toEqual([]);
      await within('commit', (tx) => client.complete(tx, token, 2));
      expect((await world.inbox(run, 'callback'))[0]?.payload.text).toBe('2');
    });

    test.each([
      'nonsense', '', 'YQ.1', `YQ.0.${keyOf('a')}`, `YQ.1.${keyOf('g')}`, `.1.${keyOf('a')}`,
      // Bits behind the last byte; no UTF-8; an empty and an overlong id.
      `YR.1.${keyOf('a')}`, `_w.1.${keyOf('a')}`, `AA.1.${keyOf('a')}`,
      `${Buffer.from('x'.repeat(192)).toString('base64url')}.1.${keyOf('a')}`, `YQ.1.${keyOf('a')}\n`,
    ])('needs a token, which %j is not', async (token) => {
      expect(await failure(client.complete(token, 1))).toMatchObject({ code: 'INVALID_TOKEN' });
      await within('commit', async (tx) => {
        expect(await failure(client.fail(tx, token, 'no'))).toMatchObject({ code: 'INVALID_TOKEN' });
      });
    });

    test('to nobody, or to a run that has settled, is refused', async () => {
      const [, run] = await started();
      const token = makeToken({ ...run.lease, key: keyOf('a') });
      await world.write(run, { end: completes });
      expect(await failure(client.complete(token, 1))).toMatchObject({ code: 'RUN_SETTLED' });
      const nobodys = makeToken({ runId: 'nobody', generation: 1, key: keyOf('a') });
      expect(await failure(client.fail(nobodys, 'no'))).toMatchObject({ code: 'RUN_NOT_FOUND' });
    });
  });

  describe('an event', () => {
    const told = async (run: ClaimedRun, name: string, key: string): Promise<unknown[]> => {
      const { store } = world.connection;
      await store.subscribe([{ lease: run.lease, place: `${name}/${key}`, name, key, lookBackMs: 60_000 }]);
      return (await world.inbox(run, 'event')).map(({ payload }) => payload.text);
    };

    test('comes to who waits for its name and key', async () => {
      const [, run] = await started();
      const name = `paid-${++names}`;
      await client.emit(name, { total: 3 }, { key: 'order-1' });
      await client.emit(name, { total: 4 }, { key: 'order-2' });
      await client.emit(name);
      expect(await told(run, name, 'order-1')).toEqual(['{"total":3}']);
      expect(await told(run, name, '')).toEqual(['{"total":3}', null]);
    });

    test('of an id that was emitted before is the same', async () => {
      const [, run] = await started();
      const name = `paid-${++names}`;
      await client.emit(name, 'first', { id: name });
      await client.emit(name, 'second', { id: name });
      await within('commit', (tx) => client.emit(tx, name, 'third', { id: name }));
      expect(await told(run, name, '')).toEqual(['"first"']);
    });

    test('in a transaction comes with its commit, or never', async () => {
      const [, run] = await started();
      const name = `paid-${++names}`;
      await within('rollback', (tx) => client.emit(tx, name, 'never'));
      await within('commit', (tx) => client.emit(tx, name, 'now'));
      expect(await told(run, name, '')).toEqual(['"now"']);
    });
  });

  test.each<readonly [string, (to: World, tx: never) => Promise<unknown>, string]>([
    ['a signal without a name', ({ client: c }) => c.get(fresh(), 'x').signal('' as never, 1 as never),
      'INVALID_NAME'],
    ['a signal with a number as its name',
      ({ client: c }) => c.get(fresh(), 'x').signal(7 as never, 1 as never), 'INVALID_NAME'],
    ['a signal with NUL in its id', ({ client: c }) => c.get(fresh(), 'x').signal('note', 1, { id: '\0' }),
      'INVALID_NAME'],
    ['a signal to no id', async ({ client: c }) => c.get(fresh(), '').signal('note', 1), 'INVALID_NAME'],
    ['a signal of a function', ({ client: c }) => c.get(fresh(), 'x').signal('note', () => 1),
      'VALUE_NOT_STORABLE'],
    ['a signal that is too large', ({ client: c }) => c.get(fresh(), 'x').signal('note', 'x'.repeat(2 ** 21)),
      'VALUE_TOO_LARGE'],
    ['a cancel with an object as reason', ({ client: c }) => c.get(fresh(), 'x').cancel({} as never),
      'INVALID_OPTION'],
    ['an event without a name', ({ client: c }) => c.emit(''), 'INVALID_NAME'],
    ['an event with an empty key', ({ client: c }) => c.emit('e', 1, { key: '' }), 'INVALID_NAME'],
    ['an event with a number as key', ({ client: c }) => c.emit('e', 1, { key: 7 as never }), 'INVALID_NAME'],
    ['an event with a long id', ({ client: c }) => c.emit('e', 1, { id: 'x'.repeat(192) }), 'INVALID_NAME'],
    ['an event of a symbol', ({ client: c }) => c.emit('e', Symbol('x')), 'VALUE_NOT_STORABLE'],
    ['an event of no name in a transaction', ({ client: c }, tx) => c.emit(tx, undefined as never),
      'INVALID_NAME'],
    ['a value that is none', ({ client: c }) =>
      c.complete(makeToken({ runId: 'x', generation: 1, key: keyOf('a') }), () => 1), 'VALUE_NOT_STORABLE'],
    ['a run of no workflow', ({ client: c }) => Promise.resolve().then(() => c.get({} as never, 'x')),
      'NOT_A_WORKFLOW'],
  ])('%s is refused', async (...[, call, code]) => {
    await within('rollback', async (tx) => {
      expect(await failure(call(world, tx))).toMatchObject({ code });
    });
  });

  test.each<readonly [string, (to: World, none: never) => Promise<unknown>]>([
    ['signal', ({ client: c }, none) => c.signal(none, c.get(fresh(), 'x'), 'note', 1)],
    ['cancel', ({ client: c }, none) => c.cancel(none, c.get(fresh(), 'x'))],
    ['emit', ({ client: c }, none) => c.emit(none, 'e')],
    ['complete', ({ client: c }, none) => c.complete(none, 'token', 1)],
  ])('%s takes no pool, no object and nothing at all for a transaction', async (_verb, call) => {
    for (const none of [undefined, null, {}, 7, { query: 'select' }]) {
      expect(await failure(call(world, none as never))).toMatchObject({ code: 'NOT_A_TRANSACTION' });
    }
  });

  test('requireTransaction refuses what could have had one', async () => {
    const [flow, run] = await started();
    const strict = world.clientWith({ requireTransaction: true });
    const token = makeToken({ ...run.lease, key: keyOf('a') });
    for (const call of [
      () => strict.emit('e'), () => strict.complete(token), () => strict.fail(token, 'no'),
      () => strict.start(flow), () => strict.execute(flow),
    ]) {
      expect(await failure(call())).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    }
    await within('commit', (tx) => strict.complete(tx, token, 1));
    // A handle says by itself that it is outside of any.
    await strict.get(flow, run.lease.runId).signal('note', 1);
    expect((await world.inbox(run, 'callback')).length + (await world.inbox(run)).length).toBe(2);
  });

  test('a run is started with its time limit, or that of its workflow', async () => {
    const limited = workflow({ name: `limited-${++names}`, timeout: '2 hours' }, async () => 1);
    await client.start(limited);
    expect(await world.claim(limited.name)).toMatchObject({ timeoutMs: 7_200_000 });
    await client.start(limited, undefined, { timeout: '1 minute' });
    expect(await world.claim(limited.name)).toMatchObject({ timeoutMs: 60_000 });
    await within('commit', async (tx) => void await client.start(tx, limited, undefined, { timeout: 5 }));
    expect(await world.claim(limited.name)).toMatchObject({ timeoutMs: 5 });
    const [, free] = await started();
    expect(free.timeoutMs).toBe(null);
    expect(await failure(client.start(limited, undefined, { timeout: 'soon' as never })))
      .toMatchObject({ code: 'INVALID_DURATION' });
  });

  test('a payload error has its path', async () => {
    const error = await failure(client.get(fresh(), 'x').signal('note', { items: [1, { go: () => 1 }] }));
    expect(error).toBeInstanceOf(PayloadError);
    expect(error).toMatchObject({ path: 'items[1].go' });
    expect(error.message).toMatch(/the payload of signal 'note'/);
  });
});
