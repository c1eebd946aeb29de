// The context of one branch: turns what the code says into requests, and joins branches.
import { toMilliseconds } from './duration.js';
import type { Branch } from './branch.js';
import type { BranchHost } from './branch-host.js';
import type {
  Branches, Callback, ChildOptions, ChildRun, Ctx, MapOptions, StepBody, StepInfo, StepOptions,
  TransactionOptions,
} from './context.js';
import type { Duration } from './duration-type.js';
import { WorkflowError } from './errors.js';
import { all, map, race, type Piece } from './joins.js';
import type { Logger } from './logger.js';
import { eventBox } from './mail.js';
import { checkName } from './names.js';
import type { Tx, Workflow } from './ports.js';
import {
  attributesOf, childRequest, instantOf, stepRequest, transactionRequest, type CallRequest,
} from './requests.js';
import { signalSchema } from './signals.js';
import type { AttributeValue } from './store.js';
import { makeToken } from './callback-token.js';

type AnySignals = Record<string, unknown>;

const defaultLookBackMs = 60_000;

/** What the function of a branch is given. Its types are those of `Ctx`; the code's own flow through it. */
export class ContextOfBranch implements Ctx<AnySignals> {
  readonly #host: BranchHost;
  readonly #branch: Branch;

  constructor(host: BranchHost, branch: Branch) {
    this.#host = host;
    this.#branch = branch;
  }

  get runId(): string {
    return this.#host.runId;
  }

  get attempt(): number {
    return this.#host.generation;
  }

  get startedAt(): Date {
    return new Date(this.#host.startedAtMs);
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#host.headers;
  }

  get log(): Logger {
    return this.#host.log;
  }

  get abortSignal(): AbortSignal {
    return this.#host.signalOf(this.#branch);
  }

  #call(request: CallRequest): Promise<never> {
    // A call is answered with what its request says, decoded again: the types of Ctx are the code's.
    return this.#host.call(this.#branch, request) as Promise<never>;
  }

  step<T>(name: string, second: StepOptions | StepBody<T>, third?: StepBody<T>): Promise<T> {
    const { runId, definition } = this.#host;
    const [options, body] = third === undefined ? [{}, second] : [second, third];
    return this.#call(stepRequest({ runId, definition }, name, [options, body]));
  }

  transaction<T>(
    name: string, second: TransactionOptions | ((tx: Tx, step: StepInfo) => Promise<T>),
    third?: (tx: Tx, step: StepInfo) => Promise<T>,
  ): Promise<T> {
    const { runId, definition } = this.#host;
    const [options, body] = third === undefined ? [{}, second] : [second, third];
    return this.#call(transactionRequest({ runId, definition }, name, [options, body]));
  }

  sleep(duration: Duration): Promise<void> {
    const delayMs = toMilliseconds(duration, 'ctx.sleep');
    return this.#call({ kind: 'sleep', name: 'sleep', delayMs, atMs: null });
  }

  sleepUntil(time: Date): Promise<void> {
    return this.#call({ kind: 'sleep', name: 'sleepUntil', delayMs: null, atMs: instantOf(time) });
  }

  waitFor(signal: string, options: { timeout?: Duration | undefined } = {}): Promise<never> {
    checkName(signal, 'the name of a signal');
    const schema = signalSchema(this.#host.definition, signal);
    const timeoutMs = limitOf(options.timeout, `ctx.waitFor('${signal}')`);
    return this.#call({
      kind: 'signal', name: signal, box: { kind: 'signal', name: signal }, timeoutMs, schema, event: null,
    });
  }

  waitForEvent(
    event: string, options: { key?: string | undefined; timeout: Duration; lookBack?: Duration | undefined },
  ): Promise<never> {
    checkName(event, 'the name of an event');
    const { key = '', timeout, lookBack = defaultLookBackMs } = options;
    if (key !== '') checkName(key, `the key of event '${event}'`);
    const what = `ctx.waitForEvent('${event}')`;
    const box = { kind: 'event', name: eventBox(event, key) } as const;
    return this.#call({
      kind: 'event', name: event, box, timeoutMs: toMilliseconds(timeout, `${what}: timeout`), schema: null,
      event: { name: event, key, lookBackMs: toMilliseconds(lookBack, `${what}: lookBack`) },
    });
  }

  callback<T>(): Promise<Callback<T>> {
    const { runId, generation } = this.#host;
    const wait = (key: string, options: { timeout?: Duration | undefined } = {}): Promise<never> => {
      const timeoutMs = limitOf(options.timeout, 'the result of a callback');
      const box = { kind: 'callback', name: key } as const;
      return this.#call({ kind: 'callback', name: 'callback', box, timeoutMs, schema: null, event: null });
    };
    const answer = (given: unknown): Callback<T> => {
      const key = String(given);
      const token = makeToken({ runId, generation, key });
      return { token, result: (options?: { timeout: Duration }) => wait(key, options) };
    };
    return this.#call({ kind: 'token', name: 'callback', answer });
  }

  execute(child: Workflow, input?: unknown, options: ChildOptions = {}): Promise<never> {
    return this.#call(childRequest('child', child, { input, options }));
  }

  start(child: Workflow, input?: unknown, options: ChildOptions = {}): Promise<ChildRun<never, never>> {
    const request = childRequest('start', child, { input, options });
    return this.#call({ ...request, answer: (id) => this.#childRun(child, String(id)) });
  }

  #childRun(child: Workflow, id: string): ChildRun<never, AnySignals> {
    const send = (message: 'signal' | 'cancel', name: string, payload: unknown): Promise<never> =>
      this.#call({ kind: 'send', name, childId: id, message, payload });
    return {
      id,
      result: () => this.#call(childRequest('result', child, { input: undefined, options: { id } })),
      cancel: (reason = 'its parent asked for it') => send('cancel', 'cancel', reason),
      signal: (name, payload) => {
        checkName(name, 'the name of a signal');
        return send('signal', name, payload);
      },
    };
  }

  map<Item, T>(
    name: string, items: Iterable<Item>, options: MapOptions<Item>,
    body: (item: Item, step: StepInfo) => T | Promise<T>,
  ): Promise<T[]> {
    const { runId, definition } = this.#host;
    const request = stepRequest({ runId, definition }, name, [options, body]);
    const { key, concurrency } = options;
    const pieces = [...items].map((item, index) => ({
      key: key === undefined ? String(index) : key(item),
      run: (branch: Branch) =>
        this.#host.call(branch, { ...request, body: (step: StepInfo) => body(item, step) }),
    }));
    return this.#host.join(this.#branch, 'map', (group) =>
      map(this.#host, group, { name, pieces, concurrency })) as Promise<T[]>;
  }

  race(branches: Branches<AnySignals>): Promise<never> {
    const pieces = this.#pieces('race', branches);
    return this.#host.join(this.#branch, 'race', (group) =>
      race(this.#host, group, pieces)) as Promise<never>;
  }

  all(
    branches: Branches<AnySignals>, { concurrency }: { concurrency?: number | undefined } = {},
  ): Promise<never> {
    const pieces = this.#pieces('all', branches);
    return this.#host.join(this.#branch, 'all', (group) =>
      all(this.#host, group, { pieces, concurrency })) as Promise<never>;
  }

  #pieces(verb: 'race' | 'all', branches: Branches<AnySignals>): Piece[] {
    if (typeof branches !== 'object' || branches === null) throw notBranches(verb, 'it was given none');
    return Object.entries(branches).map(([key, body]) => {
      if (key !== '') checkName(key, `the name of a branch of ctx.${verb}`);
      if (typeof body !== 'function') throw notBranches(verb, `'${key}' is of type ${typeof body}`);
      return { key, run: (branch) => body(new ContextOfBranch(this.#host, branch)) };
    });
  }

  patched(id: string): Promise<boolean> {
    checkName(id, 'the id of a patch');
    return this.#host.patched(this.#branch, id);
  }

  continueAsNew(input?: unknown): Promise<never> {
    return this.#host.continueAsNew(this.#branch, input);
  }

  onRollback(name: string, body: (step: StepInfo, cause: Error) => unknown): void {
    checkName(name, 'the name of a rollback');
    if (typeof body !== 'function') {
      throw new WorkflowError('INVALID_STEP', `Rollback '${name}' has no function. Write ctx.onRollback(` +
        'name, async () => …).', { runId: this.#host.runId });
    }
    this.#host.onRollback(name, body);
  }

  set(attributes: Record<string, AttributeValue | null>): Promise<void> {
    return this.#call({ kind: 'set', name: 'set', attributes: attributesOf(attributes) });
  }

  publish(stream: string, chunk: unknown): void {
    checkName(stream, 'the name of a stream');
    this.#host.publish(stream, chunk);
  }

  now(): Date {
    return new Date(this.#host.now());
  }

  random(): number {
    return this.#host.chance.random();
  }

  uuid(): string {
    return this.#host.chance.uuid();
  }
}

function notBranches(verb: 'race' | 'all', why: string): WorkflowError {
  return new WorkflowError('INVALID_OPTION', `ctx.${verb} takes an object of functions, one a branch: ` +
    `${why}.`);
}

function limitOf(timeout: Duration | undefined, what: string): number | null {
  return timeout === undefined ? null : toMilliseconds(timeout, `${what}: timeout`);
}
