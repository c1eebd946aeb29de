// What applications call: to start runs and send to them, inside their own transaction or outside of any, and
// to find them again.
import type { AnyTransaction, Connection, NoSignals, PayloadArgs, Workflow } from '@perdure/core';
import type { Env } from '@perdure/core/engine';
import type { CheckOptions, Finding } from './check.js';
import type { RunHandle } from './handle.js';
import type { EmitOptions, SendOptions } from './mail.js';
import type { RunFilter, RunPage, RunSearch, RunSummary } from './query.js';
import type { RunRef } from './run-ref.js';
import type { RunSelection, SelectionFilter } from './selection.js';
import type { StartedMany, StartItem, StartManyOptions } from './start-many.js';
import type { StartArgs } from './start-options.js';

/** How a client is made. */
export interface ClientOptions {
  /**
   * Where the runs are. A Connection belongs to whoever made it; what a function gives, at first use, belongs
   * to the client, which closes it with itself.
   */
  connection: Connection | (() => Promise<Connection>);
  /**
   * Refuses `start`, `startMany`, `execute`, `emit`, `complete` and `fail` without a transaction: for
   * applications in which each of them belongs to other writes.
   */
  requireTransaction?: boolean | undefined;
  /**
   * How long a start, a message or an event outside of a transaction is tried while the database does not
   * answer, in ms. Default 10 s.
   */
  deadlineMs?: number | undefined;
  /** The surroundings; tests that own time pass their own. */
  env?: Env | undefined;
}

/** Starts runs, sends to them, and finds them again; see `createClient`. */
export interface Client extends AsyncDisposable {
  /**
   * Starts a run inside the caller's transaction: it exists if and only if that transaction commits. One
   * round trip; locks nothing that others wait for. Errors of the database pass through unchanged, so that
   * your own retry of serialization failures sees them. Throws NOT_A_TRANSACTION, RUN_ID_TAKEN, RUN_EXISTS,
   * and what bad input gives (INPUT_INVALID, VALUE_NOT_STORABLE, VALUE_TOO_LARGE), before anything is
   * written.
   */
  start<In, Out, Sig>(
    tx: AnyTransaction, workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In>
  ): Promise<RunRef<Out, Sig>>;
  /**
   * Starts a run that commits by itself; concurrent calls share commits. Throws DATABASE_UNAVAILABLE when the
   * database has not answered within the deadline: whether the run exists is then unknown, and starting it
   * again with the same id is safe.
   */
  start<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In>
  ): Promise<RunHandle<Out, Sig>>;
  /**
   * Starts many runs inside the caller's transaction, a thousand in a statement; the references are in the
   * order given. Of two of one id the first counts. Bad input throws before anything is written; RUN_ID_TAKEN
   * and RUN_EXISTS may come after a part was: roll back. Throws what `start` throws.
   */
  startMany<In, Out, Sig>(
    tx: AnyTransaction, workflow: Workflow<In, unknown, Out, Sig>, runs: Iterable<StartItem<In>>,
    options?: StartManyOptions<Out, Sig>,
  ): Promise<readonly RunRef<Out, Sig>[]>;
  /**
   * Starts as many runs as the iterable gives, a thousand in a commit, and holds no more than these in
   * memory. If each has an id it can be called again after it was broken off. Throws what `start` throws, the
   * reason of `abortSignal`, and whatever the iterable or `onProgress` throws: chunks before it stay.
   */
  startMany<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>,
    runs: Iterable<StartItem<In>> | AsyncIterable<StartItem<In>>, options?: StartManyOptions<Out, Sig>,
  ): Promise<StartedMany>;
  /** Starts a run and waits for its result: `start` and `result` in one. */
  execute<In, Out, Sig>(
    workflow: Workflow<In, unknown, Out, Sig>, ...args: StartArgs<In>): Promise<Out>;
  /**
   * The handle of a run, from what `start` returned or from its workflow and id. Asks the database nothing.
   * Throws INVALID_NAME for an id that no run can have, and NOT_A_WORKFLOW.
   */
  get<Out, Sig = NoSignals>(ref: RunRef<Out, Sig>): RunHandle<Out, Sig>;
  get<In, Out, Sig>(workflow: Workflow<In, unknown, Out, Sig>, id: string): RunHandle<Out, Sig>;

  /**
   * Sends a signal inside the caller's transaction: the run has it if and only if that commits. Locks nothing
   * that others wait for. Outside of a transaction: `client.get(…).signal(…)`, with the same checks.
   */
  signal<Out, Sig, K extends keyof Sig & string>(
    tx: AnyTransaction, run: RunRef<Out, Sig>,
    ...message: [name: K, ...payload: PayloadArgs<Sig[K]>, options?: SendOptions]
  ): Promise<void>;
  /** Asks a run to stop, inside the caller's transaction; see `RunHandle.cancel`. */
  cancel(tx: AnyTransaction, run: RunRef<unknown, unknown>, reason?: string): Promise<void>;
  /**
   * Tells of an event, inside the caller's transaction or on its own: every run that waits for it by
   * `ctx.waitForEvent` gets it once, now or within its look-back. Throws INVALID_NAME, VALUE_NOT_STORABLE,
   * VALUE_TOO_LARGE.
   */
  emit(tx: AnyTransaction, event: string, ...args: [payload?: unknown, options?: EmitOptions]): Promise<void>;
  emit(event: string, payload?: unknown, options?: EmitOptions): Promise<void>;
  /**
   * Answers a callback by its token (`ctx.callback`), inside the caller's transaction or on its own. The
   * first answer holds; later ones, here or by `fail`, change nothing. Throws INVALID_TOKEN, RUN_NOT_FOUND,
   * RUN_SETTLED, VALUE_NOT_STORABLE, VALUE_TOO_LARGE.
   */
  complete(tx: AnyTransaction, token: string, value?: unknown): Promise<void>;
  complete(token: string, value?: unknown): Promise<void>;
  /** The same with an error, which the waiting run throws: an Error, or a text. */
  fail(tx: AnyTransaction, token: string, error: unknown): Promise<void>;
  fail(token: string, error: unknown): Promise<void>;

  /**
   * Finds runs by what they are and what they show, a page at a time, in the order of their ids. Throws
   * INVALID_OPTION, INVALID_NAME, INVALID_ATTRIBUTE, INVALID_TIME.
   */
  query(search?: RunSearch): Promise<RunPage>;
  /** The same, run by run; pages are fetched as they are needed, so runs may come and go meanwhile. */
  list(filter?: RunFilter): AsyncIterable<RunSummary>;
  /**
   * Chooses runs by a filter, to do something to all of them. Throws INVALID_FILTER for one that says nothing
   * without `all: true`, and what `query` throws. Asks the database nothing.
   */
  select(filter: SelectionFilter): RunSelection;

  /**
   * Looks for what is broken in the data: runs without exactly one reason to go on, rows that contradict each
   * other, mail that nobody carries. Reads only, a few hundred runs at a time; gives nothing for a database
   * that is as it should be, also while workers are at work on it. Throws INVALID_OPTION,
   * DATABASE_UNAVAILABLE, and the reason of `abortSignal`.
   */
  check(options?: CheckOptions): AsyncIterable<Finding>;

  /**
   * Ends all waiting of this client. A Connection that it was given stays open: it belongs to who made it.
   */
  close(): Promise<void>;
}
