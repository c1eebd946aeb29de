// Who is calling: the run or the step that the current code belongs to, by AsyncLocalStorage. Used to name
// mistakes (a step inside a step, a client call inside a workflow), never to find a transaction: it is passed
// on by hand, and only compared here.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Fault } from './faults.js';

/** The run, and the step if code of a step is running. */
export interface Scope {
  readonly runId: string;
  readonly step: string | null;
  /** What the function of a transactional step was handed: what is sent with it commits with the step. */
  readonly transaction?: unknown;
  /** Parks the run: its code made a mistake that only the scope could tell. */
  mistake(fault: Fault): void;
}

const scopes = new AsyncLocalStorage<Scope>();

/** Runs `body`, and everything it starts, as code of `scope`. */
export function runInScope<T>(scope: Scope, body: () => T): T {
  return scopes.run(scope, body);
}

/** The scope of the calling code, or undefined outside of workflows and steps. */
export function currentScope(): Scope | undefined {
  return scopes.getStore();
}
