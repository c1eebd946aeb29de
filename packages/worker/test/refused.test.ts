// A database that is not in UTF-8 refuses what the codec lets through. Whatever is refused becomes an error
// of the step or the run; nothing is sent for ever.
import { createClient } from '@perdure/client';
import { workflow, type RunFailedError, type RunParkedError, type Workflow } from '@perdure/core';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { failure, silent } from '../../testing/test/engine.js';

const server = new URL(process.env['PERDURE_TEST_URL']!);
const name = `test_latin1_${process.pid}`;

async function onServer(text: string): Promise<void> {
  const admin = new pg.Client({ connectionString: server.href });
  await admin.connect();
  await admin.query(text).finally(async () => admin.end());
}

await onServer(`create database ${name} encoding 'LATIN1' template template0 locale 'C'`);
const url = new URL(server);
url.pathname = `/${name}`;
const connection = await connect(url.href);
const client = createClient({ connection });
afterAll(async () => {
  await connection.close();
  await onServer(`drop database ${name} with (force)`);
});

let commits = 0;
const commit = connection.store.commit.bind(connection.store);
connection.store.commit = async (writes) => {
  commits++;
  return commit(writes);
};

/** Runs a workflow to its end, and says how many commits that took. */
async function commitsOf(odd: Workflow<void>): Promise<[Error & { code?: string }, number]> {
  commits = 0;
  const worker = await createWorker({ connection, workflows: [odd], logger: silent }).start();
  try {
    return [await failure(client.execute(odd)), commits];
  } finally {
    await worker.stop();
  }
}

const failing: [string, Workflow<void>][] = [
  ['the result of a step', workflow('value', async (ctx) => ctx.step('one', () => '€'))],
  ['the error of a step', workflow('error', async (ctx) =>
    ctx.step('one', { retry: 1 }, () => { throw new Error('€'); }))],
  ['a result', workflow('result', async () => '€')],
  ['the error of a run', workflow('failure', async () => { throw new Error('€'); })],
];

test.each(failing)('%s', async (_what, odd) => {
  const [error, sent] = await commitsOf(odd);
  expect((error as RunFailedError).cause).toMatchObject({ code: 'VALUE_REFUSED' });
  expect(sent).toBeLessThan(8);
});

test('the error of an attempt that is made again', async () => {
  let attempts = 0;
  const again = workflow('again', async (ctx) => ctx.step('one', { retry: { initialInterval: 1 } }, () => {
    attempts++;
    throw attempts === 1 ? new Error('€') : new Error('plain');
  }));
  const [error, sent] = await commitsOf(again);
  expect((error as RunFailedError).cause).toMatchObject({ message: 'plain' });
  expect([attempts, sent < 16]).toEqual([5, true]);
});

const parking: [string, string, Workflow<void>][] = [
  ['the name of a step', 'VALUE_REFUSED', workflow('name', async (ctx) => ctx.step('€', () => 1))],
  ['the name of a call that waits', 'VALUE_REFUSED', workflow('wait', async (ctx) =>
    ctx.step('€', () => { throw new Error('later'); }))],
  ['the reason of a park', 'UNAWAITED_CALL', workflow('park', async (ctx) => void ctx.step('€', () => 1))],
];

test.each(parking)('%s parks the run', async (_what, code, odd) => {
  const [error, sent] = await commitsOf(odd);
  expect((error as RunParkedError).code).toBe(code);
  expect(sent).toBeLessThan(8);
});
