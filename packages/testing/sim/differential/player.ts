// Plays the ops of a schedule on one side, and says what was heard: answers in canonical form, who waits for
// whom, and the answers of those who waited.
//
//   P1. What is done is decided by the ops and by what was heard before, so that two sides that answered
//       alike are asked alike. What cannot be asked is skipped on both.
//   P2. What is not asked, though it could be, stands in rules.ts with its reason.
import {
  partOf, type CarryAnswer, type CheckAnswer, type ClaimRequest, type Lease, type RecordedEntry, type Store,
} from '@perdure/core/engine';
import { canonical } from './canonical.js';
import { observe, type LeaseRef, type Op, type RecordRef, type Session } from './op.js';
import { looks, runIds } from './looks.js';
import { comparable, isAmbiguous, mayAsk } from './rules.js';
import { isRefusal, type Side } from './side.js';
import type { OpenTransaction, Standing } from './standing.js';
import { StepClock } from './step-clock.js';

const mostRounds = 50;

type Verbs = Readonly<Record<string, (...given: readonly unknown[]) => Promise<unknown>>>;

/** Something that was heard. */
export interface Heard {
  /** What it answers. */
  readonly of: string;
  readonly answer: unknown;
}

/** One side at work on one schedule. */
export class Player implements Standing {
  readonly side: Side;
  readonly clock: StepClock = new StepClock();
  readonly leases: Map<string, Lease[]> = new Map();
  readonly transactions: Map<Session, OpenTransaction> = new Map();
  readonly locks: Map<string, () => Promise<void>> = new Map();

  constructor(side: Side) {
    this.side = side;
  }

  /** Does one op. */
  async play(op: Op): Promise<readonly Heard[]> {
    this.clock.begin(await this.side.tick());
    if (op.verb === observe) return this.#observe(op);
    if (!mayAsk(op, this)) return [];
    const args = await this.#filled(op.args) as unknown[] | null;
    if (args === null) return [];
    if (op.verb === 'claim' && await isAmbiguous(args[0] as ClaimRequest, this)) {
      args[0] = { ...args[0] as ClaimRequest, limit: runIds.length };
    }
    const heard = await this.#ask(op, args);
    return [...heard, ...await this.#lateAnswers()];
  }

  /** Runs whose row somebody shares or holds. */
  get heldRuns(): ReadonlySet<string> {
    const fenced = [...this.transactions.values()].flatMap((transaction) => [...transaction.fenced]);
    return new Set([...fenced, ...this.locks.keys()]);
  }

  async #observe({ session, args }: Op): Promise<readonly Heard[]> {
    const heard: Heard[] = [];
    for (const { verb, args: given } of await looks(this.side.store(session), Number(args[0]))) {
      const answer = await this.#call(this.side.store(session), verb, given);
      heard.push({ of: `${verb}(${JSON.stringify(given)})`, answer: this.#canonical(answer, verb, given) });
    }
    return heard;
  }

  async #ask(op: Op, args: readonly unknown[]): Promise<readonly Heard[]> {
    const [kind, name = ''] = op.verb.split('.');
    if (kind === 'tx') return this.#inTransaction(op, name, args);
    if (kind === 'hand') return this.#byHand(name, String(args[0]));
    const store = this.side.store(op.session);
    const { verb } = op;
    const answer = verb === 'carry' ? await this.#carry(store, args) : await this.#call(store, verb, args);
    this.#learn(op, args, answer);
    const compared = verb === 'check' ? comparable(answer as CheckAnswer) : answer;
    return [{ of: verb, answer: this.#canonical(compared, verb, args) }];
  }

  /** Carries until nothing is left: how much one carry takes is left to the store. */
  async #carry(store: Store, args: readonly unknown[]): Promise<unknown> {
    const told = new Set<string>();
    for (let rounds = 0; rounds < mostRounds; rounds++) {
      const answer = await this.#call(store, 'carry', args) as CarryAnswer;
      for (const id of answer.told ?? []) told.add(id);
      if (answer.more !== true) return { ...answer, told: [...told] };
    }
    return { threw: 'there is always more to carry' };
  }

  async #byHand(name: string, runId: string): Promise<readonly Heard[]> {
    if (name === 'makeDue') await this.side.makeDue(runId);
    if (name === 'lockRow') {
      const [detail] = await this.side.store('a').readDetails([runId]);
      if (detail?.line != null) this.locks.set(runId, await this.side.lockRow(runId));
    }
    if (name === 'release') {
      if (!this.locks.has(runId)) return [];
      await this.locks.get(runId)?.();
      this.locks.delete(runId);
    }
    return [{ of: `hand.${name}`, answer: 'done' }];
  }

  async #inTransaction(op: Op, name: string, args: readonly unknown[]): Promise<readonly Heard[]> {
    const { session } = op;
    const open = this.transactions.get(session);
    if (name === 'begin') {
      const made = await this.side.begin(session);
      this.transactions.set(session, { made, waiting: null, fenced: new Set() });
      return [{ of: op.verb, answer: 'begun' }];
    }
    if (open === undefined) return [];
    if (name === 'commit' || name === 'rollback') {
      this.transactions.delete(session);
      await open.made.end(name);
      return [{ of: op.verb, answer: name }];
    }
    const answer = this.#call(open.made, name, args);
    open.waiting = { of: op.verb, answer, op: { ...op, args }, step: this.clock.step };
    if (!await this.side.settles(session, answer)) return [{ of: op.verb, answer: 'waits' }];
    return this.#answered(session, open);
  }

  /** Those who waited and wait no more. */
  async #lateAnswers(): Promise<readonly Heard[]> {
    const heard: Heard[] = [];
    for (const [session, open] of this.transactions) {
      if (open.waiting === null || !await this.side.settles(session, open.waiting.answer)) continue;
      const answered = await this.#answered(session, open);
      heard.push(...answered.map(({ of, answer }) => ({ of: `late ${of}`, answer })));
    }
    return heard;
  }

  async #answered(session: Session, open: OpenTransaction): Promise<readonly Heard[]> {
    const { waiting } = open;
    if (waiting === null) return [];
    const answer = await waiting.answer;
    open.waiting = null;
    if (waiting.step < this.clock.step) this.clock.late(waiting.step);
    const isRefused = JSON.stringify(answer)?.includes('"refused"');
    const [lease] = waiting.op.args as [Lease];
    if (waiting.of === 'tx.fence' && answer === 'held') open.fenced.add(lease.runId);
    else if (waiting.of === 'tx.fence' || isRefused) {
      // As callers do, and the worker. In PostgreSQL the transaction is of no use, or shares a row in vain.
      this.transactions.delete(session);
      await open.made.end('rollback');
    }
    this.#learn(waiting.op, waiting.op.args, answer);
    const { of, op: { args } } = waiting;
    return [{ of, answer: isRefused ? 'refused' : this.#canonical(answer, of, args) }];
  }

  #canonical(answer: unknown, verb: string, args: readonly unknown[]): unknown {
    return canonical(answer, verb, { clock: this.clock, ids: idsIn(args[0]) });
  }

  async #call(on: object, verb: string, args: readonly unknown[]): Promise<unknown> {
    try {
      return await (on as Verbs)[verb]?.(...args);
    } catch (error) {
      if (isRefusal(error)) return { kind: 'refused' };
      return { threw: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
    }
  }

  /** Leases that an answer hands out. */
  #learn({ verb }: Op, args: readonly unknown[], answer: unknown): void {
    if (verb === 'claim' || verb === 'recall') {
      for (const { lease } of (answer as { runs?: { lease: Lease }[] }).runs ?? []) this.#keep(lease);
    }
    if (verb !== 'startRuns') return;
    for (const [at, run] of (args[0] as { id: string; lease?: unknown }[]).entries()) {
      const { kind, epoch = 0 } = (answer as { kind: string; epoch?: number }[])[at] ?? { kind: 'none' };
      if (kind !== 'created' || run.lease === undefined) continue;
      this.#keep({ runId: run.id, part: partOf(run.id), generation: 1, epoch });
    }
  }

  #keep(lease: Lease): void {
    this.leases.set(lease.runId, [...this.leases.get(lease.runId) ?? [], lease]);
  }

  /** References become what they stand for on this side; null if there is no such lease. */
  async #filled(value: unknown): Promise<unknown> {
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    if ('$lease' in value && 'back' in value) {
      const { $lease: run, back, nth = -1 - back } = value as LeaseRef;
      return this.leases.get(run)?.at(nth) ?? null;
    }
    if ('$hours' in value && 'unit' in value) {
      return this.clock.callers(Number(value.$hours)) / (value.unit === 'ms' ? 1_000 : 1);
    }
    if ('$record' in value) return this.#record(value as RecordRef);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const item of value) {
        const filled = await this.#filled(item);
        if (filled === null && item !== null) return null;
        items.push(filled);
      }
      return items;
    }
    const facts: [string, unknown][] = [];
    for (const [key, fact] of Object.entries(value)) {
      const filled = await this.#filled(fact);
      if (filled === null && fact !== null) return null;
      facts.push([key, filled]);
    }
    return Object.fromEntries(facts);
  }

  async #record({ $record: runId, generation, count }: RecordRef): Promise<readonly RecordedEntry[]> {
    const all = await this.side.store('a').readEntries({ runId, generation, after: -1, limit: 1_000 });
    return all.slice(0, count);
  }
}

/** The runs that a verb is asked about, in the order of its answers. */
function idsIn(given: unknown): readonly string[] {
  return [given].flat().map((item) => {
    const { id, run, lease } = (item ?? {}) as { id?: string; run?: { id: string }; lease?: Lease };
    return id ?? run?.id ?? lease?.runId ?? '';
  });
}
