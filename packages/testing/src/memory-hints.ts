// Hints of a database that lives in this process: whoever tells one tells all listeners at once.
import type { Hints, RunRecord } from '@perdure/core/engine';

/** The hints of a memory connection. There are no other processes to listen to. */
export class MemoryHints implements Hints {
  readonly #due = new Set<() => void>();
  readonly #settled = new Set<(runs: readonly RunRecord[] | null) => void>();
  readonly #mail = new Set<() => void>();
  readonly #published = new Set<(runIds: ReadonlySet<string>) => void>();

  onDue(listener: () => void): () => void {
    return added(this.#due, listener);
  }

  onSettled(listener: (runs: readonly RunRecord[] | null) => void): () => void {
    return added(this.#settled, listener);
  }

  onMail(listener: () => void): () => void {
    return added(this.#mail, listener);
  }

  onPublished(listener: (runIds: ReadonlySet<string>) => void): () => void {
    return added(this.#published, listener);
  }

  due(): void {
    for (const listener of [...this.#due]) listener();
  }

  settled(runs: readonly RunRecord[] | null): void {
    for (const listener of [...this.#settled]) listener(runs);
  }

  mail(): void {
    for (const listener of [...this.#mail]) listener();
  }

  published(runIds: ReadonlySet<string>): void {
    for (const listener of [...this.#published]) listener(runIds);
  }

  listen(): () => void {
    return () => undefined;
  }
}

function added<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
