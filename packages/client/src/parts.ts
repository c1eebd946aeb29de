// What a client is made of once it has a Connection.
import type { Connection } from '@perdure/core';
import type { EmitAnswer, Env, SendAnswer, StartAnswer } from '@perdure/core/engine';
import { Gatherer } from './gatherer.js';
import { EmitErrand, SendErrand } from './mail-errands.js';
import type { PreparedEvent, PreparedMessage } from './mail.js';
import { Poker } from './poker.js';
import { ResultWatcher } from './result-watcher.js';
import { StartErrand } from './start-errand.js';
import type { PreparedStart } from './start-options.js';

/** The parts of an open client. */
export interface Parts {
  readonly connection: Connection;
  readonly starts: Gatherer<PreparedStart, StartAnswer>;
  readonly messages: Gatherer<PreparedMessage, SendAnswer>;
  readonly events: Gatherer<PreparedEvent, EmitAnswer>;
  /** Hints after a start, and after a message or an event, in a caller's transaction. */
  readonly duePoker: Poker;
  readonly mailPoker: Poker;
  readonly watcher: ResultWatcher;
}

/** Where the parts of a client come from: those of a client that opens at first use come late. */
export interface Opening {
  readonly env: Env;
  readonly deadlineMs: number;
  open(): Promise<Parts>;
}

/** Makes the parts of a client. */
export function makeParts(connection: Connection, { env, deadlineMs }: Omit<Opening, 'open'>): Parts {
  return {
    connection,
    starts: new Gatherer(new StartErrand(connection), env, deadlineMs),
    messages: new Gatherer(new SendErrand(connection), env, deadlineMs),
    events: new Gatherer(new EmitErrand(connection), env, deadlineMs),
    duePoker: new Poker(() => connection.hints.due(), env),
    mailPoker: new Poker(() => connection.hints.mail(), env),
    watcher: new ResultWatcher(connection, env),
  };
}
