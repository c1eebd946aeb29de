// Transactions of the model database over a wire: those of callers, and those of transactional steps. Each
// statement, BEGIN and COMMIT are calls that the simulation may strike.
//
//   T1. A statement without an answer means that the connection is gone: the server rolls back, at once or
//       when it notices. Only a COMMIT may have happened all the same.
//   T2. What is written to the business, as an application's rows are, is there with the commit, or never.
//   T3. Who waits for a stranger's row waits for a second at most; then the server calls it a deadlock.
import {
  NonRetryableError, type StepTransactions, type TransactionHandle, type Transactor,
} from '@perdure/core';
import {
  ValueRefusedError, type EmitAnswer, type MemoryTransaction, type NewEvent, type NewMessage, type NewRun,
  type SendAnswer, type StartAnswer, type StartStore,
} from '@perdure/core/engine';
import { ConflictError, type Wire } from './wire.js';

/** Rows of an application, by what wrote them. */
export interface Business {
  /** What a transaction wrote is there. */
  wrote(rows: readonly string[]): void;
}

const deadlockMs = 1_000;
/** How long a server may take to see that a connection is gone. */
const noticeMs = 300;

/** One transaction. */
export class SimTransaction implements StartStore {
  readonly #wire: Wire;
  readonly #business: Business;
  readonly #rows: string[] = [];
  #real: MemoryTransaction | null = null;
  #broken = false;

  constructor(wire: Wire, business: Business) {
    this.#wire = wire;
    this.#business = business;
  }

  /** Whether it takes statements. */
  get open(): boolean {
    return this.#real?.open === true && !this.#broken;
  }

  async begin(): Promise<void> {
    await this.#call('begin', async () => {
      this.#real = this.#wire.parts.store.begin();
      this.#wire.parts.process.onDeath(() => this.#lose());
    });
  }

  startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    return this.statement('tx.startRuns', (real) => real.startRuns(runs));
  }

  sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return this.statement('tx.sendMessages', (real) => real.sendMessages(messages));
  }

  emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return this.statement('tx.emitEvents', (real) => real.emitEvents(events));
  }

  /** Writes a row of the business. */
  write(row: string): Promise<void> {
    return this.statement('tx.write', async () => void this.#rows.push(row));
  }

  commit(): Promise<void> {
    return this.#call('commit tx', async () => {
      if (this.#real?.open !== true) throw new Error('The server has rolled this transaction back.');
      this.#real.commit();
      this.#business.wrote(this.#rows);
    });
  }

  async rollback(): Promise<void> {
    this.#broken = true;
    this.#undo();
  }

  /** One statement of the engine, or of the application. */
  statement<Answer>(verb: string, run: (real: MemoryTransaction) => Promise<Answer>): Promise<Answer> {
    return this.#call(verb, async () => {
      const real = this.#real;
      if (real === null || !real.open || this.#broken) throw new Error('This transaction has ended.');
      const { loop } = this.#wire.parts.process;
      let late: (error: Error) => void = () => undefined;
      const deadlock = new Promise<never>((_, reject) => void (late = reject));
      const timer = loop.add({ at: loop.now + deadlockMs, actor: 'database', label: 'deadlock', run: () => {
        this.#undo();
        late(new ConflictError('deadlock detected'));
      } });
      try {
        return await Promise.race([run(real), deadlock]);
      } finally {
        timer.cancel();
      }
    });
  }

  /** The server ends it after so long, whoever holds it. */
  endAfter(ms: number): void {
    this.#later(ms, 'transaction timeout');
  }

  async #call<Answer>(verb: string, effect: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.#wire.call({
        verb, inTransaction: true, items: 1, effect, gone: () => this.#lose(),
      });
    } catch (error) {
      this.#broken = true;
      // A lost COMMIT may be on its way still; what has happened is not undone by this.
      if (verb !== 'commit tx') this.#lose();
      throw error;
    }
  }

  #lose(): void {
    this.#broken = true;
    this.#later(this.#wire.parts.plan.between(0, noticeMs), 'connection gone');
  }

  #later(ms: number, label: string): void {
    const { loop } = this.#wire.parts.process;
    loop.add({ at: loop.now + ms, actor: 'database', label, run: () => this.#undo() });
  }

  #undo(): void {
    if (this.#real?.open === true) this.#real.rollback();
  }
}

class SimHandle implements TransactionHandle {
  readonly transaction: SimTransaction;

  constructor(transaction: SimTransaction) {
    this.transaction = transaction;
  }

  query(): Promise<never> {
    return Promise.reject(new NonRetryableError('A transaction of the simulation runs no SQL.'));
  }
}

/** Opens the transactions of one process. */
export function simTransactor(wire: Wire, business: Business): Transactor<SimTransaction> {
  return {
    transaction: async ({ abandoned }, body) => {
      const transaction = new SimTransaction(wire, business);
      await transaction.begin();
      try {
        const result = await body(transaction, new SimHandle(transaction));
        await transaction.commit();
        return result;
      } catch (error) {
        // A COMMIT that has no answer is the server's to decide.
        if (transaction.open || abandoned.aborted) await transaction.rollback();
        throw error;
      }
    },
  };
}

/** The engine's side of transactional steps. */
export const simStepTransactions: StepTransactions = {
  on: (handle, lease) => {
    if (!(handle instanceof SimHandle)) throw new TypeError('This handle is none of the simulation.');
    const { transaction } = handle;
    return {
      fence: (limitMs) => {
        transaction.endAfter(limitMs);
        return transaction.statement('tx.fence', (real) => real.fence(lease));
      },
      record: (entry) => transaction.statement('tx.record', (real) => real.record(lease, entry)),
    };
  },
  judge: (error) => {
    if (error instanceof ConflictError) return 'conflict';
    return error instanceof ValueRefusedError ? 'refused' : 'unknown';
  },
};
