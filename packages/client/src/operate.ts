// The verbs of operators on many runs: sent, hinted at, and judged run by run.
import type { SendAnswer, Resumption, Revival, VerbAnswer } from '@perdure/core/engine';
import { sendFailure, type PreparedMessage } from './mail.js';
import type { Opening, Parts } from './parts.js';
import { outcomeOf, perform, type Answered, type Busy, type Outcome, type Verb } from './verbs.js';

/** Opens parked runs again. */
export function resumeRuns(
  opening: Opening, resumptions: readonly Resumption[],
): Promise<readonly Outcome[]> {
  return operate(opening, resumptions, {
    verb: 'resume',
    id: ({ runId }) => runId,
    send: ({ connection: { store } }, items) => store.resumeRuns(items),
    hint: ({ connection: { hints } }) => hints.due(),
  });
}

/** Begins runs anew. */
export function reviveRuns(opening: Opening, revivals: readonly Revival[]): Promise<readonly Outcome[]> {
  return operate(opening, revivals, {
    verb: 'retry',
    id: ({ runId }) => runId,
    send: ({ connection: { store } }, items) => store.reviveRuns(items),
    hint: ({ connection: { hints } }) => hints.due(),
  });
}

/** Ends runs without their code, as failed with this encoded error. */
export function terminateRuns(
  opening: Opening, ids: readonly string[], error: string,
): Promise<readonly Outcome[]> {
  return operate(opening, ids, {
    verb: 'terminate',
    id: (id) => id,
    send: ({ connection: { store } }, items) => store.terminateRuns(items, error),
    hint: ({ connection: { hints } }) => {
      // Their children are yet to hear of it. Who waits here finds out by polling.
      hints.settled([]);
      hints.mail();
    },
  });
}

/** Deletes settled runs. */
export function deleteRuns(opening: Opening, ids: readonly string[]): Promise<readonly Outcome[]> {
  return operate(opening, ids, {
    verb: 'delete',
    id: (id) => id,
    send: ({ connection: { store } }, items) => store.deleteRuns(items),
    hint: () => undefined,
  });
}

/** Asks runs to stop. */
export async function cancelRuns(
  opening: Opening, cancels: readonly PreparedMessage[],
): Promise<readonly Outcome[]> {
  const { connection: { store, hints } } = await opening.open();
  const answers = await perform<PreparedMessage, SendAnswer>(opening, cancels, (items) => (
    store.sendMessages(items.map(({ message }) => message))));
  if (answers.some(({ answer }) => answer.kind === 'sent')) hints.mail();
  return cancels.map((cancel, at) => cancelled(cancel, answers[at]?.answer ?? { kind: 'busy' }));
}

function cancelled(cancel: PreparedMessage, answer: SendAnswer | Busy): Outcome {
  const failure = sendFailure(cancel, answer);
  if (failure === null) return 'done';
  return answer.kind === 'no-run' || answer.kind === 'settled' ? { skipped: failure } : { failed: failure };
}

interface Operation<Item> {
  readonly verb: Verb;
  id(item: Item): string;
  send(parts: Parts, items: readonly Item[]): Promise<readonly VerbAnswer[]>;
  /** Something was done. */
  hint(parts: Parts): void;
}

async function operate<Item>(
  opening: Opening, items: readonly Item[], operation: Operation<Item>,
): Promise<readonly Outcome[]> {
  const parts = await opening.open();
  const answers = await perform<Item, VerbAnswer>(opening, items, (some) => operation.send(parts, some));
  const outcomes = items.map((item, at) => (
    outcomeOf(operation.verb, operation.id(item), answers[at] ?? unanswered)));
  if (outcomes.includes('done')) operation.hint(parts);
  return outcomes;
}

const unanswered: Answered<Busy> = { answer: { kind: 'busy' }, again: false };
