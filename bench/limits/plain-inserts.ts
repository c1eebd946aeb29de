// L1 and L2: what the server does with the plainest inserts.
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';

/** L1: single-row inserts, a commit each, by so many connections. */
export interface SingleRowsRequest {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

/** L2: inserts of many rows, on one connection. */
export interface ManyRowsRequest {
  readonly url: string;
  readonly rows: number;
  readonly seconds: number;
}

/** Rows per second, and how many there must be in the table afterwards. */
export interface InsertAnswer {
  readonly perSec: number;
  readonly rows: number;
}

/** The table that both write into; the bench makes and counts it. */
export const plainTable = 'bench_plain';

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function insertUntil(client: pg.Client, endAt: number, query: pg.QueryConfig): Promise<number> {
  let commits = 0;
  while (systemEnv.monotonic() < endAt) {
    await client.query(query);
    commits++;
  }
  return commits;
}

function insertOf(rows: number): pg.QueryConfig {
  const note = 'a short note';
  const into = `insert into ${plainTable}`;
  if (rows === 1) return { name: 'one', text: `${into} values ($1, $2)`, values: [1, note] };
  return {
    name: 'many',
    text: `${into} select * from unnest($1::bigint[], $2::text[])`,
    values: [Array.from({ length: rows }, (_, at) => at), Array.from({ length: rows }, () => note)],
  };
}

async function measure(url: string, { connections, seconds, rows }: {
  connections: number; seconds: number; rows: number;
}): Promise<InsertAnswer> {
  const clients = await Promise.all(Array.from({ length: connections }, () => connected(url)));
  const query = insertOf(rows);
  const began = systemEnv.monotonic();
  const endAt = began + seconds * 1e3;
  const counts = await Promise.all(clients.map((client) => insertUntil(client, endAt, query)));
  const took = (systemEnv.monotonic() - began) / 1e3;
  await Promise.all(clients.map((client) => client.end()));
  const written = rows * counts.reduce((sum, count) => sum + count, 0);
  return { perSec: written / took, rows: written };
}

/** L1. */
export function singleRows({ url, connections, seconds }: SingleRowsRequest): Promise<InsertAnswer> {
  return measure(url, { connections, seconds, rows: 1 });
}

/** L2. */
export function manyRows({ url, rows, seconds }: ManyRowsRequest): Promise<InsertAnswer> {
  return measure(url, { connections: 1, seconds, rows });
}
