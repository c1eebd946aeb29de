// What is known of the steps of a test: which bodies are replaced, and how every attempt ended.
import { decodeError, encodeError, type AttemptFacts, type AttemptWatch } from '@perdure/core/engine';

/** One attempt of a step, in the order in which they began. */
export interface StepCall {
  readonly runId: string;
  /** From 1. */
  readonly attempt: number;
  /** What the body returned; there once it has. */
  readonly result?: unknown;
  /** What the body threw, or why it was given up; there once it has failed. */
  readonly error?: Error;
}

/** What stands in for the body of a step. */
export type StepMock = (call: {
  readonly attempt: number;
  readonly runId: string;
  /** As the body is given it: the same at every attempt. */
  readonly idempotencyKey: string;
}) => unknown;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The steps of one test environment. */
export class StepBook {
  readonly #mocks = new Map<string, StepMock>();
  readonly #calls = new Map<string, StepCall[]>();
  readonly #begun = new Map<string, number>();

  /** Replaces the body of a step for all attempts that begin from now on. */
  mock(workflow: string, step: string, mock: StepMock): void {
    this.#mocks.set(key(workflow, step), mock);
  }

  /** Replaces what another book has replaced. */
  mockAs(other: StepBook): void {
    for (const [where, mock] of other.#mocks) this.#mocks.set(where, mock);
  }

  /** The attempts of a step so far. */
  calls(workflow: string, step: string): readonly StepCall[] {
    return (this.#calls.get(key(workflow, step)) ?? []).map((call) => ({ ...call }));
  }

  /** How many attempts have begun in a run. */
  begun(runId: string): number {
    return this.#begun.get(runId) ?? 0;
  }

  /** An attempt begins. */
  watch({ runId, workflow, step, attempt, idempotencyKey }: AttemptFacts): AttemptWatch {
    const call: Mutable<StepCall> = { runId, attempt };
    const where = key(workflow, step);
    const calls = this.#calls.get(where) ?? [];
    this.#calls.set(where, calls);
    calls.push(call);
    this.#begun.set(runId, this.begun(runId) + 1);
    const mock = this.#mocks.get(where);
    return {
      run: (body) => (mock === undefined ? body() : mock({ attempt, runId, idempotencyKey })),
      ended: (end) => {
        if (end.ok) call.result = end.value;
        else call.error = errorOf(end.error);
      },
    };
  }
}

// Anything can be thrown; the workflow is shown an Error as well.
function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : decodeError(encodeError(thrown));
}

function key(workflow: string, step: string): string {
  return JSON.stringify([workflow, step]);
}
