// What a call does outside of its run before it waits or is answered: starts and watches children, sends to
// them, subscribes to events. Each is fenced by the lease of the run, and may be done again.
import { createHash } from 'node:crypto';
import type { Call } from './call.js';
import { encode, encodeError, type Encoded } from './codec.js';
import { PayloadError, RunCancelledError, WorkflowError } from './errors.js';
import { toldIfLarge } from './large-values.js';
import {
  cancelId, signalId, type ChildAnswer, type NewChild, type NewMessage, type NewSubscription, type SendAnswer,
  type SubscribeAnswer,
} from './mail.js';
import { headersOf } from './headers.js';
import { longestName } from './names.js';
import type { ChildRequest, SendRequest } from './requests.js';
import { checkInput } from './schema.js';
import { priorityOf, startAttributes } from './start-values.js';
import { nothing, type Lease } from './store.js';

/** The ways out of a run: each answers for good, whatever the database does meanwhile. */
export interface ErrandHost {
  readonly lease: Lease;
  readonly headers: Readonly<Record<string, string>>;
  tie(child: NewChild): Promise<ChildAnswer>;
  send(message: NewMessage): Promise<SendAnswer>;
  subscribe(subscription: NewSubscription): Promise<SubscribeAnswer>;
}

/** How an errand ended: the call is answered, waits for mail now, or the lease is gone. */
export type ErrandEnd =
  | { readonly kind: 'answered'; readonly value: Encoded; readonly error: string | null }
  | { readonly kind: 'waits' }
  | { readonly kind: 'lost' };

const waits: ErrandEnd = { kind: 'waits' };

/** Longest reason with which a run cancels its child, in characters. */
const longestReason = 10_000;

/** Whether a call begins with an errand. */
export function hasErrand({ request }: Call): boolean {
  const { kind } = request;
  return kind === 'child' || kind === 'start' || kind === 'result' || kind === 'send' || kind === 'event';
}

/** Does what a call begins with. Never rejects. */
export async function runErrand(host: ErrandHost, call: Call): Promise<ErrandEnd> {
  try {
    return await errand(host, call);
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): ErrandEnd {
  return { kind: 'answered', value: nothing, error: encodeError(error) };
}

async function errand(host: ErrandHost, { place, request }: Call): Promise<ErrandEnd> {
  switch (request.kind) {
    case 'child':
    case 'start':
    case 'result':
      return tie(host, place, request);
    case 'send':
      return send(host, place, request);
    case 'event': {
      if (request.event === null) return waits;
      const answer = await host.subscribe({ lease: host.lease, place, ...request.event });
      return answer.kind === 'lost' ? { kind: 'lost' } : waits;
    }
    default:
      return waits;
  }
}

async function tie(host: ErrandHost, place: string, request: ChildRequest): Promise<ErrandEnd> {
  const child = await newChild(host, place, request);
  const answer = await host.tie(child);
  switch (answer.kind) {
    case 'lost':
      return { kind: 'lost' };
    case 'taken':
      return failed(new WorkflowError('RUN_ID_TAKEN', `Run '${child.childId}' exists and is of workflow ` +
        `'${answer.workflow}', not '${request.name}'. Give the child an id of its own.`));
    case 'refused':
      return failed(new PayloadError('VALUE_REFUSED', `The database refuses to store run ` +
        `'${child.childId}': ${answer.why}`, ''));
    default:
      if (request.id === null && answer.kind === 'tied' && answer.found === true) {
        return failed(strange(host.lease.runId, child.childId));
      }
      return request.kind === 'start'
        ? { kind: 'answered', value: encode(child.childId, 'the id of a child'), error: null } : waits;
  }
}

/** The id of the run that a call starts or watches. */
export function childIdOf(
  { runId, generation }: Pick<Lease, 'runId' | 'generation'>, place: string, { id }: Pick<ChildRequest, 'id'>,
): string {
  const made = id ?? `${runId}/${generation}/${place}`;
  if (made.length <= longestName) return made;
  return `child-${createHash('sha256').update(made).digest('hex')}`;
}

async function newChild(
  { lease, headers: inherited }: ErrandHost, place: string, request: ChildRequest,
): Promise<NewChild> {
  const { kind, definition, parentClose, delayMs, timeoutMs, options } = request;
  const childId = childIdOf(lease, place, request);
  if (childId === lease.runId) throw itself(childId);
  if (kind === 'result') return { lease, place, childId, run: null, parentClose: 'abandon', watch: true };
  const checked = await checkInput(definition, request.input);
  if (!checked.ok) throw checked.error;
  const what = `the input of workflow '${definition.name}'`;
  const run = {
    id: childId, workflow: definition.name, queue: definition.queue,
    input: toldIfLarge(encode(request.input, what), childId, what),
    delayMs: delayMs ?? undefined, timeoutMs: timeoutMs ?? undefined,
    priority: priorityOf(options.priority),
    attributes: startAttributes(definition, checked.value, options.attributes),
    headers: options.headers === undefined ? inherited : headersOf(options.headers),
  };
  return { lease, place, childId, run, parentClose, watch: kind === 'child' };
}

// Whose id is made of this run's can only be of a run that had this id before: its answer is not ours.
function strange(runId: string, childId: string): WorkflowError {
  return new WorkflowError('RUN_ID_TAKEN', `Run '${childId}' exists, and run '${runId}' has not started ` +
    `it. If it is left of a run '${runId}' that was deleted, delete it as well, and retry this run.`);
}

function itself(runId: string): WorkflowError {
  return new WorkflowError('CHILD_IS_ITSELF', `Run '${runId}' cannot be its own child: it would wait for ` +
    'itself for ever. Give the child an id of its own; to begin anew, use ctx.continueAsNew.', { runId });
}

async function send(host: ErrandHost, place: string, request: SendRequest): Promise<ErrandEnd> {
  const { runId, generation } = host.lease;
  const cancels = request.message === 'cancel';
  const what = `signal '${request.name}'`;
  const answer = await host.send({
    runId: request.childId,
    id: cancels ? cancelId : messageId(`${runId}:${generation}:${place}`),
    kind: request.message,
    name: cancels ? '' : request.name,
    payload: toldIfLarge(encode(request.payload, `the payload of ${what}`), request.childId, what),
    error: null,
  });
  if (answer.kind === 'lost') return { kind: 'lost' };
  if (answer.kind === 'refused') {
    throw new PayloadError('VALUE_REFUSED', `The database refuses a message: ${answer.why}`, '');
  }
  // What has ended cannot be cancelled any more, and need not be.
  if (!cancels && answer.kind === 'settled') throw gone('RUN_SETTLED', request.childId, 'has settled');
  if (!cancels && answer.kind === 'no-run') throw gone('RUN_NOT_FOUND', request.childId, 'does not exist');
  return { kind: 'answered', value: nothing, error: null };
}

function gone(code: string, runId: string, how: string): WorkflowError {
  return new WorkflowError(code, `Run '${runId}' ${how}: no signal can reach it.`, { runId });
}

/**
 * Cancels the child that a call waits for, for the reason that ends the call; as often as the run is
 * replayed: there is one cancel a run. A child that the call has found belongs to somebody else, and is left
 * alone.
 */
export async function cancelChild(
  host: ErrandHost, { place, doom }: Call, request: ChildRequest,
): Promise<'cancelled' | 'found' | 'lost'> {
  const { lease } = host;
  const childId = childIdOf(lease, place, request);
  if (request.id !== null) {
    const tie = { lease, place, childId, run: null, parentClose: 'abandon', watch: true } as const;
    const answer = await host.tie(tie);
    if (answer.kind === 'lost') return 'lost';
    if (answer.kind === 'tied' && answer.found === true) return 'found';
  }
  const reason = doom?.reason;
  const why = reason instanceof RunCancelledError ? reason.reason : String(reason?.message);
  // Said from parent to child it grows: it must not come to be what cannot be sent.
  const said = `its parent was cancelled: ${why}`.slice(0, longestReason);
  const payload = encode(said, 'the reason of a cancel');
  const { kind } = await host.send({
    runId: childId, id: cancelId, kind: 'cancel', name: '', payload, error: null,
  });
  return kind === 'lost' ? 'lost' : 'cancelled';
}

function messageId(made: string): string {
  const hash = (): string => `sha256-${createHash('sha256').update(made).digest('hex')}`;
  return signalId(made.length <= longestName ? made : hash());
}
