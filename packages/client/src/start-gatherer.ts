// Starts outside of a transaction: gathered, so that a thousand concurrent calls cost few commits.
//
//   A1. An id that the engine made can meet no stranger's; an id that the caller chose can wait for one. The
//       two ride in separate batches, and what is held up rides alone.
//   A2. A start without an answer is sent again, with the same id, until its deadline.
//   A3. A run may be born leased to a worker of this process, if the worker would find nothing else to do.
import { DatabaseUnavailableError, type Connection } from '@perdure/core';
import type { Adopter, Env, NewRun, StartAnswer } from '@perdure/core/engine';
import { blocked, conflict, refused, type PreparedStart } from './start-options.js';

const largestBatch = 1_000;
const busyPauseMs = 50;
const retryPauseMs = 100;

interface Waiting {
  readonly start: PreparedStart;
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Offer {
  readonly adopter: Adopter;
  readonly claimId: string;
  readonly version: string | null;
}

/** Gathers the starts of one client. */
export class StartGatherer {
  readonly #connection: Connection;
  readonly #env: Env;
  readonly #deadlineMs: number;
  readonly #lanes = { made: new Lane(), chosen: new Lane() };

  constructor(connection: Connection, env: Env, deadlineMs: number) {
    this.#connection = connection;
    this.#env = env;
    this.#deadlineMs = deadlineMs;
  }

  /** Starts a run; resolves when it is durable. */
  start(start: PreparedStart): Promise<void> {
    return new Promise((resolve, reject) => {
      const until = this.#env.monotonic() + this.#deadlineMs;
      const lane = start.chosen ? this.#lanes.chosen : this.#lanes.made;
      lane.waiting.push({ start, until, resolve, reject });
      if (lane.scheduled) return;
      lane.scheduled = true;
      this.#env.nextTurn(() => void this.#drain(lane));
    });
  }

  async #drain(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, largestBatch);
      await this.#send(batch, true);
    }
    lane.scheduled = false;
  }

  async #send(batch: readonly Waiting[], first: boolean): Promise<void> {
    const offers = new Map<Waiting, Offer>();
    const runs = batch.map((waiting) => this.#withOffer(waiting, first ? offers : null));
    let answers: readonly StartAnswer[];
    try {
      answers = await this.#connection.store.startRuns(runs);
    } catch (error) {
      for (const { adopter, claimId } of offers.values()) adopter.adopt(claimId, 'unknown');
      await this.#again(batch, error);
      return;
    }
    let due = false;
    for (const [index, waiting] of batch.entries()) {
      const answer = answers[index] ?? { kind: 'busy' };
      const offer = offers.get(waiting);
      if (offer !== undefined) this.#adopt(offer, waiting.start.run, answer);
      else if (answer.kind === 'created') due = true;
      this.#settle(waiting, answer);
    }
    if (due) this.#connection.hints.due();
  }

  #withOffer(waiting: Waiting, offers: Map<Waiting, Offer> | null): NewRun {
    const { run } = waiting.start;
    if (offers === null || run.delayMs !== undefined || run.startAtMs !== undefined) return run;
    for (const adopter of this.#connection.adopters) {
      const lease = adopter.offer(run.workflow, run.queue);
      if (lease === null) continue;
      offers.set(waiting, { adopter, claimId: lease.claimId, version: lease.version });
      return { ...run, lease };
    }
    return run;
  }

  #adopt({ adopter, claimId, version }: Offer, run: NewRun, answer: StartAnswer): void {
    if (answer.kind !== 'created') {
      adopter.adopt(claimId, 'nothing');
      return;
    }
    const { id, workflow, queue, input } = run;
    adopter.adopt(claimId, { id, workflow, queue, input, version, epoch: answer.epoch, at: answer.at });
  }

  #settle(waiting: Waiting, answer: StartAnswer): void {
    const { start } = waiting;
    if (answer.kind === 'created') {
      waiting.resolve();
    } else if (answer.kind === 'exists') {
      const error = conflict(start, answer.workflow);
      if (error === null) waiting.resolve();
      else waiting.reject(error);
    } else if (answer.kind === 'refused') {
      waiting.reject(refused(start, answer.why));
    } else {
      void this.#later(waiting);
    }
  }

  // A stranger's open transaction holds the id: asked again alone, so that nobody else waits for it.
  async #later(waiting: Waiting): Promise<void> {
    await this.#env.sleep(busyPauseMs);
    if (this.#env.monotonic() < waiting.until) {
      await this.#send([waiting], false);
      return;
    }
    waiting.reject(blocked(waiting.start.run.id));
  }

  async #again(batch: readonly Waiting[], error: unknown): Promise<void> {
    const now = this.#env.monotonic();
    const mayRetry = error instanceof DatabaseUnavailableError;
    const patient = batch.filter(({ until }) => mayRetry && now < until);
    for (const waiting of batch) if (!mayRetry || now >= waiting.until) waiting.reject(error);
    if (patient.length === 0) return;
    await this.#env.sleep(retryPauseMs);
    await this.#send(patient, false);
  }
}

class Lane {
  waiting: Waiting[] = [];
  scheduled = false;
}
