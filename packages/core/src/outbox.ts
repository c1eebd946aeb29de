// What one run has to write: gathers until the committer takes it, and remembers what is under way.
//
//   O1. One write of a run is under way at a time; what comes up meanwhile rides in the next one.
//   O2. A write that was taken is sent until it has an answer; it never changes on the way.
//   O3. After a refusal everything goes alone, so that the value at fault can be named.
//   O4. A write carries at most 8 million characters, or one entry; the rest rides in the next one.
//   O5. Marks of new code are no answers: they go before the next entries or calls, and wait for these; but
//       what a transaction records goes another way, so they may be asked for.
import type { Chunk, Entry, Lease, NewPendingCall, TurnEnd, TurnExtras, TurnWrite } from './store.js';

const largestWrite = 8_000_000;

function entryLength({ value, error }: Entry): number {
  return (value.text?.length ?? 0) + (error?.length ?? 0);
}

/** Roughly how many characters a write carries: what a committer counts when it gathers a batch. */
export function writeLength({ entries, end, more }: TurnWrite): number {
  let length = end?.kind === 'settle' ? (end.output.text?.length ?? 0) + (end.error?.length ?? 0) : 0;
  if (end?.kind === 'continue') length += end.input.text?.length ?? 0;
  for (const entry of entries) length += entryLength(entry);
  for (const { value } of more?.chunks ?? []) length += value.text?.length ?? 0;
  return length;
}

/** Whether an entry answers a call, or says what befell the run. */
export function isAnswer({ kind }: Entry): boolean {
  return kind !== 'patch';
}

/** The writing side of one run. */
export class Outbox {
  #entries: Entry[] = [];
  #calls: NewPendingCall[] = [];
  #closed: string[] = [];
  #attributes: Array<TurnExtras['attributes'][number]> = [];
  #chunks: Chunk[] = [];
  #end: TurnEnd | null = null;
  #underWay: TurnWrite | null = null;
  #oneByOne = false;
  #marks: Entry[] = [];
  #marksWanted = false;

  /** Whether anything waits to be taken. */
  get waiting(): boolean {
    return this.#end !== null || this.#hasExtras || this.#marksWanted ||
      this.#entries.length + this.#calls.length + this.#closed.length > 0;
  }

  /** Whether nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#underWay === null && !this.waiting;
  }

  get #hasExtras(): boolean {
    return this.#attributes.length + this.#chunks.length > 0;
  }

  get underWay(): TurnWrite | null {
    return this.#underWay;
  }

  /** Whether a settlement, a park or a rest has been decided: nothing may follow it. */
  get ending(): boolean {
    const end = this.#underWay?.end ?? this.#end;
    return end !== null && end.kind !== 'renew';
  }

  /** Whether what waits changes the row of the run, and so needs it alone. */
  get changesRow(): boolean {
    return this.#end !== null || this.#calls.length + this.#closed.length > 0;
  }

  /** The first position of what is not durable yet, Infinity if everything is. */
  get firstPosition(): number {
    const under = this.#underWay?.entries.find(isAnswer)?.position ?? Infinity;
    return Math.min(under, this.#entries.find(isAnswer)?.position ?? Infinity);
  }

  get hasEntries(): boolean {
    return this.#entries.some(isAnswer);
  }

  /** Whether a mark is not durable yet. */
  get hasMarks(): boolean {
    const isMark = (entry: Entry): boolean => !isAnswer(entry);
    return this.#marks.length > 0 || this.#entries.some(isMark) ||
      this.#underWay?.entries.some(isMark) === true;
  }

  /** Whether marks are to be written by themselves, and wait to be taken. */
  get marksWanted(): boolean {
    return this.#marksWanted;
  }

  /** Names of the calls whose answers are not durable yet. */
  get entryNames(): readonly string[] {
    return [...this.#underWay?.entries ?? [], ...this.#entries].filter(isAnswer).map((entry) => entry.name);
  }

  /** Pending calls that wait to be taken. */
  get waitingCalls(): readonly NewPendingCall[] {
    return this.#calls;
  }

  entry(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Entries that wait here leave these messages in the inbox; answers which of them were taken before. */
  leave(messages: Iterable<string>): readonly string[] {
    const left = new Set(messages);
    this.#entries = this.#entries.map((entry) => (
      entry.message !== null && left.delete(entry.message) ? { ...entry, message: null } : entry));
    return [...left];
  }

  /** A mark of new code: it rides with what is recorded next. */
  mark(mark: Entry): void {
    this.#marks.push(mark);
  }

  /** Marks are not to wait for anything else (O5). */
  wantMarks(): void {
    this.#marksWanted = this.#marks.length > 0;
  }

  call(call: NewPendingCall): void {
    this.#calls.push(call);
  }

  attributes(attributes: TurnExtras['attributes']): void {
    this.#attributes.push(...attributes);
  }

  chunk(chunk: Chunk): void {
    this.#chunks.push(chunk);
  }

  close(places: Iterable<string>): void {
    for (const place of places) this.#closed.push(place);
  }

  /**
   * Decides the end of the next write. A renewal gives way to every other end; a repeated one keeps the
   * stronger.
   */
  end(end: TurnEnd): void {
    if (this.#end === null || end.kind !== 'renew') this.#end = end;
    else if (this.#end.kind === 'renew' && end.quarantine !== 'keep') this.#end = end;
  }

  /** Takes what waits as one write, or null if there is nothing or one is under way (O1). */
  take(lease: Lease): TurnWrite | null {
    if (this.#underWay !== null || !this.waiting) return null;
    this.#loadMarks();
    const fitting = this.#oneByOne ? Math.min(1, this.#entries.length) : this.#fittingEntries();
    if (fitting < this.#entries.length || (this.#oneByOne && fitting > 0)) {
      const entries = this.#entries.splice(0, fitting);
      this.#underWay = { lease, entries, calls: [], closed: [], end: null, more: null };
      return this.#underWay;
    }
    this.#underWay = {
      lease, entries: this.#entries, calls: this.#calls, closed: this.#closed, end: this.#end,
      more: this.#hasExtras ? { attributes: this.#attributes, chunks: this.#chunks } : null,
    };
    this.#clear();
    return this.#underWay;
  }

  #loadMarks(): void {
    if (!this.#marksWanted && this.#entries.length + this.#calls.length === 0) return;
    this.#marksWanted = false;
    if (this.#marks.length === 0) return;
    this.#entries = [...this.#marks, ...this.#entries];
    this.#marks = [];
  }

  // A thousand answers of a megabyte each are no statement that a server takes (O4).
  #fittingEntries(): number {
    let size = 0;
    for (const [index, entry] of this.#entries.entries()) {
      size += entryLength(entry);
      if (size > largestWrite && index > 0) return index;
    }
    return this.#entries.length;
  }

  #clear(): void {
    this.#entries = [];
    this.#calls = [];
    this.#closed = [];
    this.#attributes = [];
    this.#chunks = [];
    this.#end = null;
  }

  /** The write under way has been answered for good. */
  answered(): TurnWrite | null {
    const write = this.#underWay;
    this.#underWay = null;
    return write;
  }

  /**
   * The write under way was refused: all of it waits again, to be taken in pieces (O3). Only its entries, if
   * what followed from them is not to be trusted. What cannot be replaced is dropped, and given back.
   */
  retakeOneByOne(replace: (write: TurnWrite) => TurnWrite | null, entriesOnly: boolean): TurnWrite | null {
    const refused = this.answered();
    if (refused === null) return null;
    const write = replace(refused);
    this.#oneByOne = true;
    if (write === null) return refused;
    this.#entries = [...write.entries, ...this.#entries];
    this.#closed = [...write.closed, ...this.#closed];
    this.#attributes = [...write.more?.attributes ?? [], ...this.#attributes];
    this.#chunks = [...write.more?.chunks ?? [], ...this.#chunks];
    if (entriesOnly) return null;
    this.#calls = [...write.calls, ...this.#calls];
    if (write.end !== null) this.#end = write.end;
    return null;
  }

  /** Forgets everything: the lease is gone. */
  drop(): void {
    this.#clear();
    this.#marks = [];
    this.#marksWanted = false;
    this.#underWay = null;
  }
}
