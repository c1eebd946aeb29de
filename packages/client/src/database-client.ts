// The client on a database: what was passed is told apart, checked, and written in the caller's transaction,
// or gathered with what others write.
import { WorkflowError, type Connection, type Workflow } from '@perdure/core';
import { definitionOf, systemEnv, type Env, type StartStore } from '@perdure/core/engine';
import { checkDatabase, type CheckOptions, type Finding } from './check.js';
import type { Client, ClientOptions } from './client.js';
import { checkObject, givenOptions } from './given.js';
import { guard, type Deed } from './guard.js';
import { defaultCancelReason, knownDeed, OpenHandle, signalDeed } from './handle.js';
import {
  answerTo, cancelOf, emitFailure, eventOf, sendFailure, signalTo, type CallbackAnswer, type EmitOptions,
  type PreparedMessage, type SendOptions,
} from './mail.js';
import { makeParts, type Opening, type Parts } from './parts.js';
import {
  listRuns, queryRuns, type RunFilter, type RunPage, type RunSearch, type RunSummary,
} from './query.js';
import { KnownRun, type AnyRef, type RunRef } from './run-ref.js';
import { selectRuns, type RunSelection, type SelectionFilter } from './selection.js';
import {
  startManyAlone, startManyWithin, type Bulk, type GivenRuns, type StartedMany, type StartManyOptions,
} from './start-many.js';
import { prepareStart, startFailure, type PreparedStart, type StartOptions } from './start-options.js';

/** Makes a client on a Connection. Cheap: one for the whole application. */
export function createClient(options: ClientOptions): Client {
  return new DatabaseClient(options);
}

const defaultDeadlineMs = 10_000;

// The overloads of the interface are the types of what these methods are given.
class DatabaseClient implements Client, Opening {
  readonly env: Env;
  readonly deadlineMs: number;
  readonly #source: Connection | (() => Promise<Connection>);
  readonly #requireTransaction: boolean;
  #opening: Promise<Parts> | null = null;

  constructor(options: ClientOptions) {
    checkObject(options, 'What createClient is given');
    const { connection, requireTransaction = false, deadlineMs = defaultDeadlineMs, env } = options;
    checkClient(connection, deadlineMs);
    this.env = env ?? systemEnv;
    this.deadlineMs = deadlineMs;
    this.#source = connection;
    this.#requireTransaction = requireTransaction;
    if (typeof connection !== 'function') this.#opening = Promise.resolve(makeParts(connection, this));
  }

  open(): Promise<Parts> {
    if (this.#opening !== null || typeof this.#source !== 'function') return this.#opening as Promise<Parts>;
    const opening = this.#source().then((connection) => makeParts(connection, this));
    this.#opening = opening;
    // The next use tries again: the database may only have been late.
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = null;
    });
    return opening;
  }

  // ---- starts --------------------------------------------------------------------------------------------

  start(...args: readonly unknown[]): Promise<never> {
    const started = isWorkflow(args[0])
      ? this.#startAlone(args[0], args[1], args[2] as StartOptions | undefined)
      : this.#startWithin(args[0], args[1] as Workflow, [args[2], args[3] as StartOptions | undefined]);
    return started as Promise<never>;
  }

  async #startWithin(
    transaction: unknown, workflow: Workflow, [input, options]: readonly [unknown, StartOptions | undefined],
  ): Promise<RunRef> {
    if (!isWorkflow(workflow)) definitionOf(workflow);
    const { duePoker, store } = await this.#within(transaction, startDeed(options));
    const start = await this.#prepare(workflow, input, options);
    const { run } = start;
    const [answer] = await store.startRuns([run]);
    const failure = startFailure(start, answer);
    if (failure !== null) throw failure;
    duePoker.wrote();
    return new KnownRun(run.id, run.workflow, start.definition);
  }

  async #startAlone(workflow: Workflow, input: unknown, options?: StartOptions): Promise<OpenHandle> {
    await this.#alone('start(tx, workflow, input)', startDeed(options));
    const start = await this.#prepare(workflow, input, options);
    const { starts } = await this.open();
    await starts.add(start);
    const { run, definition } = start;
    return new OpenHandle(this, new KnownRun(run.id, run.workflow, definition), true);
  }

  #prepare(workflow: Workflow, input: unknown, options?: StartOptions): Promise<PreparedStart> {
    return prepareStart(workflow, input, { options, newId: () => this.env.newId() });
  }

  async startMany(...args: readonly unknown[]): Promise<never> {
    const started = isWorkflow(args[0])
      ? this.#startManyAlone(args[0], args[1] as GivenRuns, args[2] as StartManyOptions | undefined)
      : this.#startManyWithin(args[0], args[1] as Workflow,
        [args[2] as GivenRuns, args[3] as StartManyOptions | undefined]);
    return await started as never;
  }

  async #startManyAlone(
    workflow: Workflow, runs: GivenRuns, options: StartManyOptions | undefined,
  ): Promise<StartedMany> {
    await this.#alone('startMany(tx, workflow, runs)', bulkDeed);
    const { starts } = await this.open();
    return startManyAlone(starts, this.#bulk(workflow, options, undefined), runs);
  }

  async #startManyWithin(
    transaction: unknown, workflow: Workflow,
    [runs, options]: readonly [GivenRuns, StartManyOptions | undefined],
  ): Promise<readonly RunRef[]> {
    if (!isWorkflow(workflow)) definitionOf(workflow);
    const { duePoker, store } = await this.#within(transaction, bulkDeed);
    const refs = await startManyWithin(store, this.#bulk(workflow, options, transaction), runs);
    if (refs.length > 0) duePoker.wrote();
    return refs;
  }

  #bulk(workflow: Workflow, options: StartManyOptions | undefined, transaction: unknown): Bulk {
    return {
      workflow, options,
      newId: () => this.env.newId(),
      check: (id) => void guard(startDeed({ id }), transaction),
    };
  }

  async execute(...args: readonly unknown[]): Promise<never> {
    const handle: OpenHandle = await this.start(...args);
    return handle.result();
  }

  get(refOrWorkflow: AnyRef | Workflow, id?: string): OpenHandle {
    return new OpenHandle(this, KnownRun.from(refOrWorkflow, id));
  }

  // ---- mail ----------------------------------------------------------------------------------------------

  async signal(transaction: unknown, run: AnyRef, ...message: readonly unknown[]): Promise<void> {
    const [name, payload, options] = message as [name: string, payload: unknown, options?: SendOptions];
    const { id } = givenOptions(options, 'a signal');
    const within = await this.#within(transaction, signalDeed(id));
    const prepared = await signalTo(run, { name, payload, id, newId: () => this.env.newId() });
    await sendWithin(within, prepared);
  }

  async cancel(transaction: unknown, run: AnyRef, reason: string = defaultCancelReason): Promise<void> {
    await sendWithin(await this.#within(transaction, knownDeed), cancelOf(run, reason));
  }

  async emit(...args: readonly unknown[]): Promise<void> {
    const [first, second, third, fourth] = args;
    if (typeof first === 'string') await this.#emitAlone(first, second, third as EmitOptions | undefined);
    else await this.#emitWithin(first, second as string, [third, fourth as EmitOptions | undefined]);
  }

  async #emitAlone(name: string, payload: unknown, given: EmitOptions | undefined): Promise<void> {
    const options = givenOptions(given, 'an event');
    await this.#alone('emit(tx, event, payload)', emitDeed(options));
    const event = eventOf(name, payload, { ...options, newId: () => this.env.newId() });
    const { events } = await this.open();
    await events.add(event);
  }

  async #emitWithin(
    transaction: unknown, name: string, [payload, given]: readonly [unknown, EmitOptions | undefined],
  ): Promise<void> {
    const options = givenOptions(given, 'an event');
    const { store, mailPoker } = await this.#within(transaction, emitDeed(options));
    const prepared = eventOf(name, payload, { ...options, newId: () => this.env.newId() });
    const [answer = { kind: 'busy' } as const] = await store.emitEvents([prepared.event]);
    const failure = emitFailure(prepared, answer);
    if (failure !== null) throw failure;
    mailPoker.wrote();
  }

  complete(...args: readonly unknown[]): Promise<void> {
    return this.#answer(args, 'complete(tx, token, value)', (value) => ({ value }));
  }

  fail(...args: readonly unknown[]): Promise<void> {
    return this.#answer(args, 'fail(tx, token, error)', (error) => ({ error }));
  }

  async #answer(
    args: readonly unknown[], call: string, answer: (given: unknown) => CallbackAnswer,
  ): Promise<void> {
    if (typeof args[0] !== 'string') {
      const within = await this.#within(args[0], knownDeed);
      await sendWithin(within, answerTo(args[1] as string, answer(args[2])));
      return;
    }
    await this.#alone(call, knownDeed);
    const message = answerTo(args[0], answer(args[1]));
    const { messages } = await this.open();
    await messages.add(message);
  }

  // ---- runs ----------------------------------------------------------------------------------------------

  query(search?: RunSearch): Promise<RunPage> {
    return queryRuns(this, search);
  }

  list(filter?: RunFilter): AsyncIterable<RunSummary> {
    return listRuns(this, filter);
  }

  select(filter: SelectionFilter): RunSelection {
    return selectRuns(this, filter);
  }

  check(options?: CheckOptions): AsyncIterable<Finding> {
    return checkDatabase(this, options);
  }

  // ---- in a transaction, or outside of any ---------------------------------------------------------------

  async #within(transaction: unknown, deed: Deed): Promise<Within> {
    await guard(deed, transaction);
    const parts = await this.open();
    return { ...parts, store: await parts.connection.within(transaction) };
  }

  async #alone(call: string, deed: Deed): Promise<void> {
    await guard(deed);
    if (!this.#requireTransaction) return;
    throw new WorkflowError('TRANSACTION_REQUIRED', 'This client was made with requireTransaction: pass ' +
      `the transaction of the writes that this belongs to, client.${call}.`);
  }

  async close(): Promise<void> {
    const parts = await this.#opening?.catch(() => null);
    parts?.watcher.close();
    if (typeof this.#source !== 'function') return;
    this.#opening = null;
    await parts?.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Within extends Parts {
  readonly store: StartStore;
}

async function sendWithin({ store, mailPoker }: Within, prepared: PreparedMessage): Promise<void> {
  const [answer = { kind: 'busy' } as const] = await store.sendMessages([prepared.message]);
  const failure = sendFailure(prepared, answer);
  if (failure !== null) throw failure;
  mailPoker.wrote();
}

function startDeed(options: StartOptions | undefined): Deed {
  const { id } = givenOptions(options, 'a start');
  return { what: 'starts a run', id, code: 'START_NEEDS_ID' };
}

// Each of them is looked at by itself.
const bulkDeed: Deed = { what: 'starts runs', id: null, code: 'START_NEEDS_ID' };

function emitDeed({ id }: EmitOptions): Deed {
  return { what: 'emits an event', id, code: 'SEND_NEEDS_ID' };
}

function checkClient(connection: unknown, deadlineMs: unknown): void {
  if (typeof connection !== 'function') checkObject(connection, 'The connection of a client');
  if (typeof deadlineMs === 'number' && deadlineMs >= 0) return;
  throw new WorkflowError('INVALID_OPTION', `deadlineMs is ${String(deadlineMs)}; give milliseconds, from ` +
    '0 up.');
}

function isWorkflow(given: unknown): given is Workflow {
  return typeof given === 'object' && given !== null && 'name' in given && !('query' in given) &&
    !('executeQuery' in given);
}
