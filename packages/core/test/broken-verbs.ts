// Stores that break what operators' verbs promise: resumptions, revivals, forks.
import { MemoryStore, nothing } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type Opening = Parameters<MemoryStore['open']>;
type Opened = Parameters<MemoryStore['opened']>;
type Resumed = Parameters<MemoryStore['resumeOne']>;
type Revived = Parameters<MemoryStore['reviveOne']>;
type Copied = Parameters<MemoryStore['copyRecord']>;
type PutBack = Parameters<MemoryStore['putBack']>;
type Forked = Parameters<MemoryStore['fork']>;

const brokenOpenings: readonly BrokenStore[] = [
  {
    breaks: 'a run that is live again is not due',
    Store: class extends MemoryStore {
      protected override opened(...given: Opened) {
        return { ...super.opened(...given), dueAt: Infinity };
      }
    },
    noticed: ['resume: a parked run goes on', 'revive: a run that is', 'races: of a park'],
  },
  {
    breaks: 'a run that is live again belongs to whoever ended it',
    Store: class extends MemoryStore {
      protected override opened(...[run, more]: Opened) {
        return { ...super.opened(run, more), epoch: run.settledEpoch ?? 0 };
      }
    },
    noticed: ['resume: who parked it', 'revive: who owned it'],
  },
  {
    breaks: 'a run that is live again has strikes',
    Store: class extends MemoryStore {
      protected override opened(...given: Opened) {
        return { ...super.opened(...given), strikes: 2, soloStrikes: 1 };
      }
    },
    noticed: ['resume: its strikes', 'revive: its strikes'],
  },
  {
    breaks: 'a run that is live again is taken for one that never was',
    Store: class extends MemoryStore {
      protected override opened(...given: Opened) {
        return { ...super.opened(...given), fresh: true };
      }
    },
    noticed: ['resume: a parked run goes on', 'revive: a run that is', 'revive: what it keeps'],
  },
  {
    breaks: 'a live run has the error and the reason that it had',
    Store: class extends MemoryStore {
      protected override open(...[run, version, now]: Opening) {
        const { error, reason } = run;
        super.open(run, version, now);
        Object.assign(run, { error, reason });
      }
    },
    noticed: [
      'resume: a parked run goes on', 'revive: a run that is failed', 'revive: a run that is cancelled',
      'revive: a run that is parked', 'filter: by the reason',
    ],
  },
  {
    breaks: 'a live run has the output and the times that it had',
    Store: class extends MemoryStore {
      protected override open(...[run, version, now]: Opening) {
        const { output, settledAt, parkedAt } = run;
        super.open(run, version, now);
        Object.assign(run, { output, settledAt, parkedAt });
      }
    },
    noticed: [
      'resume: a parked run goes on', 'revive: a run that is completed', 'revive: a run that is failed',
      'revive: a run that is cancelled', 'revive: a run that is parked',
    ],
  },
];

const brokenResumptions: readonly BrokenStore[] = [
  {
    breaks: 'who goes on does so in another generation',
    Store: class extends MemoryStore {
      protected override resumeOne(...[resumption, now]: Resumed) {
        const answer = super.resumeOne(resumption, now);
        if (answer.kind === 'done') this.tables.runOf(resumption.runId).generation++;
        return answer;
      }
    },
    noticed: ['resume: a parked run goes on', 'resume: its pending calls', 'resume: it has its mail'],
  },
  {
    breaks: 'who goes on waits for nothing any more',
    Store: class extends MemoryStore {
      protected override resumeOne(...[resumption, now]: Resumed) {
        const run = this.tables.runs.get(resumption.runId);
        if (run?.status === 'parked') this.leave(run);
        return super.resumeOne(resumption, now);
      }
    },
    noticed: ['resume: its pending calls', 'resume: it has its mail'],
  },
  {
    breaks: 'who goes on has no mail',
    Store: class extends MemoryStore {
      protected override resumeOne(...[resumption, now]: Resumed) {
        this.tables.mail.inbox.delete(resumption.runId);
        return super.resumeOne(resumption, now);
      }
    },
    noticed: ['resume: it has its mail', 'resume: a cancel that came'],
  },
  {
    breaks: 'who goes on has no version',
    Store: class extends MemoryStore {
      protected override resumeOne(...[resumption, now]: Resumed) {
        return super.resumeOne({ ...resumption, version: null }, now);
      }
    },
    noticed: ['resume: it keeps its version', 'resume: a worker that does not'],
  },
  {
    breaks: 'who goes on has the version that it had',
    Store: class extends MemoryStore {
      protected override resumeOne(...[{ runId }, now]: Resumed) {
        return super.resumeOne({ runId }, now);
      }
    },
    noticed: ['resume: it keeps its version', 'resume: a worker that does not'],
  },
  {
    breaks: 'who goes on begins its time anew',
    Store: class extends MemoryStore {
      protected override resumeOne(...[resumption, now]: Resumed) {
        const run = this.tables.runs.get(resumption.runId);
        if (run !== undefined) run.startedAt = null;
        return super.resumeOne(resumption, now);
      }
    },
    noticed: ['resume: a parked run goes on'],
  },
  {
    breaks: 'every run can be opened again',
    Store: class extends MemoryStore {
      protected override isResumable() {
        return true;
      }
    },
    noticed: ['resume: every other run', 'resume: asked again', 'races: of two that resume'],
  },
];

const brokenRevivals: readonly BrokenStore[] = [
  {
    breaks: 'whichever generation has ended begins anew',
    Store: class extends MemoryStore {
      protected override isRevivable(...[run]: Parameters<MemoryStore['isRevivable']>) {
        return run.status !== 'live';
      }
    },
    noticed: ['revive: a live run, and one', 'revive: asked again', 'revive: several at once'],
  },
  {
    breaks: 'live runs begin anew',
    Store: class extends MemoryStore {
      protected override isRevivable() {
        return true;
      }
    },
    noticed: ['revive: a live run, and one', 'revive: asked again', 'races: of two that revive'],
  },
  {
    breaks: 'the input cannot be changed',
    Store: class extends MemoryStore {
      protected override reviveOne(...[revival, now]: Revived) {
        return super.reviveOne({ ...revival, input: null }, now);
      }
    },
    noticed: ['revive: with another input', 'revive: several at once', 'revive: a value that the database'],
  },
  {
    breaks: 'who begins anew has the version that it had',
    Store: class extends MemoryStore {
      protected override reviveOne(...[revival, now]: Revived) {
        const version = this.tables.runs.get(revival.runId)?.version ?? null;
        return super.reviveOne({ ...revival, version }, now);
      }
    },
    noticed: ['revive: by a version', 'filter: by version, which'],
  },
  {
    breaks: 'what is kept was recorded now',
    Store: class extends MemoryStore {
      protected override copyRecord(...[run, entries]: Copied) {
        super.copyRecord(run, entries.map((entry) => ({ ...entry, at: this.now() })));
      }
    },
    noticed: ['revive: what it keeps', 'fork: a new run begins'],
  },
  {
    breaks: 'nothing is kept',
    Store: class extends MemoryStore {
      protected override copyRecord() {}
    },
    noticed: ['revive: what it keeps', 'revive: several at once', 'fork: a new run begins'],
  },
  {
    breaks: 'only so much is kept',
    Store: class extends MemoryStore {
      protected override copyRecord(...[run, entries]: Copied) {
        super.copyRecord(run, entries.slice(0, 1_000));
      }
    },
    noticed: ['fork: a long record'],
  },
  {
    breaks: 'texts that are kept are normalised',
    Store: class extends MemoryStore {
      protected override copyRecord(...[run, entries]: Copied) {
        super.copyRecord(run, entries.map((entry) => ({ ...entry, name: entry.name.normalize() })));
      }
    },
    noticed: ['fork: every text'],
  },
  {
    breaks: 'one of each position is kept',
    Store: class extends MemoryStore {
      protected override copyRecord(...[run, entries]: Copied) {
        super.copyRecord(run, [...new Map(entries.map((entry) => [entry.position, entry])).values()]);
      }
    },
    noticed: ['revive: a mark and an answer'],
  },
  {
    breaks: 'what is kept took no message',
    Store: class extends MemoryStore {
      protected override copyRecord(...[run, entries]: Copied) {
        super.copyRecord(run, entries.map((entry) => ({ ...entry, message: null })));
      }
    },
    noticed: ['revive: what a record that was kept'],
  },
  {
    breaks: 'what cannot begin anew ends all the same',
    Store: class extends MemoryStore {
      protected override reviveOne(...[revival, now]: Revived) {
        const run = this.tables.runs.get(revival.runId);
        if (run !== undefined && run.status !== 'live') this.leave(run);
        return super.reviveOne(revival, now);
      }
    },
    noticed: ['revive: a value that the database'],
  },
  {
    breaks: 'everything that was taken is put back',
    Store: class extends MemoryStore {
      protected override putBack(...[run]: PutBack) {
        super.putBack(run, []);
      }
    },
    noticed: ['revive: signals whose'],
  },
  {
    breaks: 'what is put back was sent now',
    Store: class extends MemoryStore {
      protected override putBack(...[run, kept]: PutBack) {
        const lay = new Set(this.tables.mail.inbox.get(run.id)?.keys() ?? []);
        super.putBack(run, kept);
        for (const [id, row] of this.tables.mail.inbox.get(run.id) ?? []) {
          if (!lay.has(id)) Object.assign(row, { sentAt: this.now() });
        }
      }
    },
    noticed: ['revive: signals whose', 'revive: a signal that lies'],
  },
  {
    breaks: 'what was taken by any generation is put back',
    Store: class extends MemoryStore {
      protected override putBack(...[run, kept]: PutBack) {
        for (let generation = 1; generation <= run.generation; generation++) {
          super.putBack({ ...run, generation }, kept);
        }
      }
    },
    noticed: ['revive: what a generation before'],
  },
  {
    breaks: 'a parent is told of every end',
    Store: class extends MemoryStore {
      protected override isSent() {
        return false;
      }
    },
    noticed: ['revive: a parent hears'],
  },
];

const brokenForks: readonly BrokenStore[] = [
  {
    breaks: 'a fork begins in its first generation',
    Store: class extends MemoryStore {
      protected override fork(...[fork, now]: Forked) {
        return super.fork({ ...fork, generation: 1 }, now);
      }
    },
    noticed: ['fork: a new run begins'],
  },
  {
    breaks: 'a fork takes the place of a run',
    Store: class extends MemoryStore {
      protected override fork(...[fork, now]: Forked) {
        this.tables.forget(fork.run.id);
        return super.fork(fork, now);
      }
    },
    noticed: ['fork: an id that exists'],
  },
  {
    breaks: 'a fork takes the record with it',
    Store: class extends MemoryStore {
      protected override fork(...[fork, now]: Forked) {
        for (const id of this.tables.runs.keys()) this.tables.journal(id, fork.generation - 1).clear();
        return super.fork(fork, now);
      }
    },
    noticed: ['fork: the run that it is made from'],
  },
  {
    breaks: 'what a record took cannot be sent to a fork',
    Store: class extends MemoryStore {
      protected override fork(...[fork, now]: Forked) {
        const runId = fork.run.id;
        const sent = { kind: 'signal', payload: nothing, error: null, outcome: null, sentAt: now } as const;
        for (const { message } of fork.entries) {
          if (message === null) continue;
          this.tables.mail.insertMessage({ ...sent, runId, id: message, name: 'go' });
          this.tables.mail.takeMessage(runId, message);
        }
        return super.fork(fork, now);
      }
    },
    noticed: ['fork: its mail is its own'],
  },
  {
    breaks: 'a fork has no version',
    Store: class extends MemoryStore {
      protected override fork(...[fork, now]: Forked) {
        return super.fork({ ...fork, version: null }, now);
      }
    },
    noticed: ['fork: by a version'],
  },
  {
    breaks: 'a fork is taken for a run without a record',
    Store: class extends MemoryStore {
      protected override forkedRows(...given: Parameters<MemoryStore['forkedRows']>) {
        const rows = super.forkedRows(...given);
        return { ...rows, ready: { ...rows.ready, wake: false } };
      }
    },
    noticed: ['fork: a new run begins'],
  },
  {
    breaks: 'a fork is woken before its time',
    Store: class extends MemoryStore {
      protected override forkedRows(...given: Parameters<MemoryStore['forkedRows']>) {
        const rows = super.forkedRows(...given);
        return { ...rows, ready: { ...rows.ready, fresh: false } };
      }
    },
    noticed: ['fork: a delay holds'],
  },
];

export const brokenVerbs: readonly BrokenStore[] = [
  ...brokenOpenings, ...brokenResumptions, ...brokenRevivals, ...brokenForks,
];
