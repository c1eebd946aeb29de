// Stores that break what messages, inboxes and senders promise.
import { MemoryStore, type Lease, type NewMessage } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenMail: readonly BrokenStore[] = [
  {
    breaks: 'a message sent again is another one',
    Store: class extends MemoryStore {
      #sent = 0;

      protected override send(...[message, at, pending]: Parameters<MemoryStore['send']>) {
        const id = this.isSent(message, pending) ? `${message.id} ${++this.#sent}` : message.id;
        return super.send({ ...message, id }, at, pending);
      }
    },
    noticed: [
      'mail: a message sent again', 'mail: a message that was taken', 'carry: a message is told once',
      'transaction: a run that it started takes', 'send: a run sends in',
    ],
  },
  {
    breaks: 'the last sending of a message holds',
    Store: class extends MemoryStore {
      protected override isSent() {
        return false;
      }
    },
    noticed: [
      'mail: a message sent again', 'mail: a message that was taken', 'closing: one cancel is enough',
      'events: a run gets each one once',
    ],
  },
  {
    breaks: 'what was taken is forgotten',
    Store: class extends MemoryStore {
      protected override takeMail(...[write]: Parameters<MemoryStore['takeMail']>) {
        super.takeMail(write);
        for (const { message } of write.entries) {
          this.tables.mail.messages.get(write.lease.runId)?.delete(message ?? '');
        }
      }
    },
    noticed: ['mail: a message that was taken'],
  },
  {
    breaks: 'nothing is taken',
    Store: class extends MemoryStore {
      protected override takeMail() {}
    },
    noticed: [
      'mail: an entry takes its message', 'mail: a message that was taken', 'mail: a write that is sent',
      'mail: messages of one id', 'carry: a message that was taken', 'mail: more says',
      'events: who waits for one gets', 'children: a parent hears of a child that completes',
    ],
  },
  {
    breaks: 'everything is taken',
    Store: class extends MemoryStore {
      protected override takeMail(...[{ lease, entries }]: Parameters<MemoryStore['takeMail']>) {
        if (entries.every(({ message }) => message === null)) return;
        this.tables.mail.inbox.get(lease.runId)?.clear();
      }
    },
    noticed: ['mail: an entry takes its message', 'mail: a write that is sent'],
  },
  {
    breaks: 'the oldest message is taken, whichever was meant',
    Store: class extends MemoryStore {
      protected override takeMail(...[{ lease, entries }]: Parameters<MemoryStore['takeMail']>) {
        for (const { message } of entries) {
          const [oldest] = this.tables.mail.inbox.get(lease.runId)?.keys() ?? [];
          if (message !== null && oldest !== undefined) this.tables.mail.takeMessage(lease.runId, oldest);
        }
      }
    },
    noticed: ['mail: an entry takes its message', 'mail: a write that is sent'],
  },
  {
    breaks: 'messages are taken by id, whoever they are for',
    Store: class extends MemoryStore {
      protected override takeMail(...[{ entries }]: Parameters<MemoryStore['takeMail']>) {
        for (const runId of this.tables.runs.keys()) {
          for (const { message } of entries) this.tables.mail.takeMessage(runId, message ?? '');
        }
      }
    },
    noticed: ['mail: messages of one id'],
  },
  {
    breaks: 'a write that does not happen takes its messages all the same',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        this.takeMail(write);
        return super.commitOne(write, now);
      }
    },
    noticed: ['mail: a lost lease takes nothing', 'mail: a write that is refused or busy'],
  },
  {
    breaks: 'an inbox is made for whoever is written to',
    Store: class extends MemoryStore {
      protected override send(...[message, at, pending]: Parameters<MemoryStore['send']>) {
        const answer = super.send(message, at, pending);
        if (answer.kind !== 'no-run') return answer;
        this.tables.mail.insertMessage({ ...message, outcome: null, sentAt: at });
        return { kind: 'sent' as const };
      }
    },
    noticed: [
      'mail: a run that does not exist', 'mail: a batch of 1,000', 'send: a run sends in',
      'transaction: a run that it started takes',
    ],
  },
  {
    breaks: 'a settled run takes messages',
    Store: class extends MemoryStore {
      protected override takesMail() {
        return true;
      }
    },
    noticed: [
      'mail: a settled run', 'mail: a message that was taken', 'transaction: a settled run',
      'children: a parent that settled',
    ],
  },
  {
    breaks: 'a parked run takes no messages',
    Store: class extends MemoryStore {
      protected override takesMail(...[run]: Parameters<MemoryStore['takesMail']>) {
        return run.status === 'live';
      }
    },
    noticed: ['mail: a parked run', 'events: a settled run waits no more', 'children: a parent that settled'],
  },
  {
    breaks: 'a park empties the inbox',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.tables.mail.inbox.delete(row.id);
      }
    },
    noticed: ['mail: a parked run'],
  },
  {
    breaks: 'a run that never began takes no messages',
    Store: class extends MemoryStore {
      protected override send(...[message, at, pending]: Parameters<MemoryStore['send']>) {
        if (this.tables.ready.get(message.runId)?.fresh === true) return { kind: 'no-run' as const };
        return super.send(message, at, pending);
      }
    },
    noticed: ['mail: a run that never began', 'carry: a run that never began'],
  },
  {
    breaks: 'the order is that of ids',
    Store: class extends MemoryStore {
      protected override inOrder(...[rows]: Parameters<MemoryStore['inOrder']>) {
        return rows.sort((one, other) => (one.id < other.id ? -1 : 1));
      }
    },
    noticed: [
      'mail: the order is that', 'mail: of a full box', 'events: the order is that', 'send: a run sends in',
    ],
  },
  {
    breaks: 'messages of a batch have one instant',
    Store: class extends MemoryStore {
      protected override stamped<Item>(items: readonly Item[]) {
        const at = this.now();
        return items.map((item) => ({ item, at }));
      }
    },
    noticed: ['mail: the order is that', 'mail: of a full box', 'events: the order is that'],
  },
  {
    breaks: 'a message is not read as it was sent',
    Store: class extends MemoryStore {
      protected override mailFor(...[want]: Parameters<MemoryStore['mailFor']>) {
        const { messages, more } = super.mailFor(want);
        return { messages: messages.map((message) => ({ ...message, error: null })), more };
      }
    },
    noticed: [
      'mail: what was sent is read', 'mail: every text', 'children: a parent hears of a child that fails',
    ],
  },
  {
    breaks: 'texts of messages are normalised',
    Store: class extends MemoryStore {
      protected override send(...[message, at, pending]: Parameters<MemoryStore['send']>) {
        const payload = { ...message.payload, text: message.payload.text?.normalize() ?? null };
        return super.send({ ...message, payload }, at, pending);
      }
    },
    noticed: ['mail: every text'],
  },
  {
    breaks: 'messages are stamped when they are read',
    Store: class extends MemoryStore {
      protected override mailFor(...[want]: Parameters<MemoryStore['mailFor']>) {
        const { messages, more } = super.mailFor(want);
        return { messages: messages.map((message) => ({ ...message, sentAt: this.now() })), more };
      }
    },
    noticed: ['mail: what was sent is read'],
  },
  {
    breaks: 'a box is its name',
    Store: class extends MemoryStore {
      protected override mailFor(...[{ lease, boxes }]: Parameters<MemoryStore['mailFor']>) {
        const kinds = ['signal', 'event', 'callback', 'child'] as const;
        const wider = boxes.flatMap(({ name }) => kinds.map((kind) => ({ kind, name })));
        return super.mailFor({ lease, boxes: wider });
      }
    },
    noticed: ['mail: a box is', 'mail: more says'],
  },
  {
    breaks: 'a box is its kind',
    Store: class extends MemoryStore {
      protected override mailFor(...[{ lease, boxes }]: Parameters<MemoryStore['mailFor']>) {
        return super.mailFor({ lease, boxes: boxes.map(({ kind }) => ({ kind, name: null })) });
      }
    },
    noticed: ['mail: a box is', 'mail: of a full box', 'mail: every text', 'mail: more says'],
  },
  {
    breaks: 'what cancels is read by whoever asks for it',
    Store: class extends MemoryStore {
      protected override mailFor(...[want]: Parameters<MemoryStore['mailFor']>) {
        const { messages, more } = super.mailFor(want);
        return { messages: messages.filter(({ kind }) => kind !== 'cancel'), more };
      }
    },
    noticed: ['mail: a box is', 'closing: with policy cancel', 'closing: a resting child is due'],
  },
  {
    breaks: 'there is never more',
    Store: class extends MemoryStore {
      protected override isMore() {
        return false;
      }
    },
    noticed: ['mail: more says', 'mail: of a full box'],
  },
  {
    breaks: 'there is more where anything is',
    Store: class extends MemoryStore {
      protected override isMore(...[held]: Parameters<MemoryStore['isMore']>) {
        return held > 0;
      }
    },
    noticed: ['mail: more says', 'children: 1,000', 'mail: of a full box'],
  },
  {
    breaks: 'wants are answered in any order',
    Store: class extends MemoryStore {
      override async readMail(wants: Parameters<MemoryStore['readMail']>[0]) {
        return [...await super.readMail(wants)].reverse();
      }
    },
    noticed: ['mail: wants are answered'],
  },
  {
    breaks: 'one message at fault fails its batch',
    Store: class extends MemoryStore {
      override async sendMessages(messages: readonly NewMessage[]) {
        const why = this.refusal(messages.flatMap(({ payload, error }) => [payload.text, error]));
        if (why !== null) return messages.map(() => ({ kind: 'refused' as const, why }));
        return super.sendMessages(messages);
      }
    },
    noticed: ['mail: a value that the database refuses'],
  },
  {
    breaks: 'senders wait for whoever holds the run',
    Store: class extends MemoryStore {
      protected override send(...[message, at, pending]: Parameters<MemoryStore['send']>) {
        return this.isLocked(message.runId) ? { kind: 'busy' as const } : super.send(message, at, pending);
      }
    },
    noticed: ['locks: a message to a run'],
  },
  {
    breaks: "a stranger's uncommitted message is not seen",
    Store: class extends MemoryStore {
      protected override isMessageHeld() {
        return false;
      }
    },
    noticed: ['transaction: a message that it sent'],
  },
  {
    breaks: "a stranger's uncommitted message stalls the batch",
    Store: class extends MemoryStore {
      override async sendMessages(messages: readonly NewMessage[]) {
        const stalled = messages.some((message) => this.isMessageHeld(message, null));
        return stalled ? messages.map(() => ({ kind: 'busy' as const })) : super.sendMessages(messages);
      }
    },
    noticed: ['transaction: a message that it sent'],
  },
  {
    breaks: 'a rollback is a commit',
    Store: class extends MemoryStore {
      protected override endTransaction(...[pending]: Parameters<MemoryStore['endTransaction']>) {
        super.endTransaction(pending, 'commit');
      }
    },
    noticed: [
      'transaction: a message is gone', 'transaction: a start is gone', 'transaction: an event is seen',
    ],
  },
  {
    breaks: 'a commit makes starts alone visible',
    Store: class extends MemoryStore {
      protected override endTransaction(...[pending, how]: Parameters<MemoryStore['endTransaction']>) {
        super.endTransaction({ ...pending, messages: new Map(), events: new Map() }, how);
        super.endTransaction({ ...pending, runs: new Map(), fenced: [] }, 'rollback');
      }
    },
    noticed: [
      'transaction: a message is seen', 'transaction: a run that it started takes',
      'transaction: an event is seen',
    ],
  },
  {
    breaks: 'whoever sends for a run needs no lease',
    Store: class extends MemoryStore {
      override async sendFrom(_lease: Lease, messages: readonly NewMessage[]) {
        return this.sendMessages(messages);
      }
    },
    noticed: ['send: a lost lease', 'send: a run that a stranger holds'],
  },
  {
    breaks: 'a run sends to itself',
    Store: class extends MemoryStore {
      override async sendFrom(lease: Lease, messages: readonly NewMessage[]) {
        return super.sendFrom(lease, messages.map((message) => ({ ...message, runId: lease.runId })));
      }
    },
    noticed: ['send: a run sends in', 'send: a run that a stranger holds'],
  },
];
