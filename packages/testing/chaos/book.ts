// What was heard of the business: what clients know of their deeds, and what became of the processes.
import type { ChaosProcess } from './chaos-process.js';
import type { Deed, Known, Said } from './said.js';

/** Somebody who waits for something to be said. */
interface Listener {
  readonly wanted: (said: Said, from: ChaosProcess) => boolean;
  readonly heard: (from: ChaosProcess) => void;
}

/** What one client knows of one deed. */
export interface Knowledge {
  readonly deed: Deed;
  known: Known | 'asked';
  why?: string | undefined;
}

/** Everything that was heard in one round. */
export class Book {
  /** By deed: the last that is known of it. */
  readonly knowledge: Map<string, Knowledge> = new Map();
  /** What results were heard, each with its run. */
  readonly results: { readonly runId: string; readonly result: string }[] = [];
  /**
   * Processes that were killed, or died of something: what they had lost before, they may not have told. Who
   * went in order is none of them.
   */
  readonly dead: Set<number> = new Set();
  /** `pid run`: that process lost that run. */
  readonly lost: Set<string> = new Set();
  /** What was heard of each run, in order: `pid what`. */
  readonly stories: Map<string, string[]> = new Map();
  /** What no process should have said. */
  readonly strange: string[] = [];
  /** Times that something was said, by name. */
  readonly said: Map<string, number> = new Map();
  /** Deeds that a process has begun and not ended, by its pid. */
  readonly open: Map<number, number> = new Map();
  readonly #listeners = new Set<Listener>();

  hear(said: Said, from: ChaosProcess): void {
    this.said.set(said.name, (this.said.get(said.name) ?? 0) + 1);
    if ('runId' in said) this.#story(said.runId).push(`${from.pid} ${said.name}`);
    if (said.name === 'lost') this.lost.add(`${from.pid} ${said.runId}`);
    if (said.name === 'restored') this.strange.push(`worker ${from.pid} believed in a restore: ${said.why}`);
    if (said.name === 'asked') {
      this.#know(said.deed, 'asked');
      this.#open(from, 1);
    }
    if (said.name === 'knows') {
      this.#know(said.deed, said.known, said.why);
      if (said.deed.what !== 'result') this.#open(from, -1);
    }
    for (const listener of this.#listeners) {
      if (!listener.wanted(said, from)) continue;
      this.#listeners.delete(listener);
      listener.heard(from);
    }
  }

  #story(runId: string): string[] {
    const found = this.stories.get(runId) ?? [];
    this.stories.set(runId, found);
    return found;
  }

  #open({ pid }: ChaosProcess, by: number): void {
    this.open.set(pid, (this.open.get(pid) ?? 0) + by);
  }

  #know(deed: Deed, known: Known | 'asked', why?: string): void {
    if (deed.what === 'result') {
      if (deed.result !== undefined) this.results.push({ runId: deed.runId, result: deed.result });
      return;
    }
    const key = `${deed.what} ${deed.runId} ${deed.what === 'note' ? deed.seq : ''}`;
    const before = this.knowledge.get(key);
    // Once it is known that it was done, no later attempt takes that back.
    if (before?.known !== 'ok') this.knowledge.set(key, { deed, known, why });
  }

  times(name: Said['name']): number {
    return this.said.get(name) ?? 0;
  }

  /** Who said it first from now on; null if nobody did before `enough` fires. */
  next(wanted: Listener['wanted'], enough: AbortSignal): Promise<ChaosProcess | null> {
    return new Promise((resolve) => {
      const listener: Listener = { wanted, heard: resolve };
      this.#listeners.add(listener);
      enough.addEventListener('abort', () => {
        if (this.#listeners.delete(listener)) resolve(null);
      }, { once: true });
    });
  }
}
