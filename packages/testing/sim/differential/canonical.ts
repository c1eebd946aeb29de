// Answers in the form in which those of two stores are equal: instants and epochs as steps, what has no order
// sorted, words that are a database's own left out.
import type { StepClock } from './step-clock.js';

/** Lists whose order the port leaves open, by the key under which they stand or the verb that answers. */
const unordered: ReadonlySet<string> = new Set([
  'runs', 'calls', 'inbox', 'streams', 'told', 'broken', 'readRuns', 'readDetails', 'readWorkers',
]);

/** Entries. */
const inDelivery: ReadonlySet<string> = new Set(['entries', 'readEntries']);

/** Sentences, which every store says in its own way. */
const wording: ReadonlySet<string> = new Set(['why', 'what', 'since']);

/** The least number that is an instant or an epoch. */
const leastInstant = 1e14;

/** What is needed to read an answer. */
export interface Reading {
  readonly clock: StepClock;
  /** The runs that the items of the answer are of, where these do not say so. */
  readonly ids: readonly string[];
}

/** The canonical form of the answer to a verb. */
export function canonical(answer: unknown, verb: string, { clock, ids }: Reading): unknown {
  const read = (value: unknown, name: string, run: string): unknown => {
    if (typeof value === 'number') return numberOf(value, name, run);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Date) return value.toISOString();
    if (Array.isArray(value)) return listOf(value.map((item) => read(item, '', run)), name);
    const facts = Object.entries(value)
      .filter(([key, fact]) => fact !== undefined && !wording.has(key))
      .map(([key, fact]) => [key, read(fact, key, runOf(value) ?? run)] as const);
    return Object.fromEntries(facts.sort(([one], [other]) => (one < other ? -1 : 1)));
  };
  const numberOf = (value: number, name: string, run: string): unknown => {
    if (value < leastInstant) return value;
    return name === 'epoch' || name === 'before' ? clock.epoch(run, value) : clock.describe(value);
  };
  if (!Array.isArray(answer)) return read(answer, verb, ids[0] ?? '');
  return listOf(answer.map((item, at) => read(item, '', ids[at] ?? '')), verb);
}

function runOf(value: object): string | undefined {
  const { runId, lease } = value as { runId?: string; lease?: { runId?: string } };
  return runId ?? lease?.runId;
}

function listOf(items: readonly unknown[], name: string): unknown {
  if (name === 'messages') return inBoxes(items as readonly { kind: string; name: string }[]);
  if (inDelivery.has(name)) return inPlay(items);
  return unordered.has(name) ? sorted(items) : items;
}

function sorted(items: readonly unknown[]): unknown[] {
  return items.map((item) => JSON.stringify(item)).sort().map((text) => JSON.parse(text) as unknown);
}

/** Messages have an order within their box (L2); boxes have none. */
function inBoxes(messages: readonly { readonly kind: string; readonly name: string }[]): unknown {
  const boxes = new Map<string, unknown[]>();
  for (const message of messages) {
    const box = JSON.stringify([message.kind, message.name]);
    boxes.set(box, [...boxes.get(box) ?? [], message]);
  }
  return Object.fromEntries([...boxes].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Entries of one position have no order among themselves; positions have. */
function inPlay(items: readonly unknown[]): unknown {
  const positions = items.map((item) => (item as { position: number }).position);
  return { positions, entries: sorted(items) };
}
