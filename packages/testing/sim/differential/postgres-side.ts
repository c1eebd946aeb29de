// PostgreSQL under comparison: two Connections on one schema, a client each for the transactions of callers,
// and hands that see who waits for whom.
import type { Connection } from '@perdure/core';
import { systemEnv, type Lease, type StartStore } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import pg from 'pg';
import { sessions, type Session } from './op.js';
import type { Side, SideTransaction } from './side.js';

const nowText = 'select (extract(epoch from clock_timestamp()) * 1000000)::bigint as at';
const waitsText = 'select cardinality(pg_blocking_pids($1)) > 0 as waits';

/** A statement that neither ends nor waits for so long hangs. */
const hangsAfterMs = 20_000;
const pollMs = 4;
const longestTransactionMs = 120_000;

/** PostgreSQL as a side, and its end. */
export interface PostgresSide extends Side {
  close(): Promise<void>;
}

/** A caller's connection, as a session uses it. */
interface Caller {
  readonly connection: Connection;
  readonly client: pg.Client;
  readonly pid: number;
}

/** Opens the database at `url`; the engine's tables are made in a schema of this name. */
export async function postgresSide(url: string, schema: string): Promise<PostgresSide> {
  const callers = {} as Record<Session, Caller>;
  for (const session of sessions) callers[session] = await callerOn(url, schema);
  const [hands, stranger] = [await clientOf(url, schema), await clientOf(url, schema)];
  const clearText = await emptying(hands, schema);
  const waits = async (pid: number): Promise<boolean> => {
    const { rows: [row] } = await hands.query<{ waits: boolean }>(waitsText, [pid]);
    return row?.waits === true;
  };
  return {
    name: 'PostgreSQL',
    store: (session) => callers[session].connection.store,
    tick: async () => Number((await hands.query<{ at: string }>(nowText)).rows[0]?.at),
    begin: (session) => begun(callers[session]),
    settles: (session, statement) => settles(statement, () => waits(callers[session].pid)),
    makeDue: async (runId) => void await hands.query(
      'update ready set due_at = least(due_at, clock_timestamp()) where id = $1', [runId]),
    lockRow: async (runId) => {
      await stranger.query('begin');
      await stranger.query('select from ready where id = $1 for update', [runId]);
      return async () => void await stranger.query('rollback');
    },
    clear: async () => {
      // Side by side: one may wait for another.
      const clients = [stranger, ...Object.values(callers).map(({ client }) => client)];
      await Promise.all(clients.map((client) => client.query('rollback')));
      await hands.query(clearText);
    },
    close: async () => {
      for (const { client, connection } of Object.values(callers)) {
        await client.end();
        await connection.close();
      }
      await stranger.end();
      await hands.end();
    },
  };
}

async function clientOf(url: string, schema: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`set search_path = ${schema}; set client_min_messages = error`);
  return client;
}

async function callerOn(url: string, schema: string): Promise<Caller> {
  const connection = await connect(url, { schema });
  const client = await clientOf(url, schema);
  const { rows: [row] } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return { connection, client, pid: Number(row?.pid) };
}

async function emptying(hands: pg.Client, schema: string): Promise<string> {
  const { rows } = await hands.query<{ name: string }>(`select format('%I.%I', schemaname, tablename) as name
    from pg_tables where schemaname = $1 and tablename <> 'meta'`, [schema]);
  return rows.map(({ name }) => `delete from ${name}`).join('; ');
}

async function begun({ connection, client }: Caller): Promise<SideTransaction> {
  await client.query('begin');
  const store: StartStore = await connection.within(client);
  const handle = {
    query: async (text: string, values: readonly unknown[]) =>
      (await client.query<Record<string, unknown>>(text, [...values])).rows,
  };
  // The record belongs to the transaction of its fence.
  const fenced = new Map<string, ReturnType<typeof connection.stepTransactions.on>>();
  const stepOf = (lease: Lease): ReturnType<typeof connection.stepTransactions.on> => {
    let step = fenced.get(lease.runId);
    if (step === undefined) fenced.set(lease.runId, step = connection.stepTransactions.on(handle, lease));
    return step;
  };
  return {
    startRuns: (runs) => store.startRuns(runs),
    sendMessages: (messages) => store.sendMessages(messages),
    emitEvents: (events) => store.emitEvents(events),
    fence: (lease) => {
      fenced.delete(lease.runId);
      return stepOf(lease).fence(longestTransactionMs);
    },
    record: (lease, entry) => stepOf(lease).record(entry),
    end: async (how) => void await client.query(how),
  };
}

/** Waits until a statement has ended, or is seen to wait for a lock of another. */
async function settles(statement: Promise<unknown>, waits: () => Promise<boolean>): Promise<boolean> {
  let over = false;
  const end = (): void => void (over = true);
  statement.then(end, end);
  const until = systemEnv.monotonic() + hangsAfterMs;
  while (systemEnv.monotonic() < until) {
    await new Promise<void>((resolve) => {
      const timer = systemEnv.after(pollMs, resolve);
      const go = (): void => {
        timer.cancel();
        resolve();
      };
      statement.then(go, go);
    });
    if (over) return true;
    if (await waits()) return false;
  }
  throw new Error('A statement neither ended nor waited for another.');
}
