// Does the code of today still fit what a run has recorded?
import { WorkflowError, type Connection } from '@perdure/core';
import { historyOf, recordedOf, type History } from './history.js';
import { Judge, type Candidate, type Difference } from './judgement.js';
import { readRecorded, type RecordReader } from './read-recorded.js';

/**
 * The code does not fit the record of a run: a worker would park it. `code` is the reason that it would be
 * parked with, NONDETERMINISM most times.
 */
export class ReplayError extends WorkflowError {
  override readonly name = 'ReplayError';
  readonly workflow: string;
  readonly place: string | null;
  /** What is recorded there; null if the trouble is no call. */
  readonly expected: string | null;
  /** What the code makes of it. */
  readonly got: string;

  constructor({ runId, workflow }: Pick<History, 'runId' | 'workflow'>, difference: Difference) {
    const { code, place, expected, got, message } = difference;
    super(code, `Run '${runId}' of workflow '${workflow}' does not fit the code of today: ${message}.`,
      { runId });
    this.workflow = workflow;
    this.place = place;
    this.expected = expected;
    this.got = got;
  }
}

/**
 * Replays a history with the code of these workflows, begins no step, and writes nothing. Resolves if a
 * worker could go on with it; of a run that had ended, if the code ends it there in the same way. Throws
 * ReplayError where it does not fit, HISTORY_INVALID for anything that is no history, NOT_SERVED,
 * VALUE_UNREADABLE and REPLAY_STALLED where nobody can tell, and what is wrong with the workflows.
 */
export async function replay(history: History, candidate: Candidate): Promise<void> {
  const recorded = recordedOf(history);
  const verdict = await new Judge(candidate).judge(recorded);
  if (verdict.kind === 'diverges') throw new ReplayError(history, verdict.difference);
  if (verdict.kind === 'fits') return;
  const { runId } = history;
  const { code, message } = verdict;
  throw new WorkflowError(code, `The history of run '${runId}' cannot be replayed: ${message}.`, { runId });
}

/**
 * The history of a run, by verbs that only look. Throws RUN_NOT_FOUND, RUN_MOVING for one that changes all
 * the time, VALUE_UNREADABLE for values that cannot be opened, DATABASE_UNAVAILABLE.
 */
export async function readHistory(connection: Pick<Connection, 'store'>, runId: string): Promise<History> {
  const store: RecordReader = connection.store;
  const read = (await readRecorded(store, [runId])).get(runId) ?? 'gone';
  if (read === 'gone') {
    throw new WorkflowError('RUN_NOT_FOUND', `There is no run '${runId}'.`, { runId });
  }
  if (read === 'moving') throw moving(runId);
  return historyOf(read);
}

function moving(runId: string): WorkflowError {
  return new WorkflowError('RUN_MOVING', `Run '${runId}' has begun anew each time that it was read. Read ` +
    'it again later.', { runId });
}
