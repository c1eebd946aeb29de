// The database holds the limits that clients hold, for those who are no client; and tells others no more than
// that something happened.
import { workflow } from '@perdure/core';
import pg from 'pg';
import { expect, test } from 'vitest';
import { failure, freshEngine, until } from '../../testing/test/engine.js';
import { longestValue } from '../dist/migrations/migration.js';

const engine = await freshEngine();
const { sql } = engine;

test('every text has a limit: by a CHECK, or by an index that takes no longer one', async () => {
  const open = await sql(`
    select c.relname || '.' || a.attname as name
      from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
     where c.relnamespace = 'perdure'::regnamespace and a.attnum > 0 and a.atttypid = 'text'::regtype
       and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c'
                          and pg_get_constraintdef(k.oid) ~ ('length\\(' || a.attname || '\\)'))
       and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c'
                          and k.conkey = array[a.attnum])
       and not exists (select from pg_index i where i.indrelid = c.oid and a.attnum = any(i.indkey))
     order by 1`);
  // What the owner writes, and copies of what stands in `runs`.
  expect(open.map(({ name }) => name))
    .toEqual(['meta.value', 'ready.queue', 'ready.version', 'ready.workflow']);
});

const run = `insert into perdure.runs (part, id, workflow, queue, codec, created_at`;
const entry = `insert into perdure.journal (part, run_id, generation, place, position, kind, name, codec,
  attempt, started_at, ended_at`;
test.each([
  [`${run}, input) values (0, 'a', 'w', 'q', 'json', now(), $1)`, longestValue],
  [`${run}, error) values (0, 'a', 'w', 'q', 'json', now(), $1)`, longestValue],
  [`${run}, headers) values (0, 'a', 'w', 'q', 'json', now(), $1)`, 16_384],
  [`${run}, version) values (0, 'a', 'w', 'q', 'json', now(), $1)`, 4_000],
  [`${run}) values (0, 'a', 'w', 'q', $1, now())`, 4_000],
  [`${entry}, value) values (0, 'a', 1, '1', 1, 'step', 's', 'json', 1, now(), now(), $1)`, longestValue],
  [`${entry}, error) values (0, 'a', 1, '1', 1, 'step', 's', 'json', 1, now(), now(), $1)`, longestValue],
  [`${entry}) values (0, 'a', 1, '1', 1, 'step', $1, 'json', 1, now(), now())`, 4_000],
  [`insert into perdure.calls (part, run_id, generation, place, kind, name, due_at, error)
    values (0, 'a', 1, '1', 'step', 's', now(), $1)`, longestValue],
  [`insert into perdure.messages (part, run_id, id, kind, name, codec, payload, sent_at)
    values (0, 'a', 'm', 'signal', 's', 'json', $1, now())`, longestValue],
  [`insert into perdure.events (part, id, name, key, codec, payload, emitted_at)
    values (0, 'e', 'e', '', 'json', $1, now())`, longestValue],
  [`insert into perdure.chunks (part, run_id, generation, stream, seq, source, codec, value, written_at)
    values (0, 'a', 1, 's', 0, '', 'json', $1, now())`, longestValue],
])('%s', async (statement, limit) => {
  const session = await engine.pool.connect();
  try {
    await session.query('begin');
    await session.query(statement, ['x'.repeat(limit)]);
    await session.query('rollback; begin');
    expect(await failure(session.query(statement, ['x'.repeat(limit + 1)]))).toMatchObject({ code: '23514' });
  } finally {
    await session.query('rollback');
    session.release();
  }
});

test('a notification names a process and what happened, and nothing of a run', async () => {
  const ear = new pg.Client({ connectionString: engine.url });
  await ear.connect();
  const heard: string[] = [];
  ear.on('notification', ({ payload }) => void heard.push(payload ?? ''));
  await ear.query('listen "perdure:perdure"');
  const secret = workflow('secret', async (ctx, text: string) => {
    await ctx.waitFor('word' as never);
    return ctx.step('keep', () => text);
  });
  await engine.work([secret]);
  const run = await engine.client.start(secret, 'canary', { id: 'canary-id' });
  await (run as unknown as { signal(...all: unknown[]): Promise<void> }).signal('word', 'canary');
  expect(await run.result()).toBe('canary');
  await until(() => ['m', 's'].every((mark) => heard.some((each) => each.split(' ')[1]?.includes(mark))));
  for (const payload of heard) expect(payload).toMatch(/^[0-9a-zA-Z-]{8,64} [dsm]{1,3}$/);
  await ear.end();
});
