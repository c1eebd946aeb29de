// Whether a database still is what this process has known. A restore puts back an older state under living
// workers: what they remember may never have happened there.
//
//   E1. An era ends at once for everybody in the process: who listens has dropped what it held before any
//       statement reaches the database of the next one.
//   E2. What was begun in an era is written in that era or nowhere. Whoever sends again compares first.

/** What a process knows of the past of its database. */
export interface Continuity {
  /** Goes up each time the database turned out not to be the one that was known. */
  readonly era: number;
  /**
   * Calls `listener` when an era ends, with why, as a clause such as 'it is on timeline 2 and was on 1'. The
   * returned function ends that.
   */
  onBreak(listener: (why: string) => void): () => void;
  /**
   * Looks once more, for what connections do not notice by themselves. Rejects when there is no answer. To be
   * called about once a second while anything is remembered.
   */
  look(): Promise<void>;
}

/** Of a database that nothing can be put in the place of, or of a process that remembers nothing. */
export const unbroken: Continuity = {
  era: 0,
  onBreak: () => () => undefined,
  look: () => Promise.resolve(),
};
