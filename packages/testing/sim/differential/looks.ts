// The whole state of a store as the port shows it: what is looked at after every few verbs.
import { partOf, type Lease, type MessageKind, type RunQuery, type Store } from '@perdure/core/engine';

/** All ids that runs of a schedule have. */
export const runIds: readonly string[] = ['r1', 'r2', 'r3', 'r4', 'c1', 'c2'];

/** All streams. */
export const streams: readonly string[] = ['s', 'log'];

const kinds: readonly MessageKind[] = ['signal', 'event', 'callback', 'child', 'cancel'];

/** A look, as a verb of the port. */
export interface Look {
  readonly verb: string;
  readonly args: readonly unknown[];
}

/** Everything to be looked at now. `turn` chooses the query, and whether there is one. */
export async function looks(store: Store, turn: number): Promise<readonly Look[]> {
  const details = await store.readDetails(runIds);
  const generations = new Map(details.map(({ id, generation }) => [id, generation]));
  const there = runIds.filter((id) => generations.has(id));
  const leases = there.map((runId): Lease => (
    { runId, part: partOf(runId), generation: generations.get(runId) ?? 1, epoch: 0 }));
  const boxes = kinds.map((kind) => ({ kind, name: null }));
  const before = leases.flatMap(({ runId, generation }): Look[] => (generation === 1 ? [] : [
    { verb: 'readEntries', args: [{ runId, generation: generation - 1, after: -1, limit: 1_000 }] }]));
  return [
    // Details say all that records of runs do.
    { verb: turn % 3 === 0 ? 'readRuns' : 'readDetails', args: [runIds] },
    { verb: 'readHistories', args: [leases] },
    { verb: 'readMail', args: [leases.map((lease) => ({ lease, boxes }))] },
    { verb: 'queryRuns', args: [queryOf(turn)] },
    ...before,
    ...leases.flatMap(({ runId }) => streams.slice(0, turn % 2 === 0 ? 0 : 2).map((stream): Look => (
      { verb: 'readChunks', args: [{ runId, stream, from: turn % 3, limit: 2 }] }))),
  ];
}

const all: RunQuery = { workflow: null, status: null, attributes: {}, after: null, limit: 100 };

const queries: readonly Partial<RunQuery>[] = [
  {}, { workflow: 'w1' }, { status: ['pending'] }, { status: ['waiting', 'running'] }, { limit: 1 },
  { after: 'r1', limit: 2 }, { attributes: { size: 1 } }, { attributes: { size: '1' } }, { id: 'r2' },
  { attributes: { size: true, seen: new Date(0) } }, { queue: 'q' }, { version: 'v1' }, { reason: 'WHY' },
  { parent: 'r1' }, { status: ['completed', 'failed'], workflow: 'w1' }, { status: ['parked'] },
  { status: ['cancelled'], limit: 2 }, { after: 'c1', queue: 'q', limit: 3 },
];

function queryOf(turn: number): RunQuery {
  return { ...all, ...queries[turn % queries.length] };
}
