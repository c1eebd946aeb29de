// What the code of runs has seen and done, kept outside of the engine: no crash of a simulated process loses
// anything of it.
//
//   R1. Code may be shown answers that are not durable yet; nothing but code knows of them. When a body
//       begins, or the run ends, all that led to it is durable, and is shown the same at every replay.
//   R2. A body is told of an attempt that no recorded answer has ended, and of one idempotency key.
import { isDeepStrictEqual } from 'node:util';
import type { Outcome } from './program.js';

/** A call of one generation of a run, as one replay of its code has it. */
export interface Call {
  readonly node: string;
  outcome: Outcome | null;
  /** True time at which code was shown its outcome. */
  shownAt: number | null;
}

/** What bodies of one call did. */
export interface Bodies {
  readonly run: string;
  readonly generation: number;
  readonly node: string;
  /** Those that began, by attempt. */
  readonly attempts: number[];
  key: string | null;
}

/** Where a call is. */
export interface Spot {
  readonly run: string;
  readonly generation: number;
  readonly node: string;
}

/** What one replay of the code of a run has seen. */
export class View {
  readonly calls: Map<string, Call> = new Map();
  /** Calls in the order in which their outcomes were shown. */
  readonly shown: Call[] = [];
  /** How many of these are known to be durable. */
  confirmed = 0;
  readonly run: string;
  readonly generation: number;

  constructor(run: string, generation: number) {
    this.run = run;
    this.generation = generation;
  }

  /** One text for the place of a call. */
  keyOf(node: string): string {
    return keyOf({ run: this.run, generation: this.generation, node });
  }
}

/** The record of one simulation. */
export class Recorder {
  /** What replays saw, in the order in which they began. */
  readonly views: View[] = [];
  readonly bodies: Map<string, Bodies> = new Map();
  /** True time at which code first made a call, by its spot. */
  readonly begunAt: Map<string, number> = new Map();
  /** Ids of children, by what started them. */
  readonly children: Map<string, string> = new Map();
  /** Rollbacks that ran, in the order in which each first did. */
  readonly undone: Spot[] = [];
  #bodies = 0;
  readonly #confirmed = new Map<string, Outcome>();
  readonly #now: () => number;
  readonly #accuse: (what: string) => void;

  constructor(now: () => number, accuse: (what: string) => void) {
    this.#now = now;
    this.#accuse = accuse;
  }

  /** Code of a run begins, or is replayed. */
  view(run: string, generation: number): View {
    const view = new View(run, generation);
    this.views.push(view);
    return view;
  }

  /** Code makes a call. */
  begin(view: View, node: string): Call {
    const call: Call = { node, outcome: null, shownAt: null };
    view.calls.set(node, call);
    const key = view.keyOf(node);
    if (!this.begunAt.has(key)) this.begunAt.set(key, this.#now());
    return call;
  }

  /** Code is shown an outcome. */
  show(view: View, call: Call, outcome: Outcome): void {
    call.outcome = outcome;
    call.shownAt = this.#now();
    view.shown.push(call);
  }

  /** All that this replay has seen so far is durable (R1); what was not known to be. */
  confirm(view: View): readonly Call[] {
    const fresh = view.shown.slice(view.confirmed);
    view.confirmed = view.shown.length;
    for (const { node, outcome } of fresh) {
      const key = view.keyOf(node);
      const known = this.#confirmed.get(key);
      if (outcome === null) continue;
      if (known === undefined) this.#confirmed.set(key, outcome);
      else if (!isDeepStrictEqual(known, outcome)) {
        this.#accuse(`replay-differs: ${key} was ${say(known)}, and is ${say(outcome)}`);
      }
    }
    return fresh;
  }

  /** A body begins (R2). Its number, which makes its answer another than that of every other body. */
  body(spot: Spot, { attempt, idempotencyKey }: BodyFacts): number {
    const key = keyOf(spot);
    const bodies = this.bodies.get(key) ?? { ...spot, attempts: [], key: null };
    this.bodies.set(key, bodies);
    bodies.attempts.push(attempt);
    bodies.key ??= idempotencyKey;
    if (bodies.key !== idempotencyKey) {
      this.#accuse(`key-changes: ${key} had ${bodies.key}, and has ${idempotencyKey}`);
    }
    return this.#bodies++;
  }

  /** A rollback begins. */
  undo(spot: Spot): void {
    if (!this.undone.some((each) => keyOf(each) === keyOf(spot))) this.undone.push(spot);
  }
}

/** What a body is told. */
export interface BodyFacts {
  readonly attempt: number;
  readonly idempotencyKey: string;
}

/** One text for each place. */
export function keyOf({ run, generation, node }: Spot): string {
  return `${run}/${generation}/${node}`;
}

function say(outcome: Outcome): string {
  return outcome.ok ? JSON.stringify(outcome.value) ?? 'undefined' : `error ${outcome.error}`;
}
