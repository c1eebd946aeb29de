// The functions of docs/sql.md: what they start and send is what TypeScript starts and sends.
import { type, workflow } from '@perdure/core';
import { decode, hash32, laneOf, partOf, priorities, systemEnv, type NewRun } from '@perdure/core/engine';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { failure, freshEngine, time, until } from '../../testing/test/engine.js';
import { psql, waysOf } from './sql-ways.js';

const engine = await freshEngine();
const { sql, client } = engine;
const hands = new pg.Client({ connectionString: engine.url });
await hands.connect();
const other = new pg.Client({ connectionString: engine.url });
await other.connect();
afterAll(() => Promise.all([hands.end(), other.end()]));

let runs = 0;
const newId = (): string => `run-${++runs}`;

const echo = workflow('echo', async (_ctx, input: unknown) => input);

// What no text of PostgreSQL holds.
const text = fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0'));

describe('hash, part and lane', () => {
  test('are the frozen vectors', async () => {
    const known = ['', 'a', 'order-1', '01KAX7ZZZZZZZZZZZZZZZZZZZZ', 'Größe', '訂單-7', '😀'];
    const rows = await sql(`select perdure.hash32(t)::text as hash, perdure.part_of(t) as part
      from unnest($1::text[]) with ordinality u(t, n) order by n`, [known]);
    expect(rows.map(({ hash, part }) => [Number(hash), part])).toEqual([
      [2166103257, 25], [3826044192, 32], [729802258, 18], [841795355, 27], [1219693257, 9], [3553138708, 20],
      [866297258, 42],
    ]);
    const [lanes] = await sql(`select perdure.lane_of('default', 'hello') as one,
      perdure.lane_of('default', 'hello', 'v1', 'quarantine') as two`);
    expect(lanes).toEqual({ one: 1445917439, two: 367859840 });
  });

  test('are the same in SQL and in TypeScript, for any text', async () => {
    await fc.assert(fc.asyncProperty(fc.array(text, { minLength: 50, maxLength: 80 }), async (texts) => {
      const rows = await sql(`select perdure.hash32(t)::text as hash, perdure.part_of(t) as part
        from unnest($1::text[]) with ordinality u(t, n) order by n`, [texts]);
      expect(rows.map(({ hash, part }) => [Number(hash), part]))
        .toEqual(texts.map((each) => [hash32(each), partOf(each)]));
    }), { numRuns: 20 });
  });

  test('of lanes, too, whatever stands in them', async () => {
    const key = fc.tuple(text, text, fc.option(text), fc.constantFrom('normal', 'quarantine' as const),
      fc.constantFrom(...priorities));
    await fc.assert(fc.asyncProperty(fc.array(key, { minLength: 50, maxLength: 80 }), async (keys) => {
      const rows = await sql(`select perdure.lane_of(q, w, v, k, p) as lane
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[])
             with ordinality u(q, w, v, k, p, n) order by n`,
      [0, 1, 2, 3, 4].map((column) => keys.map((each) => each[column])));
      expect(rows.map(({ lane }) => lane)).toEqual(keys.map((each) => laneOf(...each)));
    }), { numRuns: 20 });
  });

  test('of null there is none', async () => {
    const [row] = await sql(`select perdure.hash32(null) as hash, perdure.part_of(null) as part,
      perdure.lane_of(null, 'w') as lane`);
    expect(row).toEqual({ hash: null, part: null, lane: null });
  });
});

test('new ids are ULIDs: of the moment, and no two alike', async () => {
  const before = systemEnv.newId().slice(0, 10);
  const rows = await sql('select perdure.new_id() as id from generate_series(1, 20000)');
  const after = systemEnv.newId().slice(0, 10);
  const ids = rows.map(({ id }) => String(id));
  expect(new Set(ids).size).toBe(20_000);
  for (const id of ids) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  const moments = ids.map((id) => id.slice(0, 10));
  const inOrder = [before, ...moments, after];
  expect(inOrder.toSorted((one, next) => (one < next ? -1 : 1))).toEqual(inOrder);
  for (let at = 10; at < 26; at++) expect(new Set(ids.map((id) => id[at])).size).toBe(32);
});

const ways = {
  ...await waysOf(engine.url, hands),
  TypeScript: async (id: string) => void await client.start(echo, 'TypeScript', { id }),
};

describe('one id is one run, whoever starts it first', () => {
  test.runIf(psql !== null)('psql is on the PATH, and one of them', () => {
    expect(Object.keys(ways)).toContain('psql');
  });
  test.each(Object.keys(ways))('%s', async (first) => {
    const id = newId();
    await ways[first as keyof typeof ways]?.(id);
    for (const way of Object.values(ways)) await way(id);
    expect(await sql('select count(*)::integer as rows from perdure.ready where id = $1', [id]))
      .toEqual([{ rows: 1 }]);
    await engine.work([echo]);
    expect(await client.get(echo, id).result()).toBe(first);
  });
});

describe('the rows of a start', () => {
  const full: NewRun = {
    id: '', workflow: 'w', queue: 'mail', input: { codec: 'json', text: '{"a":[1,"two",null]}' },
    startAtMs: Date.UTC(2090, 0, 2), timeoutMs: 90_500, priority: -1, headers: { trace: 'a', 'x"y': 'é' },
    attributes: { customer: 'Ada', total: 12.5, urgent: true, due: new Date('2026-12-24T18:00:00.250Z') },
  };
  const plain: NewRun = { id: '', workflow: 'w', queue: 'default', input: { codec: 'json', text: null } };
  const inSql = {
    full: `select perdure.start('w', '{"a": [1, "two", null]}', id => $1, queue => 'mail',
      start_at => '2090-01-02 00:00:00Z', timeout => '90.5 seconds', priority => -1,
      headers => '{"trace": "a", "x\\"y": "é"}', attributes => '{"customer": "Ada", "total": 12.5,
      "urgent": true, "due": {"time": "2026-12-24T19:00:00.250999+01:00"}}')`,
    plain: `select perdure.start('w', id => $1)`,
  };

  // Everything that stands in the tables, but the id and what it decides, and the instant of the start.
  async function rowsOf(id: string): Promise<unknown> {
    const rows: unknown[] = [];
    for (const table of ['runs', 'ready', 'attributes', 'messages', 'inbox', 'journal', 'calls']) {
      const column = table === 'runs' || table === 'ready' ? 'id' : 'run_id';
      const found = await sql(`select * from perdure.${table} where ${column} = $1 order by 1, 2, 3`, [id]);
      for (const { part, epoch, created_at: _created, due_at, input, headers, ...row } of found) {
        expect(part).toBe(partOf(id));
        const born = epoch === undefined ? {} : { isOfNow: Number(epoch) / 1_000 - Date.now() < 60_000 };
        const due = due_at instanceof Date && due_at.getTime() > Date.now() + 60_000 ? due_at : 'now';
        rows.push([table, { ...row, ...born, due, [column]: 'id',
          input: typeof input === 'string' ? JSON.parse(input) : input,
          headers: typeof headers === 'string' ? JSON.parse(headers) : headers }]);
      }
    }
    return rows;
  }

  test.each([['full', full], ['plain', plain]] as const)('are those of TypeScript: %s', async (name, run) => {
    const [mine, theirs] = [newId(), newId()];
    expect(await engine.connection.store.startRuns([{ ...run, id: theirs }]))
      .toMatchObject([{ kind: 'created' }]);
    await sql(inSql[name], [mine]);
    const rows = await rowsOf(mine);
    expect(rows).toHaveLength(name === 'full' ? 6 : 2);
    expect(rows).toEqual(await rowsOf(theirs));
  });

  test('a delay begins at the start, by the clock of the database', async () => {
    const id = newId();
    await sql(`select perdure.start('w', id => $1, delay => '1 day 1.5 seconds')`, [id]);
    const [row] = await sql(`select due_at, created_at from perdure.ready r
      join perdure.runs u using (id) where id = $1`, [id]);
    expect(time(row, 'due_at') - time(row, 'created_at')).toBe(86_401_500);
  });

  test('an instant that has passed is now, and nulls are as if they were left out', async () => {
    const id = newId();
    await sql(`select perdure.start('w', null, $1, null, null, '1066-10-14', null, null, 'null', 'null',
      null)`, [id]);
    const [row] = await sql(`select r.*, u.* from perdure.ready r join perdure.runs u using (id)
      where id = $1`, [id]);
    expect(time(row, 'due_at')).toBe(time(row, 'created_at'));
    expect(row).toMatchObject({
      queue: 'default', priority: 0, headers: null, timeout_ms: null, input: null,
    });
  });

  test('queue and timeout are those that the workers told, unless the start says others', async () => {
    await sql(`insert into perdure.definitions values ('told', 'mail', 1500, now())`);
    const [said, unsaid] = [newId(), newId()];
    await sql(`select perdure.start('told', id => $1)`, [unsaid]);
    await sql(`select perdure.start('told', id => $1, queue => 'post', timeout => '1 minute')`, [said]);
    const rows = await sql(`select u.queue, timeout_ms, lane from perdure.runs u join perdure.ready using (id)
      where id = any($1) order by timeout_ms`, [[said, unsaid]]);
    expect(rows).toEqual([
      { queue: 'mail', timeout_ms: 1_500, lane: laneOf('mail', 'told', null, 'normal') },
      { queue: 'post', timeout_ms: 60_000, lane: laneOf('post', 'told', null, 'normal') },
    ]);
  });

  test('a worker tells what its workflows say, and serves what was started by that', async () => {
    const mail = workflow({ name: 'mail', queue: 'post', timeout: '1 hour' }, async () => 'sent');
    await engine.work([mail]);
    await until(async () => (await sql(`select from perdure.definitions where workflow = 'mail'`)).length);
    const id = newId();
    await sql(`select perdure.start('mail', id => $1)`, [id]);
    expect(await client.get(mail, id).result()).toBe('sent');
    expect(await sql('select queue, timeout_ms from perdure.runs where id = $1', [id]))
      .toEqual([{ queue: 'post', timeout_ms: 3_600_000 }]);
  });

  test('without an id each start is another run', async () => {
    const [first] = await sql(`select perdure.start('w') as id`);
    const [second] = await sql(`select perdure.start('w') as id`);
    expect(first).not.toEqual(second);
    expect(await sql('select from perdure.ready where id = any($1)', [[first?.['id'], second?.['id']]]))
      .toHaveLength(2);
  });
});

describe('values', () => {
  test('are read as the JSON that SQL wrote', async () => {
    // An integer that JavaScript has not in 15 digits is refused.
    const known = (_key: string, value: unknown): unknown =>
      (typeof value === 'number' && Math.abs(value) > 2 ** 53 ? Number(value.toPrecision(15)) : value);
    const json = fc.jsonValue({ stringUnit: 'binary' }).map((each) => JSON.stringify(each, known))
      .filter((each) => !each.includes('\\u0000'));
    await fc.assert(fc.asyncProperty(fc.array(json, { minLength: 20, maxLength: 30 }), async (texts) => {
      const ids = await sql(`select perdure.start('w', v::jsonb) as id
        from unnest($1::text[]) with ordinality t(v, n) order by n`, [texts]);
      const stored = await sql(`select codec, input from perdure.runs
        join unnest($1::text[]) with ordinality t(id, n) using (id) order by n`, [ids.map(({ id }) => id)]);
      expect(stored.map(({ codec, input }) => decode({ codec: String(codec), text: String(input) })))
        .toEqual(texts.map((each) => JSON.parse(each) as unknown));
    }), { numRuns: 20 });
  });

  test('come to the function of the workflow, null as null and nothing as undefined', async () => {
    const seen = workflow('seen', async (_ctx, input: unknown) => [typeof input, input]);
    await engine.work([seen]);
    const given = ['{"a": {"b": [1, 2.5, true, null, "ü😀"]}}', 'null', '"text"', '0', '1e300', null];
    const results = await Promise.all(given.map(async (each) => {
      const [row] = await sql(`select perdure.start('seen', $1::jsonb) as id`, [each]);
      return client.get(seen, String(row?.['id'])).result();
    }));
    expect(results).toEqual([
      ['object', { a: { b: [1, 2.5, true, null, 'ü😀'] } }], ['object', null], ['string', 'text'],
      ['number', 0], ['number', 1e300], ['undefined', undefined],
    ]);
  });
});

describe('messages', () => {
  const waitsForEvent = (id: string): Promise<unknown> => until(async () =>
    (await sql('select from perdure.subscriptions where run_id = $1', [id])).length);
  const talk = workflow({ name: 'talk', signals: { said: type<unknown>() } }, async (ctx) => {
    const first = await ctx.waitFor('said');
    const second = await ctx.waitFor('said');
    const paid = await ctx.waitForEvent('paid', { key: 'order-1', timeout: '1 minute' });
    return [first, second, paid];
  });

  test('reach a run that a worker drives, each once', async () => {
    const id = newId();
    await engine.work([talk]);
    await hands.query('begin');
    await hands.query(`select perdure.start('talk', id => $1)`, [id]);
    // In the transaction that starts it.
    await hands.query(`select perdure.signal($1, 'said', '{"word": "one"}', id => 's-1')`, [id]);
    await hands.query('commit');
    await sql(`select perdure.signal($1, 'said', '"again"', 's-1')`, [id]);
    await client.get(talk, id).signal('said', 'from TypeScript', { id: 's-1' });
    await sql(`select perdure.signal($1, 'said')`, [id]);
    await waitsForEvent(id);
    const paid = `select perdure.emit('paid', '[7]', key => 'order-1', id => 'e-1')`;
    await sql(paid);
    await sql(paid);
    expect(await client.get(talk, id).result()).toEqual([{ word: 'one' }, undefined, [7]]);
    const sent = await sql(`select id from perdure.messages where run_id = $1 and kind = 'signal'
      order by id`, [id]);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual({ id: 'signal:s-1' });
    expect(await sql(`select part from perdure.events where id = 'e-1'`)).toEqual([{ part: partOf('e-1') }]);
  });

  test('an event without a key comes to who waits without one', async () => {
    const listen = workflow('listen', async (ctx) => ctx.waitForEvent('bell', { timeout: '1 minute' }));
    const run = await client.start(listen, undefined, { id: newId() });
    await engine.work([listen]);
    await waitsForEvent(run.id);
    await sql(`select perdure.emit('bell')`);
    expect(await run.result()).toBeUndefined();
  });

  test('a cancel ends a run, with its reason', async () => {
    await engine.work([talk]);
    const [told, untold] = [newId(), newId()];
    for (const id of [told, untold]) await client.start(talk, undefined, { id });
    await sql(`select perdure.cancel($1, 'the order was withdrawn')`, [told]);
    await sql(`select perdure.cancel($1)`, [untold]);
    expect(await failure(client.get(talk, told).result()))
      .toMatchObject({ code: 'RUN_CANCELLED', reason: 'the order was withdrawn' });
    expect(await failure(client.get(talk, untold).result()))
      .toMatchObject({ reason: 'a statement in SQL asked for it' });
    // Asked again it is the same wish; who was never asked and has ended is told so.
    await sql(`select perdure.cancel($1)`, [told]);
    const done = await client.start(echo, 1, { id: newId() });
    await engine.work([echo]);
    await done.result();
    expect(await failure(sql('select perdure.cancel($1)', [done.id])))
      .toMatchObject({ code: 'PD012', detail: 'RUN_SETTLED' });
  });
});

describe('a transaction', () => {
  const perdureRows = (id: string): Promise<unknown[]> => sql(`
    select id from perdure.runs where id = $1 union all select id from perdure.ready where id = $1
    union all select run_id from perdure.attributes where run_id = $1
    union all select run_id from perdure.messages where run_id = $1
    union all select run_id from perdure.inbox where run_id = $1
    union all select id from perdure.events where id = $1`, [id]);
  const everything = `select perdure.start('w', '1', id => $1, attributes => '{"a": 1}'),
    perdure.emit('e', id => $1)`;

  test('that is rolled back leaves nothing', async () => {
    const id = newId();
    await hands.query('begin');
    await hands.query(everything, [id]);
    await hands.query(`select perdure.signal($1, 's')`, [id]);
    await hands.query('rollback');
    expect(await perdureRows(id)).toEqual([]);
  });

  test('goes on after what a savepoint undid', async () => {
    const [kept, undone] = [newId(), newId()];
    await hands.query('begin');
    await hands.query(everything, [kept]);
    await hands.query('savepoint here');
    await hands.query(everything, [undone]);
    await hands.query('rollback to here');
    await hands.query('commit');
    expect(await perdureRows(kept)).toHaveLength(4);
    expect(await perdureRows(undone)).toEqual([]);
  });

  test.each(['read committed', 'repeatable read', 'serializable'])('%s is not aborted by an id that exists',
    async (level) => {
      const id = newId();
      await sql(`select perdure.start('w', id => $1)`, [id]);
      await hands.query(`begin isolation level ${level}`);
      const again = await hands.query(`select perdure.start('w', id => $1) as id`, [id]);
      expect(again.rows).toEqual([{ id }]);
      await hands.query(everything, [`${id}-b`]);
      await hands.query('commit');
      expect(await perdureRows(`${id}-b`)).toHaveLength(4);
    });

  test.each(['repeatable read', 'serializable'])('%s fails as any INSERT does where it cannot be ordered',
    async (level) => {
      const id = newId();
      await hands.query(`begin isolation level ${level}`);
      await hands.query('select 1 from perdure.runs limit 1');
      await sql(`select perdure.start('w', id => $1)`, [id]);
      expect(await failure(hands.query(`select perdure.start('w', id => $1)`, [id])))
        .toMatchObject({ code: '40001' });
      await hands.query('rollback');
    });

  test('that holds the id is waited for: it commits, and its run is given', async () => {
    const id = newId();
    await hands.query('begin');
    await hands.query(`select perdure.start('w', '"first"', id => $1)`, [id]);
    const second = other.query(`select perdure.start('w', '"second"', id => $1) as id`, [id]);
    const waits = (): Promise<boolean> => sql(`select from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()`).then(({ length }) => length === 1);
    await until(waits);
    await hands.query('commit');
    expect((await second).rows).toEqual([{ id }]);
    expect(await sql('select input from perdure.runs where id = $1', [id])).toEqual([{ input: '"first"' }]);
  });

  test('that holds the id is waited for: it is rolled back, and the other starts', async () => {
    const id = newId();
    await hands.query('begin');
    await hands.query(`select perdure.start('w', '"first"', id => $1)`, [id]);
    const second = other.query(`select perdure.start('w', '"second"', id => $1) as id`, [id]);
    await hands.query('rollback');
    expect((await second).rows).toEqual([{ id }]);
    expect(await sql('select input from perdure.runs where id = $1', [id])).toEqual([{ input: '"second"' }]);
  });
});

test('many at once with one id are one run, from SQL and from TypeScript', async () => {
  await engine.work([echo]);
  const id = newId();
  const answers = await Promise.all(Array.from({ length: 24 }, async (_, index) => {
    if (index % 4 === 0) return (await client.start(echo, index, { id })).id;
    const text = `select perdure.start('echo', $1::text::jsonb, id => $2) as id`;
    return (await sql(text, [index, id]))[0]?.['id'];
  }));
  expect(new Set(answers)).toEqual(new Set([id]));
  expect(await sql('select count(*)::integer as rows from perdure.runs where id = $1', [id]))
    .toEqual([{ rows: 1 }]);
  expect(await client.get(echo, id).result()).toBeTypeOf('number');
});

describe('an id that exists', () => {
  const start = (id: string, conflict: string, input = '"new"'): Promise<unknown> => sql(
    `select perdure.start('fragile', $3::jsonb, id => $1, on_conflict => $2,
      attributes => '{"try": 2}') as id`,
    [id, conflict, input]);
  const fragile = workflow('fragile', async (_ctx, input: string) => {
    if (input === 'bad') throw new Error('as it was told');
    return input;
  });

  test('of another workflow is an error, and of the same where that is asked for', async () => {
    const id = newId();
    await sql(`select perdure.start('w', id => $1)`, [id]);
    expect(await failure(start(id, 'use-existing'))).toMatchObject({ code: 'PD008', detail: 'RUN_ID_TAKEN' });
    expect(await failure(sql(`select perdure.start('w', id => $1, on_conflict => 'fail')`, [id])))
      .toMatchObject({ code: 'PD009', detail: 'RUN_EXISTS' });
  });

  test('of a run that failed begins anew, once, whoever asks at the same time', async () => {
    const worker = await engine.work([fragile]);
    const id = newId();
    await client.start(fragile, 'bad', { id });
    await failure(client.get(fragile, id).result());
    await start(id, 'use-existing');
    expect(await sql('select status, generation from perdure.runs where id = $1', [id]))
      .toEqual([{ status: 'failed', generation: 1 }]);
    await worker.stop();
    await Promise.all(Array.from({ length: 8 }, () => start(id, 'restart-if-failed')));
    expect(await sql('select status, generation, input from perdure.runs where id = $1', [id]))
      .toEqual([{ status: 'live', generation: 2, input: '"new"' }]);
    await engine.work([fragile]);
    expect(await client.get(fragile, id).result()).toBe('new');
    // It completed: there is nothing to begin anew.
    await start(id, 'restart-if-failed', '"newer"');
    expect(await client.get(fragile, id).result()).toBe('new');
    expect(await sql('select name, number_value from perdure.attributes where run_id = $1', [id]))
      .toEqual([{ name: 'try', number_value: 2 }]);
  });
});
