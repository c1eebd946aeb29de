// Mail on PostgreSQL: messages, events, ties. What is sent may wait for strangers and rides on the second
// lane; what is read and what is carried have connections of their own.
//
//   V5. What a carrier will make of a row is known to fit when the row is written: a carrier must not meet a
//       value that is refused, since it would meet it for ever.
import type {
  CarryAnswer, ChildAnswer, EmitAnswer, Lease, Mail, MailStore, MailWant, Message, MessageKind, NewChild,
  NewEvent, NewMessage, NewSubscription, SendAnswer, SubscribeAnswer,
} from '@perdure/core/engine';
import {
  emitStatement, eventColumns, messageColumns, readMailStatement, sendStatement, wantColumns,
} from './mail-statements.js';
import { PostgresCarrier, type CarryRequest } from './postgres-carrier.js';
import { writeApart, type Numbered } from './second-lane.js';
import type { Row, StatementRunner } from './session.js';
import { DataRefusedError } from './sql-error.js';
import type { Statement } from './statement.js';
import { tieCall, tieStatements, wishColumns, type TieStatements } from './tie-statements.js';

/** The connections that mail needs. */
export interface MailSessions {
  readonly starts: StatementRunner;
  readonly reads: StatementRunner;
  readonly claims: StatementRunner;
}

// An index takes 2,704 octets a row. A message of an event holds the id of the run (764 at most), the event's
// name and key, and its id; an answer to a parent holds the parent's id, and the place twice.
const mostOfEvent = 1_800;
const mostOfPlace = 900;

/** Mail in PostgreSQL. Use it as `PostgresStore`. */
export class PostgresMail implements MailStore {
  readonly #sessions: MailSessions;
  readonly #carrier: PostgresCarrier;
  readonly #send: Statement;
  readonly #sendFrom: Statement;
  readonly #emit: Statement;
  readonly #read: Statement;
  readonly #ties: TieStatements;

  /** `schema` is the quoted name. */
  constructor(sessions: MailSessions, schema: string) {
    this.#sessions = sessions;
    this.#carrier = new PostgresCarrier(sessions.claims, schema, (messages) => this.sendMessages(messages));
    this.#send = sendStatement(schema, 'own');
    this.#sendFrom = sendStatement(schema, 'run');
    this.#emit = emitStatement(schema, 'own');
    this.#read = readMailStatement(schema);
    this.#ties = tieStatements(schema);
  }

  async sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return writeApart(messages, {
      key: messageKey,
      write: (batch) => this.#answers<SendAnswer>(this.#send, messageColumns(batch), batch),
    });
  }

  async sendFrom(lease: Lease, messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return writeApart(messages, {
      key: messageKey,
      write: (batch) => this.#answers<SendAnswer>(this.#sendFrom,
        [...messageColumns(batch), lease.runId, lease.part, lease.epoch], batch),
    });
  }

  async emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return writeApart(events, {
      key: ({ id }) => id,
      write: async (batch): Promise<EmitAnswer[]> => {
        await this.#sessions.starts.run(this.#emit, eventColumns(batch));
        return batch.map(() => ({ kind: 'emitted' }));
      },
      refuses: refusesEvent,
    });
  }

  async tieChildren(children: readonly NewChild[]): Promise<readonly ChildAnswer[]> {
    return writeApart(children, {
      key: ({ childId }) => childId,
      apart: true,
      write: (batch) => {
        const { statement, values } = tieCall(this.#ties, batch);
        return this.#answers<ChildAnswer>(statement, values, batch);
      },
      refuses: ({ place }) => (octets(place) <= mostOfPlace ? null
        : `the place of the call has ${octets(place)} octets, and an index takes ${mostOfPlace}`),
    });
  }

  async subscribe(subscriptions: readonly NewSubscription[]): Promise<readonly SubscribeAnswer[]> {
    const key = ({ lease, place }: NewSubscription): string => `${lease.runId}\0${place}`;
    const wished = await writeApart(subscriptions, {
      key,
      write: (batch) => this.#answers<SubscribeAnswer>(this.#ties.subscribe, wishColumns(batch), batch),
    });
    // Z3
    const done = subscriptions.filter((_, index) => wished[index]?.kind === 'done');
    const looked = await writeApart(done, {
      key,
      write: async (batch): Promise<SubscribeAnswer[]> => {
        await this.#sessions.starts.run(this.#ties.lookBack, wishColumns(batch));
        return batch.map(() => ({ kind: 'done' }));
      },
    });
    let at = 0;
    return wished.map((wish) => {
      const answer = wish.kind === 'done' ? looked[at++] ?? wish : wish;
      // Names and keys were checked where they were given.
      if (answer.kind === 'refused') throw new DataRefusedError(answer.why);
      return answer;
    });
  }

  async readMail(wants: readonly MailWant[]): Promise<readonly Mail[]> {
    if (wants.length === 0) return [];
    const rows = await this.#sessions.reads.run(this.#read, wantColumns(wants));
    const mails = wants.map(() => ({ messages: [] as Message[], held: 0 }));
    for (const row of rows) {
      const mail = mails[Number(row[0])];
      if (row[9] === null) mail?.messages.push(readMessage(row));
      else if (mail !== undefined) mail.held = Number(row[9]);
    }
    return mails.map(({ messages, held }) => ({
      messages: messages.sort((one, other) => one.sentAt - other.sentAt || (one.id < other.id ? -1 : 1)),
      more: held > messages.length,
    }));
  }

  async carry(request: CarryRequest): Promise<CarryAnswer> {
    return this.#carrier.carry(request);
  }

  // Rows say by its number which item they answer, then a kind, and of a child the workflow that stands
  // there, and whether it is another's.
  async #answers<Answer>(
    statement: Statement, values: readonly unknown[], batch: readonly Numbered<unknown>[],
  ): Promise<readonly Answer[]> {
    const rows = await this.#sessions.starts.run(statement, values);
    const found = new Map(rows.map((row) => [Number(row[0]), row]));
    return batch.map(({ ord }) => {
      const [, kind = 'busy', workflow, isFound] = found.get(ord) ?? [];
      if (kind === 'taken') return { kind, workflow } as Answer;
      return (isFound === true && kind === 'tied' ? { kind, found: true } : { kind }) as Answer;
    });
  }
}

/** The order in which messages are written. */
export function messageKey({ runId, id }: NewMessage): string {
  return `${runId}\0${id}`;
}

/** Why the database would refuse what carriers make of an event, or null (V5). */
export function refusesEvent({ id, name, key }: NewEvent): string | null {
  const length = octets(id) + octets(name) + octets(key);
  if (length <= mostOfEvent) return null;
  return `id, name and key of the event have ${length} octets, and an index takes ${mostOfEvent}`;
}

function octets(text: string): number {
  return Buffer.byteLength(text);
}

function readMessage(row: Row): Message {
  const [, id, kind, name, codec, payload, error, outcome, sentAt] = row;
  return {
    id: String(id),
    kind: kind as MessageKind,
    name: String(name),
    payload: { codec: codec as Message['payload']['codec'], text: payload as string | null },
    error: error as string | null,
    outcome: outcome as Message['outcome'],
    sentAt: Number(sentAt),
  };
}
