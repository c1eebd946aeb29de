// Stores that break what starts and batches promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenStarts: readonly BrokenStore[] = [
  {
    breaks: 'an existing run is started over',
    Store: class extends MemoryStore {
      protected override existing(): undefined {}
    },
    noticed: [
      'start: an id that exists', 'start: an id twice', 'start: an id that was born leased',
      'reissue: a start sent again', 'start: a batch of 1,000', 'transaction: its own starts',
    ],
  },
  {
    breaks: 'the start of an existing run gives it up',
    Store: class extends MemoryStore {
      protected override start(...[run, pending]: Parameters<MemoryStore['start']>) {
        const row = this.tables.ready.get(run.id);
        if (row !== undefined) Object.assign(row, { claim: null, dueAt: 0 });
        return super.start(run, pending);
      }
    },
    noticed: ['start: an id that was born leased', 'start: an id that exists does not'],
  },
  {
    breaks: 'answers are given in the order of ids',
    Store: class extends MemoryStore {
      override async startRuns(runs: Parameters<MemoryStore['startRuns']>[0]) {
        return super.startRuns([...runs].sort((one, other) => (one.id < other.id ? -1 : 1)));
      }
    },
    noticed: ['start: answers are in the order'],
  },
  {
    breaks: 'an empty batch is refused',
    Store: class extends MemoryStore {
      override async startRuns(runs: Parameters<MemoryStore['startRuns']>[0]) {
        if (runs.length === 0) throw new Error('syntax error at end of input');
        return super.startRuns(runs);
      }
    },
    noticed: ['start: nothing to start'],
  },
  {
    breaks: 'new runs are due at once',
    Store: class extends MemoryStore {
      protected override firstDue(...[, now]: Parameters<MemoryStore['firstDue']>) {
        return now;
      }
    },
    noticed: [
      'start: a delayed run is due exactly', "start: a caller's instant is compared",
      'start: a run born leased belongs', 'start: a run born leased falls due',
    ],
  },
  {
    breaks: 'new runs are due a moment after they should',
    Store: class extends MemoryStore {
      protected override firstDue(...[run, now]: Parameters<MemoryStore['firstDue']>) {
        return super.firstDue(run, now) + 1;
      }
    },
    noticed: ['start: a delayed run is due exactly', 'claim: a sweep tells when'],
  },
  {
    breaks: 'an instant in the past never comes',
    Store: class extends MemoryStore {
      protected override firstDue(...[run, now]: Parameters<MemoryStore['firstDue']>) {
        const due = super.firstDue(run, now);
        return run.startAtMs !== undefined && due === now ? Infinity : due;
      }
    },
    noticed: ["start: a caller's instant in the past"],
  },
  {
    breaks: 'delays are not over by themselves',
    Store: class extends MemoryStore {
      protected override firstDue(...[run, now]: Parameters<MemoryStore['firstDue']>) {
        return run.delayMs === 5 ? Infinity : super.firstDue(run, now);
      }
    },
    noticed: ['start: a delayed run becomes due'],
  },
  {
    breaks: 'one value at fault fails the batch',
    Store: class extends MemoryStore {
      override async startRuns(runs: Parameters<MemoryStore['startRuns']>[0]) {
        const why = this.refusal(runs.map(({ input }) => input.text));
        if (why !== null) return runs.map(() => ({ kind: 'refused' as const, why }));
        return super.startRuns(runs);
      }
    },
    noticed: ['start: a value that the database refuses'],
  },
  {
    breaks: 'a batch ends after 500 items',
    Store: class extends MemoryStore {
      protected override inBatch<Item, Answer>(items: readonly Item[], serve: (item: Item) => Answer) {
        return super.inBatch(items.slice(0, 500), serve);
      }
    },
    noticed: ['start: a batch of 1,000', 'fence: a batch of 1,000', 'delete: 1,000'],
  },
  {
    breaks: 'the epoch of a new run starts at one',
    Store: class extends MemoryStore {
      protected override nextEpoch(previous: number) {
        return previous + 1;
      }
    },
    noticed: ['fence: an id that is deleted', 'delete: epochs do not'],
  },
  {
    breaks: 'the epoch stays',
    Store: class extends MemoryStore {
      protected override nextEpoch(...[previous, now]: Parameters<MemoryStore['nextEpoch']>) {
        return previous === 0 ? now : previous;
      }
    },
    noticed: [
      'fence: every change of ownership', 'fence: after a lease is lost', 'fence: a run that rested',
      'fence: a lost lease closes no call', 'quarantine: its last owner',
      'reissue: a settlement by another lease', 'claim: a lease ends by',
      'start: a run born leased falls due', 'fence: at the end of a lease, claim',
    ],
  },
  {
    breaks: 'instants are milliseconds',
    Store: class extends MemoryStore {
      protected override now() {
        return Math.floor(super.now() / 1_000);
      }
    },
    noticed: ['claim: its time is not before'],
  },
  {
    breaks: "a stranger's uncommitted start is not seen",
    Store: class extends MemoryStore {
      protected override isHeld() {
        return false;
      }
    },
    noticed: ['locks: a start of an id', 'transaction: an id that it started', 'fork: an id that a stranger'],
  },
  {
    breaks: "strangers' locks are not seen",
    Store: class extends MemoryStore {
      protected override isLocked() {
        return false;
      }
    },
    noticed: [
      'locks: a write to a run', 'locks: other items', 'locks: a claim passes by', 'locks: a run whose lease',
      'fence: items of a batch', 'send: a run that a stranger holds', 'carry: a run that a stranger holds',
      'children: a parent that a stranger holds', 'events: a run that a stranger holds',
      'closing: a child that a stranger holds', 'terminate: a run that a stranger',
      'continue: while a stranger',
    ],
  },
  {
    breaks: "a stranger's lock stalls the batch",
    Store: class extends MemoryStore {
      override async commit(writes: Parameters<MemoryStore['commit']>[0]) {
        const stalled = writes.some(({ lease }) => this.isLocked(lease.runId));
        return stalled ? writes.map(() => ({ kind: 'busy' as const })) : super.commit(writes);
      }
    },
    noticed: ['locks: other items', 'fence: items of a batch'],
  },
  {
    breaks: "a stranger's lock stops readers",
    Store: class extends MemoryStore {
      override async readRuns(ids: readonly string[]) {
        return super.readRuns(ids.filter((id) => !this.isLocked(id)));
      }
    },
    noticed: ['locks: what a stranger holds can be read'],
  },
  {
    breaks: 'transactions are not there: starts are seen at once',
    Store: class extends MemoryStore {
      override begin() {
        return Object.assign(super.begin(), {
          startRuns: this.startRuns.bind(this),
          sendMessages: this.sendMessages.bind(this),
          emitEvents: this.emitEvents.bind(this),
        });
      }
    },
    noticed: [
      'transaction: a start is seen at', 'transaction: a start is gone',
      'transaction: an id that it started', 'transaction: a message is seen',
      'transaction: a message is gone', 'transaction: an event is seen',
    ],
  },
  {
    breaks: 'a transaction does not see its own starts',
    Store: class extends MemoryStore {
      protected override existing(id: string) {
        return this.tables.runs.get(id);
      }
    },
    noticed: ['transaction: its own starts', 'transaction: a run that it started takes'],
  },
  {
    breaks: 'deletion leaves the journal',
    Store: class extends MemoryStore {
      override forget(runId: string) {
        this.tables.runs.delete(runId);
        this.tables.ready.delete(runId);
      }
    },
    noticed: [
      'reads: a deleted run leaves nothing', 'mail: a deleted run', 'attributes: they outlive',
      'streams: they outlive', 'events: a deleted run', 'delete: nothing is left',
    ],
  },
];
