// Looking for runs, window by window, until enough are found or there are no more.
import type { AttributeValue, RecordedChunk, RunListed, RunQuery, RunStatus } from '@perdure/core/engine';
import { queryValues, windowOf, type QueryStatements } from './query-statements.js';
import type { Row, StatementRunner } from './session.js';

// The first window is small, since most of it is often wanted; a search that finds little takes large ones.
const smallestWindow = 100;
const largestWindow = 10_000;

/** Runs that a query asks for, in the order of their ids. */
export async function queryRuns(
  query: RunQuery, runner: StatementRunner, statements: QueryStatements,
): Promise<readonly RunListed[]> {
  const statement = statements.query[windowOf(query)];
  const found: RunListed[] = [];
  let after = query.after ?? '';
  let rows = Math.max(smallestWindow, query.limit);
  while (found.length < query.limit) {
    const limit = query.limit - found.length;
    const window = await runner.run(statement, queryValues(query, after, { limit, rows }));
    for (const row of window) if (row[2] !== null) found.push(readListed(row));
    const [seen, upto] = window[0] ?? [];
    if (Number(seen) < rows) break;
    after = String(upto);
    rows = Math.max(rows, Math.min(rows * 4, largestWindow));
  }
  return found;
}

function readListed(row: Row): RunListed {
  const [, , id, workflow, queue, version, generation, reason, ...rest] = row;
  const [status, createdAt, settledAt, attributes] = rest;
  return {
    id: String(id),
    workflow: String(workflow),
    queue: String(queue),
    version: version as string | null,
    generation: Number(generation),
    reason: reason as string | null,
    status: status as RunStatus,
    createdAt: Number(createdAt),
    settledAt: settledAt === null ? null : Number(settledAt),
    attributes: attributes === null ? {}
      : Object.fromEntries((JSON.parse(String(attributes)) as unknown[][]).map(readAttribute)),
  };
}

function readAttribute([name, type, text, number, time]: readonly unknown[]): [string, AttributeValue] {
  switch (type) {
    case 'number': return [String(name), Number(number)];
    case 'boolean': return [String(name), text === 'true'];
    case 'time': return [String(name), new Date(Number(time) / 1_000)];
    default: return [String(name), String(text)];
  }
}

/** A chunk of a stream, from a row of `chunks`. */
export function readChunk(row: Row, stream: string): RecordedChunk {
  const [seq, source, codec, value, at] = row;
  return {
    stream,
    seq: Number(seq),
    source: String(source),
    value: { codec: codec as 'json' | 'superjson', text: value as string | null },
    at: Number(at),
  };
}
