// Writes starts outside of a transaction. A run may be born leased to a worker of this process, if the worker
// would find nothing else to do.
import type { Connection } from '@perdure/core';
import type { Adopter, NewRun, StartAnswer } from '@perdure/core/engine';
import type { Errand } from './gatherer.js';
import { blocked, startFailure, type PreparedStart } from './start-options.js';

interface Offer {
  readonly adopter: Adopter;
  readonly claimId: string;
  readonly version: string | null;
}

/** The starts of one client. */
export class StartErrand implements Errand<PreparedStart, StartAnswer> {
  readonly #connection: Connection;
  readonly blocked: (start: PreparedStart) => Error = blocked;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async send(starts: readonly PreparedStart[], isFirst: boolean): Promise<readonly StartAnswer[]> {
    const offers = new Map<number, Offer>();
    const runs = starts.map(({ run }, index) => (isFirst ? this.#withOffer(run, index, offers) : run));
    let answers: readonly StartAnswer[];
    try {
      answers = await this.#connection.store.startRuns(runs);
    } catch (error) {
      for (const { adopter, claimId } of offers.values()) adopter.adopt(claimId, 'unknown');
      throw error;
    }
    let due = false;
    for (const [index, run] of runs.entries()) {
      const answer = answers[index];
      const offer = offers.get(index);
      if (offer !== undefined) adopt(offer, run, answer);
      else if (answer?.kind === 'created') due = true;
    }
    if (due) this.#connection.hints.due();
    return answers;
  }

  #withOffer(run: NewRun, index: number, offers: Map<number, Offer>): NewRun {
    if (run.delayMs !== undefined || run.startAtMs !== undefined || run.restart === true) return run;
    for (const adopter of this.#connection.adopters) {
      const lease = adopter.offer(run.workflow, run.queue);
      if (lease === null) continue;
      offers.set(index, { adopter, claimId: lease.claimId, version: lease.version });
      return { ...run, lease };
    }
    return run;
  }

  judge(start: PreparedStart, answer: StartAnswer): 'done' | 'busy' | Error {
    return answer.kind === 'busy' ? 'busy' : startFailure(start, answer) ?? 'done';
  }
}

function adopt({ adopter, claimId, version }: Offer, run: NewRun, answer: StartAnswer | undefined): void {
  if (answer?.kind !== 'created') {
    adopter.adopt(claimId, 'nothing');
    return;
  }
  const { id, workflow, queue, input, timeoutMs = null, headers = {} } = run;
  const { epoch, at } = answer;
  adopter.adopt(claimId, { id, workflow, queue, input, timeoutMs, headers, version, epoch, at });
}
