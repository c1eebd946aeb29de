// What the functions of docs/sql.md refuse, who may call them, and that nothing of a caller's session or of a
// schema's name leads them astray.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attributesOf, checkName, hash32, headersOf, partOf } from '@perdure/core/engine';
import { connect, migrationSql } from '@perdure/sql';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { failure, freshEngine } from '../../testing/test/engine.js';
import { sqlFunctions } from '../dist/migrations/sql-functions.js';

const engine = await freshEngine();
const { sql, pool } = engine;
await sql(`select perdure.start('w', id => 'live')`);
await sql(`select perdure.start('w', id => 'ended')`);
await sql(`update perdure.runs set status = 'completed', settled_at = now() where id = 'ended'`);
await sql(`delete from perdure.ready where id = 'ended'`);

// Every row that the functions could write.
const everything = (): Promise<unknown[]> => sql(`
  select 'runs' as of, to_jsonb(t)::text as row from perdure.runs t
  union all select 'ready', to_jsonb(t)::text from perdure.ready t
  union all select 'attributes', to_jsonb(t)::text from perdure.attributes t
  union all select 'messages', to_jsonb(t)::text from perdure.messages t
  union all select 'inbox', to_jsonb(t)::text from perdure.inbox t
  union all select 'events', to_jsonb(t)::text from perdure.events t order by 1, 2`);

const rowCount = async (): Promise<number> => Number((await sql(`select (select count(*) from perdure.runs)
  + (select count(*) from perdure.ready) + (select count(*) from perdure.attributes)
  + (select count(*) from perdure.messages) + (select count(*) from perdure.events) as rows`))[0]?.['rows']);

const long = 'x'.repeat(192);
const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const refused: ReadonlyArray<readonly [call: string, state: string, code: string, says: RegExp]> = [
  [`start('')`, 'PD001', 'INVALID_NAME', /the name of a workflow: it is empty/],
  ['start(null)', 'PD001', 'INVALID_NAME', /the name of a workflow: it is null/],
  [`start('${long}')`, 'PD001', 'INVALID_NAME', /it has 192 characters; 191 are the limit/],
  [`start(repeat('😀', 96))`, 'PD001', 'INVALID_NAME', /it has 192 characters; 191 are the limit/],
  [`start(repeat('x', 100000))`, 'PD001', 'INVALID_NAME', /it has 100000 characters; 191 are the limit/],
  [`start('w', id => '')`, 'PD001', 'INVALID_NAME', /the id of a run: it is empty/],
  [`start('w', queue => '')`, 'PD001', 'INVALID_NAME', /the queue of workflow 'w'/],
  [`start('w', attributes => '{"": 1}')`, 'PD001', 'INVALID_NAME', /the name of an attribute/],
  [`start('w', on_conflict => 'ignore')`, 'PD002', 'INVALID_OPTION',
    /on_conflict is 'ignore'; give 'use-existing'/],
  [`start('w', priority => 3)`, 'PD002', 'INVALID_OPTION', /priority is 3; give a whole number from -2 to 2/],
  [`start('w', delay => '1 s', start_at => now())`, 'PD002', 'INVALID_OPTION', /exclude each other/],
  [`start('w', headers => '[]')`, 'PD002', 'INVALID_OPTION', /headers is of type array/],
  [`start('w', headers => '{"a": 1}')`, 'PD002', 'INVALID_OPTION', /'a' is of type number/],
  [`start('w', delay => '-1 s')`, 'PD003', 'INVALID_DURATION', /delay: -00:00:01 is negative/],
  [`start('w', timeout => '101 years')`, 'PD003', 'INVALID_DURATION',
    /timeout: 101 years is longer than 100 years/],
  [`start('w', start_at => 'infinity')`, 'PD004', 'INVALID_TIME', /start_at is infinity/],
  [`start('w', start_at => '290000-01-01')`, 'PD004', 'INVALID_TIME', /before the year 275760/],
  [`start('w', attributes => '7')`, 'PD005', 'INVALID_ATTRIBUTE', /attributes is of type number/],
  [`start('w', attributes => '{"a": null}')`, 'PD005', 'INVALID_ATTRIBUTE', /'a' is of type null/],
  [`start('w', attributes => '{"a": [1]}')`, 'PD005', 'INVALID_ATTRIBUTE', /'a' is of type array/],
  [`start('w', attributes => '{"a": {"time": "2026-02-30T00:00:00Z"}}')`, 'PD005', 'INVALID_ATTRIBUTE',
    /instants/],
  [`start('w', attributes => '{"a": {"time": "tomorrow"}}')`, 'PD005', 'INVALID_ATTRIBUTE', /is an object/],
  [`start('w', attributes => '{"a": 1e400}')`, 'PD005', 'INVALID_ATTRIBUTE', /out of range/],
  [`start('w', attributes => jsonb_build_object('a', repeat('é', 501)))`, 'PD005', 'INVALID_ATTRIBUTE',
    /has 1002 bytes in UTF-8; 1000 are the limit/],
  [`start('w', '{"id": 9007199254740993}')`, 'PD006', 'VALUE_NOT_STORABLE',
    /number 9007199254740993 has more digits/],
  [`start('w', '[[{"a": -1e400}]]')`, 'PD006', 'VALUE_NOT_STORABLE',
    /the input of workflow 'w' cannot be stored/],
  [`start('w', '${deep(1_002)}')`, 'PD006', 'VALUE_NOT_STORABLE', /nested deeper than 1000 levels/],
  [`start('w', to_jsonb(repeat('x', 1048575)))`, 'PD007', 'VALUE_TOO_LARGE',
    /1048577 bytes as JSON; the limit is 1048576/],
  [`start('v', id => 'live')`, 'PD008', 'RUN_ID_TAKEN', /is of workflow 'w', not 'v'/],
  [`start('w', id => 'live', on_conflict => 'fail')`, 'PD009', 'RUN_EXISTS', /Use another id/],
  [`signal('nobody', 's')`, 'PD011', 'RUN_NOT_FOUND', /There is no run 'nobody'/],
  [`signal('ended', 's')`, 'PD012', 'RUN_SETTLED', /signal 's' cannot reach it/],
  [`signal('live', '')`, 'PD001', 'INVALID_NAME', /the name of a signal/],
  [`signal('live', 's', id => '')`, 'PD001', 'INVALID_NAME', /the id of a signal/],
  [`signal(null, 's')`, 'PD001', 'INVALID_NAME', /the id of a run/],
  [`signal('live', 's', '12345678901234567890')`, 'PD006', 'VALUE_NOT_STORABLE', /the payload of signal 's'/],
  [`cancel('nobody')`, 'PD011', 'RUN_NOT_FOUND', /There is no run/],
  [`cancel('ended')`, 'PD012', 'RUN_SETTLED', /a cancel cannot reach it/],
  [`cancel('live', repeat('x', 1048576))`, 'PD007', 'VALUE_TOO_LARGE', /the reason of a cancel/],
  [`emit('')`, 'PD001', 'INVALID_NAME', /the name of an event/],
  [`emit('e', key => '')`, 'PD001', 'INVALID_NAME', /the key of event 'e'/],
  [`emit('e', id => '${long}')`, 'PD001', 'INVALID_NAME', /the id of an event/],
];

describe('what is refused', () => {
  test.each(refused)('%s', async (call, ...[code, detail, says]) => {
    const before = await everything();
    const error = await failure(sql(`select perdure.${call}`));
    expect(error).toMatchObject({ code, detail });
    expect(error.message).toMatch(says);
    expect(await everything()).toEqual(before);
  });

  test('has an SQLSTATE for each code, and docs/sql.md has them all', () => {
    const page = readFileSync(fileURLToPath(new URL('../../../docs/sql.md', import.meta.url)), 'utf8');
    const states = [...sqlFunctions.sql('x').matchAll(/errcode = '(\w+)', detail = '(\w+)'/g)]
      .map(([, state, code]) => `| \`${state}\` | \`${code}\` |`);
    expect(new Set(states).size).toBeGreaterThanOrEqual(12);
    for (const state of states) expect(page).toContain(state);
  });
});

describe('the limits are those of TypeScript', () => {
  const verdict = async (call: string, values: unknown[]): Promise<string | null> => {
    const outcome = await sql(`select perdure.${call}`, values).then(() => null, (error: unknown) => error);
    return outcome === null ? null : (outcome as { detail: string }).detail;
  };
  const inTypeScript = (check: () => unknown): string | null => {
    try {
      check();
      return null;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('of names', async () => {
    const unit = fc.constantFrom('a', 'é', '訂', '😀', '\u{10FFFF}', '\uFFFF', '\u{10000}');
    const name = fc.array(unit, { minLength: 90, maxLength: 200 }).map((units) => units.join(''));
    const edges = ['x'.repeat(191), '訂'.repeat(191), '訂'.repeat(192), '😀'.repeat(95), '😀'.repeat(95) + 'x',
      '😀'.repeat(96), '\u{10000}'.repeat(96), '\uFFFF'.repeat(191), ''];
    await fc.assert(fc.asyncProperty(name, async (id) => {
      expect(await verdict(`start('w', id => $1)`, [id])).toBe(inTypeScript(() => checkName(id, 'it')));
    }), { numRuns: 200, examples: edges.map((edge) => [edge] as [string]) });
  });

  test('of headers', async () => {
    const small = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`h${index}`, 'é"\n']));
    const one = (bytes: number): Record<string, string> => ({ '': 'x'.repeat(bytes - '{"":""}'.length) });
    const given = [{}, small, { ...small, more: '' }, one(8_192), one(8_193), { a: null }, { a: 1 }];
    for (const headers of given) {
      expect(await verdict(`start('w', headers => $1)`, [JSON.stringify(headers)]))
        .toBe(inTypeScript(() => headersOf(headers as Record<string, string>)));
    }
  });

  test('of attributes', async () => {
    const given = ['', 'x'.repeat(1_000), 'x'.repeat(1_001), 'é'.repeat(500), 0, -0, 1.7e308, -5e-324, true,
      [1], {}];
    for (const value of given) {
      expect(await verdict(`start('w', attributes => $1)`, [JSON.stringify({ a: value })]))
        .toBe(inTypeScript(() => attributesOf({ a: value as string })));
    }
  });

  test('of values', async () => {
    const input = (text: string): Promise<string | null> => verdict(`start('w', $1::jsonb)`, [text]);
    const fit = ['9007199254740992', '-9007199254740992', '1e300', '123456789012345000',
      '-1234567890123.5e99',
      '0.12345678901234567890123', '1e-300', '"12345678901234567890"', deep(1_001),
      JSON.stringify('x'.repeat(1_048_574))];
    for (const text of fit) expect([text.slice(0, 40), await input(text)]).toEqual([text.slice(0, 40), null]);
    const unfit = ['9007199254740993', '{"a": [[-9007199254740993]]}', '12345678901234567', '1e309',
      '28946400308794192', '-1234567890123456e99', '9007199254740993.0'];
    for (const text of unfit) expect([text, await input(text)]).toEqual([text, 'VALUE_NOT_STORABLE']);
  });
});

test('nonsense is refused or stored whole, and is never an error inside of the server', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('live', 'ended', 'w',
    'fail', 'restart-if-failed', '{}', '[]', 'null', '{"a": 1}', '-1 s', 'infinity', '1e400', '0', '-7',
    '2147483648',
    '178000000 years', '5 months -3 days', 'now', '4714-11-24 BC', '{"a": {"time": 1}}', deep(2_000)),
    fc.json({ stringUnit: 'binary' })).filter((each) => !each.includes('\0'));
  const calls = {
    start: ['text', 'jsonb', 'text', 'text', 'interval', 'timestamptz', 'integer', 'interval', 'jsonb',
      'jsonb', 'text'],
    signal: ['text', 'text', 'jsonb', 'text'],
    cancel: ['text', 'text'],
    emit: ['text', 'jsonb', 'text', 'text'],
    lane_of: ['text', 'text', 'text', 'text', 'integer'],
    hash32_bytes: ['bytea'],
  };
  const call = fc.constantFrom(...Object.entries(calls)).chain(([name, types]) => fc.tuple(
    fc.constant(name), fc.constant(types),
    fc.array(fc.option(text, { freq: 1 }), { minLength: types.length, maxLength: types.length })));
  const states = new Map<string, number>();
  let known = await rowCount();
  await fc.assert(fc.asyncProperty(call, async ([name, types, values]) => {
    const parameters = types.map((type, index) => `$${index + 1}::${type}`).join(', ');
    const outcome = await sql(`select perdure.${name}(${parameters})::text as answer`, values)
      .then(() => ({ code: 'done' }), (error: unknown) => error as { code: string });
    const state = outcome.code;
    states.set(state, 1 + (states.get(state) ?? 0));
    expect(state).toMatch(/^(done|PD0\d\d|22...)$/);
    const count = await rowCount();
    if (state !== 'done') expect(count).toBe(known);
    known = count;
  }), { numRuns: 600 });
  expect([...states.keys()]).toEqual(expect.arrayContaining(['done', 'PD001']));
  // A start is whole: a row in line for each live run.
  expect(await sql(`select id from perdure.runs full join perdure.ready using (id)
    where (runs.status = 'live') is distinct from (ready.id is not null)`)).toEqual([]);
  const ids = await sql(`select part, id from perdure.runs`);
  for (const { part, id } of ids) expect(part).toBe(partOf(String(id)));
});

describe('who may call', () => {
  const roles = ['only_starts', 'stranger'];
  afterAll(async () => {
    for (const role of roles) await sql(`drop owned by ${role}; drop role ${role}`);
  });
  test('is who was granted it, and needs nothing else', async () => {
    await sql(`create role only_starts; create role stranger;
      grant usage on schema perdure to only_starts, stranger;
      grant execute on function perdure.start, perdure.signal to only_starts`);
    const as = async (role: string, text: string): Promise<unknown> => {
      const session = await pool.connect();
      try {
        await session.query(`begin; set local role ${role}; set local search_path = ''`);
        return (await session.query(text)).rows;
      } finally {
        await session.query('rollback');
        session.release();
      }
    };
    expect(await as('only_starts', `select perdure.start('w', '1', id => 'of a role',
      attributes => '{"a": 1}')`))
      .toEqual([{ start: 'of a role' }]);
    await as('only_starts', `select perdure.signal('live', 's')`);
    for (const call of [`emit('e')`, `cancel('live')`]) {
      expect(await failure(as('only_starts', `select perdure.${call}`))).toMatchObject({ code: '42501' });
    }
    expect(await failure(as('only_starts', 'select * from perdure.runs'))).toMatchObject({ code: '42501' });
    expect(await failure(as('stranger', `select perdure.start('w')`))).toMatchObject({ code: '42501' });
    // Nor what only computes: nothing of the schema is for everybody.
    const computed = `select perdure.part_of('a') as part, length(perdure.new_id()) as length`;
    expect(await failure(as('stranger', computed))).toMatchObject({ code: '42501' });
    await sql(`grant execute on function perdure.part_of, perdure.hash32_bytes, perdure.new_id to stranger`);
    expect(await as('stranger', computed)).toEqual([{ part: 32, length: 26 }]);
  });
});

test("neither operators of the caller's nor his settings change what is done", async () => {
  const session = await pool.connect();
  try {
    await session.query(`begin;
      create schema evil;
      create function evil.never(text, text) returns boolean language sql as 'select false';
      create operator evil.= (function = evil.never, leftarg = text, rightarg = text);
      create function evil.now() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$;
      create function evil.octet_length(text) returns integer language sql as 'select 0';
      create temporary table runs (id text); create temporary table definitions (workflow text);
      set local search_path = evil, pg_temp, pg_catalog; set local extra_float_digits = -15;
      set local standard_conforming_strings = off; set local backslash_quote = on;
      set local bytea_output = escape; set local datestyle = 'SQL, DMY';
      set local intervalstyle = sql_standard; set local timezone = 'Asia/Kathmandu'`);
    const start = (call: string): Promise<pg.QueryResult> =>
      session.query(`select perdure.start(${call}) as id`);
    await start(`'w', '{"a": 123456789012345000}', id => 'odd settings',
      attributes => '{"at": {"time": "2026-03-04T05:06:07Z"}, "n": 0.1234567890123456}',
      delay => '90 seconds'`);
    const { rows } = await session.query(`select u.part, u.workflow, u.input, u.queue, r.lane,
        a.time_value operator(pg_catalog.=) '2026-03-04 05:06:07+00' as time,
        b.number_value operator(pg_catalog.=) '0.1234567890123456' as number
      from perdure.runs u join perdure.ready r on true
      join perdure.attributes a on a.run_id operator(pg_catalog.~) '^odd settings$'
       and a.type operator(pg_catalog.~) 'time'
      join perdure.attributes b on b.run_id operator(pg_catalog.~) '^odd settings$'
       and b.type operator(pg_catalog.~) 'numb'
      where u.id operator(pg_catalog.~) '^odd settings$' and r.id operator(pg_catalog.~) '^odd settings$'`);
    const [lane] = await sql(`select perdure.lane_of('default', 'w') as lane`);
    expect(rows).toEqual([{ part: partOf('odd settings'), workflow: 'w', input: '{"a": 123456789012345000}',
      queue: 'default', lane: lane?.['lane'], time: true, number: true }]);
    expect((await failure(start(`'w', '9007199254740993'`)))).toMatchObject({ code: 'PD006' });
  } finally {
    await session.query('rollback');
    session.release();
  }
});

describe.each([
  ['quotes', `it's "so" \\ odd`], ['a keyword', 'select'], ['parameters of ours', 'a $1 $16 b'],
  ['what ends a text', '$perdure$; drop schema perdure; $perdure1$'], ['a mark', '@schema@'],
  ['a percent sign', '100%s'], ['63 bytes', 'ü'.repeat(31) + 'x'],
])('a schema whose name has %s', (_what, schema) => {
  const quoted = pg.escapeIdentifier(schema);
  test('has the functions, and they write there', async () => {
    await using connection = await connect(engine.url, { schema });
    const before = await everything();
    for (const call of [`start('w', '1', id => 'a', attributes => '{"b": 1}')`, `start('w', id => 'a')`,
      `start('w', id => 'c')`, `signal('a', 's')`, `emit('e', id => 'e')`, `cancel('a')`]) {
      await sql(`select ${quoted}.${call}`);
    }
    expect(await connection.store.readRuns(['a', 'c'])).toHaveLength(2);
    expect(await sql(`select name from ${quoted}.attributes`)).toEqual([{ name: 'b' }]);
    expect(await sql(`select id from ${quoted}.messages order by id`)).toMatchObject([{ id: 'cancel' }, {}]);
    expect(await sql(`select id from ${quoted}.events`)).toEqual([{ id: 'e' }]);
    expect(await everything()).toEqual(before);
  });
});

describe('the text of the functions', () => {
  // M9: what is released is changed by a migration that runs the new text.
  test('is frozen: to change it, add a migration that runs it again, and then change this number', () => {
    expect(hash32(sqlFunctions.sql('"perdure"'))).toBe(933129980);
  });

  test('may be run again, and keeps what was granted', async () => {
    await sql('create role starter');
    await sql('grant execute on function perdure.start to starter');
    await sql(sqlFunctions.sql('perdure'));
    expect(await sql(`select has_function_privilege('starter', p.oid, 'execute') as may from pg_proc p
      where proname = 'start' and pronamespace = 'perdure'::regnamespace`)).toEqual([{ may: true }]);
    await sql('drop owned by starter; drop role starter');
  });

  test('is among what is printed', () => {
    expect(migrationSql('perdure', 3)).toContain('create or replace function "perdure".start(workflow text');
  });
});
