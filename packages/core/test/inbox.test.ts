// When an inbox is read again before anything of it is served.
import { expect, test } from 'vitest';
import type { Call } from '../dist/call.js';
import { Inbox, type InboxHost } from '../dist/inbox.js';
import type { Message } from '../dist/mail.js';

const lease = { runId: 'r', part: 0, generation: 1, epoch: 1 };

function message(kind: Message['kind'], name: string, sentAt: number): Message {
  return {
    id: `${kind} ${sentAt}`, kind, name, payload: { codec: 'json', text: '"x"' }, error: null,
    outcome: null, sentAt,
  };
}

function scene(): { inbox: Inbox; told: string[] } {
  const told: string[] = [];
  const host: InboxHost = {
    lease, stage: 'begun', claimed: { first: false },
    askMail: () => void told.push(`asks for ${inbox.want.boxes.map(({ name }) => name).join(' ')}`),
    begins: () => undefined,
    cancelUnbegun: () => undefined,
    cancel: ({ sentAt }) => void told.push(`cancel of ${sentAt}`),
    answer: (_call, { id }) => void told.push(`answer: ${id}`),
    serveBefore: (sentAt) => void told.push(`waits until ${sentAt}`),
    readThrough: () => void told.push('read through'),
    changed: () => undefined,
  };
  const inbox = new Inbox(host, true);
  return { inbox, told };
}

test('nothing is served of a look that does not know of a wait: its message may be older', () => {
  const { inbox, told } = scene();
  inbox.look();
  inbox.mailbox.wait({ place: '1', request: { kind: 'signal', box: { kind: 'signal', name: 'a' } } } as Call);
  inbox.began();
  inbox.receive({ messages: [message('cancel', '', 30)], more: true });
  expect(told).toEqual(['asks for ', 'asks for a']);
  inbox.receive({ messages: [message('signal', 'a', 10), message('cancel', '', 30)], more: false });
  expect(told.slice(2)).toEqual([
    'waits until 10', 'answer: signal 10', 'waits until 30', 'cancel of 30', 'read through',
  ]);
});

test('what is found is served at once where every wait was known, or the inbox is empty', () => {
  const { inbox, told } = scene();
  inbox.look();
  inbox.receive({ messages: [message('cancel', '', 30)], more: true });
  expect(told).toEqual(['asks for ', 'waits until 30', 'cancel of 30', 'read through']);
  inbox.look();
  inbox.mailbox.wait({ place: '1', request: { kind: 'signal', box: { kind: 'signal', name: 'a' } } } as Call);
  inbox.began();
  inbox.receive({ messages: [], more: false });
  expect(told.slice(4)).toEqual(['asks for ', 'read through']);
});
