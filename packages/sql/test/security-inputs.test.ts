// Every text that somebody outside may choose, as an attacker would choose it: it is stored as it is, or it
// is refused by an error of the engine. No value is part of a statement, so the server sees no syntax error.
import { createClient, type RunFilter } from '@perdure/client';
import { WorkflowError, workflow, type Workflow } from '@perdure/core';
import { checkName, headersOf } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { silent } from '../../testing/test/engine.js';
import { ownServer } from './security/own-server.js';

const server = await ownServer();
const connection = await connect(server.url);
const client = createClient({ connection });
const pool = new pg.Pool({ connectionString: server.url });
afterAll(async () => {
  await connection.close();
  await pool.end();
  await server.stop();
});

const texts: readonly string[] = [
  `'`, `''`, `"`, `it's "so"`, `'; drop table perdure.runs; --`, '";drop schema perdure cascade;--',
  '/* */ --',
  '$1', '$1::text', '$$', '$perdure$', '%s %I %L', '?', '??', ':name', '@schema@', '\\', '\\\\', "\\'", `\\"`,
  '\\u0000', '{}', '{a,b}', '{"a":1}', '","', 'a,b', 'NULL', 'null', 'undefined', '__proto__',
  'constructor',
  'toString', ' ', '\n', '\t\r\n', '\u0001', '\u007f', '\u2028', '\uFEFF', '\uFFFD', 'שלום',
  '\u202Eabc\u202C',
  '訂單', '😀', '👩‍👩‍👧', 'é', 'e\u0301', 'İ', 'a\0b', '\0', '\uD800', '\uDC00x',
  'x'.repeat(191), '😀'.repeat(95), '訂'.repeat(191),
  'x'.repeat(192), `'`.repeat(10_000), 'x'.repeat(10_000), '\\'.repeat(191),
  '"'.repeat(191),
];

/** What the engine says: 'fine', or the code of its refusal. Everything else is a failure of the test. */
async function verdict(deed: () => unknown): Promise<string> {
  try {
    await deed();
    return 'fine';
  } catch (error) {
    if (error instanceof WorkflowError && error.code !== 'DATABASE_UNAVAILABLE') return error.code;
    throw error;
  }
}

const verdictOfName = (text: string): Promise<string> => verdict(() => checkName(text, 'it'));
const echo = workflow('echo', async (_ctx, text: string) => text);
const rows = async (text: string, values: unknown[]): Promise<Record<string, unknown>[]> => (
  (await pool.query<Record<string, unknown>>(text, values)).rows);

test.each(texts)('ids, names and values: %j', async (text) => {
  const name = await verdictOfName(text);
  const n = texts.indexOf(text);
  // Ids.
  expect(await verdict(() => client.start(echo, text, { id: text }))).toBe(name);
  if (name === 'fine') {
    const [run] = await rows('select id, input from perdure.runs where id = $1', [text]);
    expect(run).toEqual({ id: text, input: JSON.stringify(text) });
  }
  expect(await verdict(() => client.get(echo, text))).toBe(name);
  // Names of workflows and queues, in a transaction and out of it.
  expect(await verdict(async () => {
    const named = workflow({ name: text, queue: text }, async () => undefined) as Workflow;
    await client.start(named, undefined, { id: `w-${n}`, queue: text });
    const [run] = await rows('select workflow, queue from perdure.runs where id = $1', [`w-${n}`]);
    expect(run).toEqual({ workflow: text, queue: text });
  })).toBe(name);
  // Attributes, headers.
  const run = await client.start(echo, text, { id: `r-${n}` });
  const short = text.includes('\0') || /[\uD800-\uDFFF]/u.test(text) || Buffer.byteLength(text) > 1_000
    ? 'INVALID_ATTRIBUTE' : 'fine';
  expect(await verdict(async () => {
    const made = await client.start(echo, text, { id: `a-${n}`, attributes: { [text]: 'v', value: text } });
    expect(await made.attributes()).toEqual({ [text]: 'v', value: text });
  })).toBe(name === 'fine' ? short : name);
  const headers = await verdict(() => headersOf({ [text]: text }));
  expect(await verdict(async () => {
    const made = await client.start(echo, text, { id: `h-${n}`, headers: { [text]: text } });
    expect((await made.detail()).headers).toEqual({ [text]: text });
  })).toBe(headers);
  // Signals, events, cancels.
  const signal = run as unknown as { signal(...all: unknown[]): Promise<void> };
  expect(await verdict(() => signal.signal(text, text, { id: `1-${n}` }))).toBe(name);
  expect(await verdict(() => signal.signal('s', text, { id: text }))).toBe(name);
  expect(await verdict(() => client.emit(text, text, { id: `1-${n}` }))).toBe(name);
  expect(await verdict(() => client.emit('e', text, { id: text }))).toBe(name);
  expect(await verdict(() => client.emit('e', text, { id: `2-${n}`, key: text }))).toBe(name);
  if (name === 'fine') {
    expect(await rows(`select name, id, payload from perdure.messages where run_id = $1 order by sent_at`,
      [`r-${n}`])).toEqual([
      { name: text, id: `signal:1-${n}`, payload: JSON.stringify(text) },
      { name: 's', id: `signal:${text}`, payload: JSON.stringify(text) }]);
    expect(await rows('select name, key, payload from perdure.events where id in ($1, $2) order by key',
      [`1-${n}`, `2-${n}`])).toEqual([
      { name: text, key: '', payload: JSON.stringify(text) },
      { name: 'e', key: text, payload: JSON.stringify(text) }]);
  }
  await run.cancel(text);
  expect(await rows(`select payload from perdure.messages where run_id = $1 and kind = 'cancel'`, [`r-${n}`]))
    .toEqual([{ payload: JSON.stringify(text) }]);
});

test.each(texts)('searches, reads and verbs: %j', async (text) => {
  const filters: RunFilter[] = [
    { workflow: text }, { status: text as 'failed' }, { attributes: { [text]: text } }, { ids: [text] },
    { queue: text }, { version: text }, { reason: text }, { parent: text },
  ];
  for (const filter of filters) {
    await verdict(async () => {
      for (const found of (await client.query(filter)).runs) expect(Object.values(found)).toContain(text);
    });
  }
  expect(await verdict(() => client.query({ cursor: text }))).toMatch(/fine|INVALID_/);
  expect(await verdict(() => client.complete(text, 1))).toBe('INVALID_TOKEN');
  const run = await client.start(echo, 'x', { id: 'verbs' });
  expect(await verdict(() => run.fork({ from: text, id: `f-${texts.indexOf(text)}` }))).not.toBe('fine');
  expect(await verdict(() => run.retry({ from: text }))).not.toBe('fine');
  const ended = await client.start(echo, 'x', { id: `t-${texts.indexOf(text)}` });
  const said = await verdict(() => ended.terminate(text));
  if (said !== 'fine') await ended.terminate('otherwise');
  expect(await verdict(async () => {
    for await (const chunk of ended.stream(text)) expect(chunk).toBe(0);
  })).toMatch(/fine|INVALID_/);
  // An error is written in 16 KiB at most, a long message cut.
  if (said !== 'fine' || text.length > 1_000) return;
  const [row] = await rows('select error from perdure.runs where id = $1', [ended.id]);
  expect((JSON.parse(String(row?.['error'])) as { message: string }).message).toContain(text);
});

test('what runs choose', async () => {
  const chosen = workflow('chosen', async (ctx, text: string) => {
    const name = await ctx.step(text, () => text).then(() => 'fine', (error: { code: string }) => error.code);
    return name;
  });
  const child = workflow('child', async (_ctx, text: string) => text);
  const more = workflow('more', async (ctx, text: string) => {
    await ctx.set({ [text]: text });
    ctx.publish(text, text);
    const heard = await ctx.waitForEvent(text, { key: text, timeout: 1 });
    return [heard, await ctx.execute(child, text, { id: `c ${text}`.slice(0, 191) })];
  });
  const worker = await createWorker({ connection, workflows: [chosen, child, more], logger: silent }).start();
  const names = texts.filter((text) => text.length < 150 && !/[\0\uD800-\uDFFF]/u.test(text));
  try {
    const runs = await Promise.all(names.map((text, n) => client.start(chosen, text, { id: `chosen-${n}` })));
    expect(await Promise.all(runs.map((run) => run.result()))).toEqual(names.map(() => 'fine'));
    for (const [n, run] of runs.entries()) expect((await run.history())[0]).toMatchObject({ name: names[n] });
    const others = await Promise.all(names.map((text, n) => client.start(more, text, { id: `more-${n}` })));
    expect(await Promise.all(others.map((run) => run.result()))).toEqual(names.map((text) => [null, text]));
    expect(await others[0]?.attributes()).toEqual({ [String(names[0])]: names[0] });
  } finally {
    await worker.stop({ timeout: 0 });
  }
});

test('the functions in SQL', async () => {
  const session = await pool.connect();
  for (const [n, text] of texts.entries()) {
    const calls: [string, unknown[]][] = [
      ['select perdure.start($1, to_jsonb($1::text), id => $1, queue => $1)', [text]],
      [`select perdure.start('w', id => $2, attributes => jsonb_build_object($1::text, $1::text),
        headers => jsonb_build_object($1::text, $1::text))`, [text, `sql-${n}`]],
      [`select perdure.start('w', id => $2, on_conflict => $1)`, [text, `sql-${n}`]],
      ['select perdure.signal($2, $1, to_jsonb($1::text), $1)', [text, 'verbs']],
      ['select perdure.emit($1, to_jsonb($1::text), $1, $1)', [text]],
      ['select perdure.cancel($2, $1)', [text, `t-${n}`]],
      ['select perdure.lane_of($1, $1, $1, $1), perdure.part_of($1), perdure.hash32($1)', [text]],
    ];
    for (const [call, values] of calls) {
      const error = await session.query(call, values).then(() => null, (each: { code: string }) => each);
      // Its own refusals, and what the encoding of the server cannot hold.
      if (error !== null) expect(error.code).toMatch(/^PD0|^22021$|^22P05$/);
    }
  }
  session.release();
});

test('the server saw no syntax error, and nothing was dropped', async () => {
  const log = await server.log();
  expect(log).not.toMatch(/syntax error|does not exist|unterminated|invalid input syntax|malformed/i);
  expect(await rows(`select count(*) > 50 as there from perdure.runs`, [])).toEqual([{ there: true }]);
  // The log would have told.
  await pool.query('select from from').catch(() => undefined);
  await expect.poll(() => server.log()).toMatch(/syntax error/);
});
