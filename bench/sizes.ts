// How much is measured.

/** Numbers of runs, steps, callers and rounds. */
export interface Sizes {
  readonly rounds: number;
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
  rounds: 3,
  drainRuns: 40_000,
  drainConcurrency: 2_000,
  callersRuns: 20_000,
  callers: 32,
  stepsRuns: 4_000,
  stepsEach: 20,
  stepsConcurrency: 2_000,
  latencyStarts: 200,
  longSteps: 1_000,
  inFlightRuns: 1_000,
  limitSeconds: 1,
  limitSteps: 200,
};

/** Enough to see that everything works; the figures say little. */
export const quickSizes: Sizes = {
  ...fullSizes,
  rounds: 1,
  drainRuns: 5_000,
  callersRuns: 3_000,
  stepsRuns: 500,
  latencyStarts: 20,
  longSteps: 200,
  limitSeconds: 0.2,
  limitSteps: 20,
};
