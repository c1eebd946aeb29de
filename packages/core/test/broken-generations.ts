// Stores that break what runs are promised that go on as new, or begin anew by a start.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type GoOn = Parameters<MemoryStore['goOn']>;
type Restarted = Parameters<MemoryStore['isRestarted']>;

const brokenContinuations: readonly BrokenStore[] = [
  {
    breaks: 'what goes on as new rests for ever',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        super.goOn(row, end, now);
        row.dueAt = Infinity;
      }
    },
    noticed: ['continue: the next generation is due', 'continue: a cancel that came'],
  },
  {
    breaks: 'the next generation has the input of the last one',
    Store: class extends MemoryStore {
      protected override goOn(...[row, , now]: GoOn) {
        super.goOn(row, { kind: 'continue', input: this.tables.runOf(row.id).input }, now);
      }
    },
    noticed: ['continue: the next generation is due'],
  },
  {
    breaks: 'the version goes on',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        const { version } = row;
        super.goOn(row, end, now);
        row.version = version;
      }
    },
    noticed: ['continue: the next generation has no version'],
  },
  {
    breaks: 'who ended a generation owns the next',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        const { epoch } = row;
        super.goOn(row, end, now);
        row.epoch = epoch;
      }
    },
    noticed: ['continue: its epoch is later'],
  },
  {
    breaks: 'what waits goes on to wait',
    Store: class extends MemoryStore {
      protected override leave() {}
    },
    noticed: [
      'continue: nothing of the old generation', 'revive: what waited', 'terminate: what it waited for',
    ],
  },
  {
    breaks: 'a write that ends a generation records nothing',
    Store: class extends MemoryStore {
      protected override write(...[row, write, now]: Parameters<MemoryStore['write']>) {
        const isLast = write.end?.kind === 'continue';
        return super.write(row, isLast ? { ...write, entries: [], more: null } : write, now);
      }
    },
    noticed: ['continue: what it writes beside', 'continue: mail that was not taken'],
  },
  {
    breaks: 'records are never deleted',
    Store: class extends MemoryStore {
      protected override forgetEarlier() {}
    },
    noticed: ['continue: the last record stays'],
  },
  {
    breaks: 'no record outlives its generation',
    Store: class extends MemoryStore {
      protected override forgetEarlier(...[run]: Parameters<MemoryStore['forgetEarlier']>) {
        this.tables.forgetBefore(run.id, run.generation + 1);
      }
    },
    noticed: [
      'continue: the last record stays', 'continue: what it writes beside', 'record: of one generation',
    ],
  },
  {
    breaks: 'mail goes with its generation',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        super.goOn(row, end, now);
        this.tables.mail.inbox.delete(row.id);
      }
    },
    noticed: ['continue: mail that was not taken', 'continue: a cancel that came'],
  },
  {
    breaks: 'who goes on as new gets its mail again, and forgets its cancel',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        this.putBack(this.tables.runOf(row.id), []);
        super.goOn(row, end, now);
      }
    },
    noticed: [
      'continue: mail that was not taken', 'continue: a cancel that came', 'revive: what a generation before',
    ],
  },
  {
    breaks: 'nothing that was taken is given back to the next generation',
    Store: class extends MemoryStore {
      protected override goOn(...[row, { input }, now]: GoOn) {
        super.goOn(row, { kind: 'continue', input }, now);
      }
    },
    noticed: ['continue: what it gives back'],
  },
  {
    breaks: 'whoever asks is given back',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        const returned = write.end?.kind === 'continue' ? write.end.returned ?? [] : [];
        for (const id of returned) this.tables.mail.putBack(write.lease.runId, id);
        return super.commitOne(write, now);
      }
    },
    noticed: ['continue: what it gives back', 'continue: a lost lease gives'],
  },
  {
    breaks: 'attributes go with their generation',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        super.goOn(row, end, now);
        this.tables.attributes(row.id).clear();
      }
    },
    noticed: ['continue: what the run was started', 'continue: what it writes beside'],
  },
  {
    breaks: 'the time of the first claim is that of the run',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        const { firstClaimedAt } = row;
        super.goOn(row, end, now);
        row.firstClaimedAt = firstClaimedAt;
      }
    },
    noticed: ['continue: the time of the first claim'],
  },
  {
    breaks: 'the end of a generation is not known again',
    Store: class extends MemoryStore {
      protected override restedBy(...[row, write]: Parameters<MemoryStore['restedBy']>) {
        return write.end?.kind !== 'continue' && super.restedBy(row, write);
      }
    },
    noticed: ['continue: sent again'],
  },
  {
    breaks: 'whoever comes begins the next generation',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        const row = this.tables.ready.get(write.lease.runId);
        if (row === undefined || write.end?.kind !== 'continue') return super.commitOne(write, now);
        return this.write(row, write, now);
      }
    },
    noticed: [
      'continue: a lost lease', 'continue: while a stranger', 'continue: an input that the database',
      'continue: sent again',
    ],
  },
  {
    breaks: 'strikes go on',
    Store: class extends MemoryStore {
      protected override end(...[row, end, now]: Parameters<MemoryStore['end']>) {
        const { lane, strikes, soloStrikes } = row;
        const epoch = super.end(row, end, now);
        if (end.kind === 'continue') Object.assign(row, { lane, strikes, soloStrikes });
        return epoch;
      }
    },
    noticed: ['continue: it forgets the strikes'],
  },
  {
    breaks: 'ties are forgotten with the first generation',
    Store: class extends MemoryStore {
      protected override goOn(...[row, end, now]: GoOn) {
        super.goOn(row, end, now);
        row.tied = false;
      }
    },
    noticed: ['continue: children are closed', 'continue: who watches'],
  },
  {
    breaks: 'nobody looks for ties',
    Store: class extends MemoryStore {
      protected override isTiedToAny() {
        return false;
      }

      protected override hasChildren() {
        return false;
      }
    },
    noticed: ['continue: children are closed', 'resume: who waits', 'revive: of a parked run'],
  },
  {
    breaks: 'answers reach whichever generation there is',
    Store: class extends MemoryStore {
      protected override isPresent() {
        return true;
      }
    },
    noticed: ['continue: what a child answers', 'revive: what a child answers'],
  },
];

const brokenRestarts: readonly BrokenStore[] = [
  {
    breaks: 'no start makes a run begin anew',
    Store: class extends MemoryStore {
      protected override isRestarted() {
        return false;
      }
    },
    noticed: [
      'restart: a run that is failed', 'restart: a run that is cancelled', 'restart: what it is started',
      'restart: signals', 'restart: sent again', 'restart: beside', 'restart: in a transaction',
    ],
  },
  {
    breaks: 'a start makes every run begin anew',
    Store: class extends MemoryStore {
      protected override isRestarted(...[{ workflow }, run]: Restarted) {
        return run.restart === true && run.workflow === workflow;
      }
    },
    noticed: [
      'restart: every other', 'restart: sent again', 'restart: of several at once',
      'races: of a revival and a start',
    ],
  },
  {
    breaks: 'the run of another workflow begins anew',
    Store: class extends MemoryStore {
      protected override isRestarted(...[existing, run]: Restarted) {
        return super.isRestarted({ ...existing, workflow: run.workflow }, run);
      }
    },
    noticed: ['restart: every other'],
  },
  {
    breaks: 'what failed begins anew without being asked to',
    Store: class extends MemoryStore {
      protected override isRestarted(...[existing, run]: Restarted) {
        return super.isRestarted(existing, { ...run, restart: true });
      }
    },
    noticed: ['restart: a start that does not ask'],
  },
  {
    breaks: 'a run begins anew in the generation that it had',
    Store: class extends MemoryStore {
      protected override succeed(...[rows, existing]: Parameters<MemoryStore['succeed']>) {
        super.succeed(rows, { ...existing, generation: existing.generation - 1 });
      }
    },
    noticed: ['restart: a run that is', 'restart: of several', 'restart: in a transaction'],
  },
  {
    breaks: 'a run that begins anew belongs to whoever ended it',
    Store: class extends MemoryStore {
      protected override succeed(...[rows, existing]: Parameters<MemoryStore['succeed']>) {
        super.succeed(rows, existing);
        rows.ready.epoch = existing.settledEpoch ?? 0;
      }
    },
    noticed: ['restart: who owned it', 'restart: a run that is'],
  },
  {
    breaks: 'a run that begins anew is taken for one that never was',
    Store: class extends MemoryStore {
      protected override succeed(...[rows, existing]: Parameters<MemoryStore['succeed']>) {
        super.succeed(rows, existing);
        rows.ready.wake = false;
      }
    },
    noticed: ['restart: signals'],
  },
  {
    breaks: 'attributes of the run that failed stay',
    Store: class extends MemoryStore {
      protected override enter(...[rows]: Parameters<MemoryStore['enter']>) {
        const before = Object.fromEntries(this.tables.attributes(rows.run.id));
        super.enter({ ...rows, attributes: { ...before, ...rows.attributes } });
      }
    },
    noticed: ['restart: what it is started'],
  },
  {
    breaks: 'a run begins anew before its transaction commits',
    Store: class extends MemoryStore {
      protected override start(...[run, pending]: Parameters<MemoryStore['start']>) {
        return super.start(run, run.restart === true ? null : pending);
      }
    },
    noticed: ['restart: in a transaction'],
  },
  {
    breaks: 'nothing is put back',
    Store: class extends MemoryStore {
      protected override putBack(...[run]: Parameters<MemoryStore['putBack']>) {
        this.forgetCancel(run.id);
      }
    },
    noticed: [
      'restart: signals', 'revive: signals whose', 'revive: a signal that lies', 'revive: what a record',
      'revive: what a generation before',
    ],
  },
  {
    breaks: 'a run is cancelled once and for all',
    Store: class extends MemoryStore {
      protected override forgetCancel() {}
    },
    noticed: ['restart: signals', 'revive: a cancel is forgotten'],
  },
];

export const brokenGenerations: readonly BrokenStore[] = [...brokenContinuations, ...brokenRestarts];
