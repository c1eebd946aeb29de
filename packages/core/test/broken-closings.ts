// Stores that break what the end of a parent does to its children.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type Tie = Parameters<MemoryStore['onParentEnd']>[0];
type Outcome = Parameters<MemoryStore['onParentEnd']>[1];

export const brokenClosings: readonly BrokenStore[] = [
  {
    breaks: 'children outlive whatever happens',
    Store: class extends MemoryStore {
      protected override onParentEnd() {
        return 'nothing' as const;
      }
    },
    noticed: [
      'closing: with policy default', 'closing: with policy cancel', 'closing: with policy terminate',
      'closing: a resting child is due', 'closing: a settlement', 'closing: children of a terminated',
      'closing: a resting, a waiting', 'closing: a child that a stranger holds', 'races: a child',
    ],
  },
  {
    breaks: 'children never outlive their parent',
    Store: class extends MemoryStore {
      protected override onParentEnd() {
        return 'cancel' as const;
      }
    },
    noticed: [
      'closing: with policy default', 'closing: with policy terminate', 'closing: with policy abandon',
      'closing: children of a terminated', 'closing: a resting, a waiting',
    ],
  },
  {
    breaks: 'a parent that completed and one that was cancelled are the same',
    Store: class extends MemoryStore {
      protected override onParentEnd(tie: Tie, outcome: Outcome) {
        return super.onParentEnd(tie, outcome === 'cancelled' ? 'completed' : outcome);
      }
    },
    noticed: ['closing: with policy default', 'closing: a resting child is due'],
  },
  {
    breaks: 'a run that is only watched is closed',
    Store: class extends MemoryStore {
      protected override isParent() {
        return true;
      }
    },
    noticed: ['closing: a run that is only watched'],
  },
  {
    breaks: 'a child is closed when its parent rests or parks',
    Store: class extends MemoryStore {
      protected override endings() {
        for (const { parent, childId } of this.tables.mail.ties.values()) {
          const row = this.tables.ready.get(parent.id);
          if (row === undefined || row.restedFrom !== null) this.cancel(childId, this.now());
        }
        return super.endings();
      }
    },
    noticed: ['closing: a parent that parks or rests', 'closing: with policy abandon'],
  },
  {
    breaks: 'a settled child is terminated once more',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        Object.assign(this.tables.runs.get(runId) ?? {}, { status: 'live' });
        super.terminate(runId, error, now);
      }
    },
    noticed: ['closing: a child that settled'],
  },
  {
    breaks: 'every parent cancels by itself',
    Store: class extends MemoryStore {
      protected override isSent() {
        return false;
      }
    },
    noticed: ['closing: one cancel'],
  },
  {
    breaks: 'a settlement sent again is told again',
    Store: class extends MemoryStore {
      protected override again(...[write, now]: Parameters<MemoryStore['again']>) {
        this.tables.mail.endings.add(write.lease.runId);
        for (const { childId } of this.tables.mail.tiesOf.get(write.lease.runId) ?? []) {
          this.tables.mail.messages.get(childId)?.clear();
        }
        return super.again(write, now);
      }
    },
    noticed: ['closing: a settlement'],
  },
  {
    breaks: 'a terminated run keeps its owner',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        const row = this.tables.ready.get(runId);
        super.terminate(runId, error, now);
        if (row !== undefined) this.tables.ready.set(runId, row);
      }
    },
    noticed: ['closing: with policy terminate', 'closing: a resting, a waiting'],
  },
  {
    breaks: 'the owner of a terminated run settled it',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        const epoch = this.tables.ready.get(runId)?.epoch;
        super.terminate(runId, error, now);
        if (epoch !== undefined) this.tables.runOf(runId).settledEpoch = epoch;
      }
    },
    noticed: ['closing: with policy terminate', 'closing: children of a terminated'],
  },
  {
    breaks: 'a terminated run has no error',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, , now]: Parameters<MemoryStore['terminate']>) {
        super.terminate(runId, '', now);
      }
    },
    noticed: ['closing: with policy terminate', 'closing: a resting, a waiting'],
  },
  {
    breaks: 'nobody hears of a terminated run',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        super.terminate(runId, error, now);
        this.tables.mail.endings.delete(runId);
      }
    },
    noticed: ['closing: children of a terminated', 'terminate: children are closed'],
  },
  {
    breaks: 'a parked run is not terminated',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        if (this.tables.ready.has(runId)) super.terminate(runId, error, now);
      }
    },
    noticed: ['closing: a resting, a waiting'],
  },
  {
    breaks: 'a child that a stranger holds is spared',
    Store: class extends MemoryStore {
      protected override toTerminate() {
        return [];
      }

      protected override terminate(...[runId, error, now]: Parameters<MemoryStore['terminate']>) {
        if (!this.isLocked(runId)) super.terminate(runId, error, now);
      }
    },
    noticed: ['closing: a child that a stranger holds'],
  },
  {
    breaks: 'a child is terminated while a stranger holds it',
    Store: class extends MemoryStore {
      protected override toTerminate() {
        return [];
      }
    },
    noticed: ['closing: a child that a stranger holds'],
  },
];
