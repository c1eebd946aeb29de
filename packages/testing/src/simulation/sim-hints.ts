// Hints between simulated processes: at once within one, and lost, late or told twice between them.
import type { Hints, RunRecord } from '@perdure/core/engine';
import { MemoryHints } from '../memory-hints.js';
import type { FaultPlan } from './fault-plan.js';
import type { SimProcess } from './sim-process.js';

type Told = 'due' | 'settled' | 'mail';

/** Brings hints from each process to all others. */
export class HintExchange {
  readonly #plan: FaultPlan;
  readonly #ears = new Set<SimHints>();

  constructor(plan: FaultPlan) {
    this.#plan = plan;
  }

  join(ears: SimHints): void {
    this.#ears.add(ears);
  }

  leave(ears: SimHints): void {
    this.#ears.delete(ears);
  }

  tell(from: SimHints, what: Told): void {
    for (const ears of this.#ears) {
      if (ears === from || !ears.listens) continue;
      for (const ms of this.#plan.hintWaysMs()) ears.hearIn(ms, what);
    }
  }
}

/** The hints of one process. */
export class SimHints implements Hints {
  readonly #process: SimProcess;
  readonly #exchange: HintExchange;
  readonly #own = new MemoryHints();
  #listening = 0;

  constructor(process: SimProcess, exchange: HintExchange) {
    this.#process = process;
    this.#exchange = exchange;
    exchange.join(this);
    process.onDeath(() => exchange.leave(this));
  }

  get listens(): boolean {
    return this.#listening > 0;
  }

  /** Somebody else told. */
  hearIn(ms: number, what: Told): void {
    const { loop, name, main } = this.#process;
    const run = (): void => (what === 'settled' ? this.#own.settled(null) : this.#own[what]());
    loop.add({ at: loop.now + ms, actor: name, label: `hears ${what}`, gate: main, run });
  }

  onDue(listener: () => void): () => void {
    return this.#own.onDue(listener);
  }

  onSettled(listener: (runs: readonly RunRecord[] | null) => void): () => void {
    return this.#own.onSettled(listener);
  }

  onMail(listener: () => void): () => void {
    return this.#own.onMail(listener);
  }

  onPublished(listener: (runIds: ReadonlySet<string>) => void): () => void {
    return this.#own.onPublished(listener);
  }

  due(): void {
    this.#own.due();
    this.#exchange.tell(this, 'due');
  }

  settled(runs: readonly RunRecord[]): void {
    this.#own.settled(runs);
    this.#exchange.tell(this, 'settled');
  }

  mail(): void {
    this.#own.mail();
    this.#exchange.tell(this, 'mail');
  }

  published(runIds: ReadonlySet<string>): void {
    this.#own.published(runIds);
  }

  listen(): () => void {
    this.#listening++;
    let over = false;
    return () => {
      if (!over) this.#listening--;
      over = true;
    };
  }
}
