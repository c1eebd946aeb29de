// Mistakes in the worker: what it claims, holds, writes, carries and gives up.
import { behaviour, inMode, suite, worker, type Mutant } from './mutant.js';

const committer: readonly Mutant[] = [
  {
    name: 'two-writes-of-a-run-under-way',
    file: 'core/src/outbox.ts',
    find: 'if (this.#underWay !== null || !this.waiting) return null;',
    replace: 'if (!this.waiting) return null;',
    breaks: 'C1, O1: a run has one write under way at a time',
    killers: [suite('core/test/outbox.test.ts', 'one write is under way')],
  },
  {
    name: 'answers-of-a-batch-mixed-up',
    file: 'worker/src/committer.ts',
    find: 'const answer = answers[index];',
    replace: 'const answer = answers[batch.length - 1 - index];',
    breaks: 'C2: each run has the answer to its own write',
    killers: [worker('unexpected', 'of a batch that run alone is lost')],
  },
  {
    name: 'commit-without-answer-taken-as-done',
    file: 'worker/src/committer.ts',
    find: "        await this.#outage.pause('commit', error);",
    replace: `        await this.#outage.pause('commit', error);
        return batch.map(() => ({ kind: 'done', at: 0, epoch: null, wake: false }));`,
    breaks: 'C2: a commit that has no answer is sent again until it has one',
    killers: [worker('interleavings-lost-replies', 'a database that refuses for a while')],
  },
  {
    name: 'busy-write-not-sent-again',
    file: 'worker/src/committer.ts',
    find: 'if (busy.length > 0) void this.#sendBusy(',
    replace: 'if (busy.length > 1) void this.#sendBusy(',
    breaks: 'C3: what a stranger held up is sent again',
    killers: [worker('interleavings-strangers', "a stranger's lock on one run")],
  },
];

const claims: readonly Mutant[] = [
  {
    name: 'memory-continued-from-any-epoch',
    file: 'worker/src/turns.ts',
    find: 'if (resting !== undefined && resting.restedEpoch === claim.before) this.#resume',
    replace: 'if (resting !== undefined) this.#resume',
    breaks: 'U1: memory is continued only from the epoch that its rest wrote',
    killers: [worker('unexpected', 'memory is not continued')],
  },
  {
    name: 'lost-claim-not-recalled',
    file: 'worker/src/poller.ts',
    find: '      this.recallLater(request.claimId);\n      throw error;',
    replace: '      throw error;',
    breaks: 'L3: a claim whose answer was lost is recalled',
    killers: [worker('interleavings-lost-replies', 'a lost reply to a claim doubles nothing')],
  },
  {
    name: 'recall-takes-what-is-held',
    file: 'worker/src/poller.ts',
    find: 'const news = answer.runs.filter((run) => held.get(run.lease.runId) !== run.lease.epoch);',
    replace: 'const news = answer.runs.filter((run) => held.get(run.lease.runId) !== 0);',
    breaks: 'L3: a recall leaves alone what is driven already',
    killers: [worker('unexpected', 'a recall leaves alone')],
  },
  {
    name: 'claims-while-nothing-can-be-written',
    file: 'worker/src/poller.ts',
    find: "if (this.#options.outage.affects('commit')) {",
    replace: "if (this.#options.outage.affects('nothing')) {",
    breaks: 'L2: while what a worker has to write cannot be written, it claims nothing',
    killers: [worker('unexpected', 'a worker that cannot write')],
  },
  {
    name: 'leases-not-renewed',
    file: 'worker/src/worker.ts',
    find: '      this.#turns.renew(this.#renewMs);\n',
    replace: '',
    breaks: 'T1: a lease lasts for as long as its owner drives the run',
    killers: [worker('looking', 'a worker without a free slot')],
  },
  {
    name: 'poisoned-run-tried-for-ever',
    file: 'worker/src/quarantine.ts',
    find: 'if (soloStrikes >= poisonStrikes) {',
    replace: 'if (strikes < 0) {',
    breaks: 'Q2: a run that kills its process each time is parked',
    killers: [worker('interleavings-processes', 'a run that kills its process')],
  },
  {
    name: 'suspects-side-by-side',
    file: 'worker/src/quarantine.ts',
    find: 'return this.#suspect === null;',
    replace: 'return this.#probationMs > 0;',
    breaks: 'Q1: one suspect at a time',
    killers: [worker('interleavings-processes', 'a run that kills its process')],
  },
  {
    name: 'suspect-never-absolved',
    file: 'core/src/live-run.ts',
    find: "if (this.suspect && this.outbox.hasEntries && !this.outside.transactions.postpones('absolve')) {",
    replace: "if (this.suspect && this.stage === 'over') {",
    breaks: 'Q1: a suspect that records progress is none any more',
    killers: [inMode('crash', behaviour('signals', 'signals arrive while'))],
  },
  {
    name: 'stopped-worker-keeps-its-leases',
    file: 'worker/src/turns.ts',
    find: '    for (const run of [...this.#live.values()]) run.stop();',
    replace: '',
    breaks: 'a worker that stops hands every lease back',
    killers: [worker('behaviour-serve', 'stopping: waits for running steps')],
  },
];

const carrier: readonly Mutant[] = [
  {
    name: 'carried-and-not-told',
    file: 'worker/src/carrier.ts',
    find: '    this.#options.told(told);\n',
    replace: '',
    breaks: 'L3: a run that is driven here hears what came for it',
    killers: [behaviour('cancellation', 'a running step is told and waited for')],
  },
  {
    name: 'wake-flag-of-an-answer-not-heard',
    file: 'core/src/live-run.ts',
    find: '    if (answer.wake) this.inbox.flagged(answer.at);\n',
    replace: '',
    breaks: 'L7: the wake flag that a commit answers with is news',
    killers: [worker('unexpected', 'a run that never rests')],
  },
];

/** One each. */
export const workerMutants: readonly Mutant[] = [...committer, ...claims, ...carrier];
