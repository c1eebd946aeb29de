// What may come of a program, said without an engine: what each call may answer, and what the code makes of
// the answers that it was shown.
//
//   B1. What chance or time decides (which branch won, whether a signal came in time) is taken from what the
//       code was shown, and must be among what is allowed. All else follows.
import { isDeepStrictEqual } from 'node:util';
import type { Node, Outcome } from './program.js';
import { ending } from './interpret.js';
import type { View } from './recorder.js';

/** What is known of a run beside its program. */
export interface RunFacts {
  /** Whether something failed: transactions may then fail for reasons of their own. */
  readonly rough: boolean;
  /** Payloads that it, or whoever waits for an event, may have been sent. */
  readonly sent: ReadonlySet<string>;
  /** Whether somebody asked it to stop. */
  readonly cancelled: boolean;
  /** How a child ended, as its waiting parent is told; null while it has not. */
  childOutcome(node: string): Outcome | null;
  accuse(what: string): void;
}

const endingOutcome: Outcome = { ok: false, error: ending };

/** Compares what the code of one generation was shown with what it may be shown. */
export class Reference {
  readonly #view: View;
  readonly #facts: RunFacts;

  constructor(view: View, facts: RunFacts) {
    this.#view = view;
    this.#facts = facts;
  }

  /** Checks a tree; what was shown of its root, or null. `joined`: it is a branch that may be ended early. */
  check(node: Node, joined = false): Outcome | null {
    const ends = joined || node.op === 'all' || node.op === 'race';
    const below = 'nodes' in node ? node.nodes.map((each) => this.check(each, ends)) : [];
    const inner = node.op === 'attempt' ? this.check(node.node, ends) : null;
    const shown = this.#view.calls.get(node.id)?.outcome ?? null;
    if (shown === null || this.#allows(node, shown, { below, inner, joined })) return shown;
    const { run, generation } = this.#view;
    this.#facts.accuse(`not-allowed: ${run}/${generation}/${node.id} (${node.op}) was shown ` +
      `${JSON.stringify(shown)}; below ${JSON.stringify([...below, inner])}`);
    return shown;
  }

  #allows(node: Node, shown: Outcome, { below, inner, joined }: Parts): boolean {
    if ((joined || this.#facts.cancelled) && same(shown, endingOutcome)) return true;
    switch (node.op) {
      case 'sequence': return same(shown, inOrder(below));
      case 'attempt':
        return inner !== null && same(shown, caught(inner));
      case 'together':
        return same(shown, below.some((each) => same(each, endingOutcome))
          ? endingOutcome : { ok: true, value: below });
      case 'all': return this.#all(shown, below);
      case 'race': return this.#race(node, shown, below);
      default: return this.#leaf(node, shown);
    }
  }

  #all(shown: Outcome, below: readonly (Outcome | null)[]): boolean {
    if (!shown.ok) return below.some((each) => same(shown, each));
    const values = below.map((each, index) => [`b${index}`, each?.ok === true ? each.value : null]);
    return below.every((each) => each?.ok === true) &&
      isDeepStrictEqual(shown.value, Object.fromEntries(values));
  }

  #race(node: Race, shown: Outcome, below: readonly (Outcome | null)[]): boolean {
    if (!shown.ok) return below.some((each) => same(shown, each));
    const { winner, value } = shown.value as { winner: string; value: unknown };
    const index = Number(winner.slice(1));
    if (!same(below[index] ?? null, { ok: true, value })) return false;
    return this.#wasFirst(node, index, value);
  }

  /** A race is decided by time, however late the run gets to it. */
  #wasFirst({ nodes }: Race, winner: number, value: unknown): boolean {
    const won = nodes[winner];
    const took = won === undefined ? null : endsAfter(won, value);
    if (took === null) return true;
    return nodes.every((node) => (endsAfter(node, null) ?? Infinity) >= took);
  }

  #leaf(node: Node, shown: Outcome): boolean {
    switch (node.op) {
      case 'step': return fares(node, shown, [shown.ok ? shown.value : '']);
      case 'transaction':
        // Without its connection its body fails for a reason of its own, and that counts as an attempt.
        return fares(node, shown, [shown.ok ? shown.value : '']) ||
          (this.#facts.rough && !shown.ok && !shown.error.startsWith('boom'));
      case 'map':
        return fares(node, shown, shown.ok ? shown.value : []) &&
          (!shown.ok || (shown.value as unknown[]).length === node.items);
      case 'wait': case 'event': return this.#message(node, shown);
      case 'execute': case 'spawn': return same(shown, this.#facts.childOutcome(node.id));
      case 'facts': return shown.ok;
      case 'patched': return same(shown, { ok: true, value: true });
      default: return same(shown, { ok: true, value: undefined });
    }
  }

  #message(node: Extract<Node, { op: 'wait' | 'event' }>, shown: Outcome): boolean {
    if (!shown.ok) return shown.error === 'ALREADY_AWAITED';
    if (shown.value === null) return node.timeoutMs !== null;
    return typeof shown.value === 'string' && this.#facts.sent.has(shown.value);
  }
}

type Race = Extract<Node, { readonly op: 'race' }>;

interface Parts {
  readonly below: readonly (Outcome | null)[];
  readonly inner: Outcome | null;
  readonly joined: boolean;
}

function caught(inner: Outcome): Outcome {
  return inner.ok || inner.error === ending ? inner : { ok: true, value: { caught: inner.error } };
}

function same(shown: Outcome | null, expected: Outcome | null): boolean {
  return expected !== null && isDeepStrictEqual(shown, expected);
}

/** What code makes of one call after the other. */
function inOrder(below: readonly (Outcome | null)[]): Outcome | null {
  const values: unknown[] = [];
  for (const each of below) {
    if (each === null || !each.ok) return each;
    values.push(each.value);
  }
  return { ok: true, value: values };
}

/** Whether bodies fared as the plan says: what they answer names their node. */
function fares(
  { id, failures, attempts }: Extract<Node, { failures: number }>, shown: Outcome, values: unknown,
): boolean {
  if (!shown.ok) return failures >= attempts && shown.error === `boom ${id}`;
  return failures < attempts && Array.isArray(values) &&
    values.every((value) => typeof value === 'string' && value.startsWith(`${id} `));
}

/**
 * After how long a call ends by the clock alone; null where something else may end it. Times of waits for
 * events begin later than those of their neighbours: when they have subscribed.
 */
function endsAfter(node: Node, value: unknown): number | null {
  if (node.op === 'sleep') return node.ms;
  return node.op === 'wait' && value === null ? node.timeoutMs : null;
}
