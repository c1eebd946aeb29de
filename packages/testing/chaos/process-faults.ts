// Faults of processes: killed, frozen, blocked, out of memory; and two that a process is born with.
import { systemEnv } from '@perdure/core/engine';
import type { ChaosProcess } from './chaos-process.js';
import type { FaultKind, Scene } from './faults.js';
import type { Said } from './said.js';

const waitMs = 2_000;
/** Longest time until a poison run must be parked: it takes its processes one after the other. */
const poisonMs = 60_000;

/** Whoever says it next; null if nobody does in time. */
async function nextTo(
  { staff, leaseMs }: Scene, name: Said['name'], from: (process: ChaosProcess) => boolean = () => true,
): Promise<ChaosProcess | null> {
  const enough = new AbortController();
  const late = systemEnv.after(waitMs + 4 * leaseMs, () => enough.abort());
  const found = await staff.book.next((said, by) => said.name === name && from(by), enough.signal);
  late.cancel();
  return found;
}

/** A worker that holds runs; if there is none, the next one that claims one. */
async function holder(scene: Scene): Promise<ChaosProcess | null> {
  const { dice, staff } = scene;
  const found = dice.pick(staff.workers.filter(({ held }) => held.size > 0));
  return found ?? nextTo(scene, 'claimed', ({ doomed, frozen }) => !doomed && !frozen);
}

async function kill(scene: Scene): Promise<number> {
  const victim = await holder(scene);
  const held = await victim?.kill();
  return held !== undefined && held.size > 0 ? 1 : 0;
}

async function killClient({ dice, staff }: Scene): Promise<number> {
  const victim = dice.pick(staff.clients);
  await victim?.kill();
  return (staff.book.open.get(victim?.pid ?? 0) ?? 0) > 0 ? 1 : 0;
}

async function killInTransaction(scene: Scene): Promise<number> {
  const victim = await nextTo(scene, 'in-transaction', (by) => !by.doomed && !by.frozen);
  await victim?.kill();
  return victim === null ? 0 : 1;
}

async function freezeThis(scene: Scene, victim: ChaosProcess | null): Promise<number> {
  if (victim === null) return 0;
  const { dice, leaseMs } = scene;
  victim.freeze();
  await systemEnv.sleep(leaseMs * dice.between(1.1, 2.5));
  const lost = nextTo(scene, 'lost', (by) => by === victim);
  victim.thaw();
  return await lost === null ? 0 : 1;
}

async function clientAtCommit(scene: Scene): Promise<number> {
  const victim = scene.dice.pick(scene.staff.clients);
  if (victim === undefined) return 0;
  victim.dieAt(scene.dice.next() < 0.5 ? 'before' : 'after');
  const enough = new AbortController();
  await Promise.race([victim.gone, systemEnv.sleep(waitMs, enough.signal)]);
  enough.abort();
  return victim.end === 'SIGKILL' ? 1 : 0;
}

async function block(scene: Scene): Promise<number> {
  const blocked = nextTo(scene, 'blocks');
  await scene.start('block');
  const victim = await blocked;
  // It tells what it lost when it hears again.
  return victim !== null && await nextTo(scene, 'lost', (by) => by === victim) !== null ? 1 : 0;
}

async function leak(scene: Scene): Promise<number> {
  const before = scene.staff.starvedToDeath;
  const runId = await scene.start('leak');
  const until = systemEnv.monotonic() + poisonMs;
  const parked = (): Promise<boolean> => scene.direct(async (db) => {
    const { rows } = await db.query("select from perdure.runs where id = $1 and status = 'parked'", [runId]);
    return rows.length > 0;
  });
  while (systemEnv.monotonic() < until) {
    await systemEnv.sleep(250);
    if (await parked().catch(() => false)) break;
  }
  return scene.staff.starvedToDeath - before;
}

/** Faults of processes. */
export const processFaults: readonly FaultKind[] = [
  { name: 'kill', lane: 'process', inject: kill },
  { name: 'kill-in-transaction', lane: 'process', inject: killInTransaction },
  { name: 'kill-client', lane: 'process', inject: killClient },
  { name: 'kill-client-at-commit', lane: 'process', inject: clientAtCommit },
  {
    name: 'freeze', lane: 'process',
    inject: async (scene) => freezeThis(scene, await holder(scene)),
  },
  {
    name: 'freeze-in-transaction', lane: 'process',
    inject: async (scene) => freezeThis(scene, await nextTo(scene, 'in-transaction', (by) => !by.doomed)),
  },
  { name: 'block-loop', lane: 'process', inject: block },
  { name: 'out-of-memory', lane: 'process', shortOfMemory: true, once: true, inject: leak },
  // Every run that settled went through a process whose clock was wrong.
  {
    name: 'clock-skew', lane: 'process', standing: 'skewed', once: true,
    inject: ({ staff }) => Promise.resolve(staff.book.times('settled')),
  },
  {
    name: 'small-pool', lane: 'process', standing: 'starved', once: true,
    inject: ({ staff }) => Promise.resolve(staff.book.times('starved')),
  },
];
