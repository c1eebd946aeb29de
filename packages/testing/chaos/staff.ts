// The processes of one business: so many workers and clients, each replaced when it is gone.
//
//   H1. Whoever ended although nobody ended it is told of, with what it said last, unless it ran out of
//       memory where memory is short.
import { Book } from './book.js';
import { ChaosProcess } from './chaos-process.js';
import type { Dice } from './dice.js';

/** How the business is staffed. */
export interface StaffOptions {
  /** The database through the proxy. */
  readonly url: string;
  /** The same past the proxy, with options. */
  readonly worldUrl: string;
  readonly dice: Dice;
  readonly workers: number;
  readonly clients: number;
  readonly leaseMs: number;
  /** How long a hand of a client rests between two deeds, on average. */
  readonly pauseMs: number;
  /** Clocks of workers and clients are wrong. */
  readonly skewed: boolean;
  /** Workers have one connection for transactional steps. */
  readonly starved: boolean;
  /** Workers have little memory, in megabytes. */
  readonly memory?: number | undefined;
}

const longestLine = 700;
const longestStopMs = 30_000;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, longestLine);
const outOfMemory = /heap out of memory|heap limit/;

/** The processes of one business. */
export class Staff {
  readonly book: Book = new Book();
  /** What ended by itself, and processes that would not end in order. */
  readonly broken: string[] = [];
  readonly #options: StaffOptions;
  readonly #workers = new Set<ChaosProcess>();
  readonly #clients = new Set<ChaosProcess>();
  #open = true;
  #selling = true;
  #hired = 0;
  /** Workers that died for want of memory. */
  starvedToDeath = 0;

  constructor(options: StaffOptions) {
    this.#options = options;
  }

  /** Resolves when everybody is ready. */
  async open(): Promise<void> {
    for (let at = 0; at < this.#options.workers; at++) this.#hire('business-worker');
    for (let at = 0; at < this.#options.clients; at++) this.#hire('business-client');
    await this.manned();
  }

  async manned(): Promise<void> {
    await Promise.all([...this.#workers, ...this.#clients].map((each) => each.ready));
  }

  /** Workers that are at work, and that nobody has his hands on. */
  get workers(): readonly ChaosProcess[] {
    return [...this.#workers].filter(({ atWork, doomed, frozen }) => atWork && !doomed && !frozen);
  }

  get clients(): readonly ChaosProcess[] {
    return [...this.#clients].filter(({ atWork, doomed }) => atWork && !doomed);
  }

  #hire(program: ChaosProcess['program']): void {
    const { url, worldUrl, dice, leaseMs, pauseMs, skewed, starved, memory } = this.#options;
    const isWorker = program === 'business-worker';
    const number = ++this.#hired;
    const settings: Record<string, string> = {
      DATABASE_URL: `${url}?application_name=${isWorker ? 'worker' : 'client'}-${number}`,
      WORLD_URL: `${worldUrl}&application_name=world`,
      LEASE_MS: String(leaseMs), PAUSE_MS: String(pauseMs), CLIENT: `c${number}`,
      SEED: String(Math.floor(dice.next() * 2 ** 32)), POOL: starved ? '1' : '5',
    };
    if (skewed) settings['SKEW_SEED'] = String(Math.floor(dice.next() * 2 ** 32));
    const hired = new ChaosProcess({
      program, settings, memory: isWorker ? memory : undefined,
      hear: (said, from) => this.book.hear(said, from),
    });
    const those = isWorker ? this.#workers : this.#clients;
    those.add(hired);
    void hired.gone.then(() => {
      those.delete(hired);
      this.#left(hired);
    });
  }

  #left(process: ChaosProcess): void {
    const isWorker = process.program === 'business-worker';
    if (process.end !== 0) this.book.dead.add(process.pid);
    if (!process.doomed) {
      const { memory } = this.#options;
      if (isWorker && memory !== undefined && outOfMemory.test(process.lines)) this.starvedToDeath++;
      else this.broken.push(`${process.program} ${process.pid} ended by itself with ${process.end}: ` +
        oneLine(process.lines));
    }
    if (this.#open && (isWorker || this.#selling)) this.#hire(process.program);
  }

  /** Nothing new is sold; resolves when all clients have gone. */
  async closeShop(): Promise<void> {
    this.#selling = false;
    await Promise.all([...this.#clients].map((client) => client.stop(longestStopMs)));
  }

  thawAll(): void {
    for (const worker of this.#workers) worker.thaw();
  }

  /** Workers go in order; what did not is told of. */
  async dismiss(): Promise<void> {
    this.#open = false;
    await Promise.all([...this.#workers].map(async (worker) => {
      await worker.ready;
      await worker.stop(longestStopMs);
      if (worker.end !== 0) this.broken.push(`a worker that was asked to stop ended with ${worker.end}`);
    }));
  }

  /** SIGKILL to whoever is left. */
  async end(): Promise<void> {
    this.#open = false;
    await Promise.all([...this.#workers, ...this.#clients].map((each) => each.kill()));
  }
}
