// Transactional steps on every library that has a transactor: the real ones, on a real server. How the
// protocol holds under faults is in packages/worker/test/transaction-*.test.ts; here, that each library can
// carry it (Y1 to Y3 of transactor.ts).
import { workflow } from '@perdure/core';
import type { TransactionOutcome } from '@perdure/core/engine';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { failure, until } from '../../../testing/test/engine.js';
import { freshShop, type Performing } from '../../../worker/test/transaction-stage.js';
import { openLibraries } from './library-cases.js';
import type { LibraryCase, OpenLibrary, Tx } from './library-case.js';
import { ResultTable } from './result-table.js';

const shop = await freshShop();
const { client, connection, lease, sql } = shop;
await sql('create table public.orders (id text primary key, total bigint)');
const cases: LibraryCase[] = [];
const opened = new Map<string, OpenLibrary>();
for (const open of openLibraries) {
  const library = await open(shop.url);
  cases.push(library);
  opened.set(library.name, open);
}
const openOf = (name: string): OpenLibrary => opened.get(name)!;
afterAll(() => Promise.all(cases.map((library) => library.close())));

const driven = cases.filter(({ transactor }) => transactor !== undefined);
const columns = ['commit with the record', 'isolation levels', 'a conflict is tried again whole',
  'a use that comes too late', 'a connection that dies'] as const;
const table = new ResultTable('transactors', columns, driven.map(({ name }) => name));
afterAll(() => table.settle());

let serial = 0;

describe.each(driven)('$name', (library) => {
  const { insert, name, transactor } = library;
  const found = (column: (typeof columns)[number], cell: string): void => table.set(name, column, cell);
  const fresh = (): string => `${name}-${++serial}`;
  const ordersOf = async (id: string): Promise<number> => (
    (await sql('select from orders where id = $1', [id])).length);
  const perform = (
    options: Performing, body: (tx: Tx) => unknown,
  ): Promise<TransactionOutcome> => shop.perform({ by: shop.steps(transactor), ...options }, body);
  /** The step wrote and is recorded, or neither. */
  const expectAll = async (id: string, how: 'there' | 'undone'): Promise<void> => {
    const count = how === 'there' ? 1 : 0;
    expect([await ordersOf(id), (await shop.journal(id)).length]).toEqual([count, count]);
  };

  beforeEach(async () => void await sql('delete from orders'));

  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'writes and record commit together at %s', async (isolationLevel) => {
      const of = await lease(fresh());
      const seen: unknown[] = [];
      const outcome = await perform({ of, isolationLevel }, async (tx) => {
        await insert(tx, of.runId);
        const [row] = await library.sql(tx, 'show transaction_isolation');
        seen.push(Object.values(row!), await ordersOf(of.runId), (await shop.journal(of.runId)).length);
        return 'sold';
      });
      expect(outcome).toMatchObject({ kind: 'committed', entry: { value: { text: '"sold"' } } });
      expect(seen).toEqual([[isolationLevel], 0, 0]);
      await expectAll(of.runId, 'there');
      found('isolation levels', 'all three');
    });

  test('what the function throws undoes its writes', async () => {
    const of = await lease(fresh());
    const error = new Error('no tea');
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      throw error;
    });
    expect(outcome).toEqual({ kind: 'failed', error, final: false });
    await expectAll(of.runId, 'undone');
  });

  test('a worker drives it, and starts of its function ride along', async () => {
    const ship = workflow(`ship ${name}`, async (_ctx, order: string) => `shipped ${order}`);
    const order = workflow(`order ${name}`, async (ctx, id: string) => (
      ctx.transaction('insert', { retry: 1 }, async (tx) => {
        await insert(tx, id);
        return (await client.start(tx, ship, id)).id;
      })));
    const worker = await shop.work([order, ship], { transactor: transactor as never });
    const id = fresh();
    const run = await client.start(order, id);
    expect(await client.get(ship, await run.result()).result()).toBe(`shipped ${id}`);
    expect(await ordersOf(id)).toBe(1);
    await worker.stop();
    found('commit with the record', 'yes');
  });

  // Guards what `judge` reads in the errors of each library.
  test.each(['repeatable read', 'serializable'] as const)('a conflict at %s', async (isolationLevel) => {
    const of = await lease(fresh());
    await sql("insert into orders values ('shared', 0)");
    let tries = 0;
    const outcome = await perform({ of, isolationLevel }, async (tx) => {
      if (++tries === 1) await sql("update orders set total = 5 where id = 'shared'");
      await library.update(tx, 'shared');
      await insert(tx, of.runId);
    });
    expect([outcome.kind, tries]).toEqual(['committed', 2]);
    expect(outcome).toMatchObject({ entry: { attempt: 1 } });
    await expectAll(of.runId, 'there');
  });

  test('a conflict that COMMIT finds', async () => {
    const of = await lease(fresh());
    await sql("insert into orders values ('a', 0), ('b', 0)");
    const sum = 'select sum(total)::int as sum from orders';
    let tries = 0;
    const outcome = await perform({ of, isolationLevel: 'serializable' }, async (tx) => {
      await library.sql(tx, sum);
      await library.update(tx, 'a');
      if (++tries > 1) return;
      const other = await shop.pool.connect();
      await other.query('begin isolation level serializable');
      await other.query(sum);
      await other.query("update orders set total = 9 where id = 'b'");
      await other.query('commit');
      other.release();
    });
    expect([outcome.kind, tries]).toEqual(['committed', 2]);
    expect(await shop.journal(of.runId)).toHaveLength(1);
    found('a conflict is tried again whole', 'yes');
  });

  // Guards Y2 and G2. Taken out (no turn of the loop before the record), a step is taken for recorded whose
  // COMMIT was answered by a rollback.
  test('a statement that nobody awaited, and that fails, undoes all of it', async () => {
    const of = await lease(fresh());
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      library.sql(tx, 'select 1 / 0').catch(() => undefined);
    });
    expect(outcome.kind).toBe('failed');
    await expectAll(of.runId, 'undone');
  });

  test('a write in words of the library that nobody awaited, and that fails, undoes all of it', async () => {
    const of = await lease(fresh());
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      insert(tx, of.runId).catch(() => undefined);
    });
    await expectAll(of.runId, outcome.kind === 'committed' ? 'there' : 'undone');
  });

  // Guards Y3 and G1. Taken out (no gate), what comes between record and COMMIT undoes the record unseen.
  test('what comes while the step ends is refused, or is undone with it', async () => {
    const of = await lease(fresh());
    const refused: string[] = [];
    let over = false;
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      // Not one turn of the loop passes without a try, from here until after COMMIT.
      const hammer = async (): Promise<void> => {
        while (!over) {
          await new Promise((resolve) => setImmediate(resolve));
          const { code = '' } = await failure((async () => library.sql(tx, 'select 1 / 0'))());
          refused.push(code);
        }
      };
      const gate = new Promise<void>((resolve) => setImmediate(() => resolve()));
      void gate.then(hammer);
    });
    const known = refused.length;
    await until(() => refused.length > known + 2);
    over = true;
    expect(refused.slice(-1)).toEqual(['TRANSACTION_ENDED']);
    await expectAll(of.runId, outcome.kind === 'committed' ? 'there' : 'undone');
  });

  test('what comes after the step is refused', async () => {
    const of = await lease(fresh());
    const kept: Tx[] = [];
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      kept.push(tx);
    });
    expect(outcome.kind).toBe('committed');
    for (const late of [() => insert(kept[0], fresh()), () => library.sql(kept[0], 'select 1')]) {
      expect(await failure((async () => late())())).toMatchObject({ code: 'TRANSACTION_ENDED' });
    }
    expect(await sql('select id from orders')).toEqual([{ id: of.runId }]);
    await expectAll(of.runId, 'there');
    found('a use that comes too late', 'refused');
  });

  test('a connection that dies', async () => {
    const of = await lease(fresh());
    const outcome = await perform({ of }, async (tx) => {
      await insert(tx, of.runId);
      const [row] = await library.sql(tx, 'select pg_backend_pid() as pid');
      await sql('select pg_terminate_backend($1, 5000)', [row!['pid']]);
      await library.sql(tx, 'select 1');
    });
    expect(outcome).toMatchObject({ kind: 'failed', final: false });
    await expectAll(of.runId, 'undone');
    // The library goes on.
    const next = await perform({ of, place: '2' }, async (tx) => void await insert(tx, of.runId));
    expect(next).toMatchObject({ kind: 'committed' });
    await expectAll(of.runId, 'there');
  });

  describe('a COMMIT without an answer is decided by reading', () => {
    const isCommit = ({ text }: { text: string }): boolean => /^commit;?$/i.test(text);

    test('when it was not done', async () => {
      const of = await lease(fresh());
      const { proxy } = await shop.behindProxy();
      const behind = await openOf(name)(proxy.url(shop.url));
      const held = proxy.hold(isCommit, 'request');
      const pids: unknown[] = [];
      const performed = perform({ of, by: shop.steps(behind.transactor) }, async (tx) => {
        pids.push((await behind.sql(tx, 'select pg_backend_pid() as pid'))[0]!['pid']);
        await behind.insert(tx, of.runId);
      });
      await held.reached;
      await sql('select pg_terminate_backend($1, 5000)', [pids[0]]);
      held.release();
      expect([(await performed).kind, pids.length]).toEqual(['committed', 2]);
      await expectAll(of.runId, 'there');
      await behind.close();
    });

    test('when it was done', async () => {
      const of = await lease(fresh());
      const { proxy } = await shop.behindProxy();
      const behind = await openOf(name)(proxy.url(shop.url));
      const cut = proxy.cutAfter(isCommit);
      let tries = 0;
      const outcome = await perform({ of, by: shop.steps(behind.transactor) }, async (tx) => {
        tries++;
        await behind.insert(tx, of.runId);
      });
      expect([outcome.kind, tries, cut.count]).toEqual(['committed', 1, 1]);
      await expectAll(of.runId, 'there');
      await behind.close();
      found('a connection that dies', 'undone, or decided by reading');
    });
  });
});

test('the matrix has no library without a worker but those that cannot', () => {
  expect(connection.transactor).not.toBeNull();
  expect(cases.filter(({ transactor }) => transactor === undefined).map(({ name }) => name))
    .toEqual(['TypeORM, QueryRunner', 'PGlite']);
});
