// The engine's own statements without the engine: no replay, no codec, no committer. Bare pg sends them.
//
//   The statements and the parameters of a batch are the engine's, read from its compiled files, which no
//   door of the package shows: so what is written is what the engine writes.
import type { Lease, NewRun, TurnWrite } from '@perdure/core/engine';
import { partOf, systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import { counting } from '../workloads/workflows.js';

type Statement = import('../../packages/sql/src/postgres/statement.js').Statement;

async function door<T>(file: string): Promise<T> {
  return await import(new URL(`../../../packages/sql/dist/postgres/${file}.js`, import.meta.url).href) as T;
}

type Claims = typeof import('../../packages/sql/src/postgres/claim-statements.js');
type ClaimRows = typeof import('../../packages/sql/src/postgres/claim-rows.js');
type Commits = typeof import('../../packages/sql/src/postgres/commit-statement.js');
type CommitColumnsOf = typeof import('../../packages/sql/src/postgres/commit-columns.js');
type SessionSettings = typeof import('../../packages/sql/src/postgres/session-settings.js');
type Starts = typeof import('../../packages/sql/src/postgres/start-statements.js');
const { claimStatements } = await door<Claims>('claim-statements');
const { claimLanes, LowWaterMarks, readClaim } = await door<ClaimRows>('claim-rows');
const { CommitColumns } = await door<CommitColumnsOf>('commit-columns');
const { CommitStatements } = await door<Commits>('commit-statement');
const { claimSettings, commitSettings } = await door<SessionSettings>('session-settings');
const { startColumns, startStatements, startValues } = await door<Starts>('start-statements');

const schema = '"perdure"';
const startBatch = 1_000;
const leaseMs = 10_000;
/** A claimed run; `n` is of its input. */
export interface Claimed {
  readonly lease: Lease;
  readonly n: number;
}

async function connected(url: string, set: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(set);
  return client;
}

/** Connections, statements, and the runs that were started. */
export class EngineSql {
  readonly #claimer: pg.Client;
  readonly #committers: readonly pg.Client[];
  readonly #claim = claimStatements(schema).claim;
  readonly #commits = new CommitStatements(schema);
  readonly #start = startStatements(schema, 'own').many;
  readonly #startOne = startStatements(schema, 'own').one;
  readonly #marks = new LowWaterMarks();
  readonly #numbers = new Map<string, number>();

  private constructor(claimer: pg.Client, committers: readonly pg.Client[]) {
    this.#claimer = claimer;
    this.#committers = committers;
  }

  /** One connection that claims, two that commit. */
  static async open(url: string): Promise<EngineSql> {
    const committers = [await connected(url, commitSettings), await connected(url, commitSettings)];
    return new EngineSql(await connected(url, claimSettings), committers);
  }

  /** The connections that commit. */
  get committers(): readonly pg.Client[] {
    return this.#committers;
  }

  async #run(client: pg.Client, { name, text }: Statement, values: readonly unknown[]): Promise<unknown[][]> {
    const result = await client.query<unknown[]>({ name, text, values: [...values], rowMode: 'array' });
    return result.rows;
  }

  /** Starts runs in batches, as the client gathers them. */
  async start(count: number, steps: number): Promise<void> {
    for (let first = 0; first < count; first += startBatch) {
      const size = Math.min(startBatch, count - first);
      const batch = Array.from({ length: size }, (_, at) => newRun(first + at, steps));
      for (const [at, { id }] of batch.entries()) this.#numbers.set(id, first + at);
      await this.#run(this.#claimer, this.#start, startColumns(batch));
    }
  }

  /** Starts one run, born leased to this process. */
  async startLeased(n: number): Promise<Claimed> {
    const lease = { claimId: systemEnv.newUuid(), leaseMs, version: null };
    const run: NewRun = { ...newRun(n, 1), lease };
    const [row] = await this.#run(this.#claimer, this.#startOne, startValues(run));
    return { lease: { runId: run.id, part: partOf(run.id), generation: 1, epoch: Number(row?.[1]) }, n };
  }

  /** Claims up to `limit` runs. */
  async claim(limit: number): Promise<Claimed[]> {
    const request = {
      claimId: systemEnv.newUuid(), limit, suspects: false, leaseMs, sweep: false,
      served: [{ queue: 'default', workflow: counting.name, version: null, stamp: null }],
    };
    const { lanes, columns, homes } = claimLanes(request, 'normal', { marks: this.#marks, turn: 0 });
    const found = await this.#run(this.#claimer, this.#claim,
      [...columns, limit, request.claimId, leaseMs, ...homes]);
    const { runs } = readClaim(found, lanes, this.#marks);
    return runs.map(({ lease }) => ({ lease, n: this.#numbers.get(lease.runId) ?? NaN }));
  }

  /** Commits a batch on one of the committers. Throws unless every item is done. */
  async commit(committer: pg.Client, writes: readonly TurnWrite[]): Promise<void> {
    const batch = new CommitColumns(writes);
    const statement = this.#commits.for(batch, 'first');
    const rows = await this.#run(committer, statement, batch.values(statement.columns));
    // One row says when; each of the others, what was not plainly done.
    if (rows.length > 1) throw new Error(`${rows.length - 1} of ${writes.length} writes were not done`);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await Promise.all([this.#claimer, ...this.#committers].map((client) => client.end()));
  }
}

function newRun(n: number, steps: number): NewRun {
  const input = { codec: 'json' as const, text: JSON.stringify({ n, steps }) };
  return { id: systemEnv.newId(), workflow: counting.name, queue: 'default', input };
}
