// One store for as long as a Connection lives, on sessions that last for an era each: when a restore ends the
// era they are closed, and what they held, such as low-water marks, goes with them.
//
//   C1. A verb that relies on a lease is done in the era in which it was called, or fails.
//   C2. Every other verb relies on nothing that was read before: it is asked again of the database that is
//       there now, as it may be sent twice anyway.
import type { Store } from '@perdure/core/engine';
import { Lineage, PastEraError, type Gate } from './lineage.js';
import { PostgresStore } from './postgres-store.js';
import { SessionPool } from './session-pool.js';

/** The pools of one era. */
export interface EraPools {
  readonly starts: SessionPool;
  readonly reads: SessionPool;
  readonly claims: SessionPool;
  readonly commits: SessionPool;
}

interface Era {
  readonly pools: EraPools;
  readonly store: PostgresStore;
}

type Verb = (...given: unknown[]) => Promise<unknown>;

const ofLeases: ReadonlySet<PropertyKey> = new Set<keyof Store>([
  'commit', 'readHistories', 'readMail', 'tieChildren', 'sendFrom', 'subscribe',
]);

/** A store and its sessions, through all eras. */
export class ContinuousStore {
  /** The Store port. */
  readonly store: Store;
  readonly lineage: Lineage;
  readonly #open: (gate: Gate) => EraPools;
  readonly #schema: string;
  #present: Era;
  #left: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** `open` makes the pools of an era; `schema` is the quoted name. */
  constructor(open: (gate: Gate) => EraPools, schema: string) {
    this.#open = open;
    this.#schema = schema;
    this.lineage = new Lineage(() => this.#look());
    this.#present = this.#begin();
    this.lineage.onBreak(() => this.#leave());
    this.store = new Proxy({} as Store, { get: (own, verb) => this.#verb(own, verb) });
  }

  // To find that an era has ended is an answer.
  async #look(): Promise<void> {
    try {
      await this.#present.pools.claims.use((session) => session.look());
    } catch (error) {
      if (!(error instanceof PastEraError)) throw error;
    }
  }

  #begin(): Era {
    const pools = this.#open(this.lineage.gate());
    return { pools, store: new PostgresStore(pools, this.#schema) };
  }

  // Who waits in the pools of the past is refused there by their gate.
  #leave(): void {
    const past = this.#present;
    this.#present = this.#begin();
    this.#left = Promise.all([this.#left, closed(past.pools)]);
    if (this.#closed) void closed(this.#present.pools);
  }

  #verb(own: Store, verb: PropertyKey): unknown {
    // A test may put a function of its own in the place of a verb.
    const found: unknown = Reflect.get(own, verb) ?? Reflect.get(this.#present.store, verb);
    if (typeof found !== 'function' || Object.hasOwn(own, verb)) return found;
    return (...given: unknown[]) => this.#do(verb, given);
  }

  async #do(verb: PropertyKey, given: unknown[]): Promise<unknown> {
    for (;;) {
      const { store } = this.#present;
      try {
        return await (Reflect.get(store, verb) as Verb).apply(store, given);
      } catch (error) {
        const again = error instanceof PastEraError && !ofLeases.has(verb) && !this.#closed;
        if (!again || this.#present.store === store) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#left, closed(this.#present.pools)]);
  }
}

function closed(pools: EraPools): Promise<unknown> {
  return Promise.all(Object.values(pools).map((pool: SessionPool) => pool.close()));
}
