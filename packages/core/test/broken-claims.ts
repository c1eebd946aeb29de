// Stores that break what claims, recalls and wakes promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenClaims: readonly BrokenStore[] = [
  {
    breaks: 'a claimed run stays due',
    Store: class extends MemoryStore {
      protected override take(...[row, request, now]: Parameters<MemoryStore['take']>) {
        const run = super.take(row, request, now);
        Object.assign(row, { claim: null, dueAt: now });
        return run;
      }
    },
    noticed: [
      'claim: a run is claimed once', 'claim: two claims', 'reissue: recall gives what',
      'wake: a leased run', 'wake: an owner hears', 'wake: one that met',
    ],
  },
  {
    breaks: 'the lease is the part of another run',
    Store: class extends MemoryStore {
      protected override claimed(...given: Parameters<MemoryStore['claimed']>) {
        const run = super.claimed(...given);
        return { ...run, lease: { ...run.lease, part: (run.lease.part + 1) % 64 } };
      }
    },
    noticed: ['claim: the lease names'],
  },
  {
    breaks: 'the input is forgotten',
    Store: class extends MemoryStore {
      protected override claimed(...given: Parameters<MemoryStore['claimed']>) {
        return { ...super.claimed(...given), input: { codec: 'json' as const, text: 'null' } };
      }
    },
    noticed: ['start: a new run can be claimed', 'reads: every text', 'reads: undefined is not null'],
  },
  {
    breaks: 'the limit is for each kind',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        const answers = [];
        for (const kind of request.served) answers.push(await super.claim({ ...request, served: [kind] }));
        if (answers.length < 2) return super.claim(request);
        return { runs: answers.flatMap(({ runs }) => runs), moved: 0, at: 0, nextDueAt: null };
      }
    },
    noticed: ['claim: the limit counts all kinds'],
  },
  {
    breaks: 'there is no limit',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        return super.claim({ ...request, limit: Infinity });
      }
    },
    noticed: [
      'claim: the limit is respected', 'claim: the limit counts', 'claim: what is due longest',
      'claim: no free slot',
    ],
  },
  {
    breaks: 'the newest goes first',
    Store: class extends MemoryStore {
      protected override inLine(...given: Parameters<MemoryStore['inLine']>) {
        return super.inLine(...given).reverse();
      }
    },
    noticed: ['claim: what is due longest'],
  },
  {
    breaks: 'everything is served',
    Store: class extends MemoryStore {
      protected override serves() {
        return true;
      }
    },
    noticed: [
      'claim: a run that is not served', 'claim: 1,000 runs', 'claim: the first claim stamps',
      'quarantine: a suspect that is not served', 'claim: a sweep tells when',
    ],
  },
  {
    breaks: 'the first 100 due rows are looked at, served or not',
    Store: class extends MemoryStore {
      protected override inLine(...[request, now]: Parameters<MemoryStore['inLine']>) {
        const head = [...this.tables.ready.values()].slice(0, 100);
        return super.inLine(request, now).filter((row) => head.includes(row));
      }
    },
    noticed: ['claim: 1,000 runs that are not served'],
  },
  {
    breaks: 'versions are not looked at',
    Store: class extends MemoryStore {
      protected override serves(...[served, row]: Parameters<MemoryStore['serves']>) {
        return super.serves({ ...served, version: row.version }, row);
      }
    },
    noticed: ['claim: the first claim stamps'],
  },
  {
    breaks: 'no version is stamped',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        return super.claim({ ...request, served: request.served.map((kind) => ({ ...kind, stamp: null })) });
      }
    },
    noticed: ['claim: the first claim stamps', 'quarantine: a run with a version'],
  },
  {
    breaks: 'every run is stamped',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        const served = request.served.map((kind) => ({ ...kind, stamp: kind.stamp ?? 'v0' }));
        return super.claim({ ...request, served });
      }
    },
    noticed: ['claim: a claim without a stamp', 'start: a new run can be claimed'],
  },
  {
    breaks: 'every claim is fresh',
    Store: class extends MemoryStore {
      protected override claimed(...[row, { before }]: Parameters<MemoryStore['claimed']>) {
        return super.claimed(row, { before, fresh: true, first: true });
      }
    },
    noticed: [
      'claim: only the first one is fresh', 'quarantine: strikes are counted',
      'start: a run born leased falls due',
    ],
  },
  {
    breaks: 'no claim is fresh',
    Store: class extends MemoryStore {
      protected override claimed(...[row, { before }]: Parameters<MemoryStore['claimed']>) {
        return super.claimed(row, { before, fresh: false, first: false });
      }
    },
    noticed: ['claim: only the first one is fresh', 'reads: a deleted run'],
  },
  {
    breaks: 'the first claim is the last one',
    Store: class extends MemoryStore {
      protected override take(...[row, request, now]: Parameters<MemoryStore['take']>) {
        row.firstClaimedAt = now;
        return super.take(row, request, now);
      }
    },
    noticed: ['claim: the time of the first one', 'start: a run born leased falls due'],
  },
  {
    breaks: 'the epoch before a claim is the one after it',
    Store: class extends MemoryStore {
      protected override claimed(...[row, history]: Parameters<MemoryStore['claimed']>) {
        return super.claimed(row, { ...history, before: row.epoch });
      }
    },
    noticed: [
      'claim: the epoch before', 'reissue: a rest sent again is answered',
      'start: an id that exists is',
    ],
  },
  {
    breaks: 'a lease never ends',
    Store: class extends MemoryStore {
      protected override take(...[row, request, now]: Parameters<MemoryStore['take']>) {
        return super.take(row, { ...request, leaseMs: Infinity }, now);
      }
    },
    noticed: ['claim: a lease ends by'],
  },
  {
    breaks: 'a sweep tells nothing',
    Store: class extends MemoryStore {
      protected override nextDue() {
        return null;
      }
    },
    noticed: [
      'claim: a sweep tells', 'rest: the run is due', 'rest: the earlier', 'fence: a renewal extends',
    ],
  },
  {
    breaks: 'a sweep tells of what no clock will make due',
    Store: class extends MemoryStore {
      protected override nextDue(...given: Parameters<MemoryStore['nextDue']>) {
        return super.nextDue(...given) ?? Infinity;
      }
    },
    noticed: [
      'claim: a sweep tells', 'rest: without wait', 'claim: a settled or parked run',
      'wake: one that was',
    ],
  },
  {
    breaks: 'an expired lease is claimed in line',
    Store: class extends MemoryStore {
      protected override quarantine(...[row]: Parameters<MemoryStore['quarantine']>) {
        row.claim = null;
      }
    },
    noticed: [
      'quarantine: a run whose lease ended', 'quarantine: strikes are counted',
      'quarantine: its last owner', 'quarantine: a claim has one suspect',
      'quarantine: an absolved run',
    ],
  },
  {
    breaks: 'suspects are claimed as many as are due',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        const first = await super.claim(request);
        if (!request.suspects) return first;
        const more = await super.claim({ ...request, limit: request.limit - first.runs.length });
        return { ...first, runs: [...first.runs, ...more.runs] };
      }
    },
    noticed: ['quarantine: a claim has one suspect'],
  },
  {
    breaks: 'suspects are claimed unasked',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        return super.claim({ ...request, suspects: true });
      }
    },
    noticed: ['quarantine: a run whose lease ended'],
  },
  {
    breaks: 'suspects come beyond the limit',
    Store: class extends MemoryStore {
      override async claim(...[request]: Parameters<MemoryStore['claim']>) {
        return super.claim({ ...request, limit: request.limit + (request.suspects ? 1 : 0) });
      }
    },
    noticed: ['quarantine: a suspect counts to the limit'],
  },
  {
    breaks: 'strikes are not counted',
    Store: class extends MemoryStore {
      protected override strikeAlone() {}
    },
    noticed: ['quarantine: strikes are counted', 'quarantine: a renewal that keeps'],
  },
  {
    breaks: 'every claim is a strike',
    Store: class extends MemoryStore {
      protected override take(...given: Parameters<MemoryStore['take']>) {
        given[0].strikes++;
        return super.take(...given);
      }
    },
    noticed: [
      'rest: a run handed back', 'quarantine: a wake is no strike', 'start: a new run can be claimed',
    ],
  },
  {
    breaks: 'recall gives whatever is leased',
    Store: class extends MemoryStore {
      protected override isOf(...[row, , now]: Parameters<MemoryStore['isOf']>) {
        return row.claim !== null && row.dueAt > now;
      }
    },
    noticed: ['reissue: recall gives nothing that another'],
  },
  {
    breaks: 'recall gives nothing',
    Store: class extends MemoryStore {
      protected override isOf() {
        return false;
      }
    },
    noticed: [
      'reissue: recall gives what its claim', 'start: a run born leased belongs',
      'reissue: recall gives nothing that was given back',
    ],
  },
  {
    breaks: 'recall gives what has expired',
    Store: class extends MemoryStore {
      protected override isOf(...[row, claimId]: Parameters<MemoryStore['isOf']>) {
        return row.claim === claimId;
      }
    },
    noticed: ['reissue: recall gives nothing whose lease ended'],
  },
  {
    breaks: 'recall is a claim: epochs move',
    Store: class extends MemoryStore {
      protected override claimed(...[row, history]: Parameters<MemoryStore['claimed']>) {
        if (history.before === -1) row.epoch++;
        return super.claimed(row, history);
      }
    },
    noticed: ['reissue: recall gives what its claim'],
  },
  {
    breaks: 'wakes are lost',
    Store: class extends MemoryStore {
      protected override wakeRow() {}
    },
    noticed: [
      'wake: a resting run', 'wake: only the runs', 'wake: an owner hears', 'wake: one that met',
      'locks: a wake is not lost', 'reissue: a rest sent again does not undo',
      'wake: one that was honoured',
    ],
  },
  {
    breaks: 'a wake is lost where a stranger holds the run',
    Store: class extends MemoryStore {
      override async wake(ids: readonly string[]) {
        return super.wake(ids.filter((id) => !this.isLocked(id)));
      }
    },
    noticed: ['locks: a wake is not lost'],
  },
  {
    breaks: 'a wake takes the run from its owner',
    Store: class extends MemoryStore {
      protected override wakeRow(...[row, now]: Parameters<MemoryStore['wakeRow']>) {
        row.dueAt = now;
      }
    },
    noticed: ['wake: a leased run stays', 'wake: an owner hears', 'wake: a run that is due already'],
  },
  {
    breaks: 'a wake moves the epoch',
    Store: class extends MemoryStore {
      protected override wakeRow(...[row, now]: Parameters<MemoryStore['wakeRow']>) {
        super.wakeRow(row, now);
        row.epoch = now;
      }
    },
    noticed: ['fence: a wake and a renewal', 'wake: an owner hears'],
  },
  {
    breaks: 'a wake puts the run at the end of the line',
    Store: class extends MemoryStore {
      protected override wakeRow(...[row, now]: Parameters<MemoryStore['wakeRow']>) {
        super.wakeRow(row, now);
        if (row.claim === null) row.dueAt = now;
      }
    },
    noticed: ['wake: a run that is due already'],
  },
  {
    breaks: 'a wake wakes everybody',
    Store: class extends MemoryStore {
      override async wake() {
        return super.wake([...this.tables.ready.keys()]);
      }
    },
    noticed: ['wake: only the runs'],
  },
  {
    breaks: 'a wake opens what has ended',
    Store: class extends MemoryStore {
      override async wake(ids: readonly string[]) {
        for (const id of ids) Object.assign(this.tables.runs.get(id) ?? {}, { status: 'live' });
        return super.wake(ids);
      }
    },
    noticed: ['wake: a run that ended'],
  },
];
