// Stores that break what rests and renewals promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenRests: readonly BrokenStore[] = [
  {
    breaks: 'rests are for ever',
    Store: class extends MemoryStore {
      protected override restDue() {
        return Infinity;
      }
    },
    noticed: [
      'rest: the run is due', 'rest: an instant in the past', 'rest: the earlier',
      'rest: the run becomes due', 'rest: a run handed back', 'rest: what was recorded',
      'wake: one that met',
    ],
  },
  {
    breaks: 'rests are over at once',
    Store: class extends MemoryStore {
      protected override restDue(...[, , now]: Parameters<MemoryStore['restDue']>) {
        return now;
      }
    },
    noticed: [
      'rest: without wait', 'rest: the run is due', 'wake: one that was honoured',
      'wake: only the runs', 'reads: the status',
    ],
  },
  {
    breaks: 'the wait counts before the instant',
    Store: class extends MemoryStore {
      protected override restDue(...[row, end, now]: Parameters<MemoryStore['restDue']>) {
        return super.restDue(row, end.wakeInMs === null ? end : { ...end, wakeAt: null }, now);
      }
    },
    noticed: ['rest: the earlier', 'rest: an instant in the past'],
  },
  {
    breaks: 'the instant counts before the wait',
    Store: class extends MemoryStore {
      protected override restDue(...[row, end, now]: Parameters<MemoryStore['restDue']>) {
        return super.restDue(row, end.wakeAt === null ? end : { ...end, wakeInMs: null }, now);
      }
    },
    noticed: ['rest: the earlier'],
  },
  {
    breaks: 'a wake that met a lease is not honoured',
    Store: class extends MemoryStore {
      protected override restDue(...[row, end, now]: Parameters<MemoryStore['restDue']>) {
        return super.restDue({ ...row, wake: false }, end, now);
      }
    },
    noticed: ['wake: one that met a lease'],
  },
  {
    breaks: 'a wake is honoured for ever',
    Store: class extends MemoryStore {
      protected override hear() {}
    },
    noticed: ['wake: one that was honoured', 'continue: a wake that met'],
  },
  {
    breaks: 'a renewal swallows the wake',
    Store: class extends MemoryStore {
      protected override renew(...[row, end, now]: Parameters<MemoryStore['renew']>) {
        super.renew(row, end, now);
        row.wake = false;
      }
    },
    noticed: ['wake: an owner hears', 'wake: one that met'],
  },
  {
    breaks: 'a rest keeps its claim',
    Store: class extends MemoryStore {
      protected override rest(...[row, end, now]: Parameters<MemoryStore['rest']>) {
        const { claim } = row;
        const epoch = super.rest(row, end, now);
        row.claim = claim;
        return epoch;
      }
    },
    noticed: [
      'rest: a run handed back', 'reads: the status',
      'reissue: recall gives nothing that was given back', 'wake: a resting run',
      'claim: a claim without a stamp', 'claim: only the first', 'rest: an instant in the past',
      'rest: what was recorded', 'quarantine: a wake',
    ],
  },
  {
    breaks: 'strikes are never forgotten',
    Store: class extends MemoryStore {
      protected override absolve(...[row]: Parameters<MemoryStore['absolve']>) {
        row.lane = 'normal';
      }
    },
    noticed: ['quarantine: a rest ends it', 'quarantine: an absolved run'],
  },
  {
    breaks: 'a suspect that leaves is absolved, and one that is kept leaves',
    Store: class extends MemoryStore {
      protected override renew(...[row, end, now]: Parameters<MemoryStore['renew']>) {
        const stronger = { keep: 'leave', leave: 'absolve', absolve: 'absolve' } as const;
        super.renew(row, { ...end, quarantine: stronger[end.quarantine] }, now);
      }
    },
    noticed: ['quarantine: a run that leaves', 'quarantine: a renewal that keeps'],
  },
  {
    breaks: 'the epoch of a rest is not told',
    Store: class extends MemoryStore {
      protected override write(...given: Parameters<MemoryStore['write']>) {
        const answer = super.write(...given);
        return answer.kind === 'done' ? { ...answer, epoch: null } : answer;
      }
    },
    noticed: ['claim: the epoch before', 'reissue: a rest sent again is answered'],
  },
];
