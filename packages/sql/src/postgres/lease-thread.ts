// The thread that keeps leases while the main loop is blocked. It sleeps through normal times: the main loop
// tells it which leases are held and shows that it is alive; only when it falls silent does the thread renew
// them.
//
//   T1. It renews only by epoch: a run that has moved on is not touched.
//   T2. A main loop that is silent for longer than the limit loses its runs: they are handed back, due at
//       once and without a strike, because a blocked loop is no dead process.
//   T3. After a restore it renews nothing that was held before.
import { partOf, systemEnv } from '@perdure/core/engine';
import type pg from 'pg';
import { parentPort, workerData } from 'node:worker_threads';
import { Lineage } from './lineage.js';
import { Session } from './session.js';
import { plannerSettings } from './session-settings.js';
import { micros } from './sql-time.js';

/** What the thread is started with. */
export interface LeaseThreadData {
  readonly config: pg.ClientConfig;
  readonly schema: string;
  readonly names: boolean;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly loopLimitMs: number;
}

/** What the main loop tells: leases just taken, or all that are held. Ids and epochs in pairs. */
export type LeaseThreadMessage =
  | { readonly kind: 'hold' | 'beat'; readonly leases: readonly (string | number)[] }
  | { readonly kind: 'close' };

// A run whose transactional step holds its row is passed by: who waited for it would let all others end.
function held(s: string, parts: string): string {
  return `
with x as materialized (
  select id from ${s}.ready
   where id = any($1::text[]) and part = any(${parts}::smallint[]) and claim is not null
     and (id, epoch) in (select * from unnest($1::text[], $2::bigint[])) order by id
     for no key update skip locked)
update ${s}.ready r set`;
}

const those = (parts: string): string => `
  from x where r.id = any($1::text[]) and r.part = any(${parts}::smallint[]) and r.id = x.id`;

function renewText(s: string): string {
  return `${held(s, '$4')} due_at = clock_timestamp() + $3::float8 * interval '1 millisecond'${those('$4')}`;
}

// It is no rest: what the main loop writes after it is lost, and not taken for a rest that was sent before.
function handBackText(s: string): string {
  return `${held(s, '$3')} due_at = clock_timestamp(), claim = null,
         epoch = greatest(r.epoch + 1, ${micros('clock_timestamp()')})${those('$3')} returning r.id`;
}

class LeaseThread {
  readonly #data: LeaseThreadData;
  readonly #lineage = new Lineage();
  #session: Session;
  #held = new Map<string, number>();
  #heard = systemEnv.monotonic();
  #renewed = 0;
  readonly #closed = new AbortController();

  constructor(data: LeaseThreadData) {
    this.#data = data;
    this.#session = this.#open();
    this.#lineage.onBreak(() => {
      this.#held = new Map();
      void this.#session.close();
      this.#session = this.#open();
    });
  }

  #open(): Session {
    const { config, names, leaseMs } = this.#data;
    return new Session({ config, names, deadlineMs: leaseMs, settings: plannerSettings,
      gate: this.#lineage.gate(), looksFirst: !names });
  }

  hear(message: LeaseThreadMessage): void {
    this.#heard = systemEnv.monotonic();
    if (message.kind === 'close') {
      this.#closed.abort();
      return;
    }
    if (message.kind === 'beat') this.#held = new Map();
    for (let at = 0; at < message.leases.length; at += 2) {
      this.#held.set(String(message.leases[at]), Number(message.leases[at + 1]));
    }
  }

  async run(): Promise<void> {
    const { renewMs, loopLimitMs } = this.#data;
    // Connected ahead of need: when the main loop falls silent there may be little left of its leases.
    await this.#session.rows('select').catch(() => undefined);
    while (!this.#closed.signal.aborted) {
      await systemEnv.sleep(renewMs / 6, this.#closed.signal);
      const silentMs = systemEnv.monotonic() - this.#heard;
      if (silentMs < renewMs || this.#held.size === 0) continue;
      const sinceRenewalMs = systemEnv.monotonic() - this.#renewed;
      if (silentMs < loopLimitMs && sinceRenewalMs < renewMs) continue;
      await this.#act(silentMs < loopLimitMs);
    }
    await this.#session.close();
    parentPort?.close();
  }

  async #act(renew: boolean): Promise<void> {
    const { schema, leaseMs } = this.#data;
    const ids = [...this.#held.keys()];
    const leases = [ids, [...this.#held.values()]];
    const parts = ids.map(partOf);
    try {
      if (renew) await this.#session.rows(renewText(schema), [...leases, leaseMs, parts]);
      else await this.#handBack([...leases, parts]);
      this.#renewed = systemEnv.monotonic();
    } catch {
      // Tried again at the next look; if it never succeeds the leases end, which is what they are for.
    }
  }

  async #handBack(values: readonly unknown[]): Promise<void> {
    const rows = await this.#session.rows(handBackText(this.#data.schema), values);
    for (const [id] of rows) this.#held.delete(String(id));
  }
}

const thread = new LeaseThread(workerData as LeaseThreadData);
parentPort?.on('message', (message: LeaseThreadMessage) => thread.hear(message));
await thread.run();
