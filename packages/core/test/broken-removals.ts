// Stores that break what terminations and deletions promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type Terminated = Parameters<MemoryStore['terminate']>;
type Deleted = Parameters<MemoryStore['deleteOne']>;

export const brokenRemovals: readonly BrokenStore[] = [
  {
    breaks: 'parked runs are not terminated by people',
    Store: class extends MemoryStore {
      protected override isTerminable(...[{ status }]: Parameters<MemoryStore['isTerminable']>) {
        return status === 'live';
      }
    },
    noticed: ['terminate: a live or parked run', 'races: of a resumption'],
  },
  {
    breaks: 'settled runs are said to be terminated',
    Store: class extends MemoryStore {
      protected override isTerminable() {
        return true;
      }
    },
    noticed: ['terminate: a settled run', 'terminate: asked again', 'races: of two that terminate'],
  },
  {
    breaks: 'a terminated run stays in line',
    Store: class extends MemoryStore {
      protected override terminate(...[runId, error, now]: Terminated) {
        const row = this.tables.ready.get(runId);
        super.terminate(runId, error, now);
        if (row !== undefined) this.tables.ready.set(runId, row);
      }
    },
    noticed: [
      'terminate: a live or parked run', 'terminate: its owner loses it',
      'races: of a termination and the end', 'races: of a termination and the next',
      'races: of a termination and a claim',
    ],
  },
  {
    breaks: 'any error is stored',
    Store: class extends MemoryStore {
      protected override terminateOne(...[id, error, now]: Parameters<MemoryStore['terminateOne']>) {
        const answer = super.terminateOne(id, '', now);
        if (answer.kind === 'done') this.tables.runOf(id).error = error;
        return answer;
      }
    },
    noticed: ['terminate: an error that the database'],
  },
  {
    breaks: 'deletions are said and not done',
    Store: class extends MemoryStore {
      override forget() {}
    },
    noticed: ['delete: a settled run is gone', 'delete: a run that has not', 'races: of two that delete'],
  },
  {
    breaks: 'every run can be deleted',
    Store: class extends MemoryStore {
      protected override isDeletable() {
        return true;
      }
    },
    noticed: ['delete: a run that has not settled', 'races: of a deletion and a revival'],
  },
  {
    breaks: 'ties of a deleted run stay',
    Store: class extends MemoryStore {
      override forget(runId: string) {
        const ties = [...this.tables.mail.tiesOf.get(runId) ?? []];
        super.forget(runId);
        for (const tie of ties) this.tables.mail.insertTie(tie);
      }
    },
    noticed: ['delete: the ties of its calls'],
  },
  {
    breaks: 'the next run of an id has the children of the one before',
    Store: class extends MemoryStore {
      protected override orphan() {}
    },
    noticed: ['delete: its children are not those'],
  },
  {
    breaks: 'the end of a deleted run is told to nobody',
    Store: class extends MemoryStore {
      protected override deleteOne(...[id, now]: Deleted) {
        this.tables.mail.endings.delete(id);
        return super.deleteOne(id, now);
      }
    },
    noticed: ['delete: who waits for the end'],
  },
  {
    breaks: 'the first generation of a deleted run stays',
    Store: class extends MemoryStore {
      override forget(runId: string) {
        const first = [...this.tables.journal(runId, 1).values()];
        super.forget(runId);
        for (const entry of first) this.tables.journal(runId, 1).set(entry.place, entry);
      }
    },
    noticed: ['delete: nothing is left'],
  },
  {
    breaks: 'a deletion ends the waits of all runs',
    Store: class extends MemoryStore {
      override forget(runId: string) {
        super.forget(runId);
        for (const row of [...this.tables.mail.subscriptions.values()]) {
          this.tables.mail.deleteSubscription(row);
        }
      }
    },
    noticed: ['delete: others keep'],
  },
];
