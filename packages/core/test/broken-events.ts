// Stores that break what events and subscriptions promise.
import { MemoryStore, type NewEvent } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenEvents: readonly BrokenStore[] = [
  {
    breaks: 'events reach nobody',
    Store: class extends MemoryStore {
      protected override waitingFor() {
        return [];
      }
    },
    noticed: [
      'events: who waits for one', 'events: all who wait', 'events: names and keys', 'events: a call that',
      'events: a settled run', 'events: the limit of a carrier', 'transaction: an event is seen',
      'events: one that is emitted again', 'events: a run that a stranger holds', 'races: an event',
    ],
  },
  {
    breaks: 'one of those who wait gets it',
    Store: class extends MemoryStore {
      protected override waitingFor(...given: Parameters<MemoryStore['waitingFor']>) {
        return super.waitingFor(...given).slice(0, 1);
      }
    },
    noticed: ['events: all who wait', 'events: a run that a stranger holds'],
  },
  {
    breaks: 'everybody gets it',
    Store: class extends MemoryStore {
      protected override waitingFor() {
        return [...this.tables.runs.keys()].map((runId) => ({ runId }));
      }
    },
    noticed: [
      'events: all who wait', 'events: names and keys', 'events: a call that', 'events: a wish that is made',
      'events: a deleted run', 'events: after a lease is lost',
    ],
  },
  {
    breaks: 'generations that wait are not told apart',
    Store: class extends MemoryStore {
      protected override isAsked() {
        return true;
      }
    },
    noticed: ['events: a wish is of the generation'],
  },
  {
    breaks: 'keys are not looked at',
    Store: class extends MemoryStore {
      protected override subscribeOne(...[wish, now]: Parameters<MemoryStore['subscribeOne']>) {
        return super.subscribeOne({ ...wish, key: '' }, now);
      }

      protected override emit(...[event, at, pending]: Parameters<MemoryStore['emit']>) {
        return super.emit({ ...event, key: '' }, at, pending);
      }
    },
    noticed: ['events: names and keys', 'events: who waits for one'],
  },
  {
    breaks: 'name and key are one text',
    Store: class extends MemoryStore {
      protected override subscribeOne(...[wish, now]: Parameters<MemoryStore['subscribeOne']>) {
        return super.subscribeOne({ ...wish, name: wish.name + wish.key, key: '' }, now);
      }

      protected override emit(...[event, at, pending]: Parameters<MemoryStore['emit']>) {
        return super.emit({ ...event, name: event.name + event.key, key: '' }, at, pending);
      }
    },
    noticed: ['events: names and keys', 'events: who waits for one'],
  },
  {
    breaks: 'nothing is looked back on',
    Store: class extends MemoryStore {
      protected override isLookedBackOn() {
        return false;
      }
    },
    noticed: ['events: one that came before', 'events: the look back', 'events: the order is that'],
  },
  {
    breaks: 'everything is looked back on',
    Store: class extends MemoryStore {
      protected override isLookedBackOn() {
        return true;
      }
    },
    noticed: ['events: the look back'],
  },
  {
    breaks: 'what is looked back on comes with the next carrier',
    Store: class extends MemoryStore {
      protected override subscribeOne(...[wish, now]: Parameters<MemoryStore['subscribeOne']>) {
        const answer = super.subscribeOne({ ...wish, lookBackMs: 0 }, now);
        for (const event of this.tables.mail.events.values()) this.tables.mail.ungiven.add(event);
        return answer;
      }
    },
    noticed: ['events: one that came before'],
  },
  {
    breaks: 'an event is a message of each wait',
    Store: class extends MemoryStore {
      #given = 0;

      protected override give(...[event, runId]: Parameters<MemoryStore['give']>) {
        super.give({ ...event, id: `${event.id} ${++this.#given}` }, runId);
      }
    },
    noticed: ['events: a run gets each one once', 'events: one that came before'],
  },
  {
    breaks: 'an event that is emitted again is another one',
    Store: class extends MemoryStore {
      #emitted = 0;

      protected override emit(...[event, at, pending]: Parameters<MemoryStore['emit']>) {
        return super.emit({ ...event, id: `${event.id} ${++this.#emitted}` }, at, pending);
      }
    },
    noticed: ['events: one that is emitted again', 'transaction: an event'],
  },
  {
    breaks: 'an event that is emitted again is given again',
    Store: class extends MemoryStore {
      protected override emit(...[event, at, pending]: Parameters<MemoryStore['emit']>) {
        this.tables.mail.events.delete(event.id);
        for (const inbox of this.tables.mail.messages.values()) inbox.delete(`event:${event.id}`);
        return super.emit(event, at, pending);
      }
    },
    noticed: ['events: one that is emitted again'],
  },
  {
    breaks: 'one event at fault fails its batch',
    Store: class extends MemoryStore {
      override async emitEvents(events: readonly NewEvent[]) {
        const why = this.refusal(events.map(({ payload }) => payload.text));
        if (why !== null) return events.map(() => ({ kind: 'refused' as const, why }));
        return super.emitEvents(events);
      }
    },
    noticed: ['events: a value that the database refuses'],
  },
  {
    breaks: "a stranger's uncommitted event is not seen",
    Store: class extends MemoryStore {
      protected override isEventHeld() {
        return false;
      }
    },
    noticed: ['transaction: an event that it emitted'],
  },
  {
    breaks: 'the order is that of carrying',
    Store: class extends MemoryStore {
      protected override give(...[event, runId]: Parameters<MemoryStore['give']>) {
        super.give({ ...event, emittedAt: this.now() }, runId);
      }

      protected override events() {
        return super.events().reverse();
      }
    },
    noticed: ['events: the order is that', 'events: the limit of a carrier'],
  },
  {
    breaks: 'a closed call goes on waiting',
    Store: class extends MemoryStore {
      protected override endSubscriptions() {}
    },
    noticed: ['events: a call that is closed', 'events: a wish that is made'],
  },
  {
    breaks: 'whoever closes a call closes them all',
    Store: class extends MemoryStore {
      protected override endSubscriptions(...[write]: Parameters<MemoryStore['endSubscriptions']>) {
        if (write.closed.length === 0) return;
        for (const row of this.tables.mail.subscriptions.values()) this.tables.mail.deleteSubscription(row);
      }
    },
    noticed: ['events: a call that is closed'],
  },
  {
    breaks: 'a park ends what a run waits for',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        for (const wish of [...this.tables.mail.subscriptionsOf.get(row.id) ?? []]) {
          this.tables.mail.deleteSubscription(wish);
        }
      }
    },
    noticed: ['events: a settled run'],
  },
  {
    breaks: 'a wish that is made again is another one',
    Store: class extends MemoryStore {
      #wishes = 0;

      protected override subscribeOne(...[wish, now]: Parameters<MemoryStore['subscribeOne']>) {
        const wishes = [...this.tables.mail.subscriptions.values()];
        const isKnown = wishes.some(({ place }) => place === wish.place);
        const place = isKnown ? `${wish.place} ${++this.#wishes}` : wish.place;
        return super.subscribeOne({ ...wish, place }, now);
      }
    },
    noticed: ['events: a wish that is made'],
  },
  {
    breaks: 'whoever lost the lease waits on',
    Store: class extends MemoryStore {
      protected override subscribeOne(...[wish, now]: Parameters<MemoryStore['subscribeOne']>) {
        const answer = super.subscribeOne(wish, now);
        const epoch = this.tables.ready.get(wish.lease.runId)?.epoch ?? 0;
        if (answer.kind === 'lost') super.subscribeOne({ ...wish, lease: { ...wish.lease, epoch } }, now);
        return answer;
      }
    },
    noticed: ['events: after a lease is lost'],
  },
];
