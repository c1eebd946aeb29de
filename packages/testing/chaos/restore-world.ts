// A business at work while its database is failed over, restored, or out of room: orders come in with their
// runs in one transaction, worker processes do them, and in the end everything is compared.
//
//   B1. What the business knows is kept here, outside of the database: which orders were acknowledged, and
//       which step bodies ran.
//   B2. Nobody helps: no row is mended, no worker started anew, no verb called.
import { createClient, type Client } from '@perdure/client';
import type { Connection } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import pg from 'pg';
import { orderFlow, orderRules, orderTables } from './restore-orders.js';
import { StaffMember } from './restore-staff.js';

/** How a world is made. */
export interface WorldOptions {
  /** The way that everybody goes: a switch, or a pooler. */
  readonly url: string;
  /** The server itself: for tables, and for what is asked in the end. */
  readonly direct: () => string;
  readonly workers: number;
  /** Whether `url` is that of a transaction pooler. */
  readonly pooler?: boolean | undefined;
  /** Default 3,000. */
  readonly leaseMs?: number | undefined;
}

/** What came of it. */
export interface WorldReport {
  readonly orders: number;
  /** Orders whose COMMIT was answered, and that are not there any more. */
  readonly lost: number;
  /** Runs that workers gave back when they found their database restored. */
  readonly givenBack: number;
  /** Step bodies beyond one for each step. */
  readonly again: number;
  /** From a database that answers to the first of its waiting runs that went on, each time, in ms. */
  readonly recoveredMs: readonly number[];
  readonly violations: readonly string[];
}

const pauseMs = 12;
// A restore takes back answers of runs whose claim it leaves only if they are longer than what it takes back.
const links = { few: 4, many: 30 };
const settleLimitMs = 90_000;
const patienceMs = 3_000;

/** The business. */
export class RestoreWorld {
  readonly staff: StaffMember[] = [];
  readonly #options: WorldOptions;
  readonly #flow = orderFlow(() => undefined);
  readonly #bodies = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #recoveredMs: number[] = [];
  readonly #pool: pg.Pool;
  #connection: Connection | null = null;
  #client: Client | null = null;
  #open = false;
  #selling: Promise<void> = Promise.resolve();
  #count = 0;
  /** Disturbances: each may make a step be done again. */
  #hits = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({ connectionString: options.url, max: 4, connectionTimeoutMillis: 2_000 });
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => void client.on('error', () => undefined));
  }

  /** Makes tables, hires workers, and begins to sell. */
  async begin(): Promise<void> {
    const { url, pooler = false, workers, leaseMs = 3_000 } = this.#options;
    await this.#ask(orderTables);
    this.#connection = await connect(url, { transactionPooler: pooler });
    this.#client = createClient({ connection: this.#connection });
    const args = [url, String(leaseMs), pooler ? 'pooler' : 'direct'];
    const did = (id: string, step: string): void => {
      const key = `${id} ${step}`;
      this.#bodies.set(key, (this.#bodies.get(key) ?? 0) + 1);
    };
    for (let n = 0; n < workers; n++) this.staff.push(new StaffMember(args, did));
    await Promise.all(this.staff.map((member) => member.ready()));
    this.#open = true;
    this.#selling = this.#sell();
  }

  /** How many orders were acknowledged until now. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Waits until so many more orders were acknowledged. */
  async sold(more: number): Promise<void> {
    const until = this.acknowledged + more;
    await this.#until(() => this.acknowledged >= until, `${more} orders`);
  }

  async #sell(): Promise<void> {
    while (this.#open) {
      const id = `order-${++this.#count}`;
      // Whether it is there is not known then, and nobody asks: who was not told may order again.
      await this.#order(id).then(() => this.#acknowledged.add(id), () => systemEnv.sleep(50));
      await systemEnv.sleep(pauseMs);
    }
  }

  async #order(id: string): Promise<void> {
    const client = await this.#pool.connect();
    let held = true;
    const release = (bad: boolean): void => {
      if (held) client.release(bad);
      held = false;
    };
    // A server that does not answer is left: what waits on that connection fails then.
    const late = systemEnv.after(patienceMs, () => release(true));
    try {
      await client.query('begin');
      const note = Array.from({ length: 50 }, () => systemEnv.newToken()).join(' ');
      await client.query('insert into orders (id, note) values ($1, $2)', [id, note]);
      const length = this.#count % 3 === 0 ? links.many : links.few;
      await this.#client?.start(client as never, this.#flow, { id, links: length }, { id });
      await client.query('commit');
      release(false);
    } finally {
      late.cancel();
      release(true);
    }
  }

  /** The database answers again, as another one or the same: measures how long the business takes. */
  async recovered(): Promise<void> {
    this.#hits++;
    const began = systemEnv.monotonic();
    const [row] = await this.#ask<{ n: number }>(settledCount);
    await this.#until(async () => {
      const [now] = await this.#ask<{ n: number }>(settledCount);
      return Number(now?.n) > Number(row?.n);
    }, 'a run that settles after the disturbance');
    this.#recoveredMs.push(Math.round(systemEnv.monotonic() - began));
  }

  /** Closes the shop, waits until everything has settled, and compares. */
  async end(): Promise<WorldReport> {
    this.#open = false;
    await this.#selling;
    const violations = [...await this.#settled(), ...await this.#compare()];
    violations.push(...(await Promise.all(this.staff.map((member) => member.dismiss()))).flat());
    const lost = await this.#lost();
    let again = 0;
    for (const times of this.#bodies.values()) again += times - 1;
    return {
      orders: this.acknowledged, lost, again, violations, recoveredMs: this.#recoveredMs,
      givenBack: this.staff.reduce((sum, member) => sum + member.givenBack, 0),
    };
  }

  async #settled(): Promise<string[]> {
    const until = systemEnv.monotonic() + settleLimitMs;
    for (;;) {
      const rows = await this.#ask<{ id: string }>("select id from perdure.runs where status = 'live'");
      if (rows.length === 0) return [];
      if (systemEnv.monotonic() > until) return [`${rows.length} runs never settled, such as ${rows[0]?.id}`];
      await systemEnv.sleep(50);
    }
  }

  async #compare(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [what, text] of Object.entries(orderRules)) {
      const rows = await this.#ask(text);
      wrong.push(...rows.slice(0, 3).map((row) => `${what}: ${JSON.stringify(row)}`));
      if (rows.length > 3) wrong.push(`${what}: ${rows.length - 3} more`);
    }
    for await (const finding of this.#client?.check() ?? []) wrong.push(`check: ${JSON.stringify(finding)}`);
    for (const [step, times] of this.#bodies) {
      if (times > 1 + 2 * this.#hits) wrong.push(`'${step}' was done ${times} times`);
    }
    return wrong;
  }

  async #lost(): Promise<number> {
    const rows = await this.#ask<{ id: string }>('select id from orders');
    const there = new Set(rows.map(({ id }) => id));
    return [...this.#acknowledged].filter((id) => !there.has(id)).length;
  }

  async #ask<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string): Promise<Row[]> {
    const connectionString = this.#options.direct();
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    return client.query<Row>(text).then(({ rows }) => rows).finally(() => client.end());
  }

  async #until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const until = systemEnv.monotonic() + settleLimitMs;
    while (!await fact()) {
      if (systemEnv.monotonic() > until) throw new Error(`There was never ${what}.`);
      await systemEnv.sleep(10);
    }
  }

  /** Ends whatever is left. */
  async close(): Promise<void> {
    this.#open = false;
    for (const member of this.staff) member.kill();
    await this.#selling;
    await this.#connection?.close();
    await this.#pool.end();
  }
}

const settledCount = 'select count(*)::integer as n from perdure.runs where settled_at is not null';
