// Many seeds: each a schedule that both stores play. What differs is played again, shrunk and told.
import { Schedule } from './draw.js';
import { told } from './op.js';
import { listed, play, type Difference, type Played, type Sides, type Source } from './play.js';
import { shrunk } from './shrink.js';

/** Seeds on which the stores differ, and how much was compared. */
export interface DifferentialReport {
  readonly seeds: number;
  readonly compared: ReadonlyMap<string, number>;
  readonly found: readonly Found[];
  /** Seeds that differed once and not again: what a machine does to time is not what a store answers. */
  readonly unsteady: readonly number[];
}

/** A seed on which the stores differ. */
export interface Found {
  readonly seed: number;
  /** The schedule, what both said, and the command that shows it again. */
  readonly text: string;
}

/** The schedule of a seed. */
export const drawn = (seed: number): Source => (model) => {
  const schedule = new Schedule(seed, model);
  return () => schedule.next();
};

/** When to stop, and who is told of what is found. */
export interface DifferentialOptions {
  /** So many seeds that differ are enough. Default 1. */
  readonly mostFound?: number | undefined;
  /** How often a schedule that differs is played to make it small. Default 150. */
  readonly mostPlays?: number | undefined;
  tell?(found: Found): void;
}

/** Plays seeds until there are no more, or enough were found that differ. */
export async function differential(
  sides: Sides, seeds: Iterable<number>, { mostFound = 1, mostPlays = 150, tell }: DifferentialOptions = {},
): Promise<DifferentialReport> {
  const compared = new Map<string, number>();
  const found: Found[] = [];
  const unsteady: number[] = [];
  let count = 0;
  for (const seed of seeds) {
    const played = await play(sides, drawn(seed));
    count++;
    for (const [verb, times] of played.compared) compared.set(verb, (compared.get(verb) ?? 0) + times);
    if (played.difference === null) continue;
    const again = await play(sides, listed(played.ops));
    if (again.difference === null) {
      unsteady.push(seed);
      continue;
    }
    const one = { seed, text: report(seed, await shrunk(sides, again, mostPlays)) };
    found.push(one);
    tell?.(one);
    if (found.length >= mostFound) break;
  }
  return { seeds: count, compared, found, unsteady };
}

function report(seed: number, { ops, difference }: Played): string {
  const { op, of, facts } = difference as Difference;
  return [
    `The stores differ under seed ${seed}, in the answer to ${of}. Shrunk to:`,
    ...ops.map((each) => `  ${told(each)}`),
    `  then ${told(op)}`,
    'The model said | the other said:',
    ...facts.map(({ path, model, real }) => `  ${path}: ${JSON.stringify(model)} | ${JSON.stringify(real)}`),
    `Again: node packages/testing/dist-sim/differential/main.js --seed=${seed}`,
  ].join('\n');
}
