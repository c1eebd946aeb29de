// The runs that a worker holds: those it drives, and those that rest in its memory.
//
//   U1. A resting run is continued from memory only if the epoch before its new claim is the one its rest
//       wrote.
//   U2. Eviction is always safe: what is forgotten is replayed.
//   U3. A claim of a run that is still driven here means that its old lease is gone.
//   U4. After a restore no memory is gone on with, and no lease of before is written under, but to give it
//       back.
import {
  decodeError, LiveRun, nothing, Pump, publish, type ChildAnswer, type ClaimedRun, type Continuity,
  type DrivenRun, type Env,
  type Harness, type HeldRuns, type Hints, type History, type Instant, type Lease, type NewChild,
  type NewMessage, type NewSubscription, type RunRecord, type SendAnswer, type Store, type SubscribeAnswer,
  type Transactions, type TurnEnded, type TurnHost, type TurnWrite, type WorkflowDefinition,
} from '@perdure/core/engine';
import type { Logger } from '@perdure/core';
import { Committer } from './committer.js';
import { recentLeases, restingRuns } from './defaults.js';
import { Mailroom } from './mailroom.js';
import type { Outage } from './outage.js';
import { Quarantine } from './quarantine.js';

/** What the turns of a worker need of it. */
export interface TurnsOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly leaseMs: number;
  readonly store: Store;
  readonly hints: Hints;
  readonly outage: Outage;
  readonly continuity: Continuity;
  /** The definition that runs a claimed run. */
  definitionFor(run: ClaimedRun): WorkflowDefinition | undefined;
  readonly harness: Harness | null;
  /** Leases are held that nothing is known under any more: they are to be given back. */
  giveBack(leases: readonly Lease[]): void;
  /** Leases were taken; said before any code of their runs can block the loop. */
  held(leases: readonly Lease[]): void;
  /** A slot is free. */
  freed(): void;
  /** The next suspect can be tried. */
  quarantineFreed(): void;
  /** A run rests here, due in so many milliseconds at the earliest. */
  dueIn(ms: number): void;
  /** A run settled that others wait for, or that has children. */
  tiedSettled(): void;
  /** Runs settled, durably. */
  settled(runs: readonly RunRecord[]): void;
  readonly transactions: Transactions;
}

const noHistory: History = { entries: [], calls: [], streams: [] };

/** The runs of one worker. */
export class Turns implements TurnHost<LiveRun>, HeldRuns {
  readonly env: Env;
  readonly log: Logger;
  readonly leaseMs: number;
  readonly harness: Harness | null;
  readonly transactions: Transactions;
  readonly quarantine: Quarantine;
  readonly #options: TurnsOptions;
  readonly #pump: Pump;
  readonly #committer: Committer;
  readonly #mailroom: Mailroom;
  readonly #live = new Map<string, LiveRun>();
  readonly #resting = new Map<string, LiveRun>();
  /** A ring: what came of these leases may be taken back by a restore. */
  #recent: Lease[] = [];
  #recentAt = 0;
  #settled: RunRecord[] = [];
  #stopping = false;
  #forgetting = false;
  #blocked = { ms: 0, at: -Infinity };

  constructor(options: TurnsOptions) {
    this.env = options.env;
    this.log = options.log;
    this.leaseMs = options.leaseMs;
    this.harness = options.harness;
    this.transactions = options.transactions;
    this.#options = options;
    this.#pump = new Pump(options.env);
    this.#mailroom = new Mailroom(options);
    const { harness } = options;
    this.quarantine = new Quarantine(options.env, () => options.quarantineFreed(), harness?.probationMs);
    this.#committer = new Committer(options.store, options.env, {
      outage: options.outage,
      continuity: options.continuity,
      afterWrite: (run) => this.quarantine.review(run, false),
      published: (runIds) => options.hints.published(runIds),
    });
  }

  /** How many runs are driven. */
  get size(): number {
    return this.#live.size;
  }

  /** The runs that are driven. */
  get live(): Iterable<LiveRun> {
    return this.#live.values();
  }

  deliver(run: LiveRun): void {
    this.#pump.deliver(run);
  }

  submit(run: LiveRun): void {
    this.#committer.submit(run);
  }

  readMail(run: LiveRun): void {
    this.#mailroom.read(run);
  }

  tie(child: NewChild): Promise<ChildAnswer> {
    return this.#mailroom.tie(child);
  }

  send(lease: Lease, message: NewMessage): Promise<SendAnswer> {
    return this.#mailroom.send(lease, message);
  }

  subscribe(subscription: NewSubscription): Promise<SubscribeAnswer> {
    return this.#mailroom.subscribe(subscription);
  }

  /**
   * Something came for these runs; those that are driven here hear it at once. Whoever cannot be told looks
   * as often as mail is carried.
   */
  told(runIds: readonly string[]): void {
    for (const id of runIds) this.#live.get(id)?.inbox.hear();
    for (const run of this.#live.values()) if (run.untold) run.inbox.hear();
  }

  /** Begins or continues claimed runs. */
  async begin(claimed: readonly ClaimedRun[], at: Instant): Promise<void> {
    if (claimed.length > 0) this.#options.held(claimed.map((claim) => claim.lease));
    const unread: ClaimedRun[] = [];
    for (const claim of claimed) {
      publish('perdure:run.claimed', () => ({
        runId: claim.lease.runId, workflow: claim.workflow, epoch: claim.lease.epoch, fresh: claim.fresh,
        strikes: claim.strikes,
      }));
      this.#live.get(claim.lease.runId)?.lose();
      const resting = this.#resting.get(claim.lease.runId);
      this.#resting.delete(claim.lease.runId);
      if (resting !== undefined && resting.restedEpoch === claim.before) this.#resume(resting, claim, at);
      else if (claim.fresh) this.#open(claim, noHistory, at);
      else unread.push(claim);
    }
    if (unread.length > 0) await this.#read(unread, at);
  }

  #resume(run: LiveRun, claim: ClaimedRun, at: Instant): void {
    this.#hold(run);
    run.resume(claim, at);
    this.#admit(run);
  }

  #open(claim: ClaimedRun, history: History, at: Instant): void {
    const definition = this.#options.definitionFor(claim);
    if (definition === undefined) return;
    const held = this.#live.get(claim.lease.runId);
    // Claimed once more while its record was read.
    if (held !== undefined && held.lease.epoch > claim.lease.epoch) return;
    const run = new LiveRun(this, { definition, claimed: claim, history, at });
    this.#hold(run);
    this.#admit(run);
    this.deliver(run);
  }

  #hold(run: LiveRun): void {
    this.#live.set(run.runId, run);
    run.renewedAt = this.env.monotonic();
  }

  #admit(run: LiveRun): void {
    this.quarantine.admit(run);
    if (this.#stopping) run.stop();
  }

  // Read by a later statement than the claim: in the claim's own snapshot a step that was just committed is
  // missing.
  async #read(claims: readonly ClaimedRun[], at: Instant): Promise<void> {
    const { store, outage, continuity } = this.#options;
    const { era } = continuity;
    const leases = claims.map((claim) => claim.lease);
    while (continuity.era === era) {
      try {
        const histories = await store.readHistories(leases);
        if (continuity.era !== era) break;
        outage.over('read');
        for (const [index, claim] of claims.entries()) this.#open(claim, histories[index] ?? noHistory, at);
        return;
      } catch (error) {
        await outage.pause('read', error);
      }
    }
    outage.over('read');
    this.#options.giveBack(leases);
  }

  /** Renews every lease that was last renewed longer ago than `renewMs`. */
  renew(renewMs: number): void {
    const now = this.env.monotonic();
    for (const run of this.#live.values()) {
      if (now - run.renewedAt < renewMs) continue;
      run.renewedAt = now;
      run.renew('keep');
    }
  }

  /**
   * The event loop was blocked for so long that leases were handed over: said of every run that is found lost
   * within the length of a lease.
   */
  blocked(ms: number): void {
    this.#blocked = { ms, at: this.env.monotonic() };
  }

  ended(run: LiveRun, how: TurnEnded, write: TurnWrite | null): void {
    this.quarantine.review(run, true);
    const { runId, generation, definition: { name: workflow } } = run;
    if (how === 'restart') {
      // It keeps its slot, and stays among those that a recall finds held.
      // Its code has begun, and something may have come since its claim.
      void this.#read([{ ...run.claimed, fresh: false, first: false }], run.knownAt);
      return;
    }
    if (this.#live.get(runId) === run) this.#live.delete(runId);
    this.#recent[this.#recentAt++ % recentLeases] = run.lease;
    if (how === 'settled' || how === 'parked') this.#tellSettled(run, write);
    else if (how === 'rested') this.#keep(run, write);
    else if (how === 'lost') this.#tellLost(run);
    if (how === 'rested') publish('perdure:run.rested', () => ({ runId, workflow }));
    // Its next generation stands in line, for this worker or another.
    if (how === 'continued') {
      publish('perdure:run.continued', () => ({ runId, workflow, generation }));
      this.#options.dueIn(0);
    }
    this.#options.freed();
  }

  #keep(run: LiveRun, write: TurnWrite | null): void {
    if (run.restedEpoch !== null && this.harness?.forgetful !== true) {
      this.#resting.set(run.runId, run);
      if (this.#resting.size > restingRuns) {
        const [oldest] = this.#resting.keys();
        if (oldest !== undefined) this.#resting.delete(oldest);
      }
    }
    if (write?.end?.kind !== 'rest') return;
    const { wakeInMs, wakeAt } = write.end;
    const untilMs = wakeAt === null ? Infinity : (wakeAt - (run.restedEpoch ?? 0)) / 1_000;
    this.#options.dueIn(Math.max(0, Math.min(wakeInMs ?? Infinity, untilMs)));
  }

  #tellSettled(run: LiveRun, write: TurnWrite | null): void {
    const end = write?.end;
    if (end?.kind !== 'settle' && end?.kind !== 'park') return;
    const { runId, generation, definition: { name: workflow } } = run;
    const record = { id: runId, workflow, generation, error: end.error };
    if (end.kind === 'park') {
      const { message } = decodeError(end.error);
      publish('perdure:run.parked', () => ({ runId, workflow, reason: end.reason, message }));
      this.log.error(message, { runId, workflow, reason: end.reason });
      this.#settled.push({ ...record, status: 'parked', output: nothing, reason: end.reason });
    } else {
      if (end.tied || run.claimed.tied) this.#options.tiedSettled();
      publish('perdure:run.settled', () => ({ runId, workflow, status: end.status }));
      this.#settled.push({ ...record, status: end.status, output: end.output, reason: null });
    }
    if (this.#settled.length > 1) return;
    // One telling for all runs of a commit.
    this.env.nextTurn(() => {
      const settled = this.#settled;
      this.#settled = [];
      this.#options.settled(settled);
    });
  }

  #tellLost(run: LiveRun): void {
    if (this.#forgetting) return;
    const { runId, definition: { name: workflow } } = run;
    const blocked = this.env.monotonic() - this.#blocked.at < this.leaseMs;
    const blockedBy = blocked ? run.openSteps : [];
    publish('perdure:run.lost', () => ({ runId, workflow, epoch: run.lease.epoch, blockedBy }));
    const names = blockedBy.map((step) => `'${step}'`).join(', ');
    const steps = names === '' ? '' : ` while it ran step ${names}`;
    const why = blocked ? `The event loop was blocked for ${Math.round(this.#blocked.ms)} ms. ` : '';
    this.log.warn(`${why}Run '${runId}' lost its lease${steps}: nothing of this turn is ` +
      'written, and whoever claims it next goes on from its journal.', { runId, workflow });
  }

  get driven(): readonly DrivenRun[] {
    return [...this.#live.values()].map(({ runId, definition, openSteps }) => (
      { runId, workflow: definition.name, steps: openSteps }));
  }

  vanish(): readonly string[] {
    const runs = [...this.#live.values()];
    for (const run of runs) run.lose();
    this.#resting.clear();
    return runs.map((run) => run.runId);
  }

  /**
   * Forgets every run, driven or resting, and gives the leases back, also those that it had until lately.
   * Returns how many were driven.
   */
  forget(): number {
    const driven = [...this.#live.values()].map((run) => run.lease);
    const recent = this.#recent;
    this.#recent = [];
    this.#forgetting = true;
    this.vanish();
    this.#forgetting = false;
    // Those whose record was being read have no turn that could have ended.
    this.#live.clear();
    this.#options.giveBack([...driven, ...recent]);
    return driven.length;
  }

  /** No further step begins; every run is given back as soon as nothing of it runs. */
  stop(): void {
    this.#stopping = true;
    for (const run of [...this.#live.values()]) run.stop();
  }

  /** Bodies that still run are told to stop; their runs are given back at once. */
  abandonSteps(reason: Error): void {
    for (const run of [...this.#live.values()]) run.abandonSteps(reason);
  }
}
