// Mistakes in the client: starts, messages, results.
import { behaviour, client, inMode, worker, type Mutant } from './mutant.js';

/** One each. */
export const clientMutants: readonly Mutant[] = [
  {
    name: 'start-without-answer-given-up',
    file: 'client/src/gatherer.ts',
    find: 'const mayRetry = error instanceof DatabaseUnavailableError;',
    replace: 'const mayRetry = !(error instanceof Error);',
    breaks: 'A2: what has no answer is sent again',
    killers: [worker('interleavings-lost-replies', 'a lost reply to')],
  },
  {
    name: 'lease-of-a-lost-birth-forgotten',
    file: 'client/src/start-errand.ts',
    find: "adopter.adopt(claimId, 'unknown');",
    replace: "adopter.adopt(claimId, 'nothing');",
    breaks: 'L3: a run that was born leased, and of which nobody heard, is recalled',
    killers: [worker('interleavings-lost-replies', 'a lost reply to')],
  },
  {
    name: 'held-up-item-given-up',
    file: 'client/src/gatherer.ts',
    find: 'if (this.#env.monotonic() < waiting.until) await this.#send([waiting], false);',
    replace: 'if (this.#env.monotonic() < 0) await this.#send([waiting], false);',
    breaks: 'A1: what a stranger holds up is sent again, alone',
    killers: [client('gathering', 'start: ')],
  },
  {
    name: 'results-only-by-hints',
    file: 'client/src/result-watcher.ts',
    find: 'if (await this.#pause()) this.#wanted = true;',
    replace: 'await this.#pause();',
    breaks: 'V1: polling is the truth; hints only make it sooner',
    killers: [inMode('poll', behaviour('children', 'a child answers with its result'))],
  },
  {
    name: 'verb-sent-again-is-refused',
    file: 'client/src/verbs.ts',
    find: "return verb === 'delete' && again ? 'done'",
    replace: "return verb === 'terminate' && again ? 'done'",
    breaks: 'W1: a verb that finds the run where it was to bring it has done so',
    killers: [client('ending', 'while the database is in trouble: a verb whose reply was lost')],
  },
  {
    name: 'duplicate-ids-in-bulk-both-counted',
    file: 'client/src/start-many.ts',
    find: 'if (!byId.has(id)) byId.set(id, start);',
    replace: 'byId.set(id, start);',
    breaks: 'of two starts of one id the first counts',
    killers: [client('start-many', 'on memory: in a transaction: of two of an id')],
  },
];
