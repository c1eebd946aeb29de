// What the lease thread hands over is lost to the turn that had it, whatever that turn writes next: it is no
// rest of its own, of which only the answer was lost.
import type { Connection } from '@perdure/core';
import type { ClaimedRun, TurnEnd, TurnWrite } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

const url = await freshDatabase();
const input = { codec: 'json', text: '1' } as const;
let connection: Connection;
let db: pg.Client;

beforeAll(async () => {
  connection = await connect(url);
  db = new pg.Client({ connectionString: url });
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await connection.close();
});

async function claimed(id: string): Promise<ClaimedRun> {
  await connection.store.startRuns([{ id, workflow: 'w', queue: 'default', input }]);
  const { runs } = await connection.store.claim({
    claimId: Buffer.from(id).toString('hex').padEnd(32, '0'), limit: 10, suspects: false, leaseMs: 600_000,
    sweep: true, served: [{ queue: 'default', workflow: 'w', version: null, stamp: null }],
  });
  return runs.find(({ lease }) => lease.runId === id)!;
}

const ends: Readonly<Record<string, TurnEnd>> = {
  rest: { kind: 'rest', wakeInMs: 600_000, wakeAt: null },
  renewal: { kind: 'renew', leaseMs: 600_000, quarantine: 'keep' },
};

test.each(Object.entries(ends))('a %s after that is lost', async (name, end) => {
  const { lease } = await claimed(name);
  // A main loop that is never heard of again.
  const keeper = connection.keepLeases({ leaseMs: 600, renewMs: 60, loopLimitMs: 120 });
  keeper.hold([lease]);
  const free = async (): Promise<boolean> => (
    await db.query('select from perdure.ready where id = $1 and claim is null', [name])).rowCount === 1;
  await expect.poll(free, { timeout: 20_000 }).toBe(true);
  await keeper.close();
  const entry = {
    place: '1', position: 1, kind: 'step', name: 'work', value: input, error: null, attempt: 1, tookMs: 1,
    message: null,
  } as const;
  const write: TurnWrite = { lease, entries: [entry], calls: [], closed: [], end, more: null };
  expect(await connection.store.commit([write])).toMatchObject([{ kind: 'lost' }]);
  expect((await db.query('select from perdure.journal where run_id = $1', [name])).rowCount).toBe(0);
});
