// Stores that break what close looks, filters and the registry of workers promise.
import { MemoryStore, type LineFacts, type RunDetail, type RunQuery } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type Detailed = Parameters<MemoryStore['detail']>;
type Paged = Parameters<MemoryStore['page']>;
type Facts = Parameters<MemoryStore['registerWorker']>[0];

/** A store whose close looks tell this wrong. */
function telling(change: (detail: RunDetail) => Partial<RunDetail>): BrokenStore['Store'] {
  return class extends MemoryStore {
    protected override detail(...given: Detailed) {
      const detail = super.detail(...given);
      return { ...detail, ...change(detail) };
    }
  };
}

/** A store that tells this wrong of where runs stand in line. */
function lining(change: (line: LineFacts) => Partial<LineFacts>): BrokenStore['Store'] {
  return telling(({ line }) => ({ line: line === null ? null : { ...line, ...change(line) } }));
}

const brokenLooks: readonly BrokenStore[] = [
  {
    breaks: 'no run is leased',
    Store: lining(() => ({ leased: false })),
    noticed: ['details: a leased run', 'details: a suspect'],
  },
  {
    breaks: 'every run is fresh',
    Store: lining(() => ({ fresh: true })),
    noticed: ['details: a leased run', 'details: a resting run'],
  },
  {
    breaks: 'what no clock wakes is due at the end of days',
    Store: lining(({ dueAt }) => ({ dueAt: Math.min(dueAt, Number.MAX_SAFE_INTEGER) })),
    noticed: ['details: a resting run'],
  },
  {
    breaks: 'suspects are not told apart',
    Store: lining(() => ({ quarantined: false, strikes: 0 })),
    noticed: ['details: a suspect'],
  },
  {
    breaks: 'a run that ended is told without its times',
    Store: telling(({ line, startedAt }) => ({ startedAt: line === null ? null : startedAt })),
    noticed: ['details: a run that ended'],
  },
  {
    breaks: 'what a run was started with is not told',
    Store: telling(() => ({ headers: {}, timeoutMs: null, priority: 0 })),
    noticed: ['details: a run that was never claimed', 'start: an id that exists keeps'],
  },
  {
    breaks: 'versions of live runs are not told',
    Store: class extends MemoryStore {
      protected override versionOf(...[{ version }]: Parameters<MemoryStore['versionOf']>) {
        return version;
      }
    },
    noticed: ['details: a leased run', 'filter: by version, in line'],
  },
  {
    breaks: 'calls are not told',
    Store: telling(() => ({ calls: [] })),
    noticed: ['details: calls are told', 'details: of the present generation', 'resume: its pending calls'],
  },
  {
    breaks: 'messages are counted as long as they are kept',
    Store: class extends MemoryStore {
      protected override countInbox(...[runId]: Parameters<MemoryStore['countInbox']>) {
        const { inbox, messages } = this.tables.mail;
        const held = new Map(inbox.get(runId) ?? []);
        inbox.set(runId, new Map(messages.get(runId) ?? []));
        const counts = super.countInbox(runId);
        inbox.set(runId, held);
        return counts;
      }
    },
    noticed: ['details: what lies in the inbox'],
  },
  {
    breaks: 'who started a run is not told',
    Store: telling(() => ({ parentId: null })),
    noticed: ['details: a child is told'],
  },
  {
    breaks: 'all runs are told',
    Store: class extends MemoryStore {
      override async readDetails() {
        return super.readDetails([...this.tables.runs.keys()]);
      }
    },
    noticed: ['details: those of the runs'],
  },
];

const brokenRecords: readonly BrokenStore[] = [
  {
    breaks: 'a record comes at once',
    Store: class extends MemoryStore {
      protected override page(...[entries, range]: Paged) {
        return super.page(entries, { ...range, limit: Infinity });
      }
    },
    noticed: ['record: it comes in the order', 'record: what has one position'],
  },
  {
    breaks: 'pages are cut where they are full',
    Store: class extends MemoryStore {
      protected override page(...[entries, range]: Paged) {
        return super.page(entries, range).slice(0, range.limit);
      }
    },
    noticed: ['record: what has one position'],
  },
  {
    breaks: 'a page begins with the end of the last one',
    Store: class extends MemoryStore {
      protected override page(...[entries, range]: Paged) {
        return super.page(entries, { ...range, after: range.after - 1 });
      }
    },
    noticed: ['record: it comes in the order'],
  },
  {
    breaks: 'what stands at the very beginning is left out',
    Store: class extends MemoryStore {
      protected override page(...[entries, range]: Paged) {
        return super.page(entries, range).filter(({ position }) => position > 0);
      }
    },
    noticed: ['record: what has one position'],
  },
  {
    breaks: 'errors are not told',
    Store: class extends MemoryStore {
      protected override page(...given: Paged) {
        return super.page(...given).map((entry) => ({ ...entry, error: null }));
      }
    },
    noticed: ['record: it is as it was written', 'fork: a new run begins'],
  },
  {
    breaks: 'there is one record of a run',
    Store: class extends MemoryStore {
      override async readEntries(...[range]: Parameters<MemoryStore['readEntries']>) {
        return super.readEntries({ ...range, generation: 1 });
      }
    },
    noticed: ['record: of one generation', 'continue: the last record stays', 'revive: what it keeps'],
  },
];

const noticedBy = {
  queue: ['filter: by queue', 'filter: all that is asked'],
  version: ['filter: by version, in line', 'filter: by version, which'],
  reason: ['filter: by the reason'],
  parent: ['filter: by who started it'],
  createdFromMs: ['filter: by when'],
  createdToMs: ['filter: by when'],
} satisfies Partial<Record<keyof RunQuery, string[]>>;

const brokenFilters: readonly BrokenStore[] = [
  ...Object.entries(noticedBy).map(([part, noticed]): BrokenStore => ({
    breaks: `a query does not filter by: ${part}`,
    Store: class extends MemoryStore {
      override async queryRuns(query: RunQuery) {
        return super.queryRuns({ ...query, [part]: undefined });
      }
    },
    noticed,
  })),
  {
    breaks: 'a run is not older than itself',
    Store: class extends MemoryStore {
      protected override isOfTime(...[run, query]: Parameters<MemoryStore['isOfTime']>) {
        return super.isOfTime({ ...run, createdAt: run.createdAt - 1 }, query);
      }
    },
    noticed: ['filter: by when'],
  },
  {
    breaks: 'whoever watches a run is its parent',
    Store: class extends MemoryStore {
      protected override isOfKind(...[run, query]: Parameters<MemoryStore['isOfKind']>) {
        const [tie] = this.tables.mail.tiesTo.get(run.id) ?? [];
        return super.isOfKind({ ...run, parent: tie?.parent ?? null }, query);
      }
    },
    noticed: ['filter: by who started it'],
  },
  {
    breaks: 'lists tell neither queue nor reason',
    Store: class extends MemoryStore {
      protected override listed(...given: Parameters<MemoryStore['listed']>) {
        return { ...super.listed(...given), queue: '', reason: null };
      }
    },
    noticed: ['filter: by queue', 'filter: by the reason'],
  },
];

const brokenWorkers: readonly BrokenStore[] = [
  {
    breaks: 'what a worker serves is not kept',
    Store: class extends MemoryStore {
      override async registerWorker(facts: Facts) {
        await super.registerWorker({ ...facts, serves: [] });
      }
    },
    noticed: ['workers: one that began'],
  },
  {
    breaks: 'nobody notes that a worker is alive',
    Store: class extends MemoryStore {
      override async seeWorker(id: string) {
        return this.tables.workers.has(id);
      }
    },
    noticed: ['workers: one that is alive'],
  },
  {
    breaks: 'every worker is known',
    Store: class extends MemoryStore {
      override async seeWorker(id: string) {
        await super.seeWorker(id);
        return true;
      }
    },
    noticed: ['workers: of one that nobody knows', 'workers: one that ends'],
  },
  {
    breaks: 'workers are never forgotten',
    Store: class extends MemoryStore {
      override async forgetWorker() {}
    },
    noticed: ['workers: one that ends'],
  },
  {
    breaks: 'the first word of a worker holds',
    Store: class extends MemoryStore {
      override async registerWorker(facts: Facts) {
        if (!this.tables.workers.has(facts.id)) await super.registerWorker(facts);
      }
    },
    noticed: ['workers: said again'],
  },
];

export const brokenDetails: readonly BrokenStore[] = [
  ...brokenLooks, ...brokenRecords, ...brokenFilters, ...brokenWorkers,
];
