// Group commit: while one commit is under way, what all runs want to write gathers for the next one.
//
//   C1. A run has one write under way at a time; its answer comes before its next write is taken.
//   C2. An error of the database means "not known": the same batch is sent again, whole, until it is
//       answered.
//   C3. A busy item is sent again apart from the others, so that a stranger's lock on one run stalls that run
//       alone.
//   C4. An empty committer flushes at the next turn of the loop; nothing waits for company.
//   C5. What was taken before a restore is not sent after it: its lease may be there, its past is not.
import {
  writeLength, type Continuity, type Env, type LiveRun, type Store, type TurnAnswer, type TurnWrite,
} from '@perdure/core/engine';
import { commitsUnderWay, largestBatch, largestBatchLength } from './defaults.js';
import type { Outage } from './outage.js';

interface Item {
  readonly run: LiveRun;
  readonly write: TurnWrite;
}

/** What a committer works with, and tells. */
export interface CommitterHooks {
  readonly outage: Outage;
  readonly continuity: Continuity;
  /** A write of this run was answered. */
  afterWrite(run: LiveRun): void;
  /** Chunks of these runs are durable. */
  published(runIds: ReadonlySet<string>): void;
}

const firstBusyPauseMs = 5;
const longestBusyPauseMs = 200;

/** The committer of one worker. */
export class Committer {
  readonly #store: Store;
  readonly #env: Env;
  readonly #outage: Outage;
  readonly #continuity: Continuity;
  readonly #hooks: CommitterHooks;
  readonly #queue = new Set<LiveRun>();
  #underWay = 0;
  #scheduled = false;

  constructor(store: Store, env: Env, hooks: CommitterHooks) {
    this.#store = store;
    this.#env = env;
    this.#outage = hooks.outage;
    this.#continuity = hooks.continuity;
    this.#hooks = hooks;
  }

  /** The run has something to write. */
  submit(run: LiveRun): void {
    this.#queue.add(run);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#env.nextTurn(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#underWay < commitsUnderWay && this.#queue.size > 0) {
      const batch = this.#gather();
      if (batch.length === 0) return;
      this.#underWay++;
      void this.#send(batch).then(() => {
        this.#underWay--;
        this.#flush();
      });
    }
  }

  #gather(): Item[] {
    const batch: Item[] = [];
    let length = 0;
    for (const run of this.#queue) {
      if (batch.length === largestBatch || length > largestBatchLength) break;
      this.#queue.delete(run);
      const write = run.takeWrite();
      if (write === null) continue;
      batch.push({ run, write });
      length += writeLength(write);
    }
    return batch;
  }

  async #send(batch: readonly Item[]): Promise<void> {
    const { era } = this.#continuity;
    const busy = this.#answer(batch, await this.#commit(batch, era));
    if (busy.length > 0) void this.#sendBusy(busy, era);
  }

  async #sendBusy(items: readonly Item[], era: number): Promise<void> {
    let busy = items;
    let pauseMs = firstBusyPauseMs;
    while (busy.length > 0 && !this.#outage.left) {
      await this.#env.sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestBusyPauseMs);
      busy = this.#answer(busy, await this.#commit(busy, era));
    }
  }

  /** Null when the era has ended: nobody is left to hear the answers. */
  async #commit(batch: readonly Item[], era: number): Promise<readonly TurnAnswer[] | null> {
    const writes = batch.map((item) => item.write);
    while (this.#continuity.era === era) {
      try {
        const answers = await this.#store.commit(writes);
        this.#outage.over('commit');
        return answers;
      } catch (error) {
        await this.#outage.pause('commit', error);
      }
    }
    this.#outage.over('commit');
    return null;
  }

  /** Hands the answers to their runs; returns the items that are to be sent again. */
  #answer(batch: readonly Item[], answers: readonly TurnAnswer[] | null): Item[] {
    if (answers === null) return [];
    const busy: Item[] = [];
    let published: Set<string> | null = null;
    for (const [index, item] of batch.entries()) {
      const answer = answers[index];
      if (answer === undefined || answer.kind === 'busy') {
        busy.push(item);
        continue;
      }
      const { lease, more } = item.write;
      const isWritten = answer.kind === 'done' || answer.kind === 'already-done';
      if (isWritten && more !== null && more.chunks.length > 0) {
        published ??= new Set();
        published.add(lease.runId);
      }
      item.run.written(answer);
      if (item.run.hasWrites) this.submit(item.run);
      this.#hooks.afterWrite(item.run);
    }
    if (published !== null) this.#hooks.published(published);
    return busy;
  }
}
