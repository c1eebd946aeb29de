// The database as a whole is failed over, restored, out of room, or behind a pooler, while a business works
// on it. Ends with 1 if a promise was broken.
//   node packages/testing/dist-chaos/restore-main.js [--only=sync,async,restore,pooler,disk] [--rounds=3]
//     [--orders=60] [--workers=3]
import { parseArgs } from 'node:util';
import { systemEnv } from '@perdure/core/engine';
import { noBouncer } from './restore-bouncer.js';
import {
  diskFull, failover, noSmallDisk, restore, type ScenarioOptions, type ScenarioReport,
} from './restore-scenarios.js';

interface Scenario {
  readonly title: string;
  /** Why it cannot be run on this machine, or null. */
  lacks?(): Promise<string | null>;
  play(options: ScenarioOptions): Promise<ScenarioReport>;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  sync: { title: 'a synchronous standby takes over', play: (options) => failover('sync', options) },
  async: { title: 'a standby that lacks the last commits takes over',
    play: (options) => failover('async', options) },
  restore: { title: 'a backup is put back to a point in time',
    play: (options) => restore('direct', options) },
  pooler: { title: 'the same behind PgBouncer in transaction mode', lacks: noBouncer,
    play: (options) => restore('pooler', options) },
  disk: { title: 'the disk is full for a while', lacks: noSmallDisk, play: diskFull },
};

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { only: text, rounds: text, orders: text, workers: text } });

function whole(name: 'rounds' | 'orders' | 'workers', otherwise: number): number {
  const given = Number(values[name] ?? otherwise);
  if (!Number.isInteger(given) || given < 1) throw new Error(`--${name} takes a whole number from 1 up.`);
  return given;
}

function tell(title: string, report: ScenarioReport, seconds: number): void {
  const { rounds, orders, lost, again, givenBack, restored, recoveredMs, violations } = report;
  const longest = Math.max(...recoveredMs);
  const middle = [...recoveredMs].sort((a, b) => a - b)[Math.floor(recoveredMs.length / 2)];
  console.log(`${title}: ${rounds} times, ${orders} orders acknowledged, ${lost} of them taken back, ` +
    `${again} step bodies again; workers found another past ${restored.length} times and gave ${givenBack} ` +
    `runs back; a waiting run settled after ${middle} ms (middle), ${longest} ms (longest); ` +
    `${seconds.toFixed(1)} s`);
  for (const why of new Set(restored)) console.log(`  said: ${why}`);
  for (const line of violations) console.log(`  VIOLATION ${line}`);
}

const options = { rounds: whole('rounds', 3), orders: whole('orders', 60), workers: whole('workers', 3) };
const names = values.only?.split(',') ?? Object.keys(scenarios);
for (const name of names) {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`There is no scenario '${name}'.`);
  const lack = await scenario.lacks?.() ?? null;
  if (lack !== null) {
    console.log(`${scenario.title}: NOT RUN, ${lack}`);
    continue;
  }
  const began = systemEnv.monotonic();
  const report = await scenario.play(options);
  tell(scenario.title, report, (systemEnv.monotonic() - began) / 1_000);
  if (report.violations.length > 0) process.exitCode = 1;
}
