// `ctx.patched`: whether a run takes new code at a place, or has gone past it with the old.
//
//   K1. What is recorded decides: with a call at that place of the branch or after it, the old code has been
//       here, unless a mark says that it was the new. With none, the new code goes first.
//   K2. A mark is durable before anything that was recorded after it: one that is lost was followed by
//       nothing, and the question has the same answer again.
//   K3. Marks answer nothing. They take no place and no position of their own, and one that nobody asks for
//       is no mismatch.
import { escapeKey, type Branch } from './branch.js';
import type { Journal } from './journal.js';
import { nothing, type Entry } from './store.js';

/** The patches of one run in memory. */
export class Patches {
  readonly #journal: Journal;
  readonly #mark: (mark: Entry) => void;
  /** Places of the marks that this memory has made. */
  readonly #made = new Set<string>();

  /** `mark` sees to it that a mark is recorded in time (K2). */
  constructor(journal: Journal, mark: (mark: Entry) => void) {
    this.#journal = journal;
    this.#mark = mark;
  }

  /** Whether the branch takes the new code here; `position` is that of the last answer it was shown. */
  takes(branch: Branch, name: string, position: number): boolean {
    const place = `${branch.nextPlace}~${escapeKey(name)}`;
    if (this.#made.has(place) || this.#journal.isMarked(place)) return true;
    if (this.#journal.reaches(branch.path, branch.next)) return false;
    this.#made.add(place);
    this.#mark({
      place, position, kind: 'patch', name, attempt: 1, value: nothing, error: null, tookMs: 0, message: null,
    });
    return true;
  }
}
