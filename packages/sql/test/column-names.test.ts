// Libraries give rows as objects: of two columns of one name the second would hide the first. So every column
// of what clients run has a name of its own.
import { connect } from '@perdure/sql';
import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { checkStatements } from '../dist/postgres/check-statements.js';
import { closingStatements } from '../dist/postgres/closing-statements.js';
import { detailStatements } from '../dist/postgres/detail-statements.js';
import { emitStatement, readMailStatement, sendStatement } from '../dist/postgres/mail-statements.js';
import { operationStatements } from '../dist/postgres/operation-statements.js';
import { queryStatements } from '../dist/postgres/query-statements.js';
import { readStatements } from '../dist/postgres/read-statements.js';
import { startStatements } from '../dist/postgres/start-statements.js';

const url = await freshDatabase();
const s = 'perdure';

/** What the server says of an answer. */
interface Described {
  readonly fields: readonly { readonly name: string }[];
}

test('no two columns of a statement have one name', async () => {
  await (await connect(url)).close();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const statements = [
    ...Object.values(startStatements(s, 'own')), ...Object.values(readStatements(s)),
    sendStatement(s, 'own'), emitStatement(s, 'own'), readMailStatement(s),
    ...Object.values(queryStatements(s).query), queryStatements(s).chunks,
    ...Object.values(operationStatements(s)), ...Object.values(detailStatements(s)),
    closingStatements(s).terminate, checkStatements(s).window,
    ...checkStatements(s).checks.map(({ statement }) => statement),
  ];
  expect(statements.length).toBeGreaterThan(50);
  // Told before a statement is executed, which many of these then are not, for nulls.
  let names: readonly string[] = [];
  const { connection } = client as unknown as { connection: EventEmitter };
  connection.on('rowDescription', (message: Described) => {
    names = message.fields.map(({ name }) => name);
  });
  const twice: string[] = [];
  let seen = 0;
  for (const { name, text } of statements) {
    const parameters = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
    names = [];
    await client.query('begin');
    await client.query({ text, values: Array<null>(parameters).fill(null) }).catch(() => undefined);
    await client.query('rollback');
    if (names.length > 0) seen++;
    if (new Set(names).size < names.length) twice.push(`${name}: ${names.join(', ')}`);
  }
  await client.end();
  expect(twice).toEqual([]);
  expect(seen).toBeGreaterThan(50);
});
