// Leases under open transactions. A transaction that holds the fence keeps everybody from the run's row, its
// owner as well: so the lease is extended beyond it before.
import type { Env } from './env.js';
import type { Lease } from './store.js';

/** Extends a lease to `ms` from now, and answers when that is durable, however long it takes. */
export type ExtendLease = (
  lease: Lease, ms: number, quarantine: 'keep' | 'absolve') => Promise<'held' | 'lost'>;

/** What is known of one lease while transactions rely on it. */
interface Covered {
  users: number;
  /** How long it lasts at least, by the monotonic clock of this process. */
  until: number;
  /** An extension that is under way. */
  asking: Promise<'held' | 'lost'> | null;
}

/** The leases of one worker's transactional steps. */
export class TransactionLeases {
  readonly #env: Env;
  readonly #leaseMs: number;
  readonly #extend: ExtendLease;
  readonly #covered = new Map<string, Covered>();

  constructor(env: Env, leaseMs: number, extend: ExtendLease) {
    this.#env = env;
    this.#leaseMs = leaseMs;
    this.#extend = extend;
  }

  /** A step relies on this lease; the returned function ends that. */
  enter(lease: Lease): () => void {
    const key = keyOf(lease);
    const covered = this.#covered.get(key) ?? { users: 0, until: -Infinity, asking: null };
    this.#covered.set(key, covered);
    covered.users++;
    return () => {
      if (--covered.users === 0) this.#covered.delete(key);
    };
  }

  /**
   * Sees that the lease lasts for `ms` from now. A step beside one whose transaction is open would have to
   * wait for the end of that to extend it, so what an earlier one has made sure of, or is about to, is
   * enough.
   */
  async cover(lease: Lease, ms: number): Promise<'held' | 'lost'> {
    const covered = this.#covered.get(keyOf(lease));
    if (covered === undefined) return this.#extend(lease, ms + this.#leaseMs, 'keep');
    while (covered.until - this.#env.monotonic() < ms) {
      if (covered.asking !== null) {
        await covered.asking;
        continue;
      }
      covered.asking = this.#extendTo(covered, [lease, ms + this.#leaseMs, 'keep']);
      const answer = await covered.asking;
      covered.asking = null;
      if (answer === 'lost') return 'lost';
    }
    return 'held';
  }

  async #extendTo(covered: Covered, extension: Parameters<ExtendLease>): Promise<'held' | 'lost'> {
    const asked = this.#env.monotonic();
    const answer = await this.#extend(...extension);
    if (answer === 'held') covered.until = asked + extension[1];
    return answer;
  }

  /**
   * Renews the lease, whatever is left of it. That takes the row alone, so once it is done no transaction
   * that held the fence before is open any more. 'absolve': a suspect is none any more.
   */
  async renew(lease: Lease, quarantine: 'keep' | 'absolve' = 'keep'): Promise<'held' | 'lost'> {
    const covered = this.#covered.get(keyOf(lease));
    if (covered === undefined) return this.#extend(lease, this.#leaseMs, quarantine);
    return this.#extendTo(covered, [lease, this.#leaseMs, quarantine]);
  }
}

function keyOf({ runId, epoch }: Lease): string {
  return `${epoch} ${runId}`;
}
