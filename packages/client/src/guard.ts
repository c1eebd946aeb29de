// Where a client may be used to write: not by the code of a workflow, and by a step only what can be
// repeated.
import { WorkflowError } from '@perdure/core';
import { clientInWorkflow, currentScope } from '@perdure/core/engine';

/** What is about to be written. */
export interface Deed {
  /** Such as "starts a run". */
  readonly what: string;
  /** The caller's id; null where what is written has one by itself, so that it is there once in any case. */
  readonly id: string | null | undefined;
  readonly code: 'START_NEEDS_ID' | 'SEND_NEEDS_ID' | 'VERB_IN_STEP';
}

/**
 * Lets a call pass, or throws. In the code of a workflow it parks the run and gives a promise that never
 * settles, as every wait of a parked run; the caller awaits it. What is written with the transaction of
 * `ctx.transaction` needs no id: it commits with the record of that step.
 */
export function guard({ what, id, code }: Deed, transaction?: unknown): Promise<never> | undefined {
  const scope = currentScope();
  if (scope === undefined) return undefined;
  if (scope.step === null) {
    // The code of a workflow may be run again at any time: this would be done again each time.
    scope.mistake(clientInWorkflow(what));
    return new Promise(() => undefined);
  }
  if (id !== undefined) return undefined;
  if (transaction !== undefined && scope.transaction === transaction) return undefined;
  const step = `Step '${scope.step}' ${what}`;
  if (code === 'VERB_IN_STEP') {
    throw new WorkflowError(code, `${step}, and would do so again at its next attempt, when the run may ` +
      'have ended once more. Do it outside of workflows; or fork the run, with an id made of ' +
      'step.idempotencyKey.');
  }
  throw new WorkflowError(code, `${step} without an id, and would do so again at its next attempt. Pass ` +
    '{ id }, such as one made of step.idempotencyKey.');
}
