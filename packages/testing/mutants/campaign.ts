// Tries mutants: first every check that they name on the engine as it is, then each mutant on its own checks.
//
//   U5. A check that fails without any mistake is a failure, and proves nothing of a mutant.
//   U6. A mutant that hangs is killed only by a check that had an end before: it is given several times as
//       long.
import { systemEnv } from '@perdure/core/engine';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { loadedFor } from './edited-source.js';
import type { Killer, Mutant } from './mutant.js';
import { tryKiller, type Verdict } from './trial.js';

/** Where it is done, and who hears of it. */
export interface Surroundings {
  /** For the texts of mutants. */
  readonly folder: string;
  /** A PostgreSQL server for suites that need one. */
  readonly url: string;
  told(outcome: Outcome): void;
}

/** What came of one mutant. */
export interface Outcome {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
  readonly ms: number;
}

/** What came of all. */
export interface Report {
  readonly outcomes: readonly Outcome[];
  /** Checks that fail without any mistake, one line each. */
  readonly troubles: readonly string[];
}

/** For a check of the engine as it is. */
const longestCheckMs = 30_000;
/** A mutant has so much of what its suite has taken without it, at least. */
const patience = 4;
const shortestLimitMs = 4_000;
const longestLimitMs = 20_000;

/** Tries them, as many at a time as there are processors. */
export async function campaign(mutants: readonly Mutant[], around: Surroundings): Promise<Report> {
  const troubles: string[] = [];
  const slowest = new Map<string, number>();
  await inParallel(checksOf(mutants), async (killer) => {
    const verdict = await tryKiller({ killer, mutated: null, url: around.url, limitMs: longestCheckMs });
    if (verdict.kind === 'survived') slowest.set(keyOf(killer), verdict.slowestMs);
    else troubles.push(`${keyOf(killer)} fails without any mistake: ${verdict.why} (${nameOf(verdict)})`);
  });
  const limitOf = (killer: Killer): number => (
    Math.min(longestLimitMs, Math.max(shortestLimitMs, patience * (slowest.get(keyOf(killer)) ?? 0))));
  const outcomes: Outcome[] = [];
  await inParallel(mutants, async (mutant) => {
    const began = systemEnv.monotonic();
    const verdict = await tryMutant(mutant, around, limitOf);
    const outcome = { mutant, verdict, ms: systemEnv.monotonic() - began };
    outcomes.push(outcome);
    around.told(outcome);
  });
  return { outcomes, troubles };
}

/** Every check that is named, suite by suite: one process each. */
function checksOf(mutants: readonly Mutant[]): readonly Killer[] {
  const found = new Map<string, { killer: Killer; tests: Set<string> }>();
  for (const killer of mutants.flatMap(({ killers }) => killers)) {
    const known = found.get(keyOf(killer)) ?? { killer, tests: new Set() };
    for (const test of killer.tests) known.tests.add(test);
    found.set(keyOf(killer), known);
  }
  return [...found.values()].map(({ killer, tests }) => ({ ...killer, tests: [...tests] }));
}

function keyOf({ suite, mode }: Killer): string {
  return mode === undefined ? suite : `${suite} (${mode})`;
}

function nameOf(verdict: Verdict): string {
  return verdict.kind === 'killed' ? verdict.by : verdict.kind;
}

/** The first verdict that is none of survival. */
async function tryMutant(
  mutant: Mutant, { folder, url }: Surroundings, limitOf: (killer: Killer) => number,
): Promise<Verdict> {
  const mutated = join(folder, `${mutant.name}.json`);
  try {
    await writeFile(mutated, JSON.stringify(loadedFor(mutant)));
  } catch (error) {
    return { kind: 'void', why: error instanceof Error ? error.message : String(error) };
  }
  let survived: Verdict = { kind: 'void', why: 'it names no check' };
  for (const killer of mutant.killers) {
    survived = await tryKiller({ killer, mutated, url, limitMs: limitOf(killer) });
    if (survived.kind !== 'survived') return survived;
  }
  return survived;
}

async function inParallel<Item>(items: readonly Item[], deed: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await deed(item);
  };
  // What hangs takes no processor: one more than there are.
  await Promise.all(Array.from({ length: Math.min(availableParallelism() + 1, 6) }, lane));
}
