// A branch of a workflow: code that runs side by side with other code of its run, and counts its own places.
//
//   B1. Places are counted in each branch by itself, so that a call added to one shifts no other.
//   B2. Unwinding a branch ends what is open in it and in all branches inside of it, once: what their code
//       does after that, in `finally` or `catch`, is shielded from whatever else unwinds them or a branch
//       around them. What such code branches into is new, and can be unwound.

/** Counts the unwindings of one run. */
interface Unwindings {
  count: number;
}

/** One branch; the root has no parent. */
export class Branch {
  readonly path: string;
  readonly parent: Branch | null;
  readonly #unwindings: Unwindings;
  /** How many unwindings there had been when it was made. */
  readonly #madeAt: number;
  #unwound: { readonly reason: Error; readonly number: number } | null = null;
  #controller: AbortController | null = null;
  /**
   * Its code was thrown at because it, or a branch around it, was unwound; or waited for a branch whose code
   * was, and that decided what it was told.
   */
  told = false;
  /** Signals of the branches in it. */
  readonly #below: AbortController[] = [];
  #places = 0;

  constructor(parent: Branch | null, path: string) {
    this.parent = parent;
    this.path = path;
    this.#unwindings = parent === null ? { count: 0 } : parent.#unwindings;
    this.#madeAt = this.#unwindings.count;
  }

  /** Whether what was open in it has been ended: with it, or with a branch around it. */
  get unwound(): boolean {
    return this.#unwoundAfter(this.#madeAt);
  }

  #unwoundAfter(unwindings: number): boolean {
    if (this.#unwound !== null && this.#unwound.number > unwindings) return true;
    return this.parent !== null && this.parent.#unwoundAfter(unwindings);
  }

  /** Fires when it is unwound, or a branch around it. Made when somebody looks at it. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      const reason = this.#reason;
      if (reason !== null) this.#controller.abort(reason);
      else this.#tellParents(this.#controller);
    }
    return this.#controller.signal;
  }

  get #reason(): Error | null {
    return this.#unwound?.reason ?? (this.parent === null ? null : this.parent.#reason);
  }

  #tellParents(controller: AbortController): void {
    for (let at = this.parent; at !== null; at = at.parent) at.#below.push(controller);
  }

  /** Counts it as unwound, and fires its signals. */
  unwind(reason: Error): void {
    this.#unwound = { reason, number: ++this.#unwindings.count };
    this.#controller?.abort(reason);
    for (const controller of this.#below) controller.abort(reason);
  }

  /** The number of the place that a call would get now. */
  get next(): number {
    return this.#places + 1;
  }

  /** That place. */
  get nextPlace(): string {
    return `${this.path}${this.next}`;
  }

  /** Takes it. */
  advance(): void {
    this.#places++;
  }

  /** The branch that holds all branches of a call. */
  under(place: string): Branch {
    return new Branch(this, `${place}/`);
  }

  /** One of them. */
  named(key: string): Branch {
    return new Branch(this, `${this.path}${escapeKey(key)}/`);
  }

  /** Whether unwinding `scope` ends what this branch has open: it lies in it, and was not unwound before. */
  isOpenIn(scope: Branch): boolean {
    if (this === scope) return true;
    return !this.unwound && this.parent !== null && this.parent.isOpenIn(scope);
  }
}

/** A key as a part of a place: `/` divides the parts. */
export function escapeKey(key: string): string {
  return key.replaceAll('%', '%25').replaceAll('/', '%2F');
}
