// The transaction of a step on the memory store: what it keeps from others, and what it leaves.
import { MemoryStore, type Entry, type Lease } from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';

describe('the transaction of a step on the memory store', () => {
  const answer: Entry = {
    place: '1', position: 1, kind: 'transaction', name: 'sell', attempt: 1,
    value: { codec: 'json', text: '1' }, error: null, tookMs: 0, message: null,
  };
  const claim = (store: MemoryStore, claimId: string) => store.claim({
    claimId, served: [{ queue: 'default', workflow: 'greet', version: null, stamp: null }], limit: 1,
    leaseMs: 60_000, suspects: false, sweep: false,
  });

  async function owned(): Promise<{ store: MemoryStore; lease: Lease }> {
    const store = new MemoryStore();
    const input = { codec: 'json', text: '1' } as const;
    await store.startRuns([{ id: 'a', workflow: 'greet', queue: 'default', input }]);
    const { runs } = await claim(store, 'owner');
    return { store, lease: runs[0]!.lease };
  }

  test.each([
    ['commit', ['1']], ['rollback', []],
  ] as const)('leaves its answer as it ends: %s', async (end, left) => {
    const { store, lease } = await owned();
    const transaction = store.begin();
    expect(await transaction.fence(lease)).toBe('held');
    expect(await transaction.record(lease, answer)).not.toBeNull();
    const places = async (): Promise<string[]> => (
      (await store.readHistories([lease])).flatMap(({ entries }) => entries.map(({ place }) => place)));
    expect(await places()).toEqual([]);
    transaction[end]();
    expect(await places()).toEqual(left);
  });

  test('is lost where the run has another owner', async () => {
    const { store, lease } = await owned();
    const transaction = store.begin();
    expect(await transaction.fence({ ...lease, epoch: lease.epoch - 1 })).toBe('lost');
    transaction.rollback();
  });

  test('keeps everybody from the run until it ends, its lease over or not', async () => {
    const { store, lease } = await owned();
    const transaction = store.begin();
    await transaction.fence(lease);
    store.makeDue('a');
    expect(await claim(store, 'other')).toMatchObject({ runs: [], moved: 0 });
    const renewal = {
      lease, entries: [], calls: [], closed: [], more: null,
      end: { kind: 'renew' as const, leaseMs: 60_000, quarantine: 'keep' as const },
    };
    expect(await store.commit([renewal])).toEqual([{ kind: 'busy' }]);
    transaction.rollback();
    expect(await claim(store, 'other')).toMatchObject({ runs: [], moved: 1 });
  });
});
