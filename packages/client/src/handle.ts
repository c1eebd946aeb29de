// A client's grip on one run.
import type { Attributes, NoSignals, PayloadArgs, RunStatus } from '@perdure/core';
import type { RunRecord } from '@perdure/core/engine';
import { explainRun } from './explain.js';
import { checkWatched, givenOptions } from './given.js';
import { guard, type Deed } from './guard.js';
import { cancelOf, runNotFound, signalTo, type PreparedMessage, type SendOptions } from './mail.js';
import { deleteRun, forkRun, resumeRun, retryRun, terminateRun } from './operate-one.js';
import type { Opening } from './parts.js';
import { findRun } from './query.js';
import { waitForResult, type ResultOptions } from './result.js';
import {
  readDetail, readRecord, type ForkOptions, type ResumeOptions, type RetryOptions,
} from './revive.js';
import { detailsOf, historyEntry, type HistoryEntry, type RunDetails } from './run-details.js';
import { readEvents, type EventsOptions, type RunEvent } from './run-events.js';
import { KnownRun, type RunRef } from './run-ref.js';
import { readStream, type StreamChunk, type StreamOptions } from './stream.js';

/** A run that can be asked about, and be told something. */
export interface RunHandle<Out = unknown, Sig = NoSignals> extends RunRef<Out, Sig> {
  /**
   * Waits until the run has settled and returns what its workflow returned. Throws RunFailedError (`cause` is
   * the workflow's own error; its code is RUN_TIMEOUT when the run passed its time limit), RunCancelledError,
   * RunParkedError, RESULT_TIMEOUT, the reason of `abortSignal`, and RUN_NOT_FOUND when there is no such run
   * for some seconds. Ten thousand callers share one query.
   */
  result(options?: ResultOptions): Promise<Out>;
  /** Where the run stands now. Throws RUN_NOT_FOUND. */
  status(): Promise<RunStatus>;
  /**
   * Sends a signal: it is kept until the run waits for it, and resolves when it is durable. Concurrent calls
   * share commits. Throws SIGNAL_UNKNOWN and SIGNAL_INVALID where the client was given the workflow and not
   * its name alone, RUN_NOT_FOUND, RUN_SETTLED, VALUE_NOT_STORABLE, VALUE_TOO_LARGE, DATABASE_UNAVAILABLE
   * (sent or not: send it again with the same id).
   */
  signal<K extends keyof Sig & string>(
    name: K, ...args: [...payload: PayloadArgs<Sig[K]>, options?: SendOptions]): Promise<void>;
  /**
   * Asks the run to stop; resolves when the wish is durable, not when the run has ended. Its open waits throw
   * RunCancelledError, its running steps see their `abortSignal`, its rollbacks run. Asked again it is the
   * same wish. Throws RUN_NOT_FOUND, and RUN_SETTLED for a run that ended without having been asked.
   */
  cancel(reason?: string): Promise<void>;
  /**
   * Reads a progress stream, from the first chunk or from `from`, and goes on as chunks come, over to the
   * next generation of the run where there is one. It ends when the run has settled and everything was read.
   * Throws RunParkedError after the last chunk of a parked run, RUN_NOT_FOUND when there is no such run for
   * some seconds, CLIENT_CLOSED, the reason of `abortSignal`; and INVALID_NAME and INVALID_OPTION when it is
   * called.
   */
  stream<T = unknown>(name: string, options?: StreamOptions): AsyncIterable<StreamChunk<T>>;
  /** The attributes that the run has now. Throws RUN_NOT_FOUND. */
  attributes(): Promise<Attributes>;
  /**
   * Why the run does not go on, or how it ended: one English sentence, from what the database says now. For
   * people; its words may change with any version. Throws DATABASE_UNAVAILABLE; an unknown id is a sentence.
   */
  explain(): Promise<string>;

  /**
   * Begins the run anew, in its next generation under the same id: by default from what failed, with
   * everything recorded before it. Of a run that failed, was cancelled or is parked; of a completed one only
   * if `from` is given. Attributes stay, and signals that are to be taken again lie in its inbox again.
   * Throws RUN_NOT_FOUND, RUN_LIVE, RUN_COMPLETED, RUN_CHANGED when somebody else was faster, FORK_UNKNOWN
   * and FORK_AMBIGUOUS for `from`, what a bad input gives, RUN_BLOCKED, DATABASE_UNAVAILABLE; VERB_IN_STEP in
   * a step.
   */
  retry(options?: RetryOptions): Promise<void>;
  /**
   * Opens the run again after it was parked: it goes on in its generation, with its record and its mail.
   * Throws RUN_NOT_FOUND, RUN_LIVE, RUN_SETTLED, RUN_BLOCKED, DATABASE_UNAVAILABLE.
   */
  resume(options?: ResumeOptions): Promise<void>;
  /**
   * Starts another run of the workflow with the record of this one up to `from`, whatever state this one is
   * in; it is left as it is. Attributes and headers are copied, messages are not. Throws RUN_NOT_FOUND,
   * FORK_UNKNOWN, FORK_AMBIGUOUS, RUN_ID_TAKEN, START_BLOCKED, what bad input gives, DATABASE_UNAVAILABLE;
   * in a step START_NEEDS_ID.
   */
  fork(options: ForkOptions): Promise<RunHandle<Out, Sig>>;
  /**
   * Ends the run at once without its code, as failed with RUN_TERMINATED: nothing is rolled back. A step that
   * runs is told to stop, and its result is lost. Its children are closed as their `parentClose` says. The
   * reason is stored as it is, whatever seals the values. Throws RUN_NOT_FOUND, RUN_SETTLED (not if it was
   * terminated before), RUN_BLOCKED, DATABASE_UNAVAILABLE.
   */
  terminate(reason: string): Promise<void>;
  /**
   * Deletes the run and everything that belongs to it, once it has settled; its id is free again. Its
   * children stay, without a parent. Throws RUN_NOT_FOUND, RUN_LIVE, RUN_BLOCKED, DATABASE_UNAVAILABLE.
   */
  delete(): Promise<void>;
  /**
   * What happened to the run, from its record, and what happens from now on, until it has settled or was
   * parked. Throws RUN_NOT_FOUND when there is no such run for some seconds, CLIENT_CLOSED, the reason of
   * `abortSignal`; and INVALID_OPTION when it is called.
   */
  events(options?: EventsOptions): AsyncIterable<RunEvent>;
  /** All answers of the run's record in its present generation, in their order. Throws RUN_NOT_FOUND. */
  history(): Promise<readonly HistoryEntry[]>;
  /** Everything else that is recorded of the run. Throws RUN_NOT_FOUND. */
  detail(): Promise<RunDetails>;
}

/** What a cancel says where no reason is given. */
export const defaultCancelReason = 'a client asked for it';

/** What sending a signal is to the guard. */
export function signalDeed(id: string | undefined): Deed {
  return { what: 'sends a signal', id, code: 'SEND_NEEDS_ID' };
}

/** What sending something with an id of its own is to the guard. */
export const knownDeed: Deed = { what: 'sends a message', id: null, code: 'SEND_NEEDS_ID' };

/** The handle that clients give; `RunHandle` has its types. */
export class OpenHandle extends KnownRun {
  readonly #opening: Opening;
  readonly #justStarted: boolean;

  /** `justStarted` if this client has created the run this moment. */
  constructor(opening: Opening, run: RunRef, justStarted = false) {
    super(run.id, run.workflow, KnownRun.definitionOf(run));
    this.#opening = opening;
    this.#justStarted = justStarted;
  }

  async result(given?: ResultOptions): Promise<never> {
    const run = { id: this.id, workflow: this.workflow, justStarted: this.#justStarted };
    const options = givenOptions(given, 'result');
    checkWatched(options);
    // What the workflow returned is of the type that its definition carries here.
    return await waitForResult(this.#opening, run, options) as never;
  }

  async status(): Promise<RunStatus> {
    const { status } = await this.#read();
    return status;
  }

  async #read(): Promise<RunRecord> {
    const { connection } = await this.#opening.open();
    const [run] = await connection.store.readRuns([this.id]);
    if (run === undefined) throw runNotFound(this.id);
    return run;
  }

  async signal(name: string, payload: unknown, options?: SendOptions): Promise<void> {
    const { env } = this.#opening;
    const { id } = givenOptions(options, 'a signal');
    await guard(signalDeed(id));
    await this.#send(await signalTo(this, { name, payload, id, newId: () => env.newId() }));
  }

  async cancel(reason: string = defaultCancelReason): Promise<void> {
    await guard(knownDeed);
    await this.#send(cancelOf(this, reason));
  }

  async #send(message: PreparedMessage): Promise<void> {
    const { messages } = await this.#opening.open();
    await messages.add(message);
  }

  stream(name: string, options?: StreamOptions): AsyncIterable<StreamChunk<never>> {
    // A chunk is of the type that the caller says it is.
    const address = { ...givenOptions(options, 'a stream'), runId: this.id, name };
    return readStream(this.#opening, address) as AsyncIterable<StreamChunk<never>>;
  }

  async attributes(): Promise<Attributes> {
    const run = await findRun(this.#opening, this.id);
    if (run === undefined) throw runNotFound(this.id);
    return run.attributes;
  }

  explain(): Promise<string> {
    return explainRun(this.#opening, this.id);
  }

  // ---- verbs of operators --------------------------------------------------------------------------------

  async retry(options?: RetryOptions): Promise<void> {
    await retryRun(this.#opening, this, options);
  }

  async resume(options?: ResumeOptions): Promise<void> {
    await resumeRun(this.#opening, this, options);
  }

  async fork(options: ForkOptions): Promise<OpenHandle> {
    return new OpenHandle(this.#opening, await forkRun(this.#opening, this, options));
  }

  async terminate(reason: string): Promise<void> {
    await terminateRun(this.#opening, this, reason);
  }

  async delete(): Promise<void> {
    await deleteRun(this.#opening, this);
  }

  events(options?: EventsOptions): AsyncIterable<RunEvent> {
    return readEvents(this.#opening, this.id, options);
  }

  async history(): Promise<readonly HistoryEntry[]> {
    return (await readRecord(this.#opening, await this.#read())).map(historyEntry);
  }

  async detail(): Promise<RunDetails> {
    const detail = await readDetail(this.#opening, this.id);
    return detailsOf(detail, await this.attributes());
  }
}
