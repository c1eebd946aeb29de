// The engine's statements on the connections of a caller's Kysely instance: enough for clients, which start
// and read. Its driver is out of sight: names cannot be sent, and a query that misses its deadline can only
// be left.
import type { KyselyInstance } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';
import { CompiledQuery } from 'kysely';
import type { Row, Runner } from './session.js';
import { unavailable } from './sql-error.js';
import type { Statement } from './statement.js';

/**
 * Runs statements through Kysely. Rows are objects there, so every column of a statement has its own name.
 */
export class KyselyRunner implements Runner {
  readonly #kysely: Pick<KyselyInstance, 'executeQuery'>;
  readonly #deadlineMs: number;

  constructor(kysely: Pick<KyselyInstance, 'executeQuery'>, deadlineMs: number) {
    this.#kysely = kysely;
    this.#deadlineMs = deadlineMs;
  }

  async run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.rows(statement.text, values);
  }

  async rows(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const waiting = new AbortController();
    const late = systemEnv.sleep(this.#deadlineMs, waiting.signal).then(() => null);
    try {
      const query = this.#kysely.executeQuery(CompiledQuery.raw(text, [...values]));
      const result = await Promise.race([query, late]);
      if (result === null) throw new Error(`no answer within ${this.#deadlineMs} ms`);
      return result.rows.map((row: object) => Object.values(row));
    } catch (error) {
      throw unavailable(error, this.#deadlineMs);
    } finally {
      waiting.abort();
    }
  }

  async script(text: string): Promise<void> {
    await this.rows(text);
  }
}
