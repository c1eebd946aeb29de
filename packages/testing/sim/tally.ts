// Sums over many simulations.
import { Chance } from '../dist/simulation/chance.js';
import { simulate, type Report } from './simulate.js';
import { storyOf } from './story.js';

/** What many simulations came to. */
export interface Tally {
  seeds: number;
  events: number;
  runs: number;
  /** Faults that hit, by kind. */
  faults: Record<string, number>;
  failures: { readonly seed: number; readonly violations: readonly string[] }[];
}

/** Nothing yet. */
export function emptyTally(): Tally {
  return { seeds: 0, events: 0, runs: 0, faults: {}, failures: [] };
}

/** Adds one simulation. */
export function addReport(tally: Tally, { seed, events, runs, faults, violations }: Report): void {
  add(tally, {
    seeds: 1, events, runs, faults: { ...faults },
    failures: violations.length > 0 ? [{ seed, violations }] : [],
  });
}

/** Adds what another one came to. */
export function add(tally: Tally, other: Tally): void {
  tally.seeds += other.seeds;
  tally.events += other.events;
  tally.runs += other.runs;
  for (const [kind, count] of Object.entries(other.faults)) {
    tally.faults[kind] = (tally.faults[kind] ?? 0) + count;
  }
  tally.failures.push(...other.failures);
}

/** Simulates seeds one after the other, until `enough`. */
export async function tallyOf(
  { from, count }: Seeds, enough: (tally: Tally) => boolean = () => false,
): Promise<Tally> {
  const tally = emptyTally();
  for (let seed = from; seed < from + count && !enough(tally); seed++) {
    addReport(tally, await simulate(storyOf(seed, new Chance(seed))));
  }
  return tally;
}

/** Seeds that follow each other. */
export interface Seeds {
  readonly from: number;
  readonly count: number;
}

/** What it came to, in lines: faults by kind, with their share. */
export function linesOf({ seeds, events, runs, faults }: Tally): string[] {
  const total = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(faults).sort(([, one], [, other]) => other - one)
    .map(([kind, count]) => `  ${kind.padEnd(12)} ${String(count).padStart(9)}  ` +
      `${(100 * count / total).toFixed(1).padStart(5)} %`);
  return [`${seeds} seeds, ${runs} runs, ${events} events, ${total} faults`, ...kinds];
}
