// The Store port on PostgreSQL: parameters out, rows in. Every statement is constant text; the rules live
// beside it.
import { WorkflowError } from '@perdure/core';
import {
  nothing, partOf, type CallKind, type Encoded, type ClaimAnswer, type ClaimRequest, type History,
  type Lease, type NewRun, type RecordedCall, type RecordedEntry, type RunRecord, type RunStatus,
  type StartAnswer, type Store, type TurnAnswer, type TurnWrite,
} from '@perdure/core/engine';
import { claimLanes, LowWaterMarks, readClaim } from './claim-rows.js';
import { claimStatements, type ClaimStatements } from './claim-statements.js';
import { commitStatements, type CommitStatements } from './commit-statement.js';
import { commitValues } from './commit-values.js';
import { readStatements, type ReadStatements } from './read-statements.js';
import type { Row, StatementRunner } from './session.js';
import { DataRefusedError, DuplicateKeyError, LockTimeoutError } from './sql-error.js';
import { startColumns, startStatements, startValues, type StartStatements } from './start-statements.js';
import type { Statement } from './statement.js';

/** The connections of a store, by what may wait for what: a deep backlog never delays a step's commit. */
export interface StoreSessions {
  readonly starts: StatementRunner;
  readonly reads: StatementRunner;
  readonly claims: StatementRunner;
  readonly commits: StatementRunner;
}

/** Runs in PostgreSQL. */
export class PostgresStore implements Store {
  readonly #sessions: StoreSessions;
  readonly #start: StartStatements;
  readonly #claim: ClaimStatements;
  readonly #commit: CommitStatements;
  readonly #read: ReadStatements;
  readonly #marks = new LowWaterMarks();
  #turn = 0;

  /** `schema` is the quoted name. */
  constructor(sessions: StoreSessions, schema: string) {
    this.#sessions = sessions;
    this.#start = startStatements(schema, 'own');
    this.#claim = claimStatements(schema);
    this.#commit = commitStatements(schema);
    this.#read = readStatements(schema);
  }

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    // One order of ids everywhere, so that two batches never wait for each other crosswise.
    const order = runs.map((run, index) => ({ run, index })).sort((a, b) => (a.run.id < b.run.id ? -1 : 1));
    const first = order.filter(({ run }, at) => run.id !== order[at - 1]?.run.id);
    const answers = await this.#startSorted(first.map(({ run }) => run));
    const byId = new Map(first.map(({ run, index }, at) => [run.id, { index, answer: answers[at] }]));
    return runs.map((run, index) => {
      const found = byId.get(run.id);
      if (found?.answer === undefined) throw missing(run.id);
      if (found.index === index || found.answer.kind !== 'created') return found.answer;
      return { kind: 'exists', workflow: runs[found.index]?.workflow ?? run.workflow };
    });
  }

  async #startSorted(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    let rows: readonly Row[];
    try {
      const [only] = runs;
      rows = runs.length === 1 && only !== undefined
        ? await this.#sessions.starts.run(this.#start.one, startValues(only))
        : await this.#sessions.starts.run(this.#start.many, startColumns(runs));
    } catch (error) {
      return this.#startApart(runs, error);
    }
    return this.#startAnswers(runs, rows);
  }

  // One id that a stranger's open transaction holds, or one value that is refused, must not fail the others.
  async #startApart(runs: readonly NewRun[], error: unknown): Promise<readonly StartAnswer[]> {
    if (!(error instanceof LockTimeoutError || error instanceof DataRefusedError)) throw error;
    if (runs.length === 1) {
      return [error instanceof LockTimeoutError ? { kind: 'busy' } : { kind: 'refused', why: error.message }];
    }
    const half = Math.ceil(runs.length / 2);
    const [left, right] = await Promise.all([this.#startSorted(runs.slice(0, half)),
      this.#startSorted(runs.slice(half))]);
    return [...left, ...right];
  }

  async #startAnswers(runs: readonly NewRun[], rows: readonly Row[]): Promise<readonly StartAnswer[]> {
    const created = new Map(rows.map((row) => [row[0], row]));
    const others = runs.filter((run) => !created.has(run.id));
    const standing = others.length === 0 ? [] : await this.readRuns(others.map((run) => run.id));
    const workflows = new Map(standing.map((run) => [run.id, run.workflow]));
    return runs.map((run) => {
      const row = created.get(run.id);
      // The first epoch of a run is the instant of its start.
      if (row !== undefined) return { kind: 'created', epoch: Number(row[1]), at: Number(row[1]) };
      const workflow = workflows.get(run.id);
      // Deleted between the two statements: ask again.
      return workflow === undefined ? { kind: 'busy' } : { kind: 'exists', workflow };
    });
  }

  async readRuns(ids: readonly string[]): Promise<readonly RunRecord[]> {
    return (await this.#sessions.reads.run(this.#read.runs, [ids, partsOf(ids)])).map(readRun);
  }

  async wake(ids: readonly string[]): Promise<void> {
    await this.#sessions.reads.run(this.#read.wake, [ids, partsOf(ids)]);
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const suspects = request.suspects ? await this.#claimLanes(request, 'quarantine') : null;
    const taken = suspects?.runs.length ?? 0;
    const rest = { ...request, limit: request.limit - taken };
    const normal = rest.limit > 0 ? await this.#claimLanes(rest, 'normal') : null;
    const next = request.sweep ? await this.#nextDue(request) : null;
    return {
      runs: [...suspects?.runs ?? [], ...normal?.runs ?? []],
      moved: normal?.moved ?? 0,
      at: Math.max(suspects?.at ?? 0, normal?.at ?? 0, next?.at ?? 0),
      nextDueAt: next?.dueAt ?? null,
    };
  }

  async #claimLanes(request: ClaimRequest, kind: 'normal' | 'quarantine'): Promise<ClaimAnswer> {
    const lanes = claimLanes(request, kind, { marks: this.#marks, turn: this.#turn++ });
    const rows = await this.#sessions.claims.run(this.#claim.claim,
      [...lanes.columns, kind === 'quarantine' ? 1 : request.limit, request.claimId, request.leaseMs]);
    return readClaim(rows, lanes.lanes, this.#marks);
  }

  async #nextDue(request: ClaimRequest): Promise<{ dueAt: number | null; at: number } | null> {
    const { lanes } = claimLanes(request, 'normal', { marks: this.#marks, turn: 0 });
    const [row] = await this.#sessions.claims.run(this.#claim.nextDue, [lanes]);
    if (row === undefined) return null;
    return { dueAt: row[0] === null ? null : Number(row[0]), at: Number(row[1]) };
  }

  async recall(request: ClaimRequest): Promise<ClaimAnswer> {
    const lanes = [...claimLanes(request, 'normal', { marks: this.#marks, turn: 0 }).stamped,
      ...claimLanes(request, 'quarantine', { marks: this.#marks, turn: 0 }).lanes];
    const rows = await this.#sessions.claims.run(this.#claim.recall, [lanes, request.claimId]);
    return readClaim(rows, [], this.#marks);
  }

  async readHistories(leases: readonly Lease[]): Promise<readonly History[]> {
    const ids = leases.map((lease) => lease.runId);
    const rows = await this.#sessions.claims.run(this.#claim.history,
      [ids, partsOf(ids), leases.map((lease) => lease.generation)]);
    const histories = new Map(leases.map((lease) =>
      [lease.runId, { entries: [] as RecordedEntry[], calls: [] as RecordedCall[] }]));
    for (const row of rows) {
      const history = histories.get(String(row[0]));
      if (row[1] === 'e') history?.entries.push(readEntry(row));
      else history?.calls.push(readCall(row));
    }
    for (const { entries } of histories.values()) entries.sort((a, b) => a.position - b.position);
    return leases.map((lease) => histories.get(lease.runId) ?? { entries: [], calls: [] });
  }

  async commit(writes: readonly TurnWrite[]): Promise<readonly TurnAnswer[]> {
    // One order of ids everywhere (G4); the answers go back to the order of the caller.
    const order = writes.map((write, index) => ({ write, index }))
      .sort((a, b) => (a.write.lease.runId < b.write.lease.runId ? -1 : 1));
    const sorted = await this.#commitSorted(order.map(({ write }) => write));
    const answers = new Array<TurnAnswer>(writes.length);
    for (const [at, { index }] of order.entries()) answers[index] = sorted[at] ?? { kind: 'busy' };
    return answers;
  }

  async #commitSorted(
    writes: readonly TurnWrite[], statement: Statement = this.#commit.first,
  ): Promise<readonly TurnAnswer[]> {
    let answers: TurnAnswer[];
    try {
      answers = await this.#commitWith(statement, writes);
    } catch (error) {
      // Nobody but the fenced owner writes these keys: one that is there is an earlier sending of the same.
      if (error instanceof DuplicateKeyError) return this.#commitSorted(writes, this.#commit.again);
      // Only a value at fault splits a batch, until it stands alone. The rest is sent again whole by the
      // caller.
      if (!(error instanceof DataRefusedError)) throw error;
      if (writes.length === 1) return [{ kind: 'refused', why: error.message }];
      const half = Math.ceil(writes.length / 2);
      const left = await this.#commitSorted(writes.slice(0, half), statement);
      return [...left, ...await this.#commitSorted(writes.slice(half), statement)];
    }
    // What an earlier sending has done is answered with the time that it was done.
    const early = [...writes.keys()].filter((index) => answers[index]?.kind === 'already-done');
    if (early.length === 0 || statement === this.#commit.again) return answers;
    const dated = await this.#commitWith(this.#commit.again, early.flatMap((index) => writes[index] ?? []));
    for (const [at, index] of early.entries()) answers[index] = dated[at] ?? { kind: 'busy' };
    return answers;
  }

  async #commitWith(statement: Statement, writes: readonly TurnWrite[]): Promise<TurnAnswer[]> {
    const rows = await this.#sessions.commits.run(statement, commitValues(writes));
    const answers = new Array<TurnAnswer>(writes.length);
    for (const row of rows) answers[Number(row[0]) - 1] = readAnswer(row);
    return answers;
  }
}

function missing(runId: string): WorkflowError {
  return new WorkflowError('NO_ANSWER', `The store has no answer for start '${runId}'.`, { runId });
}

function partsOf(ids: readonly string[]): readonly number[] {
  return [...new Set(ids.map(partOf))];
}

function readAnswer(row: Row): TurnAnswer {
  const [, kind, epoch, wake, at] = row;
  if (kind === 'busy' || kind === 'lost') return { kind };
  return {
    kind: kind === 'done' ? 'done' : 'already-done',
    at: Number(at),
    epoch: epoch === null ? null : Number(epoch),
    wake: wake === true,
  };
}

function readRun(row: Row): RunRecord {
  const [id, workflow, generation, codec, output, error, reason, status] = row;
  return {
    id: String(id),
    workflow: String(workflow),
    generation: Number(generation),
    output: codec === null ? nothing : encodedOf(codec, output),
    error: error as string | null,
    reason: reason as string | null,
    status: status as RunStatus,
  };
}

// The CHECK constraints and this package alone write these columns.
function encodedOf(codec: unknown, text: unknown): Encoded {
  return { codec: codec as Encoded['codec'], text: text as string | null };
}

function readEntry(row: Row): RecordedEntry {
  const [, , place, position, kind, name, codec, value, error, attempt, tookMs, at] = row;
  return {
    place: String(place),
    position: Number(position),
    kind: kind as CallKind,
    name: String(name),
    value: encodedOf(codec, value),
    error: error as string | null,
    attempt: Number(attempt),
    tookMs: Number(tookMs),
    at: Number(at),
  };
}

function readCall(row: Row): RecordedCall {
  const [, , place, , kind, name, , , error, attempt, , dueAt] = row;
  return {
    place: String(place),
    kind: kind as CallKind,
    name: String(name),
    attempt: Number(attempt),
    error: error as string | null,
    dueAt: dueAt === null ? Infinity : Number(dueAt),
  };
}
