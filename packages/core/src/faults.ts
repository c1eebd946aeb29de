// Mistakes of code, each with its reason code and one sentence that says what to do. They park a run (R5).
import { WorkflowError } from './errors.js';
import { describeCall, type CallIdentity } from './journal.js';

/** Why a run is parked: a stable code, and the sentence that follows "Run … is parked:". */
export interface Fault {
  readonly code: 'NONDETERMINISM' | 'FOREIGN_AWAIT' | 'UNAWAITED_CALL' | 'NESTED_CALL' | 'CLIENT_IN_WORKFLOW'
    | 'VALUE_UNREADABLE' | 'VALUE_REFUSED' | 'POISONED' | 'ROLLBACK_FAILED' | 'CONTINUE_CAUGHT';
  readonly message: string;
  /** What was thrown, where something was. */
  readonly cause?: unknown;
  /** Of NONDETERMINISM: where. */
  readonly difference?: Difference;
}

/** Where the code and the record disagree: what is recorded there, and the call that the code makes now. */
export interface Difference {
  readonly recorded: CallIdentity;
  readonly called: CallIdentity | null;
}

const recordIt = 'What is awaited outside of ctx is not recorded: put it into ctx.step';

/** What to do when the code and the record disagree. */
export const fittingAdvice: string = 'Restore the old calls, choose between old and new with ctx.patched, ' +
  'or give the changed workflow a new version; then resume the run';

/** The code and the record disagree. */
export function nondeterminism(difference: Difference): Fault {
  const { recorded, called } = difference;
  const now = called === null ? 'makes no such call there' : `calls ${describeCall(called)}`;
  return {
    code: 'NONDETERMINISM',
    message: `its code does not fit its record. recorded: ${describeCall(recorded)}; the code now ${now}. ` +
      fittingAdvice,
    difference,
  };
}

/** The record has a call that the code does not make, although it has reached that point. */
export function callIsGone(recorded: CallIdentity): Fault {
  return nondeterminism({ recorded, called: null });
}

/** The code went on after something that the engine did not answer; `what` says what it did then. */
export function foreignAwait(what: string): Fault {
  return {
    code: 'FOREIGN_AWAIT',
    message: `${what} after waiting for something that is not a call on ctx. ${recordIt}`,
  };
}

/** The code is at rest although nothing that it asked for is unanswered. */
export const foreignRest: Fault = {
  code: 'FOREIGN_AWAIT',
  message: `its code waits for something that is not a call on ctx. ${recordIt}`,
};

/** The context was used from inside a step body; `what` says which verb of it. */
export function nestedCall(what: string, step: string): Fault {
  return {
    code: 'NESTED_CALL',
    message: `${what} was called inside step '${step}'. Steps do not nest: call it from the ` +
      'workflow function, after the step',
  };
}

/** A client was used by the workflow function itself, outside of a step; `what` says what it does. */
export function clientInWorkflow(what: string): Fault {
  return {
    code: 'CLIENT_IN_WORKFLOW',
    message: `its code used a client outside of a step: it ${what}, and would do so again at every ` +
      'replay. Use ctx instead, or put it into ctx.step, with an id',
  };
}

/** The workflow function returned although nobody had subscribed to a call. */
export function unawaitedCall(call: CallIdentity): Fault {
  return {
    code: 'UNAWAITED_CALL',
    message: `nobody awaited ${describeCall(call)}, and the workflow function has returned. Await it, or ` +
      'await a Promise.all that contains it',
  };
}

/** A branch of the code made a call after the workflow function had returned. */
export function lateCall(call: CallIdentity): Fault {
  return {
    code: 'UNAWAITED_CALL',
    message: `${describeCall(call)} was called after the workflow function had returned. Await every ` +
      'branch before returning',
  };
}

/** A stored value cannot be decoded. */
export function unreadable(what: string, error: unknown): Fault {
  return { code: 'VALUE_UNREADABLE', message: `${what} cannot be read: ${String(error)}` };
}

/** The database refuses a write that holds nothing but names. */
export function refused(why: string): Fault {
  return {
    code: 'VALUE_REFUSED',
    message: `the database refuses to store the name of one of its calls: ${why}. Use characters that its ` +
      'encoding knows, or a database in UTF-8',
  };
}

/** A rollback failed for good: what it was to undo stands. `cause` of the parked run has both errors. */
export function rollbackFailed(name: string, error: unknown, undone: Error): Fault {
  return {
    code: 'ROLLBACK_FAILED',
    message: `rollback '${name}' failed: ${said(error)}. It was to undo what was done before the run ` +
      `failed with: ${said(undone)}. Put right what keeps it from working, and resume the run`,
    cause: new AggregateError([error, undone], 'a rollback failed, and what it was to undo'),
  };
}

function said(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A second wait for what is waited for already, in one branch. */
export function alreadyAwaited(call: CallIdentity): WorkflowError {
  return new WorkflowError('ALREADY_AWAITED', `${describeCall(call)} is open, and waits for the same. ` +
    'Await it first; to give a wait up when something else comes first, use ctx.race.');
}

/** The code asked to go on as new, and went on by itself; `error` is what it ended with, if it threw. */
export function continueCaught(error: unknown): Fault {
  return {
    code: 'CONTINUE_CAUGHT',
    message: 'its code called ctx.continueAsNew, caught what that throws, and then ' +
      `${error === undefined ? 'returned' : `failed with: ${said(error)}`}. Let it pass: rethrow what is ` +
      'instanceof ContinuedAsNew',
    cause: error,
  };
}

/** `ctx.continueAsNew` beside calls that are open: the next generation could not answer them. */
export function callsOpen(calls: readonly CallIdentity[]): WorkflowError {
  const named = calls.slice(0, 5).map(describeCall).join(', ');
  const more = calls.length > 5 ? ` and ${calls.length - 5} more` : '';
  return new WorkflowError('CALLS_OPEN', `ctx.continueAsNew was called while ${named}${more} ` +
    `${calls.length === 1 ? 'is' : 'are'} open. Await what is open first; in a branch of ctx.race or ` +
    'ctx.all, return, and go on as new after it.');
}

/** A run that took its process down each time it was tried alone. */
export function poisoned(strikes: number): Fault {
  return {
    code: 'POISONED',
    message: `${strikes} workers in a row vanished while they ran it alone. Look for a step that ends its ` +
      'process or exhausts its memory',
  };
}
