// Many rounds of chaos, one after the other on one server, each with a few kinds of faults: which, says the
// seed. The sum of what they report.
import { systemEnv } from '@perdure/core/engine';
import { chaosRound, type FaultCount, type RoundReport } from './chaos-round.js';
import type { ChaosServer } from './chaos-server.js';
import { Dice } from './dice.js';
import { lacking, Pack } from './fault-catalogue.js';
import type { FaultKind } from './faults.js';

/** How much chaos. */
export interface RunOptions {
  readonly server: ChaosServer;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** Rounds begin for as long as this; the first has all kinds if there are few. */
  readonly seconds: number;
  readonly roundSeconds: number;
  /** Kinds of faults in a round. */
  readonly atOnce: number;
  readonly leaseMs: number;
  say(line: string): void;
}

/** A promise that was broken, and how to see that again. */
export interface Violation {
  readonly what: string;
  readonly again: string;
}

/** What came of all rounds. */
export interface RunReport {
  readonly faults: Readonly<Record<string, FaultCount>>;
  /** Kinds that were not injected, with why. */
  readonly notRun: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly sums: Pick<RoundReport, 'runs' | 'effects' | 'payments' | 'again' | 'unknown'>;
  readonly violations: readonly Violation[];
}

/** Runs rounds until the time is up. */
export async function chaosRun(options: RunOptions): Promise<RunReport> {
  const { server, seed, kinds, seconds, roundSeconds, atOnce, leaseMs, say } = options;
  const able = kinds.filter((kind) => lacking(kind, server) === null);
  const pack = new Pack(able, new Dice(seed));
  const total = new Total();
  const until = systemEnv.monotonic() + seconds * 1_000;
  for (let at = 0; at === 0 || systemEnv.monotonic() < until; at++) {
    // The same seed, kinds and length make the first round of a later run what this one was.
    const dealt = pack.deal(atOnce);
    const round = { server, seed: (seed + at) >>> 0, kinds: dealt, seconds: roundSeconds, leaseMs };
    const names = round.kinds.map(({ name }) => name).join(',');
    const again = `pnpm chaos --seed=${round.seed} --faults=${names} --at-once=${round.kinds.length} ` +
      `--seconds=1 --round=${roundSeconds} --figures=no`;
    const report = await chaosRound(round);
    total.add(report, again);
    say(`round ${at + 1}, seed ${round.seed}: ${names}: ${report.runs} runs, settled after ` +
      `${(report.settledMs / 1_000).toFixed(1)} s, ${report.violations.length} violations`);
    for (const what of report.violations) say(`  VIOLATION ${what}`);
    if (report.violations.length > 0) say(`  again: ${again}`);
  }
  const notRun = kinds.flatMap((kind) => {
    const unused = total.faults[kind.name] === undefined ? 'its turn did not come' : null;
    const why = lacking(kind, server) ?? unused;
    return why === null ? [] : [[kind.name, why] as const];
  });
  const { faults, sums, violations, rounds } = total;
  return { faults, sums, violations, rounds, notRun: Object.fromEntries(notRun) };
}

class Total {
  readonly faults: Record<string, FaultCount> = {};
  readonly sums = { runs: 0, effects: 0, payments: 0, again: 0, unknown: 0 };
  readonly violations: Violation[] = [];
  rounds = 0;

  add(report: RoundReport, again: string): void {
    this.rounds++;
    for (const [name, { injected, failed, hits }] of report.faults) {
      const sum = (this.faults[name] ??= { injected: 0, failed: 0, hits: 0 });
      sum.injected += injected;
      sum.failed += failed;
      sum.hits += hits;
    }
    for (const name of ['runs', 'effects', 'payments', 'again', 'unknown'] as const) {
      this.sums[name] += report[name];
    }
    this.violations.push(...report.violations.map((what) => ({ what, again })));
  }
}
