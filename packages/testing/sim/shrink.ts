// Makes a story that shows a violation smaller: leaves out what it shows the same violation without.
import { cut, noCuts, type Cuts } from './cuts.js';
import { nodesOf } from './program.js';
import { simulate, type Report } from './simulate.js';
import type { Story } from './story.js';

/** How many simulations a shrinking takes at most. */
const mostTrials = 400;

/** A smaller story with the same violation. */
export interface Shrunk {
  readonly cuts: Cuts;
  readonly report: Report;
  readonly trials: number;
}

/** Shrinks a story whose simulation gave `report`. */
export async function shrink(story: Story, report: Report): Promise<Shrunk> {
  return new Shrinking(story, report).run();
}

class Shrinking {
  readonly #story: Story;
  readonly #kind: string;
  #cuts: Cuts = noCuts;
  #report: Report;
  #trials = 0;

  constructor(story: Story, report: Report) {
    this.#story = story;
    this.#report = report;
    this.#kind = kindOf(report.violations[0] ?? '');
  }

  async run(): Promise<Shrunk> {
    let before = '';
    while (before !== JSON.stringify(this.#cuts) && this.#trials < mostTrials) {
      before = JSON.stringify(this.#cuts);
      await this.#dropDeeds();
      await this.#dropNodes();
      if (this.#story.workers > 1) await this.#accept({ ...this.#cuts, workers: 1 });
      await this.#dropFaults();
    }
    return { cuts: this.#cuts, report: this.#report, trials: this.#trials };
  }

  async #dropDeeds(): Promise<void> {
    for (const index of this.#story.deeds.keys()) {
      if (this.#cuts.deeds.includes(index)) continue;
      await this.#accept({ ...this.#cuts, deeds: [...this.#cuts.deeds, index] });
    }
  }

  async #dropNodes(): Promise<void> {
    for (const { body } of this.#story.programs) {
      for (const { id } of nodesOf(body)) {
        if (id === body.id || this.#cuts.nodes.includes(id)) continue;
        await this.#accept({ ...this.#cuts, nodes: [...this.#cuts.nodes, id] });
      }
    }
  }

  /** In halves, then in smaller and smaller parts. */
  async #dropFaults(): Promise<void> {
    const all = (): readonly number[] => (
      this.#cuts.faults ?? Array.from({ length: this.#report.drawn }, (_, number) => number));
    for (let size = all().length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < all().length && this.#trials < mostTrials;) {
        const faults = all().filter((_, index) => index < from || index >= from + size);
        if (!await this.#accept({ ...this.#cuts, faults })) from += size;
      }
    }
  }

  /** Leaves out so much if that shows the same. */
  async #accept(cuts: Cuts): Promise<boolean> {
    if (this.#trials++ >= mostTrials) return false;
    const report = await simulate(cut(this.#story, cuts));
    if (!report.violations.some((violation) => kindOf(violation) === this.#kind)) return false;
    this.#cuts = cuts;
    this.#report = report;
    return true;
  }
}

/** Which promise is broken: the first word of a violation. */
function kindOf(violation: string): string {
  return violation.split(':')[0] ?? '';
}
