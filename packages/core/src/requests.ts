// Everything a workflow can ask for, as plain data with the code to run.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ChildOptions, StepInfo, StepOptions, TransactionOptions } from './context.js';
import type { Duration } from './duration-type.js';
import { toMilliseconds } from './duration.js';
import { WorkflowError } from './errors.js';
import type { MessageKind, ParentClose } from './mail.js';
import { checkName, hasHalfPair } from './names.js';
import type { Tx, Workflow } from './ports.js';
import { resolveRetry, type ResolvedRetry } from './retry.js';
import type { AttributeValue } from './store.js';
import { definitionOf, type WorkflowDefinition } from './workflow.js';

/** A step as it was asked for, ready to run. Times in milliseconds; null where there is no limit. */
export interface StepRequest {
  readonly kind: 'step';
  readonly name: string;
  readonly body: (step: StepInfo) => unknown;
  readonly retry: ResolvedRetry;
  readonly timeoutMs: number | null;
  readonly totalTimeoutMs: number | null;
  readonly heartbeatMs: number | null;
  /** For a step of a rollback, what is undone: its failure is no answer, but parks the run. Else null. */
  readonly rollback: Error | null;
}

/** A transactional step as it was asked for. */
export interface TransactionRequest {
  readonly kind: 'transaction';
  readonly name: string;
  readonly body: (tx: Tx, step: StepInfo) => unknown;
  readonly retry: ResolvedRetry;
  /** Null: the default of the engine. */
  readonly timeoutMs: number | null;
  readonly isolationLevel: 'read committed' | 'repeatable read' | 'serializable';
}

/** A sleep as it was asked for. */
export interface SleepRequest {
  readonly kind: 'sleep';
  readonly name: string;
  readonly delayMs: number | null;
  readonly atMs: number | null;
}

/** Where a wait finds its message: a kind and a name of the inbox. */
export interface Box {
  readonly kind: MessageKind;
  readonly name: string;
}

/** A wait for a message. */
export interface WaitRequest {
  readonly kind: 'signal' | 'event' | 'callback';
  readonly name: string;
  readonly box: Box;
  readonly timeoutMs: number | null;
  /** What its payload must fit. */
  readonly schema: StandardSchemaV1 | null;
  /** An event is subscribed to. */
  readonly event: { readonly name: string; readonly key: string; readonly lookBackMs: number } | null;
}

/** A child to be started, or watched: `child` does both, `start` and `result` one of them. */
export interface ChildRequest {
  readonly kind: 'child' | 'start' | 'result';
  /** Of the child's workflow. */
  readonly name: string;
  readonly definition: WorkflowDefinition;
  readonly input: unknown;
  /** Null: made of the place. */
  readonly id: string | null;
  readonly delayMs: number | null;
  readonly timeoutMs: number | null;
  readonly options: Pick<ChildOptions, 'priority' | 'attributes' | 'headers'>;
  readonly parentClose: ParentClose;
  /** Makes of the recorded answer what the code gets. */
  readonly answer: (value: unknown) => unknown;
}

/** A message to a child. */
export interface SendRequest {
  readonly kind: 'send';
  /** Of the signal; 'cancel' for a cancel. */
  readonly name: string;
  readonly childId: string;
  readonly message: 'signal' | 'cancel';
  readonly payload: unknown;
}

/** Attributes to set. */
export interface SetRequest {
  readonly kind: 'set';
  readonly name: string;
  readonly attributes: ReadonlyArray<{ readonly name: string; readonly value: AttributeValue | null }>;
}

/** The secret part of a callback's token. */
export interface TokenRequest {
  readonly kind: 'token';
  readonly name: string;
  readonly answer: (value: unknown) => unknown;
}

/** Everything a workflow can ask for. */
export type CallRequest = StepRequest | TransactionRequest | SleepRequest | WaitRequest | ChildRequest
  | SendRequest | SetRequest | TokenRequest;

/**
 * Whether a call only waits. What only waits can be withdrawn at any point without a trace; everything else
 * may have an effect, so it is told to stop, and its answer is recorded whatever it is.
 */
export function onlyWaits(request: CallRequest): boolean {
  switch (request.kind) {
    case 'sleep':
    case 'signal':
    case 'event':
    case 'callback':
    case 'result':
      return true;
    case 'child':
      return request.parentClose === 'abandon';
    default:
      return false;
  }
}

interface Asking {
  readonly runId: string;
  readonly definition: WorkflowDefinition;
}

/** A step from what `ctx.step` was given. Throws INVALID_STEP, _NAME, _RETRY and _DURATION. */
export function stepRequest(
  { runId, definition }: Asking, name: string, [options, body]: readonly unknown[],
): StepRequest {
  checkName(name, 'the name of a step');
  demandBody(runId, name, [options, body]);
  const { retry, timeout, totalTimeout, heartbeatTimeout } = options as StepOptions;
  const what = `Step '${name}'`;
  return {
    kind: 'step',
    name,
    body: body as StepRequest['body'],
    retry: retry === undefined ? definition.retry : resolveRetry(retry, definition.retry, what),
    timeoutMs: millisOf(timeout, `${what}: timeout`),
    totalTimeoutMs: millisOf(totalTimeout, `${what}: totalTimeout`),
    heartbeatMs: millisOf(heartbeatTimeout, `${what}: heartbeatTimeout`),
    rollback: null,
  };
}

function demandBody(runId: string, name: string, [options, body]: readonly unknown[]): void {
  if (typeof body === 'function' && typeof options === 'object' && options !== null) return;
  throw new WorkflowError('INVALID_STEP', `Step '${name}' has no function. Write ctx.step(name, async ` +
    '() => …), or ctx.step(name, options, async () => …).', { runId });
}

function millisOf(duration: Duration | undefined, what: string): number | null {
  return duration === undefined ? null : toMilliseconds(duration, what);
}

const isolationLevels: ReadonlySet<string> = new Set(['read committed', 'repeatable read', 'serializable']);

/** A transactional step, as `ctx.transaction` was given it. Throws as `stepRequest`, and INVALID_OPTION. */
export function transactionRequest(
  { runId, definition }: Asking, name: string, [options, body]: readonly unknown[],
): TransactionRequest {
  checkName(name, 'the name of a step');
  demandBody(runId, name, [options, body]);
  const { retry, timeout, isolationLevel = 'read committed' } = options as TransactionOptions;
  const what = `Step '${name}'`;
  if (!isolationLevels.has(isolationLevel)) {
    throw new WorkflowError('INVALID_OPTION', `${what}: isolationLevel is '${String(isolationLevel)}'; ` +
      "give 'read committed', 'repeatable read' or 'serializable'.", { runId });
  }
  return {
    kind: 'transaction',
    name,
    body: body as TransactionRequest['body'],
    retry: retry === undefined ? definition.retry : resolveRetry(retry, definition.retry, what),
    timeoutMs: millisOf(timeout, `${what}: timeout`),
    isolationLevel,
  };
}

/** A child from what the context was given. Throws NOT_A_WORKFLOW, INVALID_NAME, INVALID_OPTION. */
export function childRequest(
  kind: ChildRequest['kind'], child: Workflow, given: { input: unknown; options: ChildOptions },
): ChildRequest {
  const definition = definitionOf(child);
  const { id, delay, timeout, parentClose, ...options } = given.options;
  if (id !== undefined) checkName(id, 'the id of a run');
  if (parentClose !== undefined && !['cancel', 'terminate', 'abandon'].includes(parentClose)) {
    throw new WorkflowError('INVALID_OPTION', `parentClose is '${String(parentClose)}'; give 'cancel', ` +
      "'terminate' or 'abandon'.");
  }
  return {
    kind,
    name: definition.name,
    definition,
    input: given.input,
    id: id ?? null,
    delayMs: millisOf(delay, 'delay'),
    timeoutMs: millisOf(timeout, 'timeout') ?? definition.timeoutMs,
    options,
    parentClose: parentClose ?? 'default',
    answer: (value) => value,
  };
}

/** Attributes as a list. Throws INVALID_NAME and INVALID_ATTRIBUTE. */
export function attributesOf(given: Record<string, AttributeValue | null>): SetRequest['attributes'] {
  return Object.entries(given).map(([name, value]) => {
    checkName(name, 'the name of an attribute');
    const why = wrongWith(value);
    if (why === null) return { name, value };
    throw new WorkflowError('INVALID_ATTRIBUTE', `Attribute '${name}' ${why}. Attributes are texts, finite ` +
      'numbers, booleans and valid Dates; null removes one.');
  });
}

/** Longest text of an attribute, in bytes of UTF-8: it is indexed. */
export const longestAttribute = 1_000;

function wrongWith(value: unknown): string | null {
  if (value === null || typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : `is ${value}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'is an invalid Date' : null;
  if (typeof value !== 'string') return `is of type ${typeof value}`;
  if (value.includes('\0')) return 'contains a NUL character';
  if (hasHalfPair(value)) return 'contains half of a surrogate pair';
  const bytes = Buffer.byteLength(value);
  return bytes <= longestAttribute ? null : `has ${bytes} bytes in UTF-8; ${longestAttribute} are the limit`;
}

/** A caller's instant in milliseconds. Throws INVALID_TIME. */
export function instantOf(time: Date): number {
  const ms = time instanceof Date ? time.getTime() : NaN;
  if (Number.isNaN(ms)) {
    throw new WorkflowError('INVALID_TIME', 'ctx.sleepUntil was not given a valid Date. Pass a Date; for ' +
      'a length of time use ctx.sleep.');
  }
  // Databases begin at different years; whatever has passed has passed.
  return Math.max(0, ms);
}
