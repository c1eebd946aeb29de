// Looks for runs: asks for as many as there are free slots, as soon as it pays, and sleeps in between.
//
//   L1. Polling is the truth. Hints, known due times and freed slots only end a pause early.
//   L2. While what this worker has to write cannot be written, it claims nothing: when the database is back,
//       its own runs are renewed before anybody here takes them for abandoned.
//   L3. A claim whose answer was lost is recalled under its id for as long as its lease may last.
//   L4. What was claimed before a restore is not begun after it, but recalled in the database that is there.
//       Each sweep looks whether that still is the same: no more goes unseen than the last second.
import { DatabaseUnavailableError } from '@perdure/core';
import type { ClaimAnswer, ClaimRequest, Continuity, Env, Served, Store } from '@perdure/core/engine';
import { firstPauseMs, idlePollMs, knownDueTimes, largestClaim } from './defaults.js';
import type { Outage } from './outage.js';
import type { Turns } from './turns.js';

/** What a poller works with. */
export interface PollerOptions {
  readonly env: Env;
  readonly store: Store;
  readonly outage: Outage;
  readonly continuity: Continuity;
  readonly turns: Turns;
  readonly served: readonly Served[];
  readonly concurrency: number;
  readonly leaseMs: number;
}

/** Timers may fire this much early. */
const timerSlackMs = 1;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface LostClaim {
  readonly request: ClaimRequest;
  readonly until: number;
}

/** The poller of one worker. */
export class Poller {
  readonly #options: PollerOptions;
  readonly #env: Env;
  #lost: LostClaim[] = [];
  #stopped = false;
  #running: Promise<void> | null = null;
  #wake: AbortController | null = null;
  #poked = false;
  #pauseMs = firstPauseMs;
  /** When the next sweep is due. */
  #sweepAt = -Infinity;
  #polledAt: number | null = null;
  /** When runs that rest here, or were seen waiting, are due; the sweep finds what is not in it. */
  #dueTimes: number[] = [];
  #reserved = 0;
  #foundEmpty = false;
  #suspects = false;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#env = options.env;
  }

  /** When the last look ended, by this machine's clock. */
  get polledAt(): number | null {
    return this.#polledAt;
  }

  /** Whether a run can be taken at its birth: a slot is free, and nothing that is due stands in line. */
  get mayAdopt(): boolean {
    return !this.#stopped && this.#foundEmpty && this.free > 0;
  }

  get free(): number {
    return this.#options.concurrency - this.#options.turns.size - this.#reserved;
  }

  /** Slots that are kept for runs that are being born. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Keeps slots for runs that are being born. */
  reserve(slots: number): void {
    this.#reserved += slots;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.poke();
    await this.#running;
  }

  /** Something may be due: ends the pause. */
  poke(): void {
    this.#poked = true;
    this.#pauseMs = firstPauseMs;
    this.#endPause();
  }

  /** A slot is free: worth a look only if the last one left something behind. */
  freed(): void {
    if (!this.#foundEmpty && this.#wanted > 0) this.#endPause();
  }

  /** The quarantine is free: looks for the next suspect if there may be one. */
  quarantineFreed(): void {
    if (this.#suspects) this.poke();
  }

  /** A run is known to be due in `ms`. */
  dueIn(ms: number): void {
    const at = this.#env.monotonic() + ms;
    if (this.#dueTimes.length >= knownDueTimes || ms > idlePollMs) return;
    if (at < Math.min(...this.#dueTimes)) this.#endPause();
    this.#dueTimes.push(at);
  }

  /** A claim under this id may have succeeded without our knowing. */
  recallLater(claimId: string): void {
    const until = this.#env.monotonic() + 2 * this.#options.leaseMs;
    this.#lost.push({ request: this.#request(0, claimId), until });
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      if (this.#options.outage.affects('commit')) {
        await this.#env.sleep(firstPauseMs);
        continue;
      }
      try {
        await this.#look();
        this.#options.outage.over('claim');
      } catch (error) {
        await this.#options.outage.pause('claim', error);
        continue;
      }
      if (!this.#stopped) await this.#pause();
    }
  }

  // Worth a round trip only if it can bring something: a quarter of the slots, or all that is free when idle.
  get #wanted(): number {
    const { free } = this;
    return free >= this.#options.concurrency / 4 || this.#foundEmpty ? Math.min(free, largestClaim) : 0;
  }

  async #look(): Promise<void> {
    const sweep = this.#env.monotonic() >= this.#sweepAt - timerSlackMs;
    if (sweep) {
      await this.#options.continuity.look();
      await this.#recallLost();
    }
    const limit = sweep ? Math.min(this.free, largestClaim) : this.#wanted;
    if (limit <= 0) {
      this.#foundEmpty = false;
      return;
    }
    this.#poked = false;
    const request = { ...this.#request(limit, this.#env.newToken()), sweep };
    request.suspects &&= sweep || this.#suspects;
    const answer = await this.#claim(request);
    this.#polledAt = this.#env.wallTime();
    if (sweep) this.#sweepAt = this.#env.monotonic() + idlePollMs * this.#jitter;
    // Suspects come one at a time: as long as there was one there may be another, and a full claim may have
    // left one.
    const full = answer.runs.length >= limit;
    if (request.suspects) {
      this.#suspects = answer.runs.some((run) => run.strikes > 0) || (this.#suspects && full);
    }
    if (answer.moved > 0) this.#suspects = true;
    if (answer.moved > 0 && this.#options.turns.quarantine.free) this.#poked = true;
    if (answer.nextDueAt !== null) this.dueIn((answer.nextDueAt - answer.at) / 1_000);
    this.#foundEmpty = answer.runs.length < limit;
    if (answer.runs.length > 0) this.#pauseMs = firstPauseMs;
    await this.#options.turns.begin(answer.runs, answer.at);
  }

  #request(limit: number, claimId: string): Mutable<ClaimRequest> {
    const { served, leaseMs, turns } = this.#options;
    return { claimId, served, limit, leaseMs, suspects: turns.quarantine.free, sweep: false };
  }

  async #claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const { store, continuity } = this.#options;
    const { era } = continuity;
    try {
      const answer = await store.claim(request);
      if (continuity.era === era) return answer;
      throw new DatabaseUnavailableError('The database was restored while it answered.');
    } catch (error) {
      this.recallLater(request.claimId);
      throw error;
    }
  }

  async #recallLost(): Promise<void> {
    const now = this.#env.monotonic();
    const { continuity } = this.#options;
    const { era } = continuity;
    this.#lost = this.#lost.filter((lost) => lost.until > now);
    for (const { request } of this.#lost) {
      const answer = await this.#options.store.recall(request);
      if (continuity.era !== era) return;
      const held = new Map([...this.#options.turns.live].map((run) => [run.runId, run.lease.epoch]));
      const news = answer.runs.filter((run) => held.get(run.lease.runId) !== run.lease.epoch);
      await this.#options.turns.begin(news, answer.at);
    }
  }

  #endPause(): void {
    // Forgotten at once: aborting makes an error each time, and a thousand slots may be freed in one turn.
    const wake = this.#wake;
    this.#wake = null;
    wake?.abort();
  }

  get #jitter(): number {
    return this.#env.spread();
  }

  #untilNextLook(): number {
    const now = this.#env.monotonic();
    this.#dueTimes = this.#dueTimes.filter((at) => at > now);
    const untilDue = Math.min(...this.#dueTimes) - now;
    // When nothing was found for long, the sweep is the only look.
    const backOffMs = this.#pauseMs < idlePollMs ? this.#pauseMs * this.#jitter : Infinity;
    return Math.max(0, Math.min(backOffMs, untilDue, this.#sweepAt - now));
  }

  // Without a free slot there is nothing to look for: `freed` ends the pause.
  async #pause(): Promise<void> {
    if (this.#poked && this.#wanted > 0) return;
    if (!this.#foundEmpty && this.#wanted > 0) return;
    const pauseMs = this.free > 0 ? this.#untilNextLook() : idlePollMs * this.#jitter;
    this.#pauseMs = Math.min(this.#pauseMs * 2, idlePollMs);
    this.#wake = new AbortController();
    await this.#env.idle(pauseMs, this.#wake.signal);
    this.#wake = null;
  }
}
