// What is secret stays where it was put: the password of the database and the values of an application are in
// no log line, no event, no error and no sentence of the engine, and not in the log of the server.
import { createClient } from '@perdure/client';
import type { EngineEvents, Logger } from '@perdure/core';
import { connect } from '@perdure/sql';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';
import { ownServer } from './security/own-server.js';
import { tour } from './security/tour.js';

const password = 'canary-password-7391';
const value = 'canary-value-4207';

const server = await ownServer();
const root = new pg.Client({ connectionString: server.url });
await root.connect();
await root.query(`create role canary login superuser`);
await root.query(`alter role canary password '${password}'`);
const url = new URL(server.url);
url.username = 'canary';
url.password = password;
afterAll(async () => {
  await root.end();
  await server.stop();
});

/** Everything that was said, as a person or a machine would print it. */
const said: string[] = [];
const hear = (what: unknown): void => void said.push(
  inspect(what, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null }));

const log: Logger = { debug: hearLine, info: hearLine, warn: hearLine, error: hearLine };
function hearLine(message: string, facts?: Record<string, unknown>): void {
  hear([message, facts]);
}

const channels: Record<keyof EngineEvents, true> = {
  'perdure:run.claimed': true, 'perdure:run.rested': true, 'perdure:run.continued': true,
  'perdure:run.settled': true, 'perdure:run.parked': true, 'perdure:run.lost': true,
  'perdure:step.started': true, 'perdure:step.ended': true, 'perdure:step.replayed': true,
  'perdure:value.large': true, 'perdure:database.unavailable': true, 'perdure:database.back': true,
  'perdure:database.restored': true,
  'perdure:trouble': true,
};

/** The secrets that were said, with what is around them. */
function heard(): string[] {
  return said.flatMap((text) => text.match(/.{0,80}canary-(password|value).{0,20}/g) ?? []);
}

test('the ear hears', () => {
  hear(new Error('outer', { cause: { deep: { deeper: [password] } } }));
  expect(heard()).toHaveLength(1);
  said.length = 0;
});

test('on a whole tour, with a database that goes away', async () => {
  for (const name of Object.keys(channels)) subscribe(name, hear);
  try {
    await using connection = await connect(url.href);
    const pool = new pg.Pool({ connectionString: url.href });
    pool.on('error', () => undefined);
    await tour({
      worker: connection, client: connection, operator: connection, pool, log, secret: value, said: hear,
    });
    const client = createClient({ connection, deadlineMs: 1 });
    hear([connection, client, connection.store]);
    await root.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'canary'`);
    await root.query('alter role canary connection limit 0; alter role canary nosuperuser');
    const away = createClient({ connection: () => connect(url.href) });
    hear(await failure(away.query({})));
    await connection.store.readRuns(['trip-1']).catch(hear);
    await root.query('alter role canary superuser connection limit -1');
    await pool.end();
  } finally {
    for (const name of Object.keys(channels)) unsubscribe(name, hear);
  }
  expect(said.length).toBeGreaterThan(50);
  expect(heard()).toEqual([]);
});

test('where the database refuses a row', async () => {
  said.length = 0;
  await using connection = await connect(url.href);
  // No client lets it through, so that the CHECK of the column is asked. The driver tells of the whole row.
  const input = { codec: 'json', text: value.repeat(100_000) };
  const refused = await connection.store.startRuns([{ id: 'huge', workflow: 'w', queue: 'q', input }]);
  expect(refused).toMatchObject([{ kind: 'refused' }]);
  hear(refused);
  expect(heard()).toEqual([]);
});

test.each([
  ['a wrong password', (to: URL) => void (to.password = `${password}-wrong`)],
  ['no such database', (to: URL) => void (to.pathname = '/nowhere')],
  ['no server', (to: URL) => void (to.port = '1')],
  ['no such host', (to: URL) => void (to.hostname = 'nowhere.invalid')],
  ['a setting that does not exist', (to: URL) => to.searchParams.set('options', '-c nonsense=1')],
])('when connecting fails: %s', async (_what, change) => {
  said.length = 0;
  const to = new URL(url.href);
  change(to);
  hear(await failure(connect(to.href)));
  hear(await failure(connect(to.href, { transactionPooler: true })));
  hear(await failure(connect(new pg.Pool({ connectionString: to.href }))));
  expect(heard()).toEqual([]);
});

test.each([`postgres://canary:${password}@[nonsense/db`, `postgres://canary:${password}@host:port/db`,
  `canary:${password}@127.0.0.1/db`, `postgres://canary:${password}%zz@127.0.0.1:1/db`,
  `postgres://canary:${password}@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/nowhere/${'ca.pem'}`])(
  'when an address cannot be read: %s', async (address) => {
    said.length = 0;
    const error = await failure(connect(address));
    hear(error);
    hear(error.stack);
    expect(heard()).toEqual([]);
    expect(error.code).toMatch(/^NO_DATABASE$|^DATABASE_UNAVAILABLE$/);
  });

test('the log of the server has no value and no password', async () => {
  const lines = (await server.log()).split('\n').filter((line) => line.includes('canary-'));
  // What a CHECK refuses the server tells of by itself, cut to 64 characters a column: see docs/security.md.
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('Failing row contains');
});
