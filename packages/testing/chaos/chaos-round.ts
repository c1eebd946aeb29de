// One round of chaos: a business in a database of its own, faults for so long, then peace; everything must
// settle, and then everything that was promised is asked of the database.
//
//   R1. Lanes of faults go side by side, one fault after the other in each.
//   R2. After the last fault nothing is broken any more, and everything settles within a bounded time.
//   R3. Whether the promises were kept is asked when everything has settled, past the proxy.
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import type { Finding } from '@perdure/client';
import { connect, createClient } from 'perdure';
import { startPgProxy, type PgProxy } from '../dist/pg-proxy.js';
import type { Knowledge } from './book.js';
import { checkBusiness } from './business-checks.js';
import { createBusinessTables } from './business-tables.js';
import { makeBusiness, type BusinessWorld } from './business.js';
import type { ChaosServer } from './chaos-server.js';
import { Dice } from './dice.js';
import type { FaultKind, Scene } from './faults.js';
import { replayAll } from './replayed.js';
import { Staff } from './staff.js';

/** What happens in a round. */
export interface RoundOptions {
  readonly server: ChaosServer;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** How long faults go on. */
  readonly seconds: number;
  /** Faults end as soon as every kind has hit, or was injected so often in vain. */
  readonly enough?: number | undefined;
  readonly leaseMs: number;
  readonly workers?: number | undefined;
  readonly clients?: number | undefined;
  readonly pauseMs?: number | undefined;
}

/** How often a kind of fault was injected, how often that failed, and how often it hit. */
export interface FaultCount {
  injected: number;
  failed: number;
  hits: number;
}

/** What came of a round. */
export interface RoundReport {
  readonly faults: ReadonlyMap<string, FaultCount>;
  readonly runs: number;
  readonly effects: number;
  readonly payments: number;
  /** Bodies that ran again: the attempt had run before. */
  readonly again: number;
  /** Deeds of clients of whose outcome they were not told. */
  readonly unknown: number;
  readonly settledMs: number;
  readonly violations: readonly string[];
}

type Sums = Pick<RoundReport, 'runs' | 'effects' | 'payments' | 'again'>;

const open: ReadonlySet<Knowledge['known']> = new Set(['asked', 'unknown']);
const settleLimitMs = 90_000;
const lateMailMs = 10_000;
const pauseMs = { least: 20, most: 300 };
const lanes = ['process', 'network', 'database'] as const;

/** Runs it, and says what was not as promised. */
export async function chaosRound(options: RoundOptions): Promise<RoundReport> {
  const round = new Round(options);
  try {
    return await round.run();
  } finally {
    await round.end();
  }
}

/** A round under way; figures are taken in one as well. */
export class Round {
  readonly scene: Scene;
  readonly #options: RoundOptions;
  readonly #database: string;
  readonly #counts = new Map<string, FaultCount>();
  #proxy: PgProxy | undefined;
  #staff: Staff | undefined;

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#database = `chaos_${options.seed}`;
    const { server, leaseMs, seed } = options;
    const staff = (): Staff => opened(this.#staff);
    const proxy = (): PgProxy => opened(this.#proxy);
    this.scene = {
      get staff() {
        return staff();
      },
      get proxy() {
        return proxy();
      },
      dice: new Dice(seed), server, leaseMs, database: this.#database,
      direct: (body) => this.#direct(body),
      start: (workflow) => this.#start(workflow),
    };
  }

  async run(): Promise<RoundReport> {
    await this.open();
    const until = systemEnv.monotonic() + this.#options.seconds * 1_000;
    await Promise.all(lanes.map((lane) => this.#lane(lane, until)));
    // What stood all the time is asked for its hits.
    for (const kind of this.#options.kinds) if (kind.standing !== undefined) await this.#inject(kind);
    return this.close();
  }

  /** Opens the business: from now on it sells. */
  async open(): Promise<void> {
    const { server, kinds, seed, leaseMs, workers = 3, clients = 2, pauseMs: rest = 60 } = this.#options;
    await this.#onServer(`drop database if exists ${this.#database} with (force)`);
    await this.#onServer(`create database ${this.#database}`);
    await (await connect(this.#url)).close();
    await this.#direct(createBusinessTables);
    const { hostname: host, port } = new URL(server.url);
    this.#proxy = await startPgProxy({ target: { host, port: Number(port) } });
    this.#staff = new Staff({
      url: this.#proxy.url(this.#url), worldUrl: this.#past, dice: new Dice(seed ^ 0x5eed), leaseMs, workers,
      clients, pauseMs: rest,
      skewed: kinds.some(({ standing }) => standing === 'skewed'),
      starved: kinds.some(({ standing }) => standing === 'starved'),
      memory: kinds.some(({ shortOfMemory }) => shortOfMemory === true) ? 72 : undefined,
    });
    await this.#staff.open();
  }

  /** Heals, waits until everything has settled, and asks whether the promises were kept. */
  async close(): Promise<RoundReport> {
    const { staff } = this.scene;
    await this.#heal();
    await staff.closeShop();
    const began = systemEnv.monotonic();
    const late = await this.#settled();
    const settledMs = systemEnv.monotonic() - began;
    const found = late.length === 0 ? [...await this.#findings(), ...await this.#replayed()] : [];
    await staff.dismiss();
    return this.#direct(async (db) => {
      const wrong = late.length === 0 ? await checkBusiness(db, staff.book) : [];
      const { rows: [counts] } = await db.query<Sums>(`
        select (select count(*) from perdure.runs)::integer as runs, count(*)::integer as effects,
               (select count(*) from payments)::integer as payments,
               (count(*) - count(distinct (run, key, attempt)))::integer as again from effects`);
      const unknown = [...staff.book.knowledge.values()].filter(({ known }) => open.has(known));
      return {
        runs: 0, effects: 0, payments: 0, again: 0, ...counts, faults: this.#counts, unknown: unknown.length,
        settledMs, violations: [...late, ...staff.broken, ...staff.book.strange, ...found, ...wrong],
      };
    });
  }

  async #lane(name: FaultKind['lane'], until: number): Promise<void> {
    const { dice } = this.scene;
    let kinds = this.#options.kinds.filter(({ lane, standing }) => lane === name && standing === undefined);
    // Each has its turn before any has a second one.
    const due = [...kinds];
    while (systemEnv.monotonic() < until && !this.#enough(kinds)) {
      await systemEnv.sleep(dice.between(pauseMs.least, pauseMs.most));
      const kind = due.shift() ?? dice.pick(this.#lacking(kinds));
      if (kind === undefined) return;
      await this.#inject(kind);
      if (kind.once === true) kinds = kinds.filter((each) => each !== kind);
    }
  }

  /** Those that have not hit, where that is what the round waits for. */
  #lacking(kinds: readonly FaultKind[]): readonly FaultKind[] {
    if (this.#options.enough === undefined) return kinds;
    return kinds.filter(({ name }) => (this.#counts.get(name)?.hits ?? 0) === 0);
  }

  #enough(kinds: readonly FaultKind[]): boolean {
    const { enough } = this.#options;
    return enough !== undefined && kinds.every(({ name }) => {
      const { hits, injected } = this.#counts.get(name) ?? { hits: 0, injected: 0 };
      return hits > 0 || injected >= enough;
    });
  }

  async #inject(kind: FaultKind): Promise<void> {
    const count = this.#counts.get(kind.name) ?? { injected: 0, failed: 0, hits: 0 };
    this.#counts.set(kind.name, count);
    count.injected++;
    try {
      count.hits += await kind.inject(this.scene);
    } catch (error) {
      // Another fault was in its way.
      if (!isOutage(error)) throw error;
      count.failed++;
    }
  }

  async #heal(): Promise<void> {
    const { proxy, staff } = this.scene;
    staff.thawAll();
    proxy.forget();
    proxy.drip(null);
    proxy.blackhole(false);
    await proxy.refuse(false);
    await this.#onServer(`alter database ${this.#database} reset all`);
    await staff.manned();
  }

  async #settled(): Promise<string[]> {
    const until = systemEnv.monotonic() + settleLimitMs;
    for (;;) {
      const live = await this.#direct(async (db) => (
        await db.query<{ id: string }>("select id from perdure.runs where status = 'live' limit 4")).rows);
      if (live.length === 0) return [];
      if (systemEnv.monotonic() > until) return this.#explain(live.map(({ id }) => id));
      await systemEnv.sleep(50);
    }
  }

  async #explain(ids: readonly string[]): Promise<string[]> {
    await using connection = await connect(this.#url);
    const client = createClient({ connection });
    return await Promise.all(ids.map(async (id) =>
      `never settled: ${await client.get<unknown>({ id, workflow: '' } as never).explain()}`));
  }

  /** What `client.check()` finds, and what its store finds that is stricter about mail. */
  async #findings(): Promise<string[]> {
    await using connection = await connect(this.#url);
    const client = createClient({ connection });
    const until = systemEnv.monotonic() + lateMailMs;
    for (;;) {
      const found: string[] = [];
      for await (const finding of client.check()) found.push(told(finding));
      const strict = await connection.store.check({ after: null, lateMs: 0, limit: 20 });
      found.push(...strict.broken.map(told));
      if (found.length === 0 || systemEnv.monotonic() > until) return found;
      await systemEnv.sleep(250);
    }
  }

  async #replayed(): Promise<string[]> {
    const settled = await this.#direct(async (db) => (await db.query<{ id: string }>(
      "select id from perdure.runs where status in ('completed', 'failed', 'cancelled')")).rows);
    await using connection = await connect(this.#url);
    return await replayAll(connection, settled.map(({ id }) => id));
  }

  async #start(name: 'block' | 'leak'): Promise<string> {
    const { dice } = this.scene;
    await using connection = await connect(this.#url, { migrate: false });
    const id = `solo-${name}-${Math.floor(dice.next() * 2 ** 32)}`;
    const business = makeBusiness({} as BusinessWorld);
    await createClient({ connection }).start(business[name], { n: 1, failures: 0 }, { id });
    return id;
  }

  /** The database past the proxy and past every setting that a fault makes. */
  get #past(): string {
    const settings = ['statement_timeout=0', 'lock_timeout=0', 'idle_in_transaction_session_timeout=0',
      'default_transaction_isolation=read\\ committed'].map((pair) => `-c ${pair}`);
    return `${this.#url}?options=${encodeURIComponent(settings.join(' '))}`;
  }

  get #url(): string {
    const url = new URL(this.#options.server.url);
    url.pathname = `/${this.#database}`;
    return url.href;
  }

  #direct<T>(body: (db: pg.Client) => Promise<T>): Promise<T> {
    return withClient(`${this.#past}&application_name=chaos`, body);
  }

  async #onServer(text: string): Promise<void> {
    await withClient(this.#options.server.url, (db) => db.query(text));
  }

  /** Ends what is left, and drops the database. */
  async end(): Promise<void> {
    await this.#staff?.end();
    await this.#proxy?.close();
    await this.#onServer(`drop database if exists ${this.#database} with (force)`);
  }
}

function told({ invariant, runId, what }: Omit<Finding, 'since'>): string {
  return `check ${invariant}: ${runId} ${what}`;
}

function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('The round has not been opened.');
  return part;
}

async function withClient<T>(connectionString: string, body: (db: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await body(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether an error says that the database was away or in the way, and not that the chaos is wrong. */
function isOutage(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return /^(53|55|57|08|DATABASE_UNAVAILABLE|ECONN|EPIPE)/.test(code) ||
    /terminat|timeout|ended|refused/i.test(message);
}
