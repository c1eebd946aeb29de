// What a start can say, and the run that it makes.
import {
  PayloadError, WorkflowError, type AttributeValue, type Duration, type StartArgs as ArgsOf, type Workflow,
} from '@perdure/core';
import {
  checkInput, checkName, definitionOf, encode, headersOf, priorityOf, startAttributes, toldIfLarge,
  toMilliseconds, type NewRun, type StartAnswer, type WorkflowDefinition,
} from '@perdure/core/engine';
import type { Gathered } from './gatherer.js';
import { checkChoice, givenOptions } from './given.js';

/** How a run is started. */
export interface StartOptions {
  /** Idempotency: the same id gives the first run back. Default: a new ULID. At most 191 characters. */
  id?: string | undefined;
  /**
   * What happens when a run of this id exists. 'use-existing' (default) gives it back if it is of the same
   * workflow, and throws RUN_ID_TAKEN if not. 'fail' throws RUN_EXISTS. 'restart-if-failed' begins a run that
   * failed or was cancelled anew, in its next generation, with this input and these options, and is
   * 'use-existing' for every other.
   */
  onConflict?: OnConflict | undefined;
  /** Where the run stands in line. Default: the queue of its workflow. */
  queue?: string | undefined;
  /**
   * A whole number from -2 to 2: of the runs that are due, those of a higher priority are claimed before all
   * of a lower one. Default 0.
   */
  priority?: number | undefined;
  /** The run begins this long after the start, by the database's clock. */
  delay?: Duration | undefined;
  /** The run begins at this instant, by the database's clock; at once if it has passed. */
  startAt?: Date | undefined;
  /**
   * Longest time from the first claim of the run to its end; then it is ended as a cancelled run is, and
   * fails with RUN_TIMEOUT. Default: that of the workflow, and none if it names none.
   */
  timeout?: Duration | undefined;
  /** What the run can be searched by from the beginning; beside those of its workflow, and before them. */
  attributes?: Readonly<Record<string, AttributeValue>> | undefined;
  /**
   * What is carried along and never looked at, such as the context of a trace: `ctx.headers`. At most 64, of
   * 8 KiB together.
   */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** What happens when a run of an id exists. */
export type OnConflict = 'use-existing' | 'fail' | 'restart-if-failed';

const conflicts: readonly string[] = ['use-existing', 'fail', 'restart-if-failed'] satisfies OnConflict[];

/** The arguments after the workflow: an input, unless the workflow takes none, and options. */
export type StartArgs<In> = ArgsOf<In, StartOptions>;

/** A start that was checked and encoded. `chosen`: the id is the caller's. */
export interface PreparedStart extends Gathered, Conflicting {
  readonly definition: WorkflowDefinition;
}

/** What may meet a run of the same id. */
export interface Conflicting {
  readonly run: NewRun;
  readonly onConflict: OnConflict;
}

/**
 * Checks and encodes a start. Throws INPUT_INVALID, VALUE_NOT_STORABLE, VALUE_TOO_LARGE, INVALID_NAME,
 * INVALID_DURATION, INVALID_TIME, INVALID_ATTRIBUTE and INVALID_OPTION, all before anything is written.
 */
export async function prepareStart(
  workflow: Workflow, input: unknown, given: { options: StartOptions | undefined; newId: () => string },
): Promise<PreparedStart> {
  const definition = definitionOf(workflow);
  const options = givenOptions(given.options, 'a start');
  const { id, onConflict = 'use-existing' } = options;
  const place = placeOf(definition, options);
  const parsed = await parse(definition, input);
  const attributes = startAttributes(definition, parsed, options.attributes);
  const runId = id ?? given.newId();
  const what = `the input of workflow '${definition.name}'`;
  const encoded = encode(input, what);
  const run: NewRun = {
    ...place, id: runId, workflow: definition.name, input: toldIfLarge(encoded, runId, what), attributes,
    restart: onConflict === 'restart-if-failed' ? true : undefined,
  };
  const length = encoded.text?.length ?? 0;
  return { run, definition, length, chosen: id !== undefined, onConflict };
}

type Place = Omit<NewRun, 'id' | 'workflow' | 'input' | 'attributes' | 'restart'>;

// Everything that can be checked before the input is looked at.
function placeOf(definition: WorkflowDefinition, options: StartOptions): Place {
  const { id, onConflict, delay, startAt, timeout, queue, headers } = options;
  if (id !== undefined) checkName(id, 'the id of a run');
  if (onConflict !== undefined) checkChoice(onConflict, 'onConflict', conflicts);
  if (queue !== undefined) checkName(queue, 'the queue of a start');
  if (delay !== undefined && startAt !== undefined) {
    throw new WorkflowError('INVALID_OPTION', 'delay and startAt exclude each other; give one of them.');
  }
  return {
    queue: queue ?? definition.queue,
    priority: priorityOf(options.priority),
    headers: headers === undefined ? undefined : headersOf(headers),
    delayMs: delay === undefined ? undefined : toMilliseconds(delay, 'delay'),
    startAtMs: startAt === undefined ? undefined : instantOf(startAt),
    timeoutMs: timeout === undefined ? definition.timeoutMs ?? undefined : toMilliseconds(timeout, 'timeout'),
  };
}

async function parse(definition: WorkflowDefinition, input: unknown): Promise<unknown> {
  if (definition.input === null) return input;
  const checked = await checkInput(definition, input);
  if (checked.ok) return checked.value;
  throw checked.error;
}

function instantOf(time: Date): number {
  const ms = time instanceof Date ? time.getTime() : NaN;
  if (!Number.isNaN(ms)) return Math.max(0, ms);
  throw new WorkflowError('INVALID_TIME', 'startAt is no valid Date.');
}

/** The error of a start whose id belongs to another run. */
export function conflict(start: Conflicting, standing: string): WorkflowError | null {
  const { id, workflow } = start.run;
  if (standing !== workflow) {
    return new WorkflowError('RUN_ID_TAKEN', `Run '${id}' exists and is of workflow '${standing}', not ` +
      `'${workflow}'. Ids are shared by all workflows of a schema: put the name of the workflow into the id.`,
      { runId: id });
  }
  if (start.onConflict !== 'fail') return null;
  return new WorkflowError('RUN_EXISTS', `Run '${id}' of workflow '${workflow}' exists. Use another id, or ` +
    "onConflict: 'use-existing' to get that run.", { runId: id });
}

/** The error of a start that another transaction keeps from its id. */
export function blocked({ run: { id } }: Conflicting): WorkflowError {
  return new WorkflowError('START_BLOCKED', `Run '${id}' was not started: another open transaction holds ` +
    'the same id. Try again when it has ended.', { runId: id });
}

/** The error that an answer means; null when the run is there. */
export function startFailure(start: Conflicting, answer: StartAnswer | undefined): Error | null {
  const { id } = start.run;
  switch (answer?.kind) {
    case 'created':
      return null;
    case 'exists':
      return conflict(start, answer.workflow);
    case 'refused':
      return new PayloadError('VALUE_REFUSED', `The database refuses to store run '${id}': ${answer.why}`, '',
        { runId: id });
    default:
      return blocked(start);
  }
}
