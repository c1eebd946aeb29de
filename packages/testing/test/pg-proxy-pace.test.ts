// The proxy between a real server and a real client: cuts at a byte, slow connections, another server.
import { Client, type ClientConfig } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startPgProxy, type PgProxy } from '../dist/pg-proxy.js';
import { freshDatabase } from './database.js';

const address = await freshDatabase();
const other = await freshDatabase();
const { hostname: host, port } = new URL(address);
const death = /Connection terminated unexpectedly|ECONNRESET/;
let proxy: PgProxy;
let cleanUp: (() => unknown)[];

async function open(config: ClientConfig): Promise<Client> {
  const opened = new Client(config);
  opened.on('error', () => undefined);
  cleanUp.push(() => opened.end().catch(() => undefined));
  await opened.connect();
  return opened;
}

const through = (): Promise<Client> => open({ connectionString: proxy.url(address) });

beforeEach(async () => {
  cleanUp = [];
  proxy = await startPgProxy({ target: { host, port: Number(port) } });
});

afterEach(async () => {
  await proxy.close();
  for (const end of cleanUp) await end();
});

describe('a cut at a byte', () => {
  test('of a request keeps the statement from the server', async () => {
    const direct = await open({ connectionString: address });
    await direct.query('create table if not exists cuts (id int)');
    const client = await through();
    const cut = proxy.cutAt('request', 3);
    await expect(client.query('insert into cuts values (1)')).rejects.toThrow(death);
    await cut.happened;
    expect(cut.count).toBe(1);
    expect((await direct.query('select from cuts')).rowCount).toBe(0);
    await expect((await through()).query('select 1')).resolves.toBeDefined();
  });

  test('of a reply comes when the server is done', async () => {
    const direct = await open({ connectionString: address });
    await direct.query('create table if not exists replies (id int)');
    const client = await through();
    const cut = proxy.cutAt('reply', 4);
    await expect(client.query('insert into replies values (1)')).rejects.toThrow(death);
    await cut.happened;
    expect((await direct.query('select from replies')).rowCount).toBe(1);
  });

  test('counts over all connections, and on until its byte comes', async () => {
    const one = await through();
    const two = await through();
    const text = 'select 1234567890';
    // A Query is its type, its length, the text and a zero.
    const cut = proxy.cutAt('request', 2 * (text.length + 6));
    await one.query(text);
    await two.query(text);
    expect(cut.count).toBe(0);
    await expect(one.query(text)).rejects.toThrow(death);
    await cut.happened;
    await expect(two.query(text)).resolves.toBeDefined();
  });

  test('is taken back with whatever else has not struck', async () => {
    const client = await through();
    const cuts = [proxy.cutAt('request', 0), proxy.cutAfter(() => true), proxy.cutBefore(() => true)];
    proxy.forget();
    await client.query('select 1');
    expect(cuts.map(({ count }) => count)).toEqual([0, 0, 0]);
  });
});

test('a drip feed changes nothing but the segments', async () => {
  const client = await through();
  proxy.drip({ bytes: 3, pauseMs: 0 });
  const long = 'x'.repeat(500);
  const { rows } = await client.query<{ said: string }>('select $1::text as said', [long]);
  expect(rows[0]?.said).toBe(long);
  proxy.drip(null);
  await expect(client.query('select 1')).resolves.toBeDefined();
});

test('who waits for an answer is busy', async () => {
  const holder = await open({ connectionString: address });
  await holder.query('select pg_advisory_lock(1)');
  const client = await through();
  expect(proxy.busy).toBe(0);
  const asked = client.query('select pg_advisory_lock(1)');
  await expect.poll(() => proxy.busy).toBe(1);
  await holder.query('select pg_advisory_unlock(1)');
  await asked;
  expect(proxy.busy).toBe(0);
});

test('a black hole says how many connections it took', async () => {
  const client = await through();
  await through();
  proxy.blackhole(true);
  const asked = client.query('select 1');
  const lost = expect(asked).rejects.toThrow(death);
  await expect.poll(() => proxy.swallowed).toBe(1);
  proxy.blackhole(false);
  await lost;
});

test('it can lead to another server', async () => {
  const before = await through();
  const answer = 'select current_setting($1) as said';
  const { hostname, port: same } = new URL(other);
  proxy.lead({ host: hostname, port: Number(same) });
  await expect(before.query(answer, ['port'])).resolves.toMatchObject({ rows: [{ said: same }] });
  proxy.lead({ host: '127.0.0.1', port: 1 });
  await expect(through()).rejects.toThrow();
  await expect(before.query('select 1')).resolves.toBeDefined();
});
