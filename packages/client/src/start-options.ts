// What a start can say, and the run that it makes.
import { PayloadError, WorkflowError, type Duration, type Workflow } from '@perdure/core';
import {
  checkInput, checkName, definitionOf, encode, toMilliseconds, type NewRun,
} from '@perdure/core/engine';

/** How a run is started. */
export interface StartOptions {
  /** Idempotency: the same id gives the first run back. Default: a new ULID. At most 191 characters. */
  id?: string | undefined;
  /**
   * What happens when a run of this id exists. 'use-existing' (default) gives it back if it is of the same
   * workflow, and throws RUN_ID_TAKEN if not; 'fail' throws RUN_EXISTS.
   */
  onConflict?: 'use-existing' | 'fail' | undefined;
  /** The run begins this long after the start, by the database's clock. */
  delay?: Duration | undefined;
  /** The run begins at this instant, by the database's clock; at once if it has passed. */
  startAt?: Date | undefined;
}

/** A start that was checked and encoded: nothing about it can fail any more but the database. */
export interface PreparedStart {
  readonly run: NewRun;
  /** Whether the caller chose the id: such a start can meet a stranger's. */
  readonly chosen: boolean;
  readonly onConflict: 'use-existing' | 'fail';
}

/**
 * Checks and encodes a start. Throws INPUT_INVALID, VALUE_NOT_STORABLE, VALUE_TOO_LARGE, INVALID_NAME,
 * INVALID_DURATION, INVALID_TIME and INVALID_OPTION, all before anything is written.
 */
export async function prepareStart(
  workflow: Workflow, input: unknown, given: { options: StartOptions; newId: () => string },
): Promise<PreparedStart> {
  const definition = definitionOf(workflow);
  const { id, onConflict = 'use-existing', delay, startAt } = given.options;
  if (id !== undefined) checkName(id, 'the id of a run');
  if (onConflict !== 'use-existing' && onConflict !== 'fail') {
    throw new WorkflowError('INVALID_OPTION', `onConflict is '${String(onConflict)}'; give 'use-existing' ` +
      "or 'fail'.");
  }
  if (delay !== undefined && startAt !== undefined) {
    throw new WorkflowError('INVALID_OPTION', 'delay and startAt exclude each other; give one of them.');
  }
  const checked = definition.input === null ? null : await checkInput(definition, input);
  if (checked !== null && !checked.ok) throw checked.error;
  const encoded = encode(input, `the input of workflow '${definition.name}'`);
  const run: NewRun = {
    id: id ?? given.newId(),
    workflow: definition.name,
    queue: definition.queue,
    input: encoded,
    delayMs: delay === undefined ? undefined : toMilliseconds(delay, 'delay'),
    startAtMs: startAt === undefined ? undefined : instantOf(startAt),
  };
  return { run, chosen: id !== undefined, onConflict };
}

function instantOf(time: Date): number {
  const ms = time instanceof Date ? time.getTime() : NaN;
  if (!Number.isNaN(ms)) return Math.max(0, ms);
  throw new WorkflowError('INVALID_TIME', 'startAt is no valid Date.');
}

/** The error of a start whose id belongs to another run. */
export function conflict(start: PreparedStart, standing: string): WorkflowError | null {
  const { id, workflow } = start.run;
  if (standing !== workflow) {
    return new WorkflowError('RUN_ID_TAKEN', `Run '${id}' exists and is of workflow '${standing}', not ` +
      `'${workflow}'. Ids are shared by all workflows of a schema: put the name of the workflow into the id.`,
      { runId: id });
  }
  if (start.onConflict === 'use-existing') return null;
  return new WorkflowError('RUN_EXISTS', `Run '${id}' of workflow '${workflow}' exists. Use another id, or ` +
    "onConflict: 'use-existing' to get that run.", { runId: id });
}

/** The error of a start that another transaction keeps from its id. */
export function blocked(id: string): WorkflowError {
  return new WorkflowError('START_BLOCKED', `Run '${id}' was not started: another open transaction holds ` +
    'the same id. Try again when it has ended.', { runId: id });
}

/** The error of a start whose value the database refuses. */
export function refused(start: PreparedStart, why: string): PayloadError {
  return new PayloadError('VALUE_REFUSED', `The database refuses to store run '${start.run.id}': ${why}`, '',
    { runId: start.run.id });
}
