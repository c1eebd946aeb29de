// One transactional step at a time: what commits, what is undone, and what is tried again.
import { NonRetryableError, type SqlRunner, type Transactor } from '@perdure/core';
import { pgTransactor } from '@perdure/sql';
import { describe, expect, test } from 'vitest';
import { Gate, until } from './stage.js';
import { freshShop, leaseMs } from './transaction-stage.js';

const shop = await freshShop();
const { connection, free, lease, perform, poolOn, renew, sales, sell, sql, steps, take } = shop;

const stockOf = async (tx: SqlRunner, sku: string): Promise<number> => (
  (await tx.query('select stock from wares where sku = $1', [sku])).rows[0].stock);

/** A transactor whose first statement, the fence, waits for `act`. */
function beforeFence(act: () => Promise<unknown>): Transactor<unknown> {
  const inner = connection.transactor!;
  return {
    transaction: (options, body) => inner.transaction(options, (tx, handle) => {
      let first: Promise<unknown> | null = null;
      return body(tx, {
        query: async (text, values) => {
          await (first ??= act());
          return handle.query(text, values);
        },
      });
    }),
  };
}

// Guards Z1 and Z4.
test.each(['read committed', 'repeatable read', 'serializable'] as const)(
  'writes and answer commit together at %s', async (isolationLevel) => {
    const of = await lease(`commits ${isolationLevel}`);
    const seen: unknown[] = [];
    const told: unknown[] = [];
    const outcome = await perform({ of, isolationLevel, told }, async (tx) => {
      await sell(tx, of.runId);
      seen.push(await sales(of.runId), await shop.journal(of.runId));
      seen.push((await tx.query('show transaction_isolation')).rows);
      return { sold: 1n };
    });
    expect(seen).toEqual([0, [], [{ transaction_isolation: isolationLevel }]]);
    expect(await sales(of.runId)).toBe(1);
    const [recorded] = await connection.store.readHistories([of]);
    expect(outcome).toEqual({ kind: 'committed', entry: expect.anything(), at: recorded!.entries[0]!.at });
    expect(recorded!.entries).toEqual([{
      place: '1', position: 1, kind: 'transaction', name: 'sell', error: null, attempt: 1, message: null,
      value: { codec: 'superjson', text: expect.stringContaining('sold') },
      tookMs: expect.any(Number), at: expect.any(Number),
    }]);
    expect(told).toEqual(['position 1']);
  });

// Guards Z1. Taken out (no fence), others take, renew or rest the run while its transaction is open.
test('while its transaction is open nobody can take, renew or rest the run', async () => {
  const of = await lease('fenced');
  const seen: unknown[] = [];
  const by = steps(beforeFence(() => shop.endLease(of.runId)));
  await perform({ of, by }, async (tx) => {
    const served = [{ queue: 'default', workflow: 'fenced', version: null, stamp: null }];
    const { runs } = await connection.store.claim({
      claimId: 'aaaaaaaa-0000-4000-8000-000000000000', served, limit: 9, suspects: true, leaseMs, sweep: true,
    });
    seen.push(runs.length, (await renew(of)).kind);
    await sell(tx, of.runId);
  });
  expect(seen).toEqual([0, 'busy']);
  expect(await sales(of.runId)).toBe(1);
});

describe('undone', () => {
  // Guards Z1.
  test('what the function throws undoes its writes, and nothing is recorded', async () => {
    const of = await lease('throws');
    const error = new Error('no tea');
    const told: unknown[] = [];
    const outcome = await perform({ of, told }, async (tx) => {
      await sell(tx, of.runId);
      throw error;
    });
    expect(outcome).toEqual({ kind: 'failed', error, final: false });
    expect([await sales(of.runId), await shop.journal(of.runId), told]).toEqual([0, [], []]);
  });

  test.each([
    ['cannot be stored', () => ({ f: () => 1 }), 'VALUE_NOT_STORABLE'],
    ['is too large', () => 'x'.repeat(2 ** 21), 'VALUE_TOO_LARGE'],
  ])('a result that %s undoes the writes for good', async (what, result, code) => {
    const of = await lease(what);
    const outcome = await perform({ of }, async (tx) => {
      await sell(tx, of.runId);
      return result();
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code }, final: true });
    expect([await sales(of.runId), await shop.journal(of.runId)]).toEqual([0, []]);
  });

  // Guards Y3. Taken out (no guard), what was not awaited writes after the step, or undoes its commit unseen.
  test('a statement that nobody awaited, and that fails, undoes all of it', async () => {
    const of = await lease('unawaited');
    const outcome = await perform({ of }, async (tx) => {
      await sell(tx, of.runId);
      tx.query('select 1 / 0').catch(() => undefined);
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: '25P02' } });
    expect([await sales(of.runId), await shop.journal(of.runId)]).toEqual([0, []]);
  });

  // Guards F3. Taken out, the answer of a step is recorded although what it wrote is not there, or the
  // reverse.
  test.each(['commit', 'rollback'])('a function that ends its transaction by %s is refused', async (end) => {
    const of = await lease(`ends by ${end}`);
    const outcome = await perform({ of }, async (tx) => {
      await tx.query(end);
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'TRANSACTION_ENDED' }, final: true });
    expect(await shop.journal(of.runId)).toEqual([]);
  });

  test('a step past its timeout is undone, and its code is stopped', async () => {
    const of = await lease('late');
    const told: unknown[] = [];
    const late = new Gate();
    let refused: unknown;
    const outcome = await perform({ of, timeoutMs: 100, told }, async (tx) => {
      await sell(tx, of.runId);
      await late.passed;
      await sell(tx, of.runId).catch((error: unknown) => {
        refused = error;
      });
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'STEP_TIMEOUT' }, final: false });
    expect(told).toMatchObject([{ code: 'STEP_TIMEOUT' }]);
    await free(of.runId);
    late.open();
    expect(await until(() => refused)).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect([await sales(of.runId), await shop.journal(of.runId)]).toEqual([0, []]);
  });

  test('nobody waits for it: it is undone, and its connection is given up', async () => {
    const of = await lease('abandoned');
    const pool = poolOn(shop.url, 1);
    const leave = new AbortController();
    const by = steps(pgTransactor(pool));
    const outcome = await perform({ of, by, abandoned: leave.signal }, async (tx) => {
      await sell(tx, of.runId);
      leave.abort();
      await new Promise(() => undefined);
    });
    expect(outcome).toEqual({ kind: 'abandoned' });
    await free(of.runId);
    // Its pool of one has room again.
    await pool.query('select');
    expect([await sales(of.runId), await shop.journal(of.runId)]).toEqual([0, []]);
  });

  test('a run that another owner has is lost before the function is called', async () => {
    const of = await lease('lost');
    const body: unknown[] = [];
    const outcome = await perform({ of: { ...of, epoch: of.epoch - 1 } }, () => body.push('called'));
    expect([outcome, body]).toEqual([{ kind: 'lost' }, []]);
  });

  // Guards Z1 where the lease goes between its extension and the fence.
  test('a run that another owner took in the last moment is lost as well', async () => {
    const of = await lease('lost late');
    const body: unknown[] = [];
    const slow = beforeFence(() => (
      sql("update perdure.ready set epoch = epoch + 1 where id = 'lost late'")));
    const outcome = await perform({ of, by: steps(slow) }, () => body.push('called'));
    expect([outcome, body]).toEqual([{ kind: 'lost' }, []]);
  });

  test('without a transactor the step fails for good, and says what to do', async () => {
    const of = await lease('no transactor');
    expect(await perform({ of, by: steps(null) }, () => 1))
      .toMatchObject({ kind: 'failed', error: { code: 'NO_TRANSACTOR' }, final: true });
  });
});

describe('tried again whole', () => {
  // Guards Z2. Taken out, a serialization failure is an attempt, or the end of the step.
  test.each(['repeatable read', 'serializable'] as const)('a conflict at %s', async (isolationLevel) => {
    const of = await lease(`conflict ${isolationLevel}`);
    const read: number[] = [];
    const outcome = await perform({ of, isolationLevel }, async (tx) => {
      read.push(await stockOf(tx, 'tea'));
      if (read.length === 1) await sql("update wares set stock = 5 where sku = 'tea'");
      await take(tx, 'tea');
      await sell(tx, of.runId);
      return read.length;
    });
    expect(outcome).toMatchObject({ kind: 'committed', entry: { attempt: 1, value: { text: '2' } } });
    expect(read).toEqual([10, 5]);
    expect(await sql("select stock from wares where sku = 'tea'")).toEqual([{ stock: 4 }]);
    expect(await sales(of.runId)).toBe(1);
  });

  test('a conflict that COMMIT finds, with another position', async () => {
    const of = await lease('write skew');
    const told: unknown[] = [];
    const { proxy } = await shop.behindProxy();
    const by = steps(pgTransactor(poolOn(proxy.url(shop.url))));
    const commit = proxy.hold(({ text }) => text === 'commit', 'request');
    const all = 'select sum(stock) from wares';
    const performed = perform({ of, by, isolationLevel: 'serializable', told }, async (tx) => {
      await tx.query(all);
      await take(tx, 'tea');
      await sell(tx, of.runId);
    });
    await commit.reached;
    const other = await shop.pool.connect();
    await other.query('begin isolation level serializable');
    await other.query(all);
    await other.query("update wares set stock = 0 where sku = 'mug'");
    await other.query('commit');
    other.release();
    commit.release();
    expect((await performed).kind).toBe('committed');
    expect(told).toEqual(['position 1', 'undone', 'position 2']);
    expect(await sql('select sku, stock from wares order by sku'))
      .toEqual([{ sku: 'mug', stock: 0 }, { sku: 'tea', stock: 9 }]);
    expect(await sales(of.runId)).toBe(1);
  });

  test('a deadlock', async () => {
    const of = await lease('deadlock');
    const other = await shop.pool.connect();
    let tries = 0;
    const outcome = await perform({ of }, async (tx) => {
      tries++;
      await sell(tx, of.runId);
      await take(tx, 'tea');
      if (tries === 1) {
        // Whoever looks for the deadlock first is its victim.
        await tx.query("set local deadlock_timeout = '10 ms'");
        await other.query("begin; set local deadlock_timeout = '10 min'");
        await take(other, 'mug');
        void take(other, 'tea').then(() => other.query('commit')).then(() => other.release());
        const waits = "wait_event_type = 'Lock' and query like '%wares%'";
        await until(async () => (await sql(`select from pg_stat_activity where ${waits}`)).length === 1);
      }
      await take(tx, 'mug');
    });
    expect([outcome.kind, tries, await sales(of.runId)]).toEqual(['committed', 2, 1]);
    expect(await sql('select distinct stock from wares')).toEqual([{ stock: 8 }]);
  });

  // Guards Z2: the bound. Taken out, a step that can never go well holds its run for ever.
  test('what is undone each time is a failed attempt in the end', async () => {
    const of = await lease('hopeless');
    let tries = 0;
    const conflict = Object.assign(new Error('wrapped'), {
      cause: Object.assign(new Error('could not serialize'), { code: '40001' }),
    });
    const outcome = await perform({ of }, async (tx) => {
      tries++;
      await sell(tx, of.runId);
      throw conflict;
    });
    expect([outcome, tries]).toEqual([{ kind: 'failed', error: conflict, final: false }, 10]);
    expect(await sales(of.runId)).toBe(0);
  });

  test('what says that it must not be tried again is not', async () => {
    const of = await lease('said so');
    let tries = 0;
    const error = new NonRetryableError('no', { cause: Object.assign(new Error('x'), { code: '40001' }) });
    const outcome = await perform({ of }, () => {
      tries++;
      throw error;
    });
    expect([outcome, tries]).toEqual([{ kind: 'failed', error, final: false }, 1]);
  });

  // Guards Z2: a stranger's lock.
  test("a stranger's lock on the run is waited for", async () => {
    const of = await lease('busy');
    const other = await shop.pool.connect();
    await other.query('begin');
    await other.query("select from perdure.ready where id = 'busy' for update");
    let ended = false;
    const by = steps();
    const performed = perform({ of, by }, (tx) => sell(tx, of.runId)).finally(() => {
      ended = true;
    });
    await until(() => by.extended > 0);
    expect([ended, await sales(of.runId)]).toEqual([false, 0]);
    await other.query('commit');
    other.release();
    expect((await performed).kind).toBe('committed');
  });

  test('a pool that gives no connection at first', async () => {
    const of = await lease('refused connection');
    const inner = connection.transactor!;
    let refused = 0;
    const shy: Transactor<unknown> = {
      transaction: (options, body) => (
        refused++ < 3 ? Promise.reject(new Error('ECONNREFUSED')) : inner.transaction(options, body)),
    };
    const outcome = await perform({ of, by: steps(shy) }, (tx) => sell(tx, of.runId));
    expect([outcome.kind, refused, await sales(of.runId)]).toEqual(['committed', 4, 1]);
  });

  test('a pool that never gives one fails the attempt', async () => {
    const of = await lease('no connection');
    const error = new Error('too many clients');
    let refused = 0;
    const by = steps({
      transaction: () => {
        refused++;
        return Promise.reject(error);
      },
    });
    expect(await perform({ of, by }, () => 1)).toEqual({ kind: 'failed', error, final: false });
    expect(refused).toBe(10);
  });

  // Guards Z2: a database that is away. Taken out (the tries go on), a step fails before it is back.
  test('a database that is away is waited for, however long', async () => {
    const of = await lease('away');
    const inner = connection.transactor!;
    const back = new Gate();
    let trials = 0;
    let away = true;
    const by = steps({
      transaction: (options, body) => {
        trials++;
        return away ? Promise.reject(new Error('ECONNREFUSED')) : inner.transaction(options, body);
      },
    }, back.passed);
    const performed = perform({ of, by }, (tx) => sell(tx, of.runId));
    await until(() => by.extended === 1);
    expect(trials).toBe(1);
    away = false;
    back.open();
    expect([(await performed).kind, trials, await sales(of.runId)]).toEqual(['committed', 2, 1]);
  });
});
