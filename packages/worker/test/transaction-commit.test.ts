// A COMMIT without an answer, two steps of one run at once, and what libraries and servers do to a
// transaction.
import type { SqlRunner, Transactor } from '@perdure/core';
import { kyselyTransactor, pgTransactor } from '@perdure/sql';
import { Kysely, PostgresDialect } from 'kysely';
import { describe, expect, test } from 'vitest';
import { Gate, until } from './stage.js';
import { freshShop } from './transaction-stage.js';

const shop = await freshShop();
const { connection, free, lease, perform, poolOn, renew, sales, sell, sql, steps } = shop;

describe('a COMMIT without an answer', () => {
  const never = new AbortController().signal;
  const isCommit = ({ text }: { text: string }): boolean => text === 'commit';

  // Guards Z3. Taken out (an error of COMMIT is a failure), the step is done twice.
  test('that took effect is the answer', async () => {
    const of = await lease('reply cut');
    const { proxy } = await shop.behindProxy();
    let bodies = 0;
    const cut = proxy.cutAfter(isCommit);
    const by = steps(pgTransactor(poolOn(proxy.url(shop.url))));
    const outcome = await perform({ of, by }, async (tx) => {
      bodies++;
      await sell(tx, of.runId);
    });
    expect([outcome.kind, cut.count, bodies, await sales(of.runId)]).toEqual(['committed', 1, 1, 1]);
    expect(await shop.journal(of.runId)).toHaveLength(1);
  });

  test('that never arrived is tried again whole', async () => {
    const of = await lease('request cut');
    const { proxy } = await shop.behindProxy();
    const told: unknown[] = [];
    let bodies = 0;
    const cut = proxy.cutBefore(isCommit);
    const by = steps(pgTransactor(poolOn(proxy.url(shop.url))));
    const outcome = await perform({ of, by, told }, async (tx) => {
      bodies++;
      await sell(tx, of.runId);
    });
    expect([outcome.kind, cut.count, bodies, await sales(of.runId)]).toEqual(['committed', 1, 2, 1]);
    expect(told).toEqual(['position 1', 'undone', 'position 2']);
  });

  // Guards Z3: the renewal. Taken out (the journal is read at once), a COMMIT that is still on its way is
  // taken for one that failed, and the step is done twice.
  test.each(['commits', 'rolls back'])('is waited for, until its transaction %s', async (how) => {
    const of = await lease(how);
    const inner = connection.transactor!;
    const broken = new Gate();
    const arrived = new Gate();
    let trials = 0;
    let bodies = 0;
    // The first transaction breaks off for its caller, and ends in the database when the gate opens.
    const late: Transactor<unknown> = {
      transaction: (options, body) => {
        if (++trials > 1) return inner.transaction(options, body);
        return new Promise((_, reject) => {
          inner.transaction({ ...options, abandoned: never }, async (tx, handle) => {
            await body(tx, handle);
            reject(new Error('the connection broke'));
            broken.open();
            await arrived.passed;
            if (how === 'rolls back') throw new Error('it was never sent');
          }).catch(() => undefined);
        });
      },
    };
    const by = steps(late);
    let ended = false;
    const performed = perform({ of, by }, async (tx) => {
      bodies++;
      await sell(tx, of.runId);
    }).finally(() => {
      ended = true;
    });
    await broken.passed;
    await until(() => by.extended === 2);
    expect((await renew(of)).kind).toBe('busy');
    expect([ended, trials]).toEqual([false, 1]);
    arrived.open();
    expect((await performed).kind).toBe('committed');
    expect([bodies, await sales(of.runId)]).toEqual([how === 'commits' ? 1 : 2, 1]);
    expect(await shop.journal(of.runId)).toHaveLength(1);
  });

  test('is no hindrance to a worker that stops', async () => {
    const of = await lease('stops');
    const leave = new AbortController();
    const broken = new Gate();
    const inner = connection.transactor!;
    const late: Transactor<unknown> = {
      transaction: (options, body) => new Promise((_, reject) => {
        inner.transaction(options, async (tx, handle) => {
          await body(tx, handle);
          reject(new Error('the connection broke'));
          broken.open();
          await until(() => leave.signal.aborted);
        }).catch(() => undefined);
      }),
    };
    const performed = perform({ of, by: steps(late), abandoned: leave.signal }, (tx) => sell(tx, of.runId));
    await broken.passed;
    leave.abort();
    expect(await performed).toEqual({ kind: 'abandoned' });
    await free(of.runId);
  });
});

describe('beside others', () => {
  // Guards the cover of a lease. Taken out, the second step waits for the first to extend it once more.
  test('two steps of one run are open at once, under one extension', async () => {
    const of = await lease('both');
    const by = steps();
    const [left, right] = [new Gate(), new Gate()];
    const outcomes = Promise.all([
      perform({ of, by, place: '1' }, async (tx) => {
        await sell(tx, of.runId);
        left.open();
        await right.passed;
      }),
      perform({ of, by, place: '2' }, async (tx) => {
        await sell(tx, of.runId);
        right.open();
        await left.passed;
      }),
    ]);
    expect((await outcomes).map(({ kind }) => kind)).toEqual(['committed', 'committed']);
    expect([by.extended, await sales(of.runId)]).toEqual([1, 2]);
    expect(await shop.journal(of.runId)).toHaveLength(2);
  });

  // Guards F2. Taken out, a transaction of a process that stands still holds its run for ever.
  test('limits are set in the transaction, and a shorter one of the application stays', async () => {
    const of = await lease('limits');
    const pool = poolOn(shop.url, 1);
    await pool.query("set statement_timeout = '3 s'");
    const asked = await pool.query("select current_setting('server_version_num')::int as version");
    const [{ version }] = asked.rows;
    const names = ['idle_in_transaction_session_timeout', 'statement_timeout',
      ...version >= 170_000 ? ['transaction_timeout'] : []];
    const settings = async (runner: SqlRunner): Promise<unknown[]> => (await runner.query(
      'select array(select current_setting(name) from unnest($1::text[]) name) as set', [names])).rows[0].set;
    const seen: unknown[] = [];
    await perform({ of, by: steps(pgTransactor(pool)), timeoutMs: 60_000 }, async (tx) => {
      seen.push(await settings(tx));
    });
    expect(seen[0]).toEqual(['60500ms', '3s', '60500ms'].slice(0, names.length));
    expect(await settings(pool)).toEqual(['0', '3s', '0'].slice(0, names.length));
  });

  // Guards the listener of a lent client: without it, its 'error' ends the process.
  test('a connection that the server ends fails the attempt, and nothing else', async () => {
    const of = await lease('ended by the server');
    const outcome = await perform({ of }, async (tx) => {
      await sell(tx, of.runId);
      const [{ pid }] = (await tx.query('select pg_backend_pid() as pid')).rows;
      await sql('select pg_terminate_backend($1)', [pid]);
      await until(async () => (await sql('select from pg_stat_activity where pid = $1', [pid])).length === 0);
      await tx.query('select');
    });
    expect(outcome).toMatchObject({ kind: 'failed', final: false });
    expect([await sales(of.runId), await shop.journal(of.runId)]).toEqual([0, []]);
  });

  test('with Kysely: commits, undoes, tries again, and refuses what comes late', async () => {
    const of = await lease('kysely');
    interface Database { wares: { sku: string; stock: number }; sold: { run: string; what: string } }
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: poolOn(shop.url, 2) }) });
    const by = steps(kyselyTransactor(db));
    type Trx = Parameters<Parameters<ReturnType<typeof db.transaction>['execute']>[0]>[0];
    const on = (body: (trx: Trx) => Promise<unknown>) => (tx: SqlRunner) => body(tx as unknown as Trx);
    const insert = (trx: Trx) => trx.insertInto('sold').values({ run: 'kysely', what: 'tea' }).execute();
    const error = new Error('no');
    expect(await perform({ of, by }, on(async (trx) => {
      await insert(trx);
      throw error;
    }))).toEqual({ kind: 'failed', error, final: false });
    expect(await sales('kysely')).toBe(0);
    let late: Trx | null = null;
    let tries = 0;
    const outcome = await perform({ of, by, isolationLevel: 'serializable' }, on(async (trx) => {
      late = trx;
      await trx.selectFrom('wares').select('stock').execute();
      if (++tries === 1) await sql("update wares set stock = 7 where sku = 'tea'");
      await trx.updateTable('wares').set({ stock: 6 }).where('sku', '=', 'tea').execute();
      await insert(trx);
      return trx.isTransaction;
    }));
    expect(outcome).toMatchObject({ kind: 'committed', entry: { value: { text: 'true' } } });
    expect([tries, await sales('kysely')]).toEqual([2, 1]);
    expect(() => insert(late!)).toThrow(expect.objectContaining({ code: 'TRANSACTION_ENDED' }));
  });
});
