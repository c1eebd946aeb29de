// What the end of a workflow function means for its run: a settlement, another generation, or a mistake that
// parks it.
import type { Code } from './code.js';
import type { Encoded } from './codec.js';
import { RunCancelledError } from './errors.js';
import * as faults from './faults.js';
import type { Journal } from './journal.js';
import type { AttemptEnd } from './step-info.js';

/** What follows the end of the code. */
export type Conclusion =
  | { readonly kind: 'settle'; readonly outcome: AttemptEnd; readonly cancelled: boolean }
  | { readonly kind: 'continue'; readonly input: Encoded }
  | { readonly kind: 'park'; readonly fault: faults.Fault };

/** The run whose code has ended. */
export interface Ended {
  readonly runId: string;
  readonly code: Code;
  readonly journal: Journal;
  /** It did nothing that is not recorded: what the record has open, it must have called. */
  readonly replayed: boolean;
}

/** What `outcome` leads to. */
export function conclusionOf({ runId, code, journal, replayed }: Ended, outcome: AttemptEnd): Conclusion {
  const due = replayed ? [...journal.undelivered(), ...journal.pending] : journal.undelivered();
  const lost = due.find((recorded) => !code.expects(recorded));
  if (lost !== undefined) return { kind: 'park', fault: faults.callIsGone(lost) };
  const { unawaited } = code;
  if (outcome.ok && unawaited !== undefined) return { kind: 'park', fault: faults.unawaitedCall(unawaited) };
  const end = code.endOf(outcome);
  if (end.kind === 'caught') return { kind: 'park', fault: end.fault };
  if (end.kind === 'continues') return { kind: 'continue', input: end.input };
  const { outcome: ended } = end;
  const cancelled = !ended.ok && ended.error instanceof RunCancelledError &&
    code.befell instanceof RunCancelledError && ended.error.runId === runId;
  return { kind: 'settle', outcome: ended, cancelled };
}
