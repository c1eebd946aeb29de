// What was measured, round by round. Rounds are interleaved: other work on the machine then slows a workload
// and its limit alike, and their ratio holds.

/** Everything that is measured, by name. */
export interface Measured {
  drainPerSec: number;
  startsPerSec: number;
  cpuMicrosPerRun: number;
  walPerRun: number;
  transactionsPerRun: number;
  callersPerSec: number;
  stepsPerSec: number;
  cpuMicrosPerStep: number;
  walPerLongerRun: number;
  longStepsPerSec: number;
  longRssMb: number;
  inFlightRssMb: number;
  oneRowPerSec: number;
  sixteenRowsPerSec: number;
  limitPairMs: number;
  limitRunsPerSec: number;
  limitBatch: number;
  limitStepsPerSec: number;
  limitLongStepsPerSec: number;
  limitWalPerRun: number;
  [rows: `rows${number}PerSec`]: number;
}

/** A value, and the least and the most of its rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The values of all rounds. */
export class Samples {
  readonly #values = new Map<keyof Measured, number[]>();

  add(name: keyof Measured, value: number): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  /** Undefined when it was not measured. */
  of(name: keyof Measured): Spread | undefined {
    const values = this.#values.get(name);
    return values === undefined ? undefined
      : { median: median(values), least: Math.min(...values), most: Math.max(...values) };
  }

  /** The median of a figure's ratio to its limit, round by round. */
  ratio(name: keyof Measured, limit: keyof Measured): number | undefined {
    const values = this.#values.get(name) ?? [];
    const limits = this.#values.get(limit) ?? [];
    const ratios = values.flatMap((value, round) => {
      const against = limits[round];
      return against === undefined ? [] : [value / against];
    });
    return ratios.length === 0 ? undefined : median(ratios);
  }
}

/** The one in the middle; of two, the larger. */
export function median(values: readonly number[]): number {
  return rank(values, 0.5);
}

/** The value below which a share of all values lies. */
export function rank(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
