// The mail of a worker's runs: reads their inboxes, and sends for them. What must be carried between runs is
// carrier.ts.
import type { Hints } from '@perdure/core/engine';
import type {
  ChildAnswer, Continuity, Env, Lease, LiveRun, Mail, MailWant, NewChild, NewMessage, NewSubscription,
  SendAnswer, Store, SubscribeAnswer,
} from '@perdure/core/engine';
import { Lane } from './lane.js';
import type { Outage } from './outage.js';

/** What a mailroom works with. */
export interface MailroomOptions {
  readonly env: Env;
  readonly store: Store;
  readonly hints: Hints;
  readonly outage: Outage;
  readonly continuity: Continuity;
}

interface Sending {
  readonly lease: Lease;
  readonly message: NewMessage;
}

/** The mailroom of one worker. */
export class Mailroom {
  readonly #hints: Hints;
  readonly #mail: Lane<MailWant, Mail>;
  readonly #children: Lane<NewChild, ChildAnswer>;
  readonly #messages: Lane<Sending, SendAnswer>;
  readonly #subscriptions: Lane<NewSubscription, SubscribeAnswer>;

  constructor({ store, hints, ...shared }: MailroomOptions) {
    this.#hints = hints;
    this.#mail = new Lane({ ...shared, what: 'mail', ask: (wants) => store.readMail(wants) });
    this.#children = new Lane<NewChild, ChildAnswer>({
      ...shared, what: 'children', isBusy, ask: (children) => store.tieChildren(children),
    });
    this.#messages = new Lane<Sending, SendAnswer>({
      ...shared, what: 'messages', isBusy, ask: (sendings) => sendAll(store, sendings),
    });
    this.#subscriptions = new Lane<NewSubscription, SubscribeAnswer>({
      ...shared, what: 'events', isBusy, ask: (wishes) => store.subscribe(wishes),
    });
  }

  /** Reads the inbox of a run, and hands it over. */
  read(run: LiveRun): void {
    void this.#mail.add(run.inbox.want).then((mail) => run.inbox.receive(mail));
  }

  async tie(child: NewChild): Promise<ChildAnswer> {
    const answer = await this.#children.add(child);
    if (answer.kind === 'tied') {
      this.#hints.due();
      if (child.watch) this.#hints.mail();
    }
    return answer;
  }

  async send(lease: Lease, message: NewMessage): Promise<SendAnswer> {
    const answer = await this.#messages.add({ lease, message });
    if (answer.kind === 'sent') this.#hints.mail();
    return answer;
  }

  subscribe(subscription: NewSubscription): Promise<SubscribeAnswer> {
    return this.#subscriptions.add(subscription);
  }
}

function isBusy({ kind }: ChildAnswer | SendAnswer | SubscribeAnswer): boolean {
  return kind === 'busy';
}

/** The messages of each run are one request: it is fenced by its lease. */
async function sendAll(store: Store, sendings: readonly Sending[]): Promise<readonly SendAnswer[]> {
  const byRun = new Map<Lease, number[]>();
  for (const [index, { lease }] of sendings.entries()) {
    const indices = byRun.get(lease);
    if (indices === undefined) byRun.set(lease, [index]);
    else indices.push(index);
  }
  const answers = new Array<SendAnswer>(sendings.length);
  for (const [lease, indices] of byRun) {
    const messages = indices.flatMap((index) => sendings[index]?.message ?? []);
    const sent = await store.sendFrom(lease, messages);
    for (const [at, index] of indices.entries()) answers[index] = sent[at] ?? { kind: 'busy' };
  }
  return answers;
}
