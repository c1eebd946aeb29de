// A world of its own for a test file: an empty database on the suite's server.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll } from 'vitest';

function serverUrl(): string {
  const url = process.env['PERDURE_TEST_URL'];
  if (url === undefined) throw new Error('PERDURE_TEST_URL is not set; run the suite with `npm test`');
  return url;
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * Creates an empty database and returns its URL; it is dropped, connections and all, when the file's tests
 * have ended. Call it at the top level of a test file: `const url = await freshDatabase();`
 */
export async function freshDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name}`);
  afterAll(() => onServer(`drop database if exists ${name} with (force)`));
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}
