// Stores that break what priorities promise, and what runs are started with beside their input.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

const brokenLines: readonly BrokenStore[] = [
  {
    breaks: 'priorities are not looked at',
    Store: class extends MemoryStore {
      protected override rank() {
        return 0;
      }
    },
    noticed: [
      'priority: of runs that are due', 'priority: a claim that', 'priority: it holds between',
      'priority: a run keeps it when', 'priority: a run keeps it in', 'priority: a suspect of any',
      'priority: a suspect that leaves', 'priority: children', 'transaction: a start has all',
    ],
  },
  {
    breaks: 'the lowest goes first',
    Store: class extends MemoryStore {
      protected override rank(...[row]: Parameters<MemoryStore['rank']>) {
        return -super.rank(row);
      }
    },
    noticed: ['priority: of runs that are due', 'priority: a claim that'],
  },
  {
    breaks: 'of one priority the newest goes first',
    Store: class extends MemoryStore {
      protected override inLine(...given: Parameters<MemoryStore['inLine']>) {
        return super.inLine(...given).sort((one, other) => (
          this.rank(other) - this.rank(one) || other.dueAt - one.dueAt));
      }
    },
    noticed: ['priority: of one the oldest', 'claim: what is due longest'],
  },
  {
    breaks: 'all wait for the highest',
    Store: class extends MemoryStore {
      protected override inLine(...given: Parameters<MemoryStore['inLine']>) {
        const free = [...this.tables.ready.values()].filter(({ claim }) => claim === null);
        const highest = Math.max(...free.map((row) => this.rank(row)));
        return super.inLine(...given).filter((row) => row.claim !== null || this.rank(row) === highest);
      }
    },
    noticed: ['priority: what is not due'],
  },
  {
    breaks: 'a rest costs the priority',
    Store: class extends MemoryStore {
      protected override rest(...[row, end, now]: Parameters<MemoryStore['rest']>) {
        Object.assign(row, { priority: 0 });
        return super.rest(row, end, now);
      }
    },
    noticed: ['priority: a run keeps it when'],
  },
  {
    breaks: 'what is opened again has no priority',
    Store: class extends MemoryStore {
      protected override opened(...given: Parameters<MemoryStore['opened']>) {
        return { ...super.opened(...given), priority: 0 };
      }
    },
    noticed: ['priority: a run keeps it in'],
  },
  {
    breaks: 'quarantine costs the priority',
    Store: class extends MemoryStore {
      protected override quarantine(...[row, now]: Parameters<MemoryStore['quarantine']>) {
        super.quarantine(row, now);
        Object.assign(row, { priority: 0 });
      }
    },
    noticed: ['priority: a suspect of any', 'priority: a suspect that leaves'],
  },
];

const brokenGifts: readonly BrokenStore[] = [
  {
    breaks: 'claims tell no headers',
    Store: class extends MemoryStore {
      protected override claimed(...given: Parameters<MemoryStore['claimed']>) {
        return { ...super.claimed(...given), headers: {} };
      }
    },
    noticed: [
      'start: a run has its headers', 'start: a child has all', 'continue: what the run was started',
      'fork: a new run begins', 'restart: what it is started',
    ],
  },
  {
    breaks: 'starts set no attributes',
    Store: class extends MemoryStore {
      protected override newRows(...[run, now]: Parameters<MemoryStore['newRows']>) {
        return { ...super.newRows(run, now), attributes: {} };
      }
    },
    noticed: [
      'start: a run is found by', 'start: a child has all', 'start: one that is born leased',
      'start: attributes of a run', 'start: an id that exists keeps', 'transaction: a start has all',
      'continue: what the run was started',
    ],
  },
  {
    breaks: 'the start of a run that exists sets its attributes',
    Store: class extends MemoryStore {
      protected override start(...[run, pending]: Parameters<MemoryStore['start']>) {
        const answer = super.start(run, pending);
        if (answer.kind === 'exists') {
          const given = Object.entries(run.attributes ?? {});
          this.setAttributes(run.id, given.map(([name, value]) => ({ name, value })));
        }
        return answer;
      }
    },
    noticed: ['start: an id that exists keeps'],
  },
  {
    breaks: 'nothing that is started with is refused',
    Store: class extends MemoryStore {
      protected override textsOf() {
        return [];
      }
    },
    noticed: ['start: an attribute that', 'fork: a value that', 'restart: beside'],
  },
  {
    breaks: 'runs are started with one attribute at most',
    Store: class extends MemoryStore {
      protected override newRows(...[run, now]: Parameters<MemoryStore['newRows']>) {
        const [first] = Object.entries(run.attributes ?? {});
        return { ...super.newRows(run, now), attributes: Object.fromEntries(first ? [first] : []) };
      }
    },
    noticed: ['start: a run is found by'],
  },
];

export const brokenPriorities: readonly BrokenStore[] = [...brokenLines, ...brokenGifts];
