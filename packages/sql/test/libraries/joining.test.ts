// Starts and messages in the transactions of every library: the real ones, on a real server.
import { type, workflow, WorkflowError } from '@perdure/core';
import { makeToken } from '@perdure/core/engine';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { failure, freshEngine } from '../../../testing/test/engine.js';
import { openLibraries } from './library-cases.js';
import type { LibraryCase, Tx } from './library-case.js';
import { ResultTable, versionOf } from './result-table.js';

const { client, sql, url } = await freshEngine();
await sql('create table public.orders (id text primary key, total bigint)');
const cases: LibraryCase[] = [];
for (const open of openLibraries) cases.push(await open(url));
afterAll(() => Promise.all(cases.map((library) => library.close())));

const columns = ['tested with', 'commit, rollback', 'savepoint', 'an id that is taken', 'messages',
  'a conflict reaches you as', 'instead of a transaction', 'one that has ended'] as const;
const table = new ResultTable('starts', columns, cases.map(({ name }) => name));
afterAll(() => table.settle());

const fulfil = workflow({
  name: 'fulfil', signals: { paid: type<{ by: string }>() },
}, async (_ctx, order: string) => order);
const other = workflow('other', async (_ctx, order: string) => order);

class Mine extends Error {}

let serial = 0;
const fresh = (): string => `order-${++serial}`;

/** Where the SQLSTATE stands in what a library threw, or what the library says instead. */
function shapeOf(error: unknown, state: string): string {
  const thrown = error as Record<string, unknown> & { cause?: { code?: unknown } };
  const name = (error as Error).constructor.name;
  if (thrown['code'] === state) return `\`${name}\`, \`code\` ${state}`;
  if (thrown.cause?.code === state) return `\`${name}\`, \`cause.code\` ${state}`;
  if (typeof thrown['code'] === 'string') return `\`${name}\`, \`code\` ${thrown['code']}`;
  throw new Error(`There is no ${state} in it.`, { cause: error });
}

describe.each(cases)('$name', (library) => {
  const { within, insert, savepoint, name } = library;
  const rows = library.rows ?? ((text: string) => sql(text));
  const found = (column: (typeof columns)[number], cell: string): void => table.set(name, column, cell);
  const idsOf = async (from: string): Promise<unknown[]> => (
    (await rows(`select id from ${from} order by length(id), id`)).map(({ id }) => id));
  const expectIds = async (orders: readonly string[], runs = orders): Promise<void> => {
    expect(await idsOf('orders')).toEqual(orders);
    expect(await idsOf('perdure.runs')).toEqual(runs);
    expect(await idsOf('perdure.ready')).toEqual(runs);
  };
  const start = (tx: Tx, id: string, options = {}): Promise<{ id: string }> => (
    client.start(tx, fulfil, `input of ${id}`, { id, ...options }));
  const inboxOf = (run: string): Promise<readonly unknown[]> => rows(
    `select kind, name from perdure.messages where run_id = '${run}' order by sent_at`);

  beforeEach(async () => {
    await rows(`delete from orders; delete from perdure.runs; delete from perdure.ready;
      delete from perdure.messages; delete from perdure.inbox; delete from perdure.events`);
  });

  test('commits with what the caller wrote', async () => {
    const [a, b] = [fresh(), fresh()];
    const ref = await within(async (tx) => {
      await insert(tx, a);
      const started = await start(tx, a);
      await insert(tx, b);
      await start(tx, b);
      if (library.rows === undefined) await expectIds([]);
      return started;
    });
    expect(ref).toMatchObject({ id: a, workflow: 'fulfil' });
    await expectIds([a, b]);
    expect(await rows(`select input from perdure.runs where id = '${a}'`))
      .toEqual([{ input: `"input of ${a}"` }]);
    found('tested with', `${library.from} ${versionOf(library.from)}`);
  });

  test('is rolled back with what the caller wrote', async () => {
    const a = fresh();
    await expect(within(async (tx) => {
      await insert(tx, a);
      await start(tx, a);
      throw new Mine('no');
    })).rejects.toThrow(Mine);
    await expectIds([]);
    found('commit, rollback', 'yes');
  });

  test('many in one call', async () => {
    const [a, b, taken] = [fresh(), fresh(), fresh()];
    await within((tx) => start(tx, taken));
    await within(async (tx) => {
      const refs = await client.startMany(tx, fulfil, [b, a, taken].map((id) => ({ input: id, id })));
      expect(refs.map(({ id }) => id)).toEqual([b, a, taken]);
      await insert(tx, a);
    });
    await expectIds([a], [a, b, taken]);
  });

  test('what a savepoint undoes does not exist, what is around it does', async () => {
    const [outer, inner, after] = [fresh(), fresh(), fresh()];
    await within(async (tx) => {
      await insert(tx, outer);
      await start(tx, outer);
      await expect(savepoint(tx, async (nested) => {
        await insert(nested, inner);
        await start(nested, inner);
        throw new Mine('no');
      })).rejects.toThrow(Mine);
      await insert(tx, after);
      await start(tx, after);
    });
    await expectIds([outer, after]);
    found('savepoint', 'yes');
  });

  test('an id that is taken aborts nothing', async () => {
    const [taken, before, after] = [fresh(), fresh(), fresh()];
    await within((tx) => start(tx, taken));
    await within(async (tx) => {
      await insert(tx, before);
      expect(await client.start(tx, fulfil, 'another input', { id: taken })).toMatchObject({ id: taken });
      await insert(tx, after);
    });
    await expectIds([before, after], [taken]);
    expect(await rows('select input from perdure.runs')).toEqual([{ input: `"input of ${taken}"` }]);
    found('an id that is taken', 'gives its run');
  });

  test('no error of the client aborts anything', async () => {
    const [taken, before, after] = [fresh(), fresh(), fresh()];
    await within((tx) => start(tx, taken));
    await within(async (tx) => {
      await insert(tx, before);
      const codeOf = async (promise: Promise<unknown>): Promise<unknown> => (await failure(promise)).code;
      expect(await codeOf(client.start(tx, other, 'x', { id: taken }))).toBe('RUN_ID_TAKEN');
      expect(await codeOf(start(tx, taken, { onConflict: 'fail' }))).toBe('RUN_EXISTS');
      expect(await codeOf(start(tx, ''))).toBe('INVALID_NAME');
      expect(await codeOf(client.start(tx, fulfil, (() => 1) as never))).toBe('VALUE_NOT_STORABLE');
      expect(await codeOf(client.cancel(tx, { id: 'nobody', workflow: 'fulfil' } as never)))
        .toBe('RUN_NOT_FOUND');
      await insert(tx, after);
    });
    await expectIds([before, after], [taken]);
  });

  test('messages and events come with the commit, or never', async () => {
    const a = fresh();
    const ref = await within((tx) => client.start(tx, fulfil, a, { id: a }));
    const key = 'a'.repeat(32);
    const send = async (tx: Tx): Promise<void> => {
      await client.signal(tx, ref, 'paid', { by: "it's me" });
      await client.complete(tx, makeToken({ runId: a, generation: 1, key }), 5);
      await client.emit(tx, 'shipped', { a });
      await client.cancel(tx, ref, 'enough');
    };
    await expect(within(async (tx) => {
      await send(tx);
      throw new Mine('no');
    })).rejects.toThrow(Mine);
    expect([await inboxOf(a), await rows('select from perdure.events')]).toEqual([[], []]);
    await within(send);
    expect(await inboxOf(a)).toEqual([
      { kind: 'signal', name: 'paid' }, { kind: 'callback', name: key }, { kind: 'cancel', name: '' },
    ]);
    expect(await rows('select name, payload from perdure.events'))
      .toEqual([{ name: 'shipped', payload: `{"a":"${a}"}` }]);
    expect(await rows("select payload from perdure.messages where kind = 'signal'"))
      .toEqual([{ payload: `{"by":"it's me"}` }]);
    found('messages', 'yes');
  });

  if (library.oneAtATime) found('a conflict reaches you as', 'never: one transaction at a time');

  describe.skipIf(library.oneAtATime)('at SERIALIZABLE', () => {
    /** Runs `act` on a snapshot that is older than what `meanwhile` committed. */
    type Act = (tx: Tx) => Promise<unknown>;
    const behind = (meanwhile: () => Promise<unknown>, act: Act): Promise<unknown> => (
      within(async (tx) => {
        await library.sql(tx, 'select count(*) from orders');
        await meanwhile();
        return act(tx);
      }, 'serializable'));

    test('a conflict is the error of the library, and the loop of the caller tries again', async () => {
      const a = fresh();
      await sql('insert into orders values ($1, 0)', [a]);
      const change = (): Promise<unknown> => sql('update orders set total = 5 where id = $1', [a]);
      const own = await failure(behind(change, (tx) => library.update(tx, a)));
      const ours = await failure(behind(() => client.start(fulfil, a, { id: a }), (tx) => start(tx, a)));
      expect(ours).not.toBeInstanceOf(WorkflowError);
      expect(ours.constructor).toBe(own.constructor);
      expect(shapeOf(ours, '40001')).toBe(shapeOf(own, '40001'));
      const seen: string[] = [];
      for (let tries = 0; tries < 3; tries++) {
        try {
          await within((tx) => start(tx, a), 'serializable');
          break;
        } catch (error) {
          seen.push(shapeOf(error, '40001'));
        }
      }
      expect([seen, await idsOf('perdure.runs')]).toEqual([[], [a]]);
      found('a conflict reaches you as', shapeOf(ours, '40001'));
    });

    test('starts beside each other are no conflict', async () => {
      const [a, b] = [fresh(), fresh()];
      await behind(() => client.start(fulfil, b, { id: b }), async (tx) => {
        await insert(tx, a);
        await start(tx, a);
      });
      await expectIds([a], [a, b]);
    });
  });

  test.each(library.wrong)('refused: $what', async ({ given, why }) => {
    const sends: ((tx: never) => Promise<unknown>)[] = [
      (tx) => start(tx, fresh()), (tx) => client.emit(tx, 'e'),
      (tx) => client.cancel(tx, { id: 'x', workflow: 'fulfil' } as never),
    ];
    for (const send of sends) {
      const error = await failure(send(given as never));
      expect(error).toMatchObject({ name: 'WorkflowError', code: 'NOT_A_TRANSACTION' });
      expect(error.message).toMatch(why);
      expect(error.message).toMatch(/leave the argument out/);
    }
    await expectIds([]);
    found('instead of a transaction', `refused: ${library.wrong.map(({ what }) => what).join(', ')}`);
  });

  test('a transaction that has ended', async () => {
    const ended = await within(async (tx) => ({ tx: [tx] }));
    const error = await failure(start(ended.tx[0], fresh()));
    await expectIds([]);
    const of = (error as { code?: unknown }).code === 'NOT_A_TRANSACTION' ? 'perdure' : name.split(/[ ,]/)[0];
    found('one that has ended', `refused by ${of}`);
  });

  test('errors of the database are those of the library', async () => {
    const own = await failure(within(async (tx) => {
      await library.sql(tx, 'select 1/0').catch(() => undefined);
      await insert(tx, fresh());
    }));
    const ours = await failure(within(async (tx) => {
      await library.sql(tx, 'select 1/0').catch(() => undefined);
      await start(tx, fresh());
    }));
    expect(ours.constructor).toBe(own.constructor);
    await expectIds([]);
  });
});
