// A database that is missing, down, closed to us, or ahead of us: each is named, with what to do.
import { Kysely, PostgresDialect } from 'kysely';
import {
  connect, createClient, createWorker, DatabaseUnavailableError, workflow, WorkflowError, type Client,
} from 'perdure';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startPgProxy } from '../../testing/dist/pg-proxy.js';
import { freshDatabase } from '../../testing/test/database.js';
import { failure, freshEngine, Gate, silent, until } from '../../testing/test/engine.js';

const { url, sql } = await freshEngine();
const { hostname, port } = new URL(url);
const proxy = await startPgProxy({ target: { host: hostname, port: Number(port) } });
afterAll(() => proxy.close());
const greet = workflow('greet', async (ctx, name: string) => ctx.step('greet', () => `Hello ${name}`));

function changed(change: (url: URL) => void): string {
  const other = new URL(url);
  change(other);
  return other.href;
}

async function expectUnavailable(attempt: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await failure(attempt);
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  expect(error.code).toBe('DATABASE_UNAVAILABLE');
  expect(error.message).toMatch(message);
}

describe('without DATABASE_URL', () => {
  const before = process.env['DATABASE_URL'];
  beforeEach(() => {
    delete process.env['DATABASE_URL'];
  });
  afterEach(() => {
    if (before !== undefined) process.env['DATABASE_URL'] = before;
  });

  const calls: Record<string, () => Promise<unknown>> = {
    connect: () => connect(),
    'client.start': () => createClient().start(greet, 'Ada'),
    'client.execute': () => createClient().execute(greet, 'Ada'),
    'handle.status': () => createClient().get(greet, 'x').status(),
    'worker.start': () => createWorker({ workflows: [greet] }).start(),
    'worker.run': () => createWorker({ workflows: [greet] }).run(),
  };
  test.each(Object.entries(calls))('%s names the ways to give one', async (_name, call) => {
    const error = await failure(call());
    expect(error).toBeInstanceOf(WorkflowError);
    expect(error.code).toBe('NO_DATABASE');
    expect(error.message).toMatch(/Set DATABASE_URL, pass a URL.*pg pool or a Kysely instance.*embedded/s);
  });

  test('a client of the umbrella uses it as soon as it is set', async () => {
    const client = createClient();
    await failure(client.start(greet, 'Ada'));
    process.env['DATABASE_URL'] = url;
    const worker = await createWorker({ workflows: [greet], logger: silent }).start();
    expect(await client.execute(greet, 'Ada')).toBe('Hello Ada');
    await worker.stop();
    await client.close();
    delete process.env['DATABASE_URL'];
  });
});

describe('refused by the server', () => {
  test('a wrong password', async () => {
    const wrong = changed((to) => {
      to.password = 'wrong';
    });
    await expectUnavailable(connect(wrong), /user name or password is wrong/);
    await expectUnavailable(createClient({ connection: wrong }).start(greet, 'Ada'), /password is wrong/);
    await expectUnavailable(createWorker({ connection: wrong, workflows: [greet] })
      .start(), /password is wrong/);
  });

  test('a database that does not exist', async () => {
    await expectUnavailable(connect(changed((to) => {
      to.pathname = '/nowhere';
    })), /no such database/);
  });

  test('a role that may not create the schema, which nothing is left of', async () => {
    const empty = await freshDatabase();
    const owner = new pg.Client({ connectionString: empty });
    await owner.connect();
    const role = `guest_${Math.random().toString(36).slice(2)}`;
    await owner.query(`create role ${role} login password 'guest'`);
    const guest = new URL(empty);
    guest.username = role;
    guest.password = 'guest';
    await expectUnavailable(connect(guest.href), /lacks a permission/);
    const { rows } = await owner.query("select 1 from pg_namespace where nspname = 'perdure'");
    expect(rows).toEqual([]);
    await owner.query(`drop role ${role}`);
    await owner.end();
  });
});

describe('down', () => {
  test('at the start: everything says so, and works when it is back', async () => {
    await proxy.refuse(true);
    const through = proxy.url(url);
    await expectUnavailable(connect(through), /cannot be used: .*ECONNREFUSED/);
    const client: Client = createClient({ connection: through });
    const worker = createWorker({ connection: through, workflows: [greet], logger: silent });
    await expectUnavailable(client.start(greet, 'Ada', { id: 'late' }), /ECONNREFUSED/);
    await expectUnavailable(worker.start(), /ECONNREFUSED/);
    expect(worker.health()).toEqual({ ok: false, activeRuns: 0, lastPollAt: null });
    expect(await sql("select id from perdure.runs where id = 'late'")).toEqual([]);
    await proxy.refuse(false);
    await worker.start();
    expect(await client.execute(greet, 'Ada', { id: 'late' })).toBe('Hello Ada');
    await worker.stop();
    await client.close();
  });

  const long = { timeout: 90_000 };
  test('for 20 s in the middle, past every lease and deadline: nothing is lost', long, async () => {
    const connection = await connect(proxy.url(url), { deadlineMs: 1_000 });
    const client = createClient({ connection, deadlineMs: 500 });
    const said: string[] = [];
    const logger = { ...silent, warn: (line: string) => void said.push(line),
      info: (line: string) => void said.push(line) };
    const down = new Gate();
    let bodies = 0;
    const slow = workflow('slow', async (ctx) => {
      await ctx.sleep('1 ms');
      return ctx.step('body', async () => {
        bodies++;
        await down.passed;
        return 'done';
      });
    });
    const worker = await createWorker({ connection, workflows: [slow], leaseDuration: '300 ms', logger })
      .start();
    const run = await client.start(slow, undefined, { id: 'through-outage' });
    const result = run.result();
    await until(() => bodies === 1);
    await proxy.refuse(true);
    await until(() => !worker.health().ok);
    down.open();
    await expectUnavailable(client.start(greet, 'Ada'), /ECONNREFUSED|terminated|closed/);
    await until(async () => {
      const over = 'select due_at < clock_timestamp() as over from perdure.ready where id = $1';
      const [row] = await sql(over, [run.id]);
      return row?.['over'];
    });
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await proxy.refuse(false);
    expect(await result).toBe('done');
    await until(() => worker.health().ok);
    expect(said.filter((line) => line.includes('does not answer'))).toHaveLength(1);
    expect(said.filter((line) => line.includes('answers again'))).toHaveLength(1);
    await worker.stop();
    await connection.close();
  });
});

describe('a schema', () => {
  test('that is newer is refused and left alone', async () => {
    const newer = await freshDatabase();
    await (await connect(newer)).close();
    const owner = new pg.Client({ connectionString: newer });
    await owner.connect();
    await owner.query("update perdure.meta set value = '99' where key = 'schema_version'");
    const before = await owner.query('select key, value from perdure.meta order by key');
    for (const attempt of [() => connect(newer), () => connect(newer, { migrate: false }),
      () => createClient({ connection: newer }).start(greet, 'Ada'),
      () => createWorker({ connection: newer, workflows: [greet] }).start()]) {
      const error = await failure(attempt());
      expect(error).toMatchObject({ name: 'WorkflowError', code: 'SCHEMA_NEWER' });
      expect(error.message).toMatch(/is at version 99.*Update perdure in this process/);
    }
    expect((await owner.query('select key, value from perdure.meta order by key')).rows).toEqual(before.rows);
    expect((await owner.query('select id from perdure.runs')).rows).toEqual([]);
    await owner.end();
  });

  test('that is missing is not made without leave', async () => {
    const empty = await freshDatabase();
    const error = await failure(connect(empty, { migrate: false }));
    expect(error).toMatchObject({ code: 'SCHEMA_MISSING' });
    expect(error.message).toMatch(/Run the migrations.*migrate: true/);
    const owner = new pg.Client({ connectionString: empty });
    await owner.connect();
    expect((await owner.query("select 1 from pg_namespace where nspname = 'perdure'")).rows).toEqual([]);
    await owner.end();
  });

  test('name that cannot be one is refused', async () => {
    await expect(connect(url, { schema: '' })).rejects.toMatchObject({ name: 'WorkflowError' });
    await expect(connect(url, { schema: 'a\0b' })).rejects.toMatchObject({ name: 'WorkflowError' });
  });
});

describe('what connect is given', () => {
  test('nonsense is refused', async () => {
    expect(await failure(connect({} as never))).toMatchObject({ code: 'NO_DATABASE' });
    expect(await failure(connect(7 as never))).toMatchObject({ name: 'WorkflowError', code: 'NO_DATABASE' });
    expect(await failure(connect('not a url')))
      .toMatchObject({ name: expect.stringMatching(/WorkflowError|Unavailable/) });
  });

  test('a Kysely instance serves clients, and is no ground for a worker', async () => {
    const pool = new pg.Pool({ connectionString: url });
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
    const connection = await connect(db);
    const { id } = await createClient({ connection }).start(greet, 'Ada');
    expect(await sql('select workflow from perdure.runs where id = $1', [id]))
      .toEqual([{ workflow: 'greet' }]);
    const error = await failure(createWorker({ connection, workflows: [greet] }).start());
    expect(error).toMatchObject({ name: 'WorkflowError', code: 'WORKER_NEEDS_URL' });
    expect(error.message).toMatch(/URL or a pg pool/);
    await db.transaction().execute(async (tx) => {
      expect(await failure(connect(tx))).toMatchObject({ code: 'NO_DATABASE' });
    });
    await db.destroy();
  });
});
