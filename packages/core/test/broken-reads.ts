// Stores that break what reads promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenReads: readonly BrokenStore[] = [
  {
    breaks: 'entries come in the order of their writing',
    Store: class extends MemoryStore {
      protected override inPlay(...[entries]: Parameters<MemoryStore['inPlay']>) {
        return entries;
      }
    },
    noticed: ['reads: entries come in the order', 'record: it comes in the order'],
  },
  {
    breaks: 'histories come in any order',
    Store: class extends MemoryStore {
      override async readHistories(leases: Parameters<MemoryStore['readHistories']>[0]) {
        return [...await super.readHistories(leases)].reverse();
      }
    },
    noticed: ['reads: histories come'],
  },
  {
    breaks: 'generations are not told apart',
    Store: class extends MemoryStore {
      override async readHistories(leases: Parameters<MemoryStore['readHistories']>[0]) {
        return super.readHistories(leases.map((lease) => ({ ...lease, generation: 1 })));
      }
    },
    noticed: ['reads: a history is that of the generation'],
  },
  {
    breaks: 'statuses are guessed',
    Store: class extends MemoryStore {
      protected override statusOf(...[run]: Parameters<MemoryStore['statusOf']>) {
        return run.status === 'live' ? 'running' as const : run.status;
      }
    },
    noticed: ['reads: the status', 'rest: without wait', 'quarantine: its last owner'],
  },
  {
    breaks: 'ids that do not exist are read as runs',
    Store: class extends MemoryStore {
      override async readRuns(ids: readonly string[]) {
        const runs = await super.readRuns(ids);
        const [first] = runs;
        if (first === undefined) return runs;
        return ids.map((id) => runs.find((run) => run.id === id) ?? { ...first, id });
      }
    },
    noticed: ['reads: ids that do not exist'],
  },
  {
    breaks: 'texts are normalised',
    Store: class extends MemoryStore {
      protected override keep(...[journal, entry, at]: Parameters<MemoryStore['keep']>) {
        const text = entry.value.text?.normalize() ?? null;
        super.keep(journal, { ...entry, value: { ...entry.value, text } }, at);
      }
    },
    noticed: ['reads: every text'],
  },
];
