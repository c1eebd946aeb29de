// Everything the tour plays on: an embedded PostgreSQL, a database of this tour's own, the order service.
import { join, relative } from 'node:path';
import pg from 'pg';
import { connect, createClient, startEmbedded, type Client } from 'perdure';
import { createOrderTables, openOrderDatabase, type OrderDatabase } from '../order-service/order-database.js';
import { startOrderService } from '../order-service/order-service.js';
import { screen, seconds } from './screen.js';

/** What the scenes of the tour are given. */
export interface Stage {
  /** The database, for worker processes. */
  readonly url: string;
  readonly db: OrderDatabase;
  readonly client: Client;
  /** Address of the order service. */
  readonly service: string;
  close(): Promise<void>;
}

/** Brings everything up, and says so. Throws EMBEDDED_UNAVAILABLE where PostgreSQL cannot run. */
export async function setStage(): Promise<Stage> {
  let began = performance.now();
  const took = (): string => {
    const ms = performance.now() - began;
    began = performance.now();
    return seconds(ms);
  };
  const directory = join(process.cwd(), '.perdure', 'tour');
  const server = await startEmbedded({ directory });
  const place = relative(process.cwd(), server.directory);
  screen.say(`PostgreSQL ${server.version} is up, embedded in ${place}, port ${server.port} (${took()})`);

  const url = await freshDatabase(server.url);
  const connection = await connect(url);
  const db = openOrderDatabase(url);
  await createOrderTables(db);
  screen.say(`The engine's schema and the order service's own two tables are in place (${took()})`);

  const service = await startOrderService({ db, connection });
  screen.say(`The order service listens on ${service.url} (${took()})`);
  const client = createClient({ connection });
  const close = async (): Promise<void> => {
    await service.close();
    await client.close();
    await db.destroy();
    await connection.close();
    await server.stop();
  };
  return { url, db, client, service: service.url, close };
}

// A database of its own, named after this process, so that every tour counts from zero. What earlier tours
// left is dropped, unless their process still lives.
async function freshDatabase(serverUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "select datname as name from pg_database where datname ~ '^tour_[0-9]+$'");
  for (const { name } of rows) {
    const pid = Number(name.slice('tour_'.length));
    if (!isAlive(pid)) await client.query(`drop database ${name} with (force)`);
  }
  await client.query(`create database tour_${process.pid}`);
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = `/tour_${process.pid}`;
  return url.href;
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
