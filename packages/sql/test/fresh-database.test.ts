import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

const url = await freshDatabase();

test('a test file has an empty database of the chosen version to itself', async () => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const tables = await client.query("select from pg_class where relnamespace = 'public'::regnamespace");
  const version = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  expect(tables.rowCount).toBe(0);
  const major = process.env['PERDURE_TEST_PG_MAJOR'] ?? '18';
  expect(version.rows[0]?.server_version.split('.')[0]).toBe(major);
});
