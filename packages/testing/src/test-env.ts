// What a test of workflows works with: no server, and a year takes milliseconds.
import type { Client, RunHandle, StartOptions } from '@perdure/client';
import type { Duration, Logger, StartArgs, Workflow } from '@perdure/core';
import type { CrashOptions } from './crashes/crash-orders.js';
import type { CrashPoints, EveryCrashPointOptions } from './crashes/every-crash-point.js';
import type { History } from './replay/history.js';
import type { StepCall, StepMock } from './step-book.js';

/** How a test environment is made. */
export interface TestEnvOptions {
  /** What its worker runs. */
  workflows: readonly Workflow[];
  /** Where virtual time begins. Default: now. */
  startAt?: Date | undefined;
  /** Where log lines go. Default: the console. */
  logger?: Logger | undefined;
  /**
   * Real time that step bodies have to end in before virtual time goes on beside them, counted from when one
   * of them last began or ended. Bodies that only wait for promises of the test's own process need none of
   * it. Default 100 ms.
   */
  patience?: Duration | undefined;
  /** Real time without any movement after which waiting is an error. Default 3 seconds. */
  limit?: Duration | undefined;
}

/**
 * Client and worker on a memory store, on a clock that moves only when it is told to. See docs/testing.md.
 * Every method but `calls`, `crashes` and `now` throws TEST_ENV_CLOSED after disposal.
 */
export interface TestEnv extends AsyncDisposable {
  /** The virtual time. */
  readonly now: Date;
  /** An ordinary client: for signals, handles, and whatever else the code under test would be given. */
  readonly client: Client;
  /**
   * Starts a run; it goes as far as it can without time, while the test awaits something. Throws NOT_SERVED
   * for a workflow that is not of this environment, and what `client.start` throws.
   */
  start<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In, StartOptions>
  ): Promise<RunHandle<Out, Sig>>;
  /**
   * Starts a run and returns its result; time is moved through every moment at which something is due, until
   * the run has settled. Throws what `client.execute` throws, RUN_STUCK when it waits for what no time
   * brings, and STEPS_STILL_RUNNING when a body does not end.
   */
  execute<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In, StartOptions>): Promise<Out>;
  /**
   * Moves time: every timer, retry and wait on the way is served at its own moment, in order, and before each
   * the step bodies that run may end (see `patience`). Those that do not end go on while time moves.
   */
  advance(by: Duration): Promise<void>;
  /**
   * Waits, while time stands, until no step body runs and nothing more happens without time or the test.
   * Throws STEPS_STILL_RUNNING, which names the bodies that do not end.
   */
  untilIdle(): Promise<void>;
  /**
   * Replaces the body of a step for all attempts that begin from now on. What `fn` returns or resolves to is
   * the result; what it throws makes the attempt fail, and the step's retry policy decides what follows.
   */
  mockStep(workflow: Workflow, step: string, fn: StepMock): void;
  /**
   * Every attempt of a step in all runs, in the order in which they began; those of workers that have crashed
   * as well.
   */
  calls(workflow: Workflow, step: string): readonly StepCall[];
  /**
   * The worker dies when the next answer of this step is durable, and nobody knows of it yet; with
   * `{ result: 'lost' }` right before that, so that the step runs again. Everything that it had in memory is
   * gone, what its bodies still do counts for nothing, and another worker stands in its place at once. Throws
   * NOT_SERVED and INVALID_OPTION. `crashes` says whether it came to that.
   */
  crashAfter(workflow: Workflow, step: string, options?: CrashOptions): void;
  /** How often the worker has died. */
  readonly crashes: number;
  /**
   * Runs a scenario once without a crash, and then once for each place at which the worker can die in it,
   * dying there: right before and right after every durable write. Each run has an environment of its own,
   * made like this one and with its mocks; ids are the same in each. What the scenario expects is its own
   * affair: it throws, as tests do. Throws what it throws without a crash; CrashPointError, which names the
   * point and says how to run it alone; CRASH_POINTS_VARY when the scenario does not write the same each
   * time; INVALID_OPTION.
   */
  everyCrashPoint(
    scenario: (env: TestEnv) => Promise<void>, options?: EveryCrashPointOptions): Promise<CrashPoints>;
  /** What is recorded of a run, to be replayed later; JSON carries it. Throws RUN_NOT_FOUND. */
  history(run: { readonly id: string }): Promise<History>;
  /**
   * Does the code of this environment still fit a history? Begins no step, writes nothing. Throws ReplayError
   * with both sides where it does not, and what `replay` throws.
   */
  replay(history: History): Promise<void>;
}
