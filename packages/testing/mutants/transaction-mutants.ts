// Mistakes in transactional steps: what commits with the application's writes, and what is tried again.
import { suite, worker, type Killer, type Mutant } from './mutant.js';

const ofMemoryStep = (name: string): Killer => (
  suite('core/test/memory-step.test.ts', `the transaction of a step on the memory store: ${name}`));

/** One each. */
export const transactionMutants: readonly Mutant[] = [
  {
    name: 'answer-recorded-outside-of-the-transaction',
    file: 'core/src/memory-mail.ts',
    find: "    if (how === 'rollback') return;",
    replace: `    for (const { lease: { runId, generation }, entry } of pending.answers.values()) {
      this.tables.journal(runId, generation).set(entry.place, entry);
    }
    if (how === 'rollback') return;`,
    breaks: 'Z1: the answer of a transactional step commits with what it wrote, or not at all',
    killers: [ofMemoryStep('leaves its answer as it ends')],
  },
  {
    name: 'fence-asks-for-no-epoch',
    file: 'core/src/memory-mail.ts',
    find: "    if (!this.owns(row, lease)) return 'lost';\n    this.tables.shared",
    replace: '    this.tables.shared',
    breaks: 'Z1: a transaction of a run that another owner has writes nothing',
    killers: [ofMemoryStep('is lost where the run')],
  },
  {
    name: 'lost-commit-tried-again-unseen',
    file: 'core/src/transaction-trial.ts',
    find: "return verdict === 'unknown' ? { kind: 'undecided', error } : failed(error, false);",
    replace: "return verdict === 'unknown' ? { kind: 'conflict', error } : failed(error, false);",
    breaks: 'Z3: a COMMIT without an answer is decided by reading',
    killers: [worker('transaction-commit', 'a COMMIT without an answer: that took effect')],
  },
  {
    name: 'lost-commit-read-before-it-has-ended',
    file: 'core/src/transactional-step.ts',
    find: "    if (await leases.renew(lease) === 'lost') return { kind: 'lost' };\n    const entry",
    replace: '    const entry',
    breaks: 'Z3: what became of a COMMIT is read when the row can be taken alone',
    killers: [worker('transaction-commit', 'a COMMIT without an answer')],
  },
  {
    name: 'serialization-failure-is-an-attempt',
    file: 'core/src/transaction-trial.ts',
    find: "return conflict ? { kind: 'conflict', error } : failed(error, false);",
    replace: "return conflict && this.positioned ? { kind: 'conflict', error } : failed(error, false);",
    breaks: 'Z2: what was undone for no fault of the code is tried again whole, and is no attempt',
    killers: [worker('transaction-protocol', 'tried again whole: ')],
  },
  {
    name: 'written-before-an-undecided-commit',
    file: 'core/src/open-transactions.ts',
    find: 'return this.#undecided.size > 0 || (',
    replace: 'return (',
    breaks: 'R2: what comes after an answer whose COMMIT is undecided is not written before it',
    killers: [worker('transaction-runs', 'answers that come while its COMMIT is undecided')],
  },
  {
    name: 'position-of-an-undone-transaction-kept-back',
    file: 'core/src/transactional-step.ts',
    find: "if (trial.positioned && decided.kind !== 'committed') attempt.undone();",
    replace: '',
    breaks: 'Z4: the position of what was undone holds nothing back',
    killers: [worker('transaction-protocol', 'tried again whole: a conflict that COMMIT finds')],
  },
  {
    name: 'lease-not-extended-beyond-the-transaction',
    file: 'core/src/transaction-trial.ts',
    find: "    if (await leases.cover(lease, limitMs) === 'lost') this.#leave({ kind: 'lost' });\n",
    replace: '',
    breaks: 'Z1: the lease outlasts the transaction',
    killers: [worker('transaction-commit', 'beside others: two steps of one run are open')],
  },
  {
    name: 'shared-row-claimed',
    file: 'core/src/memory-starts.ts',
    find: 'return this.tables.locked.has(id) || (alone && this.tables.shared.has(id));',
    replace: 'return this.tables.locked.has(id) || (alone && this.tables.shared.size < 0);',
    breaks: 'F1: nobody takes a run while its transaction holds the row',
    killers: [ofMemoryStep('keeps everybody from the run')],
  },
];
