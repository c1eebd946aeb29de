// How fast a business recovers, and what a poison run does to its neighbours.
//
//   G1. What is measured is the only thing that is wrong: no other fault goes on meanwhile.
//   G2. The promises are asked about at the end of each measurement as after any round.
import { setMaxListeners } from 'node:events';
import { systemEnv } from '@perdure/core/engine';
import type { ChaosProcess } from './chaos-process.js';
import { Round, type RoundOptions } from './chaos-round.js';
import type { ChaosServer } from './chaos-server.js';
import { kindsNamed } from './fault-catalogue.js';
import { spreadOf, type Spread } from './percentile.js';

/** What figures are taken with. */
export interface FigureOptions {
  readonly server: ChaosServer;
  readonly seed: number;
  readonly leaseMs: number;
  say(line: string): void;
}

/** What was measured, all in ms. */
export interface Figures {
  /** From SIGKILL of a worker until a run that it held is claimed by another. */
  readonly afterKill: Spread;
  /** From when a restarted server accepts connections until each worker has claimed or settled a run. */
  readonly afterRestart: Spread;
  /** The same from the signal that stopped the server. */
  readonly withDowntime: Spread;
  /** How long orders took where a poison run went round, and beside it where none did. */
  readonly neighbours: { readonly poisoned: Spread; readonly baseline: Spread; readonly apart: Spread };
  readonly lines: readonly string[];
  readonly violations: readonly string[];
}

/** Beside what is measured. */
const load = { kinds: [], clients: 1, pauseMs: 100 } as const;
const kills = 16;
const restarts = 8;
const warmMs = 1_500;
const longestWaitMs = 20_000;
const restartBarMs = 3_000;
const neighbourBar = 2;

/** Takes them. A server that is not ours to stop is not restarted. */
export async function takeFigures(options: FigureOptions): Promise<Figures> {
  const { leaseMs, say } = options;
  const violations: string[] = [];
  say('figures: worker kills');
  const afterKill = spreadOf(await measured({ ...options, ...load, violations }, killWorkers));
  say('figures: database restarts');
  const restarted = await measured({ ...options, ...load, violations }, restartServer);
  say('figures: neighbours of a poison run');
  const neighbours = await besidePoison(options, violations);
  const afterRestart = spreadOf(restarted.map(({ up }) => up));
  const withDowntime = spreadOf(restarted.map(({ whole }) => whole));
  const { poisoned, baseline, apart } = neighbours;
  const ratio = poisoned.p99 / Math.max(1, baseline.p99);
  const lines = [
    line('recovery after a worker kill', afterKill, leaseMs + 1_000),
    line('recovery after a database restart', afterRestart, restartBarMs),
    line('  with the time it was down', withDowntime, null),
    line('orders beside no poison', baseline, null),
    line('orders beside a poison run', poisoned, neighbourBar * baseline.p99),
    line('  that did not share its process', apart, neighbourBar * baseline.p99),
    `  p99 beside poison: ${ratio.toFixed(1)} of the baseline`,
  ];
  return { afterKill, afterRestart, withDowntime, neighbours, lines, violations };
}

function line(what: string, { count, p50, p99 }: Spread, bar: number | null): string {
  const held = bar === null ? '' : `   bar ${bar} ms: ${p99 <= bar ? 'held' : 'MISSED'}`;
  return `${what.padEnd(36)} p50 ${String(p50).padStart(6)} ms  p99 ${String(p99).padStart(6)} ms  ` +
    `of ${count}${held}`;
}

type Measured = FigureOptions & Partial<RoundOptions> & {
  readonly kinds: RoundOptions['kinds'];
  readonly violations: string[];
};

async function measured<T>(
  { violations, ...options }: Measured, measure: (round: Round) => Promise<T>,
): Promise<T> {
  const round = new Round({ ...options, seconds: 0 });
  try {
    await round.open();
    await systemEnv.sleep(warmMs);
    const found = await measure(round);
    violations.push(...(await round.close()).violations);
    return found;
  } finally {
    await round.end();
  }
}

async function killWorkers({ scene }: Round): Promise<number[]> {
  const { staff, dice } = scene;
  const took: number[] = [];
  for (let at = 0; at < kills; at++) {
    await staff.manned();
    await systemEnv.sleep(dice.between(300, 900));
    const victim = dice.pick(staff.workers.filter(({ held }) => held.size > 0));
    if (victim === undefined) continue;
    took.push(...await recovery(scene, victim));
  }
  return took;
}

/** From the kill of a worker until each run that it held is claimed by another one. */
async function recovery({ staff, direct }: Round['scene'], victim: ChaosProcess): Promise<number[]> {
  const began = systemEnv.monotonic();
  const enough = new AbortController();
  setMaxListeners(0, enough.signal);
  const waits = [...victim.held].map(async (runId) => {
    const by = await staff.book.next((said, from) =>
      said.name === 'claimed' && said.runId === runId && from !== victim, enough.signal);
    return { runId, ms: by === null ? longestWaitMs : systemEnv.monotonic() - began };
  });
  await victim.kill();
  // What it had written and not told had no need to be taken over.
  const { rows } = await direct((db) => db.query<{ id: string }>(
    'select id from perdure.ready where id = any($1) and claim is not null', [[...victim.held]]));
  const left = rows.map(({ id }) => id);
  const late = systemEnv.sleep(longestWaitMs, enough.signal);
  void Promise.race([late, untilFree(left, waits)]).then(() => enough.abort());
  return (await Promise.all(waits)).filter(({ runId }) => left.includes(runId)).map(({ ms }) => ms);
}

/** Resolves when all of these runs have been waited for. */
async function untilFree(
  runs: readonly string[], waits: readonly Promise<{ readonly runId: string }>[],
): Promise<void> {
  const open = new Set(runs);
  await new Promise<void>((resolve) => {
    if (open.size === 0) resolve();
    for (const wait of waits) {
      void wait.then(({ runId }) => {
        open.delete(runId);
        if (open.size === 0) resolve();
      });
    }
  });
}

interface Restarted {
  readonly up: number;
  readonly whole: number;
}

async function restartServer({ scene }: Round): Promise<Restarted[]> {
  const { staff, server, proxy, dice } = scene;
  if (server.restart === null) return [];
  const took: Restarted[] = [];
  for (let at = 0; at < restarts; at++) {
    await staff.manned();
    await systemEnv.sleep(dice.between(800, 1_500));
    const began = systemEnv.monotonic();
    await server.restart(at % 2 === 0 ? 'immediate' : 'fast');
    const up = systemEnv.monotonic();
    const { hostname: host, port } = new URL(server.url);
    proxy.lead({ host, port: Number(port) });
    const enough = new AbortController();
    const late = systemEnv.after(longestWaitMs, () => enough.abort());
    await Promise.all(staff.workers.map(async (worker) => {
      await staff.book.next((said, from) =>
        from === worker && (said.name === 'claimed' || said.name === 'settled'), enough.signal);
      const now = systemEnv.monotonic();
      took.push({ up: now - up, whole: now - began });
    }));
    late.cancel();
  }
  return took;
}

/** Two businesses side by side, one of which has a poison run. */
async function besidePoison(options: FigureOptions, violations: string[]): Promise<Figures['neighbours']> {
  const poison = kindsNamed(['out-of-memory']);
  const small = { ...options, ...load, kinds: poison, pauseMs: 150, violations };
  let over = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const [poisoned, baseline] = await Promise.all([
    measured({ ...small, seed: options.seed + 1 }, async (round) => {
      await poison[0]?.inject(round.scene).finally(over);
      return orders(round);
    }),
    measured({ ...small, seed: options.seed + 2 }, async (round) => {
      await ended;
      return orders(round);
    }),
  ]);
  const ms = (those: readonly Order[]): Spread => spreadOf(those.map((order) => order.ms));
  const apart = ms(poisoned.filter(({ shared }) => !shared));
  return { poisoned: ms(poisoned), baseline: ms(baseline), apart };
}

interface Order {
  readonly ms: number;
  /** A process that had it died. */
  readonly shared: boolean;
}

async function orders({ scene: { direct, staff } }: Round): Promise<readonly Order[]> {
  return direct(async (db) => (await db.query<Order>(`
    select (extract(epoch from r.settled_at - r.created_at) * 1000)::float8 as ms,
           exists (select from effects e where e.run = r.id and e.pid = any($1)) as shared
      from perdure.runs r where r.workflow in ('order', 'fan') and r.settled_at is not null`,
  [[...staff.book.dead]])).rows);
}
