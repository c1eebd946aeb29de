// What the bench finds out, in the shape of `--json`. Everything may be missing: `--only` leaves things out.

/** Milliseconds at three ranks. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** All figures of one run of the bench. */
export interface Figures {
  postgres?: { readonly version: string; readonly settings: Readonly<Record<string, string>> };
  sizes?: Sizes;
  W1?: { readonly drainPerSec: number; readonly startsPerSec: number; readonly cpuMicrosPerRun: number };
  W1c?: { readonly perSec: number };
  W2?: { readonly stepsPerSec: number; readonly cpuMicrosPerStep: number };
  W3?: Latency & { readonly toStep: Latency; readonly cross: Latency & { readonly toStep: Latency } };
  W4?: { readonly stepsPerSec: number; readonly rssMb: number };
  inFlight?: { readonly runs: number; readonly rssMb: number };
  L1?: { readonly one: number; readonly sixteen: number };
  L2?: Readonly<Record<string, number>>;
  L8?: {
    readonly runsPerSec: number; readonly stepsPerSec: number; readonly oneRunStepsPerSec: number;
    readonly batch: number; readonly walPerRun: number;
  };
  walPerRun?: number;
  walPerStep?: number;
  transactionsPerRun?: number;
}

/** How much is measured. */
export interface Sizes {
  readonly repeats: number;
  readonly drainRuns: number;
  readonly drainConcurrency: number;
  readonly callersRuns: number;
  readonly callers: number;
  readonly stepsRuns: number;
  readonly stepsEach: number;
  readonly stepsConcurrency: number;
  readonly latencyStarts: number;
  readonly longSteps: number;
  readonly inFlightRuns: number;
  readonly limitSeconds: number;
  readonly limitSteps: number;
}

/** The sizes that figures are quoted with. */
export const fullSizes: Sizes = {
  repeats: 3,
  drainRuns: 40_000,
  drainConcurrency: 2_000,
  callersRuns: 20_000,
  callers: 32,
  stepsRuns: 4_000,
  stepsEach: 20,
  stepsConcurrency: 1_000,
  latencyStarts: 200,
  longSteps: 1_000,
  inFlightRuns: 1_000,
  limitSeconds: 2,
  limitSteps: 200,
};

/** Enough to see that everything works; the figures say little. */
export const quickSizes: Sizes = {
  ...fullSizes,
  repeats: 1,
  drainRuns: 5_000,
  callersRuns: 3_000,
  stepsRuns: 500,
  latencyStarts: 20,
  longSteps: 200,
  limitSeconds: 0.3,
  limitSteps: 20,
};

/** The one in the middle; of two, the larger. */
export function median(values: readonly number[]): number {
  return rank(values, 0.5);
}

/** The value below which a share of all values lies. */
export function rank(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The ranks that are quoted. */
export function latencyOf(values: readonly number[]): Latency {
  return { p50Ms: rank(values, 0.5), p95Ms: rank(values, 0.95), p99Ms: rank(values, 0.99) };
}
