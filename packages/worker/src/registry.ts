// Tells the database that this worker is there, and what it serves: for people who look, and for those who
// start its workflows without their code. Nobody's runs depend on it.
//
//   G1. Nothing of it harms the worker: what fails is tried again later, and a stop waits for it a moment at
//       most.
//   G2. It costs one small statement each `seenEveryMs`, whatever the worker does.
import { hostname } from 'node:os';
import type { Logger, Workflow } from '@perdure/core';
import { DatabaseUnavailableError } from '@perdure/core';
import {
  definitionOf, type Env, type OperatorStore, type Served, type WorkerFacts, type WorkflowFacts,
} from '@perdure/core/engine';
import { firstSeenRetryMs, forgetPatienceMs, seenEveryMs } from './defaults.js';

/** What a registry needs of its worker. */
export interface RegistryOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly store: Pick<OperatorStore, 'registerWorker' | 'seeWorker' | 'forgetWorker'>;
  readonly workflows: readonly Workflow[];
  readonly served: readonly Served[];
  readonly concurrency: number;
}

/** What is known of one worker in the database. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #facts: WorkerFacts;
  readonly #left = new AbortController();
  #living: Promise<void> | null = null;
  /** The database knows of it, as far as we know; null: it may. */
  #known: boolean | null = false;
  #retryMs = firstSeenRetryMs;
  #warned = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#facts = factsOf(options);
  }

  /** The worker begins. */
  start(): void {
    this.#living ??= this.#live();
  }

  /** The worker ends: resolves when that is known, or when waiting for it takes too long (G1). */
  async stop(): Promise<void> {
    this.#left.abort();
    const enough = new AbortController();
    void this.#living?.then(() => enough.abort());
    if (this.#living !== null) await this.#options.env.sleep(forgetPatienceMs, enough.signal);
  }

  async #live(): Promise<void> {
    const { env, store } = this.#options;
    const { signal } = this.#left;
    let dueAt = env.monotonic();
    while (!signal.aborted) {
      if (env.monotonic() >= dueAt) dueAt = env.monotonic() + await this.#say();
      // Who owns time may end a pause at any moment: nothing is said before it is time for it.
      if (!signal.aborted) await env.idle(Math.max(1, dueAt - env.monotonic()), signal);
    }
    // What it was told after an answer that never came is forgotten as well.
    if (this.#known !== false) await this.#safely(() => store.forgetWorker(this.#facts.id));
  }

  /** Says that it is there; in how many milliseconds to say it again. */
  async #say(): Promise<number> {
    const { store } = this.#options;
    const said = await this.#safely(async () => {
      if (this.#known === true) this.#known = await store.seeWorker(this.#facts.id);
      if (this.#known === true || this.#left.signal.aborted) return;
      this.#known = null;
      await store.registerWorker(this.#facts);
      this.#known = true;
    });
    const retryMs = this.#retryMs;
    this.#retryMs = said ? firstSeenRetryMs : Math.min(retryMs * 2, seenEveryMs);
    return said ? seenEveryMs : retryMs;
  }

  /** Whether it went well. */
  async #safely(deed: () => Promise<unknown>): Promise<boolean> {
    try {
      await deed();
      return true;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  // While the database is away the worker says so, by its outage.
  #tell(error: unknown): void {
    if (this.#warned || error instanceof DatabaseUnavailableError) return;
    this.#warned = true;
    this.#options.log.warn('This worker runs, but could not make itself known in the database. Until ' +
      'it can, explanations of runs do not count it.', { error: String(error) });
  }
}

function factsOf({ env, workflows, served, concurrency }: RegistryOptions): WorkerFacts {
  return {
    id: env.newId(),
    host: hostname(),
    pid: process.pid,
    concurrency,
    serves: served.map(({ queue, workflow, version }) => ({ queue, workflow, version })),
    definitions: definitionsOf(workflows),
  };
}

/** What workflows say of their runs: of several of a name, the first, which takes the new ones. */
function definitionsOf(workflows: readonly Workflow[]): readonly WorkflowFacts[] {
  const byName = new Map<string, WorkflowFacts>();
  for (const { name, queue, timeoutMs } of workflows.map((each) => definitionOf(each))) {
    if (!byName.has(name)) byName.set(name, { workflow: name, queue, timeoutMs });
  }
  return [...byName.values()];
}
