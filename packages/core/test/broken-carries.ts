// Stores that break what carriers promise.
import { MemoryStore } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenCarries: readonly BrokenStore[] = [
  {
    breaks: 'nobody is told',
    Store: class extends MemoryStore {
      protected override tell(...[message]: Parameters<MemoryStore['tell']>) {
        this.tables.mail.untold.delete(message);
        return false;
      }
    },
    noticed: [
      'carry: a resting run is due', 'carry: a leased run stays', 'carry: what met a lease',
      'carry: a run that never began', 'carry: a message is told once', 'carry: the limit is respected',
      'carry: a run that a stranger holds', 'carry: carriers at the same time', 'children: a leased parent',
      'races: a message and a rest',
    ],
  },
  {
    breaks: 'the carrier says that it told, and does not',
    Store: class extends MemoryStore {
      protected override tell(...[message]: Parameters<MemoryStore['tell']>) {
        this.tables.mail.untold.delete(message);
        return true;
      }
    },
    noticed: [
      'carry: a resting run is due', 'carry: a leased run stays', 'carry: what met a lease',
      'carry: a run that never began', 'carry: parked and settled', 'carry: carriers at the same time',
      'closing: a resting child is due',
    ],
  },
  {
    breaks: 'whatever is carried is carried again',
    Store: class extends MemoryStore {
      readonly #told = new Set<unknown>();

      protected override tell(...[message]: Parameters<MemoryStore['tell']>) {
        const told = super.tell(message);
        if (!this.#told.has(message)) this.tables.mail.untold.add(message);
        this.#told.add(message);
        return told;
      }

      protected override hasMore() {
        return false;
      }
    },
    noticed: ['carry: a message is told once'],
  },
  {
    breaks: 'whoever carries finds something for somebody',
    Store: class extends MemoryStore {
      override async carry(...[request]: Parameters<MemoryStore['carry']>) {
        const { told, more } = await super.carry(request);
        return { told: told.length === 0 ? [...this.tables.ready.keys()] : told, more };
      }
    },
    noticed: [
      'carry: where nothing came', 'carry: a message is told once', 'carry: a message that was taken',
      'transaction: a message is seen', 'children: one that is not watched',
    ],
  },
  {
    breaks: 'a leased run is taken from its owner',
    Store: class extends MemoryStore {
      protected override wakeRow(...[row, now]: Parameters<MemoryStore['wakeRow']>) {
        super.wakeRow(row, now);
        row.dueAt = now;
      }
    },
    noticed: ['carry: a leased run stays', 'carry: a run that never began'],
  },
  {
    breaks: 'a run that never began is told nothing',
    Store: class extends MemoryStore {
      protected override wakeRow(...[row, now]: Parameters<MemoryStore['wakeRow']>) {
        if (!row.fresh) super.wakeRow(row, now);
      }
    },
    noticed: [
      'carry: a run that never began', 'carry: carriers at', 'closing: a resting child is due',
      'races: a message and the first claim',
    ],
  },
  {
    breaks: 'a run that something came for did not begin before',
    Store: class extends MemoryStore {
      protected override claimed(...[row, history]: Parameters<MemoryStore['claimed']>) {
        return super.claimed(row, { ...history, first: history.fresh });
      }
    },
    noticed: ['carry: a run that never began'],
  },
  {
    breaks: 'a claim does not answer the wake',
    Store: class extends MemoryStore {
      protected override hear() {}
    },
    noticed: ['carry: a claim answers', 'wake: one that was honoured'],
  },
  {
    breaks: 'a message is told of after it was taken',
    Store: class extends MemoryStore {
      protected override takeMail(...[{ lease, entries }]: Parameters<MemoryStore['takeMail']>) {
        for (const { message } of entries) {
          this.tables.mail.inbox.get(lease.runId)?.delete(message ?? '');
        }
      }
    },
    noticed: ['carry: a message that was taken'],
  },
  {
    breaks: 'runs that ended are told',
    Store: class extends MemoryStore {
      protected override tell(...[message]: Parameters<MemoryStore['tell']>) {
        super.tell(message);
        return true;
      }
    },
    noticed: ['carry: parked and settled', 'children: a parent that settled', 'events: a settled run'],
  },
  {
    breaks: 'mail puts a run that ended back in line',
    Store: class extends MemoryStore {
      readonly #rows = new Map<string, Parameters<MemoryStore['close']>[0]>();

      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.#rows.set(row.id, { ...row, claim: null });
      }

      protected override tell(...[message]: Parameters<MemoryStore['tell']>) {
        const row = this.#rows.get(message.runId);
        if (row !== undefined) this.tables.ready.set(row.id, row);
        return super.tell(message);
      }
    },
    noticed: ['carry: parked and settled'],
  },
  {
    breaks: 'there is no limit',
    Store: class extends MemoryStore {
      override async carry(...[request]: Parameters<MemoryStore['carry']>) {
        return super.carry({ ...request, limit: Infinity });
      }
    },
    noticed: ['carry: the limit is respected'],
  },
  {
    breaks: 'a carrier that met its limit says that nothing is left',
    Store: class extends MemoryStore {
      protected override hasMore() {
        return false;
      }
    },
    noticed: [
      'carry: the limit is respected', 'events: the limit of a carrier', 'closing: children of a terminated',
      'children: 1,000',
    ],
  },
  {
    breaks: 'what a carrier does not get to is lost',
    Store: class extends MemoryStore {
      override async carry(...[request]: Parameters<MemoryStore['carry']>) {
        const answer = await super.carry(request);
        this.tables.mail.untold.clear();
        this.tables.mail.ungiven.clear();
        this.tables.mail.endings.clear();
        return { ...answer, more: answer.more && this.hasMore() };
      }
    },
    noticed: [
      'carry: the limit is respected', 'events: the limit of a carrier', 'carry: a run that a stranger holds',
      'closing: a child that a stranger holds', 'closing: children of a terminated', 'children: 1,000',
      'carry: carriers at',
    ],
  },
  {
    breaks: 'what a stranger holds is a reason to come back at once',
    Store: class extends MemoryStore {
      protected override hasMore() {
        return super.hasMore() || this.tables.mail.untold.size > 0;
      }
    },
    noticed: ['carry: a run that a stranger holds'],
  },
  {
    breaks: 'carriers wait while a stranger holds anything',
    Store: class extends MemoryStore {
      protected override inboxes() {
        return this.tables.locked.size > 0 ? [] : super.inboxes();
      }
    },
    noticed: ['carry: a run that a stranger holds'],
  },
];
