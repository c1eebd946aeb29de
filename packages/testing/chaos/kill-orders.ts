// Orders through the order service, over HTTP, while its worker processes are killed with SIGKILL at random
// instants.
//
//   K1. A worker that was killed is replaced at once, so that there is always somebody to take over.
//   K2. Orders come in for as long as there are kills, so that every kill can hit.
//   K3. Whether the promises were kept is asked of the database when everything has settled.
import { systemEnv } from '@perdure/core/engine';
import pg from 'pg';
import { Dice } from './dice.js';
import { checkOrders } from './order-checks.js';
import { OrderProcess } from './order-process.js';

/** How much chaos. */
export interface KillOptions {
  /** An empty database. */
  readonly url: string;
  readonly orders: number;
  readonly kills: number;
  readonly seed: number;
  /** Worker processes that are alive at the same time. Default 3. */
  readonly workers?: number | undefined;
  /** Hears how it goes. */
  say?(line: string): void;
}

/** What came of it. */
export interface KillReport {
  readonly kills: number;
  /** Kills of a process that held a run. */
  readonly killsThatHit: number;
  /** Runs that lost their process at least once. */
  readonly runsHit: number;
  /** Step bodies that began. */
  readonly bodies: number;
  readonly violations: readonly string[];
}

const defaultWorkers = 3;
const leaseMs = 600;
const stepMs = 150;
const pauseMs = { least: 0, most: 400 };
const settleLimitMs = 180_000;

/** Runs it, and says what was not as promised. */
export async function killOrders(options: KillOptions): Promise<KillReport> {
  const chaos = new Chaos(options);
  try {
    return await chaos.run();
  } finally {
    await chaos.end();
  }
}

class Chaos {
  readonly #options: KillOptions;
  readonly #dice: Dice;
  readonly #service: OrderProcess;
  /** Those that are ready. */
  readonly #workers = new Set<OrderProcess>();
  /** Those, and the ones that are starting up. */
  readonly #hired = new Set<OrderProcess>();
  readonly #hits = new Map<string, number>();
  readonly #killed = new Set<number>();
  /** Processes that ended although nobody asked them to. */
  readonly #broken: string[] = [];
  readonly #db: pg.Client;
  #ordered = 0;
  #hitting = 0;

  constructor(options: KillOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
    this.#service = new OrderProcess('serve', { DATABASE_URL: options.url });
    this.#db = new pg.Client({ connectionString: options.url });
  }

  async run(): Promise<KillReport> {
    const { orders, kills, workers = defaultWorkers, say } = this.#options;
    await this.#db.connect();
    const url = await this.#service.ready;
    for (let at = 0; at < workers; at++) this.#hire();
    const asked: Promise<void>[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      const due = Math.ceil((orders * kill) / kills);
      while (this.#ordered < due) asked.push(this.#order(url));
      await this.#manned();
      await systemEnv.sleep(this.#dice.between(pauseMs.least, pauseMs.most));
      await this.#killOne();
      if (kill % 10 === 0) say?.(`${kill} kills, ${this.#hitting} of them hit; ${this.#ordered} orders`);
    }
    await Promise.all(asked);
    const late = await this.#settled();
    const { rows: [count] } = await this.#db.query<{ n: number }>(
      'select count(*)::integer as n from effects');
    const expected = { orders, hits: this.#hits, killed: this.#killed };
    const violations = [...late, ...this.#broken, ...await this.#dismiss(), ...await checkOrders(this.#db,
      expected)];
    return {
      kills: this.#killed.size, killsThatHit: this.#hitting, runsHit: this.#hits.size,
        bodies: count?.n ?? 0, violations,
    };
  }

  #hire(): void {
    const { url } = this.#options;
    const settings = { DATABASE_URL: url, LEASE_MS: String(leaseMs), STEP_MS: String(stepMs) };
    const worker = new OrderProcess('worker', settings);
    this.#hired.add(worker);
    // Nobody is killed before it is ready, so who ends before that ended by itself.
    worker.ready.then(() => this.#workers.add(worker), (error: unknown) => {
      this.#broken.push(String(error));
    });
    void worker.gone.then(() => {
      this.#hired.delete(worker);
      if (this.#workers.delete(worker)) this.#broken.push(`worker ${worker.pid} ended by itself`);
    });
  }

  async #order(url: string): Promise<void> {
    const order = { item: `item ${++this.#ordered}`, price: Math.round(this.#dice.between(1, 999)) };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body: JSON.stringify(order) });
    if (answer.status !== 202) throw new Error(
      `The order service said ${answer.status}: ${await answer.text()}`);
  }

  // A process takes longer to start than to die: without this, kills would find nobody at work.
  async #manned(): Promise<void> {
    const least = Math.max(1, (this.#options.workers ?? defaultWorkers) - 1);
    const until = systemEnv.monotonic() + settleLimitMs;
    while (this.#workers.size < least) {
      if (this.#broken.length > 0 || systemEnv.monotonic() > until) {
        throw new Error(`No worker process became ready. ${this.#broken.join('; ')}`);
      }
      await systemEnv.sleep(5);
    }
  }

  async #killOne(): Promise<void> {
    const victim = this.#dice.pick([...this.#workers]);
    if (victim === undefined) return;
    this.#workers.delete(victim);
    this.#hire();
    const held = await victim.kill();
    this.#killed.add(victim.pid);
    if (held.size > 0) this.#hitting++;
    for (const run of held) this.#hits.set(run, (this.#hits.get(run) ?? 0) + 1);
  }

  async #settled(): Promise<string[]> {
    const until = systemEnv.monotonic() + settleLimitMs;
    for (;;) {
      const { rows } = await this.#db.query("select id from perdure.runs where status = 'live'");
      if (rows.length === 0) return [];
      if (systemEnv.monotonic() > until) return [
        `${rows.length} runs had not settled after ${settleLimitMs} ms`];
      await systemEnv.sleep(20);
    }
  }

  async #dismiss(): Promise<string[]> {
    const staff = [...this.#workers];
    this.#workers.clear();
    const codes = await Promise.all(staff.map((worker) => worker.stop()));
    return codes.filter((code) => code !== 0).map((code) =>
      `a worker that was asked to stop ended with ${code}`);
  }

  async end(): Promise<void> {
    this.#workers.clear();
    await Promise.all([this.#service, ...this.#hired].map((each) => each.kill()));
    await this.#db.end();
  }
}
