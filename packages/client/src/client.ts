// The client: starts runs, inside the caller's own transaction or outside of any, and finds them again.
import { WorkflowError, type AnyTransaction, type Connection, type Workflow } from '@perdure/core';
import { clientInWorkflow, currentScope, definitionOf, systemEnv, type Env } from '@perdure/core/engine';
import { makeHandle, type HandleContext, type RunHandle, type RunRef } from './handle.js';
import { Poker } from './poker.js';
import { ResultWatcher } from './result-watcher.js';
import { StartGatherer } from './start-gatherer.js';
import {
  blocked, conflict, prepareStart, refused, type PreparedStart, type StartOptions,
} from './start-options.js';

/** The arguments after the workflow: an input, unless the workflow takes none, and options. */
export type StartArgs<In> =
  [In] extends [void] ? [input?: undefined, options?: StartOptions] : [input: In, options?: StartOptions];

/** How a client is made. */
export interface ClientOptions {
  connection: Connection;
  /** Refuses starts without a transaction: for applications in which every start belongs to other writes. */
  requireTransaction?: boolean | undefined;
  /**
   * How long a start outside of a transaction is tried while the database does not answer, in ms. Default 10
   * s.
   */
  deadlineMs?: number | undefined;
  /** The surroundings; tests that own time pass their own. */
  env?: Env | undefined;
}

/** Starts runs and finds them again; see `createClient`. */
export interface Client extends AsyncDisposable {
  /**
   * Starts a run inside the caller's transaction: it exists if and only if that transaction commits. One
   * round trip; locks nothing that others wait for. Errors of the database pass through unchanged, so that
   * your own retry of serialization failures sees them. Throws NOT_A_TRANSACTION, RUN_ID_TAKEN, RUN_EXISTS,
   * and what bad input gives (INPUT_INVALID, VALUE_NOT_STORABLE, VALUE_TOO_LARGE), before anything is
   * written.
   */
  start<In, Out>(
    tx: AnyTransaction, workflow: Workflow<In, unknown, Out>, ...args: StartArgs<In>
  ): Promise<RunRef<Out>>;
  /**
   * Starts a run that commits by itself; concurrent calls share commits. Throws DATABASE_UNAVAILABLE when the
   * database has not answered within the deadline: whether the run exists is then unknown, and starting it
   * again with the same id is safe.
   */
  start<In, Out>(workflow: Workflow<In, unknown, Out>, ...args: StartArgs<In>): Promise<RunHandle<Out>>;
  /** Starts a run and waits for its result: `start` and `result` in one. */
  execute<In, Out>(workflow: Workflow<In, unknown, Out>, ...args: StartArgs<In>): Promise<Out>;
  /**
   * The handle of a run, from what `start` returned or from its workflow and id. Asks the database nothing.
   */
  get<Out>(ref: RunRef<Out>): RunHandle<Out>;
  get<In, Out>(workflow: Workflow<In, unknown, Out>, id: string): RunHandle<Out>;
  /** Ends all waiting of this client. The connection stays open: it belongs to whoever made it. */
  close(): Promise<void>;
}

/** Makes a client on a Connection. Cheap: one for the whole application. */
export function createClient(options: ClientOptions): Client {
  return new DatabaseClient(options);
}

const defaultDeadlineMs = 10_000;

class DatabaseClient implements Client {
  readonly #connection: Connection;
  readonly #env: Env;
  readonly #requireTransaction: boolean;
  readonly #gatherer: StartGatherer;
  readonly #poker: Poker;
  readonly #context: HandleContext & { readonly watcher: ResultWatcher };

  constructor(options: ClientOptions) {
    const { connection, requireTransaction = false, deadlineMs = defaultDeadlineMs, env } = options;
    this.#connection = connection;
    this.#env = env ?? systemEnv;
    this.#requireTransaction = requireTransaction;
    this.#gatherer = new StartGatherer(connection, this.#env, deadlineMs);
    this.#poker = new Poker(connection, this.#env);
    const watcher = new ResultWatcher(connection, this.#env);
    this.#context = { env: this.#env, store: connection.store, watcher };
  }

  start(...args: readonly unknown[]): Promise<never> {
    // The overloads of the interface are the types; what was passed is told apart here.
    const started = isWorkflow(args[0])
      ? this.#startAlone(args[0], args[1], args[2] as StartOptions | undefined)
      : this.#startWithin(args[0], args[1] as Workflow, [args[2], args[3] as StartOptions | undefined]);
    return started as Promise<never>;
  }

  async #startWithin(
    transaction: unknown, workflow: Workflow, [input, options]: readonly [unknown, StartOptions | undefined],
  ): Promise<RunRef> {
    if (!isWorkflow(workflow)) definitionOf(workflow);
    const store = await this.#connection.within(transaction);
    const start = await this.#prepare(workflow, input, options);
    const { run } = start;
    const [answer] = await store.startRuns([run]);
    if (answer?.kind === 'exists') {
      const error = conflict(start, answer.workflow);
      if (error !== null) throw error;
    }
    if (answer?.kind === 'refused') throw refused(start, answer.why);
    if (answer === undefined || answer.kind === 'busy') throw blocked(run.id);
    this.#poker.started();
    return { id: run.id, workflow: run.workflow };
  }

  async #startAlone(workflow: Workflow, input: unknown, options?: StartOptions): Promise<RunHandle> {
    if (this.#requireTransaction) {
      throw new WorkflowError('TRANSACTION_REQUIRED', 'This client was made with requireTransaction: pass ' +
        'the transaction of the writes that the run belongs to, client.start(tx, workflow, input).');
    }
    const start = await this.#prepare(workflow, input, options);
    await this.#gatherer.start(start);
    return makeHandle(this.#context, start.run, true);
  }

  async #prepare(workflow: Workflow, input: unknown, options: StartOptions = {}): Promise<PreparedStart> {
    const scope = currentScope();
    if (scope !== undefined && scope.step === null) {
      // The code of a workflow may be run again at any time: this would start another run each time. It is
      // parked, and like every wait of a parked run this never settles.
      scope.mistake(clientInWorkflow);
      return new Promise(() => undefined);
    }
    if (scope !== undefined && options.id === undefined) {
      throw new WorkflowError('START_NEEDS_ID', `Step '${scope.step}' starts a run without an id, and ` +
        'would start another one at its next attempt. Pass { id }, such as one made of step.idempotencyKey.');
    }
    return prepareStart(workflow, input, { options, newId: () => this.#env.newId() });
  }

  async execute<In, Out>(workflow: Workflow<In, unknown, Out>, ...args: StartArgs<In>): Promise<Out> {
    const handle: RunHandle<Out> = await this.start(workflow, ...args);
    return handle.result();
  }

  get(refOrWorkflow: RunRef | Workflow, id?: string): RunHandle<never> {
    if (id === undefined) return makeHandle(this.#context, refOrWorkflow as RunRef);
    return makeHandle(this.#context, { id, workflow: (refOrWorkflow as Workflow).name });
  }

  close(): Promise<void> {
    this.#context.watcher.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isWorkflow(given: unknown): given is Workflow {
  return typeof given === 'object' && given !== null && 'name' in given && !('query' in given) &&
    !('executeQuery' in given);
}
