// A worker of the business, as a process of its own. Its parent sets it up by the environment:
//   DATABASE_URL  where the runs are, through the proxy
//   WORLD_URL     the same database, past the proxy: the world outside, where effects are written down
//   LEASE_MS      how long a lease lasts
//   POOL          connections of the application's pool, on which transactional steps run
//   SKEW_SEED     if set, its clock is wrong by this seed
// It tells what it does (said.ts). SIGTERM ends it in order; it also ends when its parent does.
import { subscribe } from 'node:diagnostics_channel';
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import {
  createClient, createWorker, pgTransactor, type EngineEvents, type StepInfo, type Tx,
} from 'perdure';
import { accounts } from './business-tables.js';
import { makeBusiness, type BusinessWorld, type Generation } from './business.js';
import { connectPatiently } from './patient-connection.js';
import { tell } from './said.js';
import { skewedEnv } from './skewed-env.js';

const { DATABASE_URL: url = '', WORLD_URL: worldUrl = '', LEASE_MS, POOL = '5', SKEW_SEED } = process.env;
const leaseMs = Number(LEASE_MS);
const blockForLeases = 3.2;
const leakBytes = 8_000_000;

process.on('disconnect', () => process.exit());

/** Counts the claims of each run in this process: a body runs once in each, for each attempt. */
const claims = new Map<string, number>();

function hear<K extends keyof EngineEvents>(name: K, told: (event: EngineEvents[K]) => void): void {
  subscribe(name, (message) => told(message as EngineEvents[K]));
}
hear('perdure:run.claimed', ({ runId, workflow }) => {
  claims.set(runId, (claims.get(runId) ?? 0) + 1);
  tell({ name: 'claimed', runId, workflow });
});
hear('perdure:run.settled', ({ runId, workflow }) => tell({ name: 'settled', runId, workflow }));
hear('perdure:run.rested', ({ runId }) => tell({ name: 'rested', runId }));
hear('perdure:run.continued', ({ runId }) => tell({ name: 'rested', runId }));
hear('perdure:run.parked', ({ runId }) => tell({ name: 'parked', runId }));
hear('perdure:run.lost', ({ runId }) => tell({ name: 'lost', runId }));

hear('perdure:database.restored', ({ why }) => tell({ name: 'restored', why }));

function poolOn(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 5_000 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const outside = poolOn(worldUrl, 4);
const application = poolOn(url, Number(POOL));
const env = SKEW_SEED === undefined ? systemEnv : skewedEnv(Number(SKEW_SEED));
const connection = await connectPatiently(url, { deadlineMs: 2_000 });
const client = createClient({ connection, env });

async function act({ runId, attempt: generation }: Generation, step: StepInfo): Promise<number> {
  const { name, attempt, idempotencyKey } = step;
  const { rows: [row] } = await outside.query<{ before: number }>(`
    with before as (select count(*)::integer as n from effects where run = $1 and step = $3),
    added as (insert into effects (run, generation, step, attempt, key, pid, claim)
              values ($1, $2, $3, $4, $5, $6, $7))
    select n as before from before`,
  [runId, generation, name, attempt, idempotencyKey, process.pid, claims.get(runId) ?? 0]);
  return row?.before ?? 0;
}

async function pay(
  tx: Tx, { runId, attempt }: Generation, { step, amount }: { step: StepInfo; amount: number },
): Promise<void> {
  if (application.waitingCount > 0) tell({ name: 'starved' });
  const account = Math.floor(systemEnv.random() * accounts);
  await tx.query('insert into payments (run, generation, step, key, account, amount) ' +
    'values ($1, $2, $3, $4, $5, $6)', [runId, attempt, step.name, step.idempotencyKey, account, amount]);
  await tx.query('update accounts set balance = balance + $2 where id = $1', [account, amount]);
}

function block(runId: string): void {
  tell({ name: 'blocks', runId });
  const until = systemEnv.monotonic() + blockForLeases * leaseMs;
  while (systemEnv.monotonic() < until);
}

async function leak(): Promise<never> {
  const kept: number[][] = [];
  for (;;) {
    kept.push(new Array<number>(leakBytes / 8).fill(kept.length + 0.5));
    await systemEnv.sleep(20);
  }
}

const world: BusinessWorld = {
  act, pay, block, leak, client: () => client,
  inTransaction: async (runId) => {
    tell({ name: 'in-transaction', runId });
    await systemEnv.sleep(25);
  },
  pause: (ms) => systemEnv.sleep(ms),
};

const worker = createWorker({
  connection, env, leaseDuration: leaseMs, shutdownTimeout: '5 seconds', concurrency: 20,
  workflows: Object.values(makeBusiness(world)), transactor: pgTransactor(application),
  logger: { debug() {}, info() {}, warn() {}, error: (...line) => console.error(...line) },
});
await worker.start();
tell({ name: 'ready' });
await worker.run();
await connection.close();
await Promise.all([outside.end(), application.end()]);
if (process.connected) process.disconnect();
