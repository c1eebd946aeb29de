// Judges one run that has ended: its outcome, what it took, when it went on, and what was undone.
import { decode } from '@perdure/core/engine';
import { isDeepStrictEqual } from 'node:util';
import type { ModelRun } from '../dist/simulation/model-store.js';
import { outcomeOf, programOf, type Evidence } from './evidence.js';
import { nodesOf, type Node, type Outcome } from './program.js';
import { keyOf, type Call, type View } from './recorder.js';
import { Reference } from './reference.js';

/** Clocks of simulated processes go wrong by a thousandth at most. */
const clockError = 0.002;

/** Judges a run of a program. */
export function judgeRun(evidence: Evidence, run: ModelRun): void {
  const program = programOf(evidence.story, run);
  if (program === undefined) return;
  const nodes = new Map([...nodesOf(program.body)].map((node) => [node.id, node]));
  const last = lastView(evidence, run, program.body);
  if (last === null) return;
  const views = [...earlierViews(evidence, run), last];
  for (const view of views) check(evidence, run, { view, body: program.body });
  const judged = { run, nodes, views, last };
  judgeTimes(evidence, judged);
  judgeSignals(evidence, judged);
  judgePassedBy(evidence, judged);
  judgeRollbacks(evidence, judged);
  if (run.status === 'completed') judgeShown(evidence, judged);
  if (evidence.calm) judgeBodies(evidence, run);
}

interface Judged {
  readonly run: ModelRun;
  readonly nodes: ReadonlyMap<string, Node>;
  /** What the code of each generation saw in the end. */
  readonly views: readonly View[];
  readonly last: View;
}

/** The replay whose code ended as the run did; none is needed where it was cancelled before it began. */
function lastView({ recorder, accuse }: Evidence, run: ModelRun, body: Node): View | null {
  const views = recorder.views.filter((view) => view.run === run.id && view.generation === run.generation);
  const real = outcomeOf(run);
  if (real === null || (!real.ok && real.error === 'RUN_CANCELLED')) return views.at(-1) ?? null;
  const ends = views.map((view) => ({ view, end: view.calls.get(body.id)?.outcome ?? null }));
  const fits = ends.filter(({ end }) => isDeepStrictEqual(asTold(end), real));
  const [last] = fits.slice(-1);
  if (last !== undefined) return last.view;
  const told = JSON.stringify(ends.map(({ end }) => asTold(end)));
  accuse(`outcome-differs: run ${run.id}: code ended with ${told}, the run with ${JSON.stringify(real)}`);
  return null;
}

function asTold(end: Outcome | null): Outcome | null {
  return end === null || end.ok ? end : { ok: false, error: `RUN_FAILED ${end.error}` };
}

/** What the code of each earlier generation saw in the end: it returned, and went on as new. */
function earlierViews({ recorder }: Evidence, run: ModelRun): View[] {
  const views: View[] = [];
  for (let generation = 1; generation < run.generation; generation++) {
    const view = recorder.views.findLast((each) => each.run === run.id && each.generation === generation);
    if (view !== undefined) views.push(view);
  }
  return views;
}

function check(evidence: Evidence, run: ModelRun, { view, body }: { view: View; body: Node }): void {
  const { recorder, store, accuse, calm } = evidence;
  const cancelled = mayBeCancelled(evidence, run);
  if (run.status === 'cancelled' && !cancelled) accuse(`cancelled-unasked: run ${run.id}`);
  new Reference(view, {
    sent: sentTo(evidence, run), cancelled, accuse, rough: !calm,
    childOutcome: (node) => {
      const child = store.runs.get(recorder.children.get(`${run.id}/${view.generation}/${node}`) ?? '');
      return child === undefined ? null : outcomeOf(child);
    },
  }).check(body);
}

function sentTo({ deeds, released, rows }: Evidence, run: ModelRun): Set<string> {
  const sent = new Set(released);
  for (const { deed, begun } of deeds) {
    if (begun && (deed.kind === 'event' || (deed.kind === 'signal' && deed.run === run.id))) {
      sent.add(deed.payload);
    }
  }
  for (const row of rows.keys()) sent.add(`tx ${row}`);
  return sent;
}

/** Asked by a deed, or with a parent that ended. */
function mayBeCancelled({ deeds, story }: Evidence, run: ModelRun): boolean {
  if (deeds.some(({ deed, begun }) => begun && deed.kind === 'cancel' && deed.run === run.id)) return true;
  if (run.parent === null) return false;
  const parents = story.programs.flatMap(({ body }) => [...nodesOf(body)]);
  return parents.some((node) => node.op === 'execute' || node.op === 'spawn');
}

/** Nothing is over before its time. */
function judgeTimes({ recorder, accuse }: Evidence, { nodes, views }: Judged): void {
  for (const { call, key } of shownIn(views)) {
    const node = nodes.get(call.node);
    if (node === undefined || call.outcome?.ok !== true || call.shownAt === null) continue;
    const took = call.shownAt - (recorder.begunAt.get(key) ?? -Infinity);
    const least = leastMs(node, call.outcome.value);
    if (took < least * (1 - clockError) - 1) accuse(`early: ${key} after ${took} of ${least} ms`);
  }
}

function leastMs(node: Node, value: unknown): number {
  if (node.op === 'sleep') return node.ms;
  return (node.op === 'wait' || node.op === 'event') && value === null ? node.timeoutMs ?? 0 : 0;
}

interface Shown {
  readonly call: Call;
  readonly key: string;
}

function shownIn(views: readonly View[]): Shown[] {
  return views.flatMap((view) => view.shown.map((call) => ({ call, key: view.keyOf(call.node) })));
}

/** Signals that were taken, in the order in which they were. */
function takenIn({ views, nodes }: Judged): Shown[] {
  return shownIn(views).filter(({ call: { node, outcome } }) => (
    nodes.get(node)?.op === 'wait' && outcome?.ok === true && outcome.value !== null));
}

/** Every signal is taken once at most, and lies in the inbox no more. */
function judgeSignals({ store, accuse }: Evidence, judged: Judged): void {
  const { id } = judged.run;
  const messages = [...store.messagesTo(id).values()].filter(({ kind }) => kind === 'signal');
  const sent = new Map(messages.map((message) => [decode(message.payload), message]));
  const seen = new Set<unknown>();
  const lastOf = new Map<string, number>();
  for (const { call, key } of takenIn(judged)) {
    const value = call.outcome?.ok === true ? call.outcome.value : null;
    const message = sent.get(value);
    if (seen.has(value)) accuse(`signal-twice: ${key} took ${String(value)} again`);
    seen.add(value);
    if (message === undefined) accuse(`signal-unsent: ${key} took ${String(value)}`);
    else if (store.inboxOf(id).has(message.id)) accuse(`signal-left: ${key} took ${String(value)}`);
    else if (message.sentAt < (lastOf.get(message.name) ?? 0)) {
      accuse(`signal-order: ${key} took ${String(value)}`);
    }
    lastOf.set(message?.name ?? '', message?.sentAt ?? 0);
  }
}

/** No wait ends in vain while what it waits for is there. */
function judgePassedBy({ recorder, deeds, accuse }: Evidence, judged: Judged): void {
  const { views, nodes, run } = judged;
  const order = new Map(shownIn(views).map(({ call }, index) => [call, index]));
  const taken = new Map(takenIn(judged).map(({ call }) => [
    call.outcome?.ok === true ? call.outcome.value : null, order.get(call) ?? 0]));
  for (const { call, key } of shownIn(views)) {
    const node = nodes.get(call.node);
    if (node?.op !== 'wait' || call.outcome?.ok !== true || call.outcome.value !== null) continue;
    const until = (recorder.begunAt.get(key) ?? 0) + (node.timeoutMs ?? 0) * (1 - clockError) - 1;
    for (const { deed, doneAt } of deeds) {
      if (deed.kind !== 'signal' || deed.run !== run.id || deed.signal !== node.signal) continue;
      if (doneAt === null || doneAt > until) continue;
      if ((taken.get(deed.payload) ?? Infinity) < (order.get(call) ?? 0)) continue;
      accuse(`signal-passed-by: ${key} waited until ${until} in vain, ` +
        `${deed.payload} was there at ${doneAt}`);
    }
  }
}

/** What was registered is undone where the code failed, last first, and nowhere else. */
function judgeRollbacks({ recorder, accuse }: Evidence, { run, nodes, last }: Judged): void {
  const registered = last.shown.filter(({ outcome }) => outcome?.ok === true).map(({ node }) => node)
    .filter((node) => nodes.get(node)?.op === 'rollback').reverse();
  const undone = recorder.undone.filter((spot) => spot.run === run.id).map(({ node }) => node);
  const expected = run.status === 'completed' ? [] : registered;
  if (run.status === 'parked' || expected.join(' ') === undone.join(' ')) return;
  accuse(`rollback: run ${run.id} (${run.status}) registered ${registered.join(' ')}; ` +
    `undone ${undone.join(' ')}`);
}

/** What a run shows to the outside. */
function judgeShown({ store, accuse }: Evidence, { run, nodes, last }: Judged): void {
  const chunks: string[] = [];
  const attributes: Record<string, string> = {};
  for (const { node: id, outcome } of last.shown) {
    const node = outcome?.ok === true ? nodes.get(id) : undefined;
    if (node?.op === 'set') attributes[node.attribute] = id;
    if (node?.op !== 'publish') continue;
    for (let chunk = 0; chunk < node.chunks; chunk++) chunks.push(`${id}.${chunk}`);
  }
  const stored = [...store.chunksOf(run.id, run.generation)]
    .sort((one, other) => one.seq - other.seq).map(({ value }) => String(decode(value)));
  if (stored.join(' ') !== chunks.join(' ')) {
    accuse(`stream-differs: run ${run.id}: ${stored.join(' ')} instead of ${chunks.join(' ')}`);
  }
  const real = store.attributesOf(run.id);
  for (const [name, value] of Object.entries(attributes)) {
    if (real[name] === value) continue;
    accuse(`attribute-differs: run ${run.id}: ${name} is ${String(real[name])}, not ${value}`);
  }
}

/** Where nothing failed, no body runs twice. */
function judgeBodies({ recorder, accuse }: Evidence, run: ModelRun): void {
  for (const bodies of recorder.bodies.values()) {
    if (bodies.run !== run.id || new Set(bodies.attempts).size === bodies.attempts.length) continue;
    accuse(`body-twice: ${keyOf(bodies)}: attempts ${bodies.attempts.join(' ')}`);
  }
}
