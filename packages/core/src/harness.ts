// What a test harness may see and change of a worker. No application uses it; `@perdure/testing` does.
import type { AttemptWatch } from './step-info.js';

/** Which attempt of which step begins. */
export interface AttemptFacts {
  readonly runId: string;
  readonly workflow: string;
  readonly step: string;
  /** From 1. */
  readonly attempt: number;
  /** As its body is given it: the same at every attempt. */
  readonly idempotencyKey: string;
}

/** A run that a worker drives at this moment. */
export interface DrivenRun {
  readonly runId: string;
  readonly workflow: string;
  /** Names of the steps whose bodies run, or whose answers are not durable. */
  readonly steps: readonly string[];
}

/** The runs of one worker, as a harness sees them. */
export interface HeldRuns {
  /** Those that are driven: something of each runs, or is being written. */
  readonly driven: readonly DrivenRun[];
  /**
   * Forgets every run, driven or resting, and hands no lease back: for the database the process has died.
   * Bodies are told to stop, and nothing that they return counts. Returns the ids of those that were driven.
   */
  vanish(): readonly string[];
}

/** What a harness gives a worker. */
export interface Harness {
  /** Sees every attempt of a step, and may run something else in place of its body. */
  readonly watch?: ((attempt: AttemptFacts) => AttemptWatch) | undefined;
  /** No memory is gone on with: every answer is shown to code that was replayed from the journal. */
  readonly forgetful?: boolean | undefined;
  /** The first probation of a suspect in quarantine, in ms; default that of every worker. */
  readonly probationMs?: number | undefined;
  /** Called once, before the worker starts, with what it will hold. */
  readonly attach?: ((held: HeldRuns) => void) | undefined;
}
