// The Store port on PostgreSQL: parameters out, rows in. Every statement is constant text; the rules live
// beside it.
import { WorkflowError } from '@perdure/core';
import type {
  ClaimAnswer, ClaimRequest, History, Lease, NewRun, RunRecord, StartAnswer, Store, TurnAnswer, TurnWrite,
} from '@perdure/core/engine';
import { claimLanes, LowWaterMarks, readClaim } from './claim-rows.js';
import { claimStatements, type ClaimStatements } from './claim-statements.js';
import { CommitColumns } from './commit-columns.js';
import { CommitStatements, type Sending } from './commit-statement.js';
import { readRun } from './detail-rows.js';
import { readHistories } from './history-rows.js';
import { laneUnder, readKind } from './operation-statements.js';
import { partsOf } from './postgres-details.js';
import { PostgresOperations } from './postgres-operations.js';
import { readStatements, type ReadStatements } from './read-statements.js';
import type { Row, StatementRunner } from './session.js';
import { DataRefusedError, DuplicateKeyError, LockTimeoutError } from './sql-error.js';
import { startCall, startStatements, type StartStatements } from './start-statements.js';

/** The connections of a store, by what may wait for what: a deep backlog never delays a step's commit. */
export interface StoreSessions {
  readonly starts: StatementRunner;
  readonly reads: StatementRunner;
  readonly claims: StatementRunner;
  readonly commits: StatementRunner;
}

/** Runs in PostgreSQL. */
export class PostgresStore extends PostgresOperations implements Store {
  readonly #sessions: StoreSessions;
  readonly #start: StartStatements;
  readonly #claim: ClaimStatements;
  readonly #commit: CommitStatements;
  readonly #read: ReadStatements;
  readonly #marks = new LowWaterMarks();
  #turn = 0;

  /** `schema` is the quoted name. */
  constructor(sessions: StoreSessions, schema: string) {
    super(sessions, schema);
    this.#sessions = sessions;
    this.#start = startStatements(schema, 'own');
    this.#claim = claimStatements(schema);
    this.#commit = new CommitStatements(schema);
    this.#read = readStatements(schema);
  }

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    // One order of ids everywhere, so that two batches never wait for each other crosswise.
    const order = runs.map((run, index) => ({ run, index })).sort((a, b) => (a.run.id < b.run.id ? -1 : 1));
    const first = order.filter(({ run }, at) => run.id !== order[at - 1]?.run.id);
    const answers = await this.#startSorted(first.map(({ run }) => run));
    const byId = new Map(first.map(({ run, index }, at) => [run.id, { index, answer: answers[at] }]));
    const given: StartAnswer[] = runs.map((run, index) => {
      const found = byId.get(run.id);
      if (found?.answer === undefined) throw missing(run.id);
      if (found.index === index || found.answer.kind !== 'created') return found.answer;
      return { kind: 'exists', workflow: runs[found.index]?.workflow ?? run.workflow };
    });
    // What holds for the first of an id may not hold for another: that one is asked by itself (P4).
    const own = [...runs.entries()].filter(([index, run]) => (
      byId.get(run.id)?.index !== index && isOfFirstAlone(given[index], run)));
    const asked = own.length === 0 ? [] : await this.startRuns(own.map(([, run]) => run));
    for (const [at, [index]] of own.entries()) given[index] = asked[at] ?? { kind: 'busy' };
    return given;
  }

  async #startSorted(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    let rows: readonly Row[];
    try {
      const { statement, values } = startCall(this.#start, runs);
      rows = await this.#sessions.starts.run(statement, values);
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
      [...lanes.columns, kind === 'quarantine' ? 1 : request.limit, request.claimId, request.leaseMs,
        ...lanes.homes]);
    return readClaim(rows, lanes.lanes, this.#marks);
  }

  async #nextDue(request: ClaimRequest): Promise<{ dueAt: number | null; at: number } | null> {
    const kinds = request.suspects ? ['normal', 'quarantine'] as const : ['normal'] as const;
    const lanes = kinds.flatMap((kind) => claimLanes(request, kind, { marks: this.#marks, turn: 0 }).lanes);
    const [row] = await this.#sessions.claims.run(this.#claim.nextDue, [lanes]);
    if (row === undefined) return null;
    return { dueAt: row[0] === null ? null : Number(row[0]), at: Number(row[1]) };
  }

  async recall(request: ClaimRequest): Promise<ClaimAnswer> {
    const kinds = ['normal', 'quarantine'] as const;
    const lanes = kinds.flatMap((kind) => claimLanes(request, kind, { marks: this.#marks, turn: 0 }).stamped);
    const rows = await this.#sessions.claims.run(this.#claim.recall, [lanes, request.claimId]);
    return readClaim(rows, [], this.#marks);
  }

  async readHistories(leases: readonly Lease[]): Promise<readonly History[]> {
    const ids = leases.map((lease) => lease.runId);
    const rows = await this.#sessions.claims.run(this.#claim.history,
      [ids, partsOf(ids), leases.map((lease) => lease.generation)]);
    return readHistories(rows, leases);
  }

  async commit(writes: readonly TurnWrite[]): Promise<readonly TurnAnswer[]> {
    if (writes.length === 0) return [];
    // One order of ids everywhere (G4); the answers go back to the order of the caller.
    const order = writes.map((write, index) => ({ write, index }))
      .sort((a, b) => (a.write.lease.runId < b.write.lease.runId ? -1 : 1));
    const sorted = await this.#commitSorted(order.map(({ write }) => write));
    const answers = new Array<TurnAnswer>(writes.length);
    for (const [at, { index }] of order.entries()) answers[index] = sorted[at] ?? { kind: 'busy' };
    return answers;
  }

  async #commitSorted(
    writes: readonly TurnWrite[], sending: Sending = 'first',
  ): Promise<readonly TurnAnswer[]> {
    let answers: (TurnAnswer | null)[];
    try {
      answers = await this.#send(writes, sending);
    } catch (error) {
      // Nobody but the fenced owner writes these keys: one that is there is an earlier sending of the same.
      if (error instanceof DuplicateKeyError) return this.#commitSorted(writes, 'again');
      // Only a value at fault splits a batch, until it stands alone. The rest is sent again whole by the
      // caller.
      if (!(error instanceof DataRefusedError)) throw error;
      if (writes.length === 1) return [{ kind: 'refused', why: error.message }];
      const half = Math.ceil(writes.length / 2);
      const left = await this.#commitSorted(writes.slice(0, half), sending);
      return [...left, ...await this.#commitSorted(writes.slice(half), sending)];
    }
    // What was locked by a stranger, or not there, is found out about; and when an earlier sending did it.
    const open = [...writes.keys()].filter((index) => answers[index] === null);
    if (open.length === 0) return answers as TurnAnswer[];
    const dated = await this.#send(open.flatMap((index) => writes[index] ?? []), 'again');
    for (const [at, index] of open.entries()) answers[index] = dated[at] ?? { kind: 'busy' };
    return answers.map((answer) => answer ?? { kind: 'busy' });
  }

  // Queue, workflow and priority of a run stay as they are for as long as its lease does.
  async #nextLanes(writes: readonly TurnWrite[]): Promise<ReadonlyMap<string, number> | undefined> {
    const ids = writes.filter(({ end }) => end?.kind === 'continue').map(({ lease }) => lease.runId);
    if (ids.length === 0) return undefined;
    const rows = await this.#sessions.commits.run(this.#read.kinds, [ids, partsOf(ids)]);
    return new Map(rows.map(readKind).map((kind) => [kind.id, laneUnder(kind, null)]));
  }

  async #send(writes: readonly TurnWrite[], sending: Sending): Promise<(TurnAnswer | null)[]> {
    const batch = new CommitColumns(writes, await this.#nextLanes(writes));
    const statement = this.#commit.for(batch, sending);
    const rows = await this.#sessions.commits.run(statement, batch.values(statement.columns));
    return sending === 'first' ? readFirst(rows, writes.length) : readAgain(rows, writes.length);
  }
}

/** Whether the answer to the first start of an id says nothing of this other one. */
function isOfFirstAlone(answer: StartAnswer | undefined, { restart }: NewRun): boolean {
  return answer?.kind === 'refused' || (answer?.kind === 'exists' && restart === true);
}

function missing(runId: string): WorkflowError {
  return new WorkflowError('NO_ANSWER', `The store has no answer for start '${runId}'.`, { runId });
}

/** Answers to a first sending; null where only another one can tell. What has no row of its own is done. */
function readFirst(rows: readonly Row[], count: number): (TurnAnswer | null)[] {
  const at = Number(rows[0]?.[0]);
  const done: TurnAnswer = { kind: 'done', at, epoch: null, wake: false };
  const answers = new Array<TurnAnswer | null>(count).fill(done);
  for (const [, ord, locked, mine, wake, rested, epoch] of rows) {
    if (ord === null) continue;
    answers[Number(ord) - 1] = mine === true
      ? { kind: 'done', at, epoch: epoch === null ? null : Number(epoch), wake: wake === true }
      : locked === true && rested !== true ? { kind: 'lost' } : null;
  }
  return answers;
}

function readAgain(rows: readonly Row[], count: number): TurnAnswer[] {
  const answers = new Array<TurnAnswer>(count).fill({ kind: 'busy' });
  for (const [ord, kind, epoch, wake, at] of rows) {
    answers[Number(ord) - 1] = kind === 'busy' || kind === 'lost' ? { kind } : {
      kind: kind === 'done' ? 'done' : 'already-done',
      at: Number(at),
      epoch: epoch === null ? null : Number(epoch),
      wake: wake === true,
    };
  }
  return answers;
}
