// What a call to the store makes durable, in words that are the same each time that a scenario is run: no
// ids, no instants.
import type { ClaimAnswer, Entry, NewChild, NewMessage, NewRun, TurnWrite } from '@perdure/core/engine';

/** The answer of a step. */
export interface RecordedStep {
  readonly workflow: string;
  readonly step: string;
}

/** One durable write. */
export interface DurableWrite {
  readonly what: string;
  /** The steps whose answers it records. */
  readonly steps: readonly RecordedStep[];
}

/** Verbs that only look, or that no run depends on. */
const looks = /^(read|query|recall|check)|Worker$/;

/** Finds the workflow of a run. */
export type WorkflowOf = (runId: string) => string;

/** What a verb is about to write; null for one that writes nothing, or finds out only by doing it. */
export function writeOf(
  verb: string, given: readonly unknown[], workflowOf: WorkflowOf,
): DurableWrite | null {
  if (looks.test(verb) || verb === 'claim' || verb === 'carry') return null;
  if (verb === 'commit') return commitOf(given[0] as readonly TurnWrite[], workflowOf);
  return { what: wordsOf(verb, given), steps: [] };
}

/** What a verb that looks for something to do has done. */
export function doneBy(verb: string, answer: unknown, hadMail: boolean): DurableWrite | null {
  if (verb === 'carry') return hadMail ? { what: 'mail was carried', steps: [] } : null;
  if (verb !== 'claim') return null;
  const { runs, moved } = answer as ClaimAnswer;
  if (runs.length + moved === 0) return null;
  const claimed = runs.map(({ workflow }) => workflow).sort().join(', ');
  return { what: runs.length === 0 ? 'a suspect was set apart' : `a claim of ${claimed}`, steps: [] };
}

/** The answer of a transactional step, with what its function wrote. */
export function transactionOf(workflow: string, { name }: Entry): DurableWrite {
  return { what: `${workflow}: transaction '${name}'`, steps: [{ workflow, step: name }] };
}

function commitOf(writes: readonly TurnWrite[], workflowOf: WorkflowOf): DurableWrite | null {
  const told = writes.flatMap((write) => {
    const parts = partsOf(write);
    return parts.length === 0 ? [] : [`${workflowOf(write.lease.runId)}: ${parts.join(', ')}`];
  });
  if (told.length === 0) return null;
  const steps = writes.flatMap(({ lease, entries }) => entries.filter(({ kind }) => kind === 'step')
    .map(({ name }) => ({ workflow: workflowOf(lease.runId), step: name })));
  return { what: told.sort().join(' | '), steps };
}

const ends = { park: 'parked', continue: 'continued as new', rest: 'came to rest' } as const;

// A lease that is renewed is nothing that could be lost.
function partsOf({ entries, calls, closed, end, more }: TurnWrite): readonly string[] {
  const parts = [
    ...entries.map(({ kind, name }) => `${kind} '${name}'`),
    ...calls.map(({ kind, name }) => `${kind} '${name}' begun`),
  ];
  if (more !== null) parts.push('what it shows');
  if (end?.kind === 'settle') parts.push(end.status);
  else if (end !== null && end.kind !== 'renew') parts.push(ends[end.kind]);
  return parts.length === 0 && closed.length > 0 ? ['waits closed'] : parts;
}

function wordsOf(verb: string, given: readonly unknown[]): string {
  const [first, second] = given;
  if (verb === 'startRuns') {
    return `a start of ${(first as readonly NewRun[]).map(({ workflow }) => workflow).join(', ')}`;
  }
  if (verb === 'tieChildren') {
    const names = (first as readonly NewChild[]).map(({ run }) => run?.workflow ?? 'a run');
    return `a tie to ${names.join(', ')}`;
  }
  if (verb === 'sendMessages') return messagesOf(first as readonly NewMessage[]);
  if (verb === 'sendFrom') return messagesOf(second as readonly NewMessage[]);
  return verb;
}

function messagesOf(messages: readonly NewMessage[]): string {
  return messages.map(({ kind, name }) => `a ${kind} '${name}' sent`).join(', ');
}
