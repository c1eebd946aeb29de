// What must never change once it is written: how a run ended, and what it has recorded. Looked at after every
// change, so that it is known which one broke it.
import type { RecordedEntry } from '@perdure/core/engine';
import type { ModelRun, ModelStore } from './model-store.js';

/** Watches the runs of one database, none of which is begun anew by hand. */
export class HistoryWatch {
  readonly #store: ModelStore;
  readonly #accuse: (what: string) => void;
  readonly #ended = new Map<string, string>();
  readonly #known = new Map<string, Map<string, RecordedEntry>>();
  readonly #generations = new Map<string, number>();

  constructor(store: ModelStore, accuse: (what: string) => void) {
    this.#store = store;
    this.#accuse = accuse;
  }

  look(): void {
    for (const run of this.#store.runs.values()) {
      if (this.#ended.has(run.id)) this.#checkEnd(run);
      else this.#checkRecord(run);
    }
  }

  #checkEnd(run: ModelRun): void {
    if (this.#ended.get(run.id) === endOf(run)) return;
    this.#accuse(`end-changed: run ${run.id} had ended: ${this.#ended.get(run.id)}; now ${endOf(run)}`);
  }

  #checkRecord(run: ModelRun): void {
    const { id, generation } = run;
    const before = this.#generations.get(id) ?? 0;
    if (generation < before) this.#accuse(`generation-back: run ${id}: ${generation}`);
    this.#generations.set(id, generation);
    const key = `${generation} ${id}`;
    const known = this.#known.get(key) ?? new Map<string, RecordedEntry>();
    this.#known.set(key, known);
    const entries = this.#store.entriesOf(id, generation);
    for (const [place, entry] of known) {
      if (entries.get(place) !== entry) this.#accuse(`entry-changed: run ${id} at ${place}`);
    }
    if (entries.size > known.size) for (const [place, entry] of entries) known.set(place, entry);
    if (run.status !== 'live' && run.status !== 'parked') this.#ended.set(id, endOf(run));
  }
}

function endOf({ status, generation, settledEpoch, output, error }: ModelRun): string {
  return `${status} in generation ${generation} by ${settledEpoch}: ${error ?? output.text}`;
}
