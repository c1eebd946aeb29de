// Whatever a batch contains, and whichever statement is made for it: PostgreSQL and the memory store answer
// and hold the same.
import {
  MemoryStore, partOf, type AttributeValue, type Entry, type Lease, type Store, type TurnEnd,
  type TurnWrite,
} from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';

const connection = await connect(await freshDatabase());
afterAll(() => connection.close());

const runs = 4;
const json = (text: string) => ({ codec: 'json', text });

/** What one run writes in one batch, as far as chance decides. */
interface Wish {
  readonly entries: readonly { readonly place: number; readonly takes: number | null }[];
  readonly calls: readonly number[];
  readonly closed: readonly number[];
  readonly end: 'none' | 'renew' | 'rest' | 'settle' | 'park' | 'continue';
  readonly attributes: readonly { readonly name: string; readonly value: AttributeValue | null }[];
  readonly chunks: number;
  readonly lost: boolean;
}

const place = fc.nat(6);
const rarely = <Value>(wish: fc.Arbitrary<Value>, otherwise: Value): fc.Arbitrary<Value> => (
  fc.oneof({ arbitrary: fc.constant(otherwise), weight: 2 }, { arbitrary: wish, weight: 1 }));
const wish: fc.Arbitrary<Wish> = fc.record({
  entries: fc.uniqueArray(fc.record({ place, takes: rarely(fc.nat(5), null) }), {
    maxLength: 3, selector: (entry) => entry.place,
  }),
  calls: rarely(fc.array(place, { maxLength: 3 }), []),
  closed: rarely(fc.array(place, { maxLength: 3 }), []),
  end: fc.constantFrom('none', 'none', 'renew', 'rest', 'rest', 'settle', 'park', 'continue'),
  attributes: rarely(fc.array(fc.record({
    name: fc.constantFrom('a', 'b'),
    value: fc.constantFrom<(AttributeValue | null)[]>('x"\\', 'true', -1.5, true, new Date(7), null),
  }), { maxLength: 3 }), []),
  chunks: rarely(fc.nat(2), 0),
  lost: rarely(fc.boolean(), false),
});
const rounds = fc.array(fc.record({
  wishes: fc.array(fc.option(wish), { minLength: runs, maxLength: runs }),
  twice: fc.boolean(),
}), { minLength: 1, maxLength: 5 });

const ends: Readonly<Record<Wish['end'], TurnEnd | null>> = {
  none: null,
  renew: { kind: 'renew', leaseMs: 60_000, quarantine: 'absolve' },
  rest: { kind: 'rest', wakeInMs: 0, wakeAt: null },
  settle: { kind: 'settle', status: 'failed', output: json('"out"'), error: '{"message":"no"}', tied: false },
  continue: { kind: 'continue', input: json('"next\\"') },
  park: { kind: 'park', reason: 'POISONED', error: '{"message":"why"}' },
};

/** What was taken by writes before this one is given back. */
function givingBack(entries: readonly Entry[]): TurnEnd {
  const taken = new Set(entries.map(({ message }) => message));
  const returned = ['m0', 'm3', 'nobody'].filter((id) => !taken.has(id));
  return { kind: 'continue', input: json('"next\\"'), returned };
}

/** One store, the leases that it gave, and what was written in it. */
class Side {
  readonly #store: Store;
  readonly #queue: string;
  readonly #leases = new Map<string, Lease>();
  #claims = 0;

  constructor(store: Store, queue: string) {
    this.#store = store;
    this.#queue = queue;
  }

  get ids(): readonly string[] {
    return Array.from({ length: runs }, (_, index) => `${this.#queue}-${index}`);
  }

  async begin(): Promise<void> {
    await this.#store.startRuns(this.ids.map((id) => (
      { id, workflow: 'w', queue: this.#queue, input: json('1'), timeoutMs: 90_000 })));
    const signals = this.ids.flatMap((runId) => [0, 1, 2, 3, 4].map((n) => ({
      runId, id: `m${n}`, kind: 'signal', name: `s${n % 2}`, payload: json(String(n)), error: null,
    } as const)));
    await this.#store.sendMessages(signals);
    await this.claim();
  }

  async claim(): Promise<unknown> {
    const served = [{ queue: this.#queue, workflow: 'w', version: null, stamp: null }];
    const claimId = `${this.#queue}${this.#claims++}`.padEnd(32, '0');
    const claimed = await this.#store.claim({
      claimId, served, limit: 10, suspects: false, leaseMs: 60_000, sweep: true,
    });
    for (const { lease } of claimed.runs) this.#leases.set(lease.runId, lease);
    const shown = claimed.runs.map(({ lease: { runId }, fresh, first, timeoutMs }) => (
      { runId, fresh, first, timeoutMs }));
    return shown.sort((one, other) => (one.runId < other.runId ? -1 : 1));
  }

  /** Writes what is wished for, and tells what was answered. */
  async write(wishes: readonly (Wish | null)[]): Promise<unknown> {
    const writes = wishes.flatMap((one, index) => (one === null ? [] : this.#write(index, one)));
    const answers = await this.#store.commit(writes);
    return answers.map((answer) => ({ ...answer, at: 0, epoch: 'epoch' in answer && answer.epoch !== null }));
  }

  #write(index: number, { entries, calls, closed, end, attributes, chunks, lost }: Wish): TurnWrite {
    const runId = this.ids[index] ?? '';
    const lease = this.#leases.get(runId) ?? { runId, part: partOf(runId), generation: 1, epoch: 0 };
    const recorded = entries.map(({ place: at, takes }): Entry => ({
      place: String(at), position: at, kind: 'step', name: 'n"', value: json(String(at)), error: null,
      attempt: 1, tookMs: 1, message: takes === null ? null : `m${takes}`,
    }));
    return {
      lease: lost ? { ...lease, epoch: lease.epoch - 1 } : lease,
      entries: recorded,
      calls: calls.map((at, attempt) => ({
        place: String(at), kind: 'sleep', name: '', attempt, error: null, delayMs: at === 0 ? null : 60_000,
        atMs: null, deadlineMs: at === 1 ? 5_000 : null, progress: at === 2 ? json(String(attempt)) : null,
      })),
      closed: closed.map(String),
      end: end === 'continue' ? givingBack(recorded) : ends[end],
      more: attributes.length + chunks === 0 ? null : {
        attributes,
        chunks: Array.from({ length: chunks }, (_, seq) => (
          { stream: 's', seq, source: seq === 0 ? '' : '1', value: json(String(seq)) })),
      },
    };
  }

  /** All that the store holds of the runs, without what its clock says. */
  async held(): Promise<unknown> {
    const leases = this.ids.map((id) => this.#leases.get(id) ?? never(id));
    const histories = await this.#store.readHistories(leases);
    const mail = await this.#store.readMail(leases.map((lease) => (
      { lease, boxes: [{ kind: 'signal' as const, name: null }] })));
    const listed = await Promise.all(this.ids.map((id) => this.#store.queryRuns(
      { id, workflow: null, status: null, attributes: {}, after: null, limit: 1 })));
    const chunks = await Promise.all(this.ids.map((runId) => this.#store.readChunks(
      { runId, stream: 's', from: 0, limit: 9 })));
    return {
      runs: [...await this.#store.readRuns(this.ids)].sort((one, other) => (one.id < other.id ? -1 : 1)),
      entries: histories.map(({ entries }) => entries.map((entry) => ({ ...entry, at: 0 })).sort(byPlace)),
      calls: histories.map(({ calls }) => calls.map((call) => (
        { ...call, dueAt: call.dueAt === Infinity, deadlineAt: call.deadlineAt === null })).sort(byPlace)),
      streams: histories.map(({ streams }) => streams),
      inbox: mail.map(({ messages }) => messages.map(({ id }) => id)),
      attributes: listed.map(([run]) => run?.attributes),
      chunks: chunks.map((those) => those.map((chunk) => ({ ...chunk, at: 0 }))),
    };
  }
}

function never(id: string): never {
  throw new Error(`${id} was never claimed`);
}

function byPlace(one: { readonly place: string }, other: { readonly place: string }): number {
  return one.place < other.place ? -1 : 1;
}

test('any batch is answered and written as in the memory store', async () => {
  let queues = 0;
  await fc.assert(fc.asyncProperty(rounds, async (script) => {
    const queue = `c${++queues}`;
    const [ours, memory] = [new Side(connection.store, queue), new Side(new MemoryStore(), queue)];
    await Promise.all([ours.begin(), memory.begin()]);
    for (const { wishes, twice } of script) {
      for (let sending = 0; sending < (twice ? 2 : 1); sending++) {
        expect(await ours.write(wishes)).toEqual(await memory.write(wishes));
      }
      expect(await ours.held()).toEqual(await memory.held());
      expect(await ours.claim()).toEqual(await memory.claim());
    }
  }), { numRuns: 40 });
}, 60_000);
