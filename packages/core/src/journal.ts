// What a run has recorded, in memory: found by place when the code asks, handed out by position when it is
// delivered.
//
//   R4. A call is identified by its place and its name; both are checked. A mismatch is described, never
//       guessed at.
import type { CallKind, History, RecordedCall, RecordedEntry } from './store.js';

/** A call as the code makes it now: the three things that must agree with the record. */
export interface CallIdentity {
  readonly place: string;
  readonly kind: CallKind;
  readonly name: string;
}

/** The record of one run in its present generation. */
export class Journal {
  readonly #byPosition: readonly RecordedEntry[];
  readonly #entries = new Map<string, RecordedEntry>();
  readonly #calls = new Map<string, RecordedCall>();
  #next = 0;

  constructor(history: History) {
    this.#byPosition = [...history.entries].sort((a, b) => a.position - b.position);
    for (const entry of this.#byPosition) this.#entries.set(entry.place, entry);
    // An answer may be durable before the row of its call is gone.
    for (const call of history.calls) if (!this.has(call.place)) this.#calls.set(call.place, call);
  }

  /** The highest position that is taken. */
  get lastPosition(): number {
    return this.#byPosition.at(-1)?.position ?? 0;
  }

  /** The recorded answer that is delivered next, if the code is still being replayed. */
  get next(): RecordedEntry | undefined {
    return this.#byPosition[this.#next];
  }

  /** Counts `next` as delivered. */
  advance(): void {
    this.#next++;
  }

  /** Recorded answers not delivered yet. */
  undelivered(): readonly RecordedEntry[] {
    return this.#byPosition.slice(this.#next);
  }

  has(place: string): boolean {
    return this.#entries.has(place);
  }

  /** The pending call recorded at a place: its failed attempts and when it is due. */
  call(place: string): RecordedCall | undefined {
    return this.#calls.get(place);
  }

  /** All pending calls that were recorded. */
  get pending(): readonly RecordedCall[] {
    return [...this.#calls.values()];
  }

  /** A readable difference between the record and a call that the code makes, or null if they agree (R4). */
  mismatch(call: CallIdentity): string | null {
    const recorded = this.#entries.get(call.place) ?? this.#calls.get(call.place);
    if (recorded === undefined) return null;
    if (recorded.kind === call.kind && recorded.name === call.name) return null;
    return `recorded: ${describeCall(recorded)}; the code now calls ${describeCall(call)}`;
  }
}

const nothingRecorded = new Journal({ entries: [], calls: [] });

/** The journal of a history. Runs that recorded nothing, which are most, share one: it never changes. */
export function journalOf(history: History): Journal {
  return history.entries.length + history.calls.length === 0 ? nothingRecorded : new Journal(history);
}

/** "step 2 'charge card'": how a call is named in every message. */
export function describeCall(call: CallIdentity): string {
  return `${call.kind} ${call.place} '${call.name}'`;
}
