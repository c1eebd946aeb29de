// The lease thread of a simulated worker, as packages/sql/src/postgres/lease-thread.ts is: it renews what the
// worker holds while the main loop is blocked, and hands it back when that takes too long.
import {
  partOf, type Lease, type LeaseKeeper, type LeaseKeeperOptions, type TurnEnd,
} from '@perdure/core/engine';
import type { Wire } from './wire.js';

type Held = Parameters<LeaseKeeper['hold']>[0];

/** The lease thread of one process. */
export class SimLeaseKeeper implements LeaseKeeper {
  readonly #wire: Wire;
  readonly #options: LeaseKeeperOptions;
  #held = new Map<string, number>();
  #heardAt: number;
  #looks = false;
  #closed = false;

  constructor(wire: Wire, options: LeaseKeeperOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#heardAt = wire.parts.process.loop.now;
  }

  hold(leases: Held): void {
    this.#heardAt = this.#wire.parts.process.loop.now;
    for (const { runId, epoch } of leases) this.#held.set(runId, epoch);
    if (this.#held.size > 0 && !this.#looks) this.#lookIn(this.#options.renewMs);
  }

  beat(held: Held): void {
    this.#held = new Map();
    this.hold(held);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #lookIn(ms: number): void {
    this.#looks = true;
    const { process } = this.#wire.parts;
    const { loop, name, thread } = process;
    const at = loop.now + Math.max(1, Math.ceil(ms));
    const lane = `${name} thread`;
    loop.add({ at, actor: name, label: 'lease thread', lane, gate: thread, run: () => this.#look() });
  }

  #look(): void {
    this.#looks = false;
    // Until it is told of leases again there is nothing to look after.
    if (this.#closed || this.#held.size === 0) return;
    const { renewMs, loopLimitMs } = this.#options;
    const silentMs = this.#wire.parts.process.loop.now - this.#heardAt;
    if (silentMs < renewMs) {
      this.#lookIn(renewMs - silentMs);
      return;
    }
    this.#act(silentMs < loopLimitMs);
    this.#lookIn(renewMs);
  }

  /** On the thread's own connection, which no fault of the plan strikes; its answer is of no use to it. */
  #act(renew: boolean): void {
    const { store, process, plan, done } = this.#wire.parts;
    const { leaseMs } = this.#options;
    const end: TurnEnd = renew
      ? { kind: 'renew', leaseMs, quarantine: 'keep' } : { kind: 'rest', wakeInMs: 0, wakeAt: null };
    const writes = [...this.#held].map(([runId, epoch]) => {
      const lease: Lease = { runId, part: partOf(runId), generation: 0, epoch };
      return { lease, entries: [], calls: [], closed: [], end, more: null };
    });
    if (!renew) this.#held.clear();
    const { loop } = process;
    loop.add({ at: loop.now + plan.wayMs(), actor: 'database', label: `${process.name} keeps`, run: () => {
      void store.arrive(() => store.commit(writes)).finally(() => done('commit'));
    } });
  }
}
