// What a carrier knows between its statements: from which instant on it looks for each kind of mail (Y7 of
// carry-statements.ts), and what one carry has come to.
import { systemEnv, type Instant } from '@perdure/core/engine';
import { LowWaterMarks } from './claim-rows.js';

/** Kinds of mail, in the order of the parameters and the columns of the probe. */
export const kinds = ['inbox', 'events', 'watches', 'endings'] as const;

/** A kind of mail. */
export type Kind = (typeof kinds)[number];

/** What one look at a kind of mail met. */
export interface Look {
  readonly pieces: number;
  /** Pieces that were carried, or of which a part was. */
  readonly carried: number;
  /** The instant of the last piece; 0 if there was none. */
  readonly last: Instant;
  /** What was held by somebody: to be passed by. */
  readonly held: readonly string[];
  /** Whether what was carried left something that should not wait for the next carry. */
  readonly again?: boolean | undefined;
}

/** What a probe found: of each kind the instant of the first piece, or null. */
export interface Probed {
  readonly first: Readonly<Record<Kind, Instant | null>>;
  /** Whether there are events that are kept no longer. */
  readonly old: boolean;
  /** When it looked. */
  readonly at: Instant;
}

/** One carry. */
export class CarryRound {
  readonly limit: number;
  readonly told: Set<string> = new Set();
  /** From which instant on each kind is looked for. What the carry itself makes is later than its probe. */
  readonly from: Record<Kind, Instant>;
  /** Whether a kind may have more than was carried, or what was carried made more. */
  more = false;

  constructor(limit: number, { first, at }: Probed) {
    this.limit = limit;
    const { inbox, events, watches, endings } = first;
    this.from = { inbox: inbox ?? at, events: events ?? at, watches: watches ?? at, endings: endings ?? at };
  }

  count({ carried, pieces, again }: Look): void {
    this.more ||= again === true || (carried > 0 && pieces >= this.limit);
  }
}

// A look without marks reads all that died lately. It is made once a second where that is little, and has its
// share of the time where it is much.
const sweepEveryMs = 1_000;
const shareOfSweeps = 20;

/** The marks of a carrier. */
export class CarryMarks {
  readonly #marks = new LowWaterMarks();
  #sweptAt = -Infinity;
  #pauseMs = sweepEveryMs;

  /** Whether the next look is one without marks. */
  get sweeps(): boolean {
    return systemEnv.monotonic() - this.#sweptAt >= this.#pauseMs;
  }

  /** A look without marks was made, and took so long. */
  swept(tookMs: number): void {
    this.#sweptAt = systemEnv.monotonic();
    this.#pauseMs = Math.max(sweepEveryMs, tookMs * shareOfSweeps);
    for (const lane of kinds.keys()) this.#marks.sweeps(lane);
  }

  /** Marks of all kinds, in their order. */
  all(): readonly Instant[] {
    return kinds.map((_, lane) => this.#marks.of(lane));
  }

  /** Pieces of this kind were looked at, up to this instant. */
  saw(kind: Kind, last: Instant): void {
    if (last > 0) this.#marks.claimed(kinds.indexOf(kind), last);
  }
}
