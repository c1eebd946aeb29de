// Whether the server behind a connection still has the past that was known: told from real servers that were
// restarted, crashed, promoted, restored and replaced. What workers make of it: worker/test/restored.test.ts.
import { join } from 'node:path';
import type { Connection } from '@perdure/core';
import { systemEnv, type Lease } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import pg from 'pg';
import { afterAll, afterEach, expect, test } from 'vitest';
import { putInPlace, ServerRoom, type RealServer } from '../../testing/chaos/restore-server.js';
import { failure } from '../../testing/test/engine.js';
import { Lineage, PastEraError } from '../dist/postgres/lineage.js';
import { Session } from '../dist/postgres/session.js';

const room = await ServerRoom.open(Number(process.env['PERDURE_TEST_PG_MAJOR'] ?? 18));
afterAll(() => room.close());
const server = await room.create('one');
await server.start();
const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

interface Watched {
  readonly lineage: Lineage;
  readonly whys: string[];
  /** Looks as a session does that connects anew. */
  look(): Promise<void>;
}

function watch(url: string = server.url): Watched {
  const lineage = new Lineage();
  const whys: string[] = [];
  lineage.onBreak((why) => void whys.push(why));
  const look = async (): Promise<void> => {
    const config = { connectionString: url };
    const session = new Session({ config, deadlineMs: 10_000, names: true, gate: lineage.gate() });
    await session.rows('select 1').catch((error: unknown) => {
      if (!(error instanceof PastEraError)) throw error;
    }).finally(() => session.close());
  };
  return { lineage, whys, look };
}

async function write(on: RealServer): Promise<void> {
  await on.sql('create table if not exists t (n int); insert into t select generate_series(1, 20000)');
}

test.each(['SIGINT', 'SIGQUIT'] as const)('a server that was ended by %s is the same', async (signal) => {
  const { lineage, whys, look } = watch();
  await look();
  const before = lineage.server;
  await server.stop(signal);
  await server.start();
  await look();
  expect(lineage.server).not.toBe(before);
  expect({ whys, era: lineage.era }).toEqual({ whys: [], era: 0 });
});

test('a crash of a server that may forget its commits is another past', async () => {
  await server.stop();
  await server.start({ synchronous_commit: 'off' });
  const { whys, look } = watch();
  await look();
  await server.stop();
  await server.start({});
  await look();
  expect(whys).toEqual([expect.stringContaining('forget what it had committed')]);
  await look();
  expect(whys.length).toBe(1);
});

test('files that were put back are seen by their shorter log, and by a promotion after that', async () => {
  const { lineage, whys, look } = watch();
  await server.stop('SIGINT');
  const copy = await room.copy(server.data, join(room.place, 'copy'));
  await server.start();
  await look();
  await write(server);
  await look();
  await server.stop('SIGINT');
  await putInPlace(copy, server.data);
  await server.start();
  await look();
  expect(whys).toEqual([expect.stringMatching(/^its log ends \d+ bytes before/)]);
  const standby = await server.follower('standby');
  await standby.start();
  await server.stop('SIGQUIT');
  await standby.sql('select pg_promote(true, 30)');
  await standby.leads();
  await standby.stop('SIGINT');
  await server.start();
  const both = watch();
  await both.look();
  await server.stop('SIGINT');
  await standby.takePort(server.port);
  await standby.start();
  await both.look();
  expect(both.whys).toEqual(['it is on timeline 2 and was on 1']);
  expect(both.lineage.era).toBe(1);
  await standby.stop('SIGINT');
  await server.start();
  expect(lineage.era).toBe(1);
});

test('another cluster is another past', async () => {
  const other = await room.create('other');
  const { whys, look } = watch();
  await look();
  await server.stop('SIGINT');
  await other.takePort(server.port);
  await other.start();
  const { password } = new URL(server.url);
  await other.sql(`alter role perdure password '${password}'`);
  await look();
  await other.stop('SIGINT');
  await server.start();
  expect(whys).toEqual([expect.stringMatching(/^it is cluster \d+ and was \d+$/)]);
});

test.each([
  ['the identifier', ['pg_control_system()'], 0],
  ['the log', ['pg_walfile_name(pg_lsn)'], 0],
  ['the log and the identifier', ['pg_walfile_name(pg_lsn)', 'pg_control_system()'], 1],
  ['anything', ['pg_walfile_name(pg_lsn)', 'pg_control_system()', 'pg_postmaster_start_time()'], 0],
] as const)('a role that may not ask for %s', async (_, hidden, breaks) => {
  await server.sql("drop role if exists joe; create role joe login password 'joe'");
  const rights = (verb: string, whom: string): string => (
    hidden.map((name) => `${verb} execute on function ${name} ${whom} public`).join(';'));
  await server.sql(rights('revoke', 'from'));
  const url = new URL(server.url);
  Object.assign(url, { username: 'joe', password: 'joe' });
  const { lineage, whys, look } = watch(url.href);
  await look();
  expect(lineage.server === null).toBe(hidden.length === 3);
  await server.stop();
  await server.start();
  await look();
  await server.sql(rights('grant', 'to'));
  expect(whys).toEqual(breaks === 0 ? [] : [expect.stringContaining('may not ask')]);
});

const nothing = { codec: 'json', text: null };

/** A Connection, and a run that was claimed through it. */
async function claimed(id: string): Promise<{ connection: Connection; whys: string[]; lease: Lease }> {
  const connection = await connect(server.url);
  closing.push(() => connection.close());
  const whys: string[] = [];
  connection.continuity.onBreak((why) => void whys.push(why));
  await connection.store.startRuns([{ id, workflow: id, queue: 'q', input: nothing }]);
  const { runs: [run] } = await connection.store.claim({
    claimId: systemEnv.newToken(), served: [{ queue: 'q', workflow: id, version: null, stamp: null }],
    limit: 1, suspects: false, leaseMs: 60_000, sweep: true,
  });
  return { connection, whys, lease: run!.lease };
}

test('a store is asked again of what is there, but not in the name of a lease', async () => {
  const { connection, whys, lease } = await claimed('kept');
  await server.stop('SIGINT');
  const copy = await room.copy(server.data, join(room.place, 'later'));
  await server.start();
  const entry = {
    place: '1', position: 1, kind: 'step' as const, name: 's', value: nothing, error: null, attempt: 1,
    tookMs: 0, message: null,
  };
  const write = { lease, entries: [entry], calls: [], closed: [], end: null, more: null };
  expect(await connection.store.commit([write])).toMatchObject([{ kind: 'done' }]);
  await server.sql('select pg_switch_wal()');
  await connection.continuity.look();
  await server.stop('SIGINT');
  await putInPlace(copy, server.data);
  await server.start();
  const next = { ...write, entries: [{ ...entry, place: '2', position: 2 }] };
  expect(await failure(connection.store.commit([next]))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(whys.length).toBe(1);
  expect(await server.sql('select from perdure.journal')).toEqual([]);
  expect(await connection.store.readRuns(['kept'])).toMatchObject([{ id: 'kept' }]);
});

test('the fence of a transaction knows a server that the engine has not looked at', async () => {
  const { connection, whys, lease } = await claimed('fenced');
  const fence = async (): Promise<string> => {
    const client = new pg.Client(server.url);
    await client.connect();
    const query = async (text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> => (
      (await client.query<Record<string, unknown>>(text, [...values])).rows);
    return connection.stepTransactions.on({ query } as never, lease).fence(1_000)
      .finally(() => client.end());
  };
  expect(await fence()).toBe('held');
  await server.stop('SIGINT');
  const copy = await room.copy(server.data, join(room.place, 'fence'));
  await server.start();
  expect(await fence()).toBe('held');
  await write(server);
  await connection.continuity.look();
  await server.stop('SIGINT');
  await putInPlace(copy, server.data);
  await server.start();
  // The lease is there, as it was; what its owner remembers may not be.
  expect(await fence()).not.toBe('held');
  expect(whys.length).toBe(1);
});
