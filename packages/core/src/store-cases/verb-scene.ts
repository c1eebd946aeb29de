// The words in which cases of operators' verbs are written: what a verb is given, and what it must be told.
import assert from 'node:assert/strict';
import type { Fork, Revival, RunDetail, VerbAnswer } from '../operations.js';
import { cancelId, type NewMessage } from '../mail.js';
import type {
  Attributes, ClaimedRun, ClaimRequest, Lease, RecordedEntry, RunListed, RunQuery, StartAnswer, TurnEnd,
} from '../store.js';
import { settled, signal, type Outcome } from './mail-scene.js';
import { ends, ending, entry, longMs, newRun, only, write, type Scene } from './scene.js';

/** Ways in which a run can end that may begin anew. */
export const overs: readonly (Outcome | 'parked')[] = ['completed', 'failed', 'cancelled', 'parked'];

/** The end of a turn after which a run stands so. */
export function over(status: Outcome | 'parked'): TurnEnd {
  return status === 'parked' ? ends.park() : settled(status, false);
}

/** Starts a run and ends it so; who owned it. */
export async function ended(scene: Scene, id: string, status: Outcome | 'parked'): Promise<ClaimedRun> {
  const run = await scene.claimed(id);
  await scene.done(ending(run, over(status)));
  return run;
}

/** Starts runs that stand in each way, under ids that say which; the owner of the one that is running. */
export async function everyStatus(scene: Scene): Promise<ClaimedRun> {
  for (const status of overs) await ended(scene, status, status);
  await scene.rest(await scene.claimed('waiting'));
  const running = await scene.claimed('running');
  await scene.start('pending', { delayMs: longMs });
  return running;
}

/** A revival of a run in its first generation that keeps nothing of its record. */
export function revival(runId: string, more: Partial<Revival> = {}): Revival {
  return { runId, generation: 1, entries: [], input: null, version: null, ...more };
}

/** A fork with nothing but its start. */
export function fork(id: string, more: Partial<Fork> = {}): Fork {
  return { run: newRun(id), generation: 2, entries: [], version: null, ...more };
}

/** What a verb said of the one run that it was given. */
export async function told(answers: Promise<readonly VerbAnswer[]>, wanted: VerbAnswer): Promise<void> {
  assert.deepEqual(only(await answers), wanted);
}

/** Revives, and must be told that it is done. */
export async function revived(scene: Scene, id: string, more: Partial<Revival> = {}): Promise<void> {
  await told(scene.store.reviveRuns([revival(id, more)]), { kind: 'done' });
}

/** Resumes, and must be told that it is done. */
export async function resumed(scene: Scene, runId: string, version?: string | null): Promise<void> {
  await told(scene.store.resumeRuns([{ runId, version }]), { kind: 'done' });
}

/** Asks again until nobody holds a row of it for a moment; the kind of the last answer. */
export async function insisted(
  send: () => Promise<readonly (VerbAnswer | StartAnswer | { readonly kind: string })[]>,
): Promise<string> {
  for (let round = 0; round < 1_000; round++) {
    const { kind } = only(await send());
    if (kind !== 'busy') return kind;
  }
  throw assert.fail('it is busy for ever');
}

/** All that is recorded of a run. */
export async function detailOf(scene: Scene, id: string): Promise<RunDetail> {
  return only(await scene.store.readDetails([id]));
}

/** The record of a generation of a run. */
export async function recordOf(
  scene: Scene, runId: string, generation: number,
): Promise<readonly RecordedEntry[]> {
  return scene.store.readEntries({ runId, generation, after: -1, limit: 1_000 });
}

/** Whoever owned a run before writes nothing: neither answers, nor an end; what it sent before stays so. */
export async function ownsNoMore(scene: Scene, owner: ClaimedRun | Lease): Promise<void> {
  const { runId } = 'lease' in owner ? owner.lease : owner;
  const before = await scene.store.readRuns([runId]);
  for (const end of [null, ends.renew(), ends.settle('"late"'), ends.park('LATE')]) {
    const answer = await scene.commit(write(owner, { entries: [entry('99', 99)], end }));
    assert.notEqual(answer.kind, 'done', `${end?.kind ?? 'entries'} of a former owner`);
  }
  assert.deepEqual(await scene.store.readRuns([runId]), before);
  const places = (await scene.history(owner)).entries.map(({ place }) => place);
  assert.equal(places.includes('99'), false, 'nothing of it is recorded');
}

/** What cancels a run. */
export function cancelOf(runId: string): NewMessage {
  return signal(runId, cancelId, { kind: 'cancel', name: cancelId });
}

/** Claims one run after the other; their ids in this order. */
export async function inTurn(scene: Scene, more: Partial<ClaimRequest> = {}): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const { runs } = await scene.claim({ ...more, limit: 1 });
    if (runs.length === 0) return ids;
    ids.push(only(runs).lease.runId);
  }
}

/** Runs of these attributes; all, unless told otherwise. */
export async function foundBy(
  scene: Scene, attributes: Attributes = {}, more: Partial<RunQuery> = {},
): Promise<readonly RunListed[]> {
  const all = { workflow: null, status: null, attributes, after: null, limit: 100 };
  return scene.store.queryRuns({ ...all, ...more });
}
