// Each invariant of the data, broken by hand, is found under its code and under no other; and a database in
// which much has happened has nothing to be found. What is broken is rolled back.
import { readFileSync } from 'node:fs';
import { type, workflow } from '@perdure/core';
import type { Finding } from '@perdure/client';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, freshEngine, until } from '../../testing/test/engine.js';
import { expectHealthy } from '../../testing/test/healthy.js';
import { checkStatements, checkWindow, invariants } from '../dist/postgres/check-statements.js';

const { client, sql, url, work } = await freshEngine();
const hands = new pg.Client({ connectionString: url });

const child = workflow({ name: 'child', signals: { go: type<string>() } }, async (ctx) => ctx.waitFor('go'));
const plain = workflow('plain', async (ctx) => {
  for (const step of ['a', 'b', 'c']) await ctx.step(step, () => step);
});
const bad = workflow({ name: 'bad', retry: 1 }, async (ctx) => {
  await ctx.step('fail', () => {
    throw new Error('it fails');
  });
});
const hasty = workflow('hasty', async (ctx) => void ctx.step('forgotten', () => 1));
const waiter = workflow({ name: 'waiter', signals: { first: type<string>(), go: type<string>(),
  other: type<string>() } }, async (ctx) => {
  await ctx.set({ text: 'a', number: 1, flag: true, time: new Date(0) });
  ctx.publish('news', 1);
  ctx.publish('news', 2);
  ctx.publish('news', 3);
  await ctx.waitFor('first');
  return ctx.waitFor('go');
});
const sleeper = workflow('sleeper', async (ctx) => ctx.sleep('1d'));
const listener = workflow('listener', async (ctx) => ctx.waitForEvent('never', { timeout: '7d' }));
const parent = workflow('parent', async (ctx) => ctx.execute(child, undefined, { id: 'its-child' }));
const starter = workflow({ name: 'starter' }, async (ctx) => {
  await ctx.start(child, undefined, { id: 'started', parentClose: 'abandon' });
});

beforeAll(async () => {
  await hands.connect();
  await work([child, plain, bad, hasty, waiter, sleeper, listener, parent, starter]);
  const starts = await Promise.all([
    client.start(plain, undefined, { id: 'plain' }), client.start(bad, undefined, { id: 'bad' }),
    client.start(starter, undefined, { id: 'starter' }),
  ]);
  await Promise.all(starts.map((run) => run.result().catch(() => undefined)));
  const parked = await client.start(hasty, undefined, { id: 'parked' });
  const waits = await client.start(waiter, undefined, { id: 'waiter' });
  await client.start(sleeper, undefined, { id: 'sleeper' });
  await client.start(listener, undefined, { id: 'listener' });
  await client.start(parent, undefined, { id: 'parent' });
  await waits.signal('first', '1');
  await waits.signal('other', '2');
  await client.emit('unheard', 1, { id: 'unheard' });
  await until(async () => await parked.status() === 'parked');
  await until(async () => {
    const resting = await sql(`select id from perdure.ready r
      join perdure.calls c on c.run_id = r.id where r.claim is null and not r.fresh`);
    const carried = await sql(`select from perdure.inbox where not noticed union all
      select from perdure.events where not noticed union all select from perdure.endings`);
    const taken = await sql(`select from perdure.journal where run_id = 'waiter' and kind = 'signal'`);
    return resting.length === 6 && carried.length === 0 && taken.length === 1;
  });
  // Whether there is somebody to carry is known by the registry.
  await sql(`insert into perdure.workers (id, host, pid, concurrency, serves, started_at, seen_at)
    values ('carrier', 'h', 1, 1, '[]', now() - interval '1 hour', now())`);
}, 60_000);
afterAll(() => hands.end());

const statements = checkStatements('perdure');

/** What is found after this was done, which is undone. Mail is late at once. */
async function foundAfter(change: string): Promise<string[]> {
  await hands.query('begin');
  try {
    await hands.query('set local search_path = perdure');
    const { rowCount } = await hands.query(change);
    expect(rowCount).toBeGreaterThan(0);
    await hands.query('set local search_path = pg_catalog');
    const { broken, next } = await checkWindow({
      run: async ({ text }, values) => {
        const { rows } = await hands.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
        return rows;
      },
    }, statements, { after: null, lateMs: 0, limit: 100 });
    expect(next).toBeNull();
    for (const { what } of broken) expect(what).toMatch(/^[A-Z].*\.$/);
    return broken.map(({ invariant, runId }) => `${invariant} ${runId ?? ''}`.trim());
  } finally {
    await hands.query('rollback');
  }
}

const otherPart = '(part + 1) % 64';

/** Invariants that a change breaks, of which run; and the change. */
const breaks: ReadonlyArray<readonly [found: string, change: string]> = [
  ['live-without-line plain', "update runs set status = 'live', settled_at = null where id = 'plain'"],
  ['live-without-line waiter', "delete from ready where id = 'waiter'"],
  ['ended-in-line plain', `insert into ready (part, id, lane, home_lane, queue, workflow, due_at, epoch)
    select part, id, l, l, queue, workflow, now(), settled_epoch + 1
      from runs, lane_of(queue, workflow) l where id = 'plain'`],
  ['line-differs waiter', "update runs set workflow = 'another' where id = 'waiter'"],
  ['lane-unknown waiter', "update ready set lane = lane + 1 where id = 'waiter'"],
  ['lane-unknown waiter', "update ready set home_lane = home_lane + 1 where id = 'waiter'"],
  ['lane-unknown waiter', "update runs set priority = 1 where id = 'waiter'"],
  ['line-contradicts waiter', `update ready set claim = gen_random_uuid() where id = 'waiter'`],
  ['line-contradicts waiter', "update ready set fresh = true where id = 'waiter'"],
  ['line-contradicts waiter', "update ready set solo_strikes = 1 where id = 'waiter'"],
  ['wake-at-rest waiter', "update ready set wake = true where id = 'waiter'"],
  ['nothing-to-wait-for waiter', "delete from calls where run_id = 'waiter'"],
  ['due-after-call sleeper', "update ready set due_at = 'infinity' where id = 'sleeper'"],
  ['due-after-call sleeper', "update calls set due_at = now() + interval '1 min' where run_id = 'sleeper'"],
  ['epoch-behind waiter', "update ready set epoch = rested_from where id = 'waiter'"],
  ['epoch-behind waiter', "update runs set settled_epoch = 9e15 where id = 'waiter'"],
  ['epoch-ahead waiter', "update ready set epoch = epoch * 2 where id = 'waiter'"],
  ['epoch-ahead plain', "update runs set settled_epoch = settled_epoch * 2 where id = 'plain'"],
  ['status-contradicts bad', "update runs set status = 'completed' where id = 'bad'"],
  ['status-contradicts plain', "update runs set status = 'failed' where id = 'plain'"],
  ['status-contradicts plain', "update runs set settled_epoch = null where id = 'plain'"],
  ['status-contradicts waiter', "update runs set output = '1' where id = 'waiter'"],
  ['status-contradicts parked', "update runs set reason = null where id = 'parked'"],
  ['wait-after-end plain', `insert into calls (part, run_id, generation, place, kind, name, due_at)
    select part, id, generation, '9', 'sleep', '', now() from runs where id = 'plain'`],
  ['wait-after-end plain', `insert into subscriptions (part, run_id, generation, place, name, key, asked_at)
    select part, id, generation, '9', 'e', '', now() from runs where id = 'plain'`],
  ['row-without-run nobody', `insert into messages (part, run_id, id, kind, name, codec, sent_at)
    values (part_of('nobody'), 'nobody', 'm', 'signal', 'go', 'json', now())`],
  ['row-without-run nobody', `update attributes set run_id = 'nobody', part = part_of('nobody')
    where run_id = 'waiter' and name = 'text'`],
  ['part-wrong waiter', `update journal set part = ${otherPart} where run_id = 'waiter' and place = '1'`],
  ['part-wrong parent', `update children set child_part = (child_part + 1) % 64 where parent_id = 'parent'`],
  ['generation-ahead plain', `update journal set generation = 2 where run_id = 'plain'`],
  ['generation-left waiter', `insert into calls (part, run_id, generation, place, kind, name, due_at)
    select part, id, 0, '9', 'signal', 'never', 'infinity' from runs where id = 'waiter'`],
  ['position-twice parked', `insert into journal (part, run_id, generation, place, position, kind, name,
      codec, attempt, started_at, ended_at) select part, id, 1, p, 7, 'step', '', 'json', 1, now(), now()
    from runs, unnest('{8,9}'::text[]) p where id = 'parked'`],
  ['position-missing plain', "delete from journal where run_id = 'plain' and place = '2'"],
  ['call-answered waiter', `insert into journal (part, run_id, generation, place, position, kind, name, codec,
      attempt, started_at, ended_at)
    select part, run_id, 1, place, 99, kind, name, 'json', 1, now(), now() from calls
     where run_id = 'waiter'`],
  ['chunk-missing waiter', "delete from chunks where run_id = 'waiter' and seq = 1"],
  ['chunk-missing waiter', "delete from chunks where run_id = 'waiter' and seq = 0"],
  ['attribute-type waiter', "update attributes set type = 'number' where name = 'text'"],
  ['attribute-type waiter', "update attributes set text_value = 'a' where name = 'time'"],
  ['attribute-type waiter', "update attributes set text_value = 'yes' where name = 'flag'"],
  ['inbox-without-message waiter', "update inbox set name = 'elsewhere' where run_id = 'waiter'"],
  ['taken-in-inbox waiter', `insert into inbox (part, run_id, kind, name, sent_at, id, noticed)
    select part, run_id, kind, name, sent_at, id, true from messages
     where run_id = 'waiter' and name = 'first'`],
  ['rests-on-news waiter', "update calls set name = 'other' where run_id = 'waiter'"],
  ['event-not-asked-for listener', "delete from subscriptions where run_id = 'listener'"],
  ['mail-late waiter', "update inbox set noticed = false where run_id = 'waiter'"],
  ['event-late', "update events set noticed = false where id = 'unheard'"],
  ['child-not-tied parent', `with c as (delete from children where parent_id = 'parent')
    update runs set parent_id = null where id = 'its-child'`],
  ['parent-not-tied started', "delete from children where parent_id = 'starter'"],
  ['child-unaware its-child', "update ready set tied = false where id = 'its-child'"],
  ['end-untold parent', `with c as (update runs set parent_id = null where id = 'its-child')
    update children set child_id = 'plain', child_part = part_of('plain') where parent_id = 'parent'`],
  ['tie-late parent', "update children set noticed = false where parent_id = 'parent'"],
  ['ending-late plain', `insert into endings (part, run_id, ended_at) select part, id, settled_at from runs
    where id = 'plain'`],
  ['ending-of-living parked', `insert into endings (part, run_id, ended_at)
    select part, id, now() + interval '1 min' from runs where id = 'parked'`],
  ['worker-contradicts', "update workers set seen_at = started_at - interval '1 s'"],
];

test.each(breaks)('finds %s', async (found, change) => {
  expect(await foundAfter(change)).toEqual([found]);
});

test('every invariant is broken by one of them', () => {
  const broken = breaks.map(([found]) => found.split(' ')[0]);
  expect(new Set(broken)).toEqual(new Set(invariants.map(({ code }) => code)));
});

test('docs/operating.md has all of them, in these words', () => {
  const page = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8');
  const missing = invariants.filter(({ code, holds }) => !page.includes(`| \`${code}\` | ${holds} |`));
  expect(missing.map(({ code }) => code)).toEqual([]);
});

test('nothing is found where nothing is broken', async () => {
  await expectHealthy(client);
  expect(await foundAfter("update runs set priority = priority where id = 'waiter'")).toEqual([]);
});

test('a client checks its options before it asks', async () => {
  const first = (options: object): Promise<unknown> => client.check(options)[Symbol.asyncIterator]().next();
  expect(await failure(first({ limit: 0 }))).toMatchObject({ code: 'INVALID_OPTION' });
  expect(await failure(first({ abortSignal: 'stop' }))).toMatchObject({ code: 'INVALID_OPTION' });
  const reason = new Error('enough');
  expect(await failure(first({ abortSignal: AbortSignal.abort(reason) }))).toBe(reason);
});

test('a client tells what is found, up to a limit', async () => {
  await sql("update perdure.chunks set seq = seq + 1 where run_id = 'waiter' and seq = 2");
  try {
    const findings: Finding[] = [];
    for await (const finding of client.check()) findings.push(finding);
    expect(findings).toEqual([{
      invariant: 'chunk-missing', runId: 'waiter', since: expect.any(Date),
      what: 'Stream news of generation 1 has 3 chunks, numbered from 0 to 3.',
    }]);
    await sql("update perdure.attributes set type = 'number' where name = 'text'");
    const first: Finding[] = [];
    for await (const finding of client.check({ limit: 1 })) first.push(finding);
    expect(first).toEqual(findings);
  } finally {
    await sql("update perdure.attributes set type = 'text' where name = 'text'");
    await sql("update perdure.chunks set seq = seq - 1 where run_id = 'waiter' and seq = 3");
  }
});
