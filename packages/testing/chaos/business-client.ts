// A client of the business, as a process of its own: it starts runs, sends to them, cancels them and waits
// for their results, and tells its parent what it knows of each (said.ts). What it was not answered it tries
// again under the same id, for a while. Its parent sets it up by the environment:
//   DATABASE_URL  the database, through the proxy
//   CLIENT        its name, which its ids begin with
//   SEED          what it chooses by
//   PAUSE_MS      how long it rests between two deeds, on average
// and may tell it to die at its next COMMIT: 'before' it is sent, or 'after' it was and before its answer.
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import { createClient, type RunHandle, type StartArgs, type Workflow } from 'perdure';
import { makeBusiness, type BusinessWorld, type Item } from './business.js';
import { Dice } from './dice.js';
import { connectPatiently } from './patient-connection.js';
import { tell, type Deed, type Known } from './said.js';

const { DATABASE_URL: url = '', CLIENT: name = '', SEED, PAUSE_MS = '60' } = process.env;
const hands = 3;
const tries = 12;
const retryMs = 250;
const resultMs = 6_000;
const longestWait = 4_000;

const dice = new Dice(Number(SEED));
const business = makeBusiness({} as BusinessWorld);
const pool = new pg.Pool({
  connectionString: url, max: 4, connectionTimeoutMillis: 2_000, query_timeout: 3_000,
});
pool.on('error', () => undefined);
pool.on('connect', (client) => client.on('error', () => undefined));
const connection = await connectPatiently(url, { deadlineMs: 2_000 });
const client = createClient({ connection, deadlineMs: 2_000 });
const leaving = new AbortController();
let dieAt: 'before' | 'after' | null = null;
let made = 0;

process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => leaving.abort());
process.on('message', (order: { readonly dieAt: 'before' | 'after' }) => {
  ({ dieAt } = order);
});

const newItem = (): Item => ({
  n: made++ % 1_000, failures: dice.next() < 0.2 ? 1 + Math.floor(dice.next() * 3) : 0,
});
const pause = (ms: number): Promise<void> => systemEnv.sleep(ms, leaving.signal);

/** Does it until there is an answer; what is known of it in the end. */
async function insist(deed: Deed, act: () => Promise<unknown>): Promise<Known> {
  tell({ name: 'asked', deed });
  let known: Known = 'failed';
  let why = '';
  for (let at = 0; at < tries; at++) {
    try {
      await act();
      tell({ name: 'knows', deed, known: 'ok' });
      return 'ok';
    } catch (error) {
      why = String(error);
      if ((error as { code?: string }).code !== 'DATABASE_UNAVAILABLE') break;
      known = 'unknown';
    }
    await systemEnv.sleep(retryMs);
  }
  tell({ name: 'knows', deed, known, why });
  return known;
}

/** Starts a run: by itself, which gives its handle, or in a transaction. */
type Starter = (id: string, tx?: pg.PoolClient) => Promise<unknown>;

function starter<In, Out, Sig>(workflow: Workflow<In, unknown, Out, Sig>, input: In): Starter {
  const args = (id: string): StartArgs<In> => [input, { id }] as unknown as StartArgs<In>;
  return (id, tx) => (
    tx === undefined ? client.start(workflow, ...args(id)) : client.start(tx, workflow, ...args(id)));
}

function anyStarter(): Starter {
  const item = newItem();
  const kinds: readonly (() => Starter)[] = [
    () => starter(business.order, item), () => starter(business.order, item),
    () => starter(business.fan, item),
    () => starter(business.count, { left: 3, sum: 0 }),
  ];
  return (dice.pick(kinds) ?? kinds[0])?.() ?? starter(business.order, item);
}

async function sellInTransaction(): Promise<void> {
  const runId = `tx-${name}-${made++}`;
  const deed: Deed = { what: 'start-in-transaction', runId };
  const commits = dice.next() < 0.8;
  const start = anyStarter();
  tell({ name: 'asked', deed });
  let known: Known = 'failed';
  let why = '';
  const tx = await pool.connect().catch(() => null);
  if (tx === null) return tell({ name: 'knows', deed, known, why: 'no connection' });
  try {
    await tx.query('begin');
    await tx.query('insert into orders (id, price) values ($1, $2)', [runId, made]);
    await start(runId, tx);
    if (commits) {
      known = 'unknown';
      await commit(tx);
      known = 'ok';
    } else await tx.query('rollback');
    tx.release();
  } catch (error) {
    why = String(error);
    tx.release(true);
  }
  tell({ name: 'knows', deed, known, why });
}

async function commit(tx: pg.PoolClient): Promise<void> {
  if (dieAt === 'before') process.kill(process.pid, 'SIGKILL');
  const answer = tx.query('commit');
  // The driver has handed the bytes to the kernel, which sends them whatever becomes of this process.
  if (dieAt === 'after') process.kill(process.pid, 'SIGKILL');
  const { command } = await answer;
  if (command !== 'COMMIT') throw new Error('COMMIT was answered by a rollback.');
}

const sagas: string[] = [];

async function sellAlone(): Promise<void> {
  const runId = `solo-${name}-${made++}`;
  const saga = dice.next() < 0.4;
  if (saga) sagas.push(runId);
  const start = saga ? starter(business.saga, newItem()) : anyStarter();
  const deed: Deed = { what: 'start', runId };
  let run: unknown;
  const begin = async (): Promise<void> => {
    run = await start(runId);
  };
  if (await insist(deed, begin) !== 'ok') return;
  // Started again, it is the same run.
  if (dice.next() < 0.1) await insist(deed, begin);
  if (dice.next() < 0.3) await hear(run as RunHandle);
}

async function hear(run: RunHandle): Promise<void> {
  const deed: Deed = { what: 'result', runId: run.id };
  try {
    const result = await run.result({ timeout: resultMs, abortSignal: leaving.signal });
    tell({ name: 'knows', deed: { ...deed, result: JSON.stringify(result) }, known: 'ok' });
  } catch (error) {
    const { code } = error as { code?: string };
    const failed = code === 'RUN_FAILED' || code === 'RUN_CANCELLED';
    tell({ name: 'knows', deed, known: failed ? 'failed' : 'unknown' });
  }
}

async function approve(): Promise<void> {
  const runId = `solo-${name}-${made++}`;
  const known = await insist({ what: 'start', runId }, () =>
    client.start(business.approval, newItem(), { id: runId }));
  if (known !== 'ok') return;
  const run = client.get(business.approval, runId);
  const notes = 2 + Math.floor(dice.next() * 5);
  for (let seq = 1; seq <= notes; seq++) {
    await pause(dice.between(0, 250));
    const note = { seq, last: seq === notes };
    const sent = await insist({ what: 'note', runId, seq }, () =>
      run.signal('note', note, { id: `note-${seq}` }));
    if (sent !== 'ok') return;
  }
}

async function cancelOne(): Promise<void> {
  const runId = sagas.shift();
  if (runId === undefined) return;
  await insist({ what: 'cancel', runId }, () => client.get(business.saga, runId).cancel('changed my mind'));
}

async function hand(): Promise<void> {
  while (!leaving.signal.aborted) {
    const draw = dice.next();
    if (draw < 0.5) await sellInTransaction();
    else if (draw < 0.8) await sellAlone();
    else if (draw < 0.9) await approve();
    else await cancelOne();
    await pause(dice.between(0, 2 * Number(PAUSE_MS)));
  }
}

tell({ name: 'ready' });
await Promise.all(Array.from({ length: hands }, () => hand()));
const closed = Promise.all([client.close(), pool.end(), connection.close()]);
await Promise.race([closed, systemEnv.sleep(longestWait)]);
if (process.connected) process.disconnect();
process.exit();
