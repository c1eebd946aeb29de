// Verbs of operators, outside of any transaction: sent until they are answered, and what the answers mean.
//
//   W1. What has no answer is sent again until the deadline of the client. A verb that was sent before and
//       finds the run where it was to bring it has done so.
import { DatabaseUnavailableError, PayloadError, WorkflowError } from '@perdure/core';
import { encodeError, type RunStatus, type VerbAnswer } from '@perdure/core/engine';
import type { Deed } from './guard.js';
import { checkText } from './given.js';
import { runNotFound } from './mail.js';
import type { Opening } from './parts.js';

const busyPauseMs = 50;
const retryPauseMs = 100;

/** What is done to runs. */
export type Verb = 'retry' | 'resume' | 'terminate' | 'delete';

/** An answer; `again` if the item may have been written by an earlier sending. */
export interface Answered<Answer> {
  readonly answer: Answer;
  readonly again: boolean;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly at: number;
  again: boolean;
}

/** Asks the database until it answers, or the deadline of the client has passed. */
export async function patiently<Result>(opening: Opening, ask: () => Promise<Result>): Promise<Result> {
  const { env, deadlineMs } = opening;
  const until = env.monotonic() + deadlineMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || env.monotonic() >= until) throw error;
      await env.sleep(retryPauseMs);
    }
  }
}

/**
 * Sends items until each has an answer; one that is `busy` at the deadline stays so. Throws
 * DatabaseUnavailableError when no answer is known by then.
 */
export async function perform<Item, Answer extends { readonly kind: string }>(
  opening: Opening, items: readonly Item[], send: (items: readonly Item[]) => Promise<readonly Answer[]>,
): Promise<readonly Answered<Answer | Busy>[]> {
  const { env, deadlineMs } = opening;
  const until = env.monotonic() + deadlineMs;
  const answers: Answered<Answer | Busy>[] = items.map(() => ({ answer: { kind: 'busy' }, again: false }));
  let waiting: Waiting<Item>[] = items.map((item, at) => ({ item, at, again: false }));
  while (waiting.length > 0) {
    const batch = waiting;
    const given = await patiently(opening, async () => {
      try {
        return await send(batch.map(({ item }) => item));
      } catch (error) {
        for (const each of batch) each.again = true;
        throw error;
      }
    });
    for (const [index, { at, again }] of batch.entries()) {
      answers[at] = { answer: given[index] ?? { kind: 'busy' }, again };
    }
    waiting = batch.filter(({ at }) => answers[at]?.answer.kind === 'busy');
    if (waiting.length === 0 || env.monotonic() >= until) break;
    await env.sleep(busyPauseMs);
  }
  return answers;
}

/** Somebody holds a row. */
export interface Busy {
  readonly kind: 'busy';
}

/** What a verb made of a run: done, passed over because the run was not fit for it, or an error. */
export type Outcome = 'done' | { readonly skipped: Error } | { readonly failed: Error };

/** What an answer means. */
export function outcomeOf(verb: Verb, runId: string, { answer, again }: Answered<VerbAnswer>): Outcome {
  switch (answer.kind) {
    case 'done':
      return 'done';
    case 'no-run':
      return verb === 'delete' && again ? 'done' : { skipped: runNotFound(runId) };
    case 'unfit':
      return again && isWhere(verb, answer.status) ? 'done' : { skipped: unfit(verb, runId, answer.status) };
    case 'busy':
      return { failed: held(verb, runId) };
    case 'refused':
      return { failed: new PayloadError('VALUE_REFUSED', `The database refuses to ${verb} run '${runId}': ` +
        answer.why, '', { runId }) };
  }
}

const live: ReadonlySet<RunStatus> = new Set(['pending', 'running', 'waiting']);

/** Whether a verb leaves runs in this state. */
function isWhere(verb: Verb, status: RunStatus): boolean {
  if (verb === 'terminate') return status === 'failed';
  // It may have gone far since; what matters is that it began.
  return verb === 'retry' || (verb === 'resume' && status !== 'parked');
}

/** Whether a run in this state is fit for a verb. A completed one is begun anew only if `from` is named. */
export function isFit(verb: Verb | 'cancel', status: RunStatus, from?: string): boolean {
  switch (verb) {
    case 'resume':
      return status === 'parked';
    case 'delete':
      return !live.has(status) && status !== 'parked';
    case 'retry':
      return !live.has(status) && (status !== 'completed' || from !== undefined);
    default:
      return live.has(status) || status === 'parked';
  }
}

/** The error of a run that is in a state from which a verb changes nothing. */
export function unfit(verb: Verb, runId: string, status: RunStatus): WorkflowError {
  const about = { runId };
  const be = `Run '${runId}' is ${status}`;
  if (verb === 'delete') {
    return new WorkflowError('RUN_LIVE', `${be}: only runs that have settled are deleted. Terminate it ` +
      'first.', about);
  }
  if (live.has(status)) {
    return new WorkflowError('RUN_LIVE', `${be}, so there is nothing to ${verb}. To begin it anew, let it ` +
      'end, cancel or terminate it first; to begin another with its record, use fork.', about);
  }
  if (verb === 'retry' && status === 'completed') {
    return new WorkflowError('RUN_COMPLETED', `${be}: say from where it begins anew, as in retry({ from: ` +
      "'start' }).", about);
  }
  if (verb === 'retry') {
    return new WorkflowError('RUN_CHANGED', `${be}, but somebody else has begun it anew meanwhile. Look at ` +
      'it again.', about);
  }
  const advice = verb === 'resume' ? ': only parked runs are resumed. Use retry to begin it anew.'
    : ': it has ended already.';
  return new WorkflowError('RUN_SETTLED', be + advice, about);
}

function held(verb: Verb, runId: string): WorkflowError {
  const more = verb === 'delete' ? ', or no worker has yet told others of its end' : '';
  return new WorkflowError('RUN_BLOCKED', `Could not ${verb} run '${runId}': something else holds a row of ` +
    `it${more}. Try again.`, { runId });
}

/** What a run fails with that is terminated. It names no run: many may be terminated by one statement. */
export function terminationOf(reason: string): string {
  checkText(reason, 'The reason of a termination');
  const error = new WorkflowError('RUN_TERMINATED', `It was terminated: ${reason}`);
  // The stack would say where this file is.
  error.stack = '';
  return encodeError(error);
}

/** What a verb is to the guard: all but a retry may be done again. */
export function verbDeed(verb: Verb): Deed {
  const what = verb === 'retry' ? 'begins a run anew' : `uses ${verb} on a run`;
  return { what, id: verb === 'retry' ? undefined : null, code: 'VERB_IN_STEP' };
}
