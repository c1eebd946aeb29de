// Stores that break what children, and the ends of parents, promise.
import { MemoryStore, type NewChild } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenTies: readonly BrokenStore[] = [
  {
    breaks: 'a child gets the input of nobody',
    Store: class extends MemoryStore {
      protected override startChild(...[run, parent, watch]: Parameters<MemoryStore['startChild']>) {
        return super.startChild({ ...run, input: { codec: 'json', text: null } }, parent, watch);
      }
    },
    noticed: ['children: a child is started'],
  },
  {
    breaks: 'a child is due at once',
    Store: class extends MemoryStore {
      protected override startChild(...[run, parent, watch]: Parameters<MemoryStore['startChild']>) {
        return super.startChild({ ...run, delayMs: 0 }, parent, watch);
      }
    },
    noticed: ['children: a child is started'],
  },
  {
    breaks: 'whoever has children loses the lease',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const answer = super.tie(child);
        const row = this.tables.ready.get(child.lease.runId);
        if (row !== undefined && answer.kind === 'tied') row.epoch++;
        return answer;
      }
    },
    noticed: ['children: a child is started', 'children: a leased parent'],
  },
  {
    breaks: 'every child was made by whoever tied it',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const answer = super.tie(child);
        return answer.kind === 'tied' ? { kind: 'tied' } as const : answer;
      }
    },
    noticed: ['children: whose a child is, is told each time'],
  },
  {
    breaks: 'nobody hears of an end',
    Store: class extends MemoryStore {
      protected override isHeardOf() {
        return false;
      }
    },
    noticed: [
      'children: a parent hears of a child that completes', 'children: a parent hears of a child that fails',
      'children: a parent hears of a child that is cancelled', 'children: a leased parent',
      'children: a run that lives already', 'children: a run of another parent', 'children: 1,000',
      'children: two calls', 'closing: with policy default', 'closing: with policy cancel',
      'closing: with policy terminate', 'closing: a settlement',
    ],
  },
  {
    breaks: 'only the children of a run hear of its end',
    Store: class extends MemoryStore {
      protected override isHeardOf(...[, end]: Parameters<MemoryStore['isHeardOf']>) {
        return end.tied;
      }
    },
    noticed: ['children: a leased parent', 'children: a run that lives already', 'children: two calls'],
  },
  {
    breaks: 'only who watches a run hears of its end',
    Store: class extends MemoryStore {
      protected override isHeardOf(...[{ tied }]: Parameters<MemoryStore['isHeardOf']>) {
        return tied;
      }
    },
    noticed: ['closing: with policy default', 'closing: a child that a stranger holds'],
  },
  {
    breaks: 'a claim does not tell who waits',
    Store: class extends MemoryStore {
      protected override claimed(...given: Parameters<MemoryStore['claimed']>) {
        return { ...super.claimed(...given), tied: false };
      }
    },
    noticed: ['claim: it tells whether others'],
  },
  {
    breaks: 'every end is a success',
    Store: class extends MemoryStore {
      protected override answer(...[tie, result, at]: Parameters<MemoryStore['answer']>) {
        super.answer(tie, { ...result, outcome: 'completed', error: null }, at);
      }
    },
    noticed: [
      'children: a parent hears of a child that fails',
      'children: a parent hears of a child that is cancelled',
      'children: one that does not exist', 'children: a run that settled already',
    ],
  },
  {
    breaks: 'results are not told',
    Store: class extends MemoryStore {
      protected override answer(...[tie, result, at]: Parameters<MemoryStore['answer']>) {
        super.answer(tie, { ...result, output: { codec: 'json', text: null } }, at);
      }
    },
    noticed: ['children: a parent hears of a child that completes'],
  },
  {
    breaks: 'a run that exists is not watched',
    Store: class extends MemoryStore {
      protected override carryWatch(...[tie]: Parameters<MemoryStore['carryWatch']>) {
        this.tables.mail.unknown.delete(tie);
      }
    },
    noticed: [
      'children: a run that lives already', 'children: a run that settled already',
      'children: one that does not exist', 'claim: it tells whether others',
      'children: one that is not watched',
    ],
  },
  {
    breaks: 'a run that settled before the watch does not answer',
    Store: class extends MemoryStore {
      protected override carryWatch(...[tie]: Parameters<MemoryStore['carryWatch']>) {
        const run = this.tables.runs.get(tie.childId);
        if (run === undefined || this.resultOf(run) === null) super.carryWatch(tie);
        else this.tables.mail.unknown.delete(tie);
      }
    },
    noticed: [
      'children: a run that settled already', 'children: one that is not watched', 'races: a watch',
    ],
  },
  {
    breaks: 'a watch that was not carried before the end is not answered',
    Store: class extends MemoryStore {
      protected override endings() {
        for (const tie of super.watches()) {
          if (this.tables.mail.endings.has(tie.childId)) {
            this.tables.mail.unknown.delete(tie);
            this.tables.mail.tiesTo.get(tie.childId)?.delete(tie);
          }
        }
        return super.endings();
      }
    },
    noticed: ['children: a watch is answered', 'children: two calls'],
  },
  {
    breaks: 'a watch of a run that a stranger holds is given up',
    Store: class extends MemoryStore {
      protected override watches() {
        for (const tie of this.tables.mail.unknown) {
          if (this.isLocked(tie.childId)) this.tables.mail.unknown.delete(tie);
        }
        return super.watches();
      }
    },
    noticed: ['children: a watch of a run that a stranger holds'],
  },
  {
    breaks: 'a run has one parent',
    Store: class extends MemoryStore {
      protected override isPresent(...[tie]: Parameters<MemoryStore['isPresent']>) {
        const [first] = this.tables.mail.tiesTo.get(tie.childId) ?? [];
        return super.isPresent(tie) && first === tie;
      }
    },
    noticed: ['children: a run of another parent', 'children: two calls', 'children: a watch is answered'],
  },
  {
    breaks: 'an id of another workflow is watched',
    Store: class extends MemoryStore {
      protected override startChild(...[run, parent, watch]: Parameters<MemoryStore['startChild']>) {
        const answer = super.startChild(run, parent, watch);
        return typeof answer === 'object' && answer.kind === 'taken' ? 'exists' : answer;
      }
    },
    noticed: ['children: an id of another workflow'],
  },
  {
    breaks: 'an id of another workflow is refused, and watched',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const answer = super.tie(child);
        if (answer.kind === 'taken') super.tie({ ...child, run: null });
        return answer;
      }
    },
    noticed: ['children: an id of another workflow'],
  },
  {
    breaks: 'one that does not exist is waited for',
    Store: class extends MemoryStore {
      protected override carryWatch(...[tie]: Parameters<MemoryStore['carryWatch']>) {
        if (this.tables.runs.has(tie.childId)) super.carryWatch(tie);
        else this.tables.mail.unknown.delete(tie);
      }
    },
    noticed: ['children: one that does not exist', 'children: a tie made again'],
  },
  {
    breaks: 'every child is watched',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        return super.tie({ ...child, watch: true });
      }
    },
    noticed: ['children: one that is not watched'],
  },
  {
    breaks: 'a tie made again is another one',
    Store: class extends MemoryStore {
      #posted = 0;

      protected override isTied() {
        return false;
      }

      protected override post(...[row]: Parameters<MemoryStore['post']>) {
        super.post({ ...row, id: `${row.id} ${++this.#posted}` });
      }
    },
    noticed: ['children: a tie made again', 'children: an answer that was taken'],
  },
  {
    breaks: 'a tie made again is refused',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const { lease: { runId: id, generation }, place } = child;
        const isTied = this.isTied({ id, generation, place });
        return isTied ? { kind: 'refused' as const, why: 'tied' } : super.tie(child);
      }
    },
    noticed: ['children: a tie made again', 'children: an answer that was taken'],
  },
  {
    breaks: 'a parent hears once of each child',
    Store: class extends MemoryStore {
      protected override answer(...[tie, result, at]: Parameters<MemoryStore['answer']>) {
        for (const other of this.tables.mail.tiesTo.get(tie.childId) ?? []) {
          if (other.parent.id === tie.parent.id) return super.answer(other, result, at);
        }
      }
    },
    noticed: ['children: two calls', 'children: a watch is answered'],
  },
  {
    breaks: 'generations are not told apart',
    Store: class extends MemoryStore {
      protected override isPresent() {
        return true;
      }
    },
    noticed: ['children: an answer is for the generation'],
  },
  {
    breaks: 'a park is an end',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.tables.mail.endings.add(row.id);
      }

      protected override resultOf(...[run]: Parameters<MemoryStore['resultOf']>) {
        const { output, error } = run;
        return run.status === 'parked' ? { outcome: 'failed' as const, output, error } : super.resultOf(run);
      }
    },
    noticed: ['children: a child that parks', 'closing: a parent that parks'],
  },
  {
    breaks: 'children are not fenced',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const epoch = this.tables.ready.get(child.lease.runId)?.epoch ?? 0;
        return super.tie({ ...child, lease: { ...child.lease, epoch } });
      }
    },
    noticed: ['children: after a lease is lost'],
  },
  {
    breaks: 'a lost parent starts nothing, and watches',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const answer = super.tie(child);
        const epoch = this.tables.ready.get(child.lease.runId)?.epoch ?? 0;
        if (answer.kind === 'lost') super.tie({ ...child, run: null, lease: { ...child.lease, epoch } });
        return answer;
      }
    },
    noticed: ['children: after a lease is lost'],
  },
  {
    breaks: 'an id that a stranger is starting is taken to exist',
    Store: class extends MemoryStore {
      protected override startChild(...[run, parent, watch]: Parameters<MemoryStore['startChild']>) {
        return this.isHeld(run.id) ? 'exists' : super.startChild(run, parent, watch);
      }
    },
    noticed: ['children: an id that a stranger'],
  },
  {
    breaks: 'one child at fault fails its batch',
    Store: class extends MemoryStore {
      override async tieChildren(children: readonly NewChild[]) {
        const why = this.refusal(children.map(({ run }) => run?.input.text ?? null));
        if (why !== null) return children.map(() => ({ kind: 'refused' as const, why }));
        return super.tieChildren(children);
      }
    },
    noticed: ['children: a value that the database refuses'],
  },
  {
    breaks: 'a batch of children ends after 500',
    Store: class extends MemoryStore {
      override async tieChildren(children: readonly NewChild[]) {
        return super.tieChildren(children.slice(0, 500));
      }
    },
    noticed: ['children: 1,000'],
  },
];
