// Transactions that no table lists: of libraries that nobody named, of mysql2, and what is none at all.
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { drizzleTransactor } from '@perdure/sql';
import { workflow } from '@perdure/core';
import { drizzle } from 'drizzle-orm/node-postgres';
import mysql from 'mysql2';
import mysqlPromises from 'mysql2/promise';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { failure, freshEngine } from '../../../testing/test/engine.js';
import { handleOf } from '../../dist/libraries/known-libraries.js';
import { recogniseMysql2 } from '../../dist/libraries/mysql2.js';
import { questionMarks } from '../../dist/libraries/placeholders.js';

const { client, expectNothing, sql, url } = await freshEngine();
const greet = workflow('greet', async (_ctx, name: string) => name);
const own = new Client({ connectionString: url });
await own.connect();
afterEach(() => own.query('rollback'));
afterAll(() => own.end());

describe('a library that nobody named', () => {
  const named = {
    query: (text: string, values?: unknown[]) => own.query<Record<string, unknown>>(text, values),
  };
  const rowsAlone = {
    query: async (text: string, values?: unknown[]) => (await named.query(text, values)).rows,
  };

  test.each([['{ rows }', named], ['an array', rowsAlone]])('that gives %s', async (_what, tx) => {
    expect(await failure(client.start(tx as never, greet, 'Ada')))
      .toMatchObject({ code: 'NOT_A_TRANSACTION' });
    await own.query('begin');
    const { id } = await client.start(tx as never, greet, 'Ada');
    await own.query('rollback');
    await expectNothing();
    await own.query('begin');
    await client.start(tx as never, greet, 'Ada', { id });
    await own.query('commit');
    expect(await sql('select id from perdure.runs')).toEqual([{ id }]);
    await sql('delete from perdure.runs; delete from perdure.ready');
  });

  test('that gives no rows is told so', async () => {
    await own.query('begin');
    const tx = { query: async (text: string, values?: unknown[]) => void await own.query(text, values) };
    const error = await failure(client.start(tx as never, greet, 'Ada'));
    expect(error.message).toMatch(/neither to an array of rows nor to \{ rows \}/);
  });

  test('whose transaction has failed passes the error on', async () => {
    await own.query('begin');
    await own.query('select 1/0').catch(() => undefined);
    expect(await failure(client.start(named, greet, 'Ada'))).toMatchObject({ code: '25P02' });
  });
});

test('a Drizzle database on one client opens no transactions of steps', () => {
  const db = drizzle({ client: own });
  expect(() => drizzleTransactor(db)).toThrow(/two steps would be one/);
});

test('placeholders without numbers', () => {
  expect(questionMarks('select $2::text, $1::int, $2::text from t where a = $10', [1, 'b', ...Array(7), 'j']))
    .toEqual(['select ?::text, ?::int, ?::text from t where a = ?', ['b', 1, 'b', 'j']]);
  expect(questionMarks('select 1', [])).toEqual(['select 1', []]);
});

// The server that mysql2 brings, for its side of the protocol: nothing of mysql2 is replaced.
describe('mysql2', () => {
  const seen: string[] = [];
  let open = false;
  let server: Server & { close(): void };
  let port = 0;

  beforeAll(async () => {
    const made = mysql.createServer((connection) => {
      connection.on('error', () => undefined);
      connection.serverHandshake({
        protocolVersion: 4, serverVersion: '8.4.0', connectionId: 1, statusFlags: 2, characterSet: 8,
        capabilityFlags: 0xffffff ^ 2048,
      });
      connection.on('query', (text: string) => {
        seen.push(text);
        connection.writeOk({ affectedRows: 0, serverStatus: open ? 1 : 0 });
      });
      connection.on('stmt_prepare', (text: string) => {
        seen.push(text);
        connection.writeError({ code: 1064, message: 'no such table' });
      });
    });
    server = made as unknown as Server;
    server.listen(0);
    await once((made as unknown as { _server: Server })._server, 'listening');
    port = ((made as unknown as { _server: Server })._server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  test('a pool, and a connection without a transaction, are none', async () => {
    open = false;
    for (const pool of [mysql.createPool({ port }), mysqlPromises.createPool({ port })]) {
      expect((await failure(client.start(pool as never, greet, 'Ada'))).message).toMatch(/a pool of mysql2/);
      void pool.end();
    }
    const connection = await mysqlPromises.createConnection({ port });
    expect((await failure(client.start(connection as never, greet, 'Ada'))).message)
      .toMatch(/no transaction was begun on this connection/);
    connection.destroy();
    await expectNothing();
  });

  test.each(['promise', 'callback'])('a transaction, %s flavour, is refused by its database', async (how) => {
    open = true;
    const promised = await mysqlPromises.createConnection({ port });
    const given = how === 'promise' ? promised : (promised as unknown as { connection: object }).connection;
    expect(await failure(client.start(given as never, greet, 'Ada')))
      .toMatchObject({ code: 'WRONG_DATABASE' });
    await expect(handleOf(given, { names: true })).rejects.toThrow('MySQL');
    const handle = await recogniseMysql2(given, { names: true });
    expect(handle?.database).toBe('mysql');
    const statement = { name: 'one', text: 'insert into runs values ($1, $2)' };
    await expect(handle?.query(statement, ['a', 1])).rejects.toThrow('no such table');
    expect(seen.at(-1)).toBe('insert into runs values (?, ?)');
    promised.destroy();
    await expectNothing();
  });
});
