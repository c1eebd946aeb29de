// What is simulated, and what is told of it.
import { WorkflowError, type Duration, type Logger, type RunStatus, type Workflow } from '@perdure/core';
import type { FaultKind } from '../simulation/fault-plan.js';
import type { StepCall } from '../step-book.js';

/** A signal that is sent to the run, once, however often its sender must try. */
export interface SimulatedSignal {
  readonly name: string;
  readonly payload?: unknown;
  /** How long after its start. Default: at once. */
  readonly after?: Duration | undefined;
}

/** What stands in for the body of a step. */
export type SimulatedStep = (call: {
  readonly attempt: number;
  readonly runId: string;
  /** As the body is given it: the same at every attempt. */
  readonly idempotencyKey: string;
  /** Takes so long, in the time of the simulation. */
  sleep(duration: Duration): Promise<void>;
}) => unknown;

/** How the run of one seed ended. */
export interface Simulated<World> {
  readonly seed: number;
  readonly status: RunStatus;
  /** What it returned; undefined unless it completed. */
  readonly result: unknown;
  /** What it failed with, or was cancelled with; else null. */
  readonly error: Error | null;
  /** What `world` made for this seed. */
  readonly world: World;
  /** Every attempt of a step of the workflow, those of processes that died as well. */
  calls(step: string): readonly StepCall[];
}

/** How a workflow is simulated. */
export interface SimulateOptions<In, World> {
  /** What it is started with. */
  input?: In | undefined;
  /** Seeds that are tried: 1, 2, and so on. Default 100. */
  seeds?: number | undefined;
  /** Tries this seed alone: to run again what has failed. */
  seed?: number | undefined;
  /** What its worker serves beside it: its children. */
  workflows?: readonly Workflow[] | undefined;
  /** Makes what lies outside of the workflow, anew for each seed: a bank that counts, say. */
  world?: ((seed: number) => World) | undefined;
  /** Stand-ins for bodies, by the names of the steps. */
  steps?: ((world: World) => Readonly<Record<string, SimulatedStep>>) | undefined;
  signals?: readonly SimulatedSignal[] | undefined;
  /** What must hold when the run has ended, whatever befell it: it throws, as tests do. */
  expect?: ((end: Simulated<World>) => void | Promise<void>) | undefined;
  /** Called after each seed, with how many there were. */
  onProgress?: ((seeds: number) => void) | undefined;
  logger?: Logger | undefined;
}

/** What was simulated, and found good. */
export interface SimulationReport {
  readonly seeds: number;
  /** How the runs ended: how many of each status. */
  readonly ends: Readonly<Partial<Record<RunStatus, number>>>;
  /** Faults that hit a call under way and changed what came of it, by kind. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Processes that died, workers and clients. */
  readonly deaths: number;
  /** Of each step of the workflow: its attempts, and in how many seeds it had to run more than once. */
  readonly steps: Readonly<Record<string, { readonly attempts: number; readonly seedsRepeated: number }>>;
  /** Fingerprint of everything that happened: the same for the same code, options and seeds. */
  readonly trace: string;
}

/** Something does not hold under a seed; `cause` is what the expectation threw, if it did. */
export class SimulationError extends WorkflowError {
  override readonly name = 'SimulationError';
  readonly seed: number;
  /** What is wrong, each in a sentence. */
  readonly violations: readonly string[];

  constructor(
    { name, seed }: { readonly name: string; readonly seed: number },
    { violations, cause }: { readonly violations: readonly string[]; readonly cause?: unknown },
  ) {
    super('SIMULATION_FAILED', `Workflow '${name}' does not hold under seed ${seed}: ` +
      `${violations.join('\n')}\nTo run this seed again: simulate(workflow, { …, seed: ${seed} })`,
      { cause });
    this.seed = seed;
    this.violations = violations;
  }
}
