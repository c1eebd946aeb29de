// Writes messages and events outside of a transaction.
import type { Connection } from '@perdure/core';
import type { EmitAnswer, SendAnswer } from '@perdure/core/engine';
import type { Errand } from './gatherer.js';
import {
  emitBlocked, emitFailure, sendBlocked, sendFailure, type PreparedEvent, type PreparedMessage,
} from './mail.js';

/** The messages of one client. */
export class SendErrand implements Errand<PreparedMessage, SendAnswer> {
  readonly #connection: Connection;
  readonly blocked: (prepared: PreparedMessage) => Error = sendBlocked;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async send(items: readonly PreparedMessage[]): Promise<readonly SendAnswer[]> {
    const answers = await this.#connection.store.sendMessages(items.map(({ message }) => message));
    if (answers.some(({ kind }) => kind === 'sent')) this.#connection.hints.mail();
    return answers;
  }

  judge(item: PreparedMessage, answer: SendAnswer): 'done' | 'busy' | Error {
    return answer.kind === 'busy' ? 'busy' : sendFailure(item, answer) ?? 'done';
  }
}

/** The events of one client. */
export class EmitErrand implements Errand<PreparedEvent, EmitAnswer> {
  readonly #connection: Connection;
  readonly blocked: (prepared: PreparedEvent) => Error = emitBlocked;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async send(items: readonly PreparedEvent[]): Promise<readonly EmitAnswer[]> {
    const answers = await this.#connection.store.emitEvents(items.map(({ event }) => event));
    if (answers.some(({ kind }) => kind === 'emitted')) this.#connection.hints.mail();
    return answers;
  }

  judge(item: PreparedEvent, answer: EmitAnswer): 'done' | 'busy' | Error {
    return answer.kind === 'busy' ? 'busy' : emitFailure(item, answer) ?? 'done';
  }
}
