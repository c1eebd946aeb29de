// Starts, messages and events inside the caller's own transaction. What is taken for one, and how a statement
// is run on it, is in ../libraries.
//
//   J1. What does not commit as one with the caller's writes is refused: a pool, an instance, a client
//       outside of a transaction.
//   J2. Errors of the database pass through unchanged: the caller's own retry loop must recognise them.
//   J3. Inserts only. Nothing is locked that others wait for, no setting is touched, no notification is sent.
import {
  partOf, type EmitAnswer, type NewEvent, type NewMessage, type NewRun, type SendAnswer, type StartAnswer,
  type StartStore,
} from '@perdure/core/engine';
import type { TxHandle } from '../libraries/tx-handle.js';
import { arrayLiteral } from './array-literal.js';
import { emitStatement, eventColumns, messageColumns, sendStatement } from './mail-statements.js';
import { messageKey, refusesEvent } from './postgres-mail.js';
import { writeApart } from './second-lane.js';
import { startCall, startStatements, type StartStatements } from './start-statements.js';
import type { Statement } from './statement.js';

/** The verbs of starts and of senders on a caller's transaction. */
export class TransactionStore implements StartStore {
  readonly #handle: TxHandle;
  readonly #statements: StartStatements;
  readonly #send: Statement;
  readonly #emit: Statement;

  /** `schema` is the quoted name. */
  constructor(handle: TxHandle, schema: string) {
    this.#handle = handle;
    this.#statements = startStatements(schema, 'caller');
    this.#send = sendStatement(schema, 'caller');
    this.#emit = emitStatement(schema, 'caller');
  }

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    const { statement, values } = startCall(this.#statements, runs);
    const rows = await this.#handle.query(statement, values);
    const created = new Map(rows.map((row) => [row['id'], Number(row['epoch'])]));
    const standing = await this.#standing(runs.filter((run) => !created.has(run.id)));
    return runs.map((run) => {
      const epoch = created.get(run.id);
      if (epoch !== undefined) return { kind: 'created', epoch, at: epoch };
      const workflow = standing.get(run.id);
      return workflow === undefined ? { kind: 'busy' } : { kind: 'exists', workflow };
    });
  }

  async sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return writeApart(messages, {
      key: messageKey,
      write: async (batch): Promise<SendAnswer[]> => {
        const rows = await this.#handle.query(this.#send, messageColumns(batch));
        const kinds = new Map(rows.map((row) => [Number(row['ord']), row['answer']]));
        return batch.map(({ ord }) => ({ kind: kinds.get(ord) }) as SendAnswer);
      },
    });
  }

  async emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return writeApart(events, {
      key: ({ id }) => id,
      write: async (batch): Promise<EmitAnswer[]> => {
        await this.#handle.query(this.#emit, eventColumns(batch));
        return batch.map(() => ({ kind: 'emitted' }));
      },
      refuses: refusesEvent,
    });
  }

  async #standing(runs: readonly NewRun[]): Promise<Map<unknown, string>> {
    if (runs.length === 0) return new Map();
    const ids = runs.map((run) => run.id);
    const literals = [arrayLiteral(ids), arrayLiteral(ids.map(partOf))];
    const rows = await this.#handle.query(this.#statements.standing, literals);
    return new Map(rows.map((row) => [row['id'], String(row['workflow'])]));
  }
}
