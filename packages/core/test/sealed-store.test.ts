// A sealed store keeps every promise of the port, hides every text, and binds each to its place.
import { DatabaseUnavailableError, PayloadError, WorkflowError, type SealedPlace } from '@perdure/core';
import {
  decode, decodeError, encode, encodeError, MemoryStore, nothing, sealing, storeCases, type ClaimedRun,
  type Entry, type Lease, type Message, type NewMessage, type NewPendingCall, type NewRun, type Store,
  type StoreWorld, type TurnEnd, type TurnWrite,
} from '@perdure/core/engine';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryWorld } from './memory-world.js';
import { sealed, TestSeal } from './sealed-world.js';

const canary = 'canary-5f1c';

function sealedWorld(seal: TestSeal): StoreWorld {
  const world = memoryWorld();
  const { store, within } = sealed(world.store, seal);
  const readMail = store.readMail.bind(store);
  // Where an outcome comes from is told beyond what the cases know.
  store.readMail = async (wants) => (await readMail(wants)).map((mail) => ({
    ...mail,
    messages: mail.messages.map((message) => {
      const known = { ...message };
      delete known.from;
      return known;
    }),
  }));
  return {
    ...world,
    store,
    within: (body, end) => world.within(async (transaction) => body(await within(transaction)), end),
  };
}

describe.each([
  ['at once', {}], ['after a while', { slow: true }], ['without being strict', { strict: false }],
])('a store that seals %s keeps its promises', (_how, options) => {
  test.each(storeCases.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    await each.run(sealedWorld(new TestSeal(options)));
  });
});

/** Everything on one run, as a worker and a client do it. */
class Scene {
  readonly inner = new MemoryStore();
  readonly seal: TestSeal;
  readonly store: Store;

  constructor(seal = new TestSeal()) {
    this.seal = seal;
    this.store = sealed(this.inner, seal).store;
  }

  async start(id: string, input: unknown = { canary }, store = this.store): Promise<void> {
    const run: NewRun = { id, workflow: 'w', queue: 'q', input: encode(input, 'it') };
    expect((await store.startRuns([run])).map(({ kind }) => kind)).toEqual(['created']);
  }

  async claim(store = this.store): Promise<ClaimedRun> {
    const { runs } = await store.claim({
      claimId: 'c', limit: 1, suspects: false, leaseMs: 60_000, sweep: true,
      served: [{ queue: 'q', workflow: 'w', version: null, stamp: null }],
    });
    expect(runs).toHaveLength(1);
    return runs[0]!;
  }

  async born(id: string): Promise<Lease> {
    await this.start(id);
    return (await this.claim()).lease;
  }
}

const error = encodeError(new Error(canary));
const value = encode([canary, new Date(5)], 'it');
const entry = (place: string, position: number, more: Partial<Entry> = {}): Entry => ({
  place, position, kind: 'step', name: place, value, error: null, attempt: 1, tookMs: 1, message: null,
  ...more,
});
const call = (place: string): NewPendingCall => ({
  place, kind: 'step', name: 'c', attempt: 1, error, progress: value, delayMs: 1_000, atMs: null,
  deadlineMs: null,
});
const write = (lease: Lease, more: Partial<TurnWrite>): TurnWrite => (
  { lease, entries: [], calls: [], closed: [], end: null, more: null, ...more });
const completed: TurnEnd = { kind: 'settle', status: 'completed', output: value, error: null, tied: false };
const failed: TurnEnd = { kind: 'settle', status: 'failed', output: nothing, error, tied: false };

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

/** Everything that stands in the store, as the store itself reads it. */
async function stored(store: Store, ids: readonly string[], leases: readonly Lease[]): Promise<string> {
  return JSON.stringify([await store.readRuns(ids), await store.readHistories(leases),
    await store.readMail(leases.map((lease) => ({ lease, boxes: [
      { kind: 'signal', name: 's' }, { kind: 'event', name: null }, { kind: 'child', name: null }] }))),
    await store.readChunks({ runId: ids[0] ?? '', stream: 'st', from: 0, limit: 9 })]);
}

describe('what is written', () => {
  test('is hidden, whatever it is, and comes back', async () => {
    const lease = await scene.born('r1');
    await scene.store.sendMessages([
      { runId: 'r1', id: 'm1', kind: 'signal', name: 's', payload: value, error: null },
      { runId: 'r1', id: 'm2', kind: 'signal', name: 's', payload: nothing, error },
    ]);
    const chunks = [0, 1].map((seq) => ({ stream: 'st', seq, source: '', value }));
    await scene.store.commit([write(lease, {
      entries: [entry('1', 1), entry('2', 2, { value: nothing, error })], calls: [call('3')],
      more: { attributes: [], chunks },
    })]);
    const raw = await stored(scene.inner, ['r1'], [lease]);
    expect(raw).not.toContain(canary);
    expect(raw.match(/sealed:/g)).toHaveLength(8);
    const [history] = await scene.store.readHistories([lease]);
    expect(history!.entries.map((each) => each.error ?? decode(each.value))).toEqual([decode(value), error]);
    expect(history!.calls[0]).toMatchObject({ error, progress: value });
    const [mail] = await scene.store.readMail([{ lease, boxes: [{ kind: 'signal', name: 's' }] }]);
    expect(mail!.messages.map((each) => each.error ?? decode(each.payload))).toEqual([decode(value), error]);
    const read = await scene.store.readChunks({ runId: 'r1', stream: 'st', from: 0, limit: 9 });
    expect(read.map((chunk) => decode(chunk.value))).toEqual([decode(value), decode(value)]);
  });

  test.each([['completed', completed], ['failed', failed], ['parked', { kind: 'park', reason: 'X', error }]])(
    'at the end of a run that is %s', async (status, end) => {
      const lease = await scene.born('r1');
      await scene.store.commit([write(lease, { end: end as TurnEnd })]);
      expect(JSON.stringify(await scene.inner.readRuns(['r1']))).not.toContain(canary);
      const [run] = await scene.store.readRuns(['r1']);
      expect(run).toMatchObject({ status, error: status === 'completed' ? null : error });
      if (status === 'completed') expect(decode(run!.output)).toEqual(decode(value));
    });

  test('of undefined hides that it is', async () => {
    await scene.store.startRuns([{ id: 'r1', workflow: 'w', queue: 'q', input: nothing }]);
    const { lease, input } = await scene.claim();
    expect(input).toEqual({ codec: 'json', text: null });
    await scene.store.commit([write(lease, { entries: [entry('1', 1, { value: nothing })] })]);
    const [history] = await scene.inner.readHistories([lease]);
    const hidden = { codec: 'sealed', text: expect.stringMatching(/^sealed::.{40}/) };
    expect(history!.entries[0]!.value).toEqual(hidden);
    const [read] = await scene.store.readHistories([lease]);
    expect(read!.entries[0]!.value).toEqual({ codec: 'json', text: null });
  });

  test('is not changed where it stands in memory, and is sealed anew when it is sent again', async () => {
    const lease = await scene.born('r1');
    const sent = write(lease, { entries: [entry('1', 1)], end: completed });
    const before = JSON.stringify(sent);
    expect((await scene.store.commit([sent]))[0]!.kind).toBe('done');
    expect((await scene.store.commit([sent]))[0]!.kind).toBe('already-done');
    expect(JSON.stringify(sent)).toBe(before);
    expect(decode((await scene.store.readRuns(['r1']))[0]!.output)).toEqual(decode(value));
  });

  test('has a binding of its own in every place', async () => {
    for (const id of ['a', 'b', 'a/1']) {
      const lease = { ...await scene.born(id) };
      await scene.store.commit([write(lease, {
        entries: [entry('1', 1), entry('1/x', 2), entry('x', 3, { error, value: nothing })],
        calls: [call('1')],
        more: { attributes: [], chunks: [{ stream: '1', seq: 1, source: '', value }] },
      })]);
      await scene.store.sendMessages(['1', '1/x'].map((message): NewMessage => (
        { runId: id, id: message, kind: 'signal', name: 's', payload: value, error: null })));
      await scene.store.emitEvents([{ id, name: 'e', key: '', payload: value }]);
      await scene.store.commit([write(lease, { end: id === 'b' ? failed : completed })]);
    }
    const { places } = scene.seal;
    expect(places).toHaveLength(3 * 11);
    expect(new Set(places.map(({ binding }) => binding)).size).toBe(places.length);
    const facts = ({ kind, runId, generation, place, position }: SealedPlace): unknown => (
      [kind, runId, generation, place, position]);
    for (const place of places) expect(JSON.parse(place.binding)).toEqual(facts(place));
    expect(new Set(places.map(({ kind }) => kind))).toEqual(new Set(['input', 'value', 'error', 'attempt',
      'progress', 'chunk', 'message', 'event', 'output', 'failure']));
  });
});

describe('what operators do', () => {
  const read = (runId: string, generation: number, store = scene.store) => (
    store.readEntries({ runId, generation, after: -1, limit: 99 }));
  const told = (entries: readonly Entry[]): unknown[] => (
    entries.map((each) => each.error ?? decode(each.value)));

  /** A run that failed, with a value and an error in its record. */
  async function failedRun(): Promise<Lease> {
    const lease = await scene.born('r1');
    const entries = [entry('1', 1), entry('2', 2, { value: nothing, error })];
    await scene.store.commit([write(lease, { entries, calls: [call('3')], end: failed })]);
    return lease;
  }

  test('is sealed anew where it is copied to, and can be read there', async () => {
    await failedRun();
    const entries = await read('r1', 1);
    const before = structuredClone(entries);
    expect(told(entries)).toEqual([decode(value), error]);
    const revival = { runId: 'r1', generation: 1, entries, input: value, version: null };
    expect(await scene.store.reviveRuns([revival])).toEqual([{ kind: 'done' }]);
    const run: NewRun = { id: 'r2', workflow: 'w', queue: 'q', input: value };
    const fork = { run, generation: 5, entries, version: null };
    expect(await scene.store.forkRun(fork)).toMatchObject({ kind: 'created' });
    for (const [id, generation] of [['r1', 2], ['r2', 5]] as const) {
      expect(await read(id, generation)).toEqual(entries);
      const raw = await read(id, generation, scene.inner);
      expect(JSON.stringify(raw)).not.toContain(canary);
      expect(raw.map(({ at }) => at)).toEqual(entries.map(({ at }) => at));
      const [detail] = await scene.store.readDetails([id]);
      expect(decode(detail!.input)).toEqual(decode(value));
    }
    expect(JSON.stringify(await scene.inner.readDetails(['r1', 'r2']))).not.toContain(canary);
    expect(entries).toEqual(before);
  });

  test('cannot move a text that it cannot read', async () => {
    await failedRun();
    const [first] = await read('r1', 1, scene.inner);
    const copied = [{ ...first!, place: '1' }];
    await scene.inner.reviveRuns([
      { runId: 'r1', generation: 1, entries: copied, input: null, version: null }]);
    const [unread] = await read('r1', 2);
    expect(() => decode(unread!.value)).toThrow('sealed for ["value","r1",1');
    const run: NewRun = { id: 'r2', workflow: 'w', queue: 'q', input: value };
    await scene.store.forkRun({ run, generation: 3, entries: [unread!], version: null });
    const [still] = await read('r2', 3);
    expect(() => decode(still!.value)).toThrow('sealed for ["value","r1",1');
  });

  test('shows everything of a run that it was sealed for', async () => {
    const lease = await scene.born('r1');
    await scene.store.commit([write(lease, { calls: [call('3')] })]);
    const [live] = await scene.store.readDetails(['r1']);
    expect(live!.calls).toMatchObject([{ place: '3', error, progress: value }]);
    expect(decode(live!.input)).toEqual({ canary });
    await scene.store.commit([write(lease, { end: { kind: 'park', reason: 'X', error } })]);
    expect((await scene.store.readDetails(['r1']))[0]).toMatchObject({ error, reason: 'X' });
    expect(JSON.stringify(await scene.inner.readDetails(['r1']))).not.toContain(canary);
  });

  test('terminates with an error that is written as it is, and read', async () => {
    await scene.born('r1');
    const terminated = encodeError(new Error('by an operator'));
    expect(await scene.store.terminateRuns(['r1'], terminated)).toEqual([{ kind: 'done' }]);
    expect((await scene.store.readDetails(['r1']))[0]!.error).toBe(terminated);
  });

  test('seals the input with which a run goes on', async () => {
    const lease = await scene.born('r1');
    await scene.store.commit([write(lease, { end: { kind: 'continue', input: value } })]);
    expect(JSON.stringify(await scene.inner.readDetails(['r1']))).not.toContain(canary);
    const { input, lease: next } = await scene.claim();
    expect([decode(input), next.generation]).toEqual([decode(value), 2]);
  });

  test('is refused one by one where the seal refuses', async () => {
    const lease = await failedRun();
    const entries = await read('r1', 1);
    const other = await scene.born('r3');
    await scene.store.commit([write(other, { end: failed })]);
    scene.seal.onSeal = ({ runId, generation }) => {
      if (runId !== 'r3' && generation !== lease.generation) throw new PayloadError('NO_KEY', 'no key', '');
    };
    const revivals = ['r1', 'r3'].map((runId) => (
      { runId, generation: 1, entries, input: null, version: null }));
    expect(await scene.store.reviveRuns(revivals)).toEqual([
      { kind: 'refused', why: 'no key' }, { kind: 'done' }]);
    const run: NewRun = { id: 'r2', workflow: 'w', queue: 'q', input: value };
    const fork = { run, generation: 2, entries, version: null };
    expect(await scene.store.forkRun(fork)).toEqual({ kind: 'refused', why: 'no key' });
    expect((await scene.inner.readRuns(['r1', 'r2', 'r3'])).map(({ status }) => status))
      .toEqual(['failed', 'pending']);
  });
});

describe('what travels', () => {
  const box = { kind: 'child', name: null } as const;
  const read = async (lease: Lease): Promise<Message> => (
    (await scene.store.readMail([{ lease, boxes: [box, { kind: 'event', name: null }] }]))[0]!.messages[0]!);
  const carry = async (): Promise<void> => {
    await scene.store.carry({ limit: 9, terminated: encodeError(new Error('t')) });
  };

  test('an event, to all who wait for it', async () => {
    const leases = [await scene.born('r1'), await scene.born('r2')];
    await scene.store.subscribe(leases.map((lease) => (
      { lease, place: '1', name: 'e', key: '', lookBackMs: 0 })));
    await scene.store.emitEvents([{ id: 'e:1', name: 'e', key: '', payload: value }]);
    await carry();
    for (const lease of leases) {
      const message = await read(lease);
      expect(decode(message.payload)).toEqual(decode(value));
      expect(message).not.toHaveProperty('from');
    }
  });

  test.each([['completed', completed, null], ['failed', failed, error]])(
    'the outcome of a child that %s, with the run that it is of', async (outcome, end, told) => {
      const lease = await scene.born('parent');
      const run = { id: 'a child: 1/2', workflow: 'w', queue: 'q', input: value };
      await scene.store.tieChildren([
        { lease, place: '1', childId: run.id, run, parentClose: 'default', watch: true }]);
      const child = await scene.claim();
      expect(decode(child.input)).toEqual(decode(value));
      const settlement = { ...end as TurnEnd & { kind: 'settle' }, tied: true };
      await scene.store.commit([write(child.lease, { end: settlement })]);
      await carry();
      const message = await read(lease);
      expect(message).toMatchObject({ outcome, from: run.id, error: told });
      if (told === null) expect(decode(message.payload)).toEqual(decode(value));
    });

  test('that a child does not exist or was terminated, as the database wrote it', async () => {
    const lease = await scene.born('parent');
    await scene.store.tieChildren([
      { lease, place: '1', childId: 'nobody', run: null, parentClose: 'default', watch: true }]);
    await carry();
    const message = await read(lease);
    expect(decodeError(message.error!)).toMatchObject({ code: 'CHILD_NOT_FOUND' });
    expect(message.payload.unopened).toBeUndefined();
  });
});

describe('what cannot be opened', () => {
  /** Reads the entry at place 1 of run r1 after `change` had its way with what is stored. */
  async function readChanged(change: Partial<Entry>): Promise<Entry> {
    const lease = await scene.born('r1');
    await scene.inner.commit([write(lease, { entries: [entry('1', 1, change)] })]);
    return (await scene.store.readHistories([lease]))[0]!.entries[0]!;
  }

  async function sealedFor(place: string, position: number): Promise<string> {
    const other = new Scene(scene.seal);
    const lease = await other.born('r1');
    await other.store.commit([write(lease, { entries: [entry(place, position)] })]);
    return (await other.inner.readHistories([lease]))[0]!.entries[0]!.value.text!;
  }

  test('as long as it stands where it was written is read', async () => {
    const text = await sealedFor('1', 1);
    expect(decode((await readChanged({ value: { codec: 'sealed', text } })).value)).toEqual(decode(value));
  });

  test.each([
    ['moved to another place', ['2', 1]], ['moved to another position', ['1', 2]],
  ] as const)('because it was %s is unreadable', async (_how, [place, position]) => {
    const text = await sealedFor(place, position);
    const read = await readChanged({ value: { codec: 'sealed', text } });
    expect(() => decode(read.value)).toThrow(expect.objectContaining({
      code: 'VALUE_UNREADABLE',
      message: expect.stringContaining('could not be opened. Error: sealed for ["value"') }));
  });

  test.each([
    ['changed', { codec: 'sealed', text: 'sealed::e30' }], ['cut', { codec: 'sealed', text: 'sealed:' }],
    ['no sealed text', { codec: 'sealed', text: '5' }],
    ['tagged as another', { codec: 'json', text: 'sealed::e30' }],
    ['never sealed', { codec: 'json', text: '5' }], ['taken away', nothing],
    ['taken away with its tag', { codec: 'sealed', text: null }],
  ])('because it was %s is unreadable', async (_how, changed) => {
    const read = await readChanged({ value: changed });
    expect(() => decode(read.value)).toThrow(expect.objectContaining({ code: 'VALUE_UNREADABLE' }));
  });

  test.each([['changed', 'sealed::e30'], ['never sealed', error]])(
    'although it is an error: %s, it is none of the call, and no value either', async (_how, changed) => {
      const read = await readChanged({ value: nothing, error: changed });
      expect(read.error).toBeNull();
      expect(() => decode(read.value)).toThrow(expect.objectContaining({ code: 'VALUE_UNREADABLE' }));
    });

  test('without a seal says so', async () => {
    const text = await sealedFor('1', 1);
    expect(() => decode({ codec: 'sealed', text })).toThrow('Connect with the `values` that');
  });

  test('is the error of a run: whoever reads it is told', async () => {
    const lease = await scene.born('r1');
    const end = { ...failed as object, error: 'sealed::e30' } as TurnEnd;
    await scene.inner.commit([write(lease, { end })]);
    const [run] = await scene.store.readRuns(['r1']);
    expect(decodeError(run!.error!)).toMatchObject({ name: 'PayloadError', code: 'VALUE_UNREADABLE' });
  });

  test('is read when the keys are back, if the hook says that they are away', async () => {
    const lease = await scene.born('r1');
    await scene.store.commit([write(lease, { entries: [entry('1', 1)] })]);
    scene.seal.onOpen = () => { throw new DatabaseUnavailableError('the keys are away'); };
    await expect(scene.store.readHistories([lease])).rejects.toThrow('the keys are away');
    scene.seal.onOpen = () => undefined;
    expect(decode((await scene.store.readHistories([lease]))[0]!.entries[0]!.value)).toEqual(decode(value));
  });
});

describe('what was not sealed', () => {
  test('is read by a seal that is not strict, and by no strict one', async () => {
    scene = new Scene(new TestSeal({ strict: false }));
    await scene.start('r1', { canary }, scene.inner);
    const { lease, input } = await scene.claim();
    expect(decode(input)).toEqual({ canary });
    const entries = [entry('1', 1), entry('2', 2, { error, value: nothing })];
    await scene.inner.commit([write(lease, { entries })]);
    const [history] = await scene.store.readHistories([lease]);
    expect(history!.entries.map((each) => each.error ?? decode(each.value))).toEqual([decode(value), error]);
    const strict = sealed(scene.inner, new TestSeal()).store;
    const [unread] = await strict.readHistories([lease]);
    for (const each of unread!.entries) {
      expect(() => decode(each.value)).toThrow('It was not sealed, and the seal');
    }
  });
});

describe('a seal that fails', () => {
  const fail = (thrown: unknown, of: (place: SealedPlace) => boolean = () => true): void => {
    scene.seal.onSeal = (place) => {
      if (of(place)) throw thrown;
    };
  };

  test('holds up its own run alone', async () => {
    const [one, two] = [await scene.born('r1'), await scene.born('r2')];
    fail(new Error('no key'), ({ runId }) => runId === 'r1');
    const writes = [one, two].map((lease) => write(lease, { entries: [entry('1', 1)] }));
    expect((await scene.store.commit(writes)).map(({ kind }) => kind)).toEqual(['busy', 'done']);
    await expect(scene.store.commit(writes.slice(0, 1))).rejects.toThrow('no key');
    fail(null, () => false);
    expect((await scene.store.commit(writes)).map(({ kind }) => kind)).toEqual(['done', 'done']);
  });

  test('for good is a refusal', async () => {
    const lease = await scene.born('r1');
    fail(new PayloadError('NO_KEY', 'no key for this customer', ''));
    const refused = { kind: 'refused', why: 'no key for this customer' };
    const run: NewRun = { id: 'r2', workflow: 'w', queue: 'q', input: value };
    const message: NewMessage = {
      runId: 'r1', id: 'm', kind: 'signal', name: 's', payload: value, error: null,
    };
    expect(await scene.store.commit([write(lease, { entries: [entry('1', 1)] })])).toEqual([refused]);
    expect(await scene.store.startRuns([run])).toEqual([refused]);
    expect(await scene.store.sendMessages([message])).toEqual([refused]);
    expect(await scene.store.sendFrom(lease, [message])).toEqual([refused]);
    const event = { id: 'e', name: 'e', key: '', payload: value };
    expect(await scene.store.emitEvents([event])).toEqual([refused]);
    expect(await scene.store.tieChildren([
      { lease, place: '1', childId: 'r2', run, parentClose: 'default', watch: true }])).toEqual([refused]);
    expect(await scene.inner.readRuns(['r2'])).toEqual([]);
  });

  test('writes no run at all', async () => {
    fail(new Error('no key'), ({ runId }) => runId === 'r2');
    const runs = ['r1', 'r2'].map((id): NewRun => ({ id, workflow: 'w', queue: 'q', input: value }));
    await expect(scene.store.startRuns(runs)).rejects.toThrow('no key');
    expect(await scene.inner.readRuns(['r1', 'r2'])).toEqual([]);
  });

  test('by making a text too long for the database is a refusal with the way out', async () => {
    const input = encode('x'.repeat(800_000), 'it');
    const wordy = sealed(scene.inner, { seal: (text) => text + text, open: (text) => text }).store;
    const [answer] = await wordy.startRuns([{ id: 'r1', workflow: 'w', queue: 'q', input }]);
    expect(answer).toMatchObject({ kind: 'refused', why: expect.stringMatching(
      /characters when sealed; the limit is 1500000 bytes\. Store the data elsewhere/) });
  });

  test('by giving no text is not stored', async () => {
    const broken = sealed(scene.inner, { seal: () => null as never, open: () => null as never }).store;
    await expect(scene.start('r1', 1, broken)).rejects.toThrow('gave no text');
    await scene.start('r1', 1);
    expect(() => decode({ ...nothing, codec: 'sealed', text: '' })).toThrow(PayloadError);
    const { input } = await scene.claim(broken);
    expect(() => decode(input)).toThrow('gave no text');
  });
});

test('sealing refuses what is no seal, and does nothing without one', () => {
  for (const seal of [{}, { seal: () => '' }, null, 'aes']) {
    expect(() => sealing(seal as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  }
  expect(() => sealing(null as never)).toThrow(WorkflowError);
  const connection = {} as never;
  expect(sealing(undefined)(connection)).toBe(connection);
});
