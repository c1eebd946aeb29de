// Reads what is recorded of runs, by verbs that only look. What belongs together is read in two statements:
// a run that moved on in between is read again.
import { partOf, type Store } from '@perdure/core/engine';
import type { Recorded } from './rehearsal.js';

/** The verbs by which records are read: each is one statement that changes nothing. */
export type RecordReader = Pick<Store, 'queryRuns' | 'readRuns' | 'readDetails' | 'readHistories'>;

/** A run as it was read; 'gone' when there is none, 'moving' when it changed at every look. */
export type Read = Recorded | 'gone' | 'moving';

const mostLooks = 5;

/** Reads runs, in the order of the ids. */
export async function readRecorded(
  store: RecordReader, ids: readonly string[],
): Promise<ReadonlyMap<string, Read>> {
  const read = new Map<string, Read>(ids.map((id) => [id, 'moving']));
  let left = [...ids];
  for (let look = 0; look < mostLooks && left.length > 0; look++) {
    for (const [id, found] of await readOnce(store, left)) read.set(id, found);
    left = left.filter((id) => read.get(id) === 'moving');
  }
  return read;
}

async function readOnce(store: RecordReader, ids: readonly string[]): Promise<ReadonlyMap<string, Read>> {
  const details = await store.readDetails(ids);
  const histories = await store.readHistories(details.map(({ id, generation }) => (
    { runId: id, part: partOf(id), generation, epoch: 0 })));
  const after = new Map((await store.readRuns(ids)).map((run) => [run.id, run]));
  const read = new Map<string, Read>(ids.map((id) => [id, 'gone']));
  for (const [index, detail] of details.entries()) {
    const history = histories[index];
    const now = after.get(detail.id);
    if (history === undefined || now === undefined) continue;
    const isSame = now.generation === detail.generation && isOver(now.status) === isOver(detail.status) &&
      (detail.startedAt !== null || history.entries.length === 0);
    read.set(detail.id, isSame ? { detail, history } : 'moving');
  }
  return read;
}

function isOver(status: string): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
