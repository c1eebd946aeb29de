// Mistakes of code, each with its reason code and one sentence that says what to do. They park a run (R5).
import { describeCall, type CallIdentity } from './journal.js';

/** Why a run is parked: a stable code, and the sentence that follows "Run … is parked:". */
export interface Fault {
  readonly code: 'NONDETERMINISM' | 'FOREIGN_AWAIT' | 'UNAWAITED_CALL' | 'NESTED_CALL' | 'CLIENT_IN_WORKFLOW'
    | 'VALUE_UNREADABLE' | 'VALUE_REFUSED' | 'POISONED';
  readonly message: string;
}

const recordIt = 'What is awaited outside of ctx is not recorded: put it into ctx.step';

/** The code and the record disagree; `difference` shows both. */
export function nondeterminism(difference: string): Fault {
  return {
    code: 'NONDETERMINISM',
    message: `its code does not fit its record. ${difference}. Restore the old order of calls, or give the ` +
      'changed workflow a new version',
  };
}

/** The record has a call that the code does not make, although it has reached that point. */
export function callIsGone(recorded: CallIdentity): Fault {
  return nondeterminism(`recorded: ${describeCall(recorded)}; the code now makes no such call there`);
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

/** A context call from inside a step body. */
export function nestedCall(call: CallIdentity, step: string): Fault {
  return {
    code: 'NESTED_CALL',
    message: `${describeCall(call)} was called inside step '${step}'. Steps do not nest: call it from the ` +
      'workflow function, after the step',
  };
}

/** A client was used by the workflow function itself, outside of a step. */
export const clientInWorkflow: Fault = {
  code: 'CLIENT_IN_WORKFLOW',
  message: 'its code called client.start outside of a step, which would start another run at every ' +
    'replay. Put it into ctx.step, with an id',
};

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

/** A run that took its process down each time it was tried alone. */
export function poisoned(strikes: number): Fault {
  return {
    code: 'POISONED',
    message: `${strikes} workers in a row vanished while they ran it alone. Look for a step that ends its ` +
      'process or exhausts its memory',
  };
}
