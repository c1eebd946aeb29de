// What people and clients do to runs in PostgreSQL.
//
//   R1. Verbs ride on the lane of starts: sorted by id, impatient, in batches of bounded size. An item that
//       somebody holds, or whose value is refused, stands alone in the end.
//   R2. A run that is named twice by one request is changed once: the second time it is found changed.
import {
  partOf, type Fork, type OperatorStore, type Resumption, type Revival, type RunStatus, type StartAnswer,
  type VerbAnswer,
} from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { closingStatements } from './closing-statements.js';
import {
  forkValues, operationStatements, readKind, resumptionColumns, revivalColumns, type Known,
  type OperationStatements, type ReadKind,
} from './operation-statements.js';
import { partsOf, PostgresDetails } from './postgres-details.js';
import type { MailSessions } from './postgres-mail.js';
import { readStatements } from './read-statements.js';
import { writeApart, type Numbered } from './second-lane.js';
import type { Row } from './session.js';
import { DataRefusedError, LockTimeoutError } from './sql-error.js';
import { startStatements } from './start-statements.js';
import type { Statement } from './statement.js';

// So many runs, and characters of their records, are changed by one statement. What is more goes alone.
const mostRuns = 1_000;
const mostCharacters = 4_000_000;
const charactersOfEntry = 200;

/** The verbs of operators. Use it as `PostgresStore`. */
export class PostgresOperations extends PostgresDetails implements OperatorStore {
  readonly #sessions: MailSessions;
  readonly #statements: OperationStatements;
  readonly #terminate: Statement;
  readonly #kinds: Statement;
  readonly #standing: Statement;

  /** `schema` is the quoted name. */
  constructor(sessions: MailSessions, schema: string) {
    super(sessions, schema);
    this.#sessions = sessions;
    this.#statements = operationStatements(schema);
    this.#terminate = closingStatements(schema).terminate;
    this.#kinds = readStatements(schema).kinds;
    this.#standing = startStatements(schema, 'own').standing;
  }

  async resumeRuns(resumptions: readonly Resumption[]): Promise<readonly VerbAnswer[]> {
    return inRounds(resumptions, ({ runId }) => runId, (some) => this.#known(some, (known) => (
      this.#change(this.#statements.resume, known, resumptionColumns))));
  }

  async reviveRuns(revivals: readonly Revival[]): Promise<readonly VerbAnswer[]> {
    return inRounds(revivals, ({ runId }) => runId, (some) => this.#known(some, (known) => (
      this.#change(this.#statements.revive, known, revivalColumns))));
  }

  async terminateRuns(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]> {
    return inRounds(ids, (id) => id, (some) => writeApart(some, {
      key: (id) => id,
      write: (batch) => this.#terminateSorted(batch.map(({ item }) => item), error),
    }));
  }

  async deleteRuns(ids: readonly string[]): Promise<readonly VerbAnswer[]> {
    return inRounds(ids, (id) => id, (some) => writeApart(some, {
      key: (id) => id,
      write: (batch) => this.#answers(this.#statements.delete,
        columnLiterals(3, batch.map(({ item, ord }) => [ord, item, partOf(item)])), batch),
    }));
  }

  async forkRun(fork: Fork): Promise<StartAnswer> {
    const { starts } = this.#sessions;
    const { id } = fork.run;
    try {
      const [row] = await starts.run(this.#statements.fork, forkValues(fork));
      if (row !== undefined) return { kind: 'created', epoch: Number(row[1]), at: Number(row[1]) };
    } catch (error) {
      if (error instanceof LockTimeoutError) return { kind: 'busy' };
      if (error instanceof DataRefusedError) return { kind: 'refused', why: error.message };
      throw error;
    }
    const [there] = await starts.run(this.#standing, [[id], [partOf(id)]]);
    return there === undefined ? { kind: 'busy' } : { kind: 'exists', workflow: String(there[1]) };
  }

  /** Changes those of which something is known; the others do not exist. */
  async #known<Item extends { readonly runId: string }>(
    items: readonly Item[], change: (known: readonly Known<Item>[]) => Promise<readonly VerbAnswer[]>,
  ): Promise<readonly VerbAnswer[]> {
    const ids = items.map(({ runId }) => runId);
    const rows = await this.#sessions.reads.run(this.#kinds, [ids, partsOf(ids)]);
    const kinds = new Map<string, ReadKind>(rows.map((row) => [String(row[0]), readKind(row)]));
    const known = items.flatMap((item) => {
      const kind = kinds.get(item.runId);
      return kind === undefined ? [] : [{ item, kind }];
    });
    const answers = await change(known);
    const byId = new Map(known.map(({ kind }, at) => [kind.id, answers[at]]));
    return ids.map((id) => byId.get(id) ?? { kind: 'no-run' });
  }

  #change<Item>(
    statement: Statement, known: readonly Known<Item>[],
    columns: (batch: readonly Numbered<Known<Item>>[]) => readonly unknown[],
  ): Promise<VerbAnswer[]> {
    return writeApart(known, {
      key: ({ kind }) => kind.id,
      write: (batch) => this.#answers(statement, columns(batch), batch),
    });
  }

  async #answers(
    statement: Statement, values: readonly unknown[], batch: readonly Numbered<unknown>[],
  ): Promise<readonly VerbAnswer[]> {
    const rows = await this.#sessions.starts.run(statement, values);
    const found = new Map(rows.map((row) => [Number(row[0]), row]));
    return batch.map(({ ord }) => answerOf(found.get(ord)));
  }

  async #terminateSorted(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]> {
    const columns = columnLiterals(2, ids.map((id) => [id, partOf(id)]));
    const ended = await this.#sessions.starts.run(this.#terminate, [...columns, error]);
    const gone = new Set(ended.map(([id]) => id));
    const left = ids.filter((id) => !gone.has(id));
    const rows = left.length === 0 ? []
      : await this.#sessions.reads.run(this.#statements.statuses, [left, partsOf(left)]);
    const statuses = new Map(rows.map(([id, status]) => [id, status as RunStatus]));
    return ids.map((id) => (gone.has(id) ? { kind: 'done' } : leftAs(statuses.get(id))));
  }
}

const settled: readonly RunStatus[] = ['completed', 'failed', 'cancelled'];

/** Why a run that stands so was not terminated. */
function leftAs(status: RunStatus | undefined): VerbAnswer {
  if (status === undefined) return { kind: 'no-run' };
  return settled.includes(status) ? { kind: 'unfit', status } : { kind: 'busy' };
}

function answerOf(row: Row | undefined): VerbAnswer {
  const [, kind = 'busy', status] = row ?? [];
  return (kind === 'unfit' ? { kind, status } : { kind }) as VerbAnswer;
}

/** Serves items in batches of bounded size, none of which names a run twice (R2). */
async function inRounds<Item>(
  items: readonly Item[], idOf: (item: Item) => string,
  serve: (some: readonly Item[]) => Promise<readonly VerbAnswer[]>,
): Promise<readonly VerbAnswer[]> {
  const answers = new Array<VerbAnswer>(items.length).fill({ kind: 'busy' });
  for (const round of roundsOf(items, idOf)) {
    const served = await serve(round.map(({ item }) => item));
    for (const [at, { ord }] of round.entries()) answers[ord] = served[at] ?? { kind: 'busy' };
  }
  return answers;
}

function roundsOf<Item>(items: readonly Item[], idOf: (item: Item) => string): Numbered<Item>[][] {
  const rounds: Numbered<Item>[][] = [];
  let ids = new Set<string>();
  let room = 0;
  for (const [ord, item] of items.entries()) {
    const id = idOf(item);
    room -= weightOf(item);
    if (rounds.length === 0 || ids.has(id) || ids.size === mostRuns || room < 0) {
      rounds.push([]);
      ids = new Set();
      room = mostCharacters - weightOf(item);
    }
    ids.add(id);
    rounds.at(-1)?.push({ item, ord });
  }
  return rounds;
}

function weightOf(item: unknown): number {
  const { entries = [] } = item as Partial<Revival>;
  return entries.reduce((sum, { value, error }) => (
    sum + (value.text?.length ?? 0) + (error?.length ?? 0) + charactersOfEntry), 0);
}
