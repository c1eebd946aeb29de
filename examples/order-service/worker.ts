// A worker of the order service, as a process of its own. Its parent sets it up by the environment:
//   DATABASE_URL  where the runs and the order service's tables are
//   LEASE_MS      how long a lease lasts without renewal (default: the engine's)
//   STEP_MS       how long each step takes (default 50)
//   HOLD_AT       a step that never returns once its effect is written, until the process is killed
// and hears of every event over IPC. SIGTERM ends it in order; it also ends when its parent does.
import { subscribe } from 'node:diagnostics_channel';
import { connect, createWorker, type StepInfo } from 'perdure';
import { makeFulfil } from './fulfil.js';
import { openOrderDatabase } from './order-database.js';
import { passedOn, type WorkerEvent } from './worker-event.js';

const { DATABASE_URL: url = '', LEASE_MS, STEP_MS = '50', HOLD_AT } = process.env;

function tell(event: WorkerEvent): void {
  if (process.connected) process.send?.(event);
}

for (const name of passedOn) {
  subscribe(name, (message) => tell({ ...(message as object), name } as WorkerEvent));
}
process.on('disconnect', () => process.exit());

async function afterEffect(runId: string, step: StepInfo): Promise<void> {
  tell({ name: 'effect', runId, step: step.name });
  if (step.name === HOLD_AT) await new Promise(() => undefined);
}

const db = openOrderDatabase(url);
const connection = await connect(url);
const worker = createWorker({
  connection,
  workflows: [makeFulfil({ db, stepMs: Number(STEP_MS), afterEffect })],
  leaseDuration: LEASE_MS === undefined ? undefined : Number(LEASE_MS),
});
await worker.start();
tell({ name: 'ready' });
await worker.run();
await connection.close();
await db.destroy();
if (process.connected) process.disconnect();
