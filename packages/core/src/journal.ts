// What a run has recorded, in memory: found by place when the code asks, handed out by position when it is
// delivered.
//
//   R4. A call is identified by its place and its name; both are checked. A mismatch is described, never
//       guessed at.
//   K3. Marks of new code (patches.ts) are no answers: they are never delivered, and have no part in a
//       mismatch.
import type { CallKind, History, Instant, RecordedCall, RecordedEntry, StreamHead } from './store.js';

/** A call as the code makes it now: the three things that must agree with the record. */
export interface CallIdentity {
  readonly place: string;
  /** What is not recorded by itself, such as a race, has a kind of its own. */
  readonly kind: CallKind | 'race' | 'all' | 'map' | 'continue';
  readonly name: string;
}

/** The record of one run in its present generation. */
export class Journal {
  readonly #byPosition: readonly RecordedEntry[];
  readonly #entries = new Map<string, RecordedEntry>();
  readonly #calls = new Map<string, RecordedCall>();
  readonly #leftOver: string[] = [];
  /** Places of marks. */
  readonly #marks: Set<string>;
  readonly streams: readonly StreamHead[];
  #next = 0;
  /** Made when a map asks for it. */
  #firsts: Map<string, CallIdentity[]> | null = null;
  /** The highest place with a record in each branch, by path; made when a patch asks for it. */
  #farthest: ReadonlyMap<string, number> | null = null;

  constructor(history: History) {
    const isMark = ({ kind }: CallIdentity): boolean => kind === 'patch';
    this.#marks = new Set(history.entries.filter(isMark).map(({ place }) => place));
    this.#byPosition = history.entries.filter((entry) => !isMark(entry))
      .sort((a, b) => a.position - b.position);
    this.streams = history.streams;
    for (const entry of this.#byPosition) this.#entries.set(entry.place, entry);
    for (const call of history.calls) {
      if (this.has(call.place)) this.#leftOver.push(call.place);
      else this.#calls.set(call.place, call);
    }
  }

  /** Whether the run started or watched children. */
  get hasTies(): boolean {
    const tied = ({ kind }: CallIdentity): boolean =>
      kind === 'child' || kind === 'start' || kind === 'result';
    return this.#byPosition.some(tied) || this.pending.some(tied);
  }

  /** The highest position that is taken. */
  get lastPosition(): number {
    return this.#byPosition.at(-1)?.position ?? 0;
  }

  /** When the last answer was recorded. */
  get lastAt(): Instant {
    return this.#byPosition.at(-1)?.at ?? -Infinity;
  }

  /** The recorded answer that is delivered next, if the code is still being replayed. */
  get next(): RecordedEntry | undefined {
    return this.#byPosition[this.#next];
  }

  /** Counts `next` as delivered. */
  advance(): void {
    this.#next++;
  }

  /** Whether nothing is recorded that its code would be shown, or waits for. */
  get isBlank(): boolean {
    return this.#byPosition.length + this.#calls.size === 0;
  }

  /** Recorded answers not delivered yet. */
  undelivered(): readonly RecordedEntry[] {
    return this.#byPosition.slice(this.#next);
  }

  has(place: string): boolean {
    return this.#entries.has(place);
  }

  /** What is recorded at the first places of the branches directly under a path such as `3/`. */
  firstUnder(path: string): readonly CallIdentity[] {
    if (this.#firsts === null) {
      this.#firsts = new Map();
      for (const recorded of [...this.#byPosition, ...this.#calls.values()]) {
        const { place } = recorded;
        if (!place.endsWith('/1')) continue;
        const under = place.slice(0, place.lastIndexOf('/', place.length - 3) + 1);
        const those = this.#firsts.get(under);
        if (those === undefined) this.#firsts.set(under, [recorded]);
        else those.push(recorded);
      }
    }
    return this.#firsts.get(path) ?? [];
  }

  /** Whether a mark of new code stands at its place. */
  isMarked(place: string): boolean {
    return this.#marks.has(place);
  }

  /** Whether anything is recorded at the `from`-th place of a branch or after it, in branches as well. */
  reaches(path: string, from: number): boolean {
    this.#farthest ??= farthestPlaces([...this.#byPosition, ...this.#calls.values()]);
    return (this.#farthest.get(path) ?? 0) >= from;
  }

  /** The pending call recorded at a place: its failed attempts and when it is due. */
  call(place: string): RecordedCall | undefined {
    return this.#calls.get(place);
  }

  /** All pending calls that were recorded. */
  get pending(): readonly RecordedCall[] {
    return [...this.#calls.values()];
  }

  /** Places of answered calls whose rows are not gone: the answer of a transaction is durable before. */
  get leftOver(): readonly string[] {
    return this.#leftOver;
  }

  /** What is recorded at the place of a call that the code makes, if that is another call (R4). */
  mismatch(call: CallIdentity): CallIdentity | null {
    const recorded = this.#entries.get(call.place) ?? this.#calls.get(call.place);
    if (recorded === undefined) return null;
    return recorded.kind === call.kind && recorded.name === call.name ? null : recorded;
  }
}

// In `3/x/1` numbers and keys take turns: it reaches place 3 of the root, and place 1 of branch `3/x/`. What
// was rolled back comes after everything.
function farthestPlaces(recorded: readonly CallIdentity[]): ReadonlyMap<string, number> {
  const farthest = new Map<string, number>();
  for (const { place, kind } of recorded) {
    if (kind === 'cancel' || kind === 'timeout') continue;
    const parts = place.split('/');
    let path = '';
    for (let at = 0; at < parts.length; at += 2) {
      const number = Number(parts[at]);
      farthest.set(path, Math.max(farthest.get(path) ?? 0, Number.isNaN(number) ? Infinity : number));
      path += `${parts[at]}/${parts[at + 1]}/`;
    }
  }
  return farthest;
}

const nothingRecorded = new Journal({ entries: [], calls: [], streams: [] });

/** The journal of a history. Runs that recorded nothing, which are most, share one: it never changes. */
export function journalOf(history: History): Journal {
  const { entries, calls, streams } = history;
  return entries.length + calls.length + streams.length === 0 ? nothingRecorded : new Journal(history);
}

/** "step 2 'charge card'": how a call is named in every message. */
export function describeCall(call: CallIdentity): string {
  return `${call.kind} ${call.place} '${call.name}'`;
}
