// Which faults a simulation suffers, and how often. A seed draws a few kinds (a swarm): with all of them at
// once no run comes far enough for the rare ones to matter.
//
//   F1. A fault is counted only where it hit an operation under way and changed what became of it.
//   F2. Faults are numbered as they are drawn. One that is left out is drawn all the same, so that leaving it
//       out changes nothing before it.
import type { Chance } from './chance.js';

/** What can happen to a call to the database. */
export type FaultKind =
  /** Nothing was done, and the caller is told so. */
  | 'refused'
  /** It was done; the answer is lost. */
  | 'reply-lost'
  /** Nothing was done, and the caller waits until its deadline. */
  | 'timed-out'
  /** It is done after the caller has given up. */
  | 'late'
  /** The caller dies; what it asked for never happens, or happens. */
  | 'kill-before' | 'kill-after'
  /** The caller stops for longer than its leases last, and goes on. */
  | 'freeze'
  /** The caller's main loop is blocked for that long; its lease thread is not. */
  | 'block'
  /** The batch is broken off between two items. */
  | 'partial'
  /** The database undoes the transaction, because of a conflict. */
  | 'conflict';

/** All kinds. */
export const faultKinds: readonly FaultKind[] = [
  'refused', 'reply-lost', 'timed-out', 'late', 'kill-before', 'kill-after', 'freeze', 'block', 'partial',
  'conflict',
];

/** What a fault may hit. */
export interface Target {
  readonly verb: string;
  /** The operation is one of a transaction. */
  readonly inTransaction: boolean;
  /** How many items it has; more than one for a batch. */
  readonly items: number;
}

/** How things go where nothing fails. */
export interface Weather {
  /** A call, or its answer, takes up to this many milliseconds. */
  readonly usualMs: number;
  /** How many of them take longer, and up to how long. */
  readonly slow: number;
  readonly slowMs: number;
  /** How many hints between processes are lost, late, told twice. */
  readonly lostHints: number;
  readonly lateHints: number;
  readonly doubledHints: number;
}

/** By how much more, or less, than others these are struck: most calls of an idle system find nothing. */
const weights: ReadonlyMap<string, number> = new Map([
  ['commit', 2], ['claim', 0.5], ['carry', 0.3], ['readRuns', 0.3], ['seeWorker', 0.1],
  ['registerWorker', 0.1],
]);

/** Kinds that find few calls to strike are struck more often, those that stop everything less. */
const frequency: ReadonlyMap<FaultKind, number> = new Map([
  ['partial', 10], ['conflict', 1.5], ['freeze', 0.5], ['timed-out', 0.7], ['late', 0.7],
]);

/** What a plan is made of. */
export interface FaultPlanOptions {
  readonly chance: Chance;
  /** Faults per call, by kind. */
  readonly rates: ReadonlyMap<FaultKind, number>;
  readonly weather?: Weather | undefined;
  /** Processes that may die by it. Default 6. */
  readonly kills?: number | undefined;
  /** Numbers of the faults that happen; all of them by default (F2). */
  readonly only?: ReadonlySet<number> | undefined;
}

/** Nothing is slow, no hint is lost. */
export const fairWeather: Weather = {
  usualMs: 0, slow: 0, slowMs: 0, lostHints: 0, lateHints: 0, doubledHints: 0,
};

/** The faults of one simulation. */
export class FaultPlan {
  readonly counts: Map<FaultKind, number> = new Map();
  readonly #chance: Chance;
  readonly #rates: ReadonlyMap<FaultKind, number>;
  readonly #only: ReadonlySet<number> | undefined;
  readonly #weather: Weather;
  #kills: number;
  #drawn = 0;
  #healed = false;

  constructor({ chance, rates, weather = fairWeather, kills = 6, only }: FaultPlanOptions) {
    this.#chance = chance;
    this.#rates = rates;
    this.#weather = weather;
    this.#kills = kills;
    this.#only = only;
  }

  /** A world in which nothing fails. */
  static none(chance: Chance): FaultPlan {
    return new FaultPlan({ chance, rates: new Map() });
  }

  /** One to three kinds at most times, at rates of their own; once in twelve nothing fails. */
  static swarm(chance: Chance, only?: ReadonlySet<number>): FaultPlan {
    const draw = chance.fork('plan');
    const many = draw.odds(1 / 12) ? 0 : draw.odds(0.1) ? draw.between(4, 6) : draw.between(1, 3);
    const rates = new Map(draw.shuffled(faultKinds).slice(0, many)
      .map((kind) => [kind, draw.pick([0.02, 0.06, 0.15, 0.3]) * (frequency.get(kind) ?? 1)] as const));
    return new FaultPlan({ chance: chance.fork('faults'), rates, only, weather: drawWeather(draw) });
  }

  /** Faults that were drawn so far, those that were left out among them. */
  get drawn(): number {
    return this.#drawn;
  }

  /** Faults that happened. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Kinds that can happen. */
  get kinds(): readonly FaultKind[] {
    return [...this.#rates.keys()];
  }

  /** Nothing fails, and nothing takes longer than a lease can bear. */
  get isCalm(): boolean {
    return this.#rates.size === 0 && this.#weather.slow === 0;
  }

  get isHealed(): boolean {
    return this.#healed;
  }

  /** Nothing fails any more, and nothing is slow. */
  heal(): void {
    this.#healed = true;
  }

  /** What befalls a call that is made now. */
  draw(target: Target): FaultKind | null {
    if (this.#healed) return null;
    for (const [kind, rate] of this.#rates) {
      if (!this.#chance.odds(rate * (weights.get(target.verb) ?? 1)) || !fits(kind, target)) continue;
      const isKill = kind === 'kill-before' || kind === 'kill-after';
      if (isKill && this.#kills-- <= 0) continue;
      const number = this.#drawn++;
      return this.#only === undefined || this.#only.has(number) ? kind : null;
    }
    return null;
  }

  /** A fault has hit (F1). */
  count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** How long one way to the database or back takes, in whole milliseconds. */
  wayMs(): number {
    const { usualMs, slow, slowMs } = this.#weather;
    if (this.#healed) return usualMs > 0 ? 1 : 0;
    return this.#chance.between(0, slow > 0 && this.#chance.odds(slow) ? slowMs : usualMs);
  }

  /** How often a hint arrives at a process: after these many milliseconds each. */
  hintWaysMs(): readonly number[] {
    if (this.#healed) return [1];
    const { lostHints, lateHints, doubledHints } = this.#weather;
    if (this.#chance.odds(lostHints)) return [];
    const ms = this.#chance.odds(lateHints) ? this.#chance.between(1, 3_000) : this.wayMs();
    return this.#chance.odds(doubledHints) ? [ms, ms + this.#chance.between(0, 50)] : [ms];
  }

  /** A length of time in whole milliseconds. */
  between(lowMs: number, highMs: number): number {
    return this.#chance.between(lowMs, highMs);
  }
}

function fits(kind: FaultKind, { inTransaction, items }: Target): boolean {
  if (kind === 'conflict') return inTransaction;
  if (kind === 'partial') return items > 1;
  return true;
}

function drawWeather(draw: Chance): Weather {
  const some = (rate: number): number => (draw.odds(0.4) ? rate : 0);
  return {
    usualMs: draw.pick([1, 2, 5, 20]), slow: some(0.05), slowMs: draw.pick([100, 500, 2_000]),
    lostHints: draw.pick([0, 0.1, 0.5, 1]), lateHints: some(0.2), doubledHints: some(0.2),
  };
}
