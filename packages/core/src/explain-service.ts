// Who would run a run: what an explanation says of the workers that serve it, and of those that do not.
//
//   Z1. A worker is online if it was seen a short time before it was asked about, by the database's clock.
import { counted, lengthOf, listed, quoted, when } from './explain-words.js';
import type { Surroundings } from './explain-facts.js';
import { micros } from './micros.js';
import type { RunDetail, ServedKind, WorkerListed } from './operations.js';

/** A worker that was not seen for so long is not online any more, in ms: three times what it is silent. */
export const onlineMs = 45_000;

/** A worker with a free slot claims a due run at its next look, in ms: after so long something is wrong. */
const soonMs = 5_000;

const mostKinds = 6;

/** Of which runs a worker's word is asked. */
type Kind = Pick<RunDetail, 'workflow' | 'queue' | 'version'>;

function isOnline({ seenAt, now }: WorkerListed): boolean {
  return now - seenAt < micros(onlineMs);
}

function servesRun({ serves }: Pick<WorkerListed, 'serves'>, { workflow, queue, version }: Kind): boolean {
  return serves.some((kind) => (
    kind.workflow === workflow && kind.queue === queue && kind.version === version));
}

/** Why nobody takes a run now: no worker that serves it is online. Null if one is. */
export function unserved(run: RunDetail, { workers }: Surroundings): string | null {
  const servers = workers.filter((worker) => servesRun(worker, run));
  if (servers.some(isOnline)) return null;
  const { workflow, queue, version } = run;
  const kind = `workflow ${quoted(workflow)}${version === null ? '' : `, version ${quoted(version)}`}`;
  const what = `no worker that serves ${kind}, in queue ${quoted(queue)} is online`;
  return `${what} (${lastSeen(servers)}; ${othersOnline(workers.filter(isOnline), run)})`;
}

function lastSeen(servers: readonly WorkerListed[]): string {
  const [last] = [...servers].sort((one, other) => other.seenAt - one.seenAt);
  return last === undefined ? 'none is known' : `one was last seen at ${when(last.seenAt, last.now)}`;
}

function othersOnline(online: readonly WorkerListed[], run: Kind): string {
  if (online.length === 0) return 'nor is any other';
  const kinds = online.flatMap(({ serves }) => serves).filter(isTelling).map((kind) => kindWords(kind, run));
  const one = online.length === 1
    ? 'the 1 that is online serves' : `the ${online.length} that are online serve`;
  return `${one} ${listed([...new Set(kinds)].sort(), mostKinds, ', ')}`;
}

/** Runs without a version are served beside those of the worker's own: that goes without saying. */
function isTelling(kind: ServedKind, _at: number, kinds: readonly ServedKind[]): boolean {
  return kind.version !== null || !kinds.some((other) => (
    other.version !== null && other.workflow === kind.workflow && other.queue === kind.queue));
}

function kindWords({ workflow, version, queue }: ServedKind, run: Kind): string {
  const of = version === null ? '' : ` version ${quoted(version)}`;
  const without = version === null && run.version !== null && workflow === run.workflow;
  const where = queue === run.queue ? '' : ` in queue ${quoted(queue)}`;
  return `${quoted(workflow)}${of}${without ? ' without a version' : ''}${where}`;
}

/** What a run waits for that has been due for so long, among the workers that serve it. */
export function inLine(run: RunDetail, around: Surroundings, dueMs: number): string {
  const nobody = unserved(run, around);
  if (nobody !== null) return nobody;
  const servers = around.workers.filter((worker) => isOnline(worker) && servesRun(worker, run));
  const slots = servers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  const those = servers.length === 1
    ? '1 worker that serves it has' : `${servers.length} workers that serve it have`;
  const have = `the ${those} ${counted(slots, 'slot')}`;
  if (around.live === null) return `it waits for a free one: ${have}`;
  const taken = around.live.filter((other) => (
    other.status === 'running' && servers.some((worker) => servesRun(worker, other)))).length;
  const use = `${have}, with ${counted(taken, 'run')} running`;
  if (taken >= slots) return `it waits for a free one: ${use}`;
  if (dueMs < soonMs) return `a worker takes it at its next look: ${use}`;
  const since = lengthOf(dueMs);
  return `${use}, so that one should have taken it in ${since}: an open transaction may hold its row`;
}

/** What becomes of a run whose worker stopped answering. */
export function takeover(run: RunDetail, around: Surroundings): string {
  return unserved(run, around) ?? 'another worker takes it over at its next look';
}
