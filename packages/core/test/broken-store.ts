// The table of broken stores: which promise each breaks, and the cases that must notice.
import type { StoreClass } from './memory-world.js';

/** A memory store that breaks one promise. */
export interface BrokenStore {
  readonly breaks: string;
  readonly Store: StoreClass;
  /** Names of cases that must fail on it, or their beginnings. */
  readonly noticed: readonly string[];
}
