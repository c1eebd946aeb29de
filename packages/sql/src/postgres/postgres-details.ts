// What is read closely in PostgreSQL, and what workers say of themselves there.
import {
  partOf, type CheckAnswer, type CheckRange, type EntryRange, type RecordedEntry, type RunDetail,
  type WorkerFacts, type WorkerListed,
} from '@perdure/core/engine';
import { checkStatements, checkWindow, type CheckStatements } from './check-statements.js';
import { readDetail, readWorker } from './detail-rows.js';
import { detailStatements, workerValues, type DetailStatements } from './detail-statements.js';
import { readEntry } from './history-rows.js';
import type { MailSessions } from './postgres-mail.js';
import { PostgresShown } from './postgres-shown.js';
import type { StatementRunner } from './session.js';

/** Details, records, workers. Use it as `PostgresStore`. */
export class PostgresDetails extends PostgresShown {
  readonly #reads: StatementRunner;
  readonly #statements: DetailStatements;
  readonly #checks: CheckStatements;

  /** `schema` is the quoted name. */
  constructor(sessions: MailSessions, schema: string) {
    super(sessions, schema);
    this.#reads = sessions.reads;
    this.#statements = detailStatements(schema);
    this.#checks = checkStatements(schema);
  }

  async readDetails(ids: readonly string[]): Promise<readonly RunDetail[]> {
    const rows = await this.#reads.run(this.#statements.details, [[...new Set(ids)], partsOf(ids)]);
    return rows.map(readDetail);
  }

  async readEntries({ runId, generation, after, limit }: EntryRange): Promise<readonly RecordedEntry[]> {
    const rows = await this.#reads.run(this.#statements.entries,
      [runId, partOf(runId), generation, after, limit]);
    return rows.map(readEntry);
  }

  async registerWorker(facts: WorkerFacts): Promise<void> {
    await this.#reads.run(this.#statements.register, workerValues(facts));
  }

  async seeWorker(id: string): Promise<boolean> {
    return (await this.#reads.run(this.#statements.see, [id])).length > 0;
  }

  async forgetWorker(id: string): Promise<void> {
    await this.#reads.run(this.#statements.forget, [id]);
  }

  async readWorkers(): Promise<readonly WorkerListed[]> {
    return (await this.#reads.run(this.#statements.workers, [])).map(readWorker);
  }

  async check(range: CheckRange): Promise<CheckAnswer> {
    return checkWindow(this.#reads, this.#checks, range);
  }
}

/** The parts that rows of these runs carry. */
export function partsOf(ids: readonly string[]): readonly number[] {
  return [...new Set(ids.map(partOf))];
}
