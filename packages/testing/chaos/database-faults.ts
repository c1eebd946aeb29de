// Faults of the database server: sessions ended, statements cancelled, restarts, locks of strangers, too few
// connections, settings that nobody expects.
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import type { FaultKind, Scene } from './faults.js';

const lockedMs = { least: 200, most: 2_500 };
const tableLockMs = 1_000;
const hoggedMs = 700;
const settingMs = 1_200;
const mostHogs = 100;

/** The sessions of the business: not ours, and not those of the world outside. */
const ofBusiness = "datname = current_database() and application_name ~ '^(worker|client)-'";

async function end(scene: Scene, which: string): Promise<number> {
  return scene.direct(async (db) => {
    const { rows: [row] } = await db.query<{ n: number }>(`
      select count(*) filter (where ended and busy)::integer as n
        from (select state <> 'idle' as busy, pg_terminate_backend(pid) as ended
                from pg_stat_activity where ${ofBusiness} and ${which}) t`);
    return row?.n ?? 0;
  });
}

async function cancel({ direct }: Scene): Promise<number> {
  return direct(async (db) => {
    const { rows } = await db.query(`
      select from pg_stat_activity where ${ofBusiness} and state = 'active' and pg_cancel_backend(pid)`);
    return rows.length;
  });
}

function restart(mode: 'fast' | 'immediate') {
  return async ({ server, proxy }: Scene): Promise<number> => {
    const { busy } = proxy;
    await server.restart?.(mode);
    const { hostname: host, port } = new URL(server.url);
    proxy.lead({ host, port: Number(port) });
    return busy > 0 ? 1 : 0;
  };
}

/** Holds what `text` locks for a while; hits are the rows of runs that were at work. */
async function lockRows({ direct, dice }: Scene): Promise<number> {
  const ready = dice.next() < 0.5;
  const some = 'order by random() limit 20';
  return direct(async (db) => {
    await db.query('begin');
    const { rowCount } = await db.query(ready
      ? `select from perdure.ready where claim is not null and due_at > now() ${some} for update skip locked`
      : `select from perdure.runs where status = 'live' ${some} for update skip locked`);
    await systemEnv.sleep(dice.between(lockedMs.least, lockedMs.most));
    await db.query('rollback');
    return rowCount ?? 0;
  });
}

async function lockTable({ direct, dice }: Scene): Promise<number> {
  const table = dice.pick(['runs', 'ready', 'journal', 'calls', 'messages', 'inbox']) ?? 'runs';
  return direct(async (db) => {
    await db.query('begin');
    await db.query("set local lock_timeout = '5s'");
    await db.query(`lock table perdure.${table} in access exclusive mode`);
    await systemEnv.sleep(tableLockMs);
    // Whoever waits for us now would have gone on.
    const { rows: [row] } = await db.query<{ n: number }>(`
      select count(*)::integer as n from pg_stat_activity where ${ofBusiness} and wait_event_type = 'Lock'`);
    await db.query('rollback');
    return row?.n ?? 0;
  });
}

/** Opens connections until there is no room for another one. */
async function fill(hogs: pg.Client[], url: string): Promise<void> {
  for (let at = 0; at < mostHogs; at++) {
    const hog = new pg.Client({ connectionString: `${url}?application_name=hog` });
    hog.on('error', () => undefined);
    if (await hog.connect().then(() => false, () => true)) return;
    hogs.push(hog);
  }
}

/** Takes every connection there is, and then those of the business. */
async function hogConnections({ server }: Scene): Promise<number> {
  const refused = /too many clients|remaining connection slots/;
  const before = await server.logged(refused);
  const hogs: pg.Client[] = [];
  try {
    await fill(hogs, server.url);
    await hogs[0]?.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name ~ '^(worker|client)-' and random() < 0.4`);
    await fill(hogs, server.url);
    await systemEnv.sleep(hoggedMs);
  } finally {
    await Promise.all(hogs.map((hog) => hog.end().catch(() => undefined)));
  }
  const after = await server.logged(refused);
  // Two of them were ours.
  return after === null || before === null ? 1 : Math.max(0, after - before - 2);
}

/** A setting of the database for a while, with new sessions that have it; hits are what the log says. */
function setting(pairs: Readonly<Record<string, string>>, said: RegExp) {
  return async (scene: Scene): Promise<number> => {
    const { server, database } = scene;
    const before = await server.logged(said);
    const alter = (what: string): Promise<unknown> => scene.direct((db) => db.query(what));
    try {
      for (const [name, value] of Object.entries(pairs)) {
        await alter(`alter database "${database}" set ${name} = '${value}'`);
      }
      await end(scene, 'random() < 0.7');
      await systemEnv.sleep(settingMs);
    } finally {
      for (const name of Object.keys(pairs)) await alter(`alter database "${database}" reset ${name}`);
      await end(scene, 'true');
    }
    const after = await server.logged(said);
    return after === null || before === null ? 1 : Math.max(0, after - before);
  };
}

/** Faults of the database server. */
export const databaseFaults: readonly FaultKind[] = [
  { name: 'terminate', lane: 'database', inject: (scene) => end(scene, 'random() < 0.5') },
  { name: 'cancel', lane: 'database', inject: cancel },
  { name: 'restart-fast', lane: 'database', ownServer: true, inject: restart('fast') },
  { name: 'restart-immediate', lane: 'database', ownServer: true, inject: restart('immediate') },
  { name: 'lock-rows', lane: 'database', inject: lockRows },
  { name: 'lock-table', lane: 'database', inject: lockTable },
  { name: 'no-connections', lane: 'database', inject: hogConnections },
  {
    name: 'tiny-timeouts', lane: 'database',
    inject: setting({
      statement_timeout: '6ms', idle_in_transaction_session_timeout: '15ms', lock_timeout: '3ms',
    }, /due to (statement|lock|idle-in-transaction|user request|transaction) timeout|timeout/),
  },
  {
    name: 'serializable', lane: 'database',
    inject: setting({ default_transaction_isolation: 'serializable' }, /could not serialize/),
  },
];
