// What runs in PostgreSQL show to the outside: lists, attributes, streams.
import {
  partOf, type ChunkRange, type RecordedChunk, type RunListed, type RunQuery,
} from '@perdure/core/engine';
import { PostgresMail, type MailSessions } from './postgres-mail.js';
import { chunkValues, queryStatements, type QueryStatements } from './query-statements.js';
import { queryRuns, readChunk } from './run-query.js';
import type { StatementRunner } from './session.js';

/** What is shown. Use it as `PostgresStore`. */
export class PostgresShown extends PostgresMail {
  readonly #reads: StatementRunner;
  readonly #statements: QueryStatements;

  /** `schema` is the quoted name. */
  constructor(sessions: MailSessions, schema: string) {
    super(sessions, schema);
    this.#reads = sessions.reads;
    this.#statements = queryStatements(schema);
  }

  async queryRuns(query: RunQuery): Promise<readonly RunListed[]> {
    return queryRuns(query, this.#reads, this.#statements);
  }

  async readChunks(range: ChunkRange): Promise<readonly RecordedChunk[]> {
    const rows = await this.#reads.run(this.#statements.chunks, chunkValues(range, partOf(range.runId)));
    return rows.map((row) => readChunk(row, range.stream));
  }
}
