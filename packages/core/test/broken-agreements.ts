// Stores that answer as one of two stores once did, where the other was right.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

type Quarantined = Parameters<MemoryStore['quarantine']>;
type Hindered = Parameters<MemoryStore['hindrance']>;
type Held = Parameters<MemoryStore['isHeld']>;
type Sent = Parameters<MemoryStore['send']>;
type Wished = Parameters<MemoryStore['isLookedBackOn']>;

/** Whose bug it was, and who noticed. */
export const brokenAgreements: readonly BrokenStore[] = [
  {
    breaks: 'whoever moves a run to the quarantine stamps his version',
    Store: class extends MemoryStore {
      protected override quarantine(...[row, now]: Quarantined) {
        row.version ??= 'v1';
        super.quarantine(row, now);
      }
    },
    noticed: ['agreement: who only moves'],
  },
  {
    breaks: 'leases of suspects are told of by no sweep',
    Store: class extends MemoryStore {
      protected override nextDue(...[request, now]: Parameters<MemoryStore['nextDue']>) {
        return super.nextDue({ ...request, suspects: false }, now);
      }
    },
    noticed: ['agreement: a sweep for suspects'],
  },
  {
    breaks: 'of a batch, starts of one id have one answer',
    Store: class extends MemoryStore {
      override async startRuns(...[runs]: Parameters<MemoryStore['startRuns']>) {
        const answers = await super.startRuns(runs.slice(0, 1));
        return runs.map(() => answers[0]!);
      }
    },
    noticed: ['agreement: a start is not refused', 'agreement: a start that begins'],
  },
  {
    breaks: 'of two that start a child the later gives its attributes',
    Store: class extends MemoryStore {
      protected override tie(...[child]: Parameters<MemoryStore['tie']>) {
        const answer = super.tie(child);
        for (const [name, value] of Object.entries(child.run?.attributes ?? {})) {
          this.tables.attributes(child.childId).set(name, value);
        }
        return answer;
      }
    },
    noticed: ['agreement: of two parents'],
  },
  {
    breaks: 'calls that are sent again are due from then',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls(write, this.now());
      }
    },
    noticed: ['agreement: a call that is sent again'],
  },
  {
    breaks: 'whoever had a run hears what came for its next owner',
    Store: class extends MemoryStore {
      protected override again(...[write, now]: Parameters<MemoryStore['again']>) {
        const wake = this.tables.ready.get(write.lease.runId)?.wake === true;
        return { ...super.again(write, now), wake } as ReturnType<MemoryStore['again']>;
      }
    },
    noticed: ['agreement: who gave a run back'],
  },
  {
    breaks: 'a wish that is sent again looks back from now',
    Store: class extends MemoryStore {
      protected override isLookedBackOn(...[event, wish]: Wished) {
        return super.isLookedBackOn(event, wish, this.now());
      }
    },
    noticed: ['agreement: a wish that is sent again'],
  },
  {
    breaks: 'what a stranger holds is busy, whatever is asked of it',
    Store: class extends MemoryStore {
      protected override hindrance(...[id, isFit, now]: Hindered) {
        return this.isLocked(id) ? { kind: 'busy' } as const : super.hindrance(id, isFit, now);
      }
    },
    noticed: ['agreement: a verb says'],
  },
  {
    breaks: 'every end keeps its run until it was carried',
    Store: class extends MemoryStore {
      protected override isAwaited() {
        return true;
      }
    },
    noticed: ['agreement: a run is deleted at once'],
  },
  {
    breaks: 'a start in a transaction takes an id that another holds',
    Store: class extends MemoryStore {
      protected override isHeld(...[id, pending]: Held) {
        return pending == null && super.isHeld(id, pending);
      }
    },
    noticed: ['agreement: in a transaction'],
  },
  {
    breaks: 'an id is held by those alone who start a run that was not there',
    Store: class extends MemoryStore {
      protected override isHeld(...[id, pending]: Held) {
        return !this.tables.runs.has(id) && super.isHeld(id, pending);
      }
    },
    noticed: ['agreement: a run that a transaction begins anew'],
  },
  {
    breaks: 'carriers stop where a transaction holds a run',
    Store: class extends MemoryStore {
      override async carry(...[request]: Parameters<MemoryStore['carry']>) {
        return this.tables.held.size > 0 ? { told: [], more: false } : super.carry(request);
      }
    },
    noticed: ['agreement: a carrier waits'],
  },
  {
    breaks: 'an end cancels children whatever others hold',
    Store: class extends MemoryStore {
      protected override isCancelHeld() {
        return false;
      }
    },
    noticed: ['agreement: of an end'],
  },
  {
    breaks: 'a message is busy before its run is looked for',
    Store: class extends MemoryStore {
      protected override send(...[message, at, pending]: Sent) {
        if (this.isMessageHeld(message, pending)) return { kind: 'busy' } as const;
        return super.send(message, at, pending);
      }
    },
    noticed: ['agreement: a message to a run that'],
  },
];
