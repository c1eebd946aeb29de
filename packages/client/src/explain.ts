// Gathers what the explanation of a run is made of. The sentence itself is made in the core, of nothing else.
//
//   Z5. Each look is bounded, however long the record, the chain of children or the line of runs is.
import {
  childIdOf, explain, type ExplainedChild, type ExplainedRun, type RecordedCall, type RecordedEntry,
  type RunDetail, type RunListed, type Store, type Surroundings,
} from '@perdure/core/engine';
import type { Opening } from './parts.js';

/** Children that are followed, each from its parent. */
const longestChain = 5;
/** Answers that are looked at, the last ones. */
const lastAnswers = 50;
/** Waits for children of which one is chosen. */
const mostChildren = 20;
/** Where more runs are live, nobody counts those that are running. */
const mostLive = 1_000;

/** The sentence of `RunHandle.explain`. */
export async function explainRun(opening: Opening, id: string): Promise<string> {
  const { connection: { store } } = await opening.open();
  const chain = await chainFrom(store, id);
  return explain(compose(chain, await surroundings(store, chain)));
}

/** A run of a chain, and the child to which it leads. */
interface Link {
  readonly id: string;
  readonly run: RunDetail | null;
  readonly last: readonly RecordedEntry[];
  readonly next: Omit<ExplainedChild, 'run'> | null;
}

async function chainFrom(store: Store, id: string): Promise<readonly Link[]> {
  const chain: Link[] = [];
  for (let next: string | undefined = id; next !== undefined; next = followed(chain)) {
    const [run = null] = await store.readDetails([next]);
    const live = run !== null && run.line !== null;
    chain.push({
      id: next, run,
      last: live ? await lastOf(store, run) : [],
      next: live ? await childOf(store, run) : null,
    });
  }
  return chain;
}

/** The run with which a chain goes on, if it is followed. */
function followed(chain: readonly Link[]): string | undefined {
  const next = chain.at(-1)?.next?.id;
  return chain.length > longestChain || chain.some(({ id }) => id === next) ? undefined : next;
}

function compose([link, ...rest]: readonly Link[], around: Surroundings, seen: string[] = []): ExplainedRun {
  const { id = '', run = null, last = [], next = null } = link ?? {};
  const upTo = [...seen, id];
  const onward = rest.length > 0 ? compose(rest, around, upTo) : null;
  const child = next === null ? null
    : { ...next, run: onward ?? (upTo.includes(next.id) ? 'again' as const : 'further' as const) };
  return { id, run, last, child, around };
}

/** The child of which its waits tell most: one that has not settled, if there is one. */
async function childOf(store: Store, run: RunDetail): Promise<Link['next']> {
  const calls = run.calls.filter(({ kind }) => kind === 'child' || kind === 'result').slice(0, mostChildren);
  const [first] = calls;
  if (first === undefined) return null;
  const ids = calls.map(({ place }) => childIdOf({ ...run, runId: run.id }, place, { id: null }));
  const found = new Map((await store.readDetails(ids)).map((child) => [child.id, child]));
  const ties = calls.flatMap(({ name, place }, at) => {
    const child = found.get(ids[at] ?? '');
    return child?.parentId === run.id && child.workflow === name ? [{ place, child }] : [];
  });
  const tie = ties.find(({ child }) => child.settledAt === null) ?? ties[0];
  if (tie === undefined) return onlyChild(store, run, first);
  return { place: tie.place, id: tie.child.id, sure: true };
}

/** Children whose ids were chosen are known by their parent: it is the one, if there is no other. */
async function onlyChild(store: Store, run: RunDetail, { name, place }: RecordedCall): Promise<Link['next']> {
  const children = await store.queryRuns({
    workflow: name, status: ['pending', 'running', 'waiting', 'parked'], attributes: {}, parent: run.id,
    after: null, limit: 2,
  });
  const [child] = children;
  return child === undefined || children.length > 1 ? null : { place, id: child.id, sure: false };
}

/** The last answers of a run: where its record ends is found by halving, since records may be long. */
async function lastOf(store: Store, { id, generation }: RunDetail): Promise<readonly RecordedEntry[]> {
  const read = (after: number, limit: number): Promise<readonly RecordedEntry[]> => (
    store.readEntries({ runId: id, generation, after, limit }));
  const first = await read(-1, lastAnswers);
  if (first.length < lastAnswers) return first;
  let last = first.at(-1)?.position ?? 0;
  let none = Infinity;
  while (none - last > 1) {
    const middle = none === Infinity ? last * 2 + 1 : Math.floor((last + none) / 2);
    const [entry] = await read(middle, 1);
    if (entry === undefined) none = middle;
    else last = entry.position;
  }
  return read(last - lastAnswers, lastAnswers);
}

async function surroundings(store: Store, chain: readonly Link[]): Promise<Surroundings> {
  if (chain.every(({ run }) => run === null || run.line === null)) return { workers: [], live: null };
  const workers = await store.readWorkers();
  return { workers, live: chain.some(isDue) ? await liveRuns(store) : null };
}

function isDue({ run }: Link): boolean {
  return run !== null && run.line !== null && !run.line.leased && run.line.dueAt <= run.now;
}

async function liveRuns(store: Store): Promise<readonly RunListed[] | null> {
  const live = await store.queryRuns({
    workflow: null, status: ['pending', 'running', 'waiting'], attributes: {}, after: null, limit: mostLive,
  });
  return live.length < mostLive ? live : null;
}
