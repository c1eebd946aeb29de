// What tests of workflows import.
export { memoryConnection, type MemoryConnectionOptions } from './memory-connection.js';
export { createTestEnv } from './create-test-env.js';
export type { TestEnv, TestEnvOptions } from './test-env.js';
export type { StepCall, StepMock } from './step-book.js';
// Crashes.
export type { CrashOptions } from './crashes/crash-orders.js';
export {
  CrashPointError, type CrashPoint, type CrashPoints, type EveryCrashPointOptions,
} from './crashes/every-crash-point.js';
// Replays of what is recorded.
export type { History, HistoryAnswer, HistoryCall, StoredValue } from './replay/history.js';
export type { Candidate, CodeEnd, Difference } from './replay/judgement.js';
export { readHistory, replay, ReplayError } from './replay/replay.js';
export {
  replayOpenRuns, type DivergingRun, type EndingRun, type OpenRun, type ReplayOpenRunsOptions,
  type ReplayReport, type UnjudgedRun,
} from './replay/replay-open-runs.js';
// Simulations.
export { simulate } from './simulate/simulate.js';
export {
  SimulationError, type Simulated, type SimulatedSignal, type SimulatedStep, type SimulateOptions,
  type SimulationReport,
} from './simulate/simulation.js';
export type { FaultKind } from './simulation/fault-plan.js';
