// The memory store finds what is broken under the codes that every store gives it.
import { expect, test } from 'vitest';
import { MemoryStore } from '../dist/memory-store.js';
import type { MemoryTables } from '../dist/memory-tables.js';
import type { Lease, RecordedEntry } from '../dist/store.js';

class OpenStore extends MemoryStore {
  declare readonly tables: MemoryTables;
}

const nothing = { codec: 'json', text: null };

/** A store with a run that rests on a sleep of a day and a signal it took, and one that has settled. */
async function scene(): Promise<OpenStore> {
  const store = new OpenStore();
  await store.startRuns(['rests', 'ended'].map((id) => ({ id, workflow: 'w', queue: 'q', input: nothing })));
  await store.sendMessages([{
    runId: 'rests', id: 'm', kind: 'signal', name: 'go', payload: nothing, error: null,
  }]);
  const { runs } = await store.claim({
    claimId: 'c', served: [{ queue: 'q', workflow: 'w', version: null, stamp: null }], limit: 2,
    suspects: false, leaseMs: 1_000, sweep: false,
  });
  const leaseOf = (id: string): Lease => runs.find(({ lease }) => lease.runId === id)!.lease;
  const empty = { entries: [], calls: [], closed: [], more: null };
  const dayMs = 86_400_000;
  await store.commit([{
    ...empty, lease: leaseOf('rests'),
    entries: [{ place: '1', position: 1, kind: 'signal', name: 'go', value: nothing, error: null, attempt: 1,
      tookMs: 0, message: 'm' }],
    calls: [{ place: '2', kind: 'sleep', name: '', attempt: 0, error: null, progress: null, delayMs: dayMs,
      atMs: null, deadlineMs: null }],
    end: { kind: 'rest', wakeInMs: dayMs, wakeAt: null },
  }, {
    ...empty, lease: leaseOf('ended'),
    end: { kind: 'settle', status: 'completed', output: nothing, error: null, tied: false },
  }]);
  return store;
}

const codesOf = async (store: OpenStore): Promise<string[]> => {
  const { broken, next } = await store.check({ after: null, lateMs: 60_000, limit: 10 });
  expect(next).toBeNull();
  return broken.map(({ invariant, runId }) => `${invariant} ${runId}`);
};

test('nothing is found where nothing is broken', async () => {
  expect(await codesOf(await scene())).toEqual([]);
});

const ready = ({ tables }: OpenStore) => tables.ready.get('rests')!;
const journal = ({ tables }: OpenStore): Map<string, RecordedEntry> => tables.journal('rests', 1);
const call = ({ tables }: OpenStore) => tables.calls('rests', 1).get('2')!;

test.each<readonly [string, (store: OpenStore) => void]>([
  ['live-without-line rests', ({ tables }) => tables.ready.delete('rests')],
  ['ended-in-line ended', (store) => (
    store.tables.ready.set('ended', { ...ready(store), id: 'ended', dueAt: 0 }))],
  ['epoch-behind rests', (store) => {
    store.tables.runOf('rests').settledEpoch = Infinity;
  }],
  ['wait-after-end ended', (store) => store.tables.calls('ended', 1).set('2', call(store))],
  ['ending-of-living rests', ({ tables }) => tables.mail.endings.add('rests')],
  ['position-twice rests', (store) => journal(store).set('3', { ...journal(store).get('1')!, place: '3' })],
  ['taken-in-inbox rests', ({ tables }) => tables.mail.putBack('rests', 'm')],
  ['wake-at-rest rests', (store) => {
    ready(store).wake = true;
  }],
  ['nothing-to-wait-for rests', (store) => {
    ready(store).dueAt = Infinity;
    store.tables.calls('rests', 1).clear();
  }],
  ['due-after-call rests', (store) => {
    ready(store).dueAt = Infinity;
  }],
  ['call-answered rests', (store) => (
    journal(store).set('2', { ...journal(store).get('1')!, place: '2', position: 2, message: null }))],
])('finds %s', async (found, change) => {
  const store = await scene();
  change(store);
  expect(await codesOf(store)).toEqual([found]);
});
