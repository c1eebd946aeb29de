// What every measurement works with.
import type { Database } from './host/database.js';
import { MeasuringProcess } from './host/measuring-process.js';
import { Samples } from './samples.js';
import type { Sizes } from './sizes.js';
import type { LatencyAnswer } from './workloads/latency.js';

/** One run of the bench. */
export class Bench {
  readonly database: Database;
  readonly sizes: Sizes;
  readonly samples: Samples = new Samples();
  /** W3, with the worker in the client's process and in another. */
  readonly latencies: Map<'here' | 'cross', LatencyAnswer> = new Map();
  readonly #processes = new Map<string, MeasuringProcess>();

  constructor(database: Database, sizes: Sizes) {
    this.database = database;
    this.sizes = sizes;
  }

  /** The process of one workload: it stays over all rounds, as the process of a service does. */
  process(name: string): MeasuringProcess {
    const found = this.#processes.get(name) ?? new MeasuringProcess();
    this.#processes.set(name, found);
    return found;
  }

  /** Lets go of all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process[Symbol.asyncDispose]()));
  }
}

/** Adds one round of a workload, or of a limit, to the samples. */
export type Measure = (bench: Bench) => Promise<void>;
