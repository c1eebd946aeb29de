// The words in which store cases are written: one served workflow, its runs, and what happens to them.
import assert from 'node:assert/strict';
import type { Encoded } from '../codec.js';
import {
  nothing, type ClaimAnswer, type ClaimedRun, type ClaimRequest, type Entry, type History, type Lease,
  type NewPendingCall, type NewRun, type RunStatus, type Served, type StartAnswer, type Store,
  type TurnAnswer, type TurnEnd, type TurnWrite,
} from '../store.js';
import type { StoreCase, StoreWorld } from './store-world.js';

/** An answer that says the write stands. */
export type DoneAnswer = Extract<TurnAnswer, { kind: 'done' | 'already-done' }>;

/** An answer that says the run was made. */
export type CreatedAnswer = Extract<StartAnswer, { kind: 'created' }>;

/** Long enough that no case outlives it. */
export const longMs = 600_000;

/** What the worker of a scene serves unless a case says otherwise. */
export const served: Served = { queue: 'default', workflow: 'greet', version: null, stamp: null };

/** Ends of a turn, as short as cases need them. */
export const ends = {
  settle: (text: string | null = '"done"'): TurnEnd => (
    { kind: 'settle', status: 'completed', output: { codec: 'json', text }, error: null, tied: false }),
  park: (reason = 'NONDETERMINISM'): TurnEnd => ({ kind: 'park', reason, error: '{"message":"parked"}' }),
  rest: (wakeInMs: number | null = null, wakeAt: number | null = null): TurnEnd => (
    { kind: 'rest', wakeInMs, wakeAt }),
  renew: (quarantine: 'keep' | 'leave' | 'absolve' = 'keep'): TurnEnd => (
    { kind: 'renew', leaseMs: longMs, quarantine }),
} as const;

/** A JSON text as a stored value. */
export function json(text: string | null): Encoded {
  return { codec: 'json', text };
}

/** An entry of a step. */
export function entry(place: string, position: number, more: Partial<Entry> = {}): Entry {
  return {
    place, position, kind: 'step', name: `step ${place}`, value: json(`"${place}"`), error: null, attempt: 1,
    tookMs: 3, message: null, ...more,
  };
}

/** A sleep that is over after `delayMs`. */
export function sleep(place: string, delayMs: number, more: Partial<NewPendingCall> = {}): NewPendingCall {
  return {
    place, kind: 'sleep', name: `sleep ${place}`, attempt: 0, error: null, progress: null, delayMs,
    atMs: null, deadlineMs: null, ...more,
  };
}

/** A run to be started. */
export function newRun(id: string, more: Partial<NewRun> = {}): NewRun {
  return { id, workflow: served.workflow, queue: served.queue, input: json(`"input of ${id}"`), ...more };
}

/** A claim id of this name, in the form in which the engine makes them: 128 bits in hexadecimal. */
export function claimId(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32);
}

/** A wish for runs, under the claim id of this name. */
export function request(claim: string, more: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    claimId: claimId(claim), served: [served], limit: 100, suspects: false, leaseMs: longMs, sweep: true,
    ...more,
  };
}

/** What a turn writes. */
export function write(run: ClaimedRun | Lease, more: Partial<Omit<TurnWrite, 'lease'>> = {}): TurnWrite {
  const lease = 'lease' in run ? run.lease : run;
  return { lease, entries: [], calls: [], closed: [], end: null, more: null, ...more };
}

/** A write that only ends the turn. */
export function ending(run: ClaimedRun | Lease, end: TurnEnd): TurnWrite {
  return write(run, { end });
}

/** Ids of claimed runs, sorted: the order of an answer is free. */
export function idsOf(runs: readonly ClaimedRun[]): string[] {
  return runs.map((run) => run.lease.runId).sort();
}

/** The only one of a list. */
export function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  assert.equal(items.length, 1, `expected one, got ${items.length}`);
  assert.ok(item !== undefined);
  return item;
}

/** A world, and shorthands that fail where they do not get what they ask for. */
export class Scene {
  readonly world: StoreWorld;
  readonly store: Store;
  #claims = 0;

  constructor(world: StoreWorld) {
    this.world = world;
    this.store = world.store;
  }

  /** Starts a run that must not exist. */
  async start(id: string, more: Partial<NewRun> = {}): Promise<CreatedAnswer> {
    const answer = only(await this.store.startRuns([newRun(id, more)]));
    assert.equal(answer.kind, 'created', `start of ${id}: ${answer.kind}`);
    return answer;
  }

  /** Claims under a claim id of its own. */
  async claim(more: Partial<ClaimRequest> = {}): Promise<ClaimAnswer> {
    return this.store.claim(request(`claim-${++this.#claims}`, more));
  }

  /** Ids of what is claimed. */
  async claimIds(more: Partial<ClaimRequest> = {}): Promise<string[]> {
    return idsOf((await this.claim(more)).runs);
  }

  /** Claims, and must get this run and no other. */
  async claimOne(id: string, more: Partial<ClaimRequest> = {}): Promise<ClaimedRun> {
    const { runs } = await this.claim(more);
    assert.deepEqual(idsOf(runs), [id]);
    return only(runs);
  }

  /** Starts a run and claims it; nothing else may be due. */
  async claimed(id: string, more: Partial<NewRun> = {}): Promise<ClaimedRun> {
    await this.start(id, more);
    return this.claimOne(id);
  }

  /** Lets a claimed run's lease end, and claims it as a suspect. */
  async suspect(id: string): Promise<ClaimedRun> {
    await this.world.expireLease(id);
    // The first claim that meets it may only move it to the quarantine.
    const first = await this.claim({ suspects: true });
    if (first.runs.length > 0) {
      assert.deepEqual(idsOf(first.runs), [id]);
      return only(first.runs);
    }
    return this.claimOne(id, { suspects: true });
  }

  async commit(item: TurnWrite): Promise<TurnAnswer> {
    return only(await this.store.commit([item]));
  }

  /** Commits, and must be told that it stands. */
  async done(item: TurnWrite): Promise<DoneAnswer> {
    const answer = await this.commit(item);
    assert.ok(answer.kind === 'done' || answer.kind === 'already-done', `answered ${answer.kind}`);
    return answer;
  }

  /** Commits, and must be told this. */
  async answered(kind: TurnAnswer['kind'], item: TurnWrite): Promise<void> {
    assert.equal((await this.commit(item)).kind, kind);
  }

  /** Rests, and must be told the new epoch. */
  async rest(run: ClaimedRun, wakeInMs: number | null = null): Promise<number> {
    const { epoch } = await this.done(ending(run, ends.rest(wakeInMs)));
    assert.ok(epoch !== null, 'a rest is answered with its epoch');
    return epoch;
  }

  async status(id: string): Promise<RunStatus> {
    return only(await this.store.readRuns([id])).status;
  }

  async history(run: ClaimedRun | Lease): Promise<History> {
    return only(await this.store.readHistories(['lease' in run ? run.lease : run]));
  }

  /** Places that a run recorded, in order. */
  async places(run: ClaimedRun | Lease): Promise<string[]> {
    return (await this.history(run)).entries.map((recorded) => recorded.place);
  }

  /** When the next served run is due; nothing may be due now. */
  async nextDue(): Promise<number | null> {
    const { runs, nextDueAt } = await this.claim();
    assert.deepEqual(idsOf(runs), []);
    return nextDueAt;
  }
}

/** A case: one promise, and a scene that shows whether it is kept. */
export function promise(name: string, play: (scene: Scene) => Promise<void>): StoreCase {
  return { name, run: (world) => play(new Scene(world)) };
}

export { nothing };
